"""Counting bytes on the meta device, and networks that come and go."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from maquette.errors import SettingError
from maquette.runtime.memory import budget_bytes, num_bytes, on_device, trace_memory


def test_what_is_alive_at_once_is_counted() -> None:
    layer = nn.Linear(1000, 1000, device="meta")
    x = torch.empty(1000, 1000, device="meta")  # before the trace: not counted

    def work() -> Tensor:
        first = layer(x)  # 4 MB
        second = first + 1  # 8 MB
        del first
        third = second.view(-1)[:10]  # a view costs nothing and keeps all of `second`
        del second
        return third * 2

    traced = trace_memory(work)
    assert traced.peak == 8_000_000
    assert traced.held == 40


def test_attention_counts_without_its_scores() -> None:
    q = torch.empty(1, 8, 4096, 64, device="meta", dtype=torch.float16)
    assert trace_memory(lambda: scaled_dot_product_attention(q, q, q)).peak == q.numel() * 2


def test_convolutions_count_with_room_to_lay_out_their_pictures_anew() -> None:
    conv = nn.Conv2d(8, 16, 3, padding=1, device="meta", dtype=torch.float16)
    x = torch.empty(1, 8, 100, 100, device="meta", dtype=torch.float16)
    traced = trace_memory(lambda: conv(x))
    assert (traced.held, traced.peak) == (320_000, 320_000 + 160_000 + 320_000)


def test_a_network_is_elsewhere_only_while_it_runs() -> None:
    layer = nn.Linear(4, 4)
    weight = layer.weight.clone()
    with on_device(layer, None, device=torch.device("cpu"), dtype=torch.bfloat16):
        assert layer.weight.dtype == torch.bfloat16
        assert num_bytes(layer) == 40
    assert layer.weight.dtype == torch.float32 and torch.equal(layer.weight, weight)
    with on_device(layer, device=torch.device("cpu"), dtype=torch.bfloat16, stay=True):
        pass
    assert layer.weight.dtype == torch.bfloat16


def test_a_network_comes_back_after_an_error() -> None:
    layer = nn.Linear(4, 4)
    with pytest.raises(ZeroDivisionError), on_device(layer, device=torch.device("cpu"), dtype=torch.float16):
        _ = 1 / 0
    assert layer.weight.dtype == torch.float32


def test_a_budget_leaves_room_for_what_is_not_tensors() -> None:
    assert budget_bytes(8, torch.device("cpu")) == 6_400_000_000
    assert budget_bytes(None, torch.device("cpu")) is None


@pytest.mark.parametrize("vram", [0, 0.5, -8, float("nan"), float("inf")])
def test_bad_budgets_are_named(vram: float) -> None:
    with pytest.raises(SettingError, match="vram is"):
        budget_bytes(vram, torch.device("cpu"))
