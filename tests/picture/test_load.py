"""Every kind of picture comes out as upright 8-bit RGB or RGBA, and every bad one is named in one sentence."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maquette.errors import PictureError
from maquette.picture.load import load_picture


def _ramp(width: int = 48, height: int = 32) -> np.ndarray:
    """(H, W, 3) uint8 with red growing to the right and green downwards."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), np.full_like(x, 60)], axis=-1).astype(
        np.uint8
    )


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    picture = load_picture(_encoded(Image.fromarray(_ramp()), kind))
    assert picture.mode == "RGB"
    assert np.array_equal(np.asarray(picture), _ramp())


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {"quality": 95, "subsampling": 0}), ("WEBP", {"quality": 95})]
)
def test_lossy_formats_come_close(kind: str, options: dict[str, object]) -> None:
    picture = load_picture(_encoded(Image.fromarray(_ramp()), kind, **options))
    assert np.abs(np.asarray(picture).astype(int) - _ramp()).mean() < 6


def test_webp_is_read_in_a_fresh_interpreter(tmp_path: Path) -> None:
    # Pillow registers some formats only on demand; a test run that has seen them already would not notice.
    path = tmp_path / "a.webp"
    path.write_bytes(_encoded(Image.fromarray(_ramp()), "WEBP"))
    code = "import sys; from maquette.picture.load import load_picture; print(load_picture(sys.argv[1]).size)"
    shown = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "(48, 32)"


def test_paths_bytes_and_images_give_the_same(tmp_path: Path) -> None:
    data = _encoded(Image.fromarray(_ramp()), "PNG")
    path = tmp_path / "ramp.png"
    path.write_bytes(data)
    for source in (path, str(path), data, Image.open(path), Image.fromarray(_ramp())):
        assert np.array_equal(np.asarray(load_picture(source)), _ramp())


def test_the_image_passed_in_is_not_shared() -> None:
    mine = Image.fromarray(_ramp())
    load_picture(mine).paste((0, 0, 0), (0, 0, 48, 32))
    assert np.array_equal(np.asarray(mine), _ramp())


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)],
)
def test_exif_orientation_is_applied(orientation: int, undo: Image.Transpose) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    stored = Image.fromarray(_ramp()).transpose(undo)
    assert np.array_equal(np.asarray(load_picture(_encoded(stored, "PNG", exif=exif))), _ramp())


def test_real_alpha_is_kept_and_an_opaque_one_dropped() -> None:
    alpha = np.full((32, 48), 255, dtype=np.uint8)
    opaque = Image.fromarray(np.dstack([_ramp(), alpha]))
    assert load_picture(_encoded(opaque, "PNG")).mode == "RGB"
    alpha[:, :10] = 40
    seen = load_picture(_encoded(Image.fromarray(np.dstack([_ramp(), alpha])), "PNG"))
    assert seen.mode == "RGBA"
    assert np.array_equal(np.asarray(seen)[..., 3], alpha)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palette_transparency_becomes_alpha(kind: str) -> None:
    indexed = Image.fromarray(np.repeat(np.arange(3, dtype=np.uint8), 16)[None].repeat(32, axis=0), "P")
    indexed.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    seen = np.asarray(load_picture(_encoded(indexed, kind, transparency=1)))
    assert np.array_equal(np.unique(seen[:, 16:32, 3]), [0])
    assert np.array_equal(seen[0, 0], [255, 0, 0, 255])
    assert np.array_equal(seen[0, 40], [0, 0, 255, 255])


def test_a_transparent_colour_of_an_rgb_png_becomes_alpha() -> None:
    ramp = _ramp()
    ramp[:, :8] = (1, 2, 3)
    seen = np.asarray(load_picture(_encoded(Image.fromarray(ramp), "PNG", transparency=(1, 2, 3))))
    assert (seen[:, :8, 3] == 0).all()
    assert (seen[:, 8:, 3] == 255).all()


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.fromarray(_ramp()[..., channel]) for channel in (0, 1)]
    seen = np.asarray(load_picture(_encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])))
    assert np.abs(seen[..., 0].astype(int) - _ramp()[..., 0]).max() <= 2


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_becomes_equal_channels(mode: str) -> None:
    grey = Image.fromarray(_ramp()[..., 0]).convert(mode)
    if mode == "LA":
        grey.putalpha(Image.fromarray(_ramp()[..., 1]))
    seen = np.asarray(load_picture(_encoded(grey, "PNG")))
    assert seen.shape[2] == (4 if mode == "LA" else 3)
    assert all(np.array_equal(seen[..., channel], _ramp()[..., 0]) for channel in range(3))


def test_sixteen_bits_are_scaled_by_their_full_range() -> None:
    deep = (_ramp()[..., 0].astype(np.uint16) * 257) // 2  # half as bright as it could be
    for kind in ("PNG", "TIFF"):
        seen = np.asarray(load_picture(_encoded(Image.fromarray(deep), kind)))
        assert np.abs(seen[..., 0].astype(float) - deep / 257).max() <= 0.51


