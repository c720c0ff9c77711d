"""Pictures of a mesh from known cameras become colours on its texture sheet.

Each texel looks itself up in every picture. It counts a picture's pixel as its own when the surface seen there lies
in the texel's tangent plane, within a tolerance of a pixel or so, which holds on steep slopes as well as on flat
ones; of the four pixels that a bilinear look-up mixes only those take part, so that neither the background nor an
occluder bleeds in. A picture's say is a power of the cosine of the angle of sight, and fades towards outlines and
depth edges in the picture; all weights are continuous over the surface, so that no line shows where one picture
hands over to the next, nor where two charts of the sheet meet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.errors import SettingError
from maquette.paint.texels import Texels, beside
from maquette.render.camera import Camera, clip_positions, view_matrix
from maquette.render.rasterize import interpolate, rasterize

_TEXELS_AT_ONCE = 1 << 19
_FAINT = 1e-3
_LEAST = 1e-9  # weights below say nothing, and their sums would be lost in rounding


@dataclass(frozen=True)
class View:
    """One picture of the mesh.

    Attributes:
        picture: (H, W, C) float values, row 0 at the top; any channels, colour or other.
        camera: where it was taken from. The centres of the outermost pixels are the edge of the frame, as in
            `maquette.render.rasterize`.
        weight: its say against other views of the same place.
        alpha: (H, W) float in [0, 1] that multiplies its say, as a picture's cut-out; None trusts all of it.
    """

    picture: Tensor
    camera: Camera
    weight: float = 1.0
    alpha: Tensor | None = None


@dataclass(frozen=True)
class BakeSettings:
    """How pictures are weighed against each other."""

    sharpness: float = 6.0
    """Power of the cosine of the angle of sight: the higher, the more the straightest view decides alone."""
    max_angle: float = 80.0
    """Degrees between normal and line of sight from which on a view says nothing."""
    fade: float = 12.0
    """Pixels from an outline or depth edge over which a view's say grows to full."""
    tolerance: float = 1.5
    """Pixels that a surface point may lie off the texel's tangent plane to count as the same surface."""

    def __post_init__(self) -> None:
        if not 0 < self.max_angle < 90:
            raise SettingError(f"bake max_angle {self.max_angle}", "between 0 and 90 degrees")
        if min(self.sharpness, self.fade, self.tolerance) <= 0:
            raise SettingError(
                f"bake sharpness {self.sharpness}, fade {self.fade}, tolerance {self.tolerance}",
                "all above 0",
            )


def bake(
    texels: Texels, views: Sequence[View], settings: BakeSettings | None = None
) -> tuple[Tensor, Tensor]:
    """Blends several pictures over the surface.

    Args:
        texels: from `lay_out`; the mesh is in the world coordinates of the cameras.
        views: at least one, all with the same number of channels.

    Returns:
        (T, C) colours, zero where nothing was seen, and (T,) the weight that stands behind each: 0 unseen, about 1
        where a view of weight 1 looks straight on. Lay them out with `texels.dense`, or complete them with
        `maquette.paint.fill.fill`.
    """
    if not views:
        raise SettingError("bake got no views", "at least one")
    total = torch.zeros(len(texels.index), device=texels.position.device)
    colour = total.new_zeros(len(total), views[0].picture.shape[-1])
    for view in views:
        chosen, seen, weight = back_project(texels, view, settings)
        colour.index_add_(0, chosen, seen * weight[:, None])
        total.index_add_(0, chosen, weight)
    return colour / total.clamp(min=1e-30)[:, None], total


