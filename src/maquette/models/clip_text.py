"""The text encoder of CLIP (arXiv 2103.00020; sizes of OpenCLIP-H without its last layer, as SD 2.x uses it).

The light-removal stage of 2.0 asks it for one thing, the tokens of the empty prompt, so there is no tokenizer here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from maquette.models.attention import merge_heads, split_heads
from maquette.models.feed_forward import FeedForward

START, END, PADDING = 49406, 49407, 0
"""Token numbers; SD 2.x pads with number 0 ("!")."""


@dataclass(frozen=True)
class CLIPTextConfig:
    """Sizes. The defaults are those of SD 2.1."""

    width: int = 1024
    depth: int = 23
    num_heads: int = 16
    length: int = 77
    vocabulary: int = 49408
    mlp_ratio: int = 4


class CLIPText(nn.Module):
    """Token numbers to their last hidden state."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocabulary, config.width)
        self.position_embedding = nn.Parameter(torch.zeros(config.length, config.width))
        self.blocks = nn.ModuleList(CLIPTextBlock(config) for _ in range(config.depth))
        self.norm_out = nn.LayerNorm(config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, length) whole numbers → (B, length, width)."""
        x = self.token_embedding(tokens) + self.position_embedding
        for block in self.blocks:
            x = block(x)
        return self.norm_out(x)

    def empty_prompt(self) -> Tensor:
        """What the encoder says of no words: (1, length, width)."""
        tokens = [START, END] + [PADDING] * (self.config.length - 2)
        return self(torch.tensor([tokens], device=self.position_embedding.device))


class CLIPTextBlock(nn.Module):
    """Pre-norm attention to what came before, and feed-forward."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.norm1 = nn.LayerNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.norm2 = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config.width, config.mlp_ratio)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, width) → (B, L, width)."""
        q, k, v = split_heads(self.qkv(self.norm1(x)), 3, self.num_heads)
        x = x + self.out(merge_heads(scaled_dot_product_attention(q, k, v, is_causal=True)))
        return x + self.feed_forward(self.norm2(x))
