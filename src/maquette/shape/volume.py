"""From a field that can be asked anywhere to a lattice of logits, asking as seldom as the surface allows.

The dense lattice of resolution 256 has 17 million points, nearly all far from the surface, and that of 1024 a billion.
The hierarchical decoder starts coarse, refines only cells that can hold surface, and keeps nothing but bricks around
them (`maquette.shape.sparse`). Which cells can: those with corners on both sides, and those whose logits are so small
that the field, changing as fast as it does thereabouts, could cross zero between the corners. At every level the
surface is then followed into cells that were not chosen, so a part of it that was met once is never cut off.

`decode_hierarchical` is the published rule (a fixed threshold on the logits, two dilations), kept for parity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from maquette.errors import SettingError
from maquette.shape.sparse import BRICK, SparseVolume, cube

Field = Callable[[Tensor], Tensor]
"""Points (Q, 3) to logits (Q,), positive inside."""

PointsCallback = Callable[[int, int], None]
"""Called with the number of points done and of all points known so far. May raise to stop."""

DEFAULT_BOUNDS = 1.01
"""Half side of the box that is decoded, as published."""

DEFAULT_MEMORY = 2.0
"""GB: enough for any surface at 512 and most at 1024."""

COARSEST = 40
"""The resolution is halved while it stays at or above this."""
_LATTICE_BYTES = 64
"""Memory a lattice point takes: its logit, and what finding its neighbours needs for a moment."""


Decoder = Literal["hierarchical", "flashvdm", "dense", "flashvdm-mean", "flashvdm-merge"]
"""Which points are asked: those near the surface, or all ("dense"). "flashvdm" asks as "hierarchical" does, but each of
fewer latents. The last two are FlashVDM as published, lattice and all, with either of its ways of choosing latents."""


@dataclass(frozen=True)
class VolumeSettings:
    """How finely and by which rule the field is decoded."""

    resolution: int = 256
    """Cells along each side of the box, 16 to 1024."""
    bounds: float = DEFAULT_BOUNDS
    method: Decoder = "hierarchical"
    memory: float = DEFAULT_MEMORY
    """GB that decoding may take beside the model. Decides how many points are asked at once, nothing else."""
    points_per_call: int | None = None
    """At most so many points at once, however much memory there is."""

    def __post_init__(self) -> None:
        if not 16 <= self.resolution <= 1024:
            raise SettingError(f"resolution is {self.resolution}", "it must be from 16 to 1024")
        if not self.memory > 0:
            raise SettingError(f"the memory for decoding is {self.memory} GB", "it must be above 0")


def decode_volume(
    field: Field,
    settings: VolumeSettings,
    device: torch.device,
    on_points: PointsCallback | None = None,
    *,
    bytes_per_point: int = 16_384,
) -> SparseVolume:
    """Logits of the field on a lattice, on `device`.

    Args:
        field: asked at points in the box, or less than a coarse cell beyond it.
        settings: how finely, and in how much memory.
        device: where the field wants its points.
        on_points: told how far it is.
        bytes_per_point: what the field takes to answer one point.

    Raises:
        SettingError: the surface does not fit the memory at this resolution.
    """
    if settings.method in ("flashvdm-mean", "flashvdm-merge"):
        raise SettingError(f"a bare field cannot be decoded by {settings.method}", "use a shape pipeline")
    asker = _Asker(field, settings, bytes_per_point, on_points)
    if settings.method == "dense":
        asker.expect((settings.resolution + 1) ** 3)
        return SparseVolume.from_dense(
            decode_dense(asker, settings.resolution, settings.bounds, device), settings.bounds
        )
    return decode_sparse(asker, settings.resolution, settings.bounds, device, expect=asker.expect)


def decode_dense(field: Field, resolution: int, bounds: float, device: torch.device) -> Tensor:
    """Every lattice point, x slowest: (R + 1, R + 1, R + 1)."""
    return field(lattice_points(resolution, bounds, device)).view((resolution + 1,) * 3)


def decode_sparse(
    field: Field,
    resolution: int,
    bounds: float,
    device: torch.device,
    *,
    expect: Callable[[int], None] = lambda points: None,
) -> SparseVolume:
    """Coarse to fine, only where the surface can be; any resolution, odd ones too.

    `expect` is told how many points the finest lattices will hold before they are made. It may raise.
    """
    halvings = 0
    while -(-resolution // 2 ** (halvings + 1)) >= COARSEST:
        halvings += 1
    volume = _level(resolution, halvings, bounds, device)
    volume.request(cube(volume.cells + 1, device))
    _ask_wanted(volume, field)
    for level in reversed(range(halvings)):
        coarse, volume = volume, _level(resolution, level, bounds, device)
        for cells in _cells_to_refine(coarse):
            for offset in cube(3, device):
                volume.request(2 * cells + offset)
            expect(volume.bricks.numel() // 2)  # half of a brick, as a rule, is asked
        _inherit(volume, coarse)
        del coarse
        _ask_wanted(volume, field)
        _follow_surface(volume, field)
    return volume


def _level(resolution: int, halvings: int, bounds: float, device: torch.device) -> SparseVolume:
    """The empty lattice whose cells are 2^halvings finest ones wide; it may pass the far walls by less than a cell."""
    factor = 2**halvings
    return SparseVolume(-(-resolution // factor), 2 * bounds / resolution * factor, bounds, device)


def _cells_to_refine(volume: SparseVolume) -> Iterator[Tensor]:
    """First corners (n, 3) of the cells that the surface may pass through."""
    bricks = torch.arange(1, len(volume.bricks), device=volume.device)
    for origins, logits in volume.with_halo(bricks, before=1, after=2):
        lowest, highest, complete = _cell_range(logits[:, 1:-1, 1:-1, 1:-1])
        nearest = torch.maximum(lowest, -highest)  # above zero where all corners are on one side
        chosen = complete & (nearest <= _most_bent(logits))
        brick, *place = chosen.nonzero().unbind(1)
        yield origins[brick] + 1 + torch.stack(place, 1)


def _most_bent(logits: Tensor) -> Tensor:
    """How far the field can bulge between each cell's corners: (n, s, s, s), one point around them → (n, s - 3, ...).

    Between two points, a field that bends no more than it does at them departs from the straight line by half of
    its second difference at most, which a crease in the middle reaches.
    """
    inner = slice(1, -1)
    bulges = []
    for axis in (1, 2, 3):
        along = logits[tuple(slice(None) if a in (0, axis) else inner for a in range(4))]
        bend = along.diff(n=2, dim=axis).abs()
        bend = torch.where(bend < 1e20, bend, 0.0)  # neither the wall nor what is unknown
        bulges.append(0.5 * F.max_pool3d(bend, 2, stride=1))
    return bulges[0] + bulges[1] + bulges[2]


def _follow_surface(volume: SparseVolume, field: Field) -> None:
    """Ask the missing corners of cells that have corners on both sides, until there are none."""
    bricks = torch.arange(1, len(volume.bricks), device=volume.device)
    while len(bricks):
        corners = cube(2, volume.device)
        for origins, logits in volume.with_halo(bricks, before=1):
            lowest, highest, complete = _cell_range(logits)
            brick, *place = ((lowest <= 0) & (highest > 0) & ~complete).nonzero().unbind(1)
            if len(brick):
                cells = origins[brick] + torch.stack(place, 1)
                volume.request((cells[:, None] + corners).view(-1, 3))
        bricks = _ask_wanted(volume, field)


def _cell_range(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Lowest and highest known corner of each cell of blocks (n, s, s, s) → (n, s - 1, ...), and if all are known."""
    highest = F.max_pool3d(logits.nan_to_num(-torch.inf), 2, stride=1)
    lowest = -F.max_pool3d((-logits).nan_to_num(-torch.inf), 2, stride=1)
    unknown = F.max_pool3d(logits.isnan().float(), 2, stride=1)
    return lowest, highest, unknown == 0


