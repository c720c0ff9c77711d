"""Cutting a surface into charts that lie nearly flat.

Faces grow together in rounds. In each, every chart names the neighbour with which it would stay flattest and most
compact, and those that name each other merge; the price that a merge may have rises from round to round. At the end
the borders are straightened. All of it is sorting, sums and shortest ways over arrays, so 40,000 faces take a fraction
of a second, and the same mesh gives the same charts.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from maquette.mesh import topology

_SPREAD = 0.14  # 1 - |mean normal|: a flat disk has 0, a round cap of 44° this, a half cylinder 0.36
_SPREAD_OF_CRUMBS = 0.4
_FLAT = 0.002
_CRUMB = 2e-4  # of the surface: charts smaller than this may bend more, for want of space to waste on them
_LARGEST = 0.03  # of the surface: larger charts pack badly, unless they are flat
_CREASE = 20.0  # how much longer the way across a right angle is
_ROUGHNESS = 0.03  # weight of a chart's outline against its bend
_PRICES = np.geomspace(0.02, 1.0, 24)  # the last allows what the bounds allow


def face_neighbours(faces: np.ndarray, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Half-edges of faces that share an edge with exactly one other, as two equally long lists."""
    edges = topology.edges_of(faces, vertex_count)
    first = edges.starts[edges.counts == 2]
    return edges.order[first], edges.order[first + 1]


def find_charts(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F,) chart of each face, numbered from 0; a chart hangs together by edges.

    Args:
        vertices: (V, 3) float, merged by position.
        faces: (F, 3) int64.
    """
    corners = vertices[faces]
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = doubled / 2  # with the area as its length; sums over a chart stay exact under merging
    area = np.linalg.norm(normal, axis=1)
    one, other = face_neighbours(faces, len(vertices))
    start, end = topology.ends(faces)
    length = np.linalg.norm(vertices[start[one]] - vertices[end[one]], axis=1)
    outline = np.linalg.norm(vertices[start] - vertices[end], axis=1).reshape(-1, 3).sum(axis=1)
    chart = np.arange(len(faces))
    pairs = np.stack([one // 3, other // 3])
    crumb = _CRUMB * area.sum()
    price = 0
    while price < len(_PRICES) and pairs.shape[1]:
        merged = _merge_round(pairs, length, area, normal, outline, crumb, float(_PRICES[price]))
        if merged is None:
            price += 1
            continue
        count = int(merged.max()) + 1
        area, outline = (np.bincount(merged, values, count) for values in (area, outline))
        normal = np.stack([np.bincount(merged, normal[:, axis], count) for axis in range(3)], axis=1)
        pairs, length, inner = _join_pairs(merged[pairs], length, count)
        outline -= 2 * inner
        chart = merged[chart]
        price += count > 0.9 * len(merged)
    return _relax(corners, np.stack([one // 3, other // 3]), chart)


def _relax(corners: np.ndarray, pairs: np.ndarray, chart: np.ndarray) -> np.ndarray:
    """Redraw the charts as the regions nearest to their middles, on a surface where creases are far to cross."""
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(doubled, axis=1)
    normals = doubled / np.maximum(area, 1e-300)[:, None]
    centres = corners.mean(axis=1)
    i, j = pairs
    bend = 1 - np.einsum("ij,ij->i", normals[i], normals[j])
    way = np.linalg.norm(centres[i] - centres[j], axis=1) * (1 + _CREASE * bend)
    size = len(corners)
    graph = coo_matrix((np.maximum(way, 1e-12), (i, j)), shape=(size, size)).tocsr()
    count = int(chart.max()) + 1
    mass = np.maximum(np.bincount(chart, area, count), 1e-300)
    middle = (
        np.stack([np.bincount(chart, area * centres[:, k], count) for k in range(3)], axis=1) / mass[:, None]
    )
    order = np.lexsort((np.linalg.norm(centres - middle[chart], axis=1), chart))
    seeds = order[np.searchsorted(chart[order], np.arange(count))]
    _, _, source = dijkstra(graph, directed=False, indices=seeds, min_only=True, return_predecessors=True)
    return np.where(source >= 0, chart[source], chart)


def _merge_round(
    pairs: np.ndarray,
    length: np.ndarray,
    area: np.ndarray,
    normal: np.ndarray,
    outline: np.ndarray,
    crumb: float,
    price: float,
) -> np.ndarray | None:
    """(C,) new number of each chart, or None where no two are worth merging at that price."""
    i, j = pairs
    total = area[i] + area[j]
    spread = 1 - np.linalg.norm(normal[i] + normal[j], axis=1) / np.maximum(total, 1e-300)
    bound = np.where(np.minimum(area[i], area[j]) < crumb, _SPREAD_OF_CRUMBS, _SPREAD)
    rim = np.maximum(outline[i] + outline[j] - 2 * length, 0)
    ragged = rim**2 / np.maximum(4 * np.pi * total, 1e-300)
    cost = spread / bound + _ROUGHNESS * np.minimum(ragged, 1e3)
    # Small charts first, so that all grow at about one pace; the last term only breaks ties.
    cost = cost + 2 * total / area.sum() + 1e-9 * ((i * 7919 + j * 104729) % 1000)
    bound = np.where(total > _LARGEST * area.sum(), _FLAT, bound)
    cost = np.where((spread <= bound) & (cost <= 2 * price), cost, np.inf)
    best = np.full(len(area), np.inf)
    np.minimum.at(best, i, cost)
    np.minimum.at(best, j, cost)
    chosen = np.isfinite(cost) & (cost == best[i]) & (cost == best[j])
    if not chosen.any():
        return None
    return topology.label(len(area), i[chosen], j[chosen])  # equal costs may make chains, which become one


def _join_pairs(
    pairs: np.ndarray, length: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of different charts once each with the length of their border; and (C,) the length now inside each."""
    inside = pairs[0] == pairs[1]
    inner = np.bincount(pairs[0][inside], length[inside], count)
    i, j = np.minimum(*pairs[:, ~inside]), np.maximum(*pairs[:, ~inside])
    keys, inverse = np.unique(i * count + j, return_inverse=True)
    return np.stack([keys // count, keys % count]), np.bincount(inverse, length[~inside], len(keys)), inner


def split_charts(vertices: np.ndarray, faces: np.ndarray, chart: np.ndarray) -> np.ndarray:
    """Halve every chart across its longest extent, normals included; (F,) charts, numbered from 0."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    centres = corners.mean(axis=1)
    half = np.zeros(len(faces), dtype=np.int64)
    chart = np.unique(chart, return_inverse=True)[1].reshape(-1)
    order = np.argsort(chart, kind="stable")
    ends = np.searchsorted(chart[order], np.arange(chart.max() + 2))
    for begin, end in pairwise(ends):
        members = order[begin:end]
        place = centres[members] - centres[members].mean(axis=0)
        size = max(float(np.abs(place).max()), 1e-300)
        features = np.hstack([place / size, 1.5 * (normals[members] - normals[members].mean(axis=0))])
        direction = np.linalg.svd(features, full_matrices=False)[2][0]
        along = features @ direction
        half[members] = along > np.median(along)
    return connected(faces, len(vertices), 2 * chart + half)


def connected(faces: np.ndarray, vertex_count: int, chart: np.ndarray) -> np.ndarray:
    """(F,) charts split into parts that hang together by edges, numbered from 0 in the order of their faces."""
    one, other = (side // 3 for side in face_neighbours(faces, vertex_count))
    same = chart[one] == chart[other]
    parts = topology.label(len(faces), one[same], other[same])
    _, first, inverse = np.unique(parts, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.reshape(-1)]
