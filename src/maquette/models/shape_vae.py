"""Vector-set autoencoder of shapes: a surface becomes a set of latents, the latents a field of inside/outside logits.

3DShape2VecSet (arXiv 2301.11445) as published with Hunyuan3D 2.0 to 2.1 (arXiv 2501.12202, 2506.15442). The encoder
draws its queries from the surface itself, so which points it was given decides its output; choosing them is left to the
caller (`maquette.shape.surface_points`). Layer norms use eps 1e-6 except the two last ones of encoder and decoder.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from maquette.models.attention import CrossAttention, Select, SelfAttention
from maquette.models.feed_forward import FeedForward
from maquette.models.fourier import FourierConfig, FourierFeatures


@dataclass(frozen=True)
class ShapeVAEConfig:
    """Sizes of the autoencoder. The defaults are those of the published 2.1 checkpoint."""

    num_latents: int = 4096
    latent_channels: int = 64
    width: int = 1024
    num_heads: int = 16
    num_encoder_layers: int = 8
    """Self-attention blocks of the encoder."""
    num_decoder_layers: int = 16
    qkv_bias: bool = False
    qk_norm: bool = True
    point_features: int = 4
    """Channels beside the position: normal (3) and, in the published models, a sharp-edge label."""
    points_per_latent: int = 20
    """Surface points the encoder reads for each latent (upstream `downsample_ratio`)."""
    fourier: FourierConfig = field(default_factory=FourierConfig)
    query_reduction: int = 1
    """The field decoder is this many times narrower than `width` (turbo: 2 or more)."""
    query_mlp_ratio: int = 4
    query_norm_out: bool = True
    """Final norm of the field decoder; without it there is no query-key norm in it either."""
    use_position_embedding: bool = False
    """Add to every latent's token what place it stands for; only for models whose latents have fixed places."""
    scale_factor: float = 1.0
    """Latents are multiplied by it for the denoiser and divided by it before decoding."""
    has_encoder: bool = True


