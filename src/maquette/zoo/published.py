"""Settings as the published checkpoints state them, turned into our configurations.

The published `config.yaml` names classes and their parameters; only the parameters that change a network are read, and
anything that would change it in a way not known here is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from maquette.errors import CheckpointError
from maquette.models.dit_v20 import DiTV20Config
from maquette.models.dit_v21 import DiTV21Config
from maquette.models.fourier import FourierConfig
from maquette.models.image_encoder import DinoV2Config, ImageEncoderConfig
from maquette.models.shape_vae import ShapeVAEConfig
from maquette.zoo.catalog import HUNYUAN_LICENSE
from maquette.zoo.shape_model import ShapeModelConfig

Params = Mapping[str, Any]

FLOW, CONSISTENCY = "FlowMatchEulerDiscreteScheduler", "ConsistencyFlowMatchEulerDiscreteScheduler"
STEPS, TURBO_STEPS, RESOLUTION = 50, 5, 384
"""Defaults of the published programs; the files do not state them."""


def dit_v21_config(params: Params) -> DiTV21Config:
    """Parameters of `HunYuanDiTPlain`."""
    if params.get("with_decoupled_ca") or params.get("qk_norm_type", "rms") != "rms":
        raise CheckpointError(
            "the denoiser's settings ask for decoupled cross-attention or another norm than RMS",
            "no published checkpoint of this class does; is the configuration file damaged?",
        )
    return DiTV21Config(
        num_latents=params["input_size"],
        latent_channels=params["in_channels"],
        width=params["hidden_size"],
        context_width=params["context_dim"],
        context_length=params["text_len"],
        depth=params["depth"],
        num_heads=params["num_heads"],
        qk_norm=params["qk_norm"],
        qkv_bias=params["qkv_bias"],
        num_moe_layers=params["num_moe_layers"],
        num_experts=params["num_experts"],
        moe_top_k=params["moe_top_k"],
        use_position_embedding=params.get("use_pos_emb", False),
        use_attention_pooling=params.get("use_attention_pooling", False),
    )


def dit_v20_config(params: Params) -> DiTV20Config:
    """Parameters of `Hunyuan3DDiT`."""
    return DiTV20Config(
        latent_channels=params["in_channels"],
        width=params["hidden_size"],
        context_width=params["context_in_dim"],
        num_heads=params["num_heads"],
        mlp_ratio=params["mlp_ratio"],
        double_depth=params["depth"],
        single_depth=params["depth_single_blocks"],
        qkv_bias=params["qkv_bias"],
        guidance_embedded=params.get("guidance_embed", False),
    )


def shape_vae_config(params: Params, *, has_encoder: bool) -> ShapeVAEConfig:
    """Parameters of `ShapeVAE`; most published files hold its decoder only."""
    return ShapeVAEConfig(
        num_latents=params["num_latents"],
        latent_channels=params["embed_dim"],
        width=params["width"],
        num_heads=params["heads"],
        num_encoder_layers=params.get("num_encoder_layers", 8),
        num_decoder_layers=params["num_decoder_layers"],
        qkv_bias=params.get("qkv_bias", True),
        qk_norm=params.get("qk_norm", False),
        point_features=params.get("point_feats", 3),
        points_per_latent=params.get("downsample_ratio", 20),
        fourier=fourier_config(params),
        query_reduction=params.get("geo_decoder_downsample_ratio", 1),
        query_mlp_ratio=params.get("geo_decoder_mlp_expand_ratio", 4),
        query_norm_out=params.get("geo_decoder_ln_post", True),
        scale_factor=params.get("scale_factor", 1.0),
        has_encoder=has_encoder,
    )


def fourier_config(params: Params) -> FourierConfig:
    """Parameters of `FourierEmbedder`, also as part of `ShapeVAE`'s."""
    return FourierConfig(
        num_frequencies=params.get("num_freqs", 8),
        include_pi=params.get("include_pi", True),
        include_input=params.get("include_input", True),
        log_spaced=params.get("logspace", True),
    )


def image_encoder_config(params: Params) -> ImageEncoderConfig:
    """Parameters of `DinoImageEncoder` with its transformers configuration."""
    dino = params["config"]
    return ImageEncoderConfig(
        dino=DinoV2Config(
            width=dino["hidden_size"],
            depth=dino["num_hidden_layers"],
            num_heads=dino["num_attention_heads"],
            patch_size=dino["patch_size"],
            image_size=dino["image_size"],
            mlp_ratio=dino["mlp_ratio"],
            swiglu=dino["use_swiglu_ffn"],
        ),
        image_size=params["image_size"],
        use_class_token=params.get("use_cls_token", True),
    )


