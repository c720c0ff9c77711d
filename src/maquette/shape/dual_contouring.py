"""Dual contouring (Ju et al. 2002), manifold (Schaefer et al. 2007): a vertex in each loop of a cell, a quad across
each crossed lattice edge.

A vertex is put where the planes at its loop's crossings meet, so edges and corners of the shape stay sharp, which
marching cubes cuts off. Planes come from the field itself: two questions find each crossing, four its slope. Where the
planes do not decide (flat places, ripples), the vertex stays near the crossings' mean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from maquette.shape.crossings import MARGIN, Crossings
from maquette.shape.loops import AXES

_STENCIL = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
_REACH = 0.05
"""How far from a crossing its slope is asked, in cells: a crease within reach would bend the plane."""
_REFINEMENTS = 2
_PULL = 0.05
"""Weight of the crossings' mean against one plane each. Drawn to the last solution twice more, it leaves no error."""
_PULLS = 3
_LEAVE = 0.5
"""How far a vertex may leave its cell, in cells: an edge of the shape can clip a cell without enclosing a corner."""


def dual_contouring(crossings: Crossings, field: Callable[[Tensor], Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float64 and faces (F, 3), a closed manifold, counter-clockwise seen from outside.

    Args:
        crossings: where the surface crosses the lattice.
        field: asked at places (Q, 3) for logits (Q,).
    """
    planes, offsets = _planes(crossings, field)
    counts = torch.tensor([kind.count for kind in crossings.kinds], device=planes.device)[crossings.kind]
    of_edge = torch.tensor([kind.of_edge for kind in crossings.kinds], device=planes.device)
    column = torch.arange(4, device=planes.device)
    first = counts.cumsum(0) - counts
    local = 4 * crossings.axis[:, None] + column
    loop = of_edge[crossings.kind[crossings.cell_of], local]
    vertex_of = torch.where(
        loop >= 0, first[crossings.cell_of] + loop, -1
    )  # (E, 4); -1 in cells not wholly known
    place = _place_vertices(crossings, planes, offsets, vertex_of, int(counts.sum()))
    cells = crossings.cell_index().repeat_interleave(counts, 0)
    volume = crossings.volume
    vertices = (cells.cpu().numpy() + place.double().cpu().numpy()) * volume.step - volume.bounds
    vertices = np.clip(vertices, -volume.bounds, volume.bounds)
    whole = (vertex_of >= 0).all(1)
    faces = _triangles(cells + place, planes[whole], vertex_of[whole], crossings.outward[whole])
    return vertices, faces.cpu().numpy()


def _planes(crossings: Crossings, field: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """The surface at each crossing: outward unit normals (E, 3), and how far outside of it it lies, in cells."""
    volume, unit = crossings.volume, crossings.unit().float()
    normals = unit * torch.where(crossings.outward, 1.0, -1.0)[:, None]
    offsets = torch.zeros_like(crossings.along)
    asked = (~crossings.at_wall).nonzero().squeeze(1)
    lower, step = crossings.lower[asked], unit[asked] * volume.step
    start = volume.positions(lower)
    along = _refine(
        lambda t: field(start + step * t[:, None]),
        crossings.along[asked],
        volume.get(lower),
        volume.get(lower + crossings.unit()[asked]),
    )
    crossings.along[asked] = along
    stencil = torch.tensor(_STENCIL, dtype=torch.float32, device=volume.device)
    places = (start + step * along[:, None])[:, None] + stencil * (_REACH * volume.step)
    logits = field(places.view(-1, 3)).view(-1, 4)
    slope = logits @ stencil / (4 * _REACH)
    length = slope.norm(dim=1)
    # A slope that contradicts the signs at the edge's ends says nothing about this crossing.
    agrees = -(slope * normals[asked]).sum(1) > 0.05 * length
    chosen, slope, length = asked[agrees], slope[agrees], length[agrees, None]
    normals[chosen] = -slope / length
    offsets[chosen] = (logits[agrees].mean(1) / length[:, 0]).clamp(-0.5, 0.5)
    return normals, offsets


def _refine(ask: Callable[[Tensor], Tensor], along: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Regula falsi from a guess: where on its edge (E,) the field crosses zero, with `first` and `last` at its ends."""
    low, high = torch.zeros_like(along), torch.ones_like(along)
    for _ in range(_REFINEMENTS):
        logits = ask(along)
        below = (logits > 0) == (first > 0)
        low, first = torch.where(below, along, low), torch.where(below, logits, first)
        high, last = torch.where(below, high, along), torch.where(below, last, logits)
        along = (low + (high - low) * first / (first - last)).clamp(MARGIN, 1 - MARGIN)
    return along


def _place_vertices(
    crossings: Crossings, planes: Tensor, offsets: Tensor, vertex_of: Tensor, count: int
) -> Tensor:
    """Where each vertex lies within its cell (V, 3), 0 to 1."""
    squares = planes.new_zeros(count, 3, 3)
    right, total = planes.new_zeros(count, 3), planes.new_zeros(count, 3)
    hits = planes.new_zeros(count, 1)
    for a, b, c in AXES:
        for column in range(4):  # no vertex is met twice in one addition, whose order would be open
            on = ((crossings.axis == a) & (vertex_of[:, column] >= 0)).nonzero().squeeze(1)
            normal, along, vertex = planes[on], crossings.along[on], vertex_of[on, column]
            point = torch.empty_like(normal)
            point[:, a], point[:, b], point[:, c] = along, float(column >> 1), float(column & 1)
            squares.index_add_(0, vertex, normal[:, :, None] * normal[:, None])
            right.index_add_(0, vertex, normal * ((normal * point).sum(1) + offsets[on])[:, None])
            total.index_add_(0, vertex, point)
            hits.index_add_(0, vertex, torch.ones_like(along)[:, None])
    pull = _PULL * hits
    inverse = torch.linalg.inv(squares + pull[..., None] * torch.eye(3, device=planes.device))
    place = total / hits
    for _ in range(_PULLS):
        place = (inverse @ (right + pull * place)[..., None])[..., 0]
    return place.clamp(-_LEAVE, 1 + _LEAVE)


def _triangles(place: Tensor, normals: Tensor, vertex_of: Tensor, outward: Tensor) -> Tensor:
    """Two triangles for each crossed edge (2 E, 3), along the diagonal that lies on the surface."""
    around = vertex_of[:, [0, 2, 3, 1]]
    quads = torch.where(outward[:, None], around, around.flip(1))
    corners = place[quads]  # (E, 4, 3)
    folds, lengths = [], []
    for first in (0, 1):
        a, b, c, d = (corners[:, (first + k) % 4] for k in range(4))
        cross = torch.stack([torch.linalg.cross(b - a, c - a), torch.linalg.cross(c - a, d - a)], 1)
        facing = (torch.nn.functional.normalize(cross, dim=2) * normals[:, None]).sum(2)
        folds.append(facing.amin(1))
        lengths.append((c - a).norm(dim=1))
    better = folds[1] - folds[0]
    turn = torch.where(better.abs() < 0.05, lengths[1] < lengths[0], better > 0)
    quads = torch.where(turn[:, None], quads.roll(-1, 1), quads)
    return quads[:, [0, 1, 2, 0, 2, 3]].view(-1, 3)
