"""The camera from which a picture shows a shape, found by its outline.

Many cameras around the one that is expected are tried on points of the surface: each gives a small silhouette, framed
as the picture's object is framed, and the overlap of the two is the score, a little in favour of cameras that people
and the training pictures use. Then the best few are refined.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.render.camera import Camera, distance_to_fit, rotations, seen_in_plane

_GRID = 72  # side of a silhouette in cells, of which the object takes `_FRAME`
_FRAME = 64
_POINTS = 16_000
_FILL = 0.92
_LENS = 28.0  # degrees: the lens tried first
_USUAL_ELEVATION = 12.0


@dataclass(frozen=True)
class Pose:
    """A camera, and how well the outlines agree: intersection over union in [0, 1]."""

    camera: Camera
    fit: float


def find_camera(vertices: np.ndarray, faces: np.ndarray, alpha: np.ndarray, expected: float = 0.0) -> Pose:
    """Search the camera of a picture.

    Args:
        vertices: (V, 3), centred near the origin.
        faces: (F, 3).
        alpha: (H, W) float, the picture's matte; something in it is opaque.
        expected: azimuth in degrees around which to look, 60 degrees to either side.
    """
    points = torch.from_numpy(surface_points(vertices, faces))
    wanted = _frame_picture(alpha)
    azimuth, elevation = torch.meshgrid(
        torch.arange(-56.0, 57.0, 8.0), torch.arange(-12.0, 61.0, 8.0), indexing="ij"
    )
    found = torch.stack(
        [azimuth.reshape(-1), elevation.reshape(-1), torch.full((azimuth.numel(),), _LENS)], 1
    )
    score, fit = _scores(points, found, wanted, expected)
    for step in (4.0, 2.0, 1.0):
        best = found[score.topk(4).indices]
        lenses = torch.tensor([0.0, 16.0, _LENS, 42.0]) if step == 4.0 else torch.tensor([0.0])
        moves = torch.cartesian_prod(
            torch.tensor([-step, 0.0, step]), torch.tensor([-step, 0.0, step]), lenses
        )
        trial = best[:, None] + moves
        if step == 4.0:
            trial[..., 2] = moves[:, 2]
        found = trial.reshape(-1, 3).unique(dim=0)
        score, fit = _scores(points, found, wanted, expected)
    index = int(score.argmax())
    azim, elev, fov = found[index].tolist()
    return Pose(framed_camera(vertices, azim + expected, elev, fov), float(fit[index]))


def framed_camera(vertices: np.ndarray, azimuth: float, elevation: float, fov: float) -> Camera:
    """A camera in that direction that takes in all vertices; a `fov` of 0 is orthographic."""
    points = torch.from_numpy(np.asarray(vertices, np.float32))
    turned = points @ rotations(torch.tensor([azimuth]), torch.tensor([elevation]))[0].T
    radius = max(float(points.norm(dim=-1).max()), 1e-6)
    if fov <= 0:
        scale = 2 * float(turned[:, :2].abs().max()) / _FILL
        return Camera(azimuth, elevation, 2 * radius, None, scale, 0.5 * radius, 4 * radius)
    slope = 1 / (math.tan(math.radians(fov) / 2) * _FILL)
    distance = max(float(distance_to_fit(turned, slope).max()), 1.2 * radius)
    return Camera(
        azimuth, elevation, distance, fov, near=distance - 1.05 * radius, far=distance + 1.05 * radius
    )


def surface_points(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(P, 3) float32 points spread over the surface, always the same."""
    corners = np.asarray(vertices, np.float64)[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    rng = np.random.default_rng(0)
    place = (np.arange(_POINTS) + rng.random(_POINTS)) / _POINTS * area.sum()
    face = np.searchsorted(np.cumsum(area), place).clip(max=len(faces) - 1)
    u, v = rng.random((2, _POINTS))
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u)[:, None], np.where(folded, 1 - v, v)[:, None]
    a, b, c = (corners[face, i] for i in range(3))
    return (a + u * (b - a) + v * (c - a)).astype(np.float32)


def object_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a mask (H, W) bool that hold all that is set; something is."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def crop_to_object(mask: np.ndarray) -> np.ndarray:
    """The part of a mask (H, W) bool that holds all that is set; something is."""
    return mask[object_box(mask)]


def _scores(points: Tensor, cameras: Tensor, wanted: Tensor, expected: float) -> tuple[Tensor, Tensor]:
    """(N,) score and (N,) overlap of cameras given as (N, 3) azimuth from the expected one, elevation and lens."""
    fits = []
    radius = float(points.norm(dim=-1).max())
    for part in cameras.split(32):
        turned = points @ rotations(part[:, 0] + expected, part[:, 1]).transpose(1, 2)
        tangent = (part[:, 2] / 2).deg2rad().tan()
        distance = torch.where(part[:, 2] > 0, radius / tangent.clamp(min=1e-3) / _FILL, torch.inf)
        flat = seen_in_plane(turned, distance[:, None, None])
        low, high = flat.amin(1), flat.amax(1)
        scale = _FRAME / (high - low).amax(1)
        cell = (flat - (low + high)[:, None] / 2) * scale[:, None, None] + _GRID / 2
        column, row = cell.long().clamp(0, _GRID - 1).unbind(-1)
        drawn = torch.zeros(len(part), _GRID * _GRID)
        drawn.scatter_(1, row * _GRID + column, 1.0)
        drawn = drawn.view(-1, 1, _GRID, _GRID)
        drawn = -F.max_pool2d(-F.max_pool2d(drawn, 3, 1, 1), 3, 1, 1)  # closes the gaps between points
        both = (drawn[:, 0] * wanted).sum((1, 2))
        fits.append(both / (drawn[:, 0].sum((1, 2)) + wanted.sum() - both))
    fit = torch.cat(fits)
    usual = (cameras[:, 0] / 45) ** 2 + ((cameras[:, 1] - _USUAL_ELEVATION) / 30) ** 2
    return fit - 0.02 * usual, fit


def _frame_picture(alpha: np.ndarray) -> Tensor:
    """(G, G) float silhouette of a matte, rows upwards, framed as `_scores` frames its own."""
    object_only = torch.from_numpy(crop_to_object(alpha > 0.5).astype(np.float32))
    height, width = object_only.shape
    scale = _FRAME / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = F.interpolate(object_only[None, None], size, mode="area")[0, 0] > 0.5
    framed = torch.zeros(_GRID, _GRID)
    top, left = (_GRID - size[0]) // 2, (_GRID - size[1]) // 2
    framed[top : top + size[0], left : left + size[1]] = small.float()
    return framed.flip(0)