def shape_model_config(config: Params, name: str) -> ShapeModelConfig:
    """The whole `config.yaml` of a published shape model.

    Raises:
        CheckpointError: it names a class that we do not know, or lacks a parameter.
    """
    try:
        kind, denoiser = _part(config, "model", "Hunyuan3DDiT", "HunYuanDiTPlain")
        schedule, scheduler = _part(config, "scheduler", FLOW, CONSISTENCY)
        encoder = config["conditioner"]["params"]["main_image_encoder"]
        picture = config["image_processor"]["params"]
        return ShapeModelConfig(
            name=name,
            license=HUNYUAN_LICENSE,
            dit=(dit_v20_config if kind == "Hunyuan3DDiT" else dit_v21_config)(denoiser),
            vae=shape_vae_config(_part(config, "vae", "ShapeVAE")[1], has_encoder=False),
            image_encoder=image_encoder_config(encoder["kwargs"]),
            picture_size=picture["size"],
            border_ratio=picture.get("border_ratio") or 0.15,
            steps=TURBO_STEPS if schedule == CONSISTENCY else STEPS,
            resolution=RESOLUTION,
            multi_view=encoder["type"] == "DinoImageEncoderMV",
            shift=scheduler.get("shift", 1.0),
            consistency_grid=scheduler.get("pcm_timesteps", 50) if schedule == CONSISTENCY else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"the config.yaml of {name} cannot be understood: {error}", "is it the one of a shape model?"
        ) from error


def shape_vae_file_config(config: Params, name: str) -> ShapeVAEConfig:
    """The decoder in the `config.yaml` of a published autoencoder, or of a whole shape model."""
    try:
        record = config if "target" in config else config["vae"]
        return shape_vae_config(_part({"vae": record}, "vae", "ShapeVAE")[1], has_encoder=False)
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"the config.yaml of {name} cannot be understood: {error}", "is it the one of an autoencoder?"
        ) from error


def _part(config: Params, name: str, *known: str) -> tuple[str, Params]:
    """Class, without its module, and parameters of one part of a `config.yaml`."""
    kind = config[name]["target"].rpartition(".")[2]
    if kind not in known:
        raise CheckpointError(
            f"the configuration's {name} is a {kind!r}", f"known here: {' and '.join(known)}"
        )
    return kind, config[name].get("params") or {}


def known_settings() -> dict[str, ShapeModelConfig]:
    """What the published `config.yaml` of every shape model says, by the name of its folder."""
    standard = ShapeModelConfig(
        name="hunyuan3d-dit-v2-0",
        license=HUNYUAN_LICENSE,
        dit=DiTV20Config(),
        vae=ShapeVAEConfig(
            num_latents=3072, point_features=3, scale_factor=0.9990943042622529, has_encoder=False
        ),
        image_encoder=ImageEncoderConfig(DinoV2Config(width=1536, depth=40, num_heads=24, swiglu=True)),
        steps=STEPS,
        resolution=RESOLUTION,
    )
    mini = replace(
        standard,
        name="hunyuan3d-dit-v2-mini",
        dit=DiTV20Config(double_depth=8, single_depth=16),
        vae=replace(standard.vae, num_latents=512, scale_factor=1.0188137142395404),
    )
    mini_turbo = replace(
        _turbo(mini),
        vae=replace(mini.vae, num_latents=3072),
        image_encoder=replace(mini.image_encoder, image_size=1022),
        picture_size=1022,
    )
    several = replace(standard, name="hunyuan3d-dit-v2-mv", multi_view=True)
    v21 = replace(
        standard,
        name="hunyuan3d-dit-v2-1",
        dit=DiTV21Config(),
        vae=ShapeVAEConfig(scale_factor=1.0039506158752403, has_encoder=False),
        image_encoder=ImageEncoderConfig(),
    )
    everything = [v21, standard, _fast(standard), _turbo(standard)]
    everything += [mini, _fast(mini), mini_turbo, several, _fast(several), _turbo(several)]
    return {settings.name: settings for settings in everything}


def known_vae_settings() -> dict[str, ShapeVAEConfig]:
    """The same for the autoencoders that are published alone."""
    shape = known_settings()
    known = {
        f"hunyuan3d-vae-{version}": shape[f"hunyuan3d-dit-{version}"].vae
        for version in ("v2-1", "v2-0", "v2-mini")
    }
    for version in ("v2-0", "v2-mini"):
        plain = known[f"hunyuan3d-vae-{version}"]
        turbo = replace(plain, query_reduction=2, query_mlp_ratio=1, query_norm_out=False)
        known[f"hunyuan3d-vae-{version}-turbo"] = turbo
        known[f"hunyuan3d-vae-{version}-withencoder"] = replace(plain, point_features=4)
    return known


def _fast(settings: ShapeModelConfig) -> ShapeModelConfig:
    """The guidance-distilled variant: it is told the scale."""
    assert isinstance(settings.dit, DiTV20Config)
    return replace(settings, name=f"{settings.name}-fast", dit=replace(settings.dit, guidance_embedded=True))


def _turbo(settings: ShapeModelConfig) -> ShapeModelConfig:
    """The step-distilled variant."""
    return replace(_fast(settings), name=f"{settings.name}-turbo", steps=TURBO_STEPS, consistency_grid=100)
