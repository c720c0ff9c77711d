"""Light removal of the 2.0 painter: a picture is redrawn without light and shadow before it is painted from.

The redrawing is a diffusion model that sees the picture on extra channels (InstructPix2Pix, arXiv 2211.09800), asked
with an empty prompt and no guidance. It shifts colours, so the colour statistics of the input are put back.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maquette.models.unet import TextContext
from maquette.paint.samplers import DrawNoise, OnStep, sample_euler_ancestral
from maquette.zoo.paint_model import LightRemover

COLOUR_SHARE = 0.95
"""How much of the difference between mean colours is undone."""


def erode_alpha(rgba: np.ndarray) -> np.ndarray:
    """Shave one pixel off the outline (H, W, 4) uint8, whose colours are half background; what is left out is white."""
    alpha = np.pad(rgba[..., 3], 1, constant_values=255)
    rows = np.minimum(np.minimum(alpha[:-2], alpha[1:-1]), alpha[2:])
    eroded = np.minimum(np.minimum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    colours = np.where(eroded[..., None] == 0, np.uint8(255), rgba[..., :3])
    return np.concatenate([colours, eroded[..., None]], axis=-1)


def correct_colours(redrawn: Tensor, original: Tensor, alpha: Tensor) -> Tensor:
    """Give each channel of the redrawn picture (H, W, 3) in [0, 1] the original's mean and deviation over the object.

    Kept only where it brings the picture no further from the original.

    Args:
        redrawn, original: (H, W, 3).
        alpha: (H, W, 1); above one half is object.

    Returns:
        (H, W, 4) with that alpha.
    """
    inside = alpha[..., 0] > 0.5
    ours, theirs = redrawn[inside], original[inside]
    ratio = theirs.std(0) / ours.std(0)
    moved = (redrawn - COLOUR_SHARE * ours.mean(0)) * ratio + COLOUR_SHARE * theirs.mean(0)
    moved = moved.clamp(0, 1)
    worse = (moved - original).square().mean() > (redrawn - original).square().mean()
    return torch.cat([redrawn if worse else moved, alpha], dim=-1)


@torch.inference_mode()
def remove_light(
    remover: LightRemover,
    picture: Image.Image,
    noise: Tensor,
    draw_noise: DrawNoise,
    on_step: OnStep | None = None,
) -> Image.Image:
    """Redraw a cut-out picture (RGBA) without light; the result is on white, `remover.size` pixels square.

    Args:
        remover: the networks, on one device.
        picture: the object in the middle of a square picture.
        noise: (1, 4, size / 8, size / 8) float32 of unit deviation, on the networks' device.
        draw_noise: fresh noise of that shape for every step.
        on_step: told about every step; may raise to stop.
    """
    side = remover.size
    pixels = erode_alpha(np.asarray(picture.convert("RGBA").resize((side, side), Image.Resampling.BICUBIC)))
    target = torch.from_numpy(pixels.astype(np.float32) / 255).to(noise.device)
    shown = (target[..., :3] * 2 - 1).permute(2, 0, 1)[None].to(remover.vae.moments.weight.dtype)
    mean, _ = remover.vae.posterior(shown)  # unscaled, as this model was trained
    context = TextContext(remover.text.empty_prompt())
    contexts = [context] * len(list(remover.unet.transformers()))

    def predict(latents: Tensor, time: float) -> Tensor:
        step = remover.unet.embed_time(torch.tensor([time], device=latents.device))
        return remover.unet(torch.cat([latents.to(mean.dtype), mean], dim=1), step, contexts).float()

    latents = sample_euler_ancestral(predict, noise, remover.schedule, remover.steps, draw_noise, on_step)
    redrawn = remover.vae.decode(latents.to(mean.dtype)).float().clamp(-1, 1)[0].permute(1, 2, 0) / 2 + 0.5
    redrawn = (redrawn * 255).round() / 255
    corrected = correct_colours(redrawn, target[..., :3], target[..., 3:])
    alpha = corrected[..., 3:]
    flat = (corrected[..., :3] * alpha + 1 - alpha) * 255
    return Image.fromarray(flat.to("cpu", torch.uint8).numpy())
