"""Baking and filling as the published pipelines do them, number for number, oddities included.

Kept for comparison and for those who want the published textures; `maquette.paint.bake` and `maquette.paint.fill` are
the better and faster way. What is odd here and why it must be: a texel is looked up with the width of a picture
where the rasteriser draws with the width less one, the filling of holes walks the vertices one after the other, and
its last step works in the sheet, across charts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.errors import SettingError
from maquette.paint.guides import vertex_normals
from maquette.paint.views import Viewpoint, published_clip, published_view_matrix, to_published
from maquette.render.camera import Camera, projection_matrix
from maquette.render.rasterize import Fragments, interpolate, rasterize
from maquette.render.shade import face_normals

_EXPONENT = 4
_LARGEST_ANGLE = 75.0
_DEPTH_TOLERANCE = 3e-3
_CANNY = (30, 80)
_INPAINT_RADIUS = 3


@dataclass(frozen=True)
class PublishedMesh:
    """A mesh as the published renderer holds it, in our axes.

    Attributes:
        vertices: (V, 3) float32, normalised by `maquette.paint.views.normalise`.
        faces: (F, 3) int64.
        uv: (V, 2) float32, v upwards, as files hold it.
        smooth: False for 2.1, whose normals are those of faces; True for 2.0, which interpolates them.
    """

    vertices: Tensor
    faces: Tensor
    uv: Tensor
    smooth: bool = False

    def normals(self) -> tuple[Tensor, Tensor]:
        """Published normals and the (F, 3) rows of them at each face's corners."""
        flat = -to_published(face_normals(self.vertices, self.faces))
        if self.smooth:
            return vertex_normals(flat, self.faces, len(self.vertices)), self.faces
        return flat, torch.arange(len(self.faces), device=flat.device)[:, None].expand(-1, 3)


def border_kernel(resolution: int) -> int:
    """Pixels at outlines and depth edges that are not used, for the resolution a renderer was made with."""
    return int(2 / 512 * resolution)


def back_project(
    mesh: PublishedMesh, picture: Tensor, camera: Camera, texture_size: int, kernel: int
) -> tuple[Tensor, Tensor]:
    """The 2.1 way: every texel looks itself up in the picture.

    Args:
        picture: (P, P, C) float in [0, 1], row 0 at the top.
        kernel: from `border_kernel`.

    Returns:
        (S, S, C) colours and (S, S, 1) cosines, row 0 where v = 1, zero where the picture says nothing.
    """
    size = _square(picture)
    seen = _sight(mesh, camera, size, kernel)
    texels, position = _texels(mesh, texture_size)
    view = F.pad(to_published(position), (0, 1), value=1.0) @ published_view_matrix(camera).T
    clip = view @ projection_matrix(camera).T
    x, y = ((clip[:, i] / clip[:, 3]) * 0.5 + 0.5 for i in (0, 1))
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    column, row = ((at * size).long().clamp(0, size - 1) for at in (x, y))
    cosine = seen.cosine[row, column]
    keep = inside & ((view[:, 2] - seen.depth[row, column]).abs() < _DEPTH_TOLERANCE) & (cosine > 0)
    right, below = (column + 1).clamp(max=size - 1), (row + 1).clamp(max=size - 1)
    wx, wy = (x * size - column)[:, None], (y * size - row)[:, None]
    colour = (picture[row, column] * (1 - wx) + picture[row, right] * wx) * (1 - wy) + (
        picture[below, column] * (1 - wx) + picture[below, right] * wx
    ) * wy
    texture = picture.new_zeros(texture_size * texture_size, picture.shape[-1])
    cosines = picture.new_zeros(texture_size * texture_size, 1)
    texture[texels[keep]], cosines[texels[keep], 0] = colour[keep], cosine[keep]
    shape = (texture_size, texture_size, -1)
    return texture.view(shape), cosines.view(shape)


