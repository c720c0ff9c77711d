"""Several sources on one ball: who decides where, and that no step is left between them."""

from __future__ import annotations

import torch

from maquette.paint.compose import Source, compose
from maquette.paint.texels import Texels, lay_out
from paint.unwrapped import ball


def _source(texels: Texels, where: torch.Tensor, level: float, rank: float, real: bool = False) -> Source:
    chosen = where.nonzero()[:, 0]
    return Source(chosen, torch.full((len(chosen), 3), level), torch.full((len(chosen),), 0.5), rank, real)


def test_what_was_seen_stays_and_a_guess_takes_its_level_at_the_border() -> None:
    texels = lay_out(ball(48, 96), 256)
    x = texels.position[:, 0]
    sources = [_source(texels, x > 0, 0.8, 1.0, True), _source(texels, x < 0.2, 0.4, 0.01)]
    values, known = compose(texels, sources)
    assert known.all()
    assert (values[x > 0.1] - 0.8).abs().max() < 0.01
    bins = ((x + 0.5) / 0.02).long().clamp(0, 49)
    level = torch.zeros(50).index_add_(0, bins, values[:, 0]) / torch.bincount(bins, minlength=50)
    assert level.diff().abs().max() < 0.12  # the step of 0.4 is spread
    assert values[x < -0.4, 0].mean() < 0.7  # the farther, the more the guess keeps its own


def test_spots_that_only_a_better_source_leaves_out_do_not_become_a_patchwork() -> None:
    texels = lay_out(ball(48, 96), 256)
    generator = torch.Generator().manual_seed(0)
    speckled = torch.rand(len(texels.index), generator=generator) < 0.7
    sources = [
        _source(texels, speckled, 0.8, 1.0, True),
        _source(texels, torch.ones_like(speckled), 0.3, 0.01),
    ]
    values, _ = compose(texels, sources)
    assert (values - 0.8).abs().mean() < 0.02


def test_texels_of_which_nobody_tells_are_not_known() -> None:
    texels = lay_out(ball(), 64)
    x = texels.position[:, 0]
    values, known = compose(texels, [_source(texels, x > 0.1, 0.6, 1.0, True)])
    assert torch.equal(known, x > 0.1)
    assert (values[known] - 0.6).abs().max() < 1e-5
