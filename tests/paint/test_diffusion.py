"""The diffusion painter from mesh and picture to textured mesh, with tiny random models."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image, ImageDraw

from maquette.errors import SettingError
from maquette.models.clip_text import CLIPText, CLIPTextConfig
from maquette.models.image_vae import ImageVAE
from maquette.models.unet import TextBlock, UNet
from maquette.paint.delight import remove_light
from maquette.paint.diffusion import DiffusionPainter
from maquette.paint.draw import corrected_colours
from maquette.paint.pipeline import PaintSettings
from maquette.paint.samplers import NoiseSchedule
from maquette.picture.cutout import Cutout, cut_out
from maquette.runtime.device import Runtime
from maquette.zoo.paint_model import LightRemover
from tiny_painter import COLOUR, INNER, PBR, VAE, tiny_painter

CPU = Runtime(torch.device("cpu"), torch.float32, "test")
SMALL = PaintSettings(painter="pbr", texture_size=512, view_size=256, steps=1)


def picture(colour: str = "red") -> Cutout:
    image = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(image).ellipse((16, 8, 80, 88), fill=colour)
    return cut_out(image)


def box() -> trimesh.Trimesh:
    mesh = trimesh.creation.box((0.4, 0.8, 0.6))
    mesh.apply_translation((3, 2, 1))
    mesh.metadata["maquette"] = {"seed": 5}
    return mesh


def paint(config: Any = PBR, settings: PaintSettings = SMALL, **changes: Any) -> trimesh.Trimesh:
    painter = DiffusionPainter(dataclasses.replace(tiny_painter(config), **changes), CPU)
    return painter.paint(box(), {"front": picture()}, settings, lambda *_: None)


def test_a_mesh_gets_colour_metal_and_roughness_at_its_own_place() -> None:
    painted = paint()
    material = painted.visual.material
    assert material.baseColorTexture.size == material.metallicRoughnessTexture.size == (512, 512)
    assert np.asarray(material.metallicRoughnessTexture)[..., 0].min() == 255  # occlusion: none
    np.testing.assert_allclose(painted.bounds, box().bounds, atol=1e-6)
    about = painted.metadata["maquette"]["paint"]
    assert painted.metadata["maquette"]["seed"] == 5
    assert (about["painter"], about["model"], about["steps"], about["guidance"]) == ("pbr", "tiny", 1, 3.0)
    assert about["texels"]["seen"] > 20 * about["texels"]["guessed"] >= 0
    assert len(about["views"]) == 6
    assert "not enlarged" in painted.metadata["notes"][0]


def test_pictures_land_on_the_sides_that_they_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn for each camera is one colour, so every face must have that of the camera before it."""
    painter = DiffusionPainter(tiny_painter(), CPU)
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]])
    drawn = colours[None, :, :, None, None].expand(2, 6, 3, 256, 256)
    monkeypatch.setattr(
        painter.drawer, "draw", lambda *_: type("Drawn", (), {"pictures": drawn.half(), "notes": ()})
    )
    painted = painter.paint(box(), {"front": picture()}, SMALL, lambda *_: None)
    normals = {(0, 0, 1): 0, (1, 0, 0): 1, (0, 0, -1): 2, (-1, 0, 0): 3, (0, 1, 0): 4, (0, -1, 0): 5}
    sheet = np.asarray(painted.visual.material.baseColorTexture) / 255
    for face, normal in zip(painted.faces, painted.face_normals, strict=True):
        u, v = painted.visual.uv[face].mean(0)
        texel = sheet[int((1 - v) * 512), int(u * 512)]
        expected = colours[normals[tuple(np.rint(normal).astype(int).tolist())]].numpy()
        assert np.abs(texel - expected).max() < 0.1, (normal, texel)


def test_colour_models_leave_metal_and_roughness_alone() -> None:
    material = paint(COLOUR).visual.material
    assert material.metallicRoughnessTexture is None
    assert material.metallicFactor == 0.0


