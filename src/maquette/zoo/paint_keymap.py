"""Published tensor names of the paint models against ours; see `keymap` for the form of the tables."""

from __future__ import annotations

from maquette.models.clip_text import CLIPTextConfig
from maquette.models.image_encoder import DinoV2Config, ImageEncoderConfig
from maquette.models.image_vae import ImageVAEConfig
from maquette.models.paint_unet import PaintUNetConfig
from maquette.models.unet import UNetConfig
from maquette.models.upscaler import UpscalerConfig
from maquette.zoo.keymap import Entry, KeyMap, _affine, image_encoder_keys, prefixed

MATERIALS = ("albedo", "mr")
OLD_ATTENTION_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
"""How the picture autoencoder's attention was called when the published files were written."""


def paint_unet_keys(config: PaintUNetConfig) -> KeyMap:
    """Table of the paint model's `unet` file, of both generations."""
    block = paint_block_keys(config.num_materials, has_dino=config.dino_width is not None)
    entries = prefixed(unet_keys(config.unet, block), "painting.", "unet.")
    reference_block = prefixed(text_block_keys(), "", "transformer.")
    entries += prefixed(unet_keys(config.unet, reference_block), "reference.", "unet_dual.")
    if config.num_materials > 1:
        entries += [
            Entry("texts", tuple(f"unet.learned_text_clip_{name}" for name in MATERIALS), join="stack"),
            Entry("reference_text", ("unet.learned_text_clip_ref",), join="stack"),
        ]
    else:
        entries += [
            Entry("texts", ("unet.learned_text_clip_gen",)),
            Entry("reference_text", ("unet.learned_text_clip_ref",)),
        ]
    if config.dino_width is not None:
        entries += prefixed(dino_projection_keys(), "dino_in.", "unet.image_proj_model_dino.")
    if config.num_cameras:
        entries.append(Entry("cameras.weight", ("unet.class_embedding.weight",)))
    return entries


def dino_projection_keys() -> KeyMap:
    """Table of the projection of DINOv2 tokens."""
    return [*_affine("proj", "proj"), *_affine("norm", "norm")]


def unet_keys(config: UNetConfig, block: KeyMap) -> KeyMap:
    """Table of a plain UNet whose transformer blocks have the table `block`."""
    entries = [
        *_affine("conv_in", "conv_in"),
        *_affine("time_fc1", "time_embedding.linear_1"),
        *_affine("time_fc2", "time_embedding.linear_2"),
        *_affine("norm_out", "conv_norm_out"),
        *_affine("conv_out", "conv_out"),
        *_resnet_keys("middle_in", "mid_block.resnets.0", shortcut=False),
        *_transformer_keys("middle", "mid_block.attentions.0", block),
        *_resnet_keys("middle_out", "mid_block.resnets.1", shortcut=False),
    ]
    widths, blocks = config.widths, config.blocks_per_level
    last = len(widths) - 1
    for level, attends in enumerate(config.attention):
        narrower = level > 0 and widths[level] != widths[level - 1]
        ours, published = f"down.{level}.", f"down_blocks.{level}."
        for index in range(blocks):
            entries += _resnet_keys(
                f"{ours}resnets.{index}", f"{published}resnets.{index}", shortcut=narrower and index == 0
            )
            if attends:
                entries += _transformer_keys(
                    f"{ours}attentions.{index}", f"{published}attentions.{index}", block
                )
        if level < last:
            entries += _affine(f"{ours}resample", f"{published}downsamplers.0.conv")
    for level, attends in enumerate(reversed(config.attention)):
        ours, published = f"up.{level}.", f"up_blocks.{level}."
        for index in range(blocks + 1):
            entries += _resnet_keys(f"{ours}resnets.{index}", f"{published}resnets.{index}", shortcut=True)
            if attends:
                entries += _transformer_keys(
                    f"{ours}attentions.{index}", f"{published}attentions.{index}", block
                )
        if level < last:
            entries += _affine(f"{ours}resample", f"{published}upsamplers.0.conv")
    return entries


