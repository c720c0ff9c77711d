"""The two-layer perceptron that every transformer block here ends with."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU between them.

    Args:
        width: channels in and out.
        ratio: the hidden layer is this many times wider.
    """

    def __init__(self, width: int, ratio: int = 4) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, ratio * width)
        self.fc2 = nn.Linear(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) → (..., width)."""
        return self.fc2(F.gelu(self.fc1(x)))
