"""The compiled denoiser: the same numbers, and no new compilation for another number of variations."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from maquette.runtime.device import choose_runtime
from maquette.shape.pipeline import ShapePipeline
from maquette.shape.sampler import guided_velocity
from published_layout import random_model, settings


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "dtype"), [({}, "float32"), ({"v21": True}, "bfloat16")], ids=str)
@torch.inference_mode()
def test_another_batch_size_is_not_compiled_anew(
    variant: dict[str, Any], dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch._dynamo.reset()
    counter, compile_ = CompileCounter(), torch.compile
    monkeypatch.setattr(torch, "compile", partial(compile_, backend=counter))
    runtime = choose_runtime("cpu", dtype)
    plain = ShapePipeline(random_model(settings(**variant)), runtime).model.dit
    compiled = ShapePipeline(random_model(settings(**variant)), runtime, compiled=True).model.dit

    def velocities(batch: int) -> None:
        context, latents = torch.randn(batch, 5, 24, dtype=runtime.dtype), torch.randn(batch, 8, 4)
        for time in (0.1, 0.5):  # outside the guidance interval and within: half of the batch and all of it
            ours, expected = (
                guided_velocity(dit, context, torch.zeros_like(context), 3.0, (0.3, 0.7))(
                    latents, torch.full((batch,), time)
                )
                for dit in (compiled, plain)
            )
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)

    velocities(1)
    velocities(2)
    graphs = counter.frame_count
    assert 1 <= graphs <= 2  # a batch of one is a graph of its own
    for batch in (3, 4, 1, 2):
        velocities(batch)
    assert counter.frame_count == graphs
