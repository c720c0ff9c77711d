"""The whole training of the bundled model: meshes, bank, autoencoder, latents, pictures, denoiser, file.

Everything is kept in the run's folder as it is made, so that a run can be stopped at any point and taken up again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from maquette.models.shape_vae import ShapeVAE
from maquette.train.assets import AssetRecord, load_assets, read_holdout, read_index, sampling_weights
from maquette.train.bank import PictureBank, ShapeBank, build_picture_bank, build_shape_bank
from maquette.train.dit import Denoiser, train_dit
from maquette.train.meshes import PaintedMesh
from maquette.train.procedural import generate
from maquette.train.recipe import Recipe
from maquette.train.run import hash_seed
from maquette.train.samples import sample_latents, save_samples
from maquette.train.vae import encode_bank, train_vae
from maquette.zoo.shape_model import ShapeModel, ShapeModelConfig, save_shape_model

logger = logging.getLogger(__name__)

MODEL_FILE = "shape.safetensors"


Part = Literal["shapes", "pictures", "vae", "dit"]
PARTS: tuple[Part, ...] = ("shapes", "pictures", "vae", "dit")
SOURCES = ("assets", "procedural")


def train_bundled(
    assets: Path,
    folder: Path,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: torch.device,
    processes: int = 2,
    parts: Sequence[Part] = PARTS,
) -> Path:
    """Train from nothing, or go on where the run in `folder` stopped.

    Args:
        assets: the folder of training meshes (see `maquette.train.assets`).
        folder: banks, checkpoints, `log.jsonl` and the finished model.
        recipe: sizes and settings.
        seed: decides everything that is drawn.
        device: where to train.
        processes: for making procedural shapes.
        parts: do only these, so that pictures can be rendered beside the training of the autoencoder.

    Returns:
        The model file, float16, without the autoencoder's encoder; written once the denoiser is done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    objects = {source: Objects(source, assets, recipe, seed, processes) for source in SOURCES}
    path = folder / MODEL_FILE
    if "shapes" in parts:
        _shape_bank(objects, folder, recipe, seed, device)
    if "pictures" in parts:
        _picture_bank(objects, folder, recipe, seed, device)
    if "vae" in parts:
        _train_vae(objects, folder, recipe, seed, device)
    if "dit" in parts:
        vae, bank, weights = _train_vae(objects, folder, recipe, seed, device)
        with _timed("latents"):
            latents = encode_bank(vae, bank, recipe)
            scale = 1 / float(latents.float().std())
            latents *= scale
        del bank
        pictures = _picture_bank(objects, folder, recipe, seed, device)
        with _timed("denoiser"):
            show = _show_samples(vae, pictures, weights, recipe, scale, folder)
            denoiser = train_dit(pictures, latents, weights, recipe, folder, seed, device, show)
        save_shape_model(assemble(vae, denoiser, recipe, scale), path)
        logger.info("wrote %s (%.1f MB)", path, path.stat().st_size / 1e6)
    return path


@dataclass(frozen=True)
class Objects:
    """The training objects of one source, made when first asked for; none of them is held out."""

    source: str
    assets: Path
    recipe: Recipe
    seed: int
    processes: int

    @cached_property
    def meshes(self) -> list[PaintedMesh]:
        """In a fixed order."""
        if self.source == "assets":
            return [mesh for _, mesh in load_assets(self.assets, [record.id for record in self._records])]
        seeds = [hash_seed(self.seed, "procedural", index) for index in range(self.recipe.num_procedural)]
        with get_context("spawn").Pool(self.processes) as pool:
            return pool.map(generate, seeds, chunksize=64)

    @cached_property
    def weights(self) -> np.ndarray:
        """Chance of each object; those of both sources sum to one."""
        share = self.recipe.procedural_share if self.recipe.num_procedural else 0.0
        if self.source == "assets":
            weights = sampling_weights(self._records)
            return (1 - share) * weights / weights.sum()
        return np.full(self.recipe.num_procedural, share / max(self.recipe.num_procedural, 1))

    @cached_property
    def _records(self) -> list[AssetRecord]:
        held_out = read_holdout()
        return [record for record in read_index(self.assets) if record.id not in held_out]


