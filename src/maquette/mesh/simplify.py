"""Fewer faces, same shape: quadric edge collapse by fast-simplification, with its result checked and mended.

The library may stop short of the target and, where sheets nearly touch, leave edges with four faces. Both are handled
here: the count is met, and a watertight mesh stays watertight.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from maquette.errors import MeshError, SettingError
from maquette.mesh import topology
from maquette.mesh.clean import separate

if TYPE_CHECKING:
    import trimesh

Arrays = tuple[np.ndarray, np.ndarray]  # vertices (V, 3) float64, faces (F, 3) int64
Mend = Callable[[np.ndarray, np.ndarray], Arrays]

_LOCK = threading.Lock()  # the library keeps the mesh in C++ globals
_SLIVER = 1e-6  # of the bounding box's diagonal


def simplify(mesh: trimesh.Trimesh, target_faces: int) -> trimesh.Trimesh:
    """Reduce a mesh to at most `target_faces` faces. The input is left as it is; colours and textures are dropped.

    A watertight input gives a watertight result. A mesh that already has few enough faces comes back as a copy. Where
    a shape cannot be drawn with so few faces (each closed component needs four), the smallest found is returned.

    Args:
        mesh: any triangle mesh, best a cleaned one.
        target_faces: the most faces wanted, 4 or more.

    Raises:
        SettingError: `target_faces` is below 4.
        MeshError: there are no faces or only ones without area.
    """
    import trimesh

    if target_faces < 4:
        raise SettingError(f"target_faces is {target_faces}", "it must be 4 or more")
    vertices, faces = np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64)
    if not len(faces):
        raise MeshError("the mesh has no faces", "a surface of triangles is needed")
    if len(faces) <= target_faces:
        return trimesh.Trimesh(vertices, faces, process=False)
    closed = topology.is_watertight(faces, len(vertices))
    sliver = _SLIVER * float(np.linalg.norm(np.ptp(vertices, axis=0)))
    faces = topology.collapse_slivers(vertices, faces, sliver)
    if not len(faces):
        raise MeshError("the mesh has no face with an area", "clean it first")

    start = best = topology.compact(vertices, faces)
    for attempt in (_collapse, _cluster):
        for vertices, faces in attempt(*start, target_faces, lambda v, f: _mend(v, f, sliver, closed)):
            if not len(faces) or (closed and not topology.is_watertight(faces, len(vertices))):
                break
            if len(faces) < len(best[1]):
                best = (vertices, faces)
            if len(faces) <= target_faces:
                return trimesh.Trimesh(vertices, faces, process=False)
    return trimesh.Trimesh(*best, process=False)


def _collapse(vertices: np.ndarray, faces: np.ndarray, target_faces: int, mend: Mend) -> Iterator[Arrays]:
    """Quadric edge collapse, each round going on from the last one's mended result."""
    import fast_simplification

    goal, aggressiveness = target_faces, 5.0
    for _ in range(8):
        with _LOCK:
            points, triangles = fast_simplification.simplify(
                vertices, faces, target_count=min(goal, len(faces)), agg=aggressiveness
            )[:2]
        reached = len(triangles) <= goal
        vertices, faces = mend(np.asarray(points, dtype=np.float64), np.asarray(triangles, dtype=np.int64))
        yield vertices, faces
        if reached:  # mending parted some sheets, at a few faces each
            goal = max(goal - 2 * (len(faces) - target_faces), 4)
        else:
            aggressiveness += 1.5


def _cluster(vertices: np.ndarray, faces: np.ndarray, target_faces: int, mend: Mend) -> Iterator[Arrays]:
    """Merge the vertices within ever larger cells: crude, but it reaches any count."""
    diagonal = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    for size in np.geomspace(0.005, 0.5, 24) * diagonal:
        clustered = topology.merge(faces, topology.same_position(vertices, float(size)))
        if not len(clustered):
            return
        yield mend(vertices, clustered)


def _mend(vertices: np.ndarray, faces: np.ndarray, sliver: float, closed: bool) -> Arrays:
    """Remove what the collapse left flat and, in a closed mesh, take apart the sheets that it joined."""
    faces = topology.collapse_slivers(vertices, faces, sliver)
    if not len(faces):
        return vertices, faces
    if closed:
        vertices, faces = topology.split_fans(vertices, faces)
    vertices, faces = topology.compact(vertices, faces)
    return (separate(vertices, faces) if closed else vertices), faces
