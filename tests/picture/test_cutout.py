"""Cut-outs are compared with the alpha a synthetic scene was made with, and with an outline drawn on a photograph."""

from __future__ import annotations

import io
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from maquette.errors import PictureError, SettingError
from maquette.picture.cutout import cut_out
from maquette.picture.load import load_picture

COFFEE = Path(__file__).parents[2] / "examples" / "photos" / "coffee.jpg"
SIZE = (360, 300)


@pytest.fixture(autouse=True)
def _without_rembg(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in ways are tested here, whatever is installed."""
    monkeypatch.setitem(sys.modules, "rembg", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def _smooth_shape(draw: Callable[[ImageDraw.ImageDraw, int], None]) -> np.ndarray:
    """(H, W) alpha in [0, 1] of a shape drawn at four times the size."""
    large = Image.new("L", (SIZE[0] * 4, SIZE[1] * 4))
    draw(ImageDraw.Draw(large), 4)
    return np.asarray(large.resize(SIZE, Image.Resampling.BOX), dtype=np.float32) / 255


def _mug(draw: ImageDraw.ImageDraw, s: int) -> None:
    draw.rectangle([100 * s, 70 * s, 200 * s, 230 * s], fill=255)
    draw.ellipse([170 * s, 100 * s, 260 * s, 200 * s], fill=255)
    draw.ellipse([200 * s, 122 * s, 242 * s, 178 * s], fill=0)
    draw.rectangle([170 * s, 100 * s, 200 * s, 200 * s], fill=255)


def _ball(draw: ImageDraw.ImageDraw, s: int) -> None:
    draw.ellipse([90 * s, 60 * s, 270 * s, 240 * s], fill=255)


def _scene(
    alpha: np.ndarray,
    colour: tuple[int, int, int],
    top: tuple[int, int, int],
    bottom: tuple[int, int, int],
    noise: float = 0.0,
    shadow: float = 0.0,
    jpeg: bool = False,
) -> Image.Image:
    """A shaded object before a backdrop that runs from one colour to another, perhaps with a soft shadow."""
    height, width = alpha.shape
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    backdrop = np.array(top) * (1 - y[..., None]) + np.array(bottom) * y[..., None]
    blurred = Image.fromarray((alpha * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(12))
    cast = np.roll(np.asarray(blurred) / 255, (14, 20), (0, 1))
    backdrop = backdrop * (1 - shadow * cast[..., None])
    surface = np.array(colour) * (0.7 + 0.4 * (1 - x))[..., None]
    pixels = backdrop * (1 - alpha[..., None]) + surface * alpha[..., None]
    pixels += np.random.default_rng(0).normal(0, noise, alpha.shape)[..., None]
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if not jpeg:
        return image
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return Image.open(buffer).convert("RGB")


def _overlap(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.minimum(found, truth).sum() / np.maximum(found, truth).sum())


def _alpha(image: Image.Image) -> np.ndarray:
    return np.asarray(image.getchannel("A"), dtype=np.float32) / 255


GREY, WHITE, BLACK, BLUE = (180, 185, 190), (255, 255, 255), (10, 10, 12), (70, 100, 170)


@pytest.mark.parametrize(
    ("shape", "colour", "top", "bottom", "extra", "at_least"),
    [
        (_mug, (200, 40, 40), WHITE, WHITE, {}, 0.99),
        (_ball, (40, 80, 200), GREY, (90, 92, 99), {"noise": 4.0, "shadow": 0.4, "jpeg": True}, 0.97),
        (_ball, (60, 180, 60), BLACK, (28, 28, 30), {"noise": 3.0, "jpeg": True}, 0.98),
        (_ball, (140, 140, 140), GREY, GREY, {"noise": 2.0, "shadow": 0.3, "jpeg": True}, 0.97),
        (_mug, (220, 170, 140), BLUE, (90, 120, 190), {"noise": 3.0, "shadow": 0.3, "jpeg": True}, 0.93),
    ],
)
def test_objects_before_a_plain_backdrop(
    shape: Callable[[ImageDraw.ImageDraw, int], None],
    colour: tuple[int, int, int],
    top: tuple[int, int, int],
    bottom: tuple[int, int, int],
    extra: dict[str, float],
    at_least: float,
) -> None:
    truth = _smooth_shape(shape)
    result = cut_out(_scene(truth, colour, top, bottom, **extra))  # type: ignore[arg-type]
    assert result.method == "backdrop"
    assert result.note is None
    assert result.rgba.size == SIZE
    assert _overlap(_alpha(result.rgba), truth) > at_least


def test_edges_are_soft_and_free_of_background() -> None:
    truth = _smooth_shape(_ball)
    result = cut_out(_scene(truth, (200, 40, 40), (40, 200, 40), (40, 200, 40)))
    edge = (truth > 0.1) & (truth < 0.9)
    assert np.abs(_alpha(result.rgba) - truth)[edge].mean() < 0.15
    colours = np.asarray(result.rgba)[..., :3].astype(int)
    assert colours[edge][:, 1].max() < 90  # the backdrop's green is 200
    assert colours[..., 1].max() < 90  # nor is it left under transparent pixels


def test_the_handle_of_a_mug_is_open() -> None:
    result = cut_out(_scene(_smooth_shape(_mug), (200, 40, 40), BLUE, BLUE))
    assert _alpha(result.rgba)[150, 221] == 0
    assert _alpha(result.rgba)[150, 150] == 1


def _saucer_and_cup() -> np.ndarray:
    """(400, 600) the outline of cup and saucer in the coffee photograph, drawn by hand as two ellipses."""
    y, x = np.mgrid[:400, :600]
    saucer = ((x - 278) / 202) ** 2 + ((y - 228) / 160) ** 2 < 1
    cup = ((x - 290) / 118) ** 2 + ((y - 112) / 95) ** 2 < 1
    return saucer | cup


def test_a_photograph_of_a_cup_on_a_wooden_table() -> None:
    result = cut_out(load_picture(COFFEE))
    assert result.method == "grabcut"
    assert result.note is None
    assert _overlap(_alpha(result.rgba), _saucer_and_cup().astype(np.float32)) > 0.93
    assert _alpha(result.rgba)[:14].max() == 0  # the dark corner and the table behind
    assert _alpha(result.rgba)[:, 500:].max() == 0  # the table


def test_the_same_picture_gives_the_same_cutout_whatever_ran_before() -> None:
    import cv2

    picture = load_picture(COFFEE).resize((300, 200))
    first = np.asarray(cut_out(picture).rgba)
    cv2.setRNGSeed(99)
    assert np.array_equal(np.asarray(cut_out(picture).rgba), first)


def test_large_pictures_keep_their_size_and_sharpness() -> None:
    truth = _smooth_shape(_ball)
    large = _scene(truth, (200, 40, 40), WHITE, WHITE).resize((1800, 1500))
    result = cut_out(large)
    assert result.rgba.size == (1800, 1500)
    inside = np.asarray(result.rgba)[600:900, 800:1000]
    assert np.array_equal(inside[..., :3], np.asarray(large)[600:900, 800:1000])


def test_an_alpha_channel_is_trusted_and_the_hidden_colours_replaced() -> None:
    rgba = np.zeros((60, 80, 4), dtype=np.uint8)
    rgba[20:40, 20:60] = (200, 100, 50, 255)
    rgba[19, 20:60] = (200, 100, 50, 128)
    result = cut_out(Image.fromarray(rgba))
    assert result.method == "alpha"
    assert np.array_equal(np.asarray(result.rgba)[..., 3], rgba[..., 3])
    assert (np.asarray(result.rgba)[..., :3] == (200, 100, 50)).all()


def test_a_few_transparent_pixels_are_not_a_cutout() -> None:
    picture = _scene(_smooth_shape(_ball), (200, 40, 40), WHITE, WHITE).convert("RGBA")
    picture.putpixel((0, 0), (255, 255, 255, 0))
    assert cut_out(picture).method == "backdrop"
    with pytest.raises(PictureError, match="no transparent background"):
        cut_out(picture, "alpha")


def test_an_object_cut_off_by_the_frame_is_mentioned() -> None:
    truth = np.roll(_smooth_shape(_ball), 130, axis=0)
    truth[:60] = 0
    note = cut_out(_scene(truth, (200, 40, 40), WHITE, WHITE)).note
    assert note is not None
    assert "bottom edge" in note


def test_a_busy_background_is_mentioned() -> None:
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 255, (15, 18, 3)).astype(np.uint8)
    busy = np.asarray(Image.fromarray(blocks).resize(SIZE, Image.Resampling.NEAREST), dtype=np.float32)
    truth = _smooth_shape(_ball)[..., None]
    picture = busy * (1 - truth) + np.array((200, 40, 40)) * truth
    note = cut_out(Image.fromarray(picture.astype(np.uint8))).note
    assert note is not None
    assert "busy" in note


@pytest.mark.parametrize("kind", ["noise", "gradient", "film grain"])
def test_a_picture_without_an_object_is_refused(kind: str) -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:200, :240]
    pixels = {
        "noise": rng.integers(0, 255, (200, 240, 3)),
        "gradient": np.stack([x / 2, y / 2, np.full_like(x, 90)], axis=-1),
        "film grain": 128 + rng.normal(0, 3, (200, 240, 3)),
    }[kind]
    with pytest.raises(PictureError, match="object"):
        cut_out(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


def test_none_leaves_the_picture_as_it_is() -> None:
    picture = _scene(_smooth_shape(_ball), (200, 40, 40), WHITE, WHITE)
    result = cut_out(picture, "none")
    assert np.array_equal(np.asarray(result.rgba)[..., :3], np.asarray(picture))
    assert _alpha(result.rgba).min() == 1


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(SettingError, match="'magic'"):
        cut_out(Image.new("RGB", (32, 32)), "magic")  # type: ignore[arg-type]


def test_rembg_missing_is_said_with_its_remedy() -> None:
    with pytest.raises(PictureError, match=r"rembg\[cpu\]"):
        cut_out(_scene(_smooth_shape(_ball), (200, 40, 40), WHITE, WHITE), "rembg")


def test_rembg_is_preferred_when_installed_and_replaced_when_it_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = _smooth_shape(_ball)
    picture = _scene(truth, (200, 40, 40), WHITE, WHITE)
    stand_in = types.ModuleType("rembg")

    def remove(image: Image.Image) -> Image.Image:
        image = image.convert("RGBA")
        image.putalpha(Image.fromarray((truth * 255).astype(np.uint8)))
        return image

    def fail(image: Image.Image) -> Image.Image:
        raise OSError("no network")

    stand_in.remove = remove  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rembg", stand_in)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert cut_out(picture).method == "rembg"
    stand_in.remove = fail  # type: ignore[attr-defined]
    result = cut_out(picture)
    assert result.method == "backdrop"
    assert result.note is not None
    assert "no network" in result.note
