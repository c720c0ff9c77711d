"""The texture sheet laid out on the surface: where on the mesh each texel lies.

Only covered texels are kept, as flat lists of T entries; `dense` turns a list of values into a sheet. Texel
(row, column) of a sheet of S texels a side has its centre at u = (column + 0.5) / S, v = 1 - (row + 0.5) / S:
row 0 is the top. Beside the texels whose centre lies on a face, the ring of texels around each chart is kept
too, each at the nearest place on the face beside it: a renderer's bilinear filter reads them at the chart's edge,
and since both charts that meet at a seam then hold the same places, their colours meet there as well.

Long edges are split before the sheet is drawn (the shape does not change), so that colours at vertices are a
fine enough net to continue colour over the surface (`maquette.paint.fill`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from maquette.errors import MeshError, SettingError
from maquette.render.material import merged_by_position, shading_normals
from maquette.render.rasterize import rasterize
from maquette.render.shade import face_areas, face_normals

if TYPE_CHECKING:
    import trimesh

_EDGES_PER_SIDE = 90
"""Edges longer than the square root of the surface over this are split; a small sheet gets a wider net."""


@dataclass(frozen=True)
class Texels:
    """The T texels of a sheet that show the surface, on one device.

    Attributes:
        size: side S of the sheet.
        vertices: (V, 3) float32 of the net, the mesh with its long edges split.
        faces: (F, 3) int64 of the net.
        source_face: (F,) int64 face of the mesh that each face of the net is a part of.
        index: (T,) int64 row * S + column of each texel, ascending.
        net_face: (T,) int64 face of the net under each texel.
        bary: (T, 3) float32 place of each texel in its face.
        position: (T, 3) float32 place of each texel in space.
        normal: (T, 3) float32 unit shading normal, smooth across seams and hard over creases.
        rim: (T,) bool, true for the ring outside the charts.
    """

    size: int
    vertices: Tensor
    faces: Tensor
    source_face: Tensor
    index: Tensor
    net_face: Tensor
    bary: Tensor
    position: Tensor
    normal: Tensor
    rim: Tensor

    @property
    def face_id(self) -> Tensor:
        """(T,) int64 face of the mesh under each texel."""
        return self.source_face[self.net_face]

    @cached_property
    def facet(self) -> Tensor:
        """(F, 3) unit normals of the net's faces."""
        return face_normals(self.vertices, self.faces)

    @cached_property
    def charts(self) -> Tensor:
        """(F,) int64 chart of each face of the net: faces joined in the sheet have the same number."""
        label = torch.arange(len(self.vertices), device=self.faces.device)
        while True:
            least = label[self.faces].amin(-1, keepdim=True).expand(-1, 3)
            lower = label.scatter_reduce(0, self.faces.reshape(-1), least.reshape(-1), "amin")
            lower = lower[lower]
            if torch.equal(lower, label):
                return label[self.faces[:, 0]]
            label = lower

    @property
    def mask(self) -> Tensor:
        """(S, S) bool: where the sheet shows the surface, rim included."""
        return self.dense(torch.ones_like(self.rim))

    def dense(self, values: Tensor, empty: float = 0.0) -> Tensor:
        """Lays (T,) or (T, C) values out as an (S, S) or (S, S, C) sheet with `empty` between the charts."""
        sheet = values.new_full((self.size * self.size, *values.shape[1:]), empty)
        sheet[self.index] = values
        return sheet.view(self.size, self.size, *values.shape[1:])

    def gather(self, sheet: Tensor) -> Tensor:
        """(T, C) values of an (S, S, C) sheet at the texels."""
        return sheet.reshape(self.size * self.size, -1)[self.index]


