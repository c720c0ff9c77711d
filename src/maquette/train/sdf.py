"""Signed distance of points to a triangle mesh that need not be closed.

The sign comes from the generalised winding number (Jacobson et al. 2013), summed exactly over all triangles (solid
angles after Van Oosterom and Strackee 1983). Every point meets every triangle, so the work is plain array arithmetic,
which `torch.compile` fuses into one kernel where it can (CUDA, or a CPU with a C++ compiler); elsewhere it runs in
blocks.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

TRIANGLE_TILE = 256
"""Triangles met at once: meshes are padded to a multiple, so that one compiled kernel serves all."""


def signed_distance(points: Tensor, triangles: Tensor) -> Tensor:
    """Distance to the surface, positive inside.

    Args:
        points: (P, 3).
        triangles: (F, 3, 3) corners, counter-clockwise seen from outside.

    Returns:
        (P,) in the units of the points. Inside is where the winding number exceeds one half.
    """
    squared, winding = distance_and_winding(points, triangles)
    return squared.sqrt() * torch.where(winding > 0.5, 1.0, -1.0)


def winding_number(points: Tensor, triangles: Tensor) -> Tensor:
    """Generalised winding number (P,) of points (P, 3): 1 inside a closed mesh (F, 3, 3), 0 outside."""
    return distance_and_winding(points, triangles)[1]


def distance_and_winding(points: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance and winding number of points (P, 3) to triangles (F, 3, 3), each (P,)."""
    kernel, block = _kernel(points.device.type)
    tiles = _tiles(triangles.to(points.dtype))
    count = len(points)
    points = F.pad(
        points, (0, 0, 0, -count % block)
    )  # one shape of block, so that one compiled kernel serves all
    squared, winding = [], []
    for part in points.split(block):
        nearest = part.new_full((len(part),), math.inf)
        turns = part.new_zeros(len(part))
        for tile in tiles:
            tile_squared, tile_turns = kernel(part, tile)
            nearest = torch.minimum(nearest, tile_squared)
            turns = turns + tile_turns
        squared.append(nearest)
        winding.append(turns)
    return torch.cat(squared)[:count], torch.cat(winding)[:count]


Kernel = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@cache
def _kernel(device_type: str) -> tuple[Kernel, int]:
    """The kernel for a device and how many points it takes at once."""
    if device_type == "cuda":
        return torch.compile(_tile_distance_and_winding, dynamic=False), 32768
    if device_type == "cpu" and shutil.which("g++"):
        return torch.compile(_tile_distance_and_winding, dynamic=False), 4096
    return _tile_distance_and_winding, 1024  # the intermediates of a block stay in the cache


def _tiles(triangles: Tensor) -> list[Tensor]:
    """Split into equal tiles (9, T), the last one filled up with one far point: no area, never the nearest."""
    missing = -len(triangles) % TRIANGLE_TILE
    filling = triangles.new_full((missing, 3, 3), 1e3)
    tiles = torch.cat([triangles, filling]).flatten(1).split(TRIANGLE_TILE)
    return [tile.T.contiguous() for tile in tiles]


def _tile_distance_and_winding(points: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor]:
    """Points (P, 3) against one tile (9, T): nearest squared distance and summed winding, each (P,)."""
    p = [points[:, axis, None] for axis in range(3)]
    a, b, c = ([triangles[None, 3 * corner + axis] for axis in range(3)] for corner in range(3))
    pa, pb, pc = (_minus(corner, p) for corner in (a, b, c))
    squared = _triangle_squared_distance(_minus(b, a), _minus(c, a), _minus(c, b), pa, pb)
    la, lb, lc = (_dot(v, v).sqrt() for v in (pa, pb, pc))
    volume = _dot(pa, _cross(pb, pc))
    spread = la * lb * lc + _dot(pa, pb) * lc + _dot(pb, pc) * la + _dot(pc, pa) * lb
    turns = torch.atan2(volume, spread) * (2.0 / (4.0 * math.pi))
    return squared.amin(1), turns.sum(1)


def _triangle_squared_distance(
    ab: list[Tensor], ac: list[Tensor], bc: list[Tensor], pa: list[Tensor], pb: list[Tensor]
) -> Tensor:
    """Squared distance to the plane where the foot lies inside the triangle, else to the nearest edge."""
    normal = _cross(ab, ac)
    area = _dot(normal, normal)
    # The foot is inside when it is on the inner side of all three edges.
    inside = (
        (_dot(_cross(ab, normal), pa) >= 0)
        & (_dot(_cross(bc, normal), pb) >= 0)
        & (_dot(_cross(ac, normal), pa) <= 0)
    ) & (area > 0)
    height = _dot(normal, pa)
    plane = height * height / area.clamp_min(1e-30)
    edges = torch.minimum(torch.minimum(_edge(ab, pa), _edge(ac, pa)), _edge(bc, pb))
    return torch.where(inside, plane, edges)


def _edge(edge: list[Tensor], start: list[Tensor]) -> Tensor:
    """Squared distance of the origin to the segment that begins at `start` and runs along `edge`."""
    along = (-_dot(edge, start) / _dot(edge, edge).clamp_min(1e-30)).clamp(0.0, 1.0)
    foot = [s + e * along for s, e in zip(start, edge, strict=True)]
    return _dot(foot, foot)


def _minus(u: list[Tensor], v: list[Tensor]) -> list[Tensor]:
    return [x - y for x, y in zip(u, v, strict=True)]


def _dot(u: list[Tensor], v: list[Tensor]) -> Tensor:
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]


def _cross(u: list[Tensor], v: list[Tensor]) -> list[Tensor]:
    return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
