"""Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal, so that every direction learns at one pace.

Every weight matrix of a layer moves by an orthogonal matrix in place of its gradient; small transformers get by with
about half the steps that AdamW needs. Whatever is no hidden weight matrix is better off with AdamW.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_SMALLEST = 64
"""Matrices with fewer rows or columns lead into or out of the network."""
_UPDATE_SIZE = 0.2
"""Root mean square of an update, about AdamW's, so that both take the same learning rate (arXiv 2502.16982)."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, made orthogonal by Newton-Schulz iterations; all matrices of one shape in one go.

    Args:
        matrices: the parameters, (rows, columns) each, a stack of such for experts, or (out, in, height, width)
            for convolutions.
        lr: learning rate, a number on the parameters' device; an update has the size of AdamW's at the same rate.
        momentum: share of the last steps' gradients.
        weight_decay: decoupled, times the learning rate.
    """

    def __init__(
        self, matrices: Iterable[Tensor], lr: Tensor, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move all parameters that have a gradient."""
        for group in self.param_groups:
            for matrices in _by_shape(group["params"]):
                self._move(matrices, group["lr"], group["momentum"], group["weight_decay"])

    def _move(self, matrices: list[Tensor], lr: Tensor, momentum: float, weight_decay: float) -> None:
        gradients = [matrix.grad for matrix in matrices if matrix.grad is not None]
        for matrix in matrices:
            if not self.state[matrix]:
                self.state[matrix]["momentum"] = torch.zeros_like(matrix)
        buffers = [self.state[matrix]["momentum"] for matrix in matrices]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, buffers, momentum)
        stacked = torch.stack(ahead)
        flat = stacked.flatten(2) if stacked.ndim == 5 else stacked.flatten(0, -3)  # convolutions; experts
        updates = orthogonalised(flat).to(flat.dtype) * (lr * _UPDATE_SIZE * max(flat.shape[-2:]) ** 0.5)
        torch._foreach_mul_(matrices, 1 - lr * weight_decay)
        torch._foreach_sub_(matrices, list(updates.view(stacked.shape)))


def is_hidden_matrix(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is a weight matrix between a network's hidden states, a stack of such, or a convolution."""
    if not name.endswith("weight") or parameter.ndim not in (2, 3, 4):
        return False
    return min(parameter.shape[:2] if parameter.ndim == 4 else parameter.shape[-2:]) >= _SMALLEST


def orthogonalised(matrices: Tensor) -> Tensor:
    """The nearest orthogonal matrices of (B, rows, columns), roughly: singular values end between 0.7 and 1.2.

    In bfloat16 on CUDA, in float32 elsewhere.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x.bfloat16() if x.is_cuda else x.float()
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


def _by_shape(parameters: Iterable[Tensor]) -> Iterable[list[Tensor]]:
    """Parameters with a gradient, those of one shape together, in their order."""
    shapes: dict[torch.Size, list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            shapes.setdefault(parameter.shape, []).append(parameter)
    return shapes.values()
