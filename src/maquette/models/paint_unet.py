"""The 2.5D UNet that paints several views of an object at once (Hunyuan3D-Paint 2.0 and 2.1; arXiv 2411.02336).

Two UNets work together. The reference UNet reads the clean latents of the picture once, at time 0, and leaves the first
normalised tokens of each of its blocks. The painting UNet denoises materials x views rows at a time; each of its blocks
reads, in this order:

1. the row's own picture (weights of its own for every material),
2. the reference picture's tokens at the same block; asked by the first material, answered for all,
3. all views of the same material; in 2.1 rotated by where each token lies on the surface,
4. a learned text of the material, and in 2.1 what DINOv2 says of the picture,

and ends in a feed-forward. Steps 2 and 3 read the tokens as they were before step 1.

Whatever does not change from step to step (text and picture keys and values, rotary tables) is made once by `prepare`.
One object is painted at a time at inference, so the guided and the unguided pass are two calls with two contexts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from maquette.models.attention import CrossAttention, SelfAttention, merge_heads, split_heads
from maquette.models.rotary import Rotary, rotary_table, rotate, voxel_indices
from maquette.models.unet import GeGLU, TextBlock, TextContext, UNet, UNetConfig, in_chunks

KeysValues = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class PaintUNetConfig:
    """What is painted and from what. The defaults are those of 2.1."""

    unet: UNetConfig = field(default_factory=UNetConfig)
    """Of the reference UNet; the painting one also takes the latents of normals and positions."""
    num_materials: int = 2
    """2.1 paints albedo and metallic-roughness, 2.0 one colour."""
    text_length: int = 77
    dino_width: int | None = 1536
    """Channels of the DINOv2 tokens; None for a model that does not look at them."""
    tokens_per_dino: int = 4
    guide_maps: int = 2
    """Pictures that tell each view the shape, and more; the published ones are of normals and positions."""
    num_cameras: int = 0
    """Rows of the camera embedding (2.0); 0 where places come from position maps."""

    @property
    def uses_positions(self) -> bool:
        """Whether views are matched by the rotary embedding of position maps."""
        return self.num_cameras == 0


@dataclass(frozen=True)
class PaintContext:
    """What one block needs of the object that is painted, for one branch of guidance."""

    views: int
    text: KeysValues
    """(B · materials, heads, T, d) each; or as many as there are rows, for texts that differ from view to view."""
    dino: KeysValues | None = None
    """(B, heads, T, d) each."""
    reference: KeysValues | None = None
    """(B, heads, references · L, d) and (B, heads, references · L, materials · d); None where the branch is not to see
    the picture, which costs nothing."""
    rotary: Rotary | None = None
    """(B · materials, 1, views · L, d) each."""
    reference_scale: float | Tensor = 1.0
    """A number, or one for each of B as (B, 1, 1, 1)."""
    multiview_scale: float = 1.0


class PaintUNet(nn.Module):
    """Both UNets, the learned texts and the projection of the picture's tokens."""

    def __init__(self, config: PaintUNetConfig) -> None:
        super().__init__()
        self.config = config
        inner, width = config.unet, config.unet.context_width
        materials, has_dino = config.num_materials, config.dino_width is not None
        self.painting = UNet(
            replace(inner, in_channels=(1 + config.guide_maps) * inner.in_channels),
            lambda channels, heads, context: PaintBlock(channels, heads, context, materials, has_dino),
        )
        self.reference = UNet(inner, TextBlock)
        self.texts = nn.Parameter(torch.randn(materials, config.text_length, width))
        self.reference_text = nn.Parameter(torch.randn(1, config.text_length, width))
        if config.dino_width is not None:
            self.dino_in = DinoProjection(config.dino_width, width, config.tokens_per_dino)
        if config.num_cameras:
            self.cameras = nn.Embedding(config.num_cameras, inner.time_width)

    def blocks(self) -> list[PaintBlock]:
        """The transformer blocks of the painting UNet in the order they run."""
        return [cast("PaintBlock", transformer.block) for transformer in self.painting.transformers()]

    def small_parts(self) -> list[Tensor]:
        """Parameters outside the two UNets: texts, projections and embeddings."""
        return [
            parameter
            for name, parameter in self.named_parameters()
            if not name.startswith(("painting.", "reference."))
        ]

    def reference_features(self, latents: Tensor, rows: int | None = None) -> list[Tensor]:
        """Clean reference latents (B, references, 4, H, W) → the tokens (B, references · L, width) of each block."""
        context = TextContext(self.reference_text, [])
        blocks = len(list(self.reference.transformers()))
        time = self.reference.embed_time(torch.zeros(1, device=latents.device))
        self.reference(latents.flatten(0, 1), time, [context] * blocks, rows)
        assert context.features is not None
        return [tokens.unflatten(0, latents.shape[:2]).flatten(1, 2) for tokens in context.features]

    def project_dino(self, tokens: Tensor) -> Tensor:
        """DINOv2 tokens (B, T, dino_width) → context (B, T · tokens_per_dino, context_width)."""
        return self.dino_in(tokens)

    def rotary_tables(self, position_maps: Tensor, size: int, *, compatible: bool = False) -> list[Rotary]:
        """Rotary tables of every level, finest first.

        Args:
            position_maps: (B, views, 3, H, W) in [0, 1], H = W a multiple of `size`.
            size: side of the latents.
            compatible: see `voxel_indices`.
        """
        return self.rotary_at(self.voxels(position_maps, size, compatible=compatible))

    def voxels(self, position_maps: Tensor, size: int, *, compatible: bool = False) -> list[Tensor]:
        """Voxels of every level's tokens (B, views · L, 3), from what `rotary_tables` takes."""
        grids = [size >> level for level in range(len(self.config.unet.widths))]
        return [
            voxel_indices(position_maps, grid, 8 * grid, compatible=compatible and grid < size)
            for grid in grids
        ]

    def rotary_at(self, voxels: Sequence[Tensor]) -> list[Rotary]:
        """Rotary tables of every level's voxels."""
        tables = []
        for places, width, heads in zip(
            voxels, self.config.unet.widths, self.config.unet.num_heads, strict=True
        ):
            cosine, sine = rotary_table(
                places.repeat_interleave(self.config.num_materials, dim=0), width // heads
            )
            tables.append((cosine[:, None], sine[:, None]))
        return tables

    def prepare(
        self,
        views: int,
        *,
        features: Sequence[Tensor] | None,
        dino: Tensor | None = None,
        rotary: Sequence[Rotary] | None = None,
        texts: Tensor | None = None,
        reference_scale: float | Tensor = 1.0,
        multiview_scale: float = 1.0,
        batch_size: int = 1,
    ) -> list[PaintContext]:
        """Everything that stays the same from step to step, for one branch of guidance.

        Args:
            views: how many are painted.
            features: from `reference_features`; None for a branch that does not see the picture.
            dino: projected tokens (B, T, context_width), from `project_dino`.
            rotary: from `rotary_tables`.
            texts: (materials, T, context_width) in place of the learned ones.
            reference_scale, multiview_scale: how strongly the picture and the other views are attended to.
            batch_size: objects.
        """
        texts = self.texts if texts is None else texts
        contexts = []
        for index, (transformer, block) in enumerate(
            zip(self.painting.transformers(), self.blocks(), strict=True)
        ):
            keys, values = block.text_attention.project_context(texts)
            contexts.append(
                PaintContext(
                    views=views,
                    text=(keys.repeat(batch_size, 1, 1, 1), values.repeat(batch_size, 1, 1, 1)),
                    dino=None if dino is None else block.dino_attention.project_context(dino),
                    reference=None
                    if features is None
                    else block.reference_attention.project_context(features[index]),
                    rotary=None if rotary is None else rotary[transformer.level],
                    reference_scale=reference_scale,
                    multiview_scale=multiview_scale,
                )
            )
        return contexts

    def denoise(
        self,
        latents: Tensor,
        time: Tensor,
        guides: Tensor,
        contexts: Sequence[PaintContext],
        cameras: Tensor | None = None,
        rows: int | None = None,
    ) -> Tensor:
        """Predict what the sampler asks for (velocity, for the published models).

        Args:
            latents: (B, materials, views, 4, H, W).
            time: (1,) or (B,), 0 to 999.
            guides: latents of the guide maps, joined on channels (B, views, 4 · guide_maps, H, W).
            contexts: from `prepare`.
            cameras: (B, views) rows of the camera embedding, for models that have one.
            rows: pictures worked on at once; None for all.

        Returns:
            as `latents`.
        """
        b, m, v = latents.shape[:3]
        guided = torch.cat([latents, guides[:, None].expand(-1, m, -1, -1, -1, -1)], dim=3)
        embedding = self.painting.embed_time(time)
        if cameras is not None:
            embedding = (
                (embedding[:, None] + self.cameras(cameras))[:, None].expand(b, m, v, -1).flatten(0, 2)
            )
        elif len(embedding) > 1:
            embedding = embedding.repeat_interleave(m * v, dim=0)
        return self.painting(guided.flatten(0, 2), embedding, contexts, rows).view_as(latents)


