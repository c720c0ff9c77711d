"""Multi-head attention as every network here uses it: fused projections, one kernel call.

Published checkpoints of this family lay heads out in several odd orders. The weights are put in plain order once, when
they are read (`maquette.zoo.keymap`), so that the modules below need only one layout: [q | k | v], heads inside each.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

Select = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Queries (B, heads, L, d), keys and values (B, heads, M, d) to fewer keys and values."""


class SelfAttention(nn.Module):
    """Attention of a sequence to itself.

    Args:
        width: channels of the sequence.
        num_heads: must divide `width`.
        qkv_bias: bias on the fused projection.
        q_norm, k_norm: applied to each head's queries and keys; None for none.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        *,
        qkv_bias: bool,
        q_norm: nn.Module | None = None,
        k_norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=qkv_bias)
        self.q_norm = q_norm or nn.Identity()
        self.k_norm = k_norm or nn.Identity()
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, width) → (B, L, width)."""
        q, k, v = split_heads(self.qkv(x), 3, self.num_heads)
        return self.out(merge_heads(scaled_dot_product_attention(self.q_norm(q), self.k_norm(k), v)))


class CrossAttention(nn.Module):
    """Attention of a sequence to a context whose keys and values can be computed once and kept.

    Args:
        width: channels of the queries and the output.
        context_width: channels of the context.
        num_heads: must divide `width`.
        qkv_bias: bias on the projections of queries, keys and values.
        q_norm, k_norm: applied to each head's queries and keys; None for none.
    """

    def __init__(
        self,
        width: int,
        context_width: int,
        num_heads: int,
        *,
        qkv_bias: bool,
        q_norm: nn.Module | None = None,
        k_norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(width, width, bias=qkv_bias)
        self.kv = nn.Linear(context_width, 2 * width, bias=qkv_bias)
        self.q_norm = q_norm or nn.Identity()
        self.k_norm = k_norm or nn.Identity()
        self.out = nn.Linear(width, width)

    def project_context(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """(B, M, context_width) → keys and values, each (B, heads, M, head width)."""
        k, v = split_heads(self.kv(context), 2, self.num_heads)
        return self.k_norm(k), v

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, select: Select | None = None) -> Tensor:
        """(B, L, width) with the result of `project_context` → (B, L, width).

        `select` may replace keys and values by fewer ones, having seen the queries.
        """
        (q,) = split_heads(self.q(x), 1, self.num_heads)
        q = self.q_norm(q)
        if select is not None:
            keys, values = select(q, keys, values)
        return self.out(merge_heads(scaled_dot_product_attention(q, keys, values)))


def split_heads(x: Tensor, parts: int, num_heads: int) -> tuple[Tensor, ...]:
    """(B, L, parts · heads · d) → `parts` tensors (B, heads, L, d)."""
    b, length, _ = x.shape
    return torch.unbind(x.view(b, length, parts, num_heads, -1).permute(2, 0, 3, 1, 4))


def merge_heads(x: Tensor) -> Tensor:
    """(B, heads, L, d) → (B, L, heads · d)."""
    return x.transpose(1, 2).flatten(2)
