"""The picture autoencoder of latent diffusion (AutoencoderKL; arXiv 2112.10752): eight times smaller, four channels.

Half-precision pictures pass it one at a time where memory is short; cutting one picture into tiles would change the
numbers, since its norms and its attention see the whole of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.functional import scaled_dot_product_attention

from maquette.models.unet import ResidualBlock, Upsample, in_chunks


@dataclass(frozen=True)
class ImageVAEConfig:
    """Sizes. The defaults are those of SD 2.1 and of every published paint model."""

    widths: tuple[int, ...] = (128, 256, 512, 512)
    blocks_per_level: int = 2
    latent_channels: int = 4
    norm_groups: int = 32
    scale_factor: float = 0.18215
    """Latents are multiplied by this for the denoiser."""


class ImageVAE(nn.Module):
    """Pictures to latents and back."""

    def __init__(self, config: ImageVAEConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.latent_channels
        self.encoder = PictureEncoder(config)
        self.moments = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.latents_in = nn.Conv2d(channels, channels, 1)
        self.decoder = PictureDecoder(config)

    def posterior(self, pictures: Tensor, rows: int | None = None) -> tuple[Tensor, Tensor]:
        """Pictures (B, 3, H, W) in [-1, 1] → mean and deviation, each (B, 4, H/8, W/8), not yet scaled."""
        moments = in_chunks(lambda part: self.moments(self.encoder(part)), rows, pictures)
        mean, log_variance = moments.chunk(2, dim=1)
        return mean, torch.exp(0.5 * log_variance.clamp(-30, 20))

    def encode(self, pictures: Tensor, noise: Tensor | None = None, rows: int | None = None) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] → scaled latents (B, 4, H/8, W/8).

        Args:
            pictures: H and W multiples of 8.
            noise: draws from the posterior; without it its mean is taken.
            rows: pictures worked on at once.
        """
        mean, deviation = self.posterior(pictures, rows)
        return (mean if noise is None else mean + deviation * noise) * self.config.scale_factor

    def decode(self, latents: Tensor, rows: int | None = None) -> Tensor:
        """Scaled latents (B, 4, H, W) → pictures (B, 3, 8H, 8W), about [-1, 1]."""
        return in_chunks(
            lambda part: self.decoder(self.latents_in(part / self.config.scale_factor)), rows, latents
        )


class PictureEncoder(nn.Module):
    """Pictures to raw moments."""

    def __init__(self, config: ImageVAEConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.norm_groups
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.levels = nn.ModuleList()
        for level, width in enumerate(widths):
            inputs = [widths[max(level - 1, 0)]] + [width] * (config.blocks_per_level - 1)
            resample = _Halve(width) if level < len(widths) - 1 else None
            self.levels.append(_Level(inputs, width, groups, resample))
        self.middle = _Middle(widths[-1], groups)
        self.norm_out = nn.GroupNorm(groups, widths[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, 8, H/8, W/8)."""
        x = self.conv_in(x)
        for level in self.levels:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(self.middle(x))))


class PictureDecoder(nn.Module):
    """Latents to pictures."""

    def __init__(self, config: ImageVAEConfig) -> None:
        super().__init__()
        widths, groups = config.widths[::-1], config.norm_groups
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.middle = _Middle(widths[0], groups)
        self.levels = nn.ModuleList()
        for level, width in enumerate(widths):
            inputs = [widths[max(level - 1, 0)]] + [width] * config.blocks_per_level
            resample = Upsample(width) if level < len(widths) - 1 else None
            self.levels.append(_Level(inputs, width, groups, resample))
        self.norm_out = nn.GroupNorm(groups, widths[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 4, H, W) → (B, 3, 8H, 8W)."""
        x = self.middle(self.conv_in(x))
        for level in self.levels:
            x = level(x)
        return self.conv_out(F.silu(self.norm_out(x)))


class _Level(nn.Module):
    def __init__(self, inputs: list[int], width: int, groups: int, resample: nn.Module | None) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ResidualBlock(channels, width, groups, eps=1e-6) for channels in inputs)
        self.resample = resample

    def forward(self, x: Tensor) -> Tensor:
        for resnet in self.resnets:
            x = resnet(x)
        return x if self.resample is None else self.resample(x)


class _Middle(nn.Module):
    """Two residual blocks around attention over all pixels, with one head."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.resnet1 = ResidualBlock(width, width, groups, eps=1e-6)
        self.norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.resnet2 = ResidualBlock(width, width, groups, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.resnet1(x)
        q, k, v = self.qkv(self.norm(x).flatten(2).transpose(1, 2))[:, None].chunk(3, dim=-1)
        seen = self.out(scaled_dot_product_attention(q, k, v)[:, 0])
        return self.resnet2(x + seen.transpose(1, 2).reshape(x.shape))


class _Halve(nn.Conv2d):
    """Stride two, padded on the right and at the bottom only."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 1, 0, 1)))
