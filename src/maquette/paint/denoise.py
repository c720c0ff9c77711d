"""The heart of the diffusion painter: conditions made once, then a prediction for every step.

Guidance is a chain of branches, each knowing more than the one before; the prediction goes past every one of them by
the guidance scale. Published 2.1 has three branches (nothing, reference features, those and DINOv2's tokens) with one
scale, so that the middle one cancels out; it is left out unless `compatible`, which saves a third of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maquette.models.image_encoder import IMAGENET_MEAN, IMAGENET_STD
from maquette.models.image_vae import ImageVAE
from maquette.models.paint_unet import PaintContext, PaintUNet
from maquette.paint.samplers import Predict

FIRST_CAMERA_ROW = 5
"""Rows of the camera embedding before this one are for reference pictures."""


@dataclass(frozen=True)
class Conditions:
    """Everything a step needs besides the latents and the time."""

    guides: Tensor
    """Latents of the guide maps (1, views, 4 · guide_maps, h, w)."""
    branches: tuple[Sequence[PaintContext], ...]
    """Contexts of each branch of guidance, the one that knows least first."""
    scale: float | Tensor
    """How far to go past each branch; a number or one for each view as (1, 1, views, 1, 1, 1)."""
    cameras: Tensor | None = None
    """Rows of the camera embedding (1, views)."""


@dataclass(frozen=True)
class PosteriorNoise:
    """Noise to draw latents with, of the latents' own shapes; without it the mean is taken."""

    reference: Tensor
    normals: Tensor
    positions: Tensor


def guide_latents(
    vae: ImageVAE,
    normals: Tensor,
    positions: Tensor,
    noise: PosteriorNoise | None = None,
    *,
    compatible: bool = False,
    rows: int | None = None,
) -> Tensor:
    """Guide pictures (views, 3, S, S) in [0, 1] → (1, views, 8, S/8, S/8).

    With `compatible` their values are rounded to half precision on the way, as published.
    """
    encoded = []
    draws = (None, None) if noise is None else (noise.normals, noise.positions)
    for pictures, draw in zip((normals, positions), draws, strict=True):
        scaled = ((pictures.half() - 0.5) * 2).to(pictures.dtype) if compatible else pictures * 2 - 1
        encoded.append(vae.encode(scaled, draw, rows))
    return torch.cat(encoded, dim=1)[None]


def conditions_by_position(
    unet: PaintUNet,
    features: Sequence[Tensor],
    dino: Tensor | None,
    guides: Tensor,
    position_maps: Tensor,
    guidance: float,
    *,
    view_scale: Tensor | None = None,
    compatible: bool = False,
) -> Conditions:
    """Conditions of models whose views are matched by position maps, as 2.1.

    Args:
        unet: the paint model, of which the reference UNet is not needed any more.
        features: what that made of the reference pictures' latents.
        dino: DINOv2 tokens of the first of them (1, T, dino width); None for a model that does not look.
        guides: from `guide_latents`, and more of the kind where the model reads more.
        position_maps: (views, 3, S, S) in [0, 1], background at exactly 1.
        guidance: the scale; at 1 or below only the branch that knows everything is run.
        view_scale: a factor on the guidance of each view (views,).
        compatible: run the middle branch, and count background as the published half-precision run does.
    """
    views, size = guides.shape[1], guides.shape[-1]
    full = unet.prepare(
        views,
        features=features,
        dino=None if dino is None else unet.project_dino(dino),
        rotary=unet.rotary_tables(position_maps[None], size, compatible=compatible),
    )
    scale: float | Tensor = guidance
    if view_scale is not None:
        scale = guidance * view_scale.view(1, 1, -1, 1, 1, 1)
    if guidance <= 1:
        return Conditions(guides, (full,), scale)
    if dino is None:
        return Conditions(guides, ([replace(context, reference=None) for context in full], full), scale)
    # No picture is told by zeros in place of all tokens. They are alike, so one of them gives the same attention.
    nothing = unet.project_dino(dino.new_zeros(1, 1, dino.shape[-1]))
    middle = [
        replace(context, dino=block.dino_attention.project_context(nothing))
        for context, block in zip(full, unet.blocks(), strict=True)
    ]
    least = [replace(context, reference=None) for context in middle]
    return Conditions(guides, (least, middle, full) if compatible else (least, full), scale)


def conditions_by_camera(
    unet: PaintUNet,
    features: Sequence[Tensor],
    guides: Tensor,
    cameras: Tensor,
    guidance: float,
) -> Conditions:
    """Conditions of 2.0, whose views are told apart by camera numbers (views,); otherwise as above."""
    views = guides.shape[1]
    full = unet.prepare(views, features=features)
    numbers = cameras[None] + FIRST_CAMERA_ROW
    if guidance <= 1:
        return Conditions(guides, (full,), guidance, numbers)
    least = unet.prepare(views, features=None, texts=torch.zeros_like(unet.texts))
    return Conditions(guides, (least, full), guidance, numbers)


def predictor(unet: PaintUNet, conditions: Conditions, rows: int | None = None) -> Predict:
    """The guided prediction of latents (1, materials, views, 4, h, w); branches are run one after the other, since the
    rows of one fill a device already."""

    def predict(latents: Tensor, time: float) -> Tensor:
        step = torch.tensor([time], device=latents.device)
        outputs = [
            unet.denoise(latents, step, conditions.guides, contexts, conditions.cameras, rows)
            for contexts in conditions.branches
        ]
        result = outputs[0]
        for less, more in pairwise(outputs):
            result = result + conditions.scale * (more - less)
        return result

    return predict


def dino_pixels(picture: Image.Image) -> Tensor:
    """A picture as the 2.1 model's DINOv2 was shown it: (1, 3, 224, 224), normalised.

    The shorter side is brought to 256 and only the middle 224 are kept, so the rim of the picture goes unseen.
    """
    rgb = picture.convert("RGB")
    scale = 256 / min(rgb.size)
    size = (int(rgb.width * scale), int(rgb.height * scale))
    resized = np.asarray(rgb.resize(size, Image.Resampling.BICUBIC), np.float32) / 255
    top, left = (resized.shape[0] - 224) // 2, (resized.shape[1] - 224) // 2
    crop = resized[top : top + 224, left : left + 224]
    normalised = (crop - np.array(IMAGENET_MEAN, np.float32)) / np.array(IMAGENET_STD, np.float32)
    return torch.from_numpy(normalised).permute(2, 0, 1)[None]


def camera_number(azimuth: int, elevation: int) -> int:
    """The number that 2.0 gives a camera; both in whole degrees, as its own view table has them."""
    coarser = {-90: 3, 90: 3}.get(elevation, 1)
    first = {-20: 0, 0: 12, 20: 24, -90: 36, 90: 40}[elevation]
    return ((azimuth // 30) + 9) % 12 // coarser + first


def published_view_scale(azimuths: Tensor) -> Tensor:
    """How 2.1 would strengthen the guidance of views away from the front. Its own caller never asks for it."""
    turned = azimuths % 360
    return torch.where(turned < 90, 1 + turned / 90, torch.where(turned < 330, 2.0, 5 - turned / 90))
