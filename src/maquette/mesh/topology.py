"""Connectivity of triangle meshes on plain arrays: edges, fans, components, collapses.

Everything is sorting and connected components, with no loop over faces. The repairs rest on one fact: merging vertices
and dropping the faces that fall together maps a closed, consistently wound surface to a closed, consistently wound
one, except that an edge may then carry more than two faces. `split_fans` pairs those up again, so a closed mesh stays
closed through any sequence of these steps.

Arrays throughout: vertices (V, 3) float64, faces (F, 3) int64. The half-edge 3f + k runs from corner k of face f to
the next corner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Edges:
    """The half-edges of a mesh, grouped by the undirected edge they lie on.

    Attributes:
        order: (3F,) half-edges sorted by edge; each group is a contiguous run.
        group: (3F,) the group that `order[i]` belongs to.
        counts: (E,) half-edges a group.
        starts: (E,) where each group begins in `order`.
        forward: (3F,) whether half-edge `order[i]` runs from the lower to the higher vertex.
    """

    order: np.ndarray
    group: np.ndarray
    counts: np.ndarray
    starts: np.ndarray
    forward: np.ndarray

    def balance(self) -> np.ndarray:
        """(E,) forward minus backward half-edges; zero everywhere on a closed, consistently wound mesh."""
        if not self.order.size:
            return np.zeros(0, dtype=np.int64)
        return np.add.reduceat(np.where(self.forward, 1, -1), self.starts)


def ends(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The start and end vertex of every half-edge, (3F,) each."""
    return faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)


