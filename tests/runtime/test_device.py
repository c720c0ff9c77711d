"""Choosing a device says why, and refuses what is not here."""

from __future__ import annotations

import pytest
import torch

from maquette.errors import SettingError
from maquette.runtime.device import choose_runtime


def test_auto_is_always_possible_and_explained() -> None:
    runtime = choose_runtime()
    assert runtime.reason
    torch.ones(1, device=runtime.device, dtype=runtime.dtype)


def test_cpu_computes_in_float32_unless_asked() -> None:
    assert choose_runtime("cpu").dtype == torch.float32
    assert choose_runtime("cpu", "bfloat16").dtype == torch.bfloat16


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SettingError, match="device is 'tpu'"):
        choose_runtime("tpu")
    with pytest.raises(SettingError, match="dtype is 'int8'"):
        choose_runtime("cpu", "int8")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(SettingError, match="this machine has none"):
        choose_runtime("cuda")


def test_a_precision_that_the_device_lacks_is_found_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*arguments: object) -> torch.Tensor:
        raise RuntimeError("not implemented for 'BFloat16'")

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", lacking)
    with pytest.raises(SettingError, match="cpu cannot compute in bfloat16"):
        choose_runtime("cpu", "bfloat16")
