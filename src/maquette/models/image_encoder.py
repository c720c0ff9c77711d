"""DINOv2 vision transformer (arXiv 2304.07193) and its use as the image conditioner of the shape models.

The conditioner resizes whatever it is given to its own size and normalises it; its tokens are the last hidden state,
class token first; its "no picture" condition is zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.attention import SelfAttention
from maquette.models.feed_forward import FeedForward

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class DinoV2Config:
    """Sizes of the vision transformer. The defaults are DINOv2-large."""

    width: int = 1024
    depth: int = 24
    num_heads: int = 16
    patch_size: int = 14
    image_size: int = 518
    """Size the position embeddings were made for; other sizes interpolate them."""
    mlp_ratio: int = 4
    swiglu: bool = False
    """Gated feed-forward, as in DINOv2-giant."""


@dataclass(frozen=True)
class ImageEncoderConfig:
    """The conditioner: a vision transformer and the size pictures are brought to."""

    dino: DinoV2Config = field(default_factory=DinoV2Config)
    image_size: int = 518
    use_class_token: bool = True

    @property
    def num_tokens(self) -> int:
        """Tokens for one picture."""
        return (self.image_size // self.dino.patch_size) ** 2 + self.use_class_token


class ImageEncoder(nn.Module):
    """Pictures to condition tokens."""

    def __init__(self, config: ImageEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.dino = DinoV2(config.dino)

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1], any size → tokens (B, num_tokens, width).

        The pictures are best given in float32 and on the CPU: half precision has fewer grey levels than they, and not
        every device can resize them.
        """
        pixels = self.pixels(pictures).to(self.dino.norm_out.weight)
        tokens = self.dino(pixels)
        return tokens if self.config.use_class_token else tokens[:, 1:]

    def unconditional(self, batch_size: int) -> Tensor:
        """The tokens that stand for "no picture": zeros (B, num_tokens, width)."""
        like = self.dino.norm_out.weight
        return like.new_zeros(batch_size, self.config.num_tokens, self.config.dino.width)

    def pixels(self, pictures: Tensor) -> Tensor:
        """Resize the shorter side, crop the centre, normalise: (B, 3, H, W) → (B, 3, image_size, image_size)."""
        size = self.config.image_size
        height, width = pictures.shape[-2:]
        shorter = min(height, width)
        target = [int(size * height / shorter), int(size * width / shorter)]
        x = (pictures + 1) / 2
        if target != [height, width]:
            x = F.interpolate(x, target, mode="bilinear", align_corners=False, antialias=True)
        top, left = round((target[0] - size) / 2), round((target[1] - size) / 2)
        x = x[..., top : top + size, left : left + size]
        mean = x.new_tensor(IMAGENET_MEAN).view(3, 1, 1)
        std = x.new_tensor(IMAGENET_STD).view(3, 1, 1)
        return (x - mean) / std


class MultiViewImageEncoder(ImageEncoder):
    """Several pictures of one object to one sequence of tokens; each view's tokens are marked with its direction."""

    def forward_views(self, pictures: Tensor, views: Sequence[int]) -> Tensor:
        """Pictures of views (B, V, 3, H, W) in [-1, 1] → tokens (B, V · num_tokens, width).

        Args:
            pictures: any size.
            views: the V directions: front 0, left 1, back 2, right 3.
        """
        tokens = self(pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2])
        return (tokens + self.view_embedding(views).to(tokens)[None, :, None]).flatten(1, 2)

    def unconditional_views(self, batch_size: int, views: Sequence[int]) -> Tensor:
        """The tokens that stand for "no picture" of so many views: zeros."""
        return self.unconditional(batch_size).repeat(1, len(views), 1)

    def view_embedding(self, views: Sequence[int]) -> Tensor:
        """Sine and cosine of each view's number (V, width)."""
        half = self.config.dino.width // 2
        frequencies = 10000.0 ** -(torch.arange(half, dtype=torch.float64) / half)
        angles = torch.tensor(views, dtype=torch.float64)[:, None] * frequencies
        return torch.cat([angles.sin(), angles.cos()], dim=-1).float()


class DinoV2(nn.Module):
    """The vision transformer alone."""

    def __init__(self, config: DinoV2Config) -> None:
        super().__init__()
        self.config = config
        grid = config.image_size // config.patch_size
        self.patch_in = nn.Conv2d(3, config.width, config.patch_size, stride=config.patch_size)
        self.class_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.mask_token = nn.Parameter(
            torch.zeros(1, config.width)
        )  # in every checkpoint, used only in pretraining
        self.position_embedding = nn.Parameter(torch.zeros(1, grid * grid + 1, config.width))
        self.blocks = nn.Sequential(*(DinoBlock(config) for _ in range(config.depth)))
        self.norm_out = nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → last hidden state (B, 1 + patches, width)."""
        patches = self.patch_in(pixels)
        b, _, rows, columns = patches.shape
        x = torch.cat([self.class_token.expand(b, -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        return self.norm_out(self.blocks(x + self._positions(rows, columns)))

    def _positions(self, rows: int, columns: int) -> Tensor:
        grid = self.config.image_size // self.config.patch_size
        if (rows, columns) == (grid, grid):
            return self.position_embedding
        of_class, of_patches = self.position_embedding[:, :1], self.position_embedding[:, 1:]
        of_patches = of_patches.view(1, grid, grid, -1).permute(0, 3, 1, 2)
        resized = F.interpolate(of_patches.float(), (rows, columns), mode="bicubic", align_corners=False)
        return torch.cat([of_class, resized.to(of_class.dtype).flatten(2).transpose(1, 2)], dim=1)


class DinoBlock(nn.Module):
    """Pre-norm attention and feed-forward, each scaled per channel."""

    def __init__(self, config: DinoV2Config) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=1e-6)
        self.attention = SelfAttention(config.width, config.num_heads, qkv_bias=True)
        self.scale1 = nn.Parameter(torch.ones(config.width))
        self.norm2 = nn.LayerNorm(config.width, eps=1e-6)
        self.feed_forward = (
            GatedFeedForward(config.width, config.mlp_ratio)
            if config.swiglu
            else FeedForward(config.width, config.mlp_ratio)
        )
        self.scale2 = nn.Parameter(torch.ones(config.width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, width) → (B, L, width)."""
        x = x + self.scale1 * self.attention(self.norm1(x))
        return x + self.scale2 * self.feed_forward(self.norm2(x))


class GatedFeedForward(nn.Module):
    """SwiGLU; its hidden width is two thirds of the plain one, rounded up to a multiple of eight."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        hidden = (int(ratio * width * 2 / 3) + 7) // 8 * 8
        self.gate_and_up = nn.Linear(width, 2 * hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) → (..., width)."""
        gate, up = self.gate_and_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)
