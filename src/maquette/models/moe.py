"""Mixture of experts with a shared expert, as the 2.1 denoiser uses it in its last blocks.

Router: softmax over the experts, the `top_k` largest kept without renormalising (DeepSeekMoE, arXiv 2401.06066). Tokens
are sorted by expert, so each expert is one matrix product over the tokens it was given and none is computed in vain.

In training every expert answers every token instead, and the router's choice weighs the answers: gradients of ragged
groups do not compile, and the few experts of a small model cost less than the breaks in its graph.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MixtureOfExperts(nn.Module):
    """Feed-forward experts chosen per token, plus one that every token passes.

    Args:
        width: channels in and out.
        num_experts: routed experts.
        top_k: experts a token is sent to.
    """

    def __init__(self, width: int, num_experts: int, top_k: int) -> None:
        super().__init__()
        self.top_k = top_k
        hidden = 4 * width
        self.router = nn.Linear(width, num_experts, bias=False)
        self.fc1_weight = nn.Parameter(torch.empty(num_experts, hidden, width))
        self.fc1_bias = nn.Parameter(torch.zeros(num_experts, hidden))
        self.fc2_weight = nn.Parameter(torch.empty(num_experts, width, hidden))
        self.fc2_bias = nn.Parameter(torch.zeros(num_experts, width))
        self.shared_fc1 = nn.Linear(width, hidden)
        self.shared_fc2 = nn.Linear(hidden, width)
        for weight in (self.fc1_weight, self.fc2_weight):
            nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)

    def route(self, x: Tensor) -> Tensor:
        """(..., width) → probability of each expert (..., experts), float32."""
        return self.router(x).float().softmax(-1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, width) → (B, L, width)."""
        tokens = x.reshape(-1, x.shape[-1])
        weights, chosen = self.route(tokens).topk(self.top_k, dim=-1)
        answer = self._all_experts if self.training else self._chosen_experts
        shared = self.shared_fc2(F.gelu(self.shared_fc1(tokens)))
        return (answer(tokens, weights, chosen) + shared).view_as(x)

    def _chosen_experts(self, tokens: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """Tokens (T, width), with the weights and numbers (T, top_k) of their experts → (T, width)."""
        order = chosen.flatten().argsort(stable=True)  # (tokens · top_k), grouped by expert
        counts = F.one_hot(chosen.flatten(), len(self.fc1_bias)).sum(0)
        routed = self._experts(tokens[order // self.top_k], chosen.flatten()[order], counts)
        routed = routed * weights.flatten()[order, None].to(routed.dtype)
        # Back in token order before the sum: the order of addition is then fixed, and so is the result.
        routed = torch.empty_like(routed).index_copy(0, order, routed)
        return routed.view(-1, self.top_k, tokens.shape[-1]).sum(1)

    def _all_experts(self, tokens: Tensor, weights: Tensor, chosen: Tensor) -> Tensor:
        """As `_chosen_experts`, with the work of all."""
        gates = torch.zeros(len(tokens), len(self.fc1_bias), device=tokens.device, dtype=weights.dtype)
        gates = gates.scatter(1, chosen, weights)
        answers = []
        for index, (w1, b1, w2, b2) in enumerate(
            zip(self.fc1_weight, self.fc1_bias, self.fc2_weight, self.fc2_bias, strict=True)
        ):
            answer = F.linear(F.gelu(F.linear(tokens, w1, b1)), w2, b2)
            answers.append(answer * gates[:, index, None].to(answer.dtype))
        return torch.stack(answers).sum(0)

    def _experts(self, tokens: Tensor, expert: Tensor, counts: Tensor) -> Tensor:
        """Tokens sorted by expert (T, width), the expert of each (T,) and tokens an expert (experts,) → (T, width)."""
        hidden = F.gelu(_grouped_linear(tokens, self.fc1_weight, self.fc1_bias, expert, counts))
        return _grouped_linear(hidden, self.fc2_weight, self.fc2_bias, expert, counts)


def _grouped_linear(x: Tensor, weight: Tensor, bias: Tensor, expert: Tensor, counts: Tensor) -> Tensor:
    """Each group of rows of x (T, in) times its own matrix of `weight` (experts, out, in), plus bias → (T, out)."""
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight, bias = x.to(dtype), weight.to(dtype), bias.to(dtype)
    if x.dtype == torch.bfloat16 and hasattr(F, "grouped_mm") and x.device.type != "mps":
        ends = counts.cumsum(0, dtype=torch.int32)
        return F.grouped_mm(x, weight.transpose(1, 2), offs=ends) + bias[expert]
    groups = x.split(counts.tolist())
    return torch.cat([F.linear(group, w, b) for group, w, b in zip(groups, weight, bias, strict=True)])
