"""Published tensor names against ours, one table a network, in both directions.

Each entry says which published tensors make one of ours and how they are joined. Upstream concatenates projections on
channels and then splits the result into heads, so heads come out interleaved; regrouping the rows once here lets the
networks keep the plain [q | k | v] layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from maquette.errors import CheckpointError
from maquette.models.dit_v20 import DiTV20Config
from maquette.models.dit_v21 import DiTV21Config
from maquette.models.image_encoder import ImageEncoderConfig
from maquette.models.shape_vae import ShapeVAEConfig


@dataclass(frozen=True)
class Entry:
    """One tensor of ours and the published tensors it is made of.

    Args:
        ours: name in our state dict.
        published: one name, or several to join.
        join: "concat" joins rows, "stack" adds a leading axis.
        interleaved_heads: when set, the joined rows are (heads, parts, head width) and become (parts, heads, ...).
        parts: how many projections the joined rows hold (2 for keys and values, 3 for q, k, v).
    """

    ours: str
    published: tuple[str, ...]
    join: Literal["concat", "stack"] = "concat"
    interleaved_heads: int | None = None
    parts: int = 1

    def to_ours(self, tensors: list[Tensor]) -> Tensor:
        """Join published tensors into ours."""
        if self.join == "stack":
            return torch.stack(tensors)
        joined = tensors[0] if len(tensors) == 1 else torch.cat(tensors)
        return (
            joined if self.interleaved_heads is None else _regroup(joined, self.interleaved_heads, self.parts)
        )

    def to_published(self, tensor: Tensor) -> list[Tensor]:
        """Split ours into the published tensors."""
        if self.join == "stack":
            return list(tensor.unbind())
        if self.interleaved_heads is not None:
            tensor = _regroup(tensor, self.parts, self.interleaved_heads)
        return list(tensor.chunk(len(self.published)))


KeyMap = list[Entry]


def to_ours(published: Mapping[str, Tensor], key_map: KeyMap, what: str) -> dict[str, Tensor]:
    """Published state dict to ours.

    Args:
        published: tensors by published name.
        key_map: the table of the network.
        what: name of the file and component, for the error.

    Raises:
        CheckpointError: when tensors are missing or left over; names the first of each.
    """
    wanted = {name for entry in key_map for name in entry.published}
    missing, extra = sorted(wanted - published.keys()), sorted(published.keys() - wanted)
    if missing or extra:
        parts = [
            f"{len(names)} {kind} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
            for kind, names in (("missing", missing), ("unexpected", extra))
            if names
        ]
        raise CheckpointError(
            f"{what}: the tensors do not match the network: {'; '.join(parts)}",
            "is this the checkpoint of another model, or an incomplete one?",
        )
    return {entry.ours: entry.to_ours([published[name] for name in entry.published]) for entry in key_map}


def to_published(ours: Mapping[str, Tensor], key_map: KeyMap) -> dict[str, Tensor]:
    """Our state dict under the published names; the inverse of `to_ours`."""
    return {
        name: tensor.contiguous()
        for entry in key_map
        for name, tensor in zip(entry.published, entry.to_published(ours[entry.ours]), strict=True)
    }


def prefixed(key_map: KeyMap, ours: str, published: str) -> KeyMap:
    """The same table with both sides under a prefix."""
    return [
        replace(entry, ours=ours + entry.ours, published=tuple(published + name for name in entry.published))
        for entry in key_map
    ]


def dit_v21_keys(config: DiTV21Config) -> KeyMap:
    """Table of the 2.1 denoiser."""
    entries = [
        *_affine("latent_in", "x_embedder"),
        *_affine("time_embedding.fc1", "t_embedder.mlp.0"),
        *_affine("time_embedding.fc2", "t_embedder.mlp.2"),
        *_affine("norm_out", "final_layer.norm_final"),
        *_affine("latent_out", "final_layer.linear"),
    ]
    if config.use_position_embedding:
        entries.append(Entry("position_embedding", ("pos_embed",)))
    if config.use_attention_pooling:
        entries += [
            Entry("pooled_context.position_embedding", ("pooler.positional_embedding",)),
            *_affine("pooled_context.q", "pooler.q_proj"),
            *_affine("pooled_context.kv", "pooler.k_proj", "pooler.v_proj"),
            *_affine("pooled_context.out", "pooler.c_proj"),
            *_affine("pooled_context.fc1", "extra_embedder.0"),
            *_affine("pooled_context.fc2", "extra_embedder.2"),
        ]
    for index in range(config.depth):
        entries += prefixed(list(_dit_v21_block(config, index)), f"blocks.{index}.", f"blocks.{index}.")
    return entries


def _dit_v21_block(config: DiTV21Config, index: int) -> Iterator[Entry]:
    heads = config.num_heads
    projections = ("weight", "bias") if config.qkv_bias else ("weight",)
    for number in (1, 2, 3):
        yield from _affine(f"norm{number}", f"norm{number}")
    if index > config.depth // 2:
        yield from _affine("skip", "skip_linear")
        yield from _affine("skip_norm", "skip_norm")
    for ours, published in (("self_attention", "attn1"), ("cross_attention", "attn2")):
        yield from _affine(f"{ours}.out", f"{published}.out_proj")
        if config.qk_norm:
            yield Entry(f"{ours}.q_norm.weight", (f"{published}.q_norm.weight",))
            yield Entry(f"{ours}.k_norm.weight", (f"{published}.k_norm.weight",))
    for kind in projections:
        q, k, v = (f"to_{letter}.{kind}" for letter in "qkv")
        yield Entry(
            f"self_attention.qkv.{kind}",
            tuple(f"attn1.{name}" for name in (q, k, v)),
            interleaved_heads=heads,
            parts=3,
        )
        yield Entry(f"cross_attention.q.{kind}", (f"attn2.{q}",))
        yield Entry(
            f"cross_attention.kv.{kind}",
            tuple(f"attn2.{name}" for name in (k, v)),
            interleaved_heads=heads,
            parts=2,
        )
    if config.depth - index > config.num_moe_layers:
        yield from _affine("feed_forward.fc1", "mlp.fc1")
        yield from _affine("feed_forward.fc2", "mlp.fc2")
        return
    yield Entry("feed_forward.router.weight", ("moe.gate.weight",))
    for ours, published in (("fc1", "net.0.proj"), ("fc2", "net.2")):
        yield from _affine(f"feed_forward.shared_{ours}", f"moe.shared_experts.{published}")
        for kind in ("weight", "bias"):
            experts = tuple(f"moe.experts.{n}.{published}.{kind}" for n in range(config.num_experts))
            yield Entry(f"feed_forward.{ours}_{kind}", experts, join="stack")


def dit_v20_keys(config: DiTV20Config) -> KeyMap:
    """Table of the 2.0 denoiser."""
    entries = [
        *_affine("latent_in", "latent_in"),
        *_affine("context_in", "cond_in"),
        *_affine("modulation_out", "final_layer.adaLN_modulation.1"),
        *_affine("latent_out", "final_layer.linear"),
    ]
    for scalar in ("time_in", "guidance_in") if config.guidance_embedded else ("time_in",):
        entries += _affine(f"{scalar}.fc1", f"{scalar}.in_layer") + _affine(
            f"{scalar}.fc2", f"{scalar}.out_layer"
        )
    for index in range(config.double_depth):
        for ours, published in (("context", "txt"), ("latents", "img")):
            stream = [
                *_affine("modulation", f"{published}_mod.lin"),
                *(
                    Entry(f"qkv.{kind}", (f"{published}_attn.qkv.{kind}",))
                    for kind in (("weight", "bias") if config.qkv_bias else ("weight",))
                ),
                Entry("q_norm.weight", (f"{published}_attn.norm.query_norm.scale",)),
                Entry("k_norm.weight", (f"{published}_attn.norm.key_norm.scale",)),
                *_affine("out", f"{published}_attn.proj"),
                *_affine("fc1", f"{published}_mlp.0"),
                *_affine("fc2", f"{published}_mlp.2"),
            ]
            entries += prefixed(stream, f"double_blocks.{index}.{ours}.", f"double_blocks.{index}.")
    single = [
        *_affine("modulation", "modulation.lin"),
        *_affine("fused_in", "linear1"),
        *_affine("fused_out", "linear2"),
        Entry("q_norm.weight", ("norm.query_norm.scale",)),
        Entry("k_norm.weight", ("norm.key_norm.scale",)),
    ]
    for index in range(config.single_depth):
        entries += prefixed(single, f"single_blocks.{index}.", f"single_blocks.{index}.")
    return entries


def shape_vae_keys(config: ShapeVAEConfig) -> KeyMap:
    """Table of the shape autoencoder, with or without its encoder."""
    heads = config.num_heads
    entries = _affine("latents_in", "post_kl")
    if config.use_position_embedding:
        entries.append(Entry("position_embedding", ("pos_embed",)))
    for index in range(config.num_decoder_layers):
        entries += _vae_self_block(config, f"blocks.{index}.", f"transformer.resblocks.{index}.")
    entries += [
        *_affine("field.query_in", "geo_decoder.query_proj"),
        *_vae_cross_block(
            config,
            "field.cross.",
            "geo_decoder.cross_attn_decoder.",
            heads // config.query_reduction,
            config.qk_norm and config.query_norm_out,
        ),
        *_affine("field.logit", "geo_decoder.output_proj"),
    ]
    if config.query_reduction > 1:
        entries += _affine("field.context_in", "geo_decoder.latents_proj")
    if config.query_norm_out:
        entries += _affine("field.norm_out", "geo_decoder.ln_post")
    return entries + shape_encoder_keys(config) if config.has_encoder else entries


def shape_encoder_keys(config: ShapeVAEConfig) -> KeyMap:
    """The encoder's part of the autoencoder's table."""
    entries = [
        *_affine("encoder.points_in", "encoder.input_proj"),
        *_vae_cross_block(config, "encoder.cross.", "encoder.cross_attn.", config.num_heads, config.qk_norm),
        *_affine("encoder.norm_out", "encoder.ln_post"),
        *_affine("encoder.moments", "pre_kl"),
    ]
    for index in range(config.num_encoder_layers):
        entries += _vae_self_block(
            config, f"encoder.blocks.{index}.", f"encoder.self_attn.resblocks.{index}."
        )
    return entries


def _vae_self_block(config: ShapeVAEConfig, ours: str, published: str) -> KeyMap:
    kinds = ("weight", "bias") if config.qkv_bias else ("weight",)
    entries = [
        *_affine("norm1", "ln_1"),
        *(
            Entry(
                f"attention.qkv.{kind}", (f"attn.c_qkv.{kind}",), interleaved_heads=config.num_heads, parts=3
            )
            for kind in kinds
        ),
        *_affine("attention.out", "attn.c_proj"),
        *_affine("norm2", "ln_2"),
        *_affine("feed_forward.fc1", "mlp.c_fc"),
        *_affine("feed_forward.fc2", "mlp.c_proj"),
    ]
    if config.qk_norm:
        entries += _affine("attention.q_norm", "attn.attention.q_norm")
        entries += _affine("attention.k_norm", "attn.attention.k_norm")
    return prefixed(entries, ours, published)


def _vae_cross_block(config: ShapeVAEConfig, ours: str, published: str, heads: int, qk_norm: bool) -> KeyMap:
    kinds = ("weight", "bias") if config.qkv_bias else ("weight",)
    entries = [
        *_affine("norm1", "ln_1"),
        *_affine("norm_context", "ln_2"),
        *(Entry(f"attention.q.{kind}", (f"attn.c_q.{kind}",)) for kind in kinds),
        *(
            Entry(f"attention.kv.{kind}", (f"attn.c_kv.{kind}",), interleaved_heads=heads, parts=2)
            for kind in kinds
        ),
        *_affine("attention.out", "attn.c_proj"),
        *_affine("norm2", "ln_3"),
        *_affine("feed_forward.fc1", "mlp.c_fc"),
        *_affine("feed_forward.fc2", "mlp.c_proj"),
    ]
    if qk_norm:
        entries += _affine("attention.q_norm", "attn.attention.q_norm")
        entries += _affine("attention.k_norm", "attn.attention.k_norm")
    return prefixed(entries, ours, published)


def image_encoder_keys(config: ImageEncoderConfig) -> KeyMap:
    """Table of the image conditioner, under the names of transformers 4 that the checkpoints use."""
    entries = [
        *_affine("patch_in", "embeddings.patch_embeddings.projection"),
        Entry("class_token", ("embeddings.cls_token",)),
        Entry("mask_token", ("embeddings.mask_token",)),
        Entry("position_embedding", ("embeddings.position_embeddings",)),
        *_affine("norm_out", "layernorm"),
    ]
    feed_forward = (
        [("gate_and_up", "mlp.weights_in"), ("down", "mlp.weights_out")]
        if config.dino.swiglu
        else [("fc1", "mlp.fc1"), ("fc2", "mlp.fc2")]
    )
    attention = "attention.attention."
    block = [
        *_affine("norm1", "norm1"),
        *_affine("norm2", "norm2"),
        *_affine("attention.qkv", f"{attention}query", f"{attention}key", f"{attention}value"),
        *_affine("attention.out", "attention.output.dense"),
        Entry("scale1", ("layer_scale1.lambda1",)),
        Entry("scale2", ("layer_scale2.lambda1",)),
        *(entry for ours, published in feed_forward for entry in _affine(f"feed_forward.{ours}", published)),
    ]
    for index in range(config.dino.depth):
        entries += prefixed(block, f"blocks.{index}.", f"encoder.layer.{index}.")
    return prefixed(entries, "dino.", "model.")


def _affine(ours: str, *published: str) -> KeyMap:
    """Weight and bias of a linear, convolution or norm layer."""
    return [
        Entry(f"{ours}.{kind}", tuple(f"{name}.{kind}" for name in published)) for kind in ("weight", "bias")
    ]


def _regroup(rows: Tensor, outer: int, inner: int) -> Tensor:
    """Swap the two leading axes hidden in the rows: (outer · inner · d, ...) → (inner · outer · d, ...)."""
    grouped = rows.view(outer, inner, -1, *rows.shape[1:])
    return grouped.transpose(0, 1).reshape(rows.shape)
