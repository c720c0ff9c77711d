"""The picture-denoising UNet that the paint models are built on (latent diffusion, arXiv 2112.10752; sizes of SD 2.1).

One skeleton serves four networks: only the transformer block in the middle of each attention layer differs, so the
skeleton is given the block's class and hands every block its own context unread. All of it works on pictures one by
one, so `rows` may say how many pictures are worked on at once: the result is the same, the memory less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.attention import CrossAttention, SelfAttention


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of the UNet. The defaults are those of SD 2.1 and of every published paint model."""

    in_channels: int = 4
    out_channels: int = 4
    widths: tuple[int, ...] = (320, 640, 1280, 1280)
    """Channels of each level, finest first."""
    num_heads: tuple[int, ...] = (5, 10, 20, 20)
    attention: tuple[bool, ...] = (True, True, True, False)
    """Which levels attend."""
    blocks_per_level: int = 2
    """On the way down; one more on the way up."""
    context_width: int = 1024
    norm_groups: int = 32

    @property
    def time_width(self) -> int:
        """Channels of the time embedding."""
        return 4 * self.widths[0]


MakeBlock = Callable[[int, int, int], nn.Module]
"""Width, heads and context width to a transformer block called with (tokens, context, rows)."""


class UNet(nn.Module):
    """Latents and a time to a prediction of the same size."""

    def __init__(self, config: UNetConfig, make_block: MakeBlock) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.time_fc1 = nn.Linear(widths[0], config.time_width)
        self.time_fc2 = nn.Linear(config.time_width, config.time_width)
        last = len(widths) - 1
        self.down = nn.ModuleList()
        carried = [widths[0]]  # channels of the skip connections, in the order they are made
        for level, width in enumerate(widths):
            inputs = [carried[-1]] + [width] * (config.blocks_per_level - 1)
            resample = Downsample(width) if level < last else None
            self.down.append(_Level(config, level, inputs, resample, make_block))
            carried += [width] * (config.blocks_per_level + (resample is not None))
        self.middle_in = ResidualBlock(widths[-1], widths[-1], config.norm_groups, config.time_width)
        self.middle = PictureTransformer(config, last, make_block)
        self.middle_out = ResidualBlock(widths[-1], widths[-1], config.norm_groups, config.time_width)
        self.up = nn.ModuleList()
        x = widths[-1]
        for level in reversed(range(len(widths))):
            inputs = []
            for _ in range(config.blocks_per_level + 1):
                inputs.append(x + carried.pop())
                x = widths[level]
            self.up.append(_Level(config, level, inputs, Upsample(x) if level else None, make_block))
        self.norm_out = nn.GroupNorm(config.norm_groups, widths[0], eps=1e-5)
        self.conv_out = nn.Conv2d(widths[0], config.out_channels, 3, padding=1)

    def embed_time(self, time: Tensor) -> Tensor:
        """Time steps (N,), 0 to 999 → (N, time_width)."""
        half = self.config.widths[0] // 2
        frequencies = torch.exp(torch.arange(half, device=time.device) * (-math.log(10000.0) / half))
        angles = time.float()[:, None] * frequencies
        waves = torch.cat([angles.cos(), angles.sin()], dim=-1).to(self.time_fc1.weight.dtype)
        return self.time_fc2(F.silu(self.time_fc1(waves)))

    def forward(
        self, latents: Tensor, time_embedding: Tensor, contexts: Iterable[Any], rows: int | None = None
    ) -> Tensor:
        """Predict.

        Args:
            latents: (R, in_channels, H, W); H and W divisible by two once for each level but the last.
            time_embedding: (R, time_width) or (1, time_width).
            contexts: what each transformer block is given, in the order of `transformers`.
            rows: pictures worked on at once; None for all.

        Returns:
            (R, out_channels, H, W).
        """
        time = F.silu(time_embedding).expand(len(latents), -1)
        blocks = iter(contexts)
        x = self.conv_in(latents)
        skips = [x]
        for level in _levels(self.down):
            for resnet, transformer in level.pairs():
                x = in_chunks(resnet, rows, x, time)
                if transformer is not None:
                    x = transformer(x, next(blocks), rows)
                skips.append(x)
            if level.resample is not None:
                x = level.resample(x)
                skips.append(x)
        x = in_chunks(self.middle_in, rows, x, time)
        x = self.middle(x, next(blocks), rows)
        x = in_chunks(self.middle_out, rows, x, time)
        for level in _levels(self.up):
            for resnet, transformer in level.pairs():
                x = in_chunks(resnet, rows, x, time, skips.pop())
                if transformer is not None:
                    x = transformer(x, next(blocks), rows)
            if level.resample is not None:
                x = in_chunks(level.resample, rows, x)
        return in_chunks(lambda part: self.conv_out(F.silu(self.norm_out(part))), rows, x)

    def transformers(self) -> Iterator[PictureTransformer]:
        """Every attention layer in the order they run."""
        for level in _levels(self.down):
            yield from cast("Iterator[PictureTransformer]", iter(level.attentions))
        yield self.middle
        for level in _levels(self.up):
            yield from cast("Iterator[PictureTransformer]", iter(level.attentions))