def text_block_keys() -> KeyMap:
    """Table of the plain transformer block."""
    return [
        *self_attention_keys("self_attention.", "attn1."),
        *_cross_attention_keys("text_attention", "attn2"),
        *_affine("feed_forward.up_and_gate", "ff.net.0.proj"),
        *_affine("feed_forward.down", "ff.net.2"),
        *(entry for number in "123" for entry in _affine(f"norm{number}", f"norm{number}")),
    ]


def paint_block_keys(num_materials: int, *, has_dino: bool) -> KeyMap:
    """Table of the 2.5D transformer block."""
    inner = [entry for entry in text_block_keys() if not entry.ours.startswith("self_attention.")]
    entries = prefixed(inner, "", "transformer.")
    entries += material_attention_keys(num_materials, "self_attention.", "transformer.attn1.")
    entries += reference_attention_keys(num_materials, "reference_attention.", "attn_refview.")
    entries += self_attention_keys("multiview_attention.", "attn_multiview.")
    return entries + _cross_attention_keys("dino_attention", "attn_dino") if has_dino else entries


def self_attention_keys(ours: str, published: str) -> KeyMap:
    """Table of a fused self-attention."""
    names = tuple(f"{published}to_{letter}.weight" for letter in "qkv")
    return [Entry(f"{ours}qkv.weight", names), *_affine(f"{ours}out", f"{published}to_out.0")]


def material_attention_keys(num_materials: int, ours: str, published: str) -> KeyMap:
    """Table of the self-attention with weights of its own for every material."""
    entries: KeyMap = []
    for index, (prefix, suffix) in enumerate(_material_names(num_materials)):
        names = tuple(f"{published}{prefix}to_{letter}{suffix}.weight" for letter in "qkv")
        entries.append(Entry(f"{ours}{index}.qkv.weight", names))
        entries += _affine(f"{ours}{index}.out", f"{published}{prefix}to_out{suffix}.0")
    return entries


def reference_attention_keys(num_materials: int, ours: str, published: str) -> KeyMap:
    """Table of the attention to the reference picture."""
    names = _material_names(num_materials)
    values = tuple(f"{published}{prefix}to_v{suffix}.weight" for prefix, suffix in names)
    entries = [
        Entry(f"{ours}q.weight", (f"{published}to_q.weight",)),
        Entry(f"{ours}k.weight", (f"{published}to_k.weight",)),
        Entry(f"{ours}v.weight", values),
    ]
    for index, (prefix, suffix) in enumerate(names):
        entries += _affine(f"{ours}out.{index}", f"{published}{prefix}to_out{suffix}.0")
    return entries


def _material_names(num_materials: int) -> list[tuple[str, str]]:
    """Prefix and suffix of each material's weights: the first has the plain names."""
    return [("", "")] + [("processor.", f"_{name}") for name in MATERIALS[1:num_materials]]


def image_vae_keys(config: ImageVAEConfig, *, old_names: bool = True) -> KeyMap:
    """Table of the picture autoencoder.

    Args:
        config: its sizes.
        old_names: the attention names of the published files; false for those that diffusers writes now.
    """
    entries = [*_affine("moments", "quant_conv"), *_affine("latents_in", "post_quant_conv")]
    for side, levels in (("encoder", "down_blocks"), ("decoder", "up_blocks")):
        ours, published = f"{side}.", f"{side}."
        for name, theirs in (("conv_in", "conv_in"), ("conv_out", "conv_out"), ("norm_out", "conv_norm_out")):
            entries += _affine(ours + name, published + theirs)
        middle = f"{published}mid_block."
        entries += _resnet_keys(f"{ours}middle.resnet1", f"{middle}resnets.0", time=False, shortcut=False)
        entries += _resnet_keys(f"{ours}middle.resnet2", f"{middle}resnets.1", time=False, shortcut=False)
        attention = f"{middle}attentions.0."
        names = OLD_ATTENTION_NAMES if old_names else {name: name for name in OLD_ATTENTION_NAMES}
        entries += _affine(f"{ours}middle.norm", f"{attention}group_norm")
        entries += _affine(f"{ours}middle.qkv", *(attention + names[f"to_{letter}"] for letter in "qkv"))
        entries += _affine(f"{ours}middle.out", attention + names["to_out.0"])
        widths = config.widths if side == "encoder" else config.widths[::-1]
        for level, width in enumerate(widths):
            changes = level > 0 and width != widths[level - 1]
            for index in range(config.blocks_per_level + (side == "decoder")):
                entries += _resnet_keys(
                    f"{ours}levels.{level}.resnets.{index}",
                    f"{published}{levels}.{level}.resnets.{index}",
                    time=False,
                    shortcut=changes and index == 0,
                )
            if level < len(widths) - 1:
                resample = "downsamplers" if side == "encoder" else "upsamplers"
                entries += _affine(
                    f"{ours}levels.{level}.resample", f"{published}{levels}.{level}.{resample}.0.conv"
                )
    return entries