@pytest.mark.slow
def test_the_published_way_paints_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maquette.paint.diffusion.GUIDE_SIZE", 256)
    for config in (PBR, COLOUR):
        painted = paint(config, dataclasses.replace(SMALL, view_size=64, compatible=True))
        assert painted.visual.material.baseColorTexture.size == (512, 512)
        assert painted.metadata["maquette"]["paint"]["texels"]["seen"] > 0


def test_several_pictures_are_taken_front_first(monkeypatch: pytest.MonkeyPatch) -> None:
    painter, seen = DiffusionPainter(tiny_painter(), CPU), []

    def draw(references: Any, *_: Any) -> Any:
        seen.extend(np.asarray(r)[256, 256].tolist() for r in references)
        return type("Drawn", (), {"pictures": torch.rand(2, 6, 3, 256, 256).half(), "notes": ()})

    monkeypatch.setattr(painter.drawer, "draw", draw)
    pictures = {"back": picture("blue"), "front": picture("red")}
    painter.paint(box(), pictures, SMALL, lambda *_: None)
    assert seen == [[255, 0, 0], [0, 0, 255]]


@pytest.mark.slow
def test_every_stage_is_told() -> None:
    stages: list[str] = []
    painter = DiffusionPainter(tiny_painter(COLOUR, enlarges=True), CPU)
    painter.paint(box(), {"front": picture()}, SMALL, lambda stage, *_: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["unwrap", "condition", "denoise", "decode", "upscale", "paint"]


def light_remover(steps: int = 2) -> LightRemover:
    torch.manual_seed(0)
    unet = UNet(dataclasses.replace(INNER, in_channels=8), TextBlock)
    text = CLIPText(CLIPTextConfig(width=32, depth=1, num_heads=2))
    schedule = NoiseSchedule(spacing="leading", zero_terminal_snr=False)
    return LightRemover(unet.eval(), ImageVAE(VAE).eval(), text.eval(), schedule, size=64, steps=steps)


def test_light_is_removed_first_where_the_model_can() -> None:
    stages: list[str] = []
    model = dataclasses.replace(tiny_painter(COLOUR), light_remover=light_remover())
    DiffusionPainter(model, CPU).paint(
        box(), {"front": picture()}, SMALL, lambda stage, *_: stages.append(stage)
    )
    assert "relight" in stages


def test_light_removal_keeps_the_colours_mean_and_the_white_around() -> None:
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    redrawn = np.asarray(
        remove_light(light_remover(), picture().rgba, noise, lambda: torch.zeros_like(noise))
    )
    assert redrawn.shape == (64, 64, 3)
    assert redrawn[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    "wrong",
    [
        {"views": 0},
        {"views": 13},
        {"view_size": 500},
        {"view_size": 32},
        {"steps": 0},
        {"guidance": float("nan")},
    ],
)
def test_bad_settings_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(wrong))} is"):
        PaintSettings(**wrong)


def test_corrected_colours_are_as_bright_as_the_drawn_and_between_both_in_hue() -> None:
    projected = torch.tensor([[0.4, 0.2, 0.1], [0.3, 0.3, 0.3], [0.5, 0.4, 0.3]])
    drawn = torch.tensor([[0.1, 0.2, 0.4], [0.9, 0.5, 0.5], [0.0, 0.0, 0.0]])
    corrected = corrected_colours(projected, drawn)
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close((corrected @ luma)[:2], (drawn @ luma)[:2], rtol=0.1, atol=0.0)
    redness = [float(colours[1, 0] - colours[1, 1]) for colours in (projected, corrected, drawn)]
    assert redness[0] < redness[1] < redness[2]
    assert (corrected[2] @ luma) > 0.4 * (projected[2] @ luma)  # a model that says black is not believed
    torch.testing.assert_close(corrected_colours(projected, projected), projected)
