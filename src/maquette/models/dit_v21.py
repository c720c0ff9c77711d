"""Denoiser of Hunyuan3D 2.1: a U-shaped transformer over shape latents with mixture of experts (arXiv 2506.15442).

What is unusual: no adaptive norms, the time is one token put before the latents; the second half of the blocks receives
the first half's outputs, last in first out; time in [0, 1] is embedded without scaling. With an even depth one stored
output is never used, as in the published model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.attention import CrossAttention, SelfAttention, merge_heads, split_heads
from maquette.models.feed_forward import FeedForward
from maquette.models.moe import MixtureOfExperts


@dataclass(frozen=True)
class DiTV21Config:
    """Sizes of the denoiser. The defaults are those of the published 2.1 checkpoint."""

    num_latents: int = 4096
    latent_channels: int = 64
    width: int = 2048
    context_width: int = 1024
    context_length: int = 1370
    """Tokens of the context; only attention pooling depends on it."""
    depth: int = 21
    num_heads: int = 16
    qk_norm: bool = True
    qkv_bias: bool = False
    num_moe_layers: int = 6
    """The last so many blocks use experts instead of one MLP."""
    num_experts: int = 8
    moe_top_k: int = 2
    use_position_embedding: bool = False
    """Add a fixed embedding of the token's index; no published checkpoint does."""
    use_attention_pooling: bool = False
    """Add a pooled context to the time token; no published checkpoint does."""


@dataclass(frozen=True)
class PreparedContext:
    """What depends on the picture alone: every block's keys and values, and the pooled token (B, 1, width) or None."""

    keys_and_values: Sequence[tuple[Tensor, Tensor]]
    pooled: Tensor | None

    def first(self, count: int) -> PreparedContext:
        """That of the first `count` contexts of the batch."""
        pairs = [(keys[:count], values[:count]) for keys, values in self.keys_and_values]
        return PreparedContext(pairs, None if self.pooled is None else self.pooled[:count])


class DiTV21(nn.Module):
    """Predicts the velocity from noise to data of a set of shape latents, given image tokens."""

    position_embedding: Tensor

    def __init__(self, config: DiTV21Config) -> None:
        super().__init__()
        self.config = config
        self.latent_in = nn.Linear(config.latent_channels, config.width)
        self.time_embedding = TimeEmbedding(config.width)
        blocks = nn.ModuleList(Block(config, index) for index in range(config.depth))
        self.blocks: Sequence[Block] = blocks  # type: ignore[assignment]
        self.norm_out = nn.LayerNorm(config.width, eps=1e-6)
        self.latent_out = nn.Linear(config.width, config.latent_channels)
        if config.use_position_embedding:
            self.register_buffer("position_embedding", torch.zeros(1, config.num_latents, config.width))
        if config.use_attention_pooling:
            self.pooled_context = PooledContext(config.context_length, config.context_width, config.width)

    def prepare(self, context: Tensor) -> PreparedContext:
        """Project image tokens (B, M, context_width) once for all steps."""
        return PreparedContext(
            [block.cross_attention.project_context(context) for block in self.blocks],
            self.pooled_context(context) if self.config.use_attention_pooling else None,
        )

    def forward(self, latents: Tensor, time: Tensor, context: Tensor) -> Tensor:
        """Latents (B, N, C) at time (B,) in [0, 1] with context (B, M, D) → velocity (B, N, C)."""
        return self.denoise(latents, time, self.prepare(context))

    def denoise(self, latents: Tensor, time: Tensor, prepared: PreparedContext) -> Tensor:
        """As `forward`, with the context already projected by `prepare`."""
        x = self.latent_in(latents)
        if self.config.use_position_embedding:
            x = x + self.position_embedding.to(x.dtype)
        token = self.time_embedding(time, x.dtype)
        if prepared.pooled is not None:
            token = token + prepared.pooled
        x = torch.cat([token, x], dim=1)

        stored: list[Tensor] = []
        middle = self.config.depth // 2
        for index, (block, (keys, values)) in enumerate(
            zip(self.blocks, prepared.keys_and_values, strict=True)
        ):
            x = block(x, keys, values, stored.pop() if index > middle else None)
            if index < middle:
                stored.append(x)
        return self.latent_out(self.norm_out(x)[:, 1:])


class Block(nn.Module):
    """Skip (second half only), self-attention, cross-attention, MLP or experts; norms before each."""

    def __init__(self, config: DiTV21Config, index: int) -> None:
        super().__init__()
        width, head_width = config.width, config.width // config.num_heads

        def head_norm() -> nn.Module | None:
            return nn.RMSNorm(head_width, eps=1e-6) if config.qk_norm else None

        if index > config.depth // 2:
            self.skip = nn.Linear(2 * width, width)
            self.skip_norm = nn.LayerNorm(width, eps=1e-6)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention = SelfAttention(
            width, config.num_heads, qkv_bias=config.qkv_bias, q_norm=head_norm(), k_norm=head_norm()
        )
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.cross_attention = CrossAttention(
            width,
            config.context_width,
            config.num_heads,
            qkv_bias=config.qkv_bias,
            q_norm=head_norm(),
            k_norm=head_norm(),
        )
        self.norm3 = nn.LayerNorm(width, eps=1e-6)
        self.feed_forward = (
            MixtureOfExperts(width, config.num_experts, config.moe_top_k)
            if config.depth - index <= config.num_moe_layers
            else FeedForward(width)
        )

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, skip: Tensor | None) -> Tensor:
        """(B, 1 + N, width) → the same; `skip` is the mirrored block's output or None."""
        if skip is not None:
            x = self.skip_norm(self.skip(torch.cat([skip, x], dim=-1)))
        x = x + self.self_attention(self.norm1(x))
        x = x + self.cross_attention(self.norm2(x), keys, values)
        return x + self.feed_forward(self.norm3(x))


class TimeEmbedding(nn.Module):
    """Sine and cosine of the time at geometric frequencies, then a small MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, time: Tensor, dtype: torch.dtype) -> Tensor:
        """(B,) in [0, 1] → (B, 1, width)."""
        half = self.width // 2
        frequencies = torch.exp(torch.arange(half, device=time.device) * (-math.log(10000.0) / half))
        angles = time.float()[:, None] * frequencies
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1).to(dtype)
        return self.fc2(F.gelu(self.fc1(waves)))[:, None]


class PooledContext(nn.Module):
    """The context's mean attends to the context (CLIP's attention pooling), then an MLP to the denoiser's width."""

    NUM_HEADS = 8
    POOLED_WIDTH = 1024  # fixed in the published code

    def __init__(self, context_length: int, context_width: int, width: int) -> None:
        super().__init__()
        self.position_embedding = nn.Parameter(torch.zeros(context_length + 1, context_width))
        self.q = nn.Linear(context_width, context_width)
        self.kv = nn.Linear(context_width, 2 * context_width)
        self.out = nn.Linear(context_width, self.POOLED_WIDTH)
        self.fc1 = nn.Linear(self.POOLED_WIDTH, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, context: Tensor) -> Tensor:
        """(B, M, context_width) → (B, 1, width)."""
        x = torch.cat([context.mean(1, keepdim=True), context], dim=1) + self.position_embedding
        (q,) = split_heads(self.q(x[:, :1]), 1, self.NUM_HEADS)
        k, v = split_heads(self.kv(x), 2, self.NUM_HEADS)
        pooled = self.out(merge_heads(F.scaled_dot_product_attention(q, k, v)))
        return self.fc2(F.silu(self.fc1(pooled)))
