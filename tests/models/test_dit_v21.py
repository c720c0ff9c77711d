"""The 2.1 denoiser beyond its recorded cases."""

from __future__ import annotations

import pytest
import torch

from maquette.models.dit_v21 import DiTV21, DiTV21Config
from maquette.models.moe import MixtureOfExperts

SMALL = DiTV21Config(
    num_latents=12,
    latent_channels=4,
    width=32,
    context_width=16,
    depth=5,
    num_heads=2,
    num_moe_layers=2,
    num_experts=3,
)


@pytest.fixture
def dit() -> DiTV21:
    torch.manual_seed(0)
    return DiTV21(SMALL).eval()


@torch.no_grad()
def test_context_prepared_once_gives_the_same_velocity(dit: DiTV21) -> None:
    latents, time, context = torch.randn(2, 12, 4), torch.tensor([0.1, 0.9]), torch.randn(2, 7, 16)
    torch.testing.assert_close(
        dit.denoise(latents, time, dit.prepare(context)), dit(latents, time, context), rtol=0, atol=0
    )


@torch.no_grad()
def test_each_example_of_a_batch_is_independent(dit: DiTV21) -> None:
    latents, time, context = torch.randn(3, 12, 4), torch.rand(3), torch.randn(3, 7, 16)
    together = dit(latents, time, context)
    alone = torch.cat([dit(latents[i : i + 1], time[i : i + 1], context[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_latents_are_a_set_without_position_embedding(dit: DiTV21) -> None:
    latents, time, context = torch.randn(1, 12, 4), torch.tensor([0.3]), torch.randn(1, 7, 16)
    order = torch.randperm(12)
    torch.testing.assert_close(
        dit(latents[:, order], time, context), dit(latents, time, context)[:, order], rtol=1e-5, atol=1e-5
    )


@torch.no_grad()
def test_bfloat16_is_close_to_float32(dit: DiTV21) -> None:
    latents, time, context = torch.randn(1, 12, 4), torch.tensor([0.3]), torch.randn(1, 7, 16)
    exact = dit(latents, time, context)
    rough = dit.bfloat16()(latents.bfloat16(), time, context.bfloat16()).float()
    assert (rough - exact).norm() < 0.05 * exact.norm()


@torch.no_grad()
def test_experts_match_computing_every_expert_for_every_token() -> None:
    torch.manual_seed(1)
    moe = MixtureOfExperts(16, num_experts=4, top_k=2)
    x = torch.randn(2, 9, 16)
    weights, chosen = moe.route(x).topk(2, dim=-1)
    expected = moe.shared_fc2(torch.nn.functional.gelu(moe.shared_fc1(x)))
    for expert in range(4):
        hidden = torch.nn.functional.gelu(x @ moe.fc1_weight[expert].T + moe.fc1_bias[expert])
        out = hidden @ moe.fc2_weight[expert].T + moe.fc2_bias[expert]
        expected = expected + out * (weights * (chosen == expert)).sum(-1, keepdim=True)
    torch.testing.assert_close(moe(x), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_an_expert_that_gets_no_token_is_fine() -> None:
    moe = MixtureOfExperts(8, num_experts=3, top_k=1)
    moe.router.weight.zero_()
    moe.router.weight[2] = 1.0
    assert moe(torch.ones(1, 5, 8)).isfinite().all()
