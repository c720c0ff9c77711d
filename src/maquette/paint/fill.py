"""Colour for the texels that no picture saw, continued over the surface and not over the sheet.

Three scales. Near a hole's border colour grows inwards texel by texel, inside its chart. Further in it is the
harmonic continuation (the smoothest there is) over a net of surface points joined as the mesh joins them, so it
crosses seams between charts and never jumps between charts that only lie side by side in the sheet, nor from one
side of a thin wall to the other. Between the two it changes over gradually. Texels between the charts, which only
mipmaps and compression look at, take the mean of what lies around them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.paint.texels import Texels, beside, between_nodes, net_nodes

_RINGS = 12
"""Texels over which growth from the border hands over to the harmonic continuation."""


def fill(texels: Texels, colour: Tensor, weight: Tensor, background: Tensor | float = 0.5) -> Tensor:
    """Completes a baked texture.

    Args:
        texels: the sheet's texels.
        colour: (T, C) colours; those without weight are ignored.
        weight: (T,) 0 where nothing is known.
        background: (C,) colour or number for a surface of which nothing at all is known.

    Returns:
        (S, S, C) texture without holes: seen texels as they were, unseen ones continued over the surface, the rest of
        the sheet filled from the charts around.
    """
    return fill_between_charts(texels.dense(fill_texels(texels, colour, weight, background)), texels.mask)


def fill_texels(texels: Texels, colour: Tensor, weight: Tensor, background: Tensor | float = 0.5) -> Tensor:
    """As `fill`, but returns (T, C) colours of the texels alone."""
    known = weight > 0
    holes = (~known).nonzero()[:, 0]
    result = torch.where(known[:, None], colour, 0.0)
    if not len(holes):
        return result
    # Side by side: one reads known texels alone, the other writes holes alone, and neither keeps two cores busy.
    with ThreadPoolExecutor(1) as aside:
        continued = aside.submit(_harmonic, texels, result, known, holes, background)
        ring = _grow(texels, result, known, holes)
        broad = continued.result()
    near = ring.nonzero()[:, 0]
    depth = ring[near, None].float() / (_RINGS + 1)
    broad[near] = torch.lerp(result[holes[near]], broad[near], depth)
    result[holes] = broad
    return result


def fill_between_charts(texture: Tensor, mask: Tensor) -> Tensor:
    """Fills an (H, W, C) picture where the (H, W) mask is false, from coarser and coarser means of what is true."""
    height, width = mask.shape
    result = torch.where(mask[..., None], texture, 0.0)
    sums = texture.new_zeros((height + 1) // 2, (width + 1) // 2, texture.shape[-1] + 1)
    quarters = [(slice(dy, None, 2), slice(dx, None, 2)) for dy in (0, 1) for dx in (0, 1)]
    for rows, columns in quarters:
        part = result[rows, columns]
        sums[: len(part), : part.shape[1], :-1] += part
        sums[: len(part), : part.shape[1], -1] += mask[rows, columns]
    levels = [sums.permute(2, 0, 1)[None]]
    while max(levels[-1].shape[-2:]) > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True))
    mean = levels[-1][:, :-1] / levels[-1][:, -1:].clamp(min=1e-12)
    for level in reversed(levels[:-1]):
        height, width = level.shape[-2:]
        coarse = mean.repeat_interleave(2, 2)[:, :, :height].repeat_interleave(2, 3)[..., :width]
        mean = torch.where(level[:, -1:] > 0, level[:, :-1] / level[:, -1:].clamp(min=1e-12), coarse)
    around = mean[0].permute(1, 2, 0)
    for rows, columns in quarters:
        part = result[rows, columns]
        empty = (~mask[rows, columns, None]).to(texture)
        part.addcmul_(around[: len(part), : part.shape[1]], empty)
    return result


def _grow(texels: Texels, result: Tensor, known: Tensor, holes: Tensor) -> Tensor:
    """Grows colour from the borders of holes into `result`, ring by ring, inside the charts.

    Returns:
        (H,) int8 ring of each hole texel, counted from 1; ring 0 was not reached.
    """
    size, device = texels.size, result.device
    place = torch.full((size * size,), -1, dtype=torch.int32, device=device)  # of each texel in the list
    place[texels.index] = torch.arange(len(texels.index), dtype=torch.int32, device=device)
    steps = torch.tensor(
        [[-1, 0], [0, -1], [0, 1], [1, 0], [-1, -1], [-1, 1], [1, -1], [1, 1]], device=device
    )
    share = torch.tensor([1.0] * 4 + [0.7] * 4, device=device)
    chart = texels.charts.int()

    def around(chosen: Tensor) -> tuple[Tensor, Tensor]:
        at = texels.index[chosen][:, None]
        row, column = at // size + steps[:, 0], at % size + steps[:, 1]
        inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
        near = torch.where(inside, place[row.clamp(0, size - 1) * size + column.clamp(0, size - 1)], -1)
        there = near.clamp(min=0).long()
        own = chart[texels.net_face[chosen]]
        return there, (near >= 0) & (chart[texels.net_face[there]] == own[:, None])

    ring = torch.where(known, 0, -1).to(torch.int8)
    # The first border: texels beside a known one, found densely because holes may be most of the sheet.
    sheet = texels.dense(known)
    for dim in (0, 1):
        sheet = sheet | beside(sheet, dim)
    frontier = holes[sheet.view(-1)[texels.index[holes]]]
    for step in range(1, _RINGS + 1):
        if not len(frontier):
            break
        there, same = around(frontier)
        reached = ring[there] >= 0
        usable = (same & reached).float() * share
        total = usable.sum(-1, keepdim=True)
        mixed = torch.einsum("kn,knc->kc", usable, result[there])
        touched = total[:, 0] > 0  # the first frontier may touch known texels of another chart only
        result[frontier[touched]] = (mixed / total)[touched]
        ring[frontier[touched]] = step
        frontier = torch.unique(there[same & ~reached & touched[:, None]])
        frontier = frontier[ring[frontier] < 0]
    return ring[holes].clamp(min=0)


def _harmonic(
    texels: Texels, colour: Tensor, known: Tensor, holes: Tensor, background: Tensor | float
) -> Tensor:
    """(H, C) colours of the holes from the harmonic continuation over the net."""
    nodes, count = net_nodes(texels)
    # Texels and holes on each face, and around each node.
    per_face = torch.stack(
        [torch.bincount(texels.net_face[which], minlength=len(nodes)) for which in (slice(None), holes)], -1
    )
    per_node = per_face.new_zeros(count, 2)
    for i in range(3):
        per_node.index_add_(0, nodes[:, i], per_face)
    # Nodes that need a colour: those of faces with holes, and those around which no texel lies at all.
    wanted = (per_node[:, 1] > 0) | (per_node[:, 0] == 0)
    # Known texels around these nodes and their neighbours say what the colours there are.
    nearby = torch.zeros_like(wanted)
    nearby[nodes[wanted[nodes].any(-1)]] = True
    told = (known & nearby[nodes].any(-1)[texels.net_face]).nonzero()[:, 0]
    total = colour.new_zeros(count, colour.shape[1] + 1)
    row = torch.cat([colour[told], torch.ones_like(colour[told, :1])], -1)
    corner, share = nodes[texels.net_face[told]], texels.bary[told].square()
    for i in range(3):
        total.index_add_(0, corner[:, i], row * share[:, i, None])
    fixed = (total[:, -1] > 0) & (per_node[:, 1] < 0.7 * per_node[:, 0])
    values = torch.where(fixed[:, None], total[:, :-1] / total[:, -1:].clamp(min=1e-9), 0.0)
    values, reached = _continue(texels, nodes, values, fixed, wanted & ~fixed)
    stray = (wanted & ~reached).nonzero()[:, 0]
    if len(stray):
        values[stray] = _colours_nearby(texels, nodes, stray, colour, known, background)
    return between_nodes(texels, nodes, values, holes)


def _continue(
    texels: Texels, nodes: Tensor, values: Tensor, fixed: Tensor, free: Tensor
) -> tuple[Tensor, Tensor]:
    """Solves for the values at free nodes that make each the mean of its neighbours, the fixed ones held.

    Neighbours weigh by the inverse of their distance. A front that moves out from the fixed nodes gives the start;
    conjugate gradients do the rest.

    Returns:
        (N, C) values and (N,) bool: which nodes have one. Parts without any fixed node have none.
    """
    unknown = free.nonzero()[:, 0]
    reached = fixed.clone()
    if not len(unknown):
        return values, reached
    ends, strength = links(texels, nodes, len(values))
    mine = free[ends[0]]
    ends, strength = ends[:, mine], strength[mine]
    local = torch.full_like(free, -1, dtype=torch.int64)
    local[unknown] = torch.arange(len(unknown), device=values.device)
    matrix = torch.sparse_coo_tensor(
        torch.stack([local[ends[0]], ends[1]]),
        strength,
        (len(unknown), len(values)),
        check_invariants=False,
        is_coalesced=True,
    )
    while True:
        near = torch.sparse.mm(matrix, torch.cat([values, reached[:, None].to(values)], -1))
        fresh = (near[:, -1] > 0) & ~reached[unknown]
        if not bool(fresh.any()):
            break
        values[unknown[fresh]] = near[fresh, :-1] / near[fresh, -1:]
        reached[unknown[fresh]] = True
    # Stray parts take no part: their rows and values are zero throughout.
    degree = torch.sparse.mm(matrix, torch.ones_like(values[:, :1]))
    live = reached[unknown, None].to(values)

    def mean_error(x: Tensor) -> Tensor:
        whole = torch.zeros_like(values)
        whole[unknown] = x
        return (degree * x - torch.sparse.mm(matrix, whole)) * live

    known_part = torch.where(free[:, None], 0.0, values)
    target = torch.sparse.mm(matrix, known_part) * live
    values[unknown] = conjugate_gradients(mean_error, target, values[unknown], 1 / degree.clamp(min=1e-9))
    return values, reached


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor], target: Tensor, start: Tensor, inverse_diagonal: Tensor
) -> Tensor:
    """Solves apply(x) = target for all columns at once, to a thousandth of the start's error or 150 steps."""
    x = start
    residual = target - apply(x)
    scaled = residual * inverse_diagonal
    direction, energy = scaled, (residual * scaled).sum(0)
    goal = energy * 1e-6 + 1e-20
    for step in range(150):
        if step % 10 == 0 and bool((energy <= goal).all()):
            break
        applied = apply(direction)
        stride = energy / (direction * applied).sum(0).clamp(min=1e-30)
        x = x + stride * direction
        residual = residual - stride * applied
        scaled = residual * inverse_diagonal
        before, energy = energy, (residual * scaled).sum(0)
        direction = scaled + energy / before.clamp(min=1e-30) * direction
    return x