def _shape_bank(
    objects: dict[str, Objects], folder: Path, recipe: Recipe, seed: int, device: torch.device
) -> ShapeBank:
    parts = []
    for source, some in objects.items():

        def build(source: str = source, some: Objects = some) -> dict[str, Tensor]:
            generator = _generator(seed, f"shapes of {source}", device)
            return vars(build_shape_bank(some.meshes, recipe.bank, generator, device))

        tensors = _cached(folder / f"shapes.{source}.safetensors", build)
        parts.append({name: tensor.to(device) for name, tensor in tensors.items()})
    return ShapeBank(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})


def _picture_bank(
    objects: dict[str, Objects], folder: Path, recipe: Recipe, seed: int, device: torch.device
) -> PictureBank:
    parts = []
    for source, some in objects.items():

        def build(source: str = source, some: Objects = some) -> dict[str, Tensor]:
            generator = _generator(seed, f"pictures of {source}", torch.device("cpu"))
            return vars(build_picture_bank(some.meshes, recipe.bank, generator, device))

        tensors = _cached(folder / f"pictures.{source}.safetensors", build)
        parts.append(tensors["pictures"].to(device))
    return PictureBank(torch.cat(parts))


def _train_vae(
    objects: dict[str, Objects], folder: Path, recipe: Recipe, seed: int, device: torch.device
) -> tuple[ShapeVAE, ShapeBank, Tensor]:
    bank = _shape_bank(objects, folder, recipe, seed, device)
    weights = np.concatenate([some.weights for some in objects.values()])
    chance = torch.from_numpy(weights).float().to(device)
    chosen = _sample_objects(chance)

    def show(vae: ShapeVAE, step: int) -> None:
        latents = encode_bank(vae, bank.select(chosen), recipe)[:, 0].float()
        save_samples(folder / "samples" / f"vae_{step:06}.png", vae, latents)

    with _timed("autoencoder"):
        return train_vae(bank, chance, recipe, folder, seed, device, show), bank, chance


def _show_samples(
    vae: ShapeVAE, bank: PictureBank, weights: Tensor, recipe: Recipe, scale: float, folder: Path
) -> Callable[[Denoiser, int], None]:
    pictures = bank.pictures[_sample_objects(weights), 0]

    def show(denoiser: Denoiser, step: int) -> None:
        latents = sample_latents(denoiser, pictures, recipe) / scale
        save_samples(folder / "samples" / f"dit_{step:06}.png", vae, latents, pictures)

    return show


def _sample_objects(weights: Tensor) -> Tensor:
    """The same eight objects every time, drawn by their chance."""
    generator = torch.Generator().manual_seed(0)
    return torch.multinomial(weights.cpu(), 8, generator=generator).to(weights.device)


def _cached(path: Path, build: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of a file, made and written first when it is not there."""
    if not path.exists():
        with _timed(path.stem):
            tensors = {name: tensor.cpu() for name, tensor in build().items()}
        partial = path.with_suffix(".partial")
        save_file(tensors, partial)
        os.replace(partial, path)
    return load_file(path)


def assemble(vae: ShapeVAE, denoiser: Denoiser, recipe: Recipe, scale: float) -> ShapeModel:
    """The trained networks as a shape model, the autoencoder without its encoder."""
    config = replace(recipe.vae, has_encoder=False, scale_factor=scale)
    decoder = ShapeVAE(config)
    decoder.load_state_dict({k: v for k, v in vae.state_dict().items() if not k.startswith("encoder.")})
    return ShapeModel(
        ShapeModelConfig(
            name="bundled",
            license="Apache-2.0",
            dit=recipe.dit,
            vae=config,
            image_encoder=recipe.image_encoder,
            steps=recipe.sampling_steps,
            guidance=recipe.sampling_guidance,
            resolution=recipe.decoding_resolution,
        ),
        denoiser.dit,
        decoder,
        denoiser.image_encoder,
    )


def _generator(seed: int, purpose: str, device: torch.device) -> torch.Generator:
    return torch.Generator(device).manual_seed(hash_seed(seed, purpose, 0))


@contextmanager
def _timed(what: str) -> Iterator[None]:
    started = time.monotonic()
    logger.info("%s …", what)
    yield
    logger.info("%s: %.0f s", what, time.monotonic() - started)
