"""The small paint model: what it is trained on, where it starts from, and that it can be painted with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image, ImageDraw

from maquette.errors import SettingError
from maquette.models.image_vae import ImageVAEConfig
from maquette.models.paint_unet import PaintUNet, PaintUNetConfig
from maquette.models.unet import UNetConfig
from maquette.paint.diffusion import DiffusionPainter
from maquette.paint.pipeline import PaintSettings
from maquette.picture.cutout import cut_out
from maquette.runtime.device import Runtime
from maquette.train.assets import read_holdout
from maquette.train.likeness import structural_distance
from maquette.train.meshes import PaintedMesh
from maquette.train.paint import (
    Painting,
    PaintRecipe,
    compare,
    encode,
    train_paint,
    train_unet,
    train_vae,
)
from maquette.train.paint_views import Views, render_views
from maquette.train.run import StageSettings
from maquette.zoo.paint_model import load_paint_model

CPU = torch.device("cpu")
STAGE = StageSettings(steps=3, batch_size=8, warmup_steps=1, log_every=1)
UNET = UNetConfig(
    widths=(16, 16),
    num_heads=(1, 1),
    attention=(False, True),
    blocks_per_level=1,
    context_width=16,
    norm_groups=8,
)
RECIPE = PaintRecipe(
    size=64,
    unet=UNET,
    vae=ImageVAEConfig(widths=(8, 8, 16, 16), blocks_per_level=1, norm_groups=4),
    vae_stage=STAGE,
    unet_stage=replace(STAGE, batch_size=2),
    looks=1,
    held_out=2,
)


def box(front: tuple[float, float, float] = (1, 0, 0)) -> PaintedMesh:
    """Red towards +z, green elsewhere; of metal above, rough below."""
    mesh = trimesh.creation.box((0.8, 1.0, 0.6))
    normals = np.rint(mesh.face_normals)
    colours = np.where(normals[:, 2:] > 0, np.array([front]), np.array([[0.0, 1, 0]]))
    metal_rough = np.where(normals[:, 1:2] > 0, np.array([[1.0, 0.2]]), np.array([[0.0, 0.8]]))
    return PaintedMesh(
        mesh.vertices.astype(np.float32),
        np.asarray(mesh.faces, np.int64),
        np.repeat(colours[:, None], 3, 1).astype(np.float32),
        metal_rough.astype(np.float32),
    )


def drawn(meshes: list[PaintedMesh], *, plain: bool = True) -> Views:
    return render_views(meshes, 64, torch.Generator().manual_seed(0), CPU, plain=plain)


def test_views_show_every_side_without_light() -> None:
    views = drawn([box()])
    middle = views.albedo[0, :, :, 32, 32].tolist()
    assert middle == [[255, 0, 0]] + [[0, 255, 0]] * 5
    assert views.normals[0, :, :, 0, 0].eq(255).all() and views.reference[0, :, 0, 0].eq(255).all()
    assert views.albedo[0, 1, :, 0, 0].tolist() == [0, 255, 0]  # no backdrop: colours go on


def test_the_hint_is_the_picture_where_it_sees_and_is_continued_elsewhere() -> None:
    views = drawn([box()])
    hint, known = views.hint[0, :, :, 32, 32].int(), views.known[0, :, 0, 32, 32].tolist()
    assert known[0] == 255 and hint[0, 0] > 2 * hint[0, 1]  # the front is seen, and red in any light
    assert sorted(known[1:4]) in ([0, 0, 128], [0, 128, 255], [128, 128, 255], [0, 128, 128])
    assert known[5] == 0  # nothing shows the bottom, front and back together tell its colour
    # A box is alike from behind, so its back shows what the front does.
    assert known[2] == 128 and hint[2, 0] > 2 * hint[2, 1]


def test_tints_and_patterns_of_the_picture_are_in_the_truth() -> None:
    plain, varied = drawn([box()] * 4), drawn([box()] * 4, plain=False)
    assert (varied.albedo.int() - plain.albedo.int()).abs().flatten(1).amax(1).gt(20).any()
    again = drawn([box()] * 4, plain=False)
    assert varied.albedo.equal(again.albedo) and varied.hint.equal(again.hint)


def wrote(folder: Path, meshes: list[PaintedMesh]) -> None:
    """An asset folder of some held-out objects and others, all of these meshes in turn."""
    held = sorted(read_holdout())[:2]
    ids = [*held, "pack__one", "pack__two", "pack__three"]
    chosen = [meshes[i % len(meshes)] for i in range(len(ids))]
    counts = [(len(mesh.vertices), len(mesh.faces)) for mesh in chosen]
    starts = np.concatenate([[[0, 0]], np.cumsum(counts, 0)])
    np.savez(
        folder / "shard.npz",
        ids=np.array(ids),
        vert_start=starts[:, 0],
        face_start=starts[:, 1],
        verts=np.concatenate([((mesh.vertices / 2 + 0.5) * 65535).astype(np.uint16) for mesh in chosen]),
        faces=np.concatenate([mesh.faces.astype(np.uint16) for mesh in chosen]),
        corner_rgb=np.concatenate([(mesh.corner_rgb * 255).astype(np.uint8) for mesh in chosen]),
        face_mr=np.concatenate([(mesh.face_mr * 255).astype(np.uint8) for mesh in chosen]),
    )
    rows = [
        {
            "id": name,
            "pack": "pack",
            "category": "prop",
            "faces": 12,
            "size": [1, 1, 1],
            "uncoloured": False,
            "shard": "shard.npz",
            "row": row,
        }
        for row, name in enumerate(ids)
    ]
    (folder / "index.json").write_text(json.dumps(rows))


@pytest.mark.slow
def test_a_run_ends_in_a_model_that_paints_and_goes_on_after_a_stop(tmp_path: Path) -> None:
    wrote(tmp_path, [box(), box((0, 0, 1)), box((1, 1, 0))])
    folder = train_paint(tmp_path, tmp_path / "run", RECIPE, 0, CPU)
    quality = json.loads((tmp_path / "run" / "quality.json").read_text())
    assert quality.keys() >= {"model", "projected", "mean_colour", "as_baked"}
    log = tmp_path / "run" / "log.jsonl"
    stages = [json.loads(line)["stage"] for line in log.read_text().splitlines()]
    assert stages == ["paint_vae"] * 3 + ["paint_unet"] * 3
    longer = replace(RECIPE, unet_stage=replace(RECIPE.unet_stage, steps=4))
    train_paint(tmp_path, tmp_path / "run", longer, 0, CPU)
    assert len(log.read_text().splitlines()) == 7  # one more step, and nothing else again

    read = load_paint_model(folder)
    assert read.config.corrects and read.config.unet.guide_maps == 4
    assert (read.config.unet.num_materials, read.config.sampler) == (1, "unipc")
    picture = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(picture).rectangle((20, 20, 70, 80), fill="red")
    painter = DiffusionPainter(read, Runtime(CPU, torch.float32, "test"))
    settings = PaintSettings("pbr", 512)
    painted = painter.paint(trimesh.creation.box(), {"front": cut_out(picture)}, settings, lambda *_: None)
    about = painted.metadata["maquette"]["paint"]
    assert (about["steps"], about["guidance"], about["view_size"]) == (1, 1.0, 64)
    assert about["texels"].keys() == {"seen", "mirrored", "guessed"}
    _, rough, metal = painted.visual.material.metallicRoughnessTexture.split()
    assert metal.getextrema() == (0, 0) and rough.getextrema()[0] > 90  # what `project` guesses
    with pytest.raises(SettingError, match="published"):
        painter.paint(
            trimesh.creation.box(),
            {"front": cut_out(picture)},
            replace(settings, compatible=True),
            lambda *_: None,
        )


def test_minutes_bound_the_whole_run() -> None:
    bound = RECIPE.within(10)
    assert bound.vae_stage.time_limit is not None and bound.unet_stage.time_limit is not None
    assert bound.vae_stage.time_limit < bound.unet_stage.time_limit < 600
    with pytest.raises(SettingError, match="minutes"):
        RECIPE.within(0)


@pytest.mark.slow
def test_the_loss_compiles_into_one_graph() -> None:
    torch.manual_seed(0)
    module = Painting(PaintUNet(PaintUNetConfig(UNET, num_materials=1, text_length=1, dino_width=None)))
    noise = torch.randn(2, 1, 3, 4, 8, 8)
    inputs = (
        torch.randn(2, 1, 4, 8, 8),
        torch.randn(2, 3, 8, 8, 8),
        module.unet.rotary_tables(torch.rand(2, 3, 3, 64, 64), 8),
        noise,
        torch.randn_like(noise),
        torch.rand(2, 1, 3, 1, 8, 8),
    )
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*inputs), module(*inputs))


def test_pictures_are_compared_as_they_would_be_painted(tmp_path: Path) -> None:
    views = drawn([box(), box((0, 0, 1))])
    vae = train_vae(views, RECIPE, tmp_path, 0, CPU)
    latents, both, every = encode(vae, views, UNET), torch.arange(2), torch.arange(6).expand(2, 6)
    nothing = torch.zeros(2, 6, 4, 8, 8, requires_grad=True)
    unlike = latents.unlikeness(vae, both, nothing, every)
    hint, albedo, mask = (
        torch.nn.functional.avg_pool2d(part.flatten(0, 1).float(), 2)
        for part in (views.hint, views.albedo, views.mask)
    )
    error = ((hint - albedo).abs() * mask).sum() / (3 * 255 * mask.sum())
    distance = structural_distance(hint / 255, albedo / 255, mask).mean()
    expected = 2 * error + distance  # no correction: the hint itself
    torch.testing.assert_close(unlike, expected, rtol=0.01, atol=0.003)
    unlike.backward()
    assert nothing.grad is not None and nothing.grad.abs().flatten(2).amax(2).gt(0).all()
    other = latents.unlikeness(vae, both[:1], nothing[:1], every[:1, 2:3])
    assert abs(float(other.detach()) - float(unlike.detach())) > 0.01  # of the chosen object and view alone


def test_before_it_has_learned_anything_it_paints_as_the_weight_free_painter_does(tmp_path: Path) -> None:
    views = drawn([box()])
    unlearned = replace(RECIPE, unet_stage=replace(STAGE, steps=1, learning_rate=0.0, batch_size=2))
    vae = train_vae(views, RECIPE, tmp_path, 0, CPU)
    latents = encode(vae, views, UNET)
    assert 0.1 < float(latents.guides.float().std()) < 3  # the scale was set
    model = train_unet(latents, vae, unlearned, tmp_path, 0, CPU)
    quality = compare(model, [views], CPU)
    assert quality["model"] == quality["as_baked"] == quality["projected"]
