"""Flow-matching samplers: a straight-line walk from noise to latents.

Time runs from 0 (noise) to 1 (data). The published schedule of N steps is N values from 0 to 1 with 1 repeated at the
end, so its last step goes nowhere; here that step costs no network call. (arXiv 2209.03003, 2210.02747)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from maquette.errors import SettingError
from maquette.models.dit_v20 import DiTV20

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Latents (B, N, C) and time (B,), float32 on the CPU, to velocity (B, N, C)."""

StepCallback = Callable[[int, int, Tensor], None]
"""Called with the number of steps done, the number of all steps and the latents. May raise to stop."""


class Denoiser(Protocol):
    """What the denoisers of both generations have in common."""

    def prepare(self, context: Tensor) -> Any:
        """What depends on the context alone; `first(count)` of it is that of the first contexts of a batch."""
        ...

    def denoise(self, latents: Tensor, time: Tensor, prepared: Any) -> Tensor:
        """Velocity of latents (B, N, C) at time (B,)."""
        ...


@dataclass(frozen=True)
class SamplingSettings:
    """How latents are drawn."""

    steps: int = 50
    """1 to 1000."""
    guidance: float = 5.0
    """Classifier-free guidance scale, 0 to 100; 1 follows the picture without exaggeration."""
    shift: float = 1.0
    """Above 1 spends more steps near the noise."""
    interval: tuple[float, float] = (0.0, 1.0)
    """Times, from 0 (noise) to 1 (data), between which guidance works; outside it costs nothing (arXiv 2404.07724)."""

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:
            raise SettingError(f"steps is {self.steps}", "it must be from 1 to 1000")
        if not 0 <= self.guidance <= 100:  # false for NaN too
            raise SettingError(f"guidance is {self.guidance}", "it must be a number from 0 to 100")
        if not 0.01 <= self.shift <= 100:
            raise SettingError(f"shift is {self.shift}", "it must be a number from 0.01 to 100")
        if not 0 <= self.interval[0] <= self.interval[1] <= 1:
            raise SettingError(
                f"the guidance interval is {self.interval[0]} to {self.interval[1]}",
                "it must lie between 0 and 1, the lower end first",
            )


def flow_matching_sigmas(steps: int, shift: float = 1.0) -> Tensor:
    """(steps + 1,) float32 times of the published schedule, from 0 to 1, the last two equal."""
    sigmas = torch.linspace(0.0, 1.0, steps, dtype=torch.float64)
    sigmas = shift * sigmas / (1 + (shift - 1) * sigmas)
    return torch.cat([sigmas, sigmas.new_ones(1)]).float()


def consistency_sigmas(steps: int, grid: int = 100) -> Tensor:
    """(steps + 1,) float32 times of the turbo checkpoints' consistency schedule (PCM, arXiv 2405.18407).

    Args:
        steps: 1 to `grid`.
        grid: points of the training grid, among which the steps are spread evenly.

    Raises:
        SettingError: more steps than the grid has points.
    """
    if not 1 <= steps <= grid:
        raise SettingError(f"steps is {steps}", f"this model takes 1 to {grid}")
    training = torch.linspace(0.0, 1.0, 1000, dtype=torch.float64)
    index = torch.arange(1, grid) * (1000 // grid) - 1
    euler = torch.cat([training.new_zeros(1), training[index]])
    chosen = torch.arange(steps, dtype=torch.float64) * (grid / steps)
    return torch.cat([euler[chosen.floor().long()], euler.new_ones(1)]).float()


def sample_euler(
    velocity: Velocity, noise: Tensor, sigmas: Tensor, on_step: StepCallback | None = None
) -> Tensor:
    """Walk from noise (B, N, C) along `velocity` through the times `sigmas` (S + 1,); returns the latents.

    The walk itself is in the precision of `noise`, float32 as a rule, whatever that of the network.
    """
    latents = noise
    steps = len(sigmas) - 1
    for index, (now, then) in enumerate(zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True)):
        if then != now:
            latents = latents + (then - now) * velocity(latents, torch.full((len(latents),), now))
        if on_step is not None:
            on_step(index + 1, steps, latents)
    return latents


def guided_velocity(
    denoiser: Denoiser,
    context: Tensor,
    unconditional: Tensor,
    guidance: float,
    interval: tuple[float, float] = (0.0, 1.0),
) -> Velocity:
    """Velocity with guidance towards the picture; all that depends on the picture is computed here, once.

    Distilled denoisers are told the scale. For the others it is classifier-free guidance (arXiv 2207.12598): the
    velocity with the picture, extrapolated away from the one without.

    Args:
        denoiser: of either generation.
        context, unconditional: condition tokens (B, M, D) with and without the picture, in the denoiser's precision.
        guidance: the scale; at 1 the unconditional half is not computed.
        interval: times between which there is guidance; distilled denoisers heed none.
    """

    def ask(latents: Tensor, time: Tensor, prepared: Any) -> Tensor:
        moved = (
            latents.to(context),
            time.to(context.device),
        )  # time stays float32: half of it is not precise enough
        return denoiser.denoise(*moved, prepared).to(latents.dtype)

    if isinstance(denoiser, DiTV20) and denoiser.config.guidance_embedded:
        told = denoiser.prepare(context, context.new_full((len(context),), guidance, dtype=torch.float32))
        return lambda latents, time: ask(latents, time, told)
    if abs(guidance - 1) < 1e-6:
        alone = denoiser.prepare(context)
        return lambda latents, time: ask(latents, time, alone)
    both = denoiser.prepare(torch.cat([context, unconditional]))
    alone = both.first(len(context))

    def velocity(latents: Tensor, time: Tensor) -> Tensor:
        if not interval[0] <= float(time[0]) <= interval[1]:
            return ask(latents, time, alone)
        twice = ask(torch.cat([latents, latents]), torch.cat([time, time]), both)
        with_picture, without = twice.chunk(2)
        return without + guidance * (with_picture - without)

    return velocity