class PaintBlock(nn.Module):
    """The 2.5D transformer block. Rows are ordered (object, material, view)."""

    def __init__(
        self, width: int, num_heads: int, context_width: int, num_materials: int, has_dino: bool
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.self_attention = nn.ModuleList(
            SelfAttention(width, num_heads, qkv_bias=False) for _ in range(num_materials)
        )
        self.reference_attention = ReferenceAttention(width, num_heads, num_materials)
        self.multiview_attention = MultiViewAttention(width, num_heads)
        self.norm2 = nn.LayerNorm(width)
        self.text_attention = CrossAttention(width, context_width, num_heads, qkv_bias=False)
        if has_dino:
            self.dino_attention = CrossAttention(width, context_width, num_heads, qkv_bias=False)
        self.norm3 = nn.LayerNorm(width)
        self.feed_forward = GeGLU(width)

    def forward(self, x: Tensor, context: PaintContext, rows: int | None = None) -> Tensor:
        """(B · materials · views, L, width) → the same."""
        shape, tokens = x.shape, rows and rows * x.shape[1]
        x = x.view(-1, len(self.self_attention), context.views * shape[1], shape[2])  # (B, M, V · L, C)
        normed = self.norm1(x)
        x = x + self.attend_to_self(normed, context.views, rows)
        if context.reference is not None:
            answer = self.reference_attention(normed[:, 0], *context.reference, tokens)
            x = x + context.reference_scale * answer
        across = self.multiview_attention(normed.flatten(0, 1), context.rotary, tokens)
        x = x + context.multiview_scale * across.view_as(x)
        normed = self.norm2(x)
        x = x + in_chunks(
            lambda part: self.text_attention(part, *context.text),
            tokens,
            normed.reshape(len(context.text[0]), -1, shape[2]),
            dim=1,
        ).view_as(x)
        if context.dino is not None:
            keys, values = context.dino
            x = x + in_chunks(
                lambda part: self.dino_attention(part, keys, values), tokens, normed.flatten(1, 2), dim=1
            ).view_as(x)
        x = x.view(shape)
        return x + in_chunks(lambda part: self.feed_forward(self.norm3(part)), rows, x)

    def attend_to_self(self, normed: Tensor, views: int, rows: int | None = None) -> Tensor:
        """Every picture to itself, by its material's weights: (B, M, V · L, C) → the same."""
        pictures = normed.unflatten(2, (views, -1))
        outputs = [
            in_chunks(attention, rows, pictures[:, material].flatten(0, 1)).view(
                len(normed), -1, normed.shape[-1]
            )
            for material, attention in enumerate(self.self_attention)
        ]
        return torch.stack(outputs, dim=1)


class ReferenceAttention(nn.Module):
    """Attention to the reference picture: one question, answered for every material.

    Values of all materials sit side by side and are then cut into heads, so the first heads carry the first material's
    values alone, and each material's answer is made of a share of every head. That mixes materials; the published
    weights were trained with it and mean nothing without.
    """

    def __init__(self, width: int, num_heads: int, num_materials: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, num_materials * width, bias=False)
        self.out = nn.ModuleList(nn.Linear(width, width) for _ in range(num_materials))

    def project_context(self, features: Tensor) -> KeysValues:
        """(B, T, width) → keys (B, heads, T, d) and values (B, heads, T, materials · d)."""
        (keys,) = split_heads(self.k(features), 1, self.num_heads)
        (values,) = split_heads(self.v(features), 1, self.num_heads)
        return keys, values

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, tokens: int | None = None) -> Tensor:
        """(B, L, width) → (B, materials, L, width); `tokens` at once."""

        def attend(part: Tensor) -> Tensor:
            (q,) = split_heads(self.q(part), 1, self.num_heads)
            # (B, heads, L, materials · d) → a share of every head for each material
            shares = _attention(q, keys, values).unflatten(-1, (len(self.out), -1)).unbind(-2)
            return torch.stack(
                [out(merge_heads(share)) for out, share in zip(self.out, shares, strict=True)], dim=2
            )

        return in_chunks(attend, tokens, x, dim=1).transpose(1, 2)


