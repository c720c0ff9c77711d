"""The small paint model: what it is trained on, where it starts from, and that it can be painted with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image, ImageDraw

from maquette.models.image_vae import ImageVAEConfig
from maquette.models.paint_unet import PaintUNet, PaintUNetConfig
from maquette.models.unet import UNetConfig
from maquette.paint.diffusion import DiffusionPainter
from maquette.paint.pipeline import PaintSettings
from maquette.picture.cutout import cut_out
from maquette.runtime.device import Runtime
from maquette.train.meshes import PaintedMesh
from maquette.train.paint import Painting, PaintRecipe, compare, encode, render_views, train_unet, train_vae
from maquette.train.run import StageSettings
from maquette.zoo.paint_model import load_paint_model, save_paint_model

CPU = torch.device("cpu")
STAGE = StageSettings(steps=3, batch_size=2, warmup_steps=1, log_every=1)
UNET = UNetConfig(
    widths=(16, 16),
    num_heads=(1, 1),
    attention=(True, True),
    blocks_per_level=1,
    context_width=16,
    norm_groups=8,
)
RECIPE = PaintRecipe(
    size=64,
    unet=UNET,
    vae=ImageVAEConfig(widths=(8, 8, 16, 16), blocks_per_level=1, norm_groups=4),
    vae_stage=STAGE,
    unet_stage=STAGE,
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


def test_views_show_every_side_without_light() -> None:
    views = render_views([box()], 64, torch.Generator().manual_seed(0), CPU)
    middle = views.albedo[0, :, :, 32, 32].tolist()
    assert middle == [[255, 0, 0]] + [[0, 255, 0]] * 5
    assert views.metal_rough[0, 4, :, 32, 32].tolist() == [255, 51, 0]  # from above: metal
    assert views.metal_rough[0, 0, :, 32, 32].tolist() == [0, 204, 0]
    assert views.albedo[0, :, :, 0, 0].eq(255).all() and views.reference[0, :, 0, 0].eq(255).all()


@pytest.mark.slow
def test_a_run_ends_in_a_model_that_paints(tmp_path: Path) -> None:
    meshes = [box(), box((0, 0, 1)), box((1, 1, 0))]
    views = render_views(meshes, 64, torch.Generator().manual_seed(0), CPU)
    vae = train_vae(views, RECIPE, tmp_path, 0, CPU)
    latents = encode(vae, views, CPU)
    assert 0.5 < float(latents.guides.std()) < 2  # the scale was set
    model = train_unet(latents, views, vae, RECIPE, tmp_path, 0, CPU)
    assert compare(model, views, CPU).keys() == {"model", "mean_colour"}
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["paint_vae"] * 3 + ["paint_unet"] * 3

    save_paint_model(model, tmp_path / "painter", torch.float32)
    read = load_paint_model(tmp_path / "painter")
    assert read.config == model.config
    picture = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(picture).rectangle((20, 20, 70, 80), fill="red")
    painter = DiffusionPainter(read, Runtime(CPU, torch.float32, "test"))
    painted = painter.paint(
        trimesh.creation.box(), {"front": cut_out(picture)}, PaintSettings("pbr", 512), lambda *_: None
    )
    about = painted.metadata["maquette"]["paint"]
    assert (about["steps"], about["guidance"], about["view_size"]) == (1, 1.0, 64)
    assert painted.visual.material.metallicRoughnessTexture.size == (512, 512)


@pytest.mark.slow
def test_the_loss_compiles_into_one_graph() -> None:
    torch.manual_seed(0)
    module = Painting(PaintUNet(PaintUNetConfig(UNET, text_length=1, dino_width=None)))
    noise = torch.randn(2, 2, 3, 4, 8, 8)
    inputs = (
        torch.randn(2, 1, 4, 8, 8),
        torch.randn(2, 3, 8, 8, 8),
        module.unet.rotary_tables(torch.rand(2, 3, 3, 64, 64), 8),
        noise,
        torch.randn_like(noise),
    )
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*inputs), module(*inputs))


def test_before_it_has_learned_anything_it_paints_the_mean_colour(tmp_path: Path) -> None:
    views = render_views([box()], 64, torch.Generator().manual_seed(0), CPU)
    vae = train_vae(views, RECIPE, tmp_path, 0, CPU)
    latents = encode(vae, views, CPU)
    torch.manual_seed(0)
    module = Painting(PaintUNet(PaintUNetConfig(UNET, text_length=1, dino_width=None)))
    torch.nn.init.zeros_(module.unet.painting.conv_out.weight)
    torch.nn.init.zeros_(module.unet.painting.conv_out.bias)  # type: ignore[arg-type]
    tables = module.unet.rotary_tables(views.positions.float() / 255, 8)
    drawn = module.draw(latents.reference, latents.guides, tables, torch.randn_like(latents.target))
    assert drawn.eq(0).all()  # relative to the latents of that colour
