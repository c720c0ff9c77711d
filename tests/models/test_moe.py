"""Mixture of experts: all experts weighted, as in training, and only the chosen ones agree in value and gradient."""

from __future__ import annotations

import pytest
import torch

from maquette.models.moe import MixtureOfExperts


@pytest.mark.parametrize("top_k", [1, 2])
def test_training_and_evaluation_agree(top_k: int) -> None:
    torch.manual_seed(0)
    experts = MixtureOfExperts(16, 4, top_k)
    x = torch.randn(2, 7, 16)
    results, gradients = [], []
    for module in (experts.train(), experts.eval()):
        module.zero_grad()
        y = module(x)
        y.square().sum().backward()
        results.append(y.detach())
        gradients.append({name: value.grad.clone() for name, value in module.named_parameters()})
    torch.testing.assert_close(*results)
    for name, value in gradients[0].items():
        torch.testing.assert_close(value, gradients[1][name], msg=name)
