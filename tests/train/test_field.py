"""The third stage: picture and field learn end to end, and a resumed run ends like an unbroken one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maquette.train.bank import NUM_FRONTS, PictureBank, ShapeBank
from maquette.train.field import ZERO_LEVELS, PictureToField, centre_zero_level, train_field
from maquette.train.recipe import CPU_RECIPE
from maquette.train.run import StageSettings
from maquette.zoo.shape_model import ShapeModel
from tiny_model import tiny_model

CPU = torch.device("cpu")
STAGE = StageSettings(steps=8, batch_size=4, warmup_steps=2, log_every=1, save_every=4)
RECIPE = replace(CPU_RECIPE, queries_per_step=32)


@pytest.fixture
def banks() -> tuple[ShapeBank, PictureBank]:
    """White pictures of small balls and black ones of large balls."""
    torch.manual_seed(0)
    queries, large = torch.rand(6, 64, 3) * 2 - 1, (torch.arange(6) % 2).float()
    targets = (0.4 + 0.4 * large[:, None] - queries.norm(dim=-1)).clamp(-1, 1)
    pictures = (255 * (1 - large)).to(torch.uint8).reshape(6, 1, 1, 1, 1).expand(6, NUM_FRONTS, 3, 28, 28)
    return ShapeBank(torch.zeros(6, 1, 6), queries.half(), targets.half()), PictureBank(pictures)


def train(
    banks: tuple[ShapeBank, PictureBank], stage: StageSettings, folder: Path, on_save=None
) -> ShapeModel:
    return train_field(tiny_model(), *banks, torch.ones(6), RECIPE, stage, folder, 0, CPU, on_save)


def test_resumed_run_ends_where_an_unbroken_one_does(
    banks: tuple[ShapeBank, PictureBank], tmp_path: Path
) -> None:
    def stop(_network: object, step: int) -> None:
        if step == 4:
            raise InterruptedError

    whole = train(banks, STAGE, tmp_path / "whole")
    with pytest.raises(InterruptedError):
        train(banks, STAGE, tmp_path / "broken", stop)
    resumed = train(banks, STAGE, tmp_path / "broken")
    for name, value in whole.dit.state_dict().items():
        torch.testing.assert_close(resumed.dit.state_dict()[name], value, rtol=0, atol=0, msg=name)


@pytest.mark.slow
def test_it_learns_which_picture_is_the_large_ball(
    banks: tuple[ShapeBank, PictureBank], tmp_path: Path
) -> None:
    stage = replace(STAGE, steps=150, log_every=10, save_every=1000, learning_rate=3e-3)
    train(banks, stage, tmp_path)
    losses = [json.loads(line)["distance"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.3 * losses[0]


def test_the_zero_level_moves_to_where_volumes_overlap_best() -> None:
    network = PictureToField(tiny_model()).eval()
    torch.manual_seed(0)
    pictures, queries = torch.rand(4, 3, 28, 28) * 2 - 1, torch.rand(4, 256, 3) * 2 - 1
    logits = network.logits(pictures, queries)
    moved = ZERO_LEVELS[4]
    assert centre_zero_level(network, [(pictures, queries, logits.detach() + moved)]) == moved
    torch.testing.assert_close(network.logits(pictures, queries), logits + moved)
