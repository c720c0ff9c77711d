"""Sampling beyond the recorded schedules."""

from __future__ import annotations

import math

import pytest
import torch

from maquette.errors import SettingError
from maquette.models.dit_v21 import DiTV21, DiTV21Config
from maquette.shape.sampler import SamplingSettings, flow_matching_sigmas, guided_velocity, sample_euler


def test_straight_flow_arrives_exactly() -> None:
    noise, target = torch.randn(1, 4, 2), torch.randn(1, 4, 2)
    for steps in (2, 7, 50):
        arrived = sample_euler(lambda x, t: target - noise, noise, flow_matching_sigmas(steps))
        torch.testing.assert_close(arrived, target)


def test_the_step_that_goes_nowhere_costs_no_network_call() -> None:
    calls = []
    sample_euler(lambda x, t: calls.append(t) or x, torch.zeros(1, 1, 1), flow_matching_sigmas(5))
    assert len(calls) == 4


def test_one_step_leaves_the_noise_unchanged_in_time_zero_only() -> None:
    sigmas = flow_matching_sigmas(1)
    assert sigmas.tolist() == [0.0, 1.0]


def test_callback_sees_every_step_and_can_stop() -> None:
    seen = []

    def stop_at_two(done: int, total: int, latents: torch.Tensor) -> None:
        seen.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_euler(lambda x, t: x, torch.zeros(1, 1, 1), flow_matching_sigmas(5), stop_at_two)
    assert seen == [(1, 5), (2, 5)]


@torch.no_grad()
def test_guidance_extrapolates_from_the_unconditional_velocity() -> None:
    torch.manual_seed(0)
    config = DiTV21Config(
        num_latents=6, latent_channels=4, width=32, context_width=8, depth=3, num_heads=2, num_moe_layers=0
    )
    dit = DiTV21(config).eval()
    context, nothing = torch.randn(1, 5, 8), torch.zeros(1, 5, 8)
    latents, time = torch.randn(1, 6, 4), torch.tensor([0.4])
    with_picture, without = dit(latents, time, context), dit(latents, time, nothing)
    guided = guided_velocity(dit, context, nothing, 3.0)(latents, time)
    torch.testing.assert_close(guided, without + 3.0 * (with_picture - without), rtol=1e-4, atol=1e-5)
    unguided = guided_velocity(dit, context, nothing, 1.0)(latents, time)
    torch.testing.assert_close(unguided, with_picture, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("steps", 1001), ("guidance", math.nan), ("guidance", -1), ("guidance", 101)],
)
def test_settings_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(SettingError, match=field):
        SamplingSettings(**{field: value})


def small_denoiser() -> DiTV21:
    torch.manual_seed(0)
    sizes = {
        "num_latents": 6,
        "latent_channels": 4,
        "width": 32,
        "context_width": 8,
        "depth": 3,
        "num_heads": 2,
    }
    return DiTV21(DiTV21Config(**sizes, num_moe_layers=0)).eval()


@torch.no_grad()
def test_outside_the_interval_there_is_no_guidance_and_only_half_the_batch() -> None:
    dit, sizes = small_denoiser(), []
    context, nothing = torch.randn(2, 5, 8), torch.zeros(2, 5, 8)
    dit.latent_in.register_forward_hook(lambda _m, inputs, _o: sizes.append(len(inputs[0])))
    velocity = guided_velocity(dit, context, nothing, 3.0, (0.3, 0.6))
    latents = torch.randn(2, 6, 4)
    for time, guided in ((0.1, False), (0.5, True), (0.9, False)):
        now = torch.full((2,), time)
        with_picture, without = dit(latents, now, context), dit(latents, now, nothing)
        expected = without + 3 * (with_picture - without) if guided else with_picture
        sizes.clear()
        torch.testing.assert_close(velocity(latents, now), expected, rtol=1e-4, atol=1e-5)
        assert sizes == [4 if guided else 2]


@torch.no_grad()
def test_what_depends_on_the_picture_alone_is_computed_once() -> None:
    dit, calls = small_denoiser(), []
    for block in dit.blocks:
        block.cross_attention.kv.register_forward_hook(lambda *_: calls.append(1))
    velocity = guided_velocity(dit, torch.randn(1, 5, 8), torch.zeros(1, 5, 8), 3.0)
    sample_euler(velocity, torch.randn(1, 6, 4), flow_matching_sigmas(6))
    assert len(calls) == len(dit.blocks)


@pytest.mark.parametrize("interval", [(-0.1, 1.0), (0.6, 0.5), (0.0, 1.1), (math.nan, 1.0)])
def test_bad_intervals_are_refused(interval: tuple[float, float]) -> None:
    with pytest.raises(SettingError, match="guidance interval"):
        SamplingSettings(interval=interval)