def back_project(
    texels: Texels, view: View, settings: BakeSettings | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """What one picture says about the surface.

    Returns:
        (K,) int64 texels that it sees, ascending; (K, C) their colours; (K,) their weights, above 0.
    """
    settings = settings or BakeSettings()
    table = _pixel_table(texels, view, settings)
    limit = math.cos(math.radians(settings.max_angle))
    # Faces that look away are left out first: for most views that is half of the texels.
    centre = texels.vertices[texels.faces].mean(1)
    towards = (texels.facet * _to_eye(view.camera, centre)).sum(-1) > 0.5 * limit
    candidates = towards[texels.net_face].nonzero()[:, 0]
    chosen, colours, weights = [], [], []
    for part in candidates.split(_TEXELS_AT_ONCE):
        facing = (texels.normal[part] * _to_eye(view.camera, texels.position[part])).sum(-1)
        part, facing = part[facing > limit], facing[facing > limit]
        colour, say = _look_up(texels, part, view, table, settings)
        # From the limit on the cosine counts from zero, so that a view's say starts without a step.
        weight = facing**settings.sharpness * ((facing - limit) / 0.1).clamp(max=1) * say
        keep = weight > _LEAST
        chosen.append(part[keep])
        colours.append(colour[keep])
        weights.append(weight[keep] * view.weight)
    return torch.cat(chosen), torch.cat(colours), torch.cat(weights)


def _to_eye(camera: Camera, position: Tensor) -> Tensor:
    """(P, 3) or (1, 3) unit vectors from places to the camera."""
    back = view_matrix(camera)[2, :3].to(position.device)
    if camera.fov_degrees is None:
        return back[None]
    return F.normalize(back * camera.distance - position, dim=-1)


def _pixel_table(texels: Texels, view: View, settings: BakeSettings) -> Tensor:
    """(H + 2, W + 2, 4 + C) position, say (0 where there is nothing) and colour of each pixel, framed by zeros."""
    height, width, _ = view.picture.shape
    clip = clip_positions(texels.vertices, [view.camera], width / height)[0]
    fragments = rasterize(clip * clip.new_tensor([1, -1, 1, 1]), texels.faces, (height, width))
    position = interpolate(texels.vertices, texels.faces, fragments)[0]
    say = _say(fragments.mask[0], fragments.depth[0], view.camera, settings)
    if view.alpha is not None:
        say = say * view.alpha.to(say)
    table = torch.cat([position, say[..., None], view.picture.to(position)], -1)
    return F.pad(table, (0, 0, 1, 1, 1, 1))


def _say(covered: Tensor, depth: Tensor, camera: Camera, settings: BakeSettings) -> Tensor:
    """(H, W) how far each pixel is to be trusted: faint at outlines and depth edges, growing to 1 away from them."""
    height = len(covered)
    distance, footprint = _eye_distance(depth, camera, height)
    far = torch.where(covered, distance, torch.inf)
    padded = F.pad(far[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    centre = padded[1:-1, 1:-1]
    edge = ~covered
    for one, other in (
        (padded[1:-1, :-2], padded[1:-1, 2:]),
        (padded[:-2, 1:-1], padded[2:, 1:-1]),
    ):
        # The second difference is small on a slope and large at a step.
        bend = (one + other - 2 * centre).abs()
        edge |= ~(bend < 8 * footprint)
    distance_to_edge = _pixels_from(edge, int(settings.fade) + 1)
    ramp = ((distance_to_edge - 1) / settings.fade).clamp(0, 1)
    return torch.where(covered, ramp.square().clamp(min=_FAINT), 0.0)


def _eye_distance(depth: Tensor, camera: Camera, height: int) -> tuple[Tensor, Tensor]:
    """Distance along the line of sight, and the world size of a pixel there, from the rasteriser's depth."""
    ndc = (depth - 0.5) / 0.49999
    near, far = camera.near, camera.far
    if camera.fov_degrees is None:
        distance = (ndc * (far - near) + far + near) / 2
        return distance, torch.full_like(distance, camera.ortho_scale / height)
    distance = 2 * far * near / (far + near - ndc * (far - near))
    slope = 2 * math.tan(math.radians(camera.fov_degrees / 2)) / height
    return distance, distance * slope


def _pixels_from(edge: Tensor, reach: int) -> Tensor:
    """(H, W) float distance in pixels to the nearest true pixel, at most `reach`, with octagons for level lines."""
    result = torch.full(edge.shape, float(reach), device=edge.device)
    near = edge
    result[near] = 0.0
    for step in range(1, reach):
        wider = near | beside(near, 0) | beside(near, 1)
        if step % 2:  # a square step between plus-shaped ones
            rows = near | beside(near, 0)
            wider = rows | beside(rows, 1)
        result = torch.where(wider & ~near, float(step), result)
        near = wider
    return result


def _look_up(
    texels: Texels, part: Tensor, view: View, table: Tensor, settings: BakeSettings
) -> tuple[Tensor, Tensor]:
    """(K, C) colours and (K,) say of the texels `part` in one picture."""
    height, width, _ = view.picture.shape
    position, facet = texels.position[part], texels.facet[texels.net_face[part]]
    clip = clip_positions(position, [view.camera], width / height)[0]
    w = clip[:, 3].clamp(min=1e-6)
    x = (clip[:, 0] / w * 0.5 + 0.5) * (width - 1)
    y = (0.5 - clip[:, 1] / w * 0.5) * (height - 1)
    if view.camera.fov_degrees is None:
        footprint: Tensor | float = view.camera.ortho_scale / height
    else:
        footprint = w * (2 * math.tan(math.radians(view.camera.fov_degrees / 2)) / height)
    # A look-up outside the picture falls into the table's frame of zeros.
    left, top = x.floor().clamp(-1, width - 1), y.floor().clamp(-1, height - 1)
    right, down = (x - left).clamp(0, 1), (y - top).clamp(0, 1)
    first = (top.long() + 1) * (width + 2) + left.long() + 1
    table = table.view(-1, table.shape[-1])
    total = torch.zeros_like(x)
    say = torch.zeros_like(x)
    colour = x.new_zeros(len(x), table.shape[1] - 4)
    for dy, wy in ((0, 1 - down), (1, down)):
        for dx, wx in ((0, 1 - right), (1, right)):
            tap = table.index_select(0, first + (dy * (width + 2) + dx))
            off_plane = ((tap[:, :3] - position) * facet).sum(-1).abs()
            own = (tap[:, 3] > 0) & (off_plane < settings.tolerance * footprint)
            weight = wx * wy * own
            colour += tap[:, 4:] * weight[:, None]
            say += tap[:, 3] * weight
            total += weight
    scale = total.clamp(min=1e-6)
    # Less than a quarter of the look-up found its surface: what is left says little about this place.
    return colour / scale[:, None], torch.where(total > 0.25, say, say * total * 4)
