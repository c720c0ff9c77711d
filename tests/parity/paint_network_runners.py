"""How the recorded cases of the paint networks, samplers and diffusion pipelines are run with our code."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from maquette.models.attention import SelfAttention
from maquette.models.image_encoder import DinoV2
from maquette.models.image_vae import ImageVAE
from maquette.models.paint_unet import (
    DinoProjection,
    MultiViewAttention,
    PaintBlock,
    PaintContext,
    PaintUNet,
    PaintUNetConfig,
    ReferenceAttention,
)
from maquette.models.rotary import rotary_table, voxel_indices
from maquette.models.upscaler import Upscaler, UpscalerConfig
from maquette.paint import denoise
from maquette.paint.delight import correct_colours, erode_alpha
from maquette.paint.samplers import (
    Predict,
    sample_euler_ancestral,
    sample_lcm,
    sample_unipc,
    turbo_time_steps,
)
from maquette.zoo import paint_keymap, paint_published
from parity.cases import Case
from parity.runners import Comparison, Runner, load


def run_material_attention(case: Case) -> Iterator[Comparison]:
    """Self-attention with weights of its own for every material."""
    kwargs = case.record["kwargs"]
    attention = nn.ModuleList(
        SelfAttention(kwargs["query_dim"], kwargs["heads"], qkv_bias=False) for _ in kwargs["pbr_setting"]
    )
    load(attention, case.group("weights/"), paint_keymap.material_attention_keys(2, "", ""), case)
    x = case.tensors["inputs/hidden_states"]
    ours = [layer(x[:, index].flatten(0, 1)) for index, layer in enumerate(attention)]
    outputs = torch.stack([output.view_as(x[:, 0]) for output in ours], dim=1)
    yield "hidden_states", outputs, case.tensors["outputs/hidden_states"]


def run_reference_attention(case: Case) -> Iterator[Comparison]:
    """Attention to the reference picture, materials mixed."""
    kwargs, inputs = case.record["kwargs"], case.group("inputs/")
    attention = ReferenceAttention(kwargs["query_dim"], kwargs["heads"], 2)
    load(attention, case.group("weights/"), paint_keymap.reference_attention_keys(2, "", ""), case)
    context = attention.project_context(inputs["encoder_hidden_states"])
    for tokens in (None, 5):
        ours = attention(inputs["hidden_states"], *context, tokens)
        yield f"hidden_states, {tokens} at once", ours, case.tensors["outputs/hidden_states"]


def run_rotary_attention(case: Case) -> Iterator[Comparison]:
    """Multi-view attention with and without the rotary embedding, and its tables."""
    kwargs, inputs = case.record["kwargs"], case.group("inputs/")
    attention = MultiViewAttention(kwargs["query_dim"], kwargs["heads"])
    load(attention, case.group("weights/"), paint_keymap.self_attention_keys("", ""), case)
    for width in (16, 64):
        cosine, sine = rotary_table(inputs["voxel_indices"], width)
        yield f"cosine at {width}", cosine, case.tensors[f"intermediates/rope_cos_hd{width}"]
        yield f"sine at {width}", sine, case.tensors[f"intermediates/rope_sin_hd{width}"]
    cosine, sine = rotary_table(inputs["voxel_indices"].repeat_interleave(kwargs["n_pbrs"], 0), 16)
    ours = attention(inputs["hidden_states"], (cosine[:, None], sine[:, None]), 7)
    yield "with_rope", ours, case.tensors["outputs/with_rope"]
    yield "without_rope", attention(inputs["hidden_states"]), case.tensors["outputs/without_rope"]


def run_dino_projection(case: Case) -> Iterator[Comparison]:
    """DINOv2 tokens to context tokens."""
    kwargs, inputs = case.record["kwargs"], case.group("inputs/")
    projection = DinoProjection(
        kwargs["clip_embeddings_dim"], kwargs["cross_attention_dim"], kwargs["clip_extra_context_tokens"]
    )
    load(projection, case.group("weights/"), paint_keymap.dino_projection_keys(), case)
    yield "tokens", projection(inputs["tokens"]), case.tensors["outputs/tokens"]
    yield "single", projection(inputs["single"][:, None]), case.tensors["outputs/single"]


def run_paint_block(case: Case) -> Iterator[Comparison]:
    """One 2.5D block, every part of it."""
    kwargs, inputs = case.record["kwargs"], case.group("inputs/")
    seen = case.group("intermediates/")
    block = PaintBlock(kwargs["dim"], kwargs["heads"], kwargs["cross_attention_dim"], 2, has_dino=True)
    load(block, case.group("weights/"), paint_keymap.paint_block_keys(2, has_dino=True), case)
    views, batch = kwargs["n_views"], kwargs["batch"]
    cosine, sine = rotary_table(inputs["voxel_indices"].repeat_interleave(2, 0), kwargs["head_dim"])
    context = PaintContext(
        views=views,
        text=block.text_attention.project_context(inputs["encoder_hidden_states"]),
        dino=block.dino_attention.project_context(inputs["dino_hidden_states"]),
        reference=block.reference_attention.project_context(inputs["condition_embed"]),
        rotary=(cosine[:, None], sine[:, None]),
        reference_scale=inputs["ref_scale"].view(batch, 1, 1, 1),
        multiview_scale=float(inputs["mva_scale"]),
    )
    x = inputs["hidden_states"]
    normed = block.norm1(x).view(batch, 2, -1, kwargs["dim"])
    yield "norm1", normed.view_as(x), seen["norm1"]
    yield "attn1", block.attend_to_self(normed, views).view_as(seen["attn1"]), seen["attn1"]
    reference = block.reference_attention(normed[:, 0], *context.reference)
    yield "attn_refview", reference, seen["attn_refview"]
    across = block.multiview_attention(normed.flatten(0, 1), context.rotary)
    yield "attn_multiview", across, seen["attn_multiview"]
    for rows in (None, 1):
        yield f"hidden_states, {rows} rows", block(x, context, rows), case.tensors["outputs/hidden_states"]


def run_unet21(case: Case) -> Iterator[Comparison]:
    """The whole UNet of 2.1: plain, each item of the guidance batch, without other views, without the picture."""
    unet = paint_unet_21(case)
    seen = case.group("intermediates/")
    for run, scales in (
        ("b1", {}),
        ("b1_mva0", {"multiview_scale": 0.0}),
        ("b1_ref0", {"reference_scale": 0.0}),
    ):
        inputs = case.group("inputs/b1/")
        features = unet.reference_features(inputs["ref_latents"])
        if run == "b1":
            names = [n for n in seen if n.startswith("b1/condition_embed/")]
            for ours, name in zip(features, sorted(names, key=_block_order), strict=True):
                yield name, ours, seen[name]
            yield "dino_proj", unet.project_dino(inputs["dino_hidden_states"]), seen["b1/dino_proj"]
        yield run, _predict_21(unet, inputs, features, **scales), case.tensors[f"outputs/{run}/noise_pred"]
    batch = case.group("inputs/cfg3/")
    recorded = case.tensors["outputs/cfg3/noise_pred"].chunk(3)
    for item, scale in enumerate(batch.pop("ref_scale").tolist()):
        inputs = {name: t[item : item + 1] if t.ndim else t for name, t in batch.items()}
        features = unet.reference_features(inputs["ref_latents"]) if scale else None
        yield f"cfg3 item {item}", _predict_21(unet, inputs, features, rows=2), recorded[item]


def _block_order(name: str) -> tuple[int, str]:
    return next(i for i, part in enumerate(("down", "mid", "up")) if f"/{part}_" in name), name


def _predict_21(
    unet: PaintUNet,
    inputs: dict[str, Tensor],
    features: list[Tensor] | None,
    rows: int | None = None,
    **scales: float,
) -> Tensor:
    contexts = unet.prepare(
        inputs["sample"].shape[2],
        features=features,
        dino=unet.project_dino(inputs["dino_hidden_states"]),
        rotary=unet.rotary_tables(inputs["position_maps"], inputs["sample"].shape[-1]),
        texts=inputs["encoder_hidden_states"][0],
        **scales,
    )
    guides = torch.cat([inputs["embeds_normal"], inputs["embeds_position"]], dim=2)
    output = unet.denoise(inputs["sample"], inputs["timestep"][None], guides, contexts, rows=rows)
    return output.flatten(0, 2)


def paint_unet_21(case: Case) -> PaintUNet:
    """The recorded tiny UNet of 2.1."""
    config = PaintUNetConfig(
        unet=paint_published.unet_config(case.record["base_kwargs"]), text_length=11, dino_width=40
    )
    return load(PaintUNet(config), case.group("weights/"), paint_keymap.paint_unet_keys(config), case)


def paint_unet_20(case: Case) -> PaintUNet:
    """The recorded tiny UNet of 2.0."""
    config = PaintUNetConfig(
        unet=paint_published.unet_config(case.record["base_kwargs"]),
        num_materials=1,
        text_length=11,
        dino_width=None,
        num_cameras=49,
    )
    return load(PaintUNet(config), case.group("weights/"), paint_keymap.paint_unet_keys(config), case)


def run_unet20(case: Case) -> Iterator[Comparison]:
    """The whole UNet of 2.0, item by item of its guidance batch."""
    unet, batch = paint_unet_20(case), case.group("inputs/")
    recorded = case.tensors["outputs/noise_pred"].chunk(2)
    guides = torch.cat([batch["normal_imgs"], batch["position_imgs"]], dim=2)
    for item, scale in enumerate(batch["ref_scale"].tolist()):
        one = slice(item, item + 1)
        contexts = unet.prepare(
            guides.shape[1],
            features=unet.reference_features(batch["ref_latents"][one]) if scale else None,
            texts=batch["encoder_hidden_states"][one],
        )
        cameras = batch["camera_info_gen"][one] + denoise.FIRST_CAMERA_ROW
        latents, time = batch["sample"][one, None], batch["timestep"][None]
        ours = unet.denoise(latents, time, guides[one], contexts, cameras)
        yield f"item {item}", ours.flatten(0, 2), recorded[item]


def run_voxel_indices(case: Case) -> Iterator[Comparison]:
    """Position maps to voxels on four levels, with and without the published half-precision effect."""
    maps = case.tensors["inputs/position_maps"]
    kwargs = case.record["kwargs"]
    for level, (grid, resolution) in enumerate(
        zip(kwargs["grid_resolutions"], kwargs["voxel_resolutions"], strict=True)
    ):
        count = maps.shape[1] * grid * grid
        ours = voxel_indices(maps, grid, resolution)
        yield f"float32, grid {grid}", ours, case.tensors[f"outputs/fp32_input/{count}"]
        ours = voxel_indices(maps, grid, resolution, compatible=level > 0)
        yield f"float16, grid {grid}", ours, case.tensors[f"outputs/fp16_input/{count}"]


def run_dino(case: Case) -> Iterator[Comparison]:
    """Preparation of the picture, and DINOv2 with gated feed-forward at another size than its own."""
    config = paint_published.dino_config(case.record["kwargs"])
    weights = {name.removeprefix("dino_v2."): t for name, t in case.group("weights/").items()}
    network = load(DinoV2(config), weights, paint_keymap.dino_keys(config), case)
    picture = Image.fromarray(case.tensors["inputs/image_u8"].numpy())
    small = (case.tensors["inputs/tensor"][0, 0].permute(1, 2, 0) * 255).to(torch.uint8)
    for kind, image in (("pil", picture), ("tensor", Image.fromarray(small.numpy()))):
        prepared = denoise.dino_pixels(image)
        torch.testing.assert_close(
            prepared, case.tensors[f"intermediates/{kind}_pixel_values"], rtol=0, atol=1e-4
        )
        yield f"{kind}_tokens", network(prepared), case.tensors[f"outputs/{kind}_tokens"]


def run_upscaler(case: Case) -> Iterator[Comparison]:
    """RRDBNet, whole and in tiles."""
    kwargs = case.record["kwargs"]
    config = UpscalerConfig(kwargs["num_feat"], kwargs["num_block"], kwargs["num_grow_ch"])
    network = load(Upscaler(config), case.group("weights/"), paint_keymap.upscaler_keys(config), case)
    pictures = case.tensors["inputs/network_input"]
    yield "network_output", network(pictures), case.tensors["outputs/network_output"]
    swapped = (case.tensors["inputs/image_u8"].permute(2, 0, 1)[None] / 255).flip(1)
    yield "network_input", swapped, pictures
    ours = (network.upscale(swapped).flip(1) * 255).round().to(torch.uint8)
    yield "image_u8", ours[0].permute(1, 2, 0), case.tensors["outputs/image_u8"]


def run_samplers(case: Case) -> Iterator[Comparison]:
    """UniPC on given predictions; time steps and sigmas."""
    schedule = paint_published.noise_schedule(case.record["kwargs"])
    yield "alphas", schedule.alphas()[:-1].float(), case.tensors["intermediates/alphas_cumprod"][:-1]
    for steps in (15, 10, 3):
        inputs, run = case.group(f"inputs/unipc{steps}/"), f"intermediates/unipc{steps}"
        yield from _tables(case, schedule, steps, run)
        given = iter(inputs["model_outputs"])
        sample = partial(sample_unipc, partial(_next_of, given), inputs["x0"], schedule, steps)
        seen = collect(sample)
        yield f"{steps} steps", torch.stack(seen), case.tensors[f"outputs/unipc{steps}/x"]
    yield from _tables(case, schedule, 30, "intermediates/euler_ancestral30")


def _tables(case: Case, schedule: Any, steps: int, run: str) -> Iterator[Comparison]:
    times = schedule.time_steps(steps)
    yield f"{run} times", torch.tensor(times), case.tensors[f"{run}/timesteps"]
    yield f"{run} sigmas", torch.tensor(schedule.sigmas(times)), case.tensors[f"{run}/sigmas"]


def from_recorded(case: Case, run: str, predict: Predict, shape: torch.Size) -> Predict:
    """As `predict`, but of the latents that the recorded run had at that step."""
    step = iter(range(100))

    def from_there(latents: Tensor, time: float) -> Tensor:
        index = next(step)
        if index:
            latents = case.tensors[f"outputs/{run}/latents_after_{index - 1}"].view(shape)
        return predict(latents, time)

    return from_there


def _next_of(predictions: Iterator[Tensor], _latents: Tensor, _time: float) -> Tensor:
    return next(predictions)


def collect(sample: Any) -> list[Tensor]:
    """The latents after each step of a sampler."""
    seen: list[Tensor] = []
    sample(lambda _done, _total, latents: seen.append(latents))
    return seen


def run_light_removal(case: Case) -> Iterator[Comparison]:
    """What happens around the diffusion model of the light removal."""
    for name in ("good", "worse"):
        inputs = case.group(f"inputs/{name}/")
        ours = correct_colours(inputs["src"], inputs["target"], inputs["alpha"])
        yield name, ours, case.tensors[f"outputs/{name}/rgba"]
    eroded = erode_alpha(case.tensors["inputs/erode/rgba"].numpy())
    yield "erode", torch.from_numpy(eroded), case.tensors["outputs/erode/rgba"]


def pixels(pictures: Tensor) -> Tensor:
    """(V, H, W, 3) uint8 → (V, 3, H, W) in [0, 1]."""
    return pictures.permute(0, 3, 1, 2).float() / 255


def run_pipeline21(case: Case) -> Iterator[Comparison]:
    """2.1 end to end: encoding, guidance of three branches, UniPC, decoding."""
    unet = paint_unet_21(Case(case.folder.parent / "unet21_full"))
    vae, inputs = tiny_vae(case), case.group("inputs/")
    schedule = paint_published.noise_schedule(case.record["scheduler_config"])
    picture = Image.fromarray(inputs["reference_rgba"].numpy())
    grey = Image.new("RGB", picture.size, (127, 127, 127))
    grey.paste(picture, mask=picture.getchannel("A"))
    yield "reference_rgb", torch.from_numpy(np.array(grey)), case.tensors["intermediates/reference_rgb"]
    noise = denoise.PosteriorNoise(
        *(case.tensors[f"intermediates/encode/{name}/noise"] for name in ("ref", "normal", "position"))
    )
    reference = vae.encode(pixels(torch.from_numpy(np.array(grey))[None]) * 2 - 1, noise.reference)
    normals, positions = pixels(inputs["images_normal"]), pixels(inputs["images_position"])
    guides = denoise.guide_latents(vae, normals, positions, noise, compatible=True)
    given = case.group("intermediates/noguid/unet_in/")
    yield "normals", guides[:, :, :4], given["embeds_normal"]
    yield "positions", guides[:, :, 4:], given["embeds_position"]
    yield "reference", reference[None], given["ref_latents"]
    features = unet.reference_features(reference[None])
    for name, run in case.record["runs"].items():
        azimuths = run["camera_azims"]
        conditions = denoise.conditions_by_position(
            unet,
            features,
            inputs["dino_hidden_states"],
            guides,
            positions.half(),
            run["guidance_scale"],
            view_scale=None
            if azimuths is None
            else denoise.published_view_scale(torch.tensor(azimuths, dtype=torch.float32)),
            compatible=True,
        )
        predict = denoise.predictor(unet, conditions)
        start = inputs["latents_init"].unflatten(0, (2, -1))[None]
        if name == "azims":
            # Strong guidance blows rounding up over the steps, so each is taken from recorded latents.
            predict = from_recorded(case, name, predict, start.shape)
        seen = collect(partial(sample_unipc, predict, start, schedule, run["steps"]))
        for step, latents in enumerate(seen):
            recorded = case.tensors[f"outputs/{name}/latents_after_{step}"]
            yield f"{name} {step}", latents.flatten(0, 2), recorded
        if name == "default":
            pictures = vae.decode(seen[-1].flatten(0, 2)[[0, 3]]) / 2 + 0.5
            yield "images", pictures.clamp(0, 1), case.tensors["outputs/default/images"]


def tiny_vae(case: Case) -> ImageVAE:
    """The recorded tiny autoencoder, through both spellings of its attention's names."""
    config = paint_published.image_vae_config(case.record["vae_kwargs"])
    weights = case.group("weights/vae.")
    vae = load(ImageVAE(config), weights, paint_keymap.image_vae_keys(config, old_names=False), case)
    old = {}
    for name, tensor in weights.items():
        for new_name, old_name in paint_keymap.OLD_ATTENTION_NAMES.items():
            name = name.replace(f"attentions.0.{new_name}.", f"attentions.0.{old_name}.")
        old[name] = tensor
    return load(vae, old, paint_keymap.image_vae_keys(config), case)


