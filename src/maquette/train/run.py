"""What both training stages share: schedule, averaged weights, the log, and stopping and resuming."""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageSettings:
    """Length and pace of one training stage."""

    steps: int
    batch_size: int
    learning_rate: float = 6e-4
    warmup_steps: int = 300
    weight_decay: float = 0.01
    average_decay: float = 0.999
    """Decay of the averaged weights, which are the ones that are kept."""
    log_every: int = 50
    save_every: int = 1000
    time_limit: float | None = None
    """Seconds after which the stage must be over; the schedule is shortened to fit, which makes the result depend on
    the machine's speed. None for a run that only its seed decides."""


@dataclass
class Stage:
    """One network in training: optimiser, averaged weights, position, and the files of its run.

    Args:
        name: names the checkpoint and the log lines.
        network: the module that is trained.
        settings: length and pace.
        folder: where the checkpoint and the log are kept.
        seed: every step draws from a generator seeded by this and the step's number, so a resumed run goes on as
            if it had never stopped.
    """

    name: str
    network: nn.Module
    settings: StageSettings
    folder: Path
    seed: int
    step: int = 0
    elapsed: float = 0.0
    on_save: Callable[[Any, int], None] | None = None
    """Given the network with its averaged weights and the step, whenever the state is saved."""
    average: dict[str, Tensor] = field(init=False)
    optimizer: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        parameters = list(self.network.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.settings.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        on_cuda = parameters[0].is_cuda
        self.optimizer = torch.optim.AdamW(
            groups, lr=self.settings.learning_rate, betas=(0.9, 0.98), fused=on_cuda
        )
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        if self.checkpoint_file.exists():
            self._load()

    @property
    def checkpoint_file(self) -> Path:
        """Where the state is kept between runs."""
        return self.folder / f"{self.name}.checkpoint.pt"

    @property
    def progress(self) -> float:
        """Share of the stage that is done, by steps or by time, whichever is further."""
        by_time = self.elapsed / self.settings.time_limit if self.settings.time_limit else 0.0
        return max(self.step / self.settings.steps, by_time)

    def generators(self, device: torch.device) -> Iterator[torch.Generator]:
        """One seeded generator on `device` for each step still to do; saves and counts between them."""
        started = time.monotonic() - self.elapsed
        while self.progress < 1.0:
            for group in self.optimizer.param_groups:
                group["lr"] = self._learning_rate()
            yield torch.Generator(device).manual_seed(hash_seed(self.seed, self.name, self.step))
            self.step += 1
            self.elapsed = time.monotonic() - started
            if self.step % self.settings.save_every == 0:
                self.save()
        self.save()

    def update(self, loss: Tensor) -> None:
        """Back-propagate, clip, step, and fold the weights into the average."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        decay = min(self.settings.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            names = list(self.average)
            current = self.network.state_dict()
            torch._foreach_lerp_([self.average[n] for n in names], [current[n] for n in names], 1 - decay)

    def log(self, losses: dict[str, Tensor], **extra: float) -> None:
        """Append the losses to `log.jsonl` and show them, every `log_every` steps."""
        if self.step % self.settings.log_every:
            return
        record = {"stage": self.name, "step": self.step, "seconds": round(self.elapsed, 1)}
        record |= {name: round(float(value), 6) for name, value in losses.items()} | extra
        record["learning_rate"] = round(self.optimizer.param_groups[0]["lr"], 8)
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        left = self.elapsed / max(self.progress, 1e-9) * (1 - self.progress)
        values = "  ".join(f"{name} {float(value):.4f}" for name, value in losses.items())
        logger.info(
            "%s %6d  %3.0f %%  %s  %.0f s left", self.name, self.step, 100 * self.progress, values, left
        )

    def save(self) -> None:
        """Write the state; a kill while writing leaves the previous one."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
        }
        partial = self.checkpoint_file.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint_file)
        if self.on_save is not None:
            averaged = copy.deepcopy(self.network).eval()
            averaged.load_state_dict(self.average)
            self.on_save(averaged, self.step)

    def _load(self) -> None:
        state = torch.load(self.checkpoint_file, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        for name, value in state["average"].items():
            self.average[name].copy_(value)
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        logger.info("%s: resumed at step %d", self.name, self.step)

    def _learning_rate(self) -> float:
        """Linear warm-up, then half a cosine down to a hundredth."""
        warmup = min(1.0, (self.step + 1) / self.settings.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(self.progress, 1.0)))
        return self.settings.learning_rate * warmup * (0.01 + 0.99 * cosine)


def compiled(module: nn.Module, device: torch.device) -> Callable[..., Any]:
    """The module compiled on CUDA; on a CPU, where matrix products are all that counts, as it is."""
    return torch.compile(module, dynamic=False) if device.type == "cuda" else module


@contextmanager
def half_precision(device: torch.device) -> Iterator[None]:
    """Matrix products in bfloat16, where the hardware multiplies it faster than float32."""
    if device.type == "cuda":
        with torch.autocast("cuda", torch.bfloat16):
            yield
    elif device.type == "cpu" and (
        torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    ):
        # The fused attention is slow backwards in bfloat16 on CPUs: two plain products take a third of its time.
        before = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
        try:
            with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
                yield
        finally:
            torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(before)
    else:
        yield


def hash_seed(seed: int, name: str, step: int) -> int:
    """A seed for one step of one stage, the same in every process."""
    return (seed * 1_000_003 + sum(name.encode()) * 7919 + step * 104_729) % 2**63