class ShapeVAE(nn.Module):
    """Encoder (optional) and decoder of shape latents."""

    def __init__(self, config: ShapeVAEConfig) -> None:
        super().__init__()
        self.config = config
        if config.has_encoder:
            self.encoder = ShapeEncoder(config)
        self.latents_in = nn.Linear(config.latent_channels, config.width)
        if config.use_position_embedding:
            self.position_embedding = nn.Parameter(torch.zeros(1, config.num_latents, config.width))
        self.blocks = nn.Sequential(*(SelfBlock(config) for _ in range(config.num_decoder_layers)))
        self.field = FieldDecoder(config)

    def encode(self, points: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Surface to the posterior over latents.

        Args:
            points: (B, P, 3 + point_features) positions and features of the surface, in [-1, 1].
            queries: (B, num_latents, 3 + point_features) the points that become latents.

        Returns:
            Mean and log-variance, each (B, num_latents, latent_channels); the log-variance within [-30, 20].
        """
        mean, log_variance = self.encoder(points, queries).chunk(2, dim=-1)
        return mean, log_variance.clamp(-30.0, 20.0)

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (B, N, latent_channels), already divided by `scale_factor` → tokens (B, N, width) for `field`."""
        tokens = self.latents_in(latents)
        if self.config.use_position_embedding:
            tokens = tokens + self.position_embedding
        return self.blocks(tokens)


class ShapeEncoder(nn.Module):
    """Query points attend to all surface points, then to each other."""

    def __init__(self, config: ShapeVAEConfig) -> None:
        super().__init__()
        self.fourier = FourierFeatures(config.fourier)
        self.points_in = nn.Linear(self.fourier.out_width() + config.point_features, config.width)
        self.cross = CrossBlock(config, config.width, config.num_heads, mlp_ratio=4, qk_norm=config.qk_norm)
        self.blocks = nn.Sequential(*(SelfBlock(config) for _ in range(config.num_encoder_layers)))
        self.norm_out = nn.LayerNorm(config.width)
        self.moments = nn.Linear(config.width, 2 * config.latent_channels)

    def tokens(self, points: Tensor, queries: Tensor) -> Tensor:
        """Points and queries as in `ShapeVAE.encode` → (B, num_latents, width)."""
        x = self.cross(self._embed(queries), *self.cross.project_context(self._embed(points)))
        return self.norm_out(self.blocks(x))

    def forward(self, points: Tensor, queries: Tensor) -> Tensor:
        """Points and queries as in `ShapeVAE.encode` → [mean, log-variance] on the last axis."""
        return self.moments(self.tokens(points, queries))

    def _embed(self, points: Tensor) -> Tensor:
        return self.points_in(torch.cat([self.fourier(points[..., :3]), points[..., 3:]], dim=-1))


class FieldDecoder(nn.Module):
    """The logit of any point in space: the point attends once to the decoded latents."""

    def __init__(self, config: ShapeVAEConfig) -> None:
        super().__init__()
        width = config.width // config.query_reduction
        self.fourier = FourierFeatures(config.fourier)
        self.query_in = nn.Linear(self.fourier.out_width(), width)
        self.context_in = nn.Linear(config.width, width) if config.query_reduction > 1 else nn.Identity()
        self.cross = CrossBlock(
            config,
            width,
            config.num_heads // config.query_reduction,
            mlp_ratio=config.query_mlp_ratio,
            qk_norm=config.qk_norm and config.query_norm_out,
        )
        self.norm_out = nn.LayerNorm(width) if config.query_norm_out else nn.Identity()
        self.logit = nn.Linear(width, 1)

    def project(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens of `ShapeVAE.decode` (B, N, width) → keys and values for any number of `query` calls."""
        return self.cross.project_context(self.context_in(tokens))

    def query(self, points: Tensor, keys: Tensor, values: Tensor, select: Select | None = None) -> Tensor:
        """Points (B, Q, 3) → logits (B, Q), positive inside; `select` as in `CrossAttention`."""
        # Positions in half precision would be off by a tenth of a cell and more.
        features = self.fourier(points.float()).to(keys.dtype)
        x = self.cross(self.query_in(features), keys, values, select)
        return self.logit(self.norm_out(x)).squeeze(-1)

    def of(self, tokens: Tensor) -> ShapeField:
        """The field of one shape, from its tokens (1, N, width)."""
        return ShapeField(self, *self.project(tokens))

    def forward(self, points: Tensor, tokens: Tensor) -> Tensor:
        """Points (B, Q, 3) and tokens (B, N, width) → logits (B, Q)."""
        return self.query(points, *self.project(tokens))


@dataclass(frozen=True)
class ShapeField:
    """The field of one shape: points (Q, 3) → logits (Q,) float32.

    Attributes:
        decoder: asked for every point.
        keys, values: what it made of the shape's tokens.
    """

    decoder: FieldDecoder
    keys: Tensor
    values: Tensor

    def __call__(self, points: Tensor) -> Tensor:
        return self.decoder.query(points[None], self.keys, self.values)[0].float()

    def float(self) -> ShapeField:
        """The same field in float32, for questions that half precision answers too roughly, such as slopes."""
        if self.keys.dtype == torch.float32:
            return self
        return ShapeField(copy.deepcopy(self.decoder).float(), self.keys.float(), self.values.float())

    @property
    def bytes_per_point(self) -> int:
        """Memory that answering one point takes: the MLP's hidden layer twice, and some rows as wide as the network."""
        width, hidden = self.decoder.logit.in_features, self.decoder.cross.feed_forward.fc1.out_features
        return self.keys.element_size() * (2 * hidden + 8 * width)


class SelfBlock(nn.Module):
    """Self-attention and MLP, norms before each."""

    def __init__(self, config: ShapeVAEConfig) -> None:
        super().__init__()
        head_width = config.width // config.num_heads
        self.norm1 = nn.LayerNorm(config.width, eps=1e-6)
        self.attention = SelfAttention(
            config.width,
            config.num_heads,
            qkv_bias=config.qkv_bias,
            q_norm=nn.LayerNorm(head_width, eps=1e-6) if config.qk_norm else None,
            k_norm=nn.LayerNorm(head_width, eps=1e-6) if config.qk_norm else None,
        )
        self.norm2 = nn.LayerNorm(config.width, eps=1e-6)
        self.feed_forward = FeedForward(config.width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, width) → (B, N, width)."""
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class CrossBlock(nn.Module):
    """Cross-attention and MLP, norms before each and on the context."""

    def __init__(
        self, config: ShapeVAEConfig, width: int, num_heads: int, *, mlp_ratio: int, qk_norm: bool
    ) -> None:
        super().__init__()
        head_width = width // num_heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.norm_context = nn.LayerNorm(width, eps=1e-6)
        self.attention = CrossAttention(
            width,
            width,
            num_heads,
            qkv_bias=config.qkv_bias,
            q_norm=nn.LayerNorm(head_width, eps=1e-6) if qk_norm else None,
            k_norm=nn.LayerNorm(head_width, eps=1e-6) if qk_norm else None,
        )
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.feed_forward = FeedForward(width, mlp_ratio)

    def project_context(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """(B, M, width) → keys and values."""
        return self.attention.project_context(self.norm_context(context))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, select: Select | None = None) -> Tensor:
        """(B, Q, width) → (B, Q, width); `select` as in `CrossAttention`."""
        x = x + self.attention(self.norm1(x), keys, values, select)
        return x + self.feed_forward(self.norm2(x))
