"""The distance between pictures that stands in for a network's."""

from __future__ import annotations

import pytest
import torch

from maquette.train.likeness import structural_distance

EVERYWHERE = torch.ones(1, 1, 64, 64)


def test_the_same_picture_is_at_no_distance_and_a_blurred_one_at_some() -> None:
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(picture, 9, 1, 4)
    assert float(structural_distance(picture, picture, EVERYWHERE)) == pytest.approx(0, abs=1e-5)
    assert float(structural_distance(blurred, picture, EVERYWHERE)) > 0.3


def test_grey_that_turns_coloured_is_farther_than_grey_of_another_brightness() -> None:
    grey = torch.full((2, 3, 64, 64), 0.5)
    guess = grey.clone()
    guess[0] *= 0.8
    guess[1, 0] += 0.1
    darker, red = structural_distance(guess, grey, EVERYWHERE.expand(2, -1, -1, -1)).tolist()
    assert 0 < darker < 0.05 < 0.3 < red


def test_only_the_object_counts() -> None:
    truth = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    guess, mask = truth.clone(), EVERYWHERE.clone()
    guess[..., 40:], mask[..., 24:] = 0.0, 0.0
    assert float(structural_distance(guess, truth, mask)) == pytest.approx(0, abs=1e-5)
    assert float(structural_distance(guess, truth, 1 - mask)) > 0.3
    assert float(structural_distance(guess, truth, 0 * mask)) == 0
