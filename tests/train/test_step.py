"""A training step moves down its loss; recorded on CUDA, it does what it did step by step."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from maquette.models.feed_forward import FeedForward
from maquette.train.muon import Muon
from maquette.train.step import Losses, TrainingStep


def network_and_step(device: str) -> tuple[nn.Module, TrainingStep]:
    torch.manual_seed(0)
    network = FeedForward(64).to(device)

    def compute(x: Tensor, y: Tensor) -> tuple[Tensor, Losses]:
        loss = (network(x) - y).square().mean()
        return loss, {"loss": loss.detach()}

    rate = torch.tensor(1e-2, device=device)
    matrices = [p for p in network.parameters() if p.ndim == 2]
    biases = [p for p in network.parameters() if p.ndim < 2]
    adamw = torch.optim.AdamW(biases, lr=rate, capturable=device == "cuda")
    return network, TrainingStep(compute, network, [adamw, Muon(matrices, rate)])


def batches(device: str, count: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(2, 32, 64, generator=generator).to(device) for _ in range(count)]
    return [(x, 0.5 * x.roll(1, -1)) for x, _ in drawn]


def test_steps_go_down_the_loss() -> None:
    _, step = network_and_step("cpu")
    losses = [float(step(batch)["loss"]) for batch in batches("cpu", 60)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="recording is for CUDA")
def test_a_recorded_step_does_what_single_kernels_do() -> None:
    recorded, step = network_and_step("cuda")
    plain, same = network_and_step("cuda")
    for batch in batches("cuda", 8):
        assert float(step(batch)["loss"]) == pytest.approx(float(same._step(batch)["loss"]), rel=1e-3)
    for own, other in zip(recorded.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-4)