def _inherit(volume: SparseVolume, coarse: SparseVolume) -> None:
    """Take over what the lattice twice as coarse knows."""
    slots = volume.wanted()
    index = volume.index(slots)
    shared = (index % 2 == 0).all(1)
    volume.answer(slots[shared], coarse.get(index[shared] // 2))


def _ask_wanted(volume: SparseVolume, field: Field) -> Tensor:
    """Ask all points that are wanted; returns the bricks that they lie in."""
    slots = volume.wanted()
    if len(slots):
        volume.answer(slots, field(volume.positions(volume.index(slots))))
    return (slots // BRICK**3).unique()


class _Asker:
    """The field, asked in blocks that fit the memory, with progress."""

    def __init__(
        self, field: Field, settings: VolumeSettings, bytes_per_point: int, on_points: PointsCallback | None
    ) -> None:
        self.field, self.on_points = field, on_points
        self.bytes, self.resolution = settings.memory * 1e9, settings.resolution
        self.bytes_per_point, self.most = bytes_per_point, settings.points_per_call
        self.lattice_bytes = 0
        self.done = self.known = 0

    def expect(self, points: int) -> None:
        """Set aside memory for a lattice of so many points."""
        self.lattice_bytes = points * _LATTICE_BYTES
        if self.lattice_bytes > 0.8 * self.bytes:
            raise SettingError(
                f"the surface at resolution {self.resolution} needs {self.lattice_bytes / 0.8e9:.2g} GB, and "
                f"decoding may take {self.bytes / 1e9:.2g} GB",
                "allow more memory or choose a lower resolution",
            )

    def __call__(self, points: Tensor) -> Tensor:
        self.known += len(points)
        results = []
        for block in points.split(self._points_per_call(points.device)):
            results.append(self.field(block))
            self.done += len(block)
            if self.on_points is not None:
                self.on_points(self.done, self.known)
        return torch.cat(results)

    def _points_per_call(self, device: torch.device) -> int:
        fits = int((self.bytes - self.lattice_bytes) / self.bytes_per_point)
        # More at once gains nothing: a CPU's caches are small, and a GPU is busy long before.
        most = self.most or (16_384 if device.type == "cpu" else 131_072)
        return max(min(fits, most), 64)


def lattice_points(resolution: int, bounds: float, device: torch.device) -> Tensor:
    """Every point of a lattice of R cells a side, x slowest: ((R + 1)³, 3)."""
    axis = lattice_axis(resolution, bounds, device)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).view(-1, 3)


def lattice_axis(resolution: int, bounds: float, device: torch.device) -> Tensor:
    """The R + 1 coordinates of a lattice of R cells along one axis."""
    # float64 first, as the published lattice; float32 steps would drift by an ulp or two
    return torch.linspace(-bounds, bounds, resolution + 1, dtype=torch.float64).float().to(device)


def decode_hierarchical(
    field: Field, resolution: int, bounds: float, device: torch.device, *, coarsest: int = 40
) -> Tensor:
    """Coarse to fine by the published rule: (R + 1, R + 1, R + 1), NaN where never asked. For parity.

    As the original decoder meant it: its own code computes the refined points in integers and so fails.
    """
    levels = [resolution]
    while levels[0] % 2 == 0 and levels[0] // 2 >= coarsest:
        levels.insert(0, levels[0] // 2)
    logits = decode_dense(field, levels[0], bounds, device)
    for level in levels[1:]:
        index = select_published(logits, is_last=level == resolution).nonzero()
        logits = logits.new_full((level + 1,) * 3, torch.nan)
        logits[tuple(index.unbind(1))] = field(lattice_axis(level, bounds, device)[index])
    return logits


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
