"""Paint models small enough to run anywhere in seconds, with random weights."""

from __future__ import annotations

import torch

from maquette.models.image_encoder import DinoV2, DinoV2Config
from maquette.models.image_vae import ImageVAE, ImageVAEConfig
from maquette.models.paint_unet import PaintUNet, PaintUNetConfig
from maquette.models.unet import UNetConfig
from maquette.models.upscaler import Upscaler, UpscalerConfig
from maquette.paint.samplers import NoiseSchedule
from maquette.zoo.paint_model import PaintModel, PaintModelConfig

INNER = UNetConfig(
    widths=(16, 16, 32, 32), num_heads=(1, 1, 2, 2), blocks_per_level=1, context_width=32, norm_groups=8
)
VAE = ImageVAEConfig(widths=(8, 8, 16, 16), blocks_per_level=1, norm_groups=4)
EYES = DinoV2Config(width=32, depth=1, num_heads=2, swiglu=True)
PBR = PaintModelConfig(
    name="tiny",
    license="Apache-2.0",
    unet=PaintUNetConfig(INNER, text_length=5, dino_width=32),
    vae=VAE,
    schedule=NoiseSchedule(),
    sampler="unipc",
    dino=EYES,
    view_size=64,
    steps=3,
)
COLOUR = PaintModelConfig(
    name="tiny-colour",
    license="Apache-2.0",
    unet=PaintUNetConfig(INNER, num_materials=1, text_length=5, dino_width=None, num_cameras=49),
    vae=VAE,
    schedule=NoiseSchedule(),
    sampler="euler_ancestral",
    view_size=64,
    steps=3,
    guidance=2.0,
)


def tiny_painter(config: PaintModelConfig = PBR, *, enlarges: bool = False) -> PaintModel:
    """The same weights every time."""
    torch.manual_seed(0)
    return PaintModel(
        config,
        PaintUNet(config.unet).eval().requires_grad_(False),
        ImageVAE(config.vae).eval().requires_grad_(False),
        dino=None if config.dino is None else DinoV2(config.dino).eval().requires_grad_(False),
        upscaler=Upscaler(UpscalerConfig(4, 1, 2)).eval().requires_grad_(False) if enlarges else None,
    )