@pytest.mark.parametrize("full", [1.0, 255.0])
def test_float_tiffs_are_scaled_by_what_white_is_in_them(full: float) -> None:
    values = (_ramp()[..., 0] / 255 * full).astype(np.float32)
    values[0, 0] = np.nan
    seen = np.asarray(load_picture(_encoded(Image.fromarray(values), "TIFF")))
    assert seen[0, 0, 0] == 0
    assert np.array_equal(seen[1:, :, 0], _ramp()[1:, :, 0])


def test_cmyk_and_one_bit_are_converted() -> None:
    cmyk = Image.new("CMYK", (32, 32), (0, 0, 0, 0))
    cmyk.paste((0, 255, 255, 0), (0, 0, 16, 32))
    seen = np.asarray(load_picture(_encoded(cmyk, "TIFF")))
    assert np.array_equal(seen[0, 0], [255, 0, 0])
    assert np.array_equal(seen[0, 31], [255, 255, 255])
    bits = Image.fromarray(_ramp()[..., 0] > 128)
    assert np.array_equal(np.unique(np.asarray(load_picture(_encoded(bits, "PNG")))), [0, 255])


def test_an_embedded_colour_profile_is_applied() -> None:
    from PIL import ImageCms

    # A profile whose "red" is sRGB's green would show at once; Lab is the one other profile Pillow can make.
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = load_picture(_encoded(Image.fromarray(_ramp()), "PNG", icc_profile=srgb))
    assert np.array_equal(np.asarray(same), _ramp())
    unusable = load_picture(_encoded(Image.fromarray(_ramp()), "PNG", icc_profile=lab))
    assert np.array_equal(np.asarray(unusable), _ramp())


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def _svg() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="4"/></svg>'


_NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
BAD_FILES = {
    "empty": (b"", "empty"),
    "text": (b"not a picture, just words\n" * 40, "is text"),
    "page": (b"<!doctype html><title>404</title>", "is text"),
    "svg": (_svg(), "vector drawing"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(64), "HEIC"),
    "random": (bytes(range(128, 256)) * 8, "not a picture in any format"),
    "truncated png": (_encoded(Image.fromarray(_NOISE), "PNG")[:4000], "truncated"),
    "truncated jpeg": (_encoded(Image.fromarray(_NOISE), "JPEG")[:1500], "truncated"),
    "truncated webp": (_encoded(Image.fromarray(_NOISE), "WEBP", lossless=True)[:3000], "damaged"),
    "truncated header": (_encoded(Image.fromarray(_NOISE), "PNG")[:20], "header is damaged"),
    "one pixel": (_encoded(Image.new("RGB", (1, 1)), "PNG"), "1 by 1"),
    "too thin": (_encoded(Image.fromarray(_NOISE[:15]), "PNG"), "64 by 15"),
    "over our limit": (_png_that_claims(9000, 9000), "9000 by 9000"),
    "bomb": (_png_that_claims(30000, 30000), "more than the 64,000,000"),
    "transparent": (_encoded(Image.new("RGBA", (32, 32), (9, 9, 9, 0)), "PNG"), "fully transparent"),
    "uniform": (_encoded(Image.new("RGB", (32, 32), (9, 99, 9)), "PNG"), "single colour"),
    "uniform jpeg": (_encoded(Image.new("RGB", (32, 32), (9, 99, 9)), "JPEG"), "single colour"),
    "uniform glass": (_encoded(Image.new("RGBA", (32, 32), (9, 99, 9, 90)), "PNG"), "single colour"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", list(BAD_FILES))
def test_a_bad_file_is_named_with_what_is_wrong(case: str, tmp_path: Path) -> None:
    data, complaint = BAD_FILES[case]
    path = tmp_path / f"{case}.png"
    path.write_bytes(data)
    with pytest.raises(PictureError) as caught:
        load_picture(path)
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_silhouette_in_one_colour_is_a_picture() -> None:
    shape = Image.new("RGBA", (32, 32), (9, 9, 9, 0))
    shape.paste((9, 9, 9, 255), (8, 8, 24, 24))
    assert load_picture(shape).mode == "RGBA"


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"nothing\.png does not exist"):
        load_picture(tmp_path / "nothing.png")
    with pytest.raises(PictureError, match="is a folder"):
        load_picture(tmp_path)
    with pytest.raises(PictureError, match="type int"):
        load_picture(3)  # type: ignore[arg-type]


def test_the_limit_on_pixels_can_be_set() -> None:
    with pytest.raises(PictureError, match="48 by 32 pixels, more than the 1,000"):
        load_picture(Image.fromarray(_ramp()), max_pixels=1000)
