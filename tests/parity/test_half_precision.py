"""In half precision the recorded outputs, made in float32, are reproduced to a stated relative error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pytest
import torch
from torch import Tensor

from parity import runners
from parity.cases import Case, find_cases

TOLERANCE = {torch.bfloat16: 2e-2, torch.float16: 5e-3}
KINDS = (
    "shape/cond_dino",
    "shape/dit_",
    "shape/pipeline_",
    "shape/vae_v20_decode",
    "shape/vae_v20_turbo",
    "shape/vae_v21_d",
)
NETWORK_INPUTS = ("inputs/x", "inputs/context_main", "inputs/latents")
"""What reaches a network in its own precision; times, points and pictures stay float32, as in the pipeline."""


@dataclass(frozen=True)
class HalfCase(Case):
    """A case whose networks' inputs are in another precision."""

    dtype: torch.dtype

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        return {
            name: tensor.to(self.dtype) if name in NETWORK_INPUTS else tensor
            for name, tensor in Case(self.folder).tensors.items()
        }


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(
    "case", [c for c in find_cases() if c.name.startswith(KINDS)], ids=lambda case: case.name
)
@torch.no_grad()
def test_half_precision_stays_close(case: Case, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    load = runners.load
    monkeypatch.setattr(runners, "load", lambda *arguments: load(*arguments).to(dtype))
    compared = 0
    for what, ours, recorded in runners.RUNNERS[case.record["upstream_class"]](HalfCase(case.folder, dtype)):
        error = (ours.float() - recorded).norm() / recorded.norm().clamp(min=1e-6)
        assert error < TOLERANCE[dtype], f"{what}: relative error {error:.4f}"
        compared += 1
    assert compared
