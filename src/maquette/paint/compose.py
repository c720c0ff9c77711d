"""Several sources of colour for one surface become one, without borders between them.

Each source has a rank and says more here than there. Which decides is settled on the net of surface points and
smoothed over the surface, so that bumps do not make a patchwork; the change from one to the next is gradual. Then the
colours are fitted to each other: the differences from point to point are kept, the levels give way, as in Poisson image
editing (Perez and others, 2003), while what a picture really saw stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maquette.paint.fill import conjugate_gradients, links
from maquette.paint.texels import Texels, between_nodes, net_nodes
from maquette.render.shade import face_areas

_REACH = 0.03  # of the square root of the surface: how wide the change from source to source is
_MAJORITY = 3.0  # power of a source's share: the higher, the sooner the larger one has it all
_FAINT = 0.01  # a say that counts half
_FADE = 0.2  # of the square root of the surface: how far a difference at a border is felt


@dataclass(frozen=True)
class Source:
    """What one source says of the surface: K texels, ascending, (K, C) values, (K,) say, and its rank, at most 1."""

    chosen: Tensor
    values: Tensor
    say: Tensor
    rank: float
    real: bool = False


def compose(texels: Texels, sources: Sequence[Source]) -> tuple[Tensor, Tensor]:
    """(T, C) values and (T,) bool: which texels have one."""
    nodes, count = net_nodes(texels)
    graph = _Graph.of(texels, nodes, count)
    said = [_on_nodes(texels, nodes, count, source) for source in sources]
    shares = _shares(graph, torch.stack([say * s.rank for (say, _), s in zip(said, sources, strict=True)]))
    fitted = _fitted(
        graph, said, shares, torch.tensor([source.real for source in sources], device=shares.device)
    )
    values = texels.position.new_zeros(len(texels.index), sources[0].values.shape[1])
    total = values.new_zeros(len(values))
    for source, share, (say, own) in zip(sources, shares, said, strict=True):
        weight = between_nodes(texels, nodes, share[:, None], source.chosen)[:, 0] + 1e-6 * source.rank
        weight = weight * source.say / (source.say + _FAINT)
        detail = source.values
        if not source.real:
            detail = detail + between_nodes(texels, nodes, (fitted - own) * (say > 0)[:, None], source.chosen)
        values.index_add_(0, source.chosen, detail * weight[:, None])
        total.index_add_(0, source.chosen, weight)
    return (values / total.clamp(min=1e-30)[:, None]).clamp(0, 1), total > 0


@dataclass(frozen=True)
class _Graph:
    """The net's points and what joins them: (2, E) ends, each pair both ways; (E,) strength; the mean edge's length."""

    count: int
    ends: Tensor
    strength: Tensor
    degree: Tensor
    step: float

    @classmethod
    def of(cls, texels: Texels, nodes: Tensor, count: int) -> _Graph:
        ends, strength = links(texels, nodes, count)
        degree = strength.new_zeros(count).index_add_(0, ends[0], strength).clamp(min=1e-9)
        corners = texels.vertices[texels.faces]
        area = face_areas(texels.vertices, texels.faces).sum()
        length = (corners - corners.roll(1, 1)).norm(dim=-1).mean()
        return cls(count, ends, strength, degree, float(length / area.sqrt().clamp(min=1e-12)))

    def around(self, values: Tensor) -> Tensor:
        """(N, C) weighted sums over the neighbours of each point."""
        matrix = torch.sparse_coo_tensor(
            self.ends, self.strength, (self.count, self.count), check_invariants=False, is_coalesced=True
        )
        return torch.sparse.mm(matrix, values)


def _on_nodes(texels: Texels, nodes: Tensor, count: int, source: Source) -> tuple[Tensor, Tensor]:
    """(N,) mean say of a source around each point, silence counted, and (N, C) its mean values."""
    total = texels.bary.new_zeros(count)
    sums = texels.bary.new_zeros(count, source.values.shape[1] + 1)
    row = torch.cat([source.values, torch.ones_like(source.say[:, None])], 1) * source.say[:, None]
    for i in range(3):
        share = texels.bary[:, i].square()
        total.index_add_(0, nodes[texels.net_face, i], share)
        sums.index_add_(0, nodes[texels.net_face[source.chosen], i], row * share[source.chosen, None])
    return sums[:, -1] / total.clamp(min=1e-9), sums[:, :-1] / sums[:, -1:].clamp(min=1e-20)


def _shares(graph: _Graph, say: Tensor) -> Tensor:
    """(S, N) share of each source at each point, smoothed over the surface."""
    share = (say / say.sum(0).clamp(min=1e-20)).T
    heard = (share.sum(1, keepdim=True) > 0).float()
    there = (say > 0).T.float()
    for _ in range(max(2, round((_REACH / graph.step) ** 2))):
        share = (share + graph.around(share) / graph.degree[:, None]) / 2
        heard = (heard + graph.around(heard) / graph.degree[:, None]) / 2
    share = (share / heard.clamp(min=1e-6) * there).clamp(min=0) ** _MAJORITY
    return (share / share.sum(1, keepdim=True).clamp(min=1e-20)).T


def _fitted(graph: _Graph, said: Sequence[tuple[Tensor, Tensor]], shares: Tensor, real: Tensor) -> Tensor:
    """(N, C) the sources' blend at each point, changed so that they meet without a step."""
    one, other = graph.ends
    blend = sum(share[:, None] * values for share, (_, values) in zip(shares, said, strict=True))
    assert isinstance(blend, Tensor)
    wanted = blend.new_zeros(len(one), blend.shape[1])
    total = blend.new_zeros(len(one), 1)
    for share, (say, values) in zip(shares, said, strict=True):
        both = ((share[one] + share[other]) * ((say[one] > 0) & (say[other] > 0)))[:, None]
        wanted += both * (values[other] - values[one])
        total += both
    wanted = wanted / total.clamp(min=1e-9)
    # What the blend's own differences have too much, summed around each point; across what nobody sees there are none.
    heard = shares.sum(0) > 0
    lack = (blend[other] - blend[one] - wanted) * (graph.strength * (heard[one] & heard[other]))[:, None]
    target = torch.zeros_like(blend).index_add_(0, one, lack)
    free = (shares[real].sum(0) < 0.95).float()[:, None]
    screen = graph.degree[:, None] * (graph.step / _FADE) ** 2
    diagonal = graph.degree[:, None] + screen

    def apply(x: Tensor) -> Tensor:
        x = x * free
        return (diagonal * x - graph.around(x)) * free

    return blend + conjugate_gradients(apply, target * free, torch.zeros_like(target), 1 / diagonal) * free
