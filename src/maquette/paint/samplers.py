"""The samplers of the published paint models: UniPC (2.1), Euler ancestral (2.0, light removal) and LCM (2.0 turbo).

A sampler is a function from noise to latents that calls the network once a step. The schedule is computed in float64
and its numbers enter as Python floats, so nothing is lost to the precision of the latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from maquette.errors import SettingError

Predict = Callable[[Tensor, float], Tensor]
"""Latents (as the network wants them scaled) and time step to the network's prediction, of the same shape."""

OnStep = Callable[[int, int, Tensor], None]
"""Called with steps done, steps in all and the latents. May raise to stop."""

DrawNoise = Callable[[], Tensor]
"""Fresh noise of the latents' shape, device and precision."""

LAST_ALPHA = 1 / (1 + 4096.0**2)
"""What the last cumulative alpha is set to where the schedule ends in pure noise, so that sigma stays finite."""


@dataclass(frozen=True)
class NoiseSchedule:
    """How noise grows over the training steps, as a published `scheduler_config.json` states it."""

    num_train_steps: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012
    prediction: Literal["v_prediction", "epsilon"] = "v_prediction"
    spacing: Literal["trailing", "leading", "linspace"] = "trailing"
    steps_offset: int = 1
    zero_terminal_snr: bool = True

    def alphas(self) -> Tensor:
        """Cumulative alphas (num_train_steps,) float64; the last is 0 with `zero_terminal_snr`."""
        roots = torch.linspace(
            self.beta_start**0.5, self.beta_end**0.5, self.num_train_steps, dtype=torch.float64
        )
        alphas = torch.cumprod(1 - roots**2, dim=0)
        if self.zero_terminal_snr:  # arXiv 2305.08891
            roots = alphas.sqrt()
            alphas = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2
        return alphas

    def time_steps(self, steps: int) -> list[int]:
        """Time steps to sample at, falling.

        Raises:
            SettingError: steps out of range.
        """
        if not 1 <= steps <= self.num_train_steps:
            raise SettingError(f"steps is {steps}", f"it must be from 1 to {self.num_train_steps}")
        total = self.num_train_steps
        if self.spacing == "trailing":
            # Halves go to the even neighbour, as numpy rounds.
            return [round(total - index * total / steps) - 1 for index in range(steps)]
        if self.spacing == "leading":
            return [index * (total // steps) + self.steps_offset for index in reversed(range(steps))]
        return [round(index * (total - 1) / max(steps - 1, 1)) for index in reversed(range(steps))]

    def sigmas(self, time_steps: list[int]) -> list[float]:
        """Noise over signal at each time step, and 0 at the end."""
        alphas = self.alphas()
        if self.zero_terminal_snr:
            alphas[-1] = LAST_ALPHA
        return [*((1 - alphas[time_steps]) / alphas[time_steps]).sqrt().tolist(), 0.0]


def sample_unipc(
    predict: Predict, noise: Tensor, schedule: NoiseSchedule, steps: int, on_step: OnStep | None = None
) -> Tensor:
    """UniPC of order 2 with the B2 variant, predicting the clean latents (arXiv 2302.04867).

    Every step first corrects the last one with what the network now says, then predicts the next; the last step is of
    order 1.
    """
    time_steps = schedule.time_steps(steps)
    sigmas = schedule.sigmas(time_steps)
    x = corrected = noise
    history: list[Tensor] = []  # clean latents of the last two steps
    order = 1
    for index, time in enumerate(time_steps):
        clean = _clean(x, predict(x, time), sigmas[index], schedule)
        if index > 0:
            x = _unipc_correct(corrected, clean, history, sigmas[: index + 1], order)
        corrected, history = x, [*history[-1:], clean]
        order = min(2, steps - index, index + 1)
        x = _unipc_predict(x, history, sigmas[: index + 2], order)
        if on_step is not None:
            on_step(index + 1, steps, x)
    return x


def _unipc_predict(x: Tensor, history: list[Tensor], sigmas: list[float], order: int) -> Tensor:
    """From the last but one sigma to the last."""
    alpha, h = _alpha(sigmas[-1]), _half_log_snr(sigmas[-1]) - _half_log_snr(sigmas[-2])
    growth = math.expm1(-h)
    result = (alpha * sigmas[-1] / (_alpha(sigmas[-2]) * sigmas[-2])) * x - alpha * growth * history[-1]
    if order == 2:
        ratio = (_half_log_snr(sigmas[-3]) - _half_log_snr(sigmas[-2])) / h
        result = result - (alpha * growth * 0.5 / ratio) * (history[-2] - history[-1])
    return result


def _unipc_correct(x: Tensor, now: Tensor, history: list[Tensor], sigmas: list[float], order: int) -> Tensor:
    """Take the last step again from `x`, knowing the clean latents `now` predicted at its end."""
    alpha, h = _alpha(sigmas[-1]), _half_log_snr(sigmas[-1]) - _half_log_snr(sigmas[-2])
    growth = math.expm1(-h)
    result = (alpha * sigmas[-1] / (_alpha(sigmas[-2]) * sigmas[-2])) * x - alpha * growth * history[-1]
    change = now - history[-1]
    if order == 1:
        return result - (alpha * growth * 0.5) * change
    ratio = (_half_log_snr(sigmas[-3]) - _half_log_snr(sigmas[-2])) / h
    phi = growth / -h - 1
    first, second = (
        phi / growth,
        2 * (phi / -h - 0.5) / growth,
    )  # right side of [[1, 1], [ratio, 1]] · weights
    of_old = (first - second) / (1 - ratio)
    old = (history[-2] - history[-1]) / ratio
    return result - (alpha * growth) * (of_old * old + (first - of_old) * change)


def sample_euler_ancestral(
    predict: Predict,
    noise: Tensor,
    schedule: NoiseSchedule,
    steps: int,
    draw_noise: DrawNoise,
    on_step: OnStep | None = None,
) -> Tensor:
    """Euler steps that overshoot and add fresh noise (k-diffusion's ancestral sampler). Noise has unit deviation."""
    time_steps = schedule.time_steps(steps)
    sigmas = schedule.sigmas(time_steps)
    largest = max(sigmas)
    x = noise * (largest if schedule.spacing != "leading" else math.sqrt(largest**2 + 1))
    for index, (time, now, then) in enumerate(zip(time_steps, sigmas[:-1], sigmas[1:], strict=True)):
        output = predict(x * _alpha(now), time)
        clean = (
            x / (now**2 + 1) - (now * _alpha(now)) * output
            if schedule.prediction == "v_prediction"
            else x - now * output
        )
        up = math.sqrt(then**2 * (now**2 - then**2) / now**2)
        down = math.sqrt(then**2 - up**2)
        # In this order, as recorded: from a sigma of 4096, rounding to float32 is what limits the step.
        x = x + ((x - clean) / now) * (down - now) + up * draw_noise()
        if on_step is not None:
            on_step(index + 1, steps, x)
    return x


def sample_lcm(
    predict: Predict,
    noise: Tensor,
    schedule: NoiseSchedule,
    time_steps: list[int],
    draw_noise: DrawNoise,
    on_step: OnStep | None = None,
    time_scaling: float = 10.0,
) -> Tensor:
    """Latent consistency model: predict the clean latents, add less noise, again (arXiv 2310.04378)."""
    alphas = schedule.alphas().tolist()
    x = noise
    for index, time in enumerate(time_steps):
        signal, sigma = math.sqrt(alphas[time]), math.sqrt(1 - alphas[time])
        output = predict(x, time)
        clean = (
            signal * x - sigma * output
            if schedule.prediction == "v_prediction"
            else (x - sigma * output) / signal
        )
        scaled = time * time_scaling
        keep = 0.25 / (scaled**2 + 0.25)
        x = (scaled / math.sqrt(scaled**2 + 0.25)) * clean + keep * x
        if index + 1 < len(time_steps):
            then = alphas[time_steps[index + 1]]
            x = math.sqrt(then) * x + math.sqrt(1 - then) * draw_noise()
        if on_step is not None:
            on_step(index + 1, len(time_steps), x)
    return x


def turbo_time_steps(schedule: NoiseSchedule, inference_steps: int = 30, count: int = 10) -> list[int]:
    """The fixed time steps of the turbo model: every third of thirty from the end of training."""
    ratio = schedule.num_train_steps // inference_steps
    grid = [step * ratio - 1 for step in range(1, inference_steps + 1)]
    return grid[:: -(inference_steps // count)]


def _clean(x: Tensor, output: Tensor, sigma: float, schedule: NoiseSchedule) -> Tensor:
    """The clean latents that the network's output means; x has unit variance."""
    alpha = _alpha(sigma)
    if schedule.prediction == "v_prediction":
        return alpha * x - (sigma * alpha) * output
    return x / alpha - sigma * output


def _alpha(sigma: float) -> float:
    return 1 / math.sqrt(sigma**2 + 1)


def _half_log_snr(sigma: float) -> float:
    return -math.log(sigma) if sigma > 0 else math.inf
