"""How the surface passes through a cell, from the sides its corners lie on.

The surface crosses some of a cell's twelve edges; on each of its six faces the crossings are joined by segments, and
the segments of all faces close into loops. One loop is one polygon of marching cubes, and one vertex of the dual
surface (Schaefer, Ju and Warren 2007). A face whose inside corners lie across from each other can be joined two ways; a
flag for each face says which, so that both cells of a face join it alike and the surface closes.

Corners are numbered 4x + 2y + z; edge 4a + 2u + v runs along axis a at place (u, v) of the two next axes; faces are
numbered 2a + side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

AXES = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
"""Each axis with the two that follow it in right-handed order."""


@dataclass(frozen=True)
class Loops:
    """The loops of one kind of cell.

    Attributes:
        of_edge: for each of the 12 edges the loop it belongs to, -1 where the surface does not cross it.
        count: number of loops.
        triangles: corners of the triangles, as edges; counter-clockwise seen from outside.
        joined: for each of the 6 faces, whether it has two segments and both are of one loop.
        ambiguous: for each of the 6 faces, whether it can be joined two ways.
    """

    of_edge: tuple[int, ...]
    count: int
    triangles: tuple[tuple[int, int, int], ...]
    joined: tuple[bool, ...]
    ambiguous: tuple[bool, ...]


@cache
def loops_of(code: int) -> Loops:
    """Loops of a cell: bit c of `code` is set where corner c is inside, bit 8 + f where the inside corners of an
    ambiguous face f are joined rather than cut off."""
    following: dict[int, int] = {}
    segments: list[list[int]] = []
    for face in range(6):
        pairs = _segments(code, face)
        following.update(pairs)
        segments.append([entry for entry, _ in pairs])
    of_edge = [-1] * 12
    loops: list[list[int]] = []
    for start in sorted(following):
        if of_edge[start] >= 0:
            continue
        loop = [start]
        while following[loop[-1]] != start:
            loop.append(following[loop[-1]])
        for edge in loop:
            of_edge[edge] = len(loops)
        loops.append(loop)
    ambiguous = tuple(len(starts) == 2 for starts in segments)
    joined = tuple(len(starts) == 2 and of_edge[starts[0]] == of_edge[starts[1]] for starts in segments)
    triangles = tuple(triangle for loop in loops for triangle in _fan(loop))
    return Loops(tuple(of_edge), len(loops), triangles, joined, ambiguous)


def _segments(code: int, face: int) -> list[tuple[int, int]]:
    """The directed segments of a face as pairs of edges, the inside on their right seen from outside the cell."""
    corners = face_corners(face)
    if face % 2 == 0:
        corners = corners[::-1]
    inside = [bool(code >> corner & 1) for corner in corners]
    edges = [_edge(corners[k - 1], corners[k]) for k in range(4)]  # edge k leads to corner k
    entries = [edges[k] for k in range(4) if inside[k] and not inside[k - 1]]
    exits = [edges[k] for k in range(4) if not inside[k] and inside[k - 1]]
    if not entries:
        return []
    # Both lists go around; an inside run's exit is the next exit after its entry.
    first = next(k for k in range(4) if inside[k] and not inside[k - 1])
    after = [edges[k % 4] for k in range(first + 1, first + 5) if edges[k % 4] in exits]
    if len(entries) == 2 and code >> (8 + face) & 1:
        after.reverse()
    return list(zip(entries, after, strict=True))


def face_corners(face: int) -> list[int]:
    """The four corners of a face in the order that is counter-clockwise seen from its axis' far end."""
    axis, side = divmod(face, 2)
    a, b, c = AXES[axis]
    return [(side << 2 - a) | (u << 2 - b) | (v << 2 - c) for u, v in ((0, 0), (1, 0), (1, 1), (0, 1))]


def _edge(one: int, other: int) -> int:
    a, b, c = AXES[{4: 0, 2: 1, 1: 2}[one ^ other]]
    return 4 * a + 2 * (one >> 2 - b & 1) + (one >> 2 - c & 1)


def _fan(loop: list[int]) -> list[tuple[int, int, int]]:
    """Triangles about the corner from which the fewest diagonals run within a face of the cell."""

    def faces(edge: int) -> set[int]:
        _, b, c = AXES[edge // 4]
        return {2 * b + (edge >> 1 & 1), 2 * c + (edge & 1)}

    def flat_diagonals(root: int) -> int:
        return sum(
            bool(faces(loop[root]) & faces(loop[root + k - len(loop)])) for k in range(2, len(loop) - 1)
        )

    root = min(range(len(loop)), key=flat_diagonals)
    turned = loop[root:] + loop[:root]
    return [(turned[0], turned[k], turned[k + 1]) for k in range(1, len(loop) - 1)]
