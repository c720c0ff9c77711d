"""Memory as a budget: how much there is, what a computation will need, and networks that come and go.

What is needed is not estimated by a formula: the very code that will run is run once on the meta device, where tensors
have shapes and no numbers, and the bytes that are alive at once are counted. Attention counts as its fused kernels
compute it, without its matrix of scores; convolutions with the room in which cuDNN lays out input and output anew.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from maquette.errors import SettingError

USABLE = 0.8
"""Share of a budget that tensors may fill; the rest is for the driver, workspaces and holes between tensors."""
LEAST_GB = 1.0
T = TypeVar("T")


def budget_bytes(vram: float | None, device: torch.device) -> int | None:
    """Bytes that tensors may fill.

    Args:
        vram: GB (of 10⁹ bytes) to keep within; None for what is free now.
        device: where.

    Returns:
        None where there is no limit to be known: on the CPU and MPS without `vram`.

    Raises:
        SettingError: `vram` is no number from 1 up.
    """
    if vram is not None:
        if not LEAST_GB <= vram <= 10_000:  # false for NaN too
            raise SettingError(f"vram is {vram}", f"it must be a number of GB from {LEAST_GB:g} to 10000")
        return int(USABLE * vram * 1e9)
    if device.type == "cuda":
        return int(USABLE * torch.cuda.mem_get_info(device)[0])
    return None


def num_bytes(*networks: nn.Module | None) -> int:
    """Of the parameters and buffers of networks."""
    return sum(t.numel() * t.element_size() for network in networks for t in _tensors_of(network))


@dataclass(frozen=True)
class Trace(Generic[T]):
    """What a computation on meta tensors made; what existed before is not counted."""

    peak: int
    """Most bytes alive at once."""
    held: int
    """Bytes that its result keeps alive."""
    result: T


def trace_memory(function: Callable[[], T]) -> Trace[T]:
    """Run `function` on meta tensors and count the bytes it needs."""
    counter = _LiveBytes()
    with torch.no_grad(), _FusedAttention(), counter:
        result = function()
    return Trace(counter.peak, counter.live, result)


@contextmanager
def on_device(
    *parts: nn.Module | Tensor | None, device: torch.device, dtype: torch.dtype, stay: bool = False
) -> Iterator[None]:
    """Networks and parameters on a device, and in a precision, for as long as the block runs.

    Afterwards they have the very numbers they had before, so that nothing is copied back.

    Args:
        parts: None stands for a network that is not there.
        device, dtype: where and as what they are to run.
        stay: leave them there.
    """
    home: list[tuple[Tensor, Tensor]] = []
    try:
        for part in parts:
            for tensor in _tensors_of(part):
                if tensor.is_floating_point() and (tensor.device, tensor.dtype) != (device, dtype):
                    home.append((tensor, tensor.data))
                    tensor.data = tensor.data.to(device, dtype)
        yield
    finally:
        if not stay:
            for tensor, data in home:
                tensor.data = data


def _tensors_of(part: nn.Module | Tensor | None) -> list[Tensor]:
    if isinstance(part, nn.Module):
        return [*part.parameters(), *part.buffers()]
    return [] if part is None else [part]


class _LiveBytes(TorchDispatchMode):
    """Counts the bytes of storages from their making to their end."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        for tensor in tree_leaves((args, kwargs)):
            if isinstance(tensor, Tensor):
                self._watch(tensor, made_here=False)
        result = func(*args, **kwargs)
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._watch(tensor, made_here=True)
        if func is torch.ops.aten.convolution.default:  # its kernels want channels last
            workspace = sum(t.numel() * t.element_size() for t in (args[0], result))
            self.peak = max(self.peak, self.live + workspace)
        return result

    def _watch(self, tensor: Tensor, *, made_here: bool) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        self._known.add(key)
        size = storage.nbytes() if made_here else 0
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._end, key, size)

    def _end(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


class _FusedAttention(TorchFunctionMode):
    """Attention as flash kernels compute it: nothing but the output is made."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.nn.functional.scaled_dot_product_attention:
            q, _, v = args[:3]
            return q.new_empty(*q.shape[:-1], v.shape[-1])
        return func(*args, **(kwargs or {}))
