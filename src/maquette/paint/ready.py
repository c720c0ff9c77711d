"""A mesh made ready to be painted: what cannot be painted is repaired or left out, and said; coordinates are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from maquette.errors import MeshError
from maquette.mesh import topology
from maquette.mesh.simplify import simplify
from maquette.mesh.unwrap import MOST_FACES, surface_areas, unwrap, uv_is_usable

if TYPE_CHECKING:
    import trimesh

    from maquette.paint.pipeline import PaintSettings

REDUCED_TO = 100_000
"""Faces of a mesh that had too many to be laid flat."""


def with_coordinates(mesh: trimesh.Trimesh, settings: PaintSettings) -> tuple[trimesh.Trimesh, bool]:
    """A copy of the mesh with texture coordinates: its own where asked for and usable, else new ones.

    Whatever was changed on the way is told in `metadata["notes"]`.

    Returns:
        The mesh, and whether its own coordinates were kept.

    Raises:
        MeshError: there is no face that could be painted.
    """
    import trimesh

    mesh, notes = repaired(mesh)
    reason = uv_is_usable(mesh) if settings.keep_uv else None
    kept = settings.keep_uv and reason is None
    if kept:
        result = mesh.copy()
        visual: Any = mesh.visual
        result.visual = trimesh.visual.TextureVisuals(uv=np.array(visual.uv))
    else:
        if reason:
            notes.append(f"the mesh's own texture coordinates were replaced: {reason}")
        result = unwrap(_few_enough(mesh, notes), settings.texture_size)
    result.metadata["notes"] = [*mesh.metadata.get("notes", []), *notes]
    return result, kept


def repaired(mesh: trimesh.Trimesh) -> tuple[trimesh.Trimesh, list[str]]:
    """The mesh without faces that show nothing, and what was found, one sentence each.

    Faces with corners that are not finite and faces without area go. Copies of faces and edges of more than two faces
    stay, since they are there to be seen.
    """
    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    finite = np.asarray(np.isfinite(vertices).all(axis=1))
    broken = ~np.asarray(finite[faces].all(axis=1))
    corners = np.where(broken[:, None, None], 0.0, vertices[faces])
    size = float(np.abs(corners - corners.mean(axis=(0, 1))).max()) if len(faces) else 0.0
    flat = ~broken & ~(surface_areas(corners / max(size, 1e-300)) > 1e-14)
    merged = topology.same_position(np.nan_to_num(vertices), 0.0)[faces]
    sound = np.flatnonzero(~broken & ~flat)
    if not len(sound):
        raise MeshError("the mesh has no face with an area", "check that it is not flattened to a line")
    copies = len(sound) - len(topology.without_copies(merged[sound]))
    counts = topology.edges_of(merged[sound], len(vertices)).counts
    notes = [
        f"{number:,} {what}"
        for number, what in (
            (int(broken.sum()), "faces with corners that are not finite numbers were left out"),
            (int(flat.sum()), "faces without area were left out"),
            (copies, "faces lie exactly upon another; each has texels of its own"),
            (int((counts > 2).sum()), "edges carry more than two faces; the texture has a seam there"),
        )
        if number
    ]
    if len(sound) < len(faces):
        mesh = mesh.copy()
        mesh.update_faces(~broken & ~flat)
        mesh.remove_unreferenced_vertices()
    return mesh, notes


def _few_enough(mesh: trimesh.Trimesh, notes: list[str]) -> trimesh.Trimesh:
    if len(mesh.faces) <= MOST_FACES:
        return mesh
    smaller = simplify(mesh, REDUCED_TO)
    notes.append(
        f"the mesh has {len(mesh.faces):,} faces, more than the {MOST_FACES:,} that can be laid flat, and was reduced "
        f"to {len(smaller.faces):,}; --simplify asks for another number, --keep-uv paints it as it is"
    )
    smaller.metadata.update(mesh.metadata)
    return smaller
