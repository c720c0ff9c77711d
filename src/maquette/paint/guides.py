"""Pictures that tell a paint model the shape: normal and position maps in the published models' colours.

The published renderer turns (x, y, z) into (-x, z, -y), which mirrors the mesh, so that its normals by cross product
point inwards; its colours follow from both and are, in our axes, (x, -z, y) of normals and of positions alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.paint.views import BALL_DIAMETER, published_clip, to_published
from maquette.render.camera import Camera
from maquette.render.rasterize import interpolate, rasterize
from maquette.render.shade import face_normals


@dataclass(frozen=True)
class Guides:
    """Maps of N views; row 0 is the top, white where the mesh is not.

    Attributes:
        normal: (N, S, S, 3) float32 in [0, 1].
        position: (N, S, S, 3) float32 in [0, 1].
        mask: (N, S, S) bool, where the mesh is.
    """

    normal: Tensor
    position: Tensor
    mask: Tensor


def render_guides(
    vertices: Tensor, faces: Tensor, cameras: Sequence[Camera], size: int, *, smooth: bool = False
) -> Guides:
    """Draws the maps.

    Args:
        vertices: (V, 3) float, normalised by `maquette.paint.views.normalise`.
        faces: (F, 3) int64.
        cameras: N cameras.
        size: side of the maps in pixels.
        smooth: interpolate normals at vertices (and leave them as short as that makes them), as the 2.0 models want;
            the 2.1 models want those of the faces.
    """
    normals = face_normals(vertices, faces)
    if smooth:
        corners, table = faces, vertex_normals(normals, faces, len(vertices))
    else:
        corners, table = torch.arange(len(faces), device=faces.device)[:, None].expand(-1, 3), normals
    table = -to_published(table)
    places = 0.5 - to_published(vertices) / BALL_DIAMETER  # before they are interpolated: the last bit shows
    maps = []
    for camera in cameras:
        fragments = rasterize(published_clip(vertices, camera), faces, (size, size))
        normal = interpolate(table, corners, fragments)
        normal = torch.where(fragments.mask[..., None], (normal + 1) / 2, 1.0)
        position = torch.where(fragments.mask[..., None], interpolate(places, faces, fragments), 1.0)
        maps.append([normal, position, fragments.mask])
    return Guides(*(torch.cat(parts) for parts in zip(*maps, strict=True)))


def vertex_normals(normals: Tensor, faces: Tensor, count: int) -> Tensor:
    """(count, 3) mean of the (F, 3) face normals around each vertex, each face counting alike."""
    total = normals.new_zeros(count, 3)
    for i in range(3):
        total.index_add_(0, faces[:, i], normals)
    return F.normalize(total, dim=-1)


def to_bytes(picture: Tensor) -> Tensor:
    """uint8 of values in [0, 1], cut off and not rounded, as the published pipelines do."""
    return (picture * 255).clamp(0, 255).to(torch.uint8)