def splat(
    mesh: PublishedMesh, picture: Tensor, camera: Camera, texture_size: int, kernel: int
) -> tuple[Tensor, Tensor]:
    """The 2.0 way: every visible pixel spreads over the four texels around its UV. Arguments as `back_project`."""
    size = _square(picture)
    seen = _sight(mesh, camera, size, kernel)
    covered = seen.usable
    uv = interpolate(mesh.uv, mesh.faces, seen.fragments)[0][covered]
    at = torch.stack([1 - uv[:, 1], uv[:, 0]], -1) * (texture_size - 1)
    corner = at.floor().long().clamp(0, texture_size - 2)
    part = at - corner
    values = torch.cat([picture[covered], seen.cosine[covered][:, None], torch.ones_like(at[:, :1])], -1)
    sums = values.new_zeros(texture_size * texture_size, values.shape[-1])
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (part[:, 0] if dy else 1 - part[:, 0]) * (part[:, 1] if dx else 1 - part[:, 1])
            target = (corner[:, 0] + dy) * texture_size + corner[:, 1] + dx
            sums.index_add_(0, target, values * weight[:, None])
    hit = sums[:, -1:] > 0
    mean = torch.where(hit, sums[:, :-1] / sums[:, -1:], 0.0).view(texture_size, texture_size, -1)
    return mean[..., :-1], mean[..., -1:]


def merge(
    textures: Sequence[Tensor], cosines: Sequence[Tensor], viewpoints: Sequence[Viewpoint]
) -> tuple[Tensor, Tensor]:
    """Blends back-projected views by weight times the fourth power of the cosine.

    A view of which more than 99 % is painted already is left out.

    Returns:
        (S, S, C) texture and (S, S, 1) bool, where anything was painted.
    """
    total = torch.zeros_like(cosines[0])
    colour = torch.zeros_like(textures[0])
    for texture, cosine, viewpoint in zip(textures, cosines, viewpoints, strict=True):
        trust = viewpoint.weight * cosine**_EXPONENT
        painted, own = ((trust > 0) & (total > 0)).sum(), (trust > 0).sum()
        if bool(painted > 0.99 * own):
            continue
        colour, total = colour + texture * trust, total + trust
    return colour / total.clamp(min=1e-8), total > 1e-8


