"""Cutting the object out of its background, without learned weights.

In order of trust: an alpha channel that is already there; the rembg package, where the user has installed it; a plain
backdrop told apart by colour; and a segmenter for everything else, good on photographs of one object that keeps clear
of the picture's border.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from maquette.errors import PictureError, SettingError
from maquette.picture.backdrop import fit_backdrop, object_mask
from maquette.picture.matting import fill_hidden, guided_filter, soft_alpha
from maquette.picture.saliency import WORKING_SIDE, find_object

Method = Literal["auto", "alpha", "grabcut", "rembg", "none"]
METHODS: tuple[Method, ...] = ("auto", "alpha", "grabcut", "rembg", "none")

_MATTING_SIDE = 1280  # alpha is found at no more than this and enlarged; the colours stay at full size
_BACKDROP_SIDE = 480
_SEE_THROUGH = 250  # an alpha below this is transparency, above it rounding
_HINT = "use a plainer background, or a picture whose background is already transparent"


@dataclass(frozen=True)
class Cutout:
    """An object without its background.

    Attributes:
        rgba: RGBA picture of the original size; colours at the edge are free of background.
        method: how it was cut out: alpha, rembg, backdrop, grabcut or none.
        note: a warning for a human where the result should be looked at, else None.
    """

    rgba: Image.Image
    method: str
    note: str | None


def cut_out(picture: Image.Image, method: Method = "auto") -> Cutout:
    """Separate the object from its background.

    Args:
        picture: RGB or RGBA, as `load_picture` gives it.
        method: "alpha" takes the picture's own alpha channel; "rembg" the package of that name; "grabcut" the built-in
            ways; "none" leaves the picture as it is; "auto" the first of these that can be had, never "none".

    Raises:
        PictureError: no object was found, there is no alpha channel where one was asked for, or rembg is not installed
            or failed.
        SettingError: `method` is not one of the above.
    """
    if method not in METHODS:
        raise SettingError(f"the cut-out method is {method!r}", f"it must be one of {', '.join(METHODS)}")
    if method == "none":
        return Cutout(picture.convert("RGBA"), "none", None)
    has_alpha = _transparent_share(picture) > 0.005
    if method == "alpha" or (method == "auto" and has_alpha):
        if not has_alpha:
            raise PictureError(
                "the picture has no transparent background", "choose the method auto or grabcut"
            )
        return _by_alpha(picture)
    picture = picture.convert("RGB")
    if method == "rembg":
        return _by_rembg(picture)
    if method == "auto" and importlib.util.find_spec("rembg") is not None:
        try:
            return _by_rembg(picture)
        except PictureError as error:
            built_in = _built_in(picture)
            note = f"rembg could not be used ({error.message})"
            return Cutout(
                built_in.rgba, built_in.method, f"{note}; {built_in.note}" if built_in.note else note
            )
    return _built_in(picture)


def _transparent_share(picture: Image.Image) -> float:
    if picture.mode not in ("RGBA", "LA", "PA"):
        return 0.0
    return float((np.asarray(picture.convert("RGBA").getchannel("A")) < _SEE_THROUGH).mean())


def _by_alpha(picture: Image.Image) -> Cutout:
    rgba = np.array(picture.convert("RGBA"))
    _check_share(float((rgba[..., 3] > 127).mean()), at_most=1.0)
    rgba[..., :3] = fill_hidden(rgba[..., :3], rgba[..., 3])
    return Cutout(Image.fromarray(rgba), "alpha", None)


def _by_rembg(picture: Image.Image) -> Cutout:
    try:
        import rembg
    except Exception as error:  # a broken onnxruntime raises more than ImportError
        raise PictureError(
            f"the package rembg cannot be imported: {error}",
            'pip install "rembg[cpu]", or use grabcut',
        ) from error
    try:
        rgba = np.array(rembg.remove(picture).convert("RGBA"))
    except Exception as error:  # it downloads weights, so anything can happen
        raise PictureError(f"rembg failed: {error}", "use the method grabcut") from error
    _check_share(float((rgba[..., 3] > 127).mean()))
    rgba[..., :3] = fill_hidden(rgba[..., :3], rgba[..., 3])
    return Cutout(Image.fromarray(rgba), "rembg", None)


def _built_in(picture: Image.Image) -> Cutout:
    """Plain backdrop by colour, anything else by saliency and GrabCut; then the same soft edge for both."""
    import cv2

    rgb = np.asarray(picture)
    working = _fit(rgb, WORKING_SIDE)
    fine = _fit(rgb, _MATTING_SIDE).astype(np.float32) / 255
    backdrop = fit_backdrop(cv2.cvtColor(working.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
    note = None
    if backdrop.is_plain:
        middle = _fit(fine, _BACKDROP_SIDE)
        mask, is_sure = object_mask(middle, backdrop)
        mask, scale = keep_main_parts(mask), fine.shape[0] / middle.shape[0]
        if not is_sure:
            note = f"object and background have much the same colour, so the cut-out may be wrong; if it is, {_HINT}"
    else:
        found = find_object(working)
        mask, scale = fill_small_holes(keep_main_parts(found.mask)), fine.shape[0] / working.shape[0]
        if found.agreement < 0.8 or found.contrast < 10.0:
            note = f"the background is busy, so the cut-out may be wrong; if it is, {_HINT}"
    mask = _sharpen(mask, fine, scale)
    _check_share(float(mask.mean()))
    alpha, colours = soft_alpha(fine, mask, max(3, round(1.5 * scale)))
    rgba = np.dstack([_enlarge_colours(rgb, fine, colours, alpha), _to_uint8(_resize(alpha, rgb.shape))])
    return Cutout(
        Image.fromarray(rgba), "backdrop" if backdrop.is_plain else "grabcut", note or _edge_note(mask)
    )


def _sharpen(mask: np.ndarray, fine: np.ndarray, scale: float) -> np.ndarray:
    """Enlarge a mask by `scale` to the size of `fine`; the picture's own edges pull its outline into place."""
    if not mask.any():
        return np.zeros(fine.shape[:2], dtype=bool)
    enlarged = _resize(mask.astype(np.float32), fine.shape)
    smooth = guided_filter(fine, enlarged, max(2, round(2 * scale)), 1e-4)
    return keep_main_parts(smooth > 0.5)


