"""Bending a picture until the outline of its object is the outline that a shape shows to a camera."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from maquette.paint.fill import fill_between_charts
from maquette.render.pose import object_box


def bend(values: np.ndarray, inside: np.ndarray, shape: np.ndarray, size: int) -> np.ndarray:
    """A picture in the frame of a camera, its object's outline on the shape's and smoothly moved in between.

    Args:
        values: (H, W, C) float32 picture, cropped to its object, with sensible values outside of it too.
        inside: (H, W) bool, the object.
        shape: (G, G) bool, what the camera sees of the shape, the centres of the outermost cells on the frame's edge;
            something is seen.
        size: side S of the result, its pixels laid out like the cells.

    Returns:
        (S, S, C) float32.
    """
    import cv2

    rows, columns = object_box(shape)
    height, width = inside.shape
    scale = np.array([width / (columns.stop - columns.start), height / (rows.stop - rows.start)], np.float32)
    # From cells to pixels: box to box first, then along the outline.
    column, row = np.meshgrid(np.arange(len(shape)), np.arange(len(shape)))
    place = ((np.stack([column - columns.start, row - rows.start], -1) + 0.5) * scale - 0.5).astype(
        np.float32
    )
    boxed = _look_up(inside.astype(np.float32), place, cv2.INTER_LINEAR) > 0.5
    if boxed.any():
        place += _outline_shift(shape, boxed) * scale
    fine = np.linspace(0, len(shape) - 1, size, dtype=np.float32)
    place = _look_up(place, np.stack(np.meshgrid(fine, fine), -1), cv2.INTER_LINEAR)
    return _look_up(values, place, cv2.INTER_CUBIC)


def _look_up(values: np.ndarray, place: np.ndarray, interpolation: int) -> np.ndarray:
    import cv2

    x, y = np.ascontiguousarray(place[..., 0]), np.ascontiguousarray(place[..., 1])
    if values.ndim == 2:
        return cv2.remap(values, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    # Cubic looks take no more channels at once.
    fours = np.split(values, range(4, values.shape[2], 4), axis=2)
    return np.dstack(
        [
            cv2.remap(np.ascontiguousarray(part), x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)
            for part in fours
        ]
    )


def _outline_shift(shape: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """(G, G, 2) float32, by how many cells to look aside so that one outline falls on the other."""
    import cv2
    from scipy.ndimage import distance_transform_edt

    rim, other = _rim(shape), _rim(picture)
    nearest: Any = distance_transform_edt(~other, return_distances=False, return_indices=True)
    row, column = np.indices(shape.shape)
    shift = np.stack([nearest[1] - column, nearest[0] - row], -1).astype(np.float32)
    weight = rim.astype(np.float32)
    along = cv2.GaussianBlur(shift * weight[..., None], (0, 0), 3)
    along = along / np.maximum(cv2.GaussianBlur(weight, (0, 0), 3), 1e-6)[..., None]
    spread = fill_between_charts(torch.from_numpy(along), torch.from_numpy(rim)).numpy()
    for width in (24, 12, 6):  # that came in blocks; blurring it while the rim holds makes it nearly harmonic
        spread = np.where(rim[..., None], along, cv2.blur(spread, (width, width)))
    return cv2.GaussianBlur(spread, (0, 0), 2)


def _rim(mask: np.ndarray) -> np.ndarray:
    import cv2

    inner = cv2.erode(np.pad(mask.astype(np.uint8), 1), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    return mask & (inner == 0)
