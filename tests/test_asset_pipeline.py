"""The whole story in one call: the object is cut out once, and painting is a choice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from maquette.errors import SettingError
from maquette.paint.pipeline import PaintSettings
from maquette.pipeline import AssetPipeline, AssetSettings
from maquette.runtime.device import Runtime
from maquette.shape.pipeline import ShapePipeline, ShapeSettings
from tiny_model import tiny_model


@pytest.fixture(scope="module")
def shape() -> ShapePipeline:
    return ShapePipeline(tiny_model(), Runtime(torch.device("cpu"), torch.float32, "test"))


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    picture = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(picture).ellipse((16, 16, 80, 80), fill=(200, 120, 60, 255))
    return picture


def test_without_paint_the_asset_is_the_shape(shape: ShapePipeline, picture: Image.Image) -> None:
    settings = ShapeSettings(faces=500)
    asset = AssetPipeline(shape, None).generate(picture, AssetSettings(settings, None))
    assert np.array_equal(asset.vertices, shape.generate(picture, settings).vertices)
    assert asset.metadata["maquette"]["seed"] == 0


def test_painting_without_a_painter_is_refused_before_any_work(shape: ShapePipeline) -> None:
    with pytest.raises(SettingError, match="painter"):
        AssetPipeline(shape, None).generate("missing.png", AssetSettings(paint=PaintSettings()))


@pytest.mark.parametrize("size", [256, 1000, 16384, 0])
def test_texture_sizes_are_powers_of_two_in_range(size: int) -> None:
    with pytest.raises(SettingError, match="texture_size"):
        PaintSettings(texture_size=size)
