"""What all training stages share: schedule, averaged weights, the log, and stopping and resuming."""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from maquette.train.muon import Muon, is_hidden_matrix
from maquette.train.step import Losses, LossFunction, TrainingStep

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageSettings:
    """Length and pace of one training stage."""

    steps: int
    batch_size: int
    learning_rate: float = 6e-4
    warmup_steps: int = 300
    weight_decay: float = 0.01
    muon: bool = False
    """Move the layers' weight matrices by Muon (`maquette.train.muon`); everything else is left to AdamW."""
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
        compute: its loss on the tensors of a batch; see `compiled`.
        settings: length and pace.
        folder: where the checkpoint and the log are kept.
        seed: every step draws from a generator seeded by this and the step's number, so a resumed run goes on as
            if it had never stopped.
    """

    name: str
    network: nn.Module
    compute: LossFunction
    settings: StageSettings
    folder: Path
    seed: int
    step: int = 0
    elapsed: float = 0.0
    on_save: Callable[[Any, int], None] | None = None
    """Given the network with its averaged weights and the step, whenever the state is saved."""
    average: dict[str, Tensor] = field(init=False)
    optimizers: list[torch.optim.Optimizer] = field(init=False)
    _current: list[Tensor] = field(init=False)
    _move: TrainingStep = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.optimizers = _optimizers(self.network, self.settings)
        self._move = TrainingStep(self.compute, self.network, self.optimizers)
        self._current = list(self.network.state_dict().values())  # shares memory with the network
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
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
            for group in self._groups():
                group["lr"].fill_(self._learning_rate())
            yield torch.Generator(device).manual_seed(hash_seed(self.seed, self.name, self.step))
            self.step += 1
            self.elapsed = time.monotonic() - started
            if self.step % self.settings.save_every == 0:
                self.save()
        self.save()

    def train(self, batch: Sequence[Tensor]) -> None:
        """One step on a batch, of the same shapes every time; folds the weights into the average and logs."""
        losses = self._move(batch)
        decay = min(self.settings.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), self._current, 1 - decay)
        self._log(losses)

    def _log(self, losses: Losses) -> None:
        """Append the losses to `log.jsonl` and show them, every `log_every` steps."""
        if self.step % self.settings.log_every:
            return
        record = {"stage": self.name, "step": self.step, "seconds": round(self.elapsed, 1)}
        record |= {name: round(float(value), 6) for name, value in losses.items()}
        record["learning_rate"] = round(float(self._groups()[0]["lr"]), 8)
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
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
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
        rates = [group["lr"] for group in self._groups()]
        for optimizer, own in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(own)
        for group, rate in zip(self._groups(), rates, strict=True):
            group["lr"] = rate  # the loaded one may be on another device
        self.step, self.elapsed = state["step"], state["elapsed"]
        logger.info("%s: resumed at step %d", self.name, self.step)

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def _learning_rate(self) -> float:
        """Linear warm-up, then half a cosine down to a hundredth."""
        warmup = min(1.0, (self.step + 1) / self.settings.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(self.progress, 1.0)))
        return self.settings.learning_rate * warmup * (0.01 + 0.99 * cosine)


def _optimizers(network: nn.Module, settings: StageSettings) -> list[torch.optim.Optimizer]:
    """AdamW, without decay for biases and scales; and Muon for the hidden weight matrices where that is wanted."""
    named = dict(network.named_parameters())
    hidden = {name for name, p in named.items() if settings.muon and is_hidden_matrix(name, p)}
    rest = [p for name, p in named.items() if name not in hidden]
    groups = [
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
    ]
    like = next(iter(named.values()))
    rate = torch.tensor(settings.learning_rate, device=like.device)  # a recorded step reads it when replayed
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=like.is_cuda, capturable=like.is_cuda)
    ]
    if hidden:
        matrices = [named[name] for name in named if name in hidden]
        optimizers.append(Muon(matrices, rate.clone(), weight_decay=settings.weight_decay))
    return optimizers


def compiled(module: nn.Module, device: torch.device) -> Callable[..., Any]:
    """The module in half precision, compiled on CUDA; on a CPU matrix products are all that counts."""
    call = torch.compile(module, dynamic=False) if device.type == "cuda" else module

    def compute(*inputs: Tensor) -> Any:
        with half_precision(device):
            return call(*inputs)

    return compute


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
