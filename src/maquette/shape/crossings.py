"""Where the surface crosses a sparse lattice, and how it passes through the cells there.

Both extractors start from this: a vertex of marching cubes lies on a lattice edge, a vertex of the dual surface in a
loop of a cell (`maquette.shape.loops`). Ambiguous faces are joined as the bilinear field on them is, except where that
would give two loops of neighbouring cells two faces in common, the one case in which either surface is not a manifold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maquette.errors import MeshError
from maquette.shape.loops import AXES, Loops, face_corners, loops_of
from maquette.shape.sparse import OUTSIDE, SparseVolume, cube

NEXT_SEED = "try another seed, more steps or a clearer picture"
MARGIN = 1e-3
"""How close to an end of its lattice edge a crossing may lie: vertices never coincide, whatever the logits."""
_CELLS_AT_ONCE = 1 << 18


@dataclass
class Crossings:
    """E crossed lattice edges and the M cells around them.

    Attributes:
        volume: the lattice.
        lower: (E, 3) the end of each edge with the lower index.
        axis: (E,) the axis it runs along.
        along: (E,) where the surface crosses it, from 0 at `lower` to 1.
        outward: (E,) whether the lower end is inside.
        at_wall: (E,) whether one end lies beyond the lattice.
        cells: (M,) keys of the cells, sorted.
        cell_of: (E, 4) the cells around each edge; edge `4 · axis + column` of each.
        kinds: the K kinds of cell that occur.
        kind: (M,) which of them each cell is.
    """

    volume: SparseVolume
    lower: Tensor
    axis: Tensor
    along: Tensor
    outward: Tensor
    at_wall: Tensor
    cells: Tensor
    cell_of: Tensor
    kinds: list[Loops]
    kind: Tensor

    def __len__(self) -> int:
        return len(self.lower)

    def cell_index(self) -> Tensor:
        """First corner (M, 3) of each cell."""
        return _cells(self.volume, self.cells)

    def unit(self) -> Tensor:
        """Directions (E, 3) of the edges, long integers."""
        return torch.eye(3, dtype=torch.long, device=self.axis.device)[self.axis]

    def vertices(self) -> np.ndarray:
        """Places (E, 3) float64 of the crossings, on the wall where they are cut off by it."""
        volume = self.volume
        place = (
            self.lower.cpu().numpy() + self.unit().cpu().numpy() * self.along.double().cpu().numpy()[:, None]
        )
        return np.clip(place * volume.step - volume.bounds, -volume.bounds, volume.bounds)


def find_crossings(volume: SparseVolume) -> Crossings:
    """Find all crossed edges whose ends are known, and their cells; a cell with an unknown corner stays empty.

    Raises:
        MeshError: nothing in the volume crosses zero.
    """
    lower, axis, along, outward, at_wall = _crossed_edges(volume)
    if not len(lower):
        raise MeshError(f"the volume has no surface; {_state(volume)}", NEXT_SEED)
    steps = torch.eye(3, dtype=torch.long, device=volume.device)[torch.tensor(AXES, device=volume.device)]
    keys = torch.stack(
        [_keys(volume, lower - u * steps[axis, 1] - v * steps[axis, 2]) for u in (0, 1) for v in (0, 1)], 1
    )
    cells, cell_of = keys.unique(return_inverse=True)
    codes = torch.cat([_codes(volume, _cells(volume, part)) for part in cells.split(_CELLS_AT_ONCE)])
    kinds, kind = _part_twins(volume, cells, codes)
    return Crossings(volume, lower, axis, along, outward, at_wall, cells, cell_of, kinds, kind)


def _crossed_edges(volume: SparseVolume) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    found = []
    bricks = torch.arange(1, len(volume.bricks), device=volume.device)
    for origins, logits in volume.with_halo(bricks):
        inner = logits[:, :-1, :-1, :-1]
        for axis in range(3):
            after = logits.narrow(axis + 1, 1, 8)
            other = after[tuple(slice(None) if a in (0, axis + 1) else slice(-1) for a in range(4))]
            known = ~(inner.isnan() | other.isnan())
            brick, *place = (known & ((inner > 0) != (other > 0))).nonzero(as_tuple=True)
            one, two = inner[(brick, *place)], other[(brick, *place)]
            lower = origins[brick] + torch.stack(place, 1)
            along = (one / (one - two)).clamp(MARGIN, 1 - MARGIN)
            at_wall = torch.minimum(one, two) == OUTSIDE
            found.append((lower, torch.full_like(brick, axis), along, one > 0, at_wall))
    lower, axes, along, outward, at_wall = (torch.cat(parts) for parts in zip(*found, strict=True))
    return lower, axes, along, outward, at_wall


def _state(volume: SparseVolume) -> str:
    ranges = [(float(values.min()), float(values.max())) for _, values in volume.known() if len(values)]
    if not ranges:
        return "it holds no numbers, only NaN"
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    side = "empty: everything lies outside" if high <= 0 else "full: everything lies inside"
    return f"it is {side} (values {low:.3g} to {high:.3g})"


def _keys(volume: SparseVolume, cells: Tensor) -> Tensor:
    """One number (N,) for each cell (N, 3), ascending with x, then y, then z; from -1 to `volume.cells`."""
    side = volume.cells + 2
    x, y, z = (cells + 1).unbind(1)
    return (x * side + y) * side + z


def _cells(volume: SparseVolume, keys: Tensor) -> Tensor:
    side = volume.cells + 2
    return torch.stack([keys // side**2, keys // side % side, keys % side], 1) - 1


def _codes(volume: SparseVolume, cells: Tensor) -> Tensor:
    """The code of each cell (N, 3) for `loops_of`, faces joined as the bilinear field is."""
    logits = volume.get(cells[:, None] + cube(2, cells.device))
    inside = logits > 0
    codes = (inside.long() << torch.arange(8, device=cells.device)).sum(1)
    for face in range(6):
        corners = face_corners(face)
        one, two = (
            inside[:, corners[0]] & inside[:, corners[2]],
            inside[:, corners[1]] & inside[:, corners[3]],
        )
        first = logits[:, corners[0]] * logits[:, corners[2]]
        second = logits[:, corners[1]] * logits[:, corners[3]]
        ambiguous = (inside[:, corners].sum(1) == 2) & (one | two)
        joined = torch.where(one, first > second, second > first)
        codes |= (ambiguous & joined).long() << 8 + face
    return codes.masked_fill_(logits.isnan().any(1), 0)


def _part_twins(volume: SparseVolume, cells: Tensor, codes: Tensor) -> tuple[list[Loops], Tensor]:
    """Join faces the other way on which two loops meet twice; the kinds of cell, and the kind of each.

    Each change parts a loop on either side in two and never joins any, so this ends.
    """
    side = volume.cells + 2
    while True:
        found, kind = codes.unique(return_inverse=True)
        kinds = [loops_of(code) for code in found.tolist()]
        joined = torch.tensor([k.joined for k in kinds], device=codes.device)
        pairs = []
        for axis, stride in enumerate((side**2, side, 1)):
            one = joined[kind, 2 * axis + 1].nonzero().squeeze(1)
            other = torch.searchsorted(cells, cells[one] + stride).clamp_max(len(cells) - 1)
            twins = (cells[other] == cells[one] + stride) & joined[kind[other], 2 * axis]
            pairs.append(torch.stack([one[twins], other[twins], torch.full_like(one[twins], axis)], 1))
        one, other, axes = torch.cat(pairs).unbind(1)
        if not len(one):
            return kinds, kind
        # One change a cell at a time: a second might join what the first parted.
        rank = torch.arange(len(one), device=codes.device)
        best = torch.full_like(cells, len(one))
        for cell in (one, other):
            best.scatter_reduce_(0, cell, rank, "amin")
        go = (best[one] == rank) & (best[other] == rank)
        bit = torch.ones_like(rank) << 8 + 2 * axes
        codes[one[go]] ^= 2 * bit[go]
        codes[other[go]] ^= bit[go]
