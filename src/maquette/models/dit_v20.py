"""Denoiser of Hunyuan3D 2.0, 2mini and 2mv: double- and single-stream transformer blocks (arXiv 2501.12202).

What is unusual: no positional encoding at all; picture tokens come before latents in the joint attention; time and
guidance are scaled by 1000 and embedded with a longest period of 1000, cosine first. Distilled checkpoints (fast,
turbo) take the guidance scale as an input and need no unconditional half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.attention import merge_heads, split_heads

EMBEDDING_WIDTH = 256
TIME_SCALE = 1000.0
LONGEST_PERIOD = 1000.0


@dataclass(frozen=True)
class DiTV20Config:
    """Sizes of the denoiser. The defaults are those of the published 2.0 checkpoint."""

    latent_channels: int = 64
    width: int = 1024
    context_width: int = 1536
    num_heads: int = 16
    mlp_ratio: float = 4.0
    double_depth: int = 16
    single_depth: int = 32
    qkv_bias: bool = True
    """Of the double blocks; the fused projection of the single blocks always has one."""
    guidance_embedded: bool = False

    @property
    def hidden(self) -> int:
        """Width of the hidden layer of every perceptron."""
        return int(self.width * self.mlp_ratio)


@dataclass(frozen=True)
class PreparedContext:
    """What depends on picture and guidance alone: tokens (B, M, width), the guidance's vector (B, width) or None."""

    tokens: Tensor
    guidance: Tensor | None

    def first(self, count: int) -> PreparedContext:
        """That of the first `count` contexts of the batch."""
        return PreparedContext(self.tokens[:count], None if self.guidance is None else self.guidance[:count])


class DiTV20(nn.Module):
    """Predicts the velocity from noise to data of a set of shape latents, given image tokens."""

    def __init__(self, config: DiTV20Config) -> None:
        super().__init__()
        self.config = config
        self.latent_in = nn.Linear(config.latent_channels, config.width)
        self.context_in = nn.Linear(config.context_width, config.width)
        self.time_in = ScalarEmbedding(config.width)
        if config.guidance_embedded:
            self.guidance_in = ScalarEmbedding(config.width)
        double = nn.ModuleList(DoubleBlock(config) for _ in range(config.double_depth))
        single = nn.ModuleList(SingleBlock(config) for _ in range(config.single_depth))
        self.double_blocks: Sequence[DoubleBlock] = double  # type: ignore[assignment]
        self.single_blocks: Sequence[SingleBlock] = single  # type: ignore[assignment]
        self.modulation_out = nn.Linear(config.width, 2 * config.width)
        self.latent_out = nn.Linear(config.width, config.latent_channels)

    def prepare(self, context: Tensor, guidance: Tensor | None = None) -> PreparedContext:
        """Project image tokens (B, M, context_width), and embed the guidance scale (B,), once for all steps."""
        vector = None if guidance is None else self.guidance_in(guidance, context.dtype)
        return PreparedContext(self.context_in(context), vector)

    def forward(
        self, latents: Tensor, time: Tensor, context: Tensor, guidance: Tensor | None = None
    ) -> Tensor:
        """Latents (B, N, C) at time (B,) in [0, 1], context (B, M, D), guidance scale (B,) or None → (B, N, C)."""
        return self.denoise(latents, time, self.prepare(context, guidance))

    def denoise(self, latents: Tensor, time: Tensor, prepared: PreparedContext) -> Tensor:
        """As `forward`, with the context already projected by `prepare`."""
        vector = self.time_in(time, latents.dtype)
        if prepared.guidance is not None:
            vector = vector + prepared.guidance
        vector = F.silu(vector)
        context, x = residual(prepared.tokens), residual(self.latent_in(latents))
        for double in self.double_blocks:
            context, x = double(context, x, vector)
        joint = torch.cat([context, x], dim=1)
        for single in self.single_blocks:
            joint = single(joint, vector)
        shift, scale = self.modulation_out(vector)[:, None].chunk(2, dim=-1)
        return self.latent_out(modulate(joint[:, context.shape[1] :], shift, scale))


