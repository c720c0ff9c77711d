"""A lattice of logits of which only bricks near the surface exist.

A directory says for every brick of 8 × 8 × 8 points where its values lie, so any point is found with one look-up, on
any device, and the memory grows with the surface rather than with the box. NaN means "never asked"; beyond the lattice
everything is outside, which is what closes a body at the wall of the box.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

BRICK = 8
OUTSIDE = -1e30
"""The logit of all points beyond the lattice: finite, so that it can be interpolated with."""
_WANTED = torch.inf
_BRICKS_AT_ONCE = 1024
"""Bricks worked on together: some tens of MB."""


class SparseVolume:
    """Logits at the points of a lattice, indexed 0 to `cells` along each axis.

    Args:
        cells: cells along each side.
        step: side of a cell; the point with index 0 lies at -bounds.
        bounds: half side of the box that is decoded. The lattice may reach a little beyond its far walls.
        device: where the values live.
    """

    def __init__(self, cells: int, step: float, bounds: float, device: torch.device) -> None:
        self.cells, self.step, self.bounds = cells, step, bounds
        self.side = (
            cells + 1
        ) // BRICK + 1  # bricks begin at index -1, so that the near wall is in the first
        # Entry 0 of the store is a brick of NaN, for all that does not exist.
        self.directory = torch.zeros(self.side**3, dtype=torch.long, device=device)
        self.bricks = torch.full((1, BRICK**3), torch.nan, device=device)
        self.origins = torch.zeros(1, 3, dtype=torch.long, device=device)
        # In float64 and rounded once, as the published lattice; float32 steps would drift by an ulp or two.
        self._axis = (torch.arange(-1, cells + 2).double() * step - bounds).float().to(device)

    @classmethod
    def from_dense(cls, logits: Tensor, bounds: float) -> SparseVolume:
        """A cube of logits (R + 1, R + 1, R + 1), NaN where never asked."""
        cells = logits.shape[0] - 1
        volume = cls(cells, 2 * bounds / cells, bounds, logits.device)
        known = (~logits.isnan()).nonzero()
        volume.request(known)
        slots = volume.wanted()
        volume.answer(slots, logits[tuple(volume.index(slots).unbind(1))])
        return volume

    @property
    def device(self) -> torch.device:
        """Where the values live."""
        return self.bricks.device

    def dense(self) -> Tensor:
        """The whole cube (cells + 1, ...) with NaN where never asked; for small lattices."""
        logits = self.bricks.new_full((self.cells + 1,) * 3, torch.nan)
        for index, values in self.known():
            logits[tuple(index.unbind(1))] = values
        return logits

    def __len__(self) -> int:
        """Number of points that were asked."""
        return int(self.bricks.isfinite().sum())

    def get(self, index: Tensor) -> Tensor:
        """Logits (...) of the points (..., 3): NaN where not asked, OUTSIDE beyond the lattice."""
        slots, beyond = self._slots(index)
        values = self.bricks.view(-1)[slots]
        return values.masked_fill_(values == _WANTED, torch.nan).masked_fill_(beyond, OUTSIDE)

    def positions(self, index: Tensor) -> Tensor:
        """Places (..., 3) of points (..., 3), float32; one step beyond the lattice too."""
        return self._axis[index + 1]

    def known(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Index (n, 3) and logit (n,) of all points that were asked, in parts, brick by brick."""
        for first in range(1, len(self.bricks), _BRICKS_AT_ONCE):
            values = self.bricks[first : first + _BRICKS_AT_ONCE]
            slots = values.isfinite().flatten().nonzero().squeeze(1) + first * BRICK**3
            yield self.index(slots), self.bricks.view(-1)[slots]

    def request(self, index: Tensor) -> None:
        """Mark those of the points (N, 3) as wanted that lie on the lattice and were not asked yet."""
        index = index[((index >= 0) & (index <= self.cells)).all(1)]
        self._make_bricks(index)
        slots, _ = self._slots(index)
        store = self.bricks.view(-1)
        store[slots[store[slots].isnan()]] = _WANTED

    def wanted(self) -> Tensor:
        """The store's slots (N,) of all points marked by `request`, each once, brick by brick."""
        return (self.bricks.view(-1) == _WANTED).nonzero().squeeze(1)

    def index(self, slots: Tensor) -> Tensor:
        """Index (N, 3) of the points in slots (N,)."""
        brick, local = slots // BRICK**3, slots % BRICK**3
        offsets = torch.stack([local // BRICK**2, local // BRICK % BRICK, local % BRICK], -1)
        return self.origins[brick] + offsets

    def answer(self, slots: Tensor, logits: Tensor) -> None:
        """Fill slots (N,) of the store with logits (N,); a NaN leaves its point wanted."""
        self.bricks.view(-1)[slots] = logits.clamp(-1e29, 1e29).nan_to_num(_WANTED)

    def with_halo(self, bricks: Tensor, before: int = 0, after: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """Bricks with so many points before and after them along each axis, in parts.

        Yields:
            Index of the first point (n, 3), and the logits (n, s, s, s) with s = before + 8 + after.
        """
        offset = torch.arange(-before, BRICK + after, device=self.device)
        offsets = torch.stack(torch.meshgrid(offset, offset, offset, indexing="ij"), -1)
        for part in bricks.split(_BRICKS_AT_ONCE):
            origins = self.origins[part]
            yield origins - before, self.get(origins[:, None, None, None] + offsets)

    def _brick_of(self, index: Tensor) -> Tensor:
        """Place in the directory (...) of the bricks that hold points (..., 3)."""
        x, y, z = ((index + 1) // BRICK).unbind(-1)
        return (x * self.side + y) * self.side + z

    def _slots(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Slot in the store (...) of points (..., 3), and whether they lie beyond the lattice."""
        beyond = ((index < 0) | (index > self.cells)).any(-1)
        index = index.clamp(0, self.cells)
        x, y, z = ((index + 1) % BRICK).unbind(-1)
        return self.directory[self._brick_of(index)] * BRICK**3 + (x * BRICK + y) * BRICK + z, beyond

    def _make_bricks(self, index: Tensor) -> None:
        needed = torch.zeros_like(self.directory, dtype=torch.bool)
        needed[self._brick_of(index)] = True
        fresh = (needed & (self.directory == 0)).nonzero().squeeze(1)
        if not len(fresh):
            return
        self.directory[fresh] = torch.arange(len(fresh), device=self.device) + len(self.bricks)
        self.bricks = torch.cat([self.bricks, self.bricks.new_full((len(fresh), BRICK**3), torch.nan)])
        place = torch.stack([fresh // self.side**2, fresh // self.side % self.side, fresh % self.side], -1)
        self.origins = torch.cat([self.origins, place * BRICK - 1])


def cube(size: int, device: torch.device) -> Tensor:
    """All offsets (size³, 3) from 0 to size - 1, the last axis fastest."""
    return torch.tensor(list(itertools.product(range(size), repeat=3)), device=device)