def inpaint_vertices(mesh: PublishedMesh, texture: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Carries colours from painted vertices to their neighbours and writes each vertex back to its texel.

    Vertex after vertex, each takes the mean of its coloured successors by inverse square distance, until the number
    that is left has stood still twice. One Python loop: seconds for tens of thousands of vertices.

    Args:
        texture: (S, S, C) float.
        mask: (S, S) bool.

    Returns:
        The texture and mask with the vertices' texels painted.
    """
    height, width = mask.shape
    column = _round(mesh.uv[:, 0] * (width - 1)).clamp(0, width - 1)
    row = _round((1 - mesh.uv[:, 1]) * (height - 1)).clamp(0, height - 1)
    painted = mask[row, column]
    colours = texture[row, column].double().numpy().copy()
    known = painted.tolist()
    faces, places = mesh.faces.tolist(), mesh.vertices.numpy()
    after: list[list[int]] = [[] for _ in range(len(places))]
    for face in faces:
        for i in range(3):
            after[face[i]].append(face[(i + 1) % 3])
    waiting = [vertex for face in faces for vertex in face if not known[vertex]]
    patience, last = 2, 0
    while patience > 0:
        left = 0
        for vertex in waiting:
            ready = [other for other in after[vertex] if known[other]]
            if not ready:
                left += 1
                continue
            distance = np.maximum(np.linalg.norm(places[ready] - places[vertex], axis=1), 1e-4)
            weight = 1 / distance**2
            colours[vertex] = weight @ colours[ready] / weight.sum()
            known[vertex] = True
        patience, last = (patience - 1 if left == last else patience + 1), left
    texture, mask, reached = texture.clone(), mask.clone(), torch.tensor(known)
    used = torch.unique(mesh.faces)
    used = used[reached[used]]
    texture[row[used], column[used]] = torch.from_numpy(colours)[used].to(texture)
    mask[row[used], column[used]] = True
    return texture, mask


def inpaint_sheet(texture: Tensor, mask: Tensor) -> Tensor:
    """(S, S, C) uint8 with every texel outside the (S, S) mask painted in the sheet, by Navier-Stokes flow."""
    import cv2

    picture = (texture * 255).to(torch.uint8).numpy()
    holes = (~mask).to(torch.uint8).numpy() * 255
    return torch.from_numpy(cv2.inpaint(picture, holes, _INPAINT_RADIUS, cv2.INPAINT_NS))


def quantise_metal_rough(texture: Tensor) -> Tensor:
    """(S, S, C) metallic (channel 0) and roughness (channel 1) after their way through bytes."""
    return (texture * 255).to(torch.uint8).float() / 255


def halve(texture: Tensor) -> Tensor:
    """(S/2, S/2, C) means of two by two texels, as the published files hold textures."""
    return F.avg_pool2d(texture.permute(2, 0, 1)[None], 2)[0].permute(1, 2, 0)


def gltf_metal_rough(metallic: Tensor, roughness: Tensor) -> Tensor:
    """(S, S, 3) uint8 picture in glTF's order: occlusion (none, 255), roughness, metallic."""
    return torch.stack([torch.full_like(metallic, 255), roughness, metallic], -1)


@dataclass(frozen=True)
class _Sight:
    """What a camera sees: fragments, (P, P) cosine (0 where unusable), view-space depth, and usable pixels."""

    fragments: Fragments
    cosine: Tensor
    depth: Tensor
    usable: Tensor


def _sight(mesh: PublishedMesh, camera: Camera, size: int, kernel: int) -> _Sight:
    fragments = rasterize(published_clip(mesh.vertices, camera), mesh.faces, (size, size))
    covered = fragments.mask[0]
    matrix = published_view_matrix(camera)
    table, corners = mesh.normals()
    normal = F.normalize(interpolate(table @ matrix[:3, :3].T, corners, fragments)[0], dim=-1)
    view = F.pad(to_published(mesh.vertices), (0, 1), value=1.0) @ matrix.T
    depth = interpolate(view[:, 2:3], mesh.faces, fragments)[0, ..., 0]
    cosine = -normal[..., 2] * covered
    cosine = torch.where(cosine < math.cos(math.radians(_LARGEST_ANGLE)), 0.0, cosine)
    unusable = _widened(~covered | _depth_edges(depth, covered), kernel)
    return _Sight(fragments, torch.where(unusable, 0.0, cosine), depth, ~unusable)


def _depth_edges(depth: Tensor, covered: Tensor) -> Tensor:
    """(P, P) bool: Canny edges of the depth picture, stretched to eight bits."""
    import cv2

    if not bool(covered.any()):
        return torch.zeros_like(covered)
    low, high = depth[covered].min(), depth[covered].max()
    stretched = (depth - low) / (high - low) * covered
    return torch.from_numpy(cv2.Canny((stretched * 255).to(torch.uint8).numpy(), *_CANNY)) > 0


def _widened(mask: Tensor, kernel: int) -> Tensor:
    return F.max_pool2d(mask[None, None].float(), 2 * kernel + 1, 1, kernel)[0, 0] > 0


def _texels(mesh: PublishedMesh, size: int) -> tuple[Tensor, Tensor]:
    """(T,) flat index and (T, 3) position of the texels whose centre a face covers, as the rasteriser draws."""
    clip = mesh.uv * mesh.uv.new_tensor([2, -2]) + mesh.uv.new_tensor([-1, 1])
    clip = torch.cat([clip, torch.zeros_like(clip[:, :1]), torch.ones_like(clip[:, :1])], -1)
    fragments = rasterize(clip, mesh.faces, (size, size))
    index = fragments.mask.view(-1).nonzero()[:, 0]
    return index, interpolate(mesh.vertices, mesh.faces, fragments).view(-1, 3)[index]


def _round(value: Tensor) -> Tensor:
    """Half away from zero, as C does."""
    return (value + 0.5).floor().long()


def _square(picture: Tensor) -> int:
    if picture.ndim != 3 or picture.shape[0] != picture.shape[1]:
        raise SettingError(
            f"back projection got a picture of shape {tuple(picture.shape)}", "it must be square"
        )
    return picture.shape[0]