class ScalarEmbedding(nn.Module):
    """Cosine and sine of a number at geometric frequencies, then a small MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(EMBEDDING_WIDTH, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, value: Tensor, dtype: torch.dtype) -> Tensor:
        """(B,) → (B, width)."""
        return self.fc2(F.silu(self.fc1(self.waves(value).to(dtype))))

    def waves(self, value: Tensor) -> Tensor:
        """(B,) → (B, EMBEDDING_WIDTH) float32, cosines first."""
        half = EMBEDDING_WIDTH // 2
        # Angles reach thousands of radians, so the last bit of a frequency shows: exponents are rounded as upstream
        # does, and their exponential is rounded correctly, which no two float32 libraries do alike.
        exponents = -math.log(LONGEST_PERIOD) * torch.arange(half, dtype=torch.float32) / half
        frequencies = torch.exp(exponents.double()).float().to(value.device)
        angles = (TIME_SCALE * value.float())[:, None] * frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Stream(nn.Module):
    """One of the two streams of a double block: its modulation, projections and perceptron."""

    def __init__(self, config: DiTV20Config) -> None:
        super().__init__()
        width, head_width = config.width, config.width // config.num_heads
        self.num_heads = config.num_heads
        self.modulation = nn.Linear(width, 6 * width)
        self.qkv = nn.Linear(width, 3 * width, bias=config.qkv_bias)
        self.q_norm = nn.RMSNorm(head_width, eps=1e-6)
        self.k_norm = nn.RMSNorm(head_width, eps=1e-6)
        self.out = nn.Linear(width, width)
        self.fc1 = nn.Linear(width, config.hidden)
        self.fc2 = nn.Linear(config.hidden, width)

    def project(self, x: Tensor, shift: Tensor, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of this stream, each (B, heads, L, head width)."""
        q, k, v = split_heads(self.qkv(modulate(x, shift, scale)), 3, self.num_heads)
        return self.q_norm(q), self.k_norm(k), v

    def perceive(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        """The perceptron on the modulated stream."""
        return self.fc2(F.gelu(self.fc1(modulate(x, shift, scale)), approximate="tanh"))


class DoubleBlock(nn.Module):
    """Picture and latents keep their own weights and meet in one joint attention."""

    def __init__(self, config: DiTV20Config) -> None:
        super().__init__()
        self.context = Stream(config)
        self.latents = Stream(config)

    def forward(self, context: Tensor, x: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Context (B, M, width), latents (B, N, width), activated vector (B, width) → both again."""
        streams = (self.context, self.latents)
        modulations = [stream.modulation(vector)[:, None].chunk(6, dim=-1) for stream in streams]
        projected = [
            stream.project(tokens, shift, scale)
            for stream, tokens, (shift, scale, *_) in zip(streams, (context, x), modulations, strict=True)
        ]
        q, k, v = (torch.cat(parts, dim=2) for parts in zip(*projected, strict=True))
        attended = merge_heads(F.scaled_dot_product_attention(q, k, v))
        shares = attended.split([context.shape[1], x.shape[1]], dim=1)
        results = []
        for stream, tokens, share, (_, _, gate1, shift2, scale2, gate2) in zip(
            streams, (context, x), shares, modulations, strict=True
        ):
            tokens = tokens + gate1 * stream.out(share)
            results.append(tokens + gate2 * stream.perceive(tokens, shift2, scale2))
        return results[0], results[1]


class SingleBlock(nn.Module):
    """Attention and perceptron side by side on the joint sequence, with one projection in and one out."""

    def __init__(self, config: DiTV20Config) -> None:
        super().__init__()
        self.width, self.num_heads = config.width, config.num_heads
        head_width = config.width // config.num_heads
        self.modulation = nn.Linear(config.width, 3 * config.width)
        self.fused_in = nn.Linear(config.width, 3 * config.width + config.hidden)
        self.q_norm = nn.RMSNorm(head_width, eps=1e-6)
        self.k_norm = nn.RMSNorm(head_width, eps=1e-6)
        self.fused_out = nn.Linear(config.width + config.hidden, config.width)

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        """(B, M + N, width) and the activated vector (B, width) → the same shape."""
        shift, scale, gate = self.modulation(vector)[:, None].chunk(3, dim=-1)
        fused = self.fused_in(modulate(x, shift, scale))
        qkv, hidden = fused[..., : 3 * self.width], fused[..., 3 * self.width :]
        q, k, v = split_heads(qkv, 3, self.num_heads)
        attended = merge_heads(F.scaled_dot_product_attention(self.q_norm(q), self.k_norm(k), v))
        return x + gate * self.fused_out(torch.cat([attended, F.gelu(hidden, approximate="tanh")], dim=-1))


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Layer norm without weights, then scale and shift from the time vector (adaLN, arXiv 2212.09748)."""
    return ((1 + scale) * F.layer_norm(x, x.shape[-1:], eps=1e-6) + shift).to(scale.dtype)


def residual(x: Tensor) -> Tensor:
    """The start of a residual stream: bfloat16 has too few digits to add up 48 blocks, so it is kept in float32."""
    return x.float() if x.dtype == torch.bfloat16 else x
