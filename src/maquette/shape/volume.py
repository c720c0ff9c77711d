"""From a field that can be asked anywhere to a lattice of logits, asking as seldom as the surface allows.

The dense lattice of resolution 256 has 17 million points, nearly all far from the surface. The hierarchical decoder
starts coarse and refines only cells that can hold surface. Its own rule bounds how fast the field can change by what
the coarse lattice shows; the published rule (a fixed threshold on the logits, two dilations) is kept for parity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from maquette.errors import SettingError

Field = Callable[[Tensor], Tensor]
"""Points (Q, 3) to logits (Q,), positive inside."""

PointsCallback = Callable[[int, int], None]
"""Called with the number of points done and of all points known so far. May raise to stop."""

DEFAULT_BOUNDS = 1.01
"""Half side of the box that is decoded, as published."""


@dataclass(frozen=True)
class VolumeSettings:
    """How finely and by which rule the field is decoded."""

    resolution: int = 256
    """Cells along each side of the box, 16 to 1024."""
    bounds: float = DEFAULT_BOUNDS
    method: Literal["hierarchical", "dense"] = "hierarchical"
    points_per_call: int = 16384
    """Queries decoded at once; bounds the memory, changes nothing else."""

    def __post_init__(self) -> None:
        if not 16 <= self.resolution <= 1024:
            raise SettingError(f"resolution is {self.resolution}", "it must be from 16 to 1024")


def decode_volume(
    field: Field, settings: VolumeSettings, device: torch.device, on_points: PointsCallback | None = None
) -> Tensor:
    """Logits (R + 1, R + 1, R + 1) float32 on the CPU, axes x, y, z; NaN where the decoder never looked."""
    asker = _Asker(field, settings.points_per_call, on_points)
    if settings.method == "dense":
        return decode_dense(asker, settings.resolution, settings.bounds, device)
    return decode_hierarchical(asker, settings.resolution, settings.bounds, device)


def decode_dense(field: Field, resolution: int, bounds: float, device: torch.device) -> Tensor:
    """Every lattice point, x slowest: (R + 1, R + 1, R + 1)."""
    axis = lattice_axis(resolution, bounds, device)
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    return field(points.view(-1, 3)).view(points.shape[:3])


def decode_hierarchical(
    field: Field,
    resolution: int,
    bounds: float,
    device: torch.device,
    *,
    coarsest: int = 40,
    rule: Literal["lipschitz", "published"] = "lipschitz",
) -> Tensor:
    """Coarse to fine, only where the surface can be.

    Args:
        field: asked at points in [-bounds, bounds].
        resolution: cells along each side of the finest lattice.
        coarsest: the resolution is halved while it stays at or above this.
        rule: which cells are refined. "lipschitz": a sign change, or logits so small that the field, changing as
            fast as anywhere on the lattice, could cross zero within the cell. "published": as the original decoder
            meant it (its own code computes the refined points in integers and so fails).

    Returns:
        (R + 1, R + 1, R + 1), NaN where never asked.
    """
    levels = [resolution]
    while levels[0] % 2 == 0 and levels[0] // 2 >= coarsest:
        levels.insert(0, levels[0] // 2)
    logits = decode_dense(field, levels[0], bounds, device)
    select = _select_lipschitz if rule == "lipschitz" else select_published
    for level in levels[1:]:
        wanted = select(logits, is_last=level == resolution)
        index = wanted.nonzero()
        points = lattice_axis(level, bounds, device)[index]
        refined = logits.new_full(wanted.shape, torch.nan)
        refined[tuple(index.unbind(1))] = field(points)
        logits = refined
    return logits


class _Asker:
    """The field, asked in blocks, with progress."""

    def __init__(self, field: Field, points_per_call: int, on_points: PointsCallback | None) -> None:
        self.field, self.points_per_call, self.on_points = field, points_per_call, on_points
        self.done = self.known = 0

    def __call__(self, points: Tensor) -> Tensor:
        self.known += len(points)
        results = []
        for block in points.split(self.points_per_call):
            results.append(self.field(block))
            self.done += len(block)
            if self.on_points is not None:
                self.on_points(self.done, self.known)
        return torch.cat(results)


def lattice_axis(resolution: int, bounds: float, device: torch.device) -> Tensor:
    """The R + 1 coordinates of a lattice of R cells along one axis."""
    # float64 first, as the published lattice; float32 steps would drift by an ulp or two
    return torch.linspace(-bounds, bounds, resolution + 1, dtype=torch.float64).float().to(device)


def _select_lipschitz(logits: Tensor, *, is_last: bool) -> Tensor:
    """Points of the lattice twice as fine that belong to cells the surface can pass through."""
    del is_last
    steepest = torch.stack([logits.diff(dim=axis).abs().nan_to_num(0.0).max() for axis in range(3)]).norm()
    filled = logits.nan_to_num(
        torch.inf
    )  # a cell with an unknown corner lies beyond the band of the level before
    lowest, highest = -_cell_highest(-filled), _cell_highest(filled)
    nearest = -_cell_highest(-filled.abs())
    crosses = (lowest <= 0) & (highest >= 0)
    # Half the diagonal is the farthest a point of the cell can be from its nearest corner.
    reachable = (nearest < steepest * 0.5) & highest.isfinite()
    cells = crosses | reachable
    fine = cells.repeat_interleave(2, 0).repeat_interleave(2, 1).repeat_interleave(2, 2)
    # A point is wanted when any of the (up to eight) fine cells around it is.
    around = F.max_pool3d(F.pad(fine[None, None].float(), (1,) * 6), 2, stride=1)
    return around[0, 0] > 0


def _cell_highest(corners: Tensor) -> Tensor:
    """Highest corner of each cell: (n, n, n) points → (n - 1, n - 1, n - 1)."""
    return F.max_pool3d(corners[None, None], 2, stride=1)[0, 0]


def select_published(logits: Tensor, *, is_last: bool) -> Tensor:
    """The original selection: neighbours of a sign change, or |logit| < 0.95, widened by dilations."""
    known = ~logits.isnan()
    sign = logits.sign()
    changes = torch.zeros_like(known)
    for axis in range(3):
        length = logits.shape[axis] - 1
        low, high = (slice_of.narrow(axis, 0, length) for slice_of in (sign, known))
        above, known_above = (slice_of.narrow(axis, 1, length) for slice_of in (sign, known))
        differs = (low != above) & high & known_above
        changes.narrow(axis, 0, length).logical_or_(differs)
        changes.narrow(axis, 1, length).logical_or_(differs)
    chosen = changes | (logits.abs() < 0.95)
    if not is_last:
        chosen = _dilate(chosen)
    fine = chosen.new_zeros([2 * n - 1 for n in chosen.shape])
    fine[::2, ::2, ::2] = chosen
    for _ in range(2 if is_last else 1):
        fine = _dilate(fine)
    return fine


def _dilate(mask: Tensor) -> Tensor:
    return F.max_pool3d(mask[None, None].float(), 3, stride=1, padding=1)[0, 0] > 0
