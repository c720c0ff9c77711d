"""Several pictures of one object are cut out once, in a fixed order, and a bad one is named."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from maquette.errors import PictureError, SettingError
from maquette.picture.views import cut_out_views


def _disc(colour: str) -> Image.Image:
    picture = Image.new("RGBA", (64, 64))
    ImageDraw.Draw(picture).ellipse((12, 12, 52, 52), fill=colour)
    return picture


def test_one_picture_counts_as_the_front() -> None:
    assert list(cut_out_views(_disc("red"))) == ["front"]


def test_several_keep_the_order_of_the_views_and_cutouts_are_left_alone() -> None:
    first = cut_out_views({"back": _disc("red"), "front": _disc("blue")})
    assert list(first) == ["front", "back"]
    again = cut_out_views(first)
    assert all(again[name] is first[name] for name in first)


def test_a_bad_view_is_named() -> None:
    with pytest.raises(PictureError, match="the back view: "):
        cut_out_views({"front": _disc("red"), "back": Image.new("RGBA", (64, 64))})
    with pytest.raises(SettingError, match="unknown view 'top'"):
        cut_out_views({"top": _disc("red")})
    with pytest.raises(SettingError, match="no picture"):
        cut_out_views({})