def run_pipeline20(case: Case) -> Iterator[Comparison]:
    """2.0 end to end: guidance of two branches with Euler ancestral, and the turbo model's ten LCM steps."""
    unet, vae = paint_unet_20(Case(case.folder.parent / "unet20_full")), tiny_vae(case)
    inputs = case.group("inputs/")
    for name, guidance in (("euler", 2.0), ("turbo", 1.0)):
        noises = case.group(f"intermediates/{name}/encode_noise_")
        noise = denoise.PosteriorNoise(noises["ref"], noises["normal"], noises["position"])
        schedule = paint_published.noise_schedule(case.record["scheduler_configs"][name])
        reference = vae.encode(pixels(inputs["reference"][None]) * 2 - 1, noise.reference)
        normals, positions = pixels(inputs["images_normal"]), pixels(inputs["images_position"])
        guides = denoise.guide_latents(vae, normals, positions, noise)
        conditions = denoise.conditions_by_camera(
            unet,
            unet.reference_features(reference[None]),
            guides,
            inputs["camera_info_gen"][0],
            guidance,
        )
        predict = denoise.predictor(unet, conditions)
        start = inputs["latents_init"][None, None]
        steps = [t[None, None] for _, t in sorted(case.group(f"intermediates/{name}/step_noise_").items())]
        draw = partial(next, iter(steps))
        if name == "euler":
            # A step from sigma 4096 is as good as float32 rounds numbers beyond 8192, which the last bits of a
            # prediction decide. So predictions are held against recorded ones, and the sampler is given those.
            recorded = [case.tensors[f"intermediates/euler/unet_out_{step}"].chunk(2) for step in range(3)]
            first = predict(start, 999.0).flatten(0, 2)
            guided = [(less + guidance * (more - less))[None, None] for less, more in recorded]
            yield "euler prediction", first, guided[0].flatten(0, 2)
            sample = partial(
                sample_euler_ancestral, partial(_next_of, iter(guided)), start, schedule, 3, draw
            )
        else:
            sample = partial(sample_lcm, predict, start, schedule, turbo_time_steps(schedule), draw)
        seen = collect(sample)
        for step, latents in enumerate(seen):
            recorded = case.tensors[f"outputs/{name}/latents_after_{step}"]
            yield f"{name} {step}", latents.flatten(0, 2), recorded
        pictures = vae.decode(seen[-1].flatten(0, 2)[:1]) / 2 + 0.5
        yield f"{name} images", pictures.clamp(0, 1), case.tensors[f"outputs/{name}/images"]


RUNNERS: dict[str, Runner] = {
    "attn_material": run_material_attention,
    "attn_reference": run_reference_attention,
    "attn_pose_rope": run_rotary_attention,
    "image_proj": run_dino_projection,
    "unet21_block": run_paint_block,
    "unet21_full": run_unet21,
    "unet20_full": run_unet20,
    "voxel_indices": run_voxel_indices,
    "dino_v2": run_dino,
    "rrdbnet": run_upscaler,
    "scheduler_unipc": run_samplers,
    "delight20_correct": run_light_removal,
    "pipeline21": run_pipeline21,
    "pipeline20": run_pipeline20,
}
"""By the name of the case, since the paint cases of one class differ in what they record."""
