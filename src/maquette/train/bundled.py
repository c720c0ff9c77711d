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
from maquette.train.assets import (
    AssetRecord,
    load_assets,
    read_holdout,
    read_index,
    sampling_weights,
    stretch,
)
from maquette.train.bank import PictureBank, ShapeBank, build_picture_bank, build_shape_bank
from maquette.train.dit import Denoiser, train_dit
from maquette.train.field import PictureToField, train_field
from maquette.train.meshes import PaintedMesh
from maquette.train.procedural import generate
from maquette.train.recipe import Recipe
from maquette.train.run import StageSettings, hash_seed
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
    keep_banks: bool = True,
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
        keep_banks: write the banks to the folder, for later parts and resumed runs; they are several gigabytes.

    Returns:
        The model file, float16, without the autoencoder's encoder; written once the denoiser is done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder, recipe, seed, device, keep_banks, assets, processes)
    path = folder / MODEL_FILE
    if "pictures" in parts and "dit" not in parts:
        _ = run.pictures
    if not {"shapes", "vae", "dit"} & set(parts):
        return path
    bank = run.shape_bank()
    if not {"vae", "dit"} & set(parts):
        return path
    vae = run.train_vae(bank)
    if "dit" in parts:
        model = run.train_dit(vae, bank)
        if recipe.field_stage is not None:
            model = run.train_field(model, bank, recipe.field_stage)
        save_shape_model(model, path)
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
            plain = [mesh for _, mesh in load_assets(self.assets, [record.id for record in self._records])]
            generator = np.random.default_rng(hash_seed(self.seed, "stretched", 0))
            copies = range(self.recipe.stretched_variants)
            return plain + [stretch(mesh, generator) for _ in copies for mesh in plain]
        seeds = [hash_seed(self.seed, "procedural", index) for index in range(self.recipe.num_procedural)]
        with get_context("spawn").Pool(self.processes) as pool:
            return pool.map(generate, seeds, chunksize=64)

    @cached_property
    def weights(self) -> np.ndarray:
        """Chance of each object; those of both sources sum to one."""
        share = self.recipe.procedural_share if self.recipe.num_procedural else 0.0
        if self.source == "assets":
            weights = np.tile(sampling_weights(self._records), 1 + self.recipe.stretched_variants)
            return (1 - share) * weights / weights.sum()
        return np.full(self.recipe.num_procedural, share / max(self.recipe.num_procedural, 1))

    @cached_property
    def _records(self) -> list[AssetRecord]:
        held_out = read_holdout()
        return [record for record in read_index(self.assets) if record.id not in held_out]


@dataclass(frozen=True)
class Run:
    """One training run: what it is made of, and its parts."""

    folder: Path
    recipe: Recipe
    seed: int
    device: torch.device
    keep_banks: bool
    assets: Path
    processes: int

    @cached_property
    def objects(self) -> list[Objects]:
        """The objects of every source."""
        return [Objects(source, self.assets, self.recipe, self.seed, self.processes) for source in SOURCES]

    @cached_property
    def weights(self) -> Tensor:
        """(M,) chance of each object."""
        return (
            torch.from_numpy(np.concatenate([some.weights for some in self.objects])).float().to(self.device)
        )

    def shape_bank(self) -> ShapeBank:
        """Geometry of all objects."""

        def build(some: Objects) -> dict[str, Tensor]:
            generator = _generator(self.seed, f"shapes of {some.source}", self.device)
            return vars(build_shape_bank(some.meshes, self.recipe.bank, generator, self.device))

        return ShapeBank(**self._bank("shapes", build))

    @cached_property
    def pictures(self) -> PictureBank:
        """Pictures of all objects."""

        def build(some: Objects) -> dict[str, Tensor]:
            generator = _generator(self.seed, f"pictures of {some.source}", torch.device("cpu"))
            return vars(build_picture_bank(some.meshes, self.recipe.bank, generator, self.device))

        return PictureBank(**self._bank("pictures", build))

    def train_vae(self, bank: ShapeBank) -> ShapeVAE:
        """The first stage, with sample renders of reconstructions."""
        chosen = _sample_objects(self.weights)

        def show(vae: ShapeVAE, step: int) -> None:
            latents = encode_bank(vae, bank.select(chosen), self.recipe)[:, 0].float()
            save_samples(self.folder / "samples" / f"vae_{step:06}.png", vae, latents)

        with _timed("autoencoder"):
            return train_vae(bank, self.weights, self.recipe, self.folder, self.seed, self.device, show)

    def train_dit(self, vae: ShapeVAE, bank: ShapeBank) -> ShapeModel:
        """The second stage, with sample renders of what pictures become; returns the finished model."""
        with _timed("latents"):
            latents = encode_bank(vae, bank, self.recipe)
            scale = 1 / float(latents.float().std())
            latents *= scale
            logger.info("latents are scaled by %.6f", scale)
        shown = self.pictures.pictures[_sample_objects(self.weights), 0]

        def show(denoiser: Denoiser, step: int) -> None:
            drawn = sample_latents(denoiser, shown, self.recipe) / scale
            save_samples(self.folder / "samples" / f"dit_{step:06}.png", vae, drawn, shown)

        with _timed("denoiser"):
            denoiser = train_dit(
                self.pictures, latents, self.weights, self.recipe, self.folder, self.seed, self.device, show
            )
        return assemble(vae, denoiser, self.recipe, scale)

    def train_field(self, model: ShapeModel, bank: ShapeBank, settings: StageSettings) -> ShapeModel:
        """The third stage; returns the finished model."""
        shown = self.pictures.pictures[_sample_objects(self.weights), 0]

        def show(network: PictureToField, step: int) -> None:
            drawn = network.latents(shown.float() / 127.5 - 1)
            save_samples(self.folder / "samples" / f"field_{step:06}.png", network.vae, drawn, shown)

        with _timed("field"):
            return train_field(
                model,
                bank,
                self.pictures,
                self.weights,
                self.recipe,
                settings,
                self.folder,
                self.seed,
                self.device,
                show,
            )

    def _bank(self, kind: str, build: Callable[[Objects], dict[str, Tensor]]) -> dict[str, Tensor]:
        """The tensors of all sources, each made once and kept in a file where that is wanted."""
        parts = []
        for some in self.objects:
            path = self.folder / f"{kind}.{some.source}.safetensors"
            if path.exists():
                tensors = load_file(path)
            else:
                with _timed(path.stem):
                    tensors = build(some)
                if self.keep_banks:
                    partial = path.with_suffix(".partial")
                    save_file({name: tensor.cpu() for name, tensor in tensors.items()}, partial)
                    os.replace(partial, path)
            parts.append({name: tensor.to(self.device) for name, tensor in tensors.items()})
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _sample_objects(weights: Tensor) -> Tensor:
    """The same eight objects every time, drawn by their chance."""
    generator = torch.Generator().manual_seed(0)
    return torch.multinomial(weights.cpu(), 8, generator=generator).to(weights.device)


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
            noise_scale=recipe.sampling_noise_scale,
            resolution=recipe.decoding_resolution,
            follow_outline=recipe.follow_outline,
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
