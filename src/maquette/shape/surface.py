"""From a sparse lattice of logits to a triangle mesh.

Points that were never asked, far from the surface, make no surface of their own; and a body that runs into the wall of
the box is closed there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from maquette.shape.crossings import Crossings, find_crossings
from maquette.shape.dual_contouring import dual_contouring
from maquette.shape.sparse import SparseVolume

if TYPE_CHECKING:
    import trimesh

Extractor = Literal["marching-cubes", "dual-contouring"]


@torch.inference_mode()
def extract_surface(
    volume: SparseVolume, field: Callable[[Tensor], Tensor], extractor: Extractor = "marching-cubes"
) -> trimesh.Trimesh:
    """The surface where the logits cross zero: closed, a manifold, normals pointing out of the positive side.

    Args:
        volume: as `decode_volume` makes it. In others the surface is open where cells are not wholly known.
        field: the field it was decoded from; dual contouring asks it for the slopes at the surface.
        extractor: "marching-cubes", or "dual-contouring", which keeps sharp edges and makes rounder triangles.

    Raises:
        MeshError: nothing in the volume crosses zero.
    """
    import trimesh

    crossings = find_crossings(volume)
    if extractor == "dual-contouring":
        vertices, faces = dual_contouring(crossings, field)
    else:
        vertices, faces = crossings.vertices(), _polygons(crossings).cpu().numpy()
    return trimesh.Trimesh(vertices, faces, process=False)


def _polygons(crossings: Crossings) -> Tensor:
    """The triangles (F, 3) of marching cubes: every loop of a cell, cut into a fan."""
    vertex = torch.full((len(crossings.cells), 12), -1, device=crossings.cells.device)
    for column in range(4):
        vertex[crossings.cell_of[:, column], 4 * crossings.axis + column] = torch.arange(
            len(crossings), device=vertex.device
        )
    order = crossings.kind.argsort(stable=True)
    sizes = crossings.kind.bincount(minlength=len(crossings.kinds)).tolist()
    faces = [
        vertex[cells][:, torch.tensor(kind.triangles, dtype=torch.long, device=vertex.device)].view(-1, 3)
        for kind, cells in zip(crossings.kinds, order.split(sizes), strict=True)
    ]
    return torch.cat(faces)
