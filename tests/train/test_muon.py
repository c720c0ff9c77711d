"""Muon: updates are orthogonal, of AdamW's size, the same for one matrix alone as in a stack, and only for layers."""

from __future__ import annotations

import torch
from torch import nn

from maquette.models.feed_forward import FeedForward
from maquette.train.muon import Muon, is_hidden_matrix, orthogonalised


def moved(matrix: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    parameter = nn.Parameter(matrix.clone())
    parameter.grad = gradient
    Muon([parameter], torch.tensor(0.1)).step()
    return parameter.detach() - matrix


def test_singular_values_come_close_to_one_whatever_the_shape_and_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    for rows, columns, scale in ((64, 256, 1.0), (256, 64, 1e-4), (96, 96, 1e3)):
        made = orthogonalised(scale * torch.randn(3, rows, columns, generator=generator))
        values = torch.linalg.svdvals(made)
        assert made.shape == (3, rows, columns)
        assert values.median() > 0.6
        assert values.max() < 1.3


def test_updates_have_the_size_of_adamw_and_go_down_the_gradient() -> None:
    gradient = torch.randn(64, 128, generator=torch.Generator().manual_seed(0))
    step = moved(torch.zeros(64, 128), gradient)
    assert 0.1 * 0.12 < step.square().mean().sqrt() < 0.1 * 0.25
    assert (step * gradient).sum() < 0


def test_experts_in_a_stack_move_like_matrices_of_their_own() -> None:
    gradients = torch.randn(2, 64, 128, generator=torch.Generator().manual_seed(0))
    together = moved(torch.zeros(2, 64, 128), gradients)
    apart = torch.stack([moved(torch.zeros(64, 128), gradient) for gradient in gradients])
    torch.testing.assert_close(together, apart)


def test_a_convolution_moves_like_the_matrix_it_is() -> None:
    gradient = torch.randn(64, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    step = moved(torch.zeros(64, 64, 3, 3), gradient)
    torch.testing.assert_close(step.flatten(1), moved(torch.zeros(64, 576), gradient.flatten(1)))


def test_only_weights_between_hidden_states_are_hidden_matrices() -> None:
    names = {name for name, p in FeedForward(64, 256).named_parameters() if is_hidden_matrix(name, p)}
    assert names == {"fc1.weight", "fc2.weight"}
    assert not is_hidden_matrix("position_embedding", torch.zeros(1, 128, 256))
    assert not is_hidden_matrix("latents_in.weight", torch.zeros(256, 32))
    assert not is_hidden_matrix("norm.weight", torch.zeros(256))
    assert not is_hidden_matrix("patch_in.weight", torch.zeros(256, 3, 14, 14))
    assert is_hidden_matrix("conv.weight", torch.zeros(64, 64, 3, 3))