def edges_of(faces: np.ndarray, vertex_count: int) -> Edges:
    """Group the half-edges by undirected edge."""
    start, end = ends(faces)
    keys = np.minimum(start, end) * vertex_count + np.maximum(start, end)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.ones(keys.size, dtype=bool)
    first[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(first)
    counts = np.diff(np.append(starts, keys.size))
    return Edges(order, np.cumsum(first) - 1, counts, starts, (start < end)[order])


def is_watertight(faces: np.ndarray, vertex_count: int) -> bool:
    """Whether every edge carries exactly two faces, wound against each other, and there is a face at all."""
    if not len(faces):
        return False
    edges = edges_of(faces, vertex_count)
    return bool((edges.counts == 2).all() and (edges.balance() == 0).all())


def is_closed(faces: np.ndarray, vertex_count: int) -> bool:
    """Whether every edge is walked as often in one direction as in the other."""
    return bool(len(faces)) and bool((edges_of(faces, vertex_count).balance() == 0).all())


def label(count: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(count,) the component of each of `count` nodes, joined where `one[i]` meets `other[i]`."""
    graph = coo_matrix((np.ones(one.size, dtype=np.int8), (one, other)), shape=(count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def face_components(faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """(F,) component of each face, numbered from 0 in the order of their first faces."""
    nodes = label(
        vertex_count, np.concatenate([faces[:, 0], faces[:, 1]]), np.concatenate([faces[:, 1], faces[:, 2]])
    )
    _, first, inverse = np.unique(nodes[faces[:, 0]], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.reshape(-1)]


def compact(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the vertices that no face uses."""
    used = np.zeros(len(vertices), dtype=bool)
    used[faces.reshape(-1)] = True
    return vertices[used], (np.cumsum(used) - 1)[faces]


def same_position(vertices: np.ndarray, distance: float) -> np.ndarray:
    """(V,) the lowest index among the vertices that fall into the same cell of a grid of that size; 0 means equal."""
    keys = np.rint(vertices / distance) if distance > 0 else vertices + 0.0  # the sum turns -0 into 0
    order = np.lexsort(keys.T[::-1])
    same = (keys[order][1:] == keys[order][:-1]).all(axis=1)
    group = np.concatenate([[0], np.cumsum(~same)])
    lowest = np.full(group[-1] + 1, len(vertices))
    np.minimum.at(lowest, group, order)
    result = np.empty(len(vertices), dtype=np.int64)
    result[order] = lowest[group]
    return result


def merge(faces: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Send each vertex to `target` and drop the faces that fall to a line or that cancel against their mirror image."""
    moved = (target != np.arange(target.size))[faces].any(axis=1)
    landing = np.zeros(target.size, dtype=bool)
    landing[target[faces[moved]]] = True
    landed = moved | landing[faces].any(axis=1)
    faces = target[faces]
    flat = (faces[:, 0] == faces[:, 1]) | (faces[:, 1] == faces[:, 2]) | (faces[:, 2] == faces[:, 0])
    faces, landed = faces[~flat], landed[~flat]
    if not landed.any():
        return faces
    candidates = np.flatnonzero(landed)
    return np.delete(faces, candidates[_mirror_pairs(faces[candidates])], axis=0)


def _mirror_pairs(faces: np.ndarray) -> np.ndarray:
    """Indices of faces that can be struck out in pairs of equal corners and opposite winding."""
    key, sign = _corner_sets(faces)
    order = np.lexsort((sign, key))
    _, starts, counts = np.unique(key[order], return_index=True, return_counts=True)
    group = np.repeat(np.arange(starts.size), counts)
    place = np.arange(order.size) - starts[group]
    negative = np.add.reduceat((sign[order] < 0).astype(np.int64), starts) if order.size else starts
    pairs = np.minimum(negative, counts - negative)[group]
    from_end = counts[group] - 1 - place
    return order[(place < pairs) | (from_end < pairs)]


def _corner_sets(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A number for each set of three corners, and +1 or -1 for the direction in which the face walks them."""
    turned = np.take_along_axis(faces, (faces.argmin(axis=1)[:, None] + np.arange(3)) % 3, axis=1)
    sign = np.where(turned[:, 1] < turned[:, 2], 1, -1)
    ordered = np.sort(faces, axis=1)
    rows = np.lexsort(ordered.T[::-1])
    new = np.ones(len(faces), dtype=bool)
    new[1:] = (ordered[rows][1:] != ordered[rows][:-1]).any(axis=1)
    key = np.empty(len(faces), dtype=np.int64)
    key[rows] = np.cumsum(new)
    return key, sign


def without_copies(faces: np.ndarray) -> np.ndarray:
    """Keep the first of several faces with equal corners and winding."""
    key, sign = _corner_sets(faces)
    _, first = np.unique(key * 2 + (sign > 0), return_index=True)
    return faces[np.sort(first)]


def paired_half_edges(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which half-edge continues across which: two equally long lists, each half-edge at most once.

    On an edge with two faces there is no choice. On one with more, each face is paired with the one that bounds the
    same solid wedge, so bodies that touch along an edge come apart. Half-edges left over are in neither list.
    """
    edges = edges_of(faces, len(vertices))
    balance = edges.balance()
    plain = (edges.counts == 2) & (balance == 0)
    first = edges.starts[plain]
    one, other = _crowded_pairs(vertices, faces, edges)
    return np.concatenate([edges.order[first], one]), np.concatenate([edges.order[first + 1], other])


def _crowded_pairs(vertices: np.ndarray, faces: np.ndarray, edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    """The pairs on edges with more than two faces."""
    crowded = np.flatnonzero((edges.counts > 2)[edges.group])
    if not crowded.size:
        return crowded, crowded
    half, forward, group = edges.order[crowded], edges.forward[crowded], edges.group[crowded]
    order = np.lexsort((_angle_around_edge(vertices, faces, half), group))
    half, forward, group = half[order], forward[order], group[order]
    # Outside lies on a forward face's side of growing angle: a solid wedge runs from a backward to the next forward.
    _, starts, inverse, counts = np.unique(group, return_index=True, return_inverse=True, return_counts=True)
    forwards = np.add.reduceat(forward.astype(np.int64), starts)
    backwards = counts - forwards

    def rank(flags: np.ndarray) -> np.ndarray:
        running = np.cumsum(flags)
        return running - 1 - (running[starts] - flags[starts])[inverse]

    shift = forward[starts].astype(np.int64)[inverse]
    partner = np.where(forward, (rank(forward) - shift) % np.maximum(forwards, 1)[inverse], rank(~forward))
    kept = partner < np.minimum(forwards, backwards)[inverse]
    ranked = np.lexsort((partner, group))
    f, b = ranked[(forward & kept)[ranked]], ranked[(~forward & kept)[ranked]]
    return half[f], half[b]


def _angle_around_edge(vertices: np.ndarray, faces: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The angle of each half-edge's face about its edge, in a frame that all faces of the edge share."""
    start, end = ends(faces)
    low, high = np.minimum(start[half], end[half]), np.maximum(start[half], end[half])
    apex = faces[half // 3, (half + 2) % 3]
    axis = vertices[high] - vertices[low]
    axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-300)
    helper = np.eye(3)[np.abs(axis).argmin(axis=1)]
    across = np.cross(axis, helper)
    arm = vertices[apex] - vertices[low]
    x = np.einsum("ij,ij->i", arm, np.cross(across, axis))
    return np.arctan2(np.einsum("ij,ij->i", arm, across), x)


def split_fans(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give every fan of faces around a vertex its own copy of the vertex: no edge or vertex is shared by two sheets."""
    one, other = paired_half_edges(vertices, faces)
    next_corner = np.arange(3 * len(faces)).reshape(-1, 3)[:, [1, 2, 0]].reshape(-1)
    corner = label(
        3 * len(faces), np.concatenate([one, next_corner[one]]), np.concatenate([next_corner[other], other])
    )
    _, first, fan = np.unique(corner, return_index=True, return_inverse=True)
    origin = faces.reshape(-1)[first]
    # The first fan keeps the vertex's own number, so that a clean mesh comes out exactly as it went in.
    order = np.lexsort((first, origin))
    is_copy = np.zeros(first.size, dtype=bool)
    is_copy[order[1:]] = origin[order[1:]] == origin[order[:-1]]
    number = np.where(is_copy, len(vertices) + np.cumsum(is_copy) - 1, origin)
    vertices = np.concatenate([vertices, vertices[origin[is_copy]]])
    return _divide_pinched(vertices, number[fan.reshape(-1)].reshape(-1, 3))


def _divide_pinched(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each pair of faces on a crowded edge its own midpoint.

    Needed where the sheets that meet on the edge are joined at both of its ends, so that copies of the end points
    cannot part them.
    """
    while True:
        one, other = _crowded_pairs(vertices, faces, edges_of(faces, len(vertices)))
        if not one.size:
            return vertices, faces
        apex_one, apex_other = (faces[half // 3, (half + 2) % 3] for half in (one, other))
        if (apex_one == apex_other).any():  # back to back: no midpoint parts these, but they cancel
            folded = np.unique(np.concatenate([one, other])[np.tile(apex_one == apex_other, 2)] // 3)
            faces = np.delete(faces, folded[_mirror_pairs(faces[folded])], axis=0)
            continue
        go = _lowest_of_each(one // 3, other // 3, np.ones(one.size, dtype=bool), len(faces))
        one, other = one[go], other[go]
        middle = len(vertices) + np.arange(one.size)
        start, end = ends(faces)
        vertices = np.concatenate([vertices, (vertices[start[one]] + vertices[end[one]]) / 2])
        halves = np.concatenate([one, other])
        middle = np.concatenate([middle, middle])
        second = faces[halves // 3]
        second[np.arange(halves.size), halves % 3] = middle
        faces = faces.copy()
        faces[halves // 3, (halves + 1) % 3] = middle
        faces = np.concatenate([faces, second])


def open_half_edges(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The half-edges across which no face continues: the boundary."""
    is_open = np.ones(3 * len(faces), dtype=bool)
    for side in paired_half_edges(vertices, faces):
        is_open[side] = False
    return np.flatnonzero(is_open)


def wind_consistently(faces: np.ndarray, vertex_count: int) -> tuple[np.ndarray, int]:
    """Turn faces so that neighbours agree; a component keeps the winding of its first face. One-sided ones stay.

    Returns:
        faces and how many of them were turned.
    """
    edges = edges_of(faces, vertex_count)
    pair = edges.starts[edges.counts == 2]
    one, other = edges.order[pair] // 3, edges.order[pair + 1] // 3
    clash = edges.forward[pair] == edges.forward[pair + 1]
    if not clash.any():
        return faces, 0
    # Two nodes a face, as it is and turned; a component of this graph is a consistent choice for all its faces.
    count = len(faces)
    sides = label(
        2 * count,
        np.concatenate([one, one + count]),
        np.concatenate([other + clash * count, other + ~clash * count]),
    )
    as_is, turned = sides[:count], sides[count:]
    body = label(count, one, other)
    _, first, inverse = np.unique(body, return_index=True, return_inverse=True)
    chosen = as_is[first][inverse.reshape(-1)]
    turn = (turned == chosen) & (as_is != chosen)
    return np.where(turn[:, None], faces[:, ::-1], faces), int(turn.sum())


def collapse_slivers(vertices: np.ndarray, faces: np.ndarray, length: float) -> np.ndarray:
    """Remove faces thinner than `length` without opening the surface.

    An edge shorter than `length` is drawn together; a face that is flat although its edges are long gives its longest
    edge away to its neighbour.
    """
    for _ in range(8):
        start, end = ends(faces)
        short = _squared_length(vertices[start] - vertices[end]) <= length**2
        if short.any():
            cluster = label(len(vertices), start[short], end[short])
            lowest = np.full(cluster.max() + 1, len(vertices))
            np.minimum.at(lowest, cluster, np.arange(len(vertices)))
            faces = merge(faces, lowest[cluster])
            if not len(faces):
                return faces
        faces, flips = _flip_caps(vertices, faces, length)
        if not short.any() and not flips:
            break
    return faces


def _squared_length(vectors: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", vectors, vectors)


def heights(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The height of each face over its longest edge, and which edge that is."""
    corners = vertices[faces]
    sides = np.roll(corners, -1, axis=1) - corners
    squares = np.einsum("fij,fij->fi", sides, sides)
    normals = np.cross(sides[:, 0], sides[:, 1])
    double_area = np.sqrt(np.einsum("fi,fi->f", normals, normals))
    return double_area / np.sqrt(np.maximum(squares.max(axis=1), 1e-300)), squares.argmax(axis=1)


def _flip_caps(vertices: np.ndarray, faces: np.ndarray, length: float) -> tuple[np.ndarray, int]:
    height, longest = heights(vertices, faces)
    caps = np.flatnonzero(height <= length)
    if not caps.size:
        return faces, 0
    one, other = paired_half_edges(vertices, faces)
    twin = np.full(3 * len(faces), -1)
    twin[one], twin[other] = other, one
    half = 3 * caps + longest[caps]
    back = twin[half]
    half, back = half[back >= 0], back[back >= 0]
    flat = faces.reshape(-1)
    face, neighbour = half // 3, back // 3
    a, b = flat[half], flat[back]
    c, d = flat[3 * face + (half + 2) % 3], flat[3 * neighbour + (back + 2) % 3]
    fresh = (c != d) & ~_edge_exists(faces, c, d, len(vertices))
    go = _lowest_of_each(face, neighbour, fresh, len(faces))
    go[go] = np.minimum(*(heights(vertices, new[go])[0] for new in _flipped(a, b, c, d))) > height[face[go]]
    result = faces.copy()
    result[face[go]], result[neighbour[go]] = (new[go] for new in _flipped(a, b, c, d))
    return result, int(go.sum())


def _edge_exists(faces: np.ndarray, one: np.ndarray, other: np.ndarray, vertex_count: int) -> np.ndarray:
    """Whether vertices `one[i]` and `other[i]` already share an edge."""
    touched = np.zeros(vertex_count, dtype=bool)
    touched[one] = True
    start, end = ends(faces[touched[faces].any(axis=1)])
    existing = np.minimum(start, end) * vertex_count + np.maximum(start, end)
    return np.isin(np.minimum(one, other) * vertex_count + np.maximum(one, other), existing)


def _lowest_of_each(face: np.ndarray, other: np.ndarray, allowed: np.ndarray, face_count: int) -> np.ndarray:
    """Choose among pairs of faces so that no face is chosen twice; the first pair has precedence."""
    rank = np.where(allowed, np.arange(face.size), face.size)
    winner = np.full(face_count, face.size)
    np.minimum.at(winner, face, rank)
    np.minimum.at(winner, other, rank)
    return allowed & (winner[face] == rank) & (winner[other] == rank)


def _flipped(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([c, a, d], axis=1), np.stack([d, b, c], axis=1)
