"""The object ends up centred on white at the right size. The parity cases test byte equality with the original."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from maquette.errors import PictureError, SettingError
from maquette.picture.recentre import recentre, recentre_views


def _block(left: int, top: int, right: int, bottom: int, size: tuple[int, int] = (200, 120)) -> Image.Image:
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (left, top, right, bottom))
    return picture


@pytest.mark.parametrize("where", [(10, 10, 70, 40), (120, 60, 180, 90)])
def test_the_object_is_centred_wherever_it_was(where: tuple[int, int, int, int]) -> None:
    result = recentre(_block(*where), size=100, border_ratio=0.2)
    mask = result.mask[0, 0].numpy() > 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert columns.size == pytest.approx(80, abs=1)
    assert rows.size == pytest.approx(40, abs=2)
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(49.5, abs=1)
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(49.5, abs=1)


def test_ranges_shapes_and_background() -> None:
    result = recentre(_block(60, 20, 140, 100), size=64)
    assert result.image.shape == (1, 3, 64, 64)
    assert result.mask.shape == (1, 1, 64, 64)
    assert result.image.min() == -1
    assert result.image.max() == 1
    assert result.image[0, :, 0, 0].tolist() == [1, 1, 1]
    assert result.image[0, :, 32, 32].tolist() == [1, -1, -1]
    assert result.mask[0, 0, 0, 0] == -1
    assert result.mask[0, 0, 32, 32] == 1


def test_a_picture_without_alpha_counts_as_opaque() -> None:
    result = recentre(Image.new("RGB", (50, 50), (0, 0, 255)), size=40, border_ratio=0.0)
    assert result.mask.min() == 1


def test_views_are_ordered_and_numbered() -> None:
    colours = {"right": (0, 0, 255), "front": (255, 0, 0), "back": (0, 255, 0)}
    views = {}
    for name, colour in colours.items():
        views[name] = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
        views[name].paste((*colour, 255), (10, 10, 50, 50))
    result = recentre_views(views, size=32)
    assert result.view_indices == (0, 2, 3)
    assert result.image.shape == (1, 3, 3, 32, 32)
    assert result.mask.shape == (1, 3, 1, 32, 32)
    assert result.image[0, :, :, 16, 16].tolist() == [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]


def test_nothing_to_centre_is_said_and_the_view_named() -> None:
    empty = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    with pytest.raises(PictureError, match="nothing in it is opaque"):
        recentre(empty)
    with pytest.raises(PictureError, match="the back view"):
        recentre_views({"front": _block(10, 10, 60, 60), "back": empty})


def test_settings_are_checked() -> None:
    with pytest.raises(SettingError, match="size is 0"):
        recentre(_block(10, 10, 60, 60), size=0)
    with pytest.raises(SettingError, match="border_ratio is 1"):
        recentre(_block(10, 10, 60, 60), border_ratio=1.0)
    with pytest.raises(SettingError, match="unknown view 'top'"):
        recentre_views({"top": _block(10, 10, 60, 60)})
    with pytest.raises(SettingError, match="no view"):
        recentre_views({})
