"""Settings as the published checkpoints state them, turned into our configurations.

The published `config.yaml` names classes and their parameters; only the parameters that change a network are read, and
anything that would change it in a way not known here is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maquette.errors import CheckpointError
from maquette.models.dit_v20 import DiTV20Config
from maquette.models.dit_v21 import DiTV21Config
from maquette.models.fourier import FourierConfig
from maquette.models.image_encoder import DinoV2Config, ImageEncoderConfig
from maquette.models.shape_vae import ShapeVAEConfig

Params = Mapping[str, Any]


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
