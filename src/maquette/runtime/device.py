"""Choosing where and how precisely to compute, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from maquette.errors import SettingError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Runtime:
    """A device, a precision, and why they were chosen."""

    device: torch.device
    dtype: torch.dtype
    reason: str


def choose_runtime(device: str = "auto", dtype: str | None = None) -> Runtime:
    """Resolve a device name to what this machine has.

    Args:
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        dtype: "float32", "float16" or "bfloat16"; None for float16 on CUDA, else float32.

    Raises:
        SettingError: the device is not here or cannot compute in that precision, or a name is unknown.
    """
    if dtype is not None and dtype not in DTYPES:
        raise SettingError(f"dtype is {dtype!r}", f"it must be one of {', '.join(DTYPES)}")
    chosen, reason = _choose_device(device)
    precision = DTYPES[dtype] if dtype else (torch.float16 if chosen.type == "cuda" else torch.float32)
    _try_out(chosen, precision)
    return Runtime(chosen, precision, reason)


def _try_out(device: torch.device, dtype: torch.dtype) -> None:
    """Ask for what every network needs, rather than trust a list of what devices can do."""
    try:
        heads = torch.ones(1, 1, 2, 8, device=device, dtype=dtype)
        result = torch.nn.functional.scaled_dot_product_attention(heads, heads, heads @ heads.mT @ heads)
        works = bool(result.float().isfinite().all())
    except (RuntimeError, TypeError):
        works = False
    if not works:
        name = str(dtype).removeprefix("torch.")
        raise SettingError(f"{device} cannot compute in {name}", "use another --device or --dtype float32")


def _choose_device(name: str) -> tuple[torch.device, str]:
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        kind = next(kind for kind in ("cuda", "mps", "cpu") if has[kind])
        return torch.device(
            kind
        ), "the fastest device here" if kind != "cpu" else "no CUDA or MPS device here"
    kind = name.partition(":")[0]
    if kind not in has:
        raise SettingError(f"device is {name!r}", "it must be auto, cpu, cuda, cuda:N or mps")
    if not has[kind]:
        raise SettingError(f"device is {name!r}, but this machine has none", "use --device auto or cpu")
    return torch.device(name), "as asked"
