"""From a cut-out object to the networks' input: centred on white, square, in [-1, 1].

The arithmetic follows the published models' own preparation to the byte, since they were trained on it, including
three oddities: the last row and column of the object's box are left out, sizes are truncated, and so is the
composite's conversion to 8 bits. Verified against recorded outputs of the original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from maquette.errors import PictureError, SettingError

VIEWS = ("front", "left", "back", "right")
"""The multi-view models' names of the views; a view's index is its place here."""


@dataclass(frozen=True)
class RecentredPicture:
    """One picture, ready for the conditioner.

    Attributes:
        image: (1, 3, S, S) float32 in [-1, 1], the object on white.
        mask: (1, 1, S, S) float32 in [-1, 1], 1 where the object is opaque.
    """

    image: torch.Tensor
    mask: torch.Tensor


@dataclass(frozen=True)
class RecentredViews:
    """Several views of one object, ready for a multi-view conditioner.

    Attributes:
        image: (1, V, 3, S, S) float32 in [-1, 1], ordered by view index.
        mask: (1, V, 1, S, S) float32 in [-1, 1].
        view_indices: V indices into `VIEWS`, ascending.
    """

    image: torch.Tensor
    mask: torch.Tensor
    view_indices: tuple[int, ...]


def recentre(rgba: Image.Image, size: int = 512, border_ratio: float = 0.15) -> RecentredPicture:
    """Centre the object on a white square and scale it to the network's input.

    Args:
        rgba: the cut-out object; a picture without alpha counts as opaque everywhere.
        size: side S of the result in pixels.
        border_ratio: share of the square's side left free, in [0, 0.9].

    Raises:
        PictureError: nothing in the picture is opaque, or the object is one pixel wide or high.
        SettingError: `size` or `border_ratio` is out of its range.
    """
    import cv2

    if not 1 <= size <= 8192:
        raise SettingError(f"size is {size}", "it must lie between 1 and 8192")
    if not 0.0 <= border_ratio <= 0.9:
        raise SettingError(f"border_ratio is {border_ratio}", "it must lie between 0 and 0.9")
    square, alpha = _place_on_square(np.array(rgba.convert("RGBA")), border_ratio)
    image = cv2.resize(square, (size, size), interpolation=cv2.INTER_CUBIC)
    mask = cv2.resize(alpha, (size, size), interpolation=cv2.INTER_NEAREST)[..., None]
    return RecentredPicture(_to_tensor(image), _to_tensor(mask))


def recentre_views(
    views: Mapping[str, Image.Image], size: int = 512, border_ratio: float = 0.15
) -> RecentredViews:
    """Recentre each view on its own and stack them in the order front, left, back, right.

    Args:
        views: cut-out pictures by name; any non-empty subset of `VIEWS`, in any order.
        size: side S of each result in pixels.
        border_ratio: share of the square's side left free, in [0, 0.9].

    Raises:
        PictureError: a view cannot be used; the message names it.
        SettingError: there is no view, or a name is not in `VIEWS`.
    """
    unknown = [name for name in views if name not in VIEWS]
    if unknown or not views:
        found = f"unknown view {unknown[0]!r}" if unknown else "no view was given"
        raise SettingError(found, f"the views are {', '.join(VIEWS)}")
    names = sorted(views, key=VIEWS.index)
    pictures = []
    for name in names:
        try:
            pictures.append(recentre(views[name], size, border_ratio))
        except PictureError as error:
            raise PictureError(f"the {name} view: {error.message}", error.hint) from error
    return RecentredViews(
        torch.stack([picture.image for picture in pictures], dim=1),
        torch.stack([picture.mask for picture in pictures], dim=1),
        tuple(VIEWS.index(name) for name in names),
    )


def _place_on_square(rgba: np.ndarray, border_ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 4) uint8 to the object on white, (N, N, 3) uint8, and its alpha, (N, N) uint8, with N = max(H, W)."""
    import cv2

    rows = np.flatnonzero(rgba[..., 3].any(axis=1))
    columns = np.flatnonzero(rgba[..., 3].any(axis=0))
    if rows.size < 2 or columns.size < 2:
        raise PictureError("the cut-out shows no object: nothing in it is opaque", "check its alpha channel")
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    height, width = bottom - top, right - left
    side = max(rgba.shape[:2])
    scale = int(side * (1 - border_ratio)) / max(height, width)
    new_height, new_width = max(int(height * scale), 1), max(int(width * scale), 1)
    y, x = (side - new_height) // 2, (side - new_width) // 2

    canvas = np.zeros((side, side, 4), dtype=np.uint8)
    canvas[y : y + new_height, x : x + new_width] = cv2.resize(
        rgba[top:bottom, left:right], (new_width, new_height), interpolation=cv2.INTER_AREA
    )
    alpha = canvas[..., 3]
    weight = alpha[..., None].astype(np.float32) / 255
    square = canvas[..., :3] * weight + np.float32(255) * (1 - weight)
    return square.clip(0, 255).astype(np.uint8), alpha


def _to_tensor(picture: np.ndarray) -> torch.Tensor:
    """(S, S, C) uint8 to (1, C, S, S) float32 in [-1, 1]."""
    return (
        torch.from_numpy(picture.astype(np.float32) / 255 * 2 - 1).permute(2, 0, 1).unsqueeze(0).contiguous()
    )