def clip_text_keys(config: CLIPTextConfig) -> KeyMap:
    """Table of the text encoder, without the stored `position_ids`, which are only counted."""
    entries = [
        Entry("token_embedding.weight", ("embeddings.token_embedding.weight",)),
        Entry("position_embedding", ("embeddings.position_embedding.weight",)),
        *_affine("norm_out", "final_layer_norm"),
    ]
    attention = "self_attn."
    block = [
        *_affine("norm1", "layer_norm1"),
        *_affine("norm2", "layer_norm2"),
        *_affine("qkv", *(f"{attention}{letter}_proj" for letter in "qkv")),
        *_affine("out", f"{attention}out_proj"),
        *_affine("feed_forward.fc1", "mlp.fc1"),
        *_affine("feed_forward.fc2", "mlp.fc2"),
    ]
    for index in range(config.depth):
        entries += prefixed(block, f"blocks.{index}.", f"encoder.layers.{index}.")
    return prefixed(entries, "", "text_model.")


def dino_keys(config: DinoV2Config) -> KeyMap:
    """Table of DINOv2 alone, as its own repository publishes it."""
    entries = image_encoder_keys(ImageEncoderConfig(dino=config))
    return [
        Entry(
            entry.ours.removeprefix("dino."),
            tuple(name.removeprefix("model.") for name in entry.published),
        )
        for entry in entries
    ]


def upscaler_keys(config: UpscalerConfig) -> KeyMap:
    """Table of RRDBNet."""
    entries = [
        entry
        for name in ("conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last")
        for entry in _affine(name, name)
    ]
    for block in range(config.depth):
        for dense in range(3):
            for conv in range(5):
                entries += _affine(
                    f"body.{block}.blocks.{dense}.convs.{conv}", f"body.{block}.rdb{dense + 1}.conv{conv + 1}"
                )
    return entries


def _resnet_keys(ours: str, published: str, *, shortcut: bool, time: bool = True) -> KeyMap:
    entries = [
        entry
        for name in ("norm1", "conv1", "norm2", "conv2")
        for entry in _affine(f"{ours}.{name}", f"{published}.{name}")
    ]
    if time:
        entries += _affine(f"{ours}.time", f"{published}.time_emb_proj")
    return entries + _affine(f"{ours}.shortcut", f"{published}.conv_shortcut") if shortcut else entries


def _transformer_keys(ours: str, published: str, block: KeyMap) -> KeyMap:
    return [
        *_affine(f"{ours}.norm", f"{published}.norm"),
        *_affine(f"{ours}.tokens_in", f"{published}.proj_in"),
        *_affine(f"{ours}.tokens_out", f"{published}.proj_out"),
        *prefixed(block, f"{ours}.block.", f"{published}.transformer_blocks.0."),
    ]


def _cross_attention_keys(ours: str, published: str) -> KeyMap:
    return [
        Entry(f"{ours}.q.weight", (f"{published}.to_q.weight",)),
        Entry(f"{ours}.kv.weight", (f"{published}.to_k.weight", f"{published}.to_v.weight")),
        *_affine(f"{ours}.out", f"{published}.to_out.0"),
    ]
