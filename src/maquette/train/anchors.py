"""Fixed query points for the bundled model's latents.

The published encoders draw their queries from the surface, so a latent has no fixed place and the denoiser must learn
to order a set. The bundled model gives every latent its own point in space instead, and tells decoder and denoiser
which: each then stands for the same region in every shape, which small networks learn far sooner.
"""

from __future__ import annotations

import torch
from torch import Tensor


def anchor_points(count: int) -> Tensor:
    """(count, 3) points of a Sobol sequence in [-0.9, 0.9], the same in every run."""
    return torch.quasirandom.SobolEngine(3).draw(count + 1)[1:] * 1.8 - 0.9


def anchor_queries(count: int, point_features: int) -> Tensor:
    """Anchors as the encoder's queries (count, 3 + point_features), their features zero."""
    return torch.nn.functional.pad(anchor_points(count), (0, point_features))


def anchor_embedding(count: int, width: int) -> Tensor:
    """Sine-cosine embedding of the anchors (1, count, width) for the denoiser's position buffer."""
    points = anchor_points(count)
    frequencies = torch.pi / 2 * 2.0 ** torch.linspace(0, 4, width // 6)
    angles = (points[..., None] * frequencies).flatten(1)
    embedding = torch.cat([angles.sin(), angles.cos()], dim=1)
    return torch.nn.functional.pad(embedding, (0, width - embedding.shape[1]))[None]