def lay_out(mesh: trimesh.Trimesh, size: int, device: torch.device | str = "cpu") -> Texels:
    """Draws a mesh into its texture sheet.

    Args:
        mesh: with one UV coordinate per vertex, v upwards, charts inside [0, 1] that do not overlap.
        size: side of the sheet in texels.
        device: where the tensors go.

    Raises:
        MeshError: the mesh has no UV coordinates or no face that shows in the sheet.
        SettingError: the size is not positive.
    """
    if size < 2:
        raise SettingError(f"texture size {size}", "at least 2")
    uv = getattr(mesh.visual, "uv", None)
    if uv is None or len(uv) != len(mesh.vertices):
        raise MeshError("the mesh has no UV coordinates to paint into", "unwrap it first")
    vertices = torch.from_numpy(np.array(mesh.vertices, np.float32)).to(device)
    faces = torch.from_numpy(np.array(mesh.faces, np.int64)).reshape(-1, 3).to(device)
    sheet_uv = torch.from_numpy(np.array(uv, np.float32)[:, :2]).to(device)
    normals = shading_normals(vertices, faces)
    vertices, faces, sheet_uv, source, corners = _split_long_edges(
        vertices, faces, sheet_uv, min(_EDGES_PER_SIDE, size // 4 + 1)
    )
    # Corners of the net know their place in the face of the mesh they came from, so normals stay its normals.
    normals = torch.einsum("fij,fjk->fik", corners, normals[source])
    xy = sheet_uv * size * sheet_uv.new_tensor([1, -1]) + sheet_uv.new_tensor([0, size])
    index, net_face, bary, rim = _draw_sheet(xy, faces, size)
    if not len(index):
        raise MeshError(
            "no face of the mesh shows in the texture sheet", "its UV coordinates must lie in [0, 1]"
        )
    corner_values = torch.cat([vertices[faces], normals], -1)
    values = torch.zeros(len(index), 6, device=vertices.device)
    for corner in range(3):
        values += corner_values[:, corner][net_face] * bary[:, corner, None]
    normal = torch.nn.functional.normalize(values[:, 3:], dim=-1)
    return Texels(
        size, vertices, faces, source, index, net_face, bary, values[:, :3].contiguous(), normal, rim
    )


def _draw_sheet(xy: Tensor, faces: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Index, face, place in the face, and whether it is rim, of every covered texel.

    Args:
        xy: (V, 2) vertices in texels, x to the right and y downwards.
    """
    # The rasteriser puts clip -1 and +1 on the centres of the outermost pixels.
    clip = (xy - 0.5) * (2 / (size - 1)) - 1
    clip = torch.cat([clip, torch.zeros_like(clip[:, :1]), torch.ones_like(clip[:, :1])], -1)
    fragments = rasterize(clip, faces, (size, size))
    owner = fragments.face_id[0].int()
    around = _rim_owner(owner)
    inside = (owner.view(-1) >= 0).nonzero()[:, 0]
    ring = (around.view(-1) >= 0).nonzero()[:, 0]
    ring_face = around.view(-1)[ring].long()
    ring_bary = _nearest_place(xy, faces[ring_face], ring, size)
    index = torch.cat([inside, ring])
    face = torch.cat([owner.view(-1)[inside].long(), ring_face])
    bary = torch.cat([fragments.bary.view(-1, 3)[inside], ring_bary])
    index, order = index.sort()
    return index, face[order], bary[order], order >= len(inside)


def _rim_owner(owner: Tensor) -> Tensor:
    """(S, S) face beside each empty texel that touches a covered one, -1 elsewhere; edges before corners."""
    padded = torch.nn.functional.pad(owner, (1, 1, 1, 1), value=-1)
    size = len(owner)
    around = torch.full_like(owner, -1)
    for dy, dx in ((0, 1), (1, 0), (1, 2), (2, 1), (0, 0), (0, 2), (2, 0), (2, 2)):
        beside = padded[dy : dy + size, dx : dx + size]
        around = torch.where(around < 0, beside, around)
    return torch.where(owner < 0, around, -1)


def _nearest_place(xy: Tensor, corners: Tensor, index: Tensor, size: int) -> Tensor:
    """(R, 3) place in its face that stands for a texel outside it: its barycentrics, held to the triangle."""
    point = torch.stack([index % size, index // size], -1) + 0.5
    a, b, c = (xy[corners[:, i]] for i in range(3))
    ab, ac, ap = b - a, c - a, point - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    beta = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
    gamma = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
    bary = torch.stack([1 - beta - gamma, beta, gamma], -1).nan_to_num(1 / 3).clamp(0, 1)
    return bary / bary.sum(-1, keepdim=True)


def _split_long_edges(
    vertices: Tensor, faces: Tensor, uv: Tensor, edges_per_side: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Halves edges until none is long; faces on both sides of an edge are split alike, so no crack opens.

    Returns:
        vertices, faces and UV of the net, (F,) source face and (F, 3, 3) place of each corner in it.
    """
    source = torch.arange(len(faces), device=faces.device)
    places = torch.eye(3, device=vertices.device).expand(len(faces), 3, 3)
    limit = face_areas(vertices, faces).sum().sqrt() / edges_per_side
    for _ in range(12):
        points = vertices[faces]
        long = (points.roll(-1, 1) - points).norm(dim=-1) > limit  # (F, 3): edges ab, bc, ca
        if not bool(long.any()):
            break
        ends = torch.stack([faces, faces.roll(-1, 1)], -1)
        key = ends.amin(-1) * len(vertices) + ends.amax(-1)
        edges, which = torch.unique(key[long], return_inverse=True)
        middle = torch.full_like(faces, -1)
        middle[long] = which + len(vertices)
        one, other = edges // len(vertices), edges % len(vertices)
        vertices = torch.cat([vertices, (vertices[one] + vertices[other]) / 2])
        uv = torch.cat([uv, (uv[one] + uv[other]) / 2])
        faces, parent, inner = _split_faces(faces, middle)
        places = inner @ places[parent]
        source = source[parent]
    return vertices, faces, uv, source, places


# For one, two or three split edges, after turning the face so that the first ones are split: the parts by corner,
# where 0 to 2 are the face's corners and 3 to 5 the middles of its edges ab, bc, ca.
_PARTS = {
    0: [(0, 1, 2)],
    1: [(0, 3, 2), (3, 1, 2)],
    2: [(0, 3, 2), (3, 1, 4), (3, 4, 2)],
    3: [(0, 3, 5), (3, 1, 4), (5, 4, 2), (3, 4, 5)],
}


def _split_faces(faces: Tensor, middle: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Parts of each face, the face each came from, and (F, 3, 3) places of the parts' corners in it."""
    split = middle >= 0
    count = split.sum(-1)
    # Turn by as much as brings the split edges to the front: with one that edge, with two the one after the unsplit.
    turn = torch.where(count == 2, (~split).int().argmax(-1) + 1, split.int().argmax(-1)) % 3
    columns = (torch.arange(3, device=faces.device) + turn[:, None]) % 3
    table = torch.cat([faces.gather(1, columns), middle.gather(1, columns)], -1)
    eye = torch.eye(3, device=faces.device)
    halves = torch.cat([eye, (eye + eye.roll(-1, 0)) / 2])
    parts, parents, places = [], [], []
    for number, corner_sets in _PARTS.items():
        chosen = (count == number).nonzero()[:, 0]
        for corners in corner_sets:
            parts.append(table[chosen][:, list(corners)])
            parents.append(chosen)
            # Places are told in the turned face; the columns turn them back.
            turned = halves[list(corners)].expand(len(chosen), 3, 3)
            places.append(
                torch.zeros_like(turned).scatter(2, columns[chosen][:, None].expand(-1, 3, -1), turned)
            )
    return torch.cat(parts), torch.cat(parents), torch.cat(places)


def net_nodes(texels: Texels) -> tuple[Tensor, int]:
    """(F, 3) int64 node of each face corner of the net, one node per place in space, and how many there are."""
    merged = merged_by_position(texels.vertices)
    return merged[texels.faces], int(merged.max()) + 1


def between_nodes(texels: Texels, nodes: Tensor, values: Tensor, chosen: Tensor) -> Tensor:
    """(K, C) what (N, C) values of the net's nodes are at some texels (K,), linear inside each face."""
    corner, bary = nodes[texels.net_face[chosen]], texels.bary[chosen]
    result = values[corner[:, 0]] * bary[:, :1]
    for i in (1, 2):
        result.addcmul_(values[corner[:, i]], bary[:, i, None])
    return result


def beside(mask: Tensor, dim: int) -> Tensor:
    """Where the entry before or after along a dimension of a bool tensor is true."""
    result = torch.zeros_like(mask)
    count = mask.shape[dim] - 1
    result.narrow(dim, 1, count).logical_or_(mask.narrow(dim, 0, count))
    result.narrow(dim, 0, count).logical_or_(mask.narrow(dim, 1, count))
    return result
