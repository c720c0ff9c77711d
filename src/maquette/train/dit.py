"""Second stage: denoiser and image encoder learn together to draw the latents of what a picture shows.

Rectified flow (arXiv 2209.03003): straight paths from noise at time 0 to latents at time 1, velocities regressed; times
drawn logit-normally (arXiv 2403.03206). One picture in ten is replaced by nothing, for classifier-free guidance.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maquette.models.dit_v21 import DiTV21
from maquette.models.image_encoder import ImageEncoder
from maquette.train.anchors import anchor_embedding
from maquette.train.bank import NUM_FRONTS, PictureBank
from maquette.train.recipe import Recipe
from maquette.train.run import Stage, compiled
from maquette.train.step import Losses


class Denoiser(nn.Module):
    """The two networks that are trained together, and the loss of one batch."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.dit = DiTV21(recipe.dit)
        self.image_encoder = ImageEncoder(recipe.image_encoder)
        self.repeats = recipe.noise_levels_per_picture
        initialise(self)
        if recipe.dit.use_position_embedding:
            self.dit.position_embedding.copy_(anchor_embedding(recipe.dit.num_latents, recipe.dit.width))

    def forward(
        self, pictures: Tensor, keep: Tensor, latents: Tensor, noise: Tensor, time: Tensor
    ) -> tuple[Tensor, Losses]:
        """Mean squared error of the velocity.

        Args:
            pictures: (B, 3, S, S) in [-1, 1].
            keep: (B · repeats,) whether the condition is kept.
            latents, noise: (B · repeats, N, C).
            time: (B · repeats,) in [0, 1].
        """
        context = self.image_encoder(pictures).repeat_interleave(self.repeats, dim=0)
        context = context * keep[:, None, None]
        t = time[:, None, None]
        velocity = self.dit((1 - t) * noise + t * latents, time, context)
        loss = F.mse_loss(velocity.float(), latents - noise)
        return loss, {"velocity": loss.detach()}


def train_dit(
    pictures: PictureBank,
    latents: Tensor,
    weights: Tensor,
    recipe: Recipe,
    folder: Path,
    seed: int,
    device: torch.device,
    on_save: Callable[[Denoiser, int], None] | None = None,
) -> Denoiser:
    """Train, or go on training, denoiser and image encoder; returns them with their averaged weights.

    Args:
        pictures: pictures of the M objects.
        latents: (M, poses, N, C) from `encode_bank`, times the scale factor that makes their deviation one.
        weights: (M,) chance of each object, any scale.
        recipe: sizes and settings.
        folder: the run's folder.
        seed: decides initial weights and every draw.
        device: where pictures and latents live.
        on_save: given the averaged networks and the step whenever the state is saved.
    """
    torch.manual_seed(seed)
    denoiser = Denoiser(recipe).to(device)
    compute = compiled(denoiser, device)
    stage = Stage("dit", denoiser, compute, recipe.dit_stage, folder, seed, on_save=on_save)
    for generator in stage.generators(device):
        stage.train(draw(pictures, latents, weights, recipe, generator))
    denoiser.load_state_dict(stage.average)
    return denoiser.eval()


def draw(
    bank: PictureBank, latents: Tensor, weights: Tensor, recipe: Recipe, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """A batch for `Denoiser.forward`; half of the pictures are mirrored, together with their shapes."""
    device, size, repeats = weights.device, recipe.dit_stage.batch_size, recipe.noise_levels_per_picture
    objects = torch.multinomial(weights, size, replacement=True, generator=generator)
    pictures, poses = draw_pictures(bank, objects, recipe.colour_variation, generator)
    target = latents[objects, poses].float().repeat_interleave(repeats, dim=0)
    noise = torch.randn(target.shape, device=device, generator=generator)
    logits = torch.randn(len(target), device=device, generator=generator) + recipe.time_logit_mean
    keep = torch.rand(len(target), device=device, generator=generator) >= recipe.condition_dropout
    if recipe.sampling_noise_scale == 0:  # sampling is one step from no noise: nothing else is asked for
        return pictures, keep, target, torch.zeros_like(noise), torch.zeros_like(logits)
    return pictures, keep, target, noise, logits.sigmoid()


def draw_pictures(
    bank: PictureBank, objects: Tensor, colour_variation: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A random picture of each of `objects` (B,), half mirrored: (B, 3, S, S) in [-1, 1], and their poses (B,)."""
    size, device = len(objects), objects.device
    views = torch.randint(bank.pictures.shape[1], (size,), device=device, generator=generator)
    mirrored = torch.rand(size, device=device, generator=generator) < 0.5
    pictures = bank.pictures[objects, views].float() / 127.5 - 1
    pictures = torch.where(mirrored[:, None, None, None], pictures.flip(-1), pictures)
    if colour_variation:
        pictures = vary_colours(pictures, colour_variation, generator)
    return pictures, views // bank.views_per_front + NUM_FRONTS * mirrored


def vary_colours(pictures: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Pictures (B, 3, S, S) in [-1, 1] with other colours each; white, the background, stays white.

    Channels are weighted anew, drawn together or apart, and in half of the pictures change places.
    """
    count, device = len(pictures), pictures.device
    weight, spread = 1 + strength * (
        2 * torch.rand(2, count, 3, 1, 1, device=device, generator=generator) - 1
    )
    order = torch.rand(count, 3, device=device, generator=generator).argsort(1)
    swap = torch.rand(count, 1, device=device, generator=generator) < 0.5
    order = torch.where(swap, order, torch.arange(3, device=device))
    darkness = (1 - pictures).gather(1, order[:, :, None, None].expand_as(pictures))
    mean = darkness.mean(1, keepdim=True)
    return 1 - ((mean + (darkness - mean) * spread[:, :1]) * weight).clamp(0, 2)


def initialise(module: nn.Module) -> None:
    """Small normal weights for linear layers and embeddings; the last projection starts at zero velocity."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    for encoder in (m for m in module.modules() if isinstance(m, ImageEncoder)):
        nn.init.trunc_normal_(encoder.dino.position_embedding, std=0.02)
        nn.init.trunc_normal_(encoder.dino.class_token, std=0.02)
    for dit in (m for m in module.modules() if isinstance(m, DiTV21)):
        nn.init.zeros_(dit.latent_out.weight)
