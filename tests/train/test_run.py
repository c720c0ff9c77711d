"""Training stages: a stopped and resumed run ends like an unbroken one; losses go down and are logged."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maquette.models.shape_vae import ShapeVAE
from maquette.train import dit as dit_stage
from maquette.train import vae as vae_stage
from maquette.train.bank import NUM_FRONTS, PictureBank, ShapeBank
from maquette.train.bundled import assemble
from maquette.train.dit import Denoiser, train_dit, vary_colours
from maquette.train.field import PictureToField
from maquette.train.recipe import CPU_RECIPE, GPU_RECIPE, Recipe, within
from maquette.train.run import StageSettings
from maquette.train.vae import NUM_POSES, encode_bank, train_vae
from maquette.zoo.load import load_shape_model
from maquette.zoo.shape_model import save_shape_model

CPU = torch.device("cpu")
STAGE = StageSettings(steps=8, batch_size=4, warmup_steps=2, log_every=1, save_every=4)


def tiny_recipe() -> Recipe:
    vae = replace(
        CPU_RECIPE.vae, num_latents=8, latent_channels=4, width=32, num_decoder_layers=1, points_per_latent=4
    )
    dit = replace(
        CPU_RECIPE.dit, num_latents=8, latent_channels=4, width=32, context_width=32, depth=3, num_heads=2
    )
    encoder = replace(
        CPU_RECIPE.image_encoder,
        dino=replace(CPU_RECIPE.image_encoder.dino, width=32, depth=1, num_heads=2, image_size=28),
        image_size=28,
    )
    return replace(
        CPU_RECIPE,
        vae=vae,
        dit=dit,
        image_encoder=encoder,
        vae_stage=STAGE,
        dit_stage=STAGE,
        queries_per_step=32,
        noise_levels_per_picture=2,
    )


@pytest.fixture
def shapes() -> ShapeBank:
    torch.manual_seed(0)
    surface, queries = torch.rand(6, 64, 6) * 2 - 1, torch.rand(6, 64, 3) * 2 - 1
    return ShapeBank(surface.half(), queries.half(), (0.5 - queries.norm(dim=-1)).clamp(-1, 1).half())


@pytest.fixture
def pictures() -> PictureBank:
    return PictureBank(torch.randint(0, 256, (6, NUM_FRONTS, 3, 28, 28), dtype=torch.uint8))


class StoppedError(Exception):
    """Stands for the kill."""


def stop_at(step: int):
    def on_save(network: object, done: int) -> None:
        if done == step:
            raise StoppedError

    return on_save


@pytest.mark.parametrize("muon", [False, True])
def test_resumed_autoencoder_ends_where_an_unbroken_run_does(
    shapes: ShapeBank, tmp_path: Path, muon: bool
) -> None:
    recipe, weights = tiny_recipe(), torch.ones(6)
    if muon:  # its matrices are wider
        vae, stage = replace(recipe.vae, width=64), replace(STAGE, muon=True)
        recipe = replace(recipe, vae=vae, vae_stage=stage)
    whole = train_vae(shapes, weights, recipe, tmp_path / "whole", 0, CPU)
    with pytest.raises(StoppedError):
        train_vae(shapes, weights, recipe, tmp_path / "broken", 0, CPU, stop_at(4))
    resumed = train_vae(shapes, weights, recipe, tmp_path / "broken", 0, CPU)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0, msg=name)


def test_resumed_denoiser_ends_where_an_unbroken_run_does(pictures: PictureBank, tmp_path: Path) -> None:
    recipe, weights = tiny_recipe(), torch.ones(6)
    latents = torch.randn(6, NUM_POSES, 8, 4).half()
    whole = train_dit(pictures, latents, weights, recipe, tmp_path / "whole", 0, CPU)
    with pytest.raises(StoppedError):
        train_dit(pictures, latents, weights, recipe, tmp_path / "broken", 0, CPU, stop_at(4))
    resumed = train_dit(pictures, latents, weights, recipe, tmp_path / "broken", 0, CPU)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0, msg=name)


@pytest.mark.slow
def test_the_autoencoder_learns_a_sphere(shapes: ShapeBank, tmp_path: Path) -> None:
    stage = replace(STAGE, steps=150, log_every=10, save_every=1000, learning_rate=3e-3)
    train_vae(shapes, torch.ones(6), replace(tiny_recipe(), vae_stage=stage), tmp_path, 0, CPU)
    losses = [json.loads(line)["distance"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.5 * losses[0]


def test_time_limit_shortens_the_stage(shapes: ShapeBank, tmp_path: Path) -> None:
    stage = replace(STAGE, steps=100_000, time_limit=1.0)
    train_vae(shapes, torch.ones(6), replace(tiny_recipe(), vae_stage=stage), tmp_path, 0, CPU)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) < 1000


def test_trained_networks_make_a_model_file(shapes: ShapeBank, pictures: PictureBank, tmp_path: Path) -> None:
    recipe, weights = tiny_recipe(), torch.ones(6)
    vae = train_vae(shapes, weights, recipe, tmp_path, 0, CPU)
    latents = encode_bank(vae, shapes, recipe)
    denoiser = train_dit(pictures, latents, weights, recipe, tmp_path, 0, CPU)
    save_shape_model(assemble(vae, denoiser, recipe, 2.0), tmp_path / "shape.safetensors")
    read = load_shape_model(tmp_path / "shape.safetensors")
    assert read.config.vae.scale_factor == 2.0 and not read.config.vae.has_encoder


@pytest.mark.slow
def test_the_losses_compile_as_one_graph(shapes: ShapeBank, pictures: PictureBank) -> None:
    recipe = tiny_recipe()
    vae = vae_stage.Trainer(ShapeVAE(recipe.vae), recipe)
    batch = vae_stage.draw(shapes, torch.ones(6), vae_stage.pose_matrices(CPU), recipe, torch.Generator())
    latents = torch.randn(6, NUM_POSES, 8, 4)
    denoiser = Denoiser(recipe)
    pictured = dit_stage.draw(pictures, latents, torch.ones(6), recipe, torch.Generator())
    field = PictureToField(assemble(vae.vae, denoiser, recipe, 2.0)).train()
    seen = torch.rand(4, 3, 28, 28) * 2 - 1, batch[1], batch[2]
    for module, inputs in ((vae, batch), (denoiser, pictured), (field, seen)):
        compiled = torch.compile(module, backend="eager", fullgraph=True)(*inputs)  # raises at a break
        torch.testing.assert_close(compiled, module(*inputs))
        compiled[0].backward()


def test_a_time_limit_is_shared_among_the_stages() -> None:
    recipe = within(GPU_RECIPE, 1000.0)
    limits = [recipe.vae_stage.time_limit, recipe.dit_stage.time_limit]
    assert recipe.field_stage is not None and [*limits, recipe.field_stage.time_limit] == pytest.approx(
        [100, 150, 750]
    )
    drawing = within(replace(GPU_RECIPE, field_stage=None), 900.0)
    assert drawing.field_stage is None and drawing.dit_stage.time_limit == pytest.approx(540)


def test_colours_vary_but_white_stays_white() -> None:
    pictures = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pictures[:, :, :, :4] = 1.0
    varied = vary_colours(pictures, 0.3, torch.Generator().manual_seed(1))
    assert (varied[:, :, :, :4] == 1.0).all() and varied.abs().max() <= 1.0
    assert (varied - pictures)[:, :, :, 4:].abs().mean((1, 2, 3)).min() > 0.05


def test_training_needs_no_trimesh() -> None:
    blocked = "import sys; sys.modules['trimesh'] = None; import maquette.train.bundled"
    subprocess.run([sys.executable, "-c", blocked], check=True)
