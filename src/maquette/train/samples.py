"""Sample renders of a model in training: pictures beside the shapes it makes of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maquette.errors import MeshError
from maquette.models.shape_vae import ShapeVAE
from maquette.render.camera import Camera
from maquette.render.preview import render_views
from maquette.shape.sampler import flow_matching_sigmas, guided_velocity, sample_euler
from maquette.shape.surface import extract_surface
from maquette.shape.volume import VolumeSettings, decode_volume
from maquette.train.dit import Denoiser
from maquette.train.recipe import Recipe

logger = logging.getLogger(__name__)

RESOLUTION = 64
TILE = 160
VIEWS = tuple(Camera(azimuth, 20.0, distance=4.0, ortho_scale=2.9) for azimuth in (30.0, -60.0))


@torch.no_grad()
def sample_latents(denoiser: Denoiser, pictures: Tensor, recipe: Recipe) -> Tensor:
    """Draw one set of latents for each picture (B, 3, S, S) uint8, with noise of seed 0."""
    config = recipe.dit
    context = denoiser.image_encoder(pictures.float() / 127.5 - 1)
    unconditional = denoiser.image_encoder.unconditional(len(pictures))
    velocity = guided_velocity(denoiser.dit, context, unconditional, recipe.sampling_guidance)
    shape = (len(pictures), config.num_latents, config.latent_channels)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(pictures.device)
    return sample_euler(
        velocity, recipe.sampling_noise_scale * noise, flow_matching_sigmas(recipe.sampling_steps)
    )


@torch.no_grad()
def save_samples(path: Path, vae: ShapeVAE, latents: Tensor, pictures: Tensor | None = None) -> None:
    """Decode latents (B, N, C), divided by the scale factor, and write a sheet: picture and two views a row."""
    if find_spec("trimesh") is None:
        logger.info("no sample renders: they need trimesh")
        return
    rows = []
    for index, tokens in enumerate(vae.decode(latents)):
        row = [] if pictures is None else [Image.fromarray(pictures[index].permute(1, 2, 0).cpu().numpy())]
        rows.append(row + _views(vae, tokens))
    path.parent.mkdir(parents=True, exist_ok=True)
    _sheet(rows).save(path)


def _views(vae: ShapeVAE, tokens: Tensor) -> list[Image.Image]:
    field = vae.field.of(tokens[None])
    try:
        volume = decode_volume(field, VolumeSettings(RESOLUTION), tokens.device)
        return render_views(extract_surface(volume, field), VIEWS, TILE)
    except MeshError:  # an untrained field may have no surface yet
        return [Image.new("RGB", (TILE, TILE), "white") for _ in VIEWS]


def _sheet(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    tiles = [[_on_white(tile.resize((TILE, TILE))) for tile in row] for row in rows]
    return Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in tiles]))


def _on_white(tile: Image.Image) -> np.ndarray:
    white = Image.new("RGBA", tile.size, "white")
    return np.asarray(Image.alpha_composite(white, tile.convert("RGBA")).convert("RGB"))
