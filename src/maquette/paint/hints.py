"""What the weight-free painter made of a mesh, as guide pictures for a paint model that corrects it.

Such a model sees every view as it would be without the model, and how well each place is known: 1 where a picture shows
it, 0.5 where a mirror image does, 0 where colours were only continued. Around the object these pictures go on in the
colours of its rim, so that an autoencoder wastes nothing on outlines and no backdrop bleeds in: the maps of normals and
positions show the outline already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.paint.views import published_clip
from maquette.render.camera import Camera
from maquette.render.material import sample_texture
from maquette.render.rasterize import interpolate, rasterize

if TYPE_CHECKING:
    import trimesh

MIRRORED = 0.5


@dataclass(frozen=True)
class Hints:
    """Pictures of every view in [0, 1]: (views, S, S, 3) colours and (views, S, S, 1) how well they are known."""

    colour: Tensor
    known: Tensor


def render_hints(
    mesh: trimesh.Trimesh, vertices: Tensor, sheet: Tensor, cameras: Sequence[Camera], size: int
) -> Hints:
    """Draws a painted mesh without light.

    Args:
        mesh: with texture coordinates.
        vertices: (V, 3) its vertices, normalised by `maquette.paint.views.normalise`.
        sheet: (T, T, 4) colour and how well it is known.
        cameras: of the views.
        size: S.
    """
    faces = torch.from_numpy(np.array(mesh.faces, np.int64))
    uv = torch.from_numpy(np.array(mesh.visual.uv, np.float32))  # type: ignore[union-attr]
    # Views are smaller than sheets: means over about one pixel of a view keep them from flickering.
    texture = F.avg_pool2d(sheet.permute(2, 0, 1)[None], max(1, len(sheet) // (4 * size)))
    pictures, masks = [], []
    for camera in cameras:
        fragments = rasterize(published_clip(vertices, camera), faces, (size, size))
        mask = fragments.mask
        picture = torch.zeros(1, size, size, 4)
        picture[mask] = sample_texture(texture, interpolate(uv, faces, fragments)[mask])
        pictures.append(picture.permute(0, 3, 1, 2))
        masks.append(mask[:, None])
    drawn = continue_outwards(torch.cat(pictures), torch.cat(masks)).permute(0, 2, 3, 1)
    return Hints(drawn[..., :3], drawn[..., 3:])


def continue_outwards(pictures: Tensor, mask: Tensor) -> Tensor:
    """Pictures (N, C, S, S), where the mask (N, 1, S, S) is false filled from coarser and coarser means."""
    levels = [torch.cat([pictures * mask, mask.to(pictures)], dim=1)]
    while levels[-1].shape[-1] > 1:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True))
    mean = levels[-1][:, :-1] / levels[-1][:, -1:].clamp(min=1e-9)
    for level in reversed(levels[:-1]):
        coarse = F.interpolate(mean, level.shape[-2:], mode="bilinear", align_corners=False)
        own = level[:, :-1] / level[:, -1:].clamp(min=1e-9)
        mean = torch.where(level[:, -1:] > 0, own, coarse)
    return mean
