"""Flow-matching samplers: a straight-line walk from noise to latents.

Time runs from 0 (noise) to 1 (data). The published schedule of N steps is N values from 0 to 1 with 1 repeated at the
end, so its last step goes nowhere; here that step costs no network call. (arXiv 2209.03003, 2210.02747)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from maquette.errors import SettingError
from maquette.models.dit_v21 import DiTV21

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Latents (B, N, C) and time (B,) to velocity (B, N, C)."""

StepCallback = Callable[[int, int, Tensor], None]
"""Called with the number of steps done, the number of all steps and the latents. May raise to stop."""


@dataclass(frozen=True)
class SamplingSettings:
    """How latents are drawn."""

    steps: int = 50
    """1 to 1000."""
    guidance: float = 5.0
    """Classifier-free guidance scale, 0 to 100; 1 follows the picture without exaggeration."""
    shift: float = 1.0
    """Above 1 spends more steps near the noise."""

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:
            raise SettingError(f"steps is {self.steps}", "it must be from 1 to 1000")
        if not 0 <= self.guidance <= 100:  # false for NaN too
            raise SettingError(f"guidance is {self.guidance}", "it must be a number from 0 to 100")
        if not 0.01 <= self.shift <= 100:
            raise SettingError(f"shift is {self.shift}", "it must be a number from 0.01 to 100")


def flow_matching_sigmas(steps: int, shift: float = 1.0) -> Tensor:
    """(steps + 1,) float32 times of the published schedule, from 0 to 1, the last two equal."""
    sigmas = torch.linspace(0.0, 1.0, steps, dtype=torch.float64)
    sigmas = shift * sigmas / (1 + (shift - 1) * sigmas)
    return torch.cat([sigmas, sigmas.new_ones(1)]).float()


def sample_euler(
    velocity: Velocity, noise: Tensor, sigmas: Tensor, on_step: StepCallback | None = None
) -> Tensor:
    """Walk from noise (B, N, C) along `velocity` through the times `sigmas` (S + 1,); returns the latents."""
    latents = noise
    steps = len(sigmas) - 1
    for index, (now, then) in enumerate(zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True)):
        if then != now:
            time = torch.full((len(latents),), now, dtype=latents.dtype, device=latents.device)
            latents = latents + (then - now) * velocity(latents, time)
        if on_step is not None:
            on_step(index + 1, steps, latents)
    return latents


def guided_velocity(dit: DiTV21, context: Tensor, unconditional: Tensor, guidance: float) -> Velocity:
    """Velocity with classifier-free guidance (arXiv 2207.12598); all that depends on the picture is computed here.

    Args:
        dit: the denoiser.
        context, unconditional: condition tokens (B, M, D) with and without the picture.
        guidance: 1 or less than 1e-6 away from it skips the unconditional half.
    """
    if abs(guidance - 1) < 1e-6:
        prepared, pooled = dit.prepare(context), dit.pool(context)
        return lambda latents, time: dit.denoise(latents, time, prepared, pooled)

    both = torch.cat([context, unconditional])
    prepared, pooled = dit.prepare(both), dit.pool(both)

    def velocity(latents: Tensor, time: Tensor) -> Tensor:
        twice = dit.denoise(torch.cat([latents, latents]), torch.cat([time, time]), prepared, pooled)
        with_picture, without = twice.chunk(2)
        return without + guidance * (with_picture - without)

    return velocity