class MultiViewAttention(nn.Module):
    """Attention among all views, each token turned by its place on the surface."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, rotary: Rotary | None = None, tokens: int | None = None) -> Tensor:
        """(B · materials, views · L, width) → the same; `tokens` at once."""
        q, k, v = split_heads(self.qkv(x), 3, self.num_heads)
        if rotary is not None:  # in slices too, since it is computed in float32
            q, k = (
                in_chunks(lambda part, c, s: rotate(part, (c, s)), tokens, x, *rotary, dim=2) for x in (q, k)
            )
        return self.out(merge_heads(in_chunks(lambda part: _attention(part, k, v), tokens, q, dim=2)))


class DinoProjection(nn.Module):
    """Each DINOv2 token to several context tokens."""

    def __init__(self, dino_width: int, context_width: int, tokens_per_dino: int) -> None:
        super().__init__()
        self.tokens_per_dino = tokens_per_dino
        self.proj = nn.Linear(dino_width, tokens_per_dino * context_width)
        self.norm = nn.LayerNorm(context_width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, dino_width) → (B, T · tokens_per_dino, context_width)."""
        return self.norm(self.proj(tokens).unflatten(-1, (self.tokens_per_dino, -1))).flatten(1, 2)


def _attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The one attention call; values wider than keys are taken in slices, since fast kernels want equal widths."""
    parts = [scaled_dot_product_attention(q, k, part) for part in v.split(q.shape[-1], dim=-1)]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
