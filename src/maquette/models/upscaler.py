"""RRDBNet, the network of Real-ESRGAN (arXiv 2107.10833): pictures four times larger.

Tiles overlap by the network's reach where that is short, and by so much that what is cut off no longer shows where it
is not; overlaps are cropped, never blended, so neighbouring tiles agree at their border.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALE = 4


@dataclass(frozen=True)
class UpscalerConfig:
    """Sizes. The defaults are those of RealESRGAN_x4plus."""

    width: int = 64
    depth: int = 23
    growth: int = 32


class Upscaler(nn.Module):
    """Pictures four times larger."""

    def __init__(self, config: UpscalerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.conv_first = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Sequential(*(ResidualInResidual(width, config.growth) for _ in range(config.depth)))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        self.conv_up1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_up2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1] → (B, 3, 4H, 4W), about [0, 1]."""
        x = self.conv_first(pictures)
        x = x + self.conv_body(self.body(x))
        for conv in (self.conv_up1, self.conv_up2):
            x = _leaky(conv(F.interpolate(x, scale_factor=2.0, mode="nearest")))
        return self.conv_last(_leaky(self.conv_hr(x)))

    def upscale(self, pictures: Tensor, *, tile: int | None = None, overlap: int = 32) -> Tensor:
        """As calling it, clamped to [0, 1] and in tiles.

        Args:
            pictures: RGB (B, 3, H, W) in [0, 1].
            tile: side of the tiles before enlargement; None for the whole picture.
            overlap: pixels around each tile that are computed and cut off again.
        """
        height, width = pictures.shape[-2:]
        if tile is None or (height <= tile and width <= tile):
            return self(pictures).clamp(0, 1)
        result = pictures.new_empty(len(pictures), 3, SCALE * height, SCALE * width)
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                bottom, right = min(top + tile, height), min(left + tile, width)
                above, before = max(top - overlap, 0), max(left - overlap, 0)
                part = pictures[..., above : bottom + overlap, before : right + overlap]
                rows = slice(SCALE * (top - above), SCALE * (bottom - above))
                columns = slice(SCALE * (left - before), SCALE * (right - before))
                result[..., SCALE * top : SCALE * bottom, SCALE * left : SCALE * right] = self(part)[
                    ..., rows, columns
                ].clamp(0, 1)
        return result


class ResidualInResidual(nn.Module):
    """Three dense blocks around a damped residual."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock(width, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → the same."""
        return x + 0.2 * self.blocks(x)


class DenseBlock(nn.Module):
    """Five convolutions, each seeing all that came before it."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(width + index * growth, width if index == 4 else growth, 3, padding=1)
            for index in range(5)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → the same."""
        seen = x
        for conv in self.convs[:4]:
            seen = torch.cat([seen, _leaky(conv(seen))], dim=1)
        return x + 0.2 * self.convs[4](seen)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)
