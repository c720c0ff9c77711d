"""The whole way from a picture to a mesh, with a small random model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from maquette.errors import SettingError
from maquette.runtime.device import choose_runtime
from maquette.shape.pipeline import ShapePipeline, ShapeSettings
from tiny_model import tiny_model


@pytest.fixture(scope="module")
def pipeline() -> ShapePipeline:
    return ShapePipeline(tiny_model(), choose_runtime("cpu"))


@pytest.fixture
def picture() -> Image.Image:
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    rgba = np.stack([200 + 50 * x, 120 + 50 * y, np.full_like(x, 60), 255 * (x**2 + y**2 < 0.6)], axis=-1)
    return Image.fromarray(rgba.astype(np.uint8), "RGBA")


def test_mesh_is_watertight_wound_outward_and_in_the_box(
    pipeline: ShapePipeline, picture: Image.Image
) -> None:
    mesh = pipeline(picture, faces=2000)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    assert len(mesh.faces) <= 2040
    assert np.abs(mesh.vertices).max() <= 1.05  # simplification may move a vertex a little past the box


def test_settings_and_seed_are_recorded(pipeline: ShapePipeline, picture: Image.Image) -> None:
    recorded = pipeline(picture, seed=5, steps=3).metadata["maquette"]
    assert recorded["seed"] == 5 and recorded["steps"] == 3
    assert (
        recorded["model"] == "tiny" and recorded["cutout"] == "alpha" and recorded["license"] == "Apache-2.0"
    )


def test_the_seed_decides_the_mesh(pipeline: ShapePipeline, picture: Image.Image) -> None:
    first, again, other = (pipeline(picture, seed=seed, faces=None) for seed in (1, 1, 2))
    assert np.array_equal(first.vertices, again.vertices) and np.array_equal(first.faces, again.faces)
    assert len(first.vertices) != len(other.vertices) or not np.array_equal(first.vertices, other.vertices)


def test_the_picture_decides_the_latents(pipeline: ShapePipeline, picture: Image.Image) -> None:
    sampling, _ = pipeline._resolve(ShapeSettings())
    flipped = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    one, other = (pipeline.draw_latents(p, 0, sampling) for p in (picture, flipped))
    assert not torch.equal(one, other)


def test_progress_names_every_stage_and_may_stop_the_work(
    pipeline: ShapePipeline, picture: Image.Image
) -> None:
    stages: list[str] = []
    pipeline(picture, on_progress=lambda stage, done, total: stages.append(stage))
    assert list(dict.fromkeys(stages)) == ["picture", "condition", "denoise", "decode", "mesh"]

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "denoise":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline(picture, on_progress=stop)


@pytest.mark.parametrize(
    "setting", [{"seed": -1}, {"steps": 0}, {"guidance": float("nan")}, {"faces": 3}, {"resolution": 3}]
)
def test_bad_settings_are_refused_before_any_work(pipeline: ShapePipeline, setting: dict) -> None:
    with pytest.raises(SettingError, match=next(iter(setting))):
        pipeline("no-such-file.png", **setting)
