"""From where a mesh is painted: the published candidate cameras and the choice among them.

The mesh is first brought into the ball in which the published paint models know their objects; `Camera`'s defaults
(orthographic, 1.2 wide, 1.45 away) are theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.errors import SettingError
from maquette.render.camera import Camera, projection_matrix, view_matrix
from maquette.render.rasterize import rasterize
from maquette.render.shade import face_areas

BALL_DIAMETER = 1.15
"""Of the ball around the origin that normalised meshes lie in."""

_FIRST = ((0, 0, 1.0), (90, 0, 0.1), (180, 0, 0.5), (270, 0, 0.1), (0, 90, 0.05), (180, -90, 0.05))
_LEAST_GAIN = 0.01


@dataclass(frozen=True)
class Viewpoint:
    """A camera and the say of its picture when pictures are blended."""

    camera: Camera
    weight: float


CANDIDATES: tuple[Viewpoint, ...] = tuple(
    Viewpoint(Camera(azimuth, elevation), weight)
    for azimuth, elevation, weight in (
        *_FIRST,
        *((azimuth, elevation, 0.01) for azimuth in range(0, 360, 30) for elevation in (20, -20)),
    )
)
"""The published candidates: front, right, back, left, top, bottom, then two rings at 20 degrees above and below."""


def normalise(vertices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Moves the centre of the bounding box to the origin and scales into the ball.

    Args:
        vertices: (V, 3) float.

    Returns:
        (V, 3) float32 normalised vertices, (3,) centre and () scale: normalised = (vertices - centre) * scale.
    """
    vertices = vertices.float()
    centre = (vertices.amax(0) + vertices.amin(0)) / 2
    reach = (vertices - centre).norm(dim=-1).max().clamp(min=1e-12)
    scale = BALL_DIAMETER / (2 * reach.double())
    return (vertices - centre) * scale.float(), centre, scale


def to_published(vectors: Tensor) -> Tensor:
    """(..., 3) positions in the published renderer's axes, (-x, z, -y) of ours. They mirror."""
    return torch.stack([-vectors[..., 0], vectors[..., 2], -vectors[..., 1]], -1)


def published_view_matrix(camera: Camera) -> Tensor:
    """(4, 4) float32 from the published axes to view space, whose second axis points down."""
    matrix = view_matrix(camera) * torch.tensor([1.0, -1, 1, 1])[:, None]
    return torch.stack([-matrix[:, 0], matrix[:, 2], -matrix[:, 1], matrix[:, 3]], -1)


def published_clip(vertices: Tensor, camera: Camera) -> Tensor:
    """(V, 4) clip positions whose rows need no flip, by the published order of operations, to the last bit or two."""
    seen = F.pad(to_published(vertices), (0, 1), value=1.0) @ published_view_matrix(camera).T.to(
        vertices.device
    )
    return seen @ projection_matrix(camera).T.to(vertices.device)


def select_views(
    vertices: Tensor, faces: Tensor, count: int, candidates: Sequence[Viewpoint] = CANDIDATES
) -> list[Viewpoint]:
    """The published choice: the first six, then whatever adds most unseen surface while it adds over a hundredth.

    Args:
        vertices: (V, 3) normalised vertices.
        faces: (F, 3) int64.
        count: at most so many views; at least six.
        candidates: of which the first six are always taken.
    """
    if count < len(_FIRST):
        raise SettingError(f"paint views {count}", f"at least {len(_FIRST)}")
    seen = visible_faces(vertices, faces, [candidate.camera for candidate in candidates])
    share = face_areas(vertices, faces)
    share = share / share.sum().clamp(min=1e-20)
    chosen = list(range(len(_FIRST)))
    covered = seen[chosen].any(0)
    while len(chosen) < count:
        gain = ((seen & ~covered).float() @ share).tolist()
        best = max((i for i in range(len(gain)) if i not in chosen), key=lambda i: gain[i], default=None)
        if best is None or gain[best] <= _LEAST_GAIN:
            break
        chosen.append(best)
        covered = covered | seen[best]
    return [candidates[i] for i in chosen]


def visible_faces(
    vertices: Tensor, faces: Tensor, cameras: Sequence[Camera], resolution: int = 1024
) -> Tensor:
    """(N, F) bool: which faces own a pixel in each camera's picture of `resolution` a side."""
    seen = torch.zeros(len(cameras), len(faces), dtype=torch.bool, device=vertices.device)
    for row, camera in zip(seen, cameras, strict=True):
        fragments = rasterize(published_clip(vertices, camera), faces, (resolution, resolution))
        row[fragments.face_id[fragments.mask]] = True
    return seen
