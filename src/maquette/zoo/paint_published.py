"""Settings of the published paint folders (diffusers' `config.json` files), turned into our configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maquette.errors import CheckpointError
from maquette.models.clip_text import CLIPTextConfig
from maquette.models.image_encoder import DinoV2Config
from maquette.models.image_vae import ImageVAEConfig
from maquette.models.unet import UNetConfig
from maquette.paint.samplers import NoiseSchedule

Params = Mapping[str, Any]


def unet_config(params: Params, *, in_channels: int | None = None) -> UNetConfig:
    """Parameters of `UNet2DConditionModel`; `in_channels` where the stored number is not what the file holds."""
    widths = tuple(params["block_out_channels"])
    heads = params["attention_head_dim"]  # called a width, but it is the number of heads
    if not params.get("use_linear_projection") or params.get("act_fn", "silu") != "silu":
        raise CheckpointError(
            "the UNet's config.json asks for convolutional projections or another activation than silu",
            "no published paint model does; is the file damaged?",
        )
    return UNetConfig(
        in_channels=params["in_channels"] if in_channels is None else in_channels,
        out_channels=params["out_channels"],
        widths=widths,
        num_heads=(heads,) * len(widths) if isinstance(heads, int) else tuple(heads),
        attention=tuple(name.startswith("CrossAttn") for name in params["down_block_types"]),
        blocks_per_level=params["layers_per_block"],
        context_width=params["cross_attention_dim"],
        norm_groups=params.get("norm_num_groups", 32),
    )


def image_vae_config(params: Params) -> ImageVAEConfig:
    """Parameters of `AutoencoderKL`."""
    return ImageVAEConfig(
        widths=tuple(params["block_out_channels"]),
        blocks_per_level=params["layers_per_block"],
        latent_channels=params["latent_channels"],
        norm_groups=params.get("norm_num_groups", 32),
        scale_factor=params.get("scaling_factor", 0.18215),
    )


def clip_text_config(params: Params) -> CLIPTextConfig:
    """Parameters of `CLIPTextModel`."""
    if params.get("hidden_act", "gelu") != "gelu":
        raise CheckpointError(
            f"the text encoder's activation is {params['hidden_act']!r}", "only gelu is known, as in SD 2.x"
        )
    return CLIPTextConfig(
        width=params["hidden_size"],
        depth=params["num_hidden_layers"],
        num_heads=params["num_attention_heads"],
        length=params.get("max_position_embeddings", 77),
        vocabulary=params.get("vocab_size", 49408),
        mlp_ratio=params["intermediate_size"] // params["hidden_size"],
    )


def dino_config(params: Params) -> DinoV2Config:
    """Parameters of `Dinov2Model`."""
    return DinoV2Config(
        width=params["hidden_size"],
        depth=params["num_hidden_layers"],
        num_heads=params["num_attention_heads"],
        patch_size=params.get("patch_size", 14),
        image_size=params.get("image_size", 518),
        mlp_ratio=params.get("mlp_ratio", 4),
        swiglu=params.get("use_swiglu_ffn", False),
    )


def noise_schedule(params: Params) -> NoiseSchedule:
    """Parameters of any diffusers scheduler; the class is chosen by the pipeline, the noise by this file."""
    if params.get("beta_schedule", "scaled_linear") != "scaled_linear" or params.get("trained_betas"):
        raise CheckpointError(
            f"the scheduler's beta_schedule is {params.get('beta_schedule')!r}",
            "only scaled_linear is known, as in every published paint model",
        )
    prediction, spacing = params.get("prediction_type", "epsilon"), params.get("timestep_spacing", "leading")
    if prediction not in ("v_prediction", "epsilon") or spacing not in ("trailing", "leading", "linspace"):
        raise CheckpointError(f"the scheduler's settings {prediction!r} and {spacing!r} are not known")
    return NoiseSchedule(
        num_train_steps=params.get("num_train_timesteps", 1000),
        beta_start=params["beta_start"],
        beta_end=params["beta_end"],
        prediction=prediction,
        spacing=spacing,
        steps_offset=params.get("steps_offset", 0),
        zero_terminal_snr=params.get("rescale_betas_zero_snr", False),
    )


def schedule_settings(schedule: NoiseSchedule) -> dict[str, Any]:
    """The `scheduler_config.json` of a schedule; the inverse of `noise_schedule`."""
    return {
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": schedule.num_train_steps,
        "beta_start": schedule.beta_start,
        "beta_end": schedule.beta_end,
        "prediction_type": schedule.prediction,
        "timestep_spacing": schedule.spacing,
        "steps_offset": schedule.steps_offset,
        "rescale_betas_zero_snr": schedule.zero_terminal_snr,
    }
