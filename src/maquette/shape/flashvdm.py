"""FlashVDM volume decoding (arXiv 2503.16302): each region of space attends only to the latents that matter there.

As published: the coarsest lattice is made divisible into 4 × 4 × 4 blocks, so the grid that comes out is usually not
the one asked for; later levels group their points in 6 × 6 × 6 bins. Which latents matter is read off every n-th point
of a group, so the order of points within a group counts.

`SparingField` is the same idea for our own lattice: it answers the points that the hierarchical decoder asks, which
come brick by brick, and leaves out only latents that get almost no weight. How much that saves depends on how local
the decoder's attention is: nothing on random weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from maquette.models.attention import Select
from maquette.models.shape_vae import ShapeField
from maquette.shape.volume import PointsCallback, lattice_axis, select_published

TopKMode = Literal["mean", "merge"]

BLOCKS = 4
BINS = 6
BLOCK_STRIDE, MEAN_STRIDE, MERGE_STRIDE = 100, 50, 30
MERGE_THRESHOLD = 1e-6


GROUP = 512
"""Points that share a choice of latents: about a brick's worth of surface."""
SAMPLE_STRIDE = 30
NEGLECTED = 0.05
"""Most attention weight, of one, that may be left out of an average head's sum at a sampled point."""


class SparingField:
    """A shape's field that attends to fewer latents; points (Q, 3), neighbours together → logits (Q,) float32."""

    def __init__(self, field: ShapeField) -> None:
        self.field = field

    def __call__(self, points: Tensor) -> Tensor:
        decoder, keys, values = self.field.decoder, self.field.keys, self.field.values
        logits = [
            decoder.query(group[None], keys, values, _select_weighty)[0] for group in points.split(GROUP)
        ]
        return torch.cat(logits).float()


def _select_weighty(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Leave out the latents whose weights, were all as large as their greatest, would still not sum to NEGLECTED."""
    weights = (queries[:, :, ::SAMPLE_STRIDE] @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5).softmax(
        -1
    )
    chosen = weights.mean(1).amax((0, 1)) > NEGLECTED / keys.shape[2]
    return keys[:, :, chosen], values[:, :, chosen]


def decode_flashvdm(
    field: ShapeField,
    resolution: int,
    bounds: float,
    *,
    coarsest: int = 63,
    mode: TopKMode = "mean",
    stable: bool = True,
    on_points: PointsCallback = lambda done, known: None,
) -> Tensor:
    """Logits on a lattice close to `resolution` cells a side, NaN where never asked.

    Args:
        field: the shape's.
        resolution: cells asked for; the lattice has (round(r / 4) · 4 - 1) · 2ⁿ, with r the coarsest level.
        bounds: half side of the box.
        coarsest: the resolution is halved while it stays at or above this.
        mode: how latents are chosen on the finer levels: "mean" takes the third with the greatest mean similarity,
            "merge" every latent that gets a weight.
        stable: keep the lattice's order within a bin, so that every machine chooses the same latents. The original
            leaves it to the platform's sort.
        on_points: told the points done and known so far; may raise to stop.
    """
    device = field.keys.device
    asker = _Asker(field, on_points)
    levels = [resolution]
    while levels[0] // 2 >= coarsest:
        levels.insert(0, levels[0] // 2)
    first = round(levels[0] / BLOCKS) * BLOCKS - 1  # Python rounds halves to even, and so did the original
    logits = _decode_blocks(asker, lattice_axis(first, bounds, device))
    for level in range(1, len(levels)):
        cells = first * 2**level
        wanted = select_published(logits, is_last=level == len(levels) - 1)
        index = wanted.nonzero()
        refined = logits.new_full(wanted.shape, torch.nan)
        points = lattice_axis(cells, bounds, device)[index]
        refined[tuple(index.unbind(1))] = _decode_bins(asker, points, mode, stable)
        logits = refined
    return logits


class _Asker:
    """The field, asked one group of points after the other, each with its own choice of latents."""

    def __init__(self, field: ShapeField, on_points: PointsCallback) -> None:
        self.field, self.on_points = field, on_points
        self.done = self.known = 0

    def __call__(self, groups: Sequence[Tensor], select: Select) -> list[Tensor]:
        """Logits (Q,) of each group (Q, 3), float32."""
        self.known += sum(len(group) for group in groups)
        answers = []
        for group in groups:
            if len(group):
                logits = self.field.decoder.query(group[None], self.field.keys, self.field.values, select)
                answers.append(logits[0].float())
                self.done += len(group)
                self.on_points(self.done, self.known)
        return answers


def _decode_blocks(asker: _Asker, axis: Tensor) -> Tensor:
    """The whole coarse lattice, one block at a time: (n, n, n) with n = len(axis), a multiple of BLOCKS."""
    side = len(axis) // BLOCKS
    lattice = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1)
    blocks = lattice.view(BLOCKS, side, BLOCKS, side, BLOCKS, side, 3).permute(0, 2, 4, 1, 3, 5, 6)
    blocks = blocks.reshape(BLOCKS**3, side**3, 3)
    logits = torch.cat(asker(list(blocks), _select_mean(BLOCK_STRIDE))).view(
        BLOCKS, BLOCKS, BLOCKS, side, side, side
    )
    return logits.permute(0, 3, 1, 4, 2, 5).reshape(lattice.shape[:3])


def _decode_bins(asker: _Asker, points: Tensor, mode: TopKMode, stable: bool) -> Tensor:
    """Scattered points (Q, 3) → logits (Q,), grouped by the bin of their bounding box they lie in."""
    if not len(points):  # the coarse lattice shows no surface
        return points.new_empty(0)
    low, high = points.amin(0), points.amax(0)
    place = ((points - low) / (high - low).clamp(min=1e-9) * (BINS - 0.001)).floor().long()
    bins = (place[:, 0] * BINS + place[:, 1]) * BINS + place[:, 2]
    order = bins.argsort(stable=stable)
    groups = points[order].split(bins.bincount(minlength=BINS**3).tolist())
    logits = asker(groups, _select_mean(MEAN_STRIDE) if mode == "mean" else _select_merge)
    return torch.empty(len(points), device=points.device).index_copy(0, order, torch.cat(logits))


def _select_mean(stride: int) -> Select:
    """A third of the latents for each head: those most similar, on average, to every `stride`-th query."""

    def select(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        similarity = (queries[:, :, ::stride] @ keys.transpose(-1, -2)).mean(2)
        count = (
            256 if keys.shape[2] == 512 else keys.shape[2] // 3
        )  # 512 is an exception of the published code
        chosen = similarity.topk(count, dim=-1).indices[..., None].expand(-1, -1, -1, keys.shape[-1])
        return keys.gather(2, chosen), values.gather(2, chosen)

    return select


def _select_merge(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Every latent to which some sampled query gives weight, the same for all heads."""
    weights = (queries[:, :, ::MERGE_STRIDE] @ keys.transpose(-1, -2)).softmax(-1).mean(1)
    chosen = (weights[0] > MERGE_THRESHOLD).any(0).nonzero().squeeze(-1)
    return keys[:, :, chosen], values[:, :, chosen]
