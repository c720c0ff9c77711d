"""One step of training: loss, gradients and optimiser, recorded once on CUDA and replayed from then on.

A small network's step is thousands of short kernels; starting them one by one takes several times as long as running
them. A recorded step (a CUDA graph) starts them all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Losses = dict[str, Tensor]
LossFunction = Callable[..., tuple[Tensor, Losses]]
"""From the tensors of a batch to what is minimised, and what is logged, detached."""

_STEPS_BEFORE_RECORDING = 3  # compilers and libraries allocate and choose kernels in the first ones


class TrainingStep:
    """A call makes one step.

    Args:
        compute: the loss; on CUDA it must not wait for the device.
        network: what is trained.
        optimizers: of its parameters. On CUDA their learning rates must be tensors, and they must be capturable.
        clip: gradients longer than this, all together, are scaled down to it.
    """

    def __init__(
        self,
        compute: LossFunction,
        network: nn.Module,
        optimizers: Sequence[torch.optim.Optimizer],
        clip: float = 1.0,
    ) -> None:
        self.compute, self.network, self.optimizers, self.clip = compute, network, optimizers, clip
        self._recorded: tuple[torch.cuda.CUDAGraph, Sequence[Tensor], Losses] | None = None
        self._steps_made = 0

    def __call__(self, batch: Sequence[Tensor]) -> Losses:
        """Move the network by one step on a batch, of the same shapes every time; the losses before it.

        The losses are overwritten by the next call.
        """
        if not batch[0].is_cuda:
            return self._step(batch)
        if self._steps_made < _STEPS_BEFORE_RECORDING:
            self._steps_made += 1
            return self._step_aside(batch)
        if self._recorded is None:
            self._recorded = self._record(batch)
        graph, inputs, losses = self._recorded
        torch._foreach_copy_(list(inputs), list(batch))
        graph.replay()
        return losses

    def _step(self, batch: Sequence[Tensor]) -> Losses:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        return self._descend(batch)

    def _descend(self, batch: Sequence[Tensor]) -> Losses:
        loss, losses = self.compute(*batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        return losses

    def _step_aside(self, batch: Sequence[Tensor]) -> Losses:
        """A step on a stream of its own, which is what recording asks for."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            losses = self._step(batch)
        torch.cuda.current_stream().wait_stream(stream)
        return losses

    def _record(self, batch: Sequence[Tensor]) -> tuple[torch.cuda.CUDAGraph, Sequence[Tensor], Losses]:
        inputs = [tensor.clone() for tensor in batch]
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            losses = self._descend(inputs)
        return graph, inputs, losses
