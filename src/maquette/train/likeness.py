"""How unlike two pictures look, in the place of LPIPS, which needs a network.

One minus the structural similarity (SSIM; Wang and others, 2004; windows of 7 pixels) of luma and two colour
differences, averaged over the scales from the pictures' own down to 32 pixels and over the windows on the object.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_WINDOW = 7
_COARSEST = 32


def structural_distance(guess: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """(N,) distances of pictures (N, 3, S, S) in [0, 1], S at least 32; `mask` (N, 1, S, S) is where the object is."""
    red, green, blue = torch.stack([guess, truth]).unbind(2)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    pair = torch.stack([luma, (red - green) / 2, (blue - (red + green) / 2) / 2], dim=2)
    where = mask.to(guess)
    total, scales = guess.new_zeros(2, len(guess))
    while pair.shape[-1] >= _COARSEST:
        mean, square, on = (_windows(part) for part in (pair, pair.square(), where))
        square, both = square - mean.square(), _windows(pair[0] * pair[1]) - mean[0] * mean[1]
        alike = (2 * mean[0] * mean[1] + 1e-4) / (mean.square().sum(0) + 1e-4)
        alike = alike * (2 * both + 9e-4) / (square.sum(0) + 9e-4)
        on = (on > 0.5).to(guess)
        count = on.sum((1, 2, 3))
        total = total + ((1 - alike.mean(1, keepdim=True)) * on).sum((1, 2, 3)) / count.clamp(min=1)
        scales = scales + (count > 0)
        pair, where = F.avg_pool2d(pair.flatten(0, 1), 2).unflatten(0, pair.shape[:2]), F.avg_pool2d(where, 2)
    return total / scales.clamp(min=1)


def _windows(pictures: Tensor) -> Tensor:
    """Means over the windows of (..., C, S, S)."""
    return F.avg_pool2d(pictures.flatten(0, -4), _WINDOW, 1).unflatten(0, pictures.shape[:-3])
