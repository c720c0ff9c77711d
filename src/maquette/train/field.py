"""Third stage, for trainings too short to draw samples: picture and field learn end to end.

A denoiser that starts from no noise and takes one step is a plain function from a picture to latents. This stage
trains that function, and the decoder behind it, directly on signed distances, so every bit of a short training goes
into where the surface is. What comes out draws the shape that a picture suggests on the whole, and the seed changes
nothing; a run that is long enough for the second stage alone does not need it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from maquette.train.bank import PictureBank, ShapeBank
from maquette.train.dit import draw_pictures
from maquette.train.recipe import Recipe
from maquette.train.run import Stage, StageSettings, compiled, hash_seed
from maquette.train.step import Losses
from maquette.train.vae import field_loss, pose_matrices, query_window
from maquette.zoo.shape_model import ShapeModel

FIELD_SIGN_WEIGHT = 0.05
"""Share of the sign in the loss: more than the autoencoder's, since here the distance alone blurs what is uncertain."""

ZERO_LEVELS = tuple(0.02 * step for step in range(11))
ZERO_LEVEL_BATCHES = 8
"""What is tried, in logits, and on how many batches of training pictures it is judged."""


class PictureToField(nn.Module):
    """A shape model as one function from pictures to logits."""

    def __init__(self, model: ShapeModel) -> None:
        super().__init__()
        self.image_encoder, self.dit, self.vae = model.image_encoder, model.dit, model.vae
        self.requires_grad_(True)

    def latents(self, pictures: Tensor) -> Tensor:
        """What one step from no noise draws of pictures (B, 3, S, S) in [-1, 1]: (B, N, C), ready for the decoder."""
        config = self.vae.config
        start = pictures.new_zeros(len(pictures), config.num_latents, config.latent_channels)
        latents = self.dit(start, start[:, 0, 0], self.image_encoder(pictures))
        return latents / self.vae.config.scale_factor

    def logits(self, pictures: Tensor, queries: Tensor) -> Tensor:
        """Pictures (B, 3, S, S) and queries (B, Q, 3) → (B, Q) float32."""
        return self.vae.field(queries, self.vae.decode(self.latents(pictures))).float()

    def forward(self, pictures: Tensor, queries: Tensor, targets: Tensor) -> tuple[Tensor, Losses]:
        """Loss of pictures (B, 3, S, S) in [-1, 1], queries (B, Q, 3), truncated distances (B, Q) in [-1, 1]."""
        return field_loss(self.logits(pictures, queries), targets, FIELD_SIGN_WEIGHT)


def train_field(
    model: ShapeModel,
    shapes: ShapeBank,
    pictures: PictureBank,
    weights: Tensor,
    recipe: Recipe,
    settings: StageSettings,
    folder: Path,
    seed: int,
    device: torch.device,
    on_save: Callable[[PictureToField, int], None] | None = None,
) -> ShapeModel:
    """Train, or go on training, a whole shape model on what its field should be; returns it with averaged weights.

    Args:
        model: where to start; changed in place. It must be one that samples in one step from no noise.
        shapes, pictures: the M objects.
        weights: (M,) chance of each object, any scale.
        recipe: how many queries a step and how they are posed.
        settings: length and pace.
        folder: the run's folder.
        seed: decides every draw.
        device: where the banks live.
        on_save: given the averaged model and the step whenever the state is saved.
    """
    network = PictureToField(model).to(device).train()
    compute = compiled(network, device)
    stage = Stage("field", network, compute, settings, folder, seed, on_save=on_save)
    poses = pose_matrices(device)
    for generator in stage.generators(device):
        stage.train(_draw(shapes, pictures, weights, poses, recipe, settings.batch_size, generator))
    network.load_state_dict(stage.average)
    network.requires_grad_(False)
    network.eval()
    generator = torch.Generator(device).manual_seed(hash_seed(seed, "zero level", 0))
    batches = [
        _draw(shapes, pictures, weights, poses, recipe, settings.batch_size, generator)
        for _ in range(ZERO_LEVEL_BATCHES)
    ]
    centre_zero_level(network, batches)
    return model


@torch.no_grad()
def centre_zero_level(network: PictureToField, batches: Sequence[tuple[Tensor, Tensor, Tensor]]) -> float:
    """Move the field's zero level to where inside and outside overlap best with the truth; returns by how much.

    What is uncertain is drawn as outside by the loss, so that shapes come out too thin: volumes overlap most at
    a lower level than the one at which most points are right.

    Args:
        network: its decoder's last bias is changed.
        batches: as for `PictureToField.forward`.
    """
    overlaps = torch.zeros(len(ZERO_LEVELS))
    for pictures, queries, targets in batches:
        logits, inside = network.logits(pictures, queries), targets > 0
        for index, level in enumerate(ZERO_LEVELS):
            predicted = logits > -level
            both, either = (inside & predicted).sum(1), (inside | predicted).sum(1)
            overlaps[index] += float((both / either.clamp_min(1)).mean())
    level = ZERO_LEVELS[int(overlaps.argmax())]
    network.vae.field.logit.bias.add_(level)
    return level


def _draw(
    shapes: ShapeBank,
    pictures: PictureBank,
    weights: Tensor,
    poses: Tensor,
    recipe: Recipe,
    size: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch for `PictureToField`; half of the pictures are mirrored, together with their shapes."""
    objects = torch.multinomial(weights, size, replacement=True, generator=generator)
    batch, drawn = draw_pictures(pictures, objects, recipe.colour_variation, generator)
    queries, targets = query_window(shapes, objects, poses[drawn], recipe.queries_per_step, generator)
    return batch, queries, targets