def keep_main_parts(mask: np.ndarray, share: float = 0.12) -> np.ndarray:
    """Keep the largest connected part of a mask and those with at least that share of its area."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    areas[0] = 0.0
    return ((areas >= share * areas.max()) & (areas > 0))[labels]


def fill_small_holes(mask: np.ndarray, share: float = 0.004) -> np.ndarray:
    """Fill enclosed holes smaller than that share of the mask's own area."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < share * mask.sum()
    small[np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))] = False
    return mask | small[labels]


def _check_share(share: float, at_most: float = 0.97) -> None:
    if share < 0.002:
        raise PictureError("no object was found in the picture", _HINT)
    if share > at_most:
        raise PictureError("the object could not be told from its background", _HINT)


def _edge_note(mask: np.ndarray) -> str | None:
    sides = {"top": mask[0], "bottom": mask[-1], "left": mask[:, 0], "right": mask[:, -1]}
    cut = [name for name, line in sides.items() if line.mean() > 0.08]
    return f"the object is cut off by the picture's {' and '.join(cut)} edge" if cut else None


def _fit(rgb: np.ndarray, side: int) -> np.ndarray:
    """Shrink to at most that side; never enlarge."""
    import cv2

    scale = side / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)


def _resize(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    import cv2

    if values.shape[:2] == tuple(shape[:2]):
        return values
    return cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)


def _enlarge_colours(rgb: np.ndarray, fine: np.ndarray, colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The picture's own colours at full size where it is opaque, the cleaned ones elsewhere."""
    if rgb.shape == fine.shape:
        return _to_uint8(colours)
    opaque = _resize((alpha >= 1).astype(np.float32), rgb.shape) >= 1
    return np.where(opaque[..., None], rgb, _to_uint8(_resize(colours, rgb.shape)))


def _to_uint8(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
