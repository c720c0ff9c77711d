"""A shape model small enough to run anywhere in milliseconds, with random weights that do make a surface."""

from __future__ import annotations

import torch

from maquette.models.dit_v21 import DiTV21, DiTV21Config
from maquette.models.image_encoder import DinoV2Config, ImageEncoder, ImageEncoderConfig
from maquette.models.shape_vae import ShapeVAE, ShapeVAEConfig
from maquette.zoo.shape_model import ShapeModel, ShapeModelConfig

CONFIG = ShapeModelConfig(
    name="tiny",
    license="Apache-2.0",
    dit=DiTV21Config(
        num_latents=8,
        latent_channels=4,
        width=32,
        context_width=16,
        context_length=5,
        depth=3,
        num_heads=2,
        num_moe_layers=1,
        num_experts=2,
        moe_top_k=1,
        use_position_embedding=True,
    ),
    vae=ShapeVAEConfig(
        num_latents=8, latent_channels=4, width=32, num_heads=2, num_decoder_layers=1, has_encoder=False
    ),
    image_encoder=ImageEncoderConfig(
        dino=DinoV2Config(width=16, depth=1, num_heads=2, image_size=28), image_size=28
    ),
    picture_size=64,
    steps=4,
    resolution=32,
)


def tiny_model() -> ShapeModel:
    """The same weights every time."""
    torch.manual_seed(0)
    networks = (DiTV21(CONFIG.dit), ShapeVAE(CONFIG.vae), ImageEncoder(CONFIG.image_encoder))
    return ShapeModel(CONFIG, *(network.eval() for network in networks))
