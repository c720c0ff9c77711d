"""Laying charts flat with hardly any distortion: as-rigid-as-possible parametrisation (Liu and others, 2008).

Each chart starts as its projection along its mean normal. Then every triangle is turned, unstretched, to where it lies
now, and all charts are pulled together to fit those triangles in one sparse least-squares problem, a few times over.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

_ITERATIONS = 6
_TIE = 1e-7  # holds each chart in place


def flatten(vertices: np.ndarray, faces: np.ndarray, chart: np.ndarray) -> np.ndarray:
    """(V, 2) coordinates in which each chart has its surface's lengths as nearly as can be.

    Args:
        vertices: (V, 3) float, with copies so that no two charts share one.
        faces: (F, 3) int64.
        chart: (F,) chart of each face, numbered from 0.
    """
    corners = vertices[faces]
    flat = _project(vertices, faces, chart, corners)
    rest, cotangents = _rest_shapes(corners)
    a, b = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)  # half-edge 3f + k runs from k to k + 1
    weight = cotangents.reshape(-1)
    size = len(vertices)
    rows, columns = np.concatenate([a, b]), np.concatenate([b, a])
    graph = coo_matrix((np.tile(weight, 2), (rows, columns)), shape=(size, size)).tocsc()
    degree = np.asarray(graph.sum(axis=0)).reshape(-1)
    tie = _TIE * np.maximum(degree, 1.0)
    system = splu(
        (diags(degree + tie) - graph).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    edges = np.roll(rest, -1, axis=1) - rest  # (F, 3, 2)
    weighted = cotangents[..., None] * edges
    for _ in range(_ITERATIONS):
        now = np.roll(flat[faces], -1, axis=1) - flat[faces]
        along = np.einsum("fki,fki->f", weighted, now)
        across = (weighted[..., 0] * now[..., 1] - weighted[..., 1] * now[..., 0]).sum(axis=1)
        length = np.maximum(np.hypot(along, across), 1e-300)
        cos, sin = (along / length)[:, None], (across / length)[:, None]
        turned = np.stack(
            [
                cos * weighted[..., 0] - sin * weighted[..., 1],
                sin * weighted[..., 0] + cos * weighted[..., 1],
            ],
            axis=-1,
        ).reshape(-1, 2)
        wanted = np.stack(
            [np.bincount(b, turned[:, k], size) - np.bincount(a, turned[:, k], size) for k in (0, 1)]
        )
        flat = system.solve(wanted.T + tie[:, None] * flat)
    return flat


def _project(vertices: np.ndarray, faces: np.ndarray, chart: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(V, 2) each chart seen along its mean normal."""
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    count = int(chart.max()) + 1
    normal = np.stack([np.bincount(chart, doubled[:, axis], count) for axis in range(3)], axis=1)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.where(length > 1e-300, normal / np.maximum(length, 1e-300), [0.0, 0.0, 1.0])
    helper = np.eye(3)[np.abs(normal).argmin(axis=1)]
    right = np.cross(helper, normal)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    up = np.cross(normal, right)
    owner = np.zeros(len(vertices), dtype=np.int64)
    owner[faces] = chart[:, None]
    return np.stack([np.einsum("ij,ij->i", vertices, axis[owner]) for axis in (right, up)], axis=1)


def _rest_shapes(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F, 3, 2) each triangle flat and unstretched, and (F, 3) the cotangent facing each half-edge, kept positive."""
    ab, ac = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    base = np.linalg.norm(ab, axis=1)
    along = np.einsum("ij,ij->i", ab, ac) / np.maximum(base, 1e-300)
    doubled = np.linalg.norm(np.cross(ab, ac), axis=1)
    rest = np.zeros((len(corners), 3, 2))
    rest[:, 1, 0], rest[:, 2, 0], rest[:, 2, 1] = base, along, doubled / np.maximum(base, 1e-300)
    sides = np.roll(corners, -1, axis=1) - corners
    # The angle that faces half-edge k lies at corner k + 2, between the sides k + 1 and k + 2.
    facing = -np.einsum("fki,fki->fk", np.roll(sides, -1, axis=1), np.roll(sides, -2, axis=1))
    cotangents = facing / np.maximum(doubled, 1e-300)[:, None]
    return rest, np.clip(cotangents, 0.05, 20.0)
