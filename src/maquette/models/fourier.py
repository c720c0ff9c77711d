"""Fourier features of coordinates (NeRF, arXiv 2003.08934), in the order the published shape VAEs expect."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class FourierConfig:
    """Frequencies 2⁰ … 2ⁿ⁻¹ (or linearly spaced between them), times π where asked."""

    num_frequencies: int = 8
    include_pi: bool = False
    include_input: bool = True
    log_spaced: bool = True


class FourierFeatures(nn.Module):
    """[x, sin(x·f), cos(x·f)], each coordinate's frequencies together."""

    frequencies: Tensor

    def __init__(self, config: FourierConfig) -> None:
        super().__init__()
        self.config = config
        exponents = torch.arange(config.num_frequencies, dtype=torch.float32)
        frequencies = 2.0**exponents
        if not config.log_spaced:
            frequencies = torch.linspace(1.0, float(frequencies[-1]), config.num_frequencies)
        if config.include_pi:
            frequencies = frequencies * torch.pi
        self.register_buffer("frequencies", frequencies, persistent=False)

    def out_width(self, dimensions: int = 3) -> int:
        """Channels of the features of `dimensions` coordinates."""
        return dimensions * (2 * self.config.num_frequencies + self.config.include_input)

    def forward(self, x: Tensor) -> Tensor:
        """(..., D) → (..., out_width(D))."""
        angles = (x[..., None] * self.frequencies.to(x.dtype)).flatten(-2)
        waves = [angles.sin(), angles.cos()]
        return torch.cat([x, *waves] if self.config.include_input else waves, dim=-1)