def links(texels: Texels, nodes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(2, E) sorted pairs of joined nodes, each pair in both directions, and (E,) inverse distances, mean 1."""
    pair = torch.stack([nodes, nodes.roll(-1, 1)]).view(2, -1)
    pair = torch.cat([pair, pair.flip(0)], 1)
    key = torch.unique(pair[0] * count + pair[1])
    ends = torch.stack([key // count, key % count])
    place = texels.vertices.new_zeros(count, 3)
    place[nodes] = texels.vertices[texels.faces]
    length = (place[ends[0]] - place[ends[1]]).norm(dim=-1)
    strength = torch.where(ends[0] == ends[1], 0.0, 1 / (length + 0.01 * length.mean()))
    return ends, strength / strength.mean().clamp(min=1e-12)


def _colours_nearby(
    texels: Texels, nodes: Tensor, stray: Tensor, colour: Tensor, known: Tensor, background: Tensor | float
) -> Tensor:
    """(P, C) colours for nodes on parts that no picture saw: those of the nearest known places in space."""
    seen = known.nonzero()[:, 0]
    if not len(seen):
        return torch.as_tensor(background).to(colour).expand(len(stray), colour.shape[1])
    seen = seen[:: max(1, len(seen) // 2048)]
    place = texels.vertices.new_zeros(int(nodes.max()) + 1, 3)
    place[nodes] = texels.vertices[texels.faces]
    parts = []
    for part in place[stray].split(8192):
        weight = (torch.cdist(part, texels.position[seen]) + 1e-6) ** -6
        parts.append(weight / weight.sum(-1, keepdim=True) @ colour[seen])
    return torch.cat(parts)
