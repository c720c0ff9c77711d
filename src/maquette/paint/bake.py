"""Pictures of a mesh from known cameras become colours on its texture sheet.

Each texel looks itself up in every picture. It counts a picture's pixel as its own when the surface seen there lies
in the texel's tangent plane, within a tolerance of a pixel or so, which holds on steep slopes as well as on flat
ones; of the four pixels that a bilinear look-up mixes only those take part, so that neither the background nor an
occluder bleeds in. A picture's say is a power of the cosine of the angle of sight, and fades towards outlines and
depth edges in the picture; all weights are continuous over the surface, so that no line shows where one picture
hands over to the next, nor where two charts of the sheet meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.errors import SettingError
from maquette.paint.texels import Texels
from maquette.render.camera import Camera, clip_positions, view_matrix
from maquette.render.rasterize import interpolate, rasterize

_TEXELS_AT_ONCE = 1 << 19
_FAINT = 1e-3


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
    return colour / total.clamp(min=1e-12)[:, None], total


def back_project(
    texels: Texels, view: View, settings: BakeSettings | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """What one picture says about the surface.

    Returns:
        (K,) int64 texels that it sees, ascending; (K, C) their colours; (K,) their weights, above 0.
    """
    settings = settings or BakeSettings()
    table, width = _pixel_table(texels, view, settings)
    to_eye = _directions_to_eye(view.camera, texels)
    facing = (texels.normal * to_eye).sum(-1)
    limit = torch.tensor(settings.max_angle).deg2rad().cos().item()
    facet = texels.facet[texels.net_face]
    candidates = ((facing > limit) & ((facet * to_eye).sum(-1) > 0.5 * limit)).nonzero()[:, 0]
    chosen, colours, weights = [], [], []
    for part in candidates.split(_TEXELS_AT_ONCE):
        colour, say = _look_up(texels, part, facet[part], view, table, width, settings)
        # From the limit on the cosine counts from zero, so that a view's say starts without a step.
        weight = (facing[part] ** settings.sharpness * ((facing[part] - limit) / 0.1).clamp(max=1)) * say
        keep = weight > 0
        chosen.append(part[keep])
        colours.append(colour[keep])
        weights.append(weight[keep] * view.weight)
    if not chosen:
        none = candidates
        return none, view.picture.new_zeros(0, view.picture.shape[-1]), facing.new_zeros(0)
    return torch.cat(chosen), torch.cat(colours), torch.cat(weights)


def _directions_to_eye(camera: Camera, texels: Texels) -> Tensor:
    """(T, 3) or (1, 3) unit vectors from the surface to the camera."""
    back = view_matrix(camera)[2, :3].to(texels.position.device)
    if camera.fov_degrees is None:
        return back[None]
    return F.normalize(back * camera.distance - texels.position, dim=-1)


def _pixel_table(texels: Texels, view: View, settings: BakeSettings) -> tuple[Tensor, int]:
    """(H * W, 4 + C) what each pixel shows: position, say (0 where there is nothing), colour; and the width W."""
    height, width, _ = view.picture.shape
    clip = clip_positions(texels.vertices, [view.camera], width / height)[0]
    fragments = rasterize(clip * clip.new_tensor([1, -1, 1, 1]), texels.faces, (height, width))
    position = interpolate(texels.vertices, texels.faces, fragments)[0]
    say = _say(fragments.mask[0], fragments.depth[0], view.camera, settings)
    if view.alpha is not None:
        say = say * view.alpha.to(say)
    table = torch.cat([position, say[..., None], view.picture.to(position)], -1)
    return table.view(height * width, -1), width


def _say(covered: Tensor, depth: Tensor, camera: Camera, settings: BakeSettings) -> Tensor:
    """(H, W) how far each pixel is to be trusted: faint at outlines and depth edges, growing to 1 away from them."""
    height = len(covered)
    distance, footprint = _eye_distance(depth, camera, height)
    far = torch.where(covered, distance, torch.inf)
    # A step to the nearest of the neighbours marks the farther side only: the near side owns its pixels up to its
    # outline, where a picture that was smoothed mixes both.
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
    slope = 2 * torch.tensor(camera.fov_degrees / 2).deg2rad().tan().item() / height
    return distance, distance * slope


def _pixels_from(edge: Tensor, reach: int) -> Tensor:
    """(H, W) float chessboard-and-diamond distance in pixels to the nearest true pixel, at most `reach`."""
    near = edge.float()[None, None]
    result = torch.full_like(near, reach)
    result = torch.where(near > 0, 0.0, result)
    for step in range(1, reach):
        if step % 2:
            near = F.max_pool2d(near, 3, 1, 1)
        else:  # a plus-shaped step between square ones makes the level lines octagons
            near = torch.maximum(F.max_pool2d(near, (3, 1), 1, (1, 0)), F.max_pool2d(near, (1, 3), 1, (0, 1)))
        result = torch.where((near > 0) & (result > step), float(step), result)
    return result[0, 0]


def _look_up(
    texels: Texels,
    part: Tensor,
    facet: Tensor,
    view: View,
    table: Tensor,
    width: int,
    settings: BakeSettings,
) -> tuple[Tensor, Tensor]:
    """(K, C) colours and (K,) say of the texels `part` in one picture."""
    height = len(table) // width
    position = texels.position[part]
    clip = clip_positions(position, [view.camera], width / height)[0]
    w = clip[:, 3].clamp(min=1e-6)
    x = (clip[:, 0] / w * 0.5 + 0.5) * (width - 1)
    y = (0.5 - clip[:, 1] / w * 0.5) * (height - 1)
    if view.camera.fov_degrees is None:
        footprint: Tensor | float = view.camera.ortho_scale / height
    else:
        footprint = w * (2 * torch.tensor(view.camera.fov_degrees / 2).deg2rad().tan().item() / height)
    left, top = x.floor(), y.floor()
    right, down = x - left, y - top
    total = torch.zeros_like(x)
    say = torch.zeros_like(x)
    colour = x.new_zeros(len(x), table.shape[1] - 4)
    for dy, wy in ((0, 1 - down), (1, down)):
        for dx, wx in ((0, 1 - right), (1, right)):
            column, row = (left + dx).long(), (top + dy).long()
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            pixel = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            tap = table[pixel]
            off_plane = ((tap[:, :3] - position) * facet).sum(-1).abs()
            own = inside & (tap[:, 3] > 0) & (off_plane < settings.tolerance * footprint)
            weight = wx * wy * own
            colour += tap[:, 4:] * weight[:, None]
            say += tap[:, 3] * weight
            total += weight
    scale = total.clamp(min=1e-6)
    # Less than a quarter of the look-up found its surface: what is left says little about this place.
    return colour / scale[:, None], torch.where(total > 0.25, say, say * total * 4)
