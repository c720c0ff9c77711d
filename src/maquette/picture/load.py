"""Reading a picture: any common file, the right way up, as 8-bit RGB or RGBA.

The header is checked before a single pixel is decoded, so a small file that claims a huge picture costs nothing.
Only the formats listed in `FORMATS` are tried: some of Pillow's other readers start external programs.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from maquette.errors import PictureError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM")
"""Pillow's names of the formats that are read."""

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".bmp"}
"""What a file in a folder is taken for a picture by."""

MIN_SIDE = 16
"""Smallest width and height in pixels; anything less shows no shape."""

_READABLE = "use a PNG, JPEG, WebP, TIFF, GIF or BMP picture"


def load_picture(source: str | Path | Image.Image | bytes, *, max_pixels: int = 64_000_000) -> Image.Image:
    """Read a picture and bring it to 8-bit RGB or, where anything in it is transparent, RGBA.

    The EXIF orientation is applied, an embedded colour profile is converted to sRGB, 16-bit and float pictures are
    scaled to 8 bits, and of several frames the first is taken. A picture object that is passed in is not changed.

    Args:
        source: a path, the bytes of a file, or a PIL image.
        max_pixels: refuse pictures with more pixels than this, judged from the header.

    Raises:
        PictureError: the file is missing, empty, damaged or not a picture; or the picture is too large, smaller
            than 16 pixels on a side, fully transparent, or of one colour only.
    """
    name, image = _open(source, max_pixels)
    width, height = image.size
    if width * height > max_pixels:
        raise PictureError(
            f"{name} is {width} by {height} pixels, more than the {max_pixels:,} allowed",
            "make it smaller first",
        )
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            f"{name} is only {width} by {height} pixels", f"each side needs at least {MIN_SIDE}, better 512"
        )
    try:
        image.load()
        result = _to_8_bit(_upright(image))
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged data
        raise PictureError(
            f"{name} is damaged or truncated: {_one_line(error)}", "export or copy it again"
        ) from error
    _check_content(result, name)
    return result


def _open(source: str | Path | Image.Image | bytes, max_pixels: int) -> tuple[str, Image.Image]:
    """The name to use in messages, and an image of which only the header has been read."""
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "") or "the picture"), source
    if isinstance(source, bytes):
        name, data = "the picture (bytes)", source
    elif isinstance(source, (str, Path)):
        name, data = str(source), _read(Path(source))
    else:
        raise PictureError(
            f"cannot read a picture from an object of type {type(source).__name__}",
            "pass a path, the bytes of a file, or a PIL image",
        )
    if not data:
        raise PictureError(f"{name} is empty (0 bytes)", _READABLE)
    Image.init()  # Image.open(formats=...) knows only formats that were registered before
    try:
        return name, Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"{name} claims far more than the {max_pixels:,} pixels allowed", "make it smaller first"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # the header parsers, too, raise almost anything
        raise PictureError(f"{name} {_what_it_is(data)}", _READABLE) from error


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise PictureError(f"{path} is a folder, not a picture", "name one picture file")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{path} does not exist", "check the path of the picture") from None
    except OSError as error:
        raise PictureError(
            f"{path} cannot be read: {error.strerror or error}", "check its permissions"
        ) from error


def _what_it_is(data: bytes) -> str:
    """Say what unreadable data looks like, as the rest of a sentence that starts with the name."""
    head = data[:512]
    if head[4:8] == b"ftyp":
        return "is a HEIC or AVIF picture or a video, which cannot be read"
    if head.startswith(b"%PDF"):
        return "is a PDF, not a picture"
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"II*\0", b"MM\0*", b"BM")):
        return "starts like a picture but its header is damaged"
    text = head.decode("utf-8", errors="ignore")
    if "\0" in text or len(text.encode()) < 0.95 * len(head):
        return "is not a picture in any format known here"
    if "<svg" in text:
        return "is a vector drawing (SVG), not a picture of pixels"
    return "is text, not a picture"


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken EXIF block must not cost the picture
        return image


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Any Pillow mode to RGB, or RGBA where at least one pixel is not opaque."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _from_deep_grey(image)
    if image.mode == "CMYK" or (image.mode in ("RGB", "RGBA", "L") and "icc_profile" in image.info):
        image = _to_srgb(image)
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        intermediate = {"La": "LA", "1": "L"}.get(image.mode)
        rgba = (image.convert(intermediate) if intermediate else image).convert("RGBA")
        return rgba if np.asarray(rgba)[..., 3].min() < 255 else rgba.convert("RGB")
    # A new image in every case: the caller's own picture must not be shared, nor its metadata carried on.
    return image.convert("RGB") if image.mode != "RGB" else Image.fromarray(np.array(image))


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """Grey with more than 8 bits: full scale is 65535 for 16 bits; integers and floats are scaled by their range."""
    values = np.asarray(image).astype(np.float64)
    transparent = image.info.get("transparency")
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    if image.mode.startswith("I;16") or image.format == "PNG":
        low, high = 0.0, 65535.0
    elif low >= 0:
        low, high = 0.0, next((full for full in _full_scales(image.mode) if high <= full), high)
    grey = np.where(finite, (values - low) / max(high - low, 1e-12), 0.0)
    grey8 = Image.fromarray(np.rint(np.clip(grey, 0.0, 1.0) * 255.0).astype(np.uint8))
    if isinstance(transparent, (int, float)) and (values == transparent).any():
        rgba = grey8.convert("RGBA")
        rgba.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
        return rgba
    return grey8.convert("RGB")


def _full_scales(mode: str) -> tuple[float, ...]:
    """The values that can stand for white, smallest first."""
    return (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0, 2147483647.0)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Apply an embedded colour profile. Without a usable one the numbers are taken as they are."""
    from PIL import ImageCms

    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode != "CMYK" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        colour = image.convert("RGB") if image.mode == "RGBA" else image
        result = ImageCms.profileToProfile(colour, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB") if image.mode == "CMYK" else image
    if result is None:
        return image.convert("RGB") if image.mode == "CMYK" else image
    if alpha is not None:
        result.putalpha(alpha)
    elif "transparency" in image.info:
        result.putalpha(image.convert("RGBA").getchannel("A"))
    return result


def _check_content(image: Image.Image, name: str) -> None:
    pixels = np.asarray(image)
    if image.mode == "RGBA":
        alpha = pixels[..., 3]
        if not alpha.any():
            raise PictureError(f"{name} is fully transparent", "the object must be visible")
        if np.ptp(alpha):  # a silhouette in one colour still has a shape
            return
    if np.ptp(pixels.reshape(-1, pixels.shape[2])[:, :3], axis=0).max() <= 2:
        raise PictureError(f"{name} is a single colour with no object in it", "use a picture of one object")


def _one_line(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__).rstrip(".")
