"""First stage: the shape autoencoder learns to give back the truncated signed distance of any point."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.shape_vae import ShapeVAE
from maquette.train.anchors import anchor_embedding, anchor_queries
from maquette.train.bank import NUM_FRONTS, ShapeBank, turn_matrix
from maquette.train.recipe import Recipe
from maquette.train.run import Stage, compiled, half_precision
from maquette.train.step import Losses

logger = logging.getLogger(__name__)

SIGN_SHARPNESS = 10.0
SIGN_WEIGHT = 0.02
"""Small: the sign's gradient is steep, and a larger share of it drowns the distance early on."""
NUM_POSES = 2 * NUM_FRONTS
"""Quarter turns about the vertical axis, plain and mirrored: pose = front + NUM_FRONTS · mirrored."""


def train_vae(
    bank: ShapeBank,
    weights: Tensor,
    recipe: Recipe,
    folder: Path,
    seed: int,
    device: torch.device,
    on_save: Callable[[ShapeVAE, int], None] | None = None,
) -> ShapeVAE:
    """Train, or go on training, the autoencoder; returns it with its averaged weights.

    Args:
        bank: the objects.
        weights: (M,) chance of each object, any scale.
        recipe: sizes and settings.
        folder: the run's folder.
        seed: decides initial weights and every draw.
        device: where the bank lives.
        on_save: given the averaged network and the step whenever the state is saved.
    """
    torch.manual_seed(seed)
    vae = ShapeVAE(recipe.vae).to(device)
    if recipe.vae.use_position_embedding:
        vae.position_embedding.data.copy_(anchor_embedding(recipe.vae.num_latents, recipe.vae.width))
    compute = compiled(Trainer(vae, recipe).to(device), device)
    stage = Stage("vae", vae, compute, recipe.vae_stage, folder, seed, on_save=on_save)
    poses = pose_matrices(device)
    for generator in stage.generators(device):
        stage.train(draw(bank, weights, poses, recipe, generator))
    vae.load_state_dict(stage.average)
    return vae.eval()


def pose_matrices(device: torch.device) -> Tensor:
    """(NUM_POSES, 3, 3) the turns and mirrors that every object is seen in."""
    matrices = [turn_matrix(p % NUM_FRONTS, mirrored=p >= NUM_FRONTS) for p in range(NUM_POSES)]
    return torch.stack(matrices).to(device)


def pose_surface(surface: Tensor, matrices: Tensor) -> Tensor:
    """Turn positions and normals (B, P, 6) by (B, 3, 3)."""
    return (surface.float().unflatten(-1, (2, 3)) @ matrices[:, None].transpose(-1, -2)).flatten(-2)


class Trainer(nn.Module):
    """The loss of one batch, as a module so that it compiles as a whole."""

    anchors: Tensor

    def __init__(self, vae: ShapeVAE, recipe: Recipe) -> None:
        super().__init__()
        self.vae = vae
        self.kl_weight = recipe.kl_weight
        anchors = anchor_queries(recipe.vae.num_latents, recipe.vae.point_features)
        self.register_buffer("anchors", anchors, persistent=False)

    def forward(
        self, surface: Tensor, queries: Tensor, targets: Tensor, noise: Tensor
    ) -> tuple[Tensor, Losses]:
        mean, log_variance = self.vae.encode(surface, self.anchors.expand(len(surface), -1, -1))
        mean, log_variance = mean.float(), log_variance.float()
        latents = mean + torch.exp(0.5 * log_variance) * noise
        logits = self.vae.field(queries, self.vae.decode(latents)).float()
        loss, parts = field_loss(logits, targets, SIGN_WEIGHT)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        return loss + self.kl_weight * kl, {**parts, "kl": kl.detach()}


def field_loss(logits: Tensor, targets: Tensor, sign_weight: float) -> tuple[Tensor, Losses]:
    """Loss of logits (B, Q) against truncated distances (B, Q) in [-1, 1].

    What is logged beside it, `iou`, is of the query points, not of volumes.
    """
    inside, predicted = targets > 0, logits > 0
    distance = F.mse_loss(logits, targets)
    # The distance alone is content with thin parts being slightly outside; the sign is what makes a surface.
    sign = F.binary_cross_entropy_with_logits(logits * SIGN_SHARPNESS, inside.float())
    iou = (inside & predicted).sum() / (inside | predicted).sum().clamp_min(1)
    return distance + sign_weight * sign, {"distance": distance.detach(), "sign": sign.detach(), "iou": iou}


def draw(
    bank: ShapeBank, weights: Tensor, poses: Tensor, recipe: Recipe, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A batch of surfaces, queries, targets and posterior noise."""
    device, size = weights.device, recipe.vae_stage.batch_size
    objects = torch.multinomial(weights, size, replacement=True, generator=generator)
    matrices = poses[torch.randint(len(poses), (size,), device=device, generator=generator)]
    points = recipe.vae.num_latents * recipe.vae.points_per_latent
    # Samples lie in random order, so a window of them is a random choice.
    at = _window(bank.surface.shape[1], points, generator)
    surface = pose_surface(bank.surface[objects, at : at + points], matrices)
    queries, targets = query_window(bank, objects, matrices, recipe.queries_per_step, generator)
    shape = (size, recipe.vae.num_latents, recipe.vae.latent_channels)
    return surface, queries, targets, torch.randn(shape, device=device, generator=generator)


def query_window(
    bank: ShapeBank, objects: Tensor, matrices: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A window of the queries of `objects` (B,), turned by `matrices` (B, 3, 3): (B, count, 3) with targets."""
    at = _window(bank.queries.shape[1], count, generator)
    queries = bank.queries[objects, at : at + count].float() @ matrices.transpose(-1, -2)
    return queries, bank.targets[objects, at : at + count].float()


def _window(available: int, wanted: int, generator: torch.Generator) -> int:
    # Drawn on the host from the step's seed: reading a number back from the device would stall it.
    return random.Random(generator.initial_seed()).randint(0, max(available - wanted, 0))


@torch.no_grad()
def encode_bank(vae: ShapeVAE, bank: ShapeBank, recipe: Recipe, *, batch_size: int = 64) -> Tensor:
    """Posterior means of every object in every pose: (M, NUM_POSES, N, C) half on the bank's device."""
    device = bank.surface.device
    anchors = anchor_queries(recipe.vae.num_latents, recipe.vae.point_features).to(device)
    poses = pose_matrices(device)
    points = recipe.vae.num_latents * recipe.vae.points_per_latent
    shape = (len(bank), NUM_POSES, recipe.vae.num_latents, recipe.vae.latent_channels)
    latents = torch.empty(shape, dtype=torch.half, device=device)
    for first in range(0, len(bank), batch_size):
        surface = bank.surface[first : first + batch_size, :points]
        for pose in range(NUM_POSES):
            posed = pose_surface(surface, poses[pose].expand(len(surface), 3, 3))
            with half_precision(device):
                mean, _ = vae.encode(posed, anchors.expand(len(surface), -1, -1))
            latents[first : first + batch_size, pose] = mean
    return latents