class _Level(nn.Module):
    """Residual blocks of one resolution, with an attention layer after each where the level attends."""

    def __init__(
        self,
        config: UNetConfig,
        level: int,
        inputs: list[int],
        resample: nn.Module | None,
        make_block: MakeBlock,
    ) -> None:
        super().__init__()
        width = config.widths[level]
        self.resnets = nn.ModuleList(
            ResidualBlock(channels, width, config.norm_groups, config.time_width) for channels in inputs
        )
        attends = config.attention[level]
        self.attentions = nn.ModuleList(
            PictureTransformer(config, level, make_block) for _ in inputs if attends
        )
        self.resample = resample

    def pairs(self) -> Iterator[tuple[nn.Module, nn.Module | None]]:
        """Each residual block with the attention layer that follows it."""
        for index, resnet in enumerate(self.resnets):
            yield resnet, self.attentions[index] if len(self.attentions) else None


def _levels(modules: nn.ModuleList) -> Iterator[_Level]:
    return cast("Iterator[_Level]", iter(modules))


class ResidualBlock(nn.Module):
    """Two convolutions around a residual, told the time where `time_width` is given."""

    def __init__(
        self, width_in: int, width: int, groups: int, time_width: int | None = None, eps: float = 1e-5
    ) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, width_in, eps=eps)
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1)
        self.time = None if time_width is None else nn.Linear(time_width, width)
        self.norm2 = nn.GroupNorm(groups, width, eps=eps)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.shortcut = nn.Conv2d(width_in, width, 1) if width_in != width else nn.Identity()

    def forward(self, x: Tensor, time: Tensor | None = None, skip: Tensor | None = None) -> Tensor:
        """(R, width_in, H, W), the activated time embedding (R, time_width); `skip` is joined to x on channels."""
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        hidden = self.conv1(F.silu(self.norm1(x)))
        if self.time is not None:
            hidden = hidden + self.time(time)[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(hidden)))


class Downsample(nn.Conv2d):
    """Halve the picture."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, 3, stride=2, padding=1)


class Upsample(nn.Conv2d):
    """Double the picture by repeating pixels, then smooth it."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(R, width, H, W) → (R, width, 2H, 2W)."""
        return super().forward(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class PictureTransformer(nn.Module):
    """A transformer block over the pixels of a picture, as a residual."""

    def __init__(self, config: UNetConfig, level: int, make_block: MakeBlock) -> None:
        super().__init__()
        self.level = level
        width = config.widths[level]
        self.norm = nn.GroupNorm(config.norm_groups, width, eps=1e-6)
        self.tokens_in = nn.Linear(width, width)
        self.block = make_block(width, config.num_heads[level], config.context_width)
        self.tokens_out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Any, rows: int | None = None) -> Tensor:
        """(R, width, H, W) → (R, width, H, W)."""
        tokens = in_chunks(lambda part: self.tokens_in(self.norm(part).flatten(2).transpose(1, 2)), rows, x)
        tokens = self.block(tokens, context, rows)
        return in_chunks(
            lambda part, t: part + self.tokens_out(t).transpose(1, 2).reshape(part.shape), rows, x, tokens
        )


class TextBlock(nn.Module):
    """The plain block: attention within the picture, attention to text tokens, feed-forward."""

    def __init__(self, width: int, num_heads: int, context_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.self_attention = SelfAttention(width, num_heads, qkv_bias=False)
        self.norm2 = nn.LayerNorm(width)
        self.text_attention = CrossAttention(width, context_width, num_heads, qkv_bias=False)
        self.norm3 = nn.LayerNorm(width)
        self.feed_forward = GeGLU(width)

    def forward(self, x: Tensor, context: TextContext, rows: int | None = None) -> Tensor:
        """(R, L, width) → (R, L, width)."""
        normed = self.norm1(x)
        if context.features is not None:
            context.features.append(normed)
        keys, values = self.text_attention.project_context(context.tokens)
        x = x + in_chunks(self.self_attention, rows, normed)
        seen = in_chunks(
            lambda part: self.text_attention(part, keys, values),
            rows and rows * x.shape[1],
            self.norm2(x).flatten(0, 1)[None],
            dim=1,
        )  # every picture reads the same tokens, so all their pixels are one sequence of queries
        x = x + seen.view_as(x)
        return x + in_chunks(lambda part: self.feed_forward(self.norm3(part)), rows, x)


@dataclass
class TextContext:
    """What a `TextBlock` is given."""

    tokens: Tensor
    """(1, T, context width), the same for every picture."""
    features: list[Tensor] | None = None
    """Where the block leaves its first normalised tokens, which paint models read as reference features."""


class GeGLU(nn.Module):
    """Feed-forward gated by a GELU (arXiv 2002.05202), four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up_and_gate = nn.Linear(width, 8 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) → (..., width)."""
        up, gate = self.up_and_gate(x).chunk(2, dim=-1)
        return self.down(up * F.gelu(gate))


def in_chunks(function: Callable[..., Tensor], size: int | None, *inputs: Tensor, dim: int = 0) -> Tensor:
    """`function(*inputs)` in slices of `size` along `dim`, written into one output; None for all at once."""
    length = inputs[0].shape[dim]
    if size is None or length <= size:
        return function(*inputs)
    result: Tensor | None = None
    for start in range(0, length, size):
        part = function(*(x.narrow(dim, start, min(size, length - start)) for x in inputs))
        if result is None:
            result = part.new_empty(*part.shape[:dim], length, *part.shape[dim + 1 :])
        result.narrow(dim, start, part.shape[dim]).copy_(part)
    assert result is not None
    return result
