"""Training pictures: many small views of painted meshes, drawn, shaded and recentred together on one device.

Needs torch and numpy alone. Meshes are packed into groups; each group is rasterised in one call at a multiple
of the wanted size, its visible points are shaded in one go, and box filtering brings colour and matte down to
size. Random choices (camera, light, material, texture, matte faults) are drawn on the CPU for all pictures
beforehand, so they do not depend on the grouping or the device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.errors import SettingError
from maquette.render.camera import distance_to_fit, project, projection_matrices, view_matrices
from maquette.render.rasterize import Fragments, rasterize
from maquette.render.shade import corner_normals, face_normals, srgb_to_linear
from maquette.train.looks import Looks, SurfacePoints, draw_looks, noise_volume, shade_points
from maquette.train.meshes import PaintedMesh

_GREY = 0.04
_HOLLOW_GRID = 64
_CREASE_DEGREES = 40.0
_RECENTRE_AT_ONCE = 128


@dataclass(frozen=True)
class TrainingPictures:
    """Pictures of M meshes from K views each, and the cameras that took them.

    Attributes:
        rgba: (M, K, 4, S, S) uint8, straight alpha, the object wholly inside the frame.
        azimuth, elevation: (M, K) float32 degrees.
        fov: (M, K) float32 opening angle in degrees, 0 for an orthographic camera.
        distance: (M, K) float32 from the origin to the eye.
        ortho_scale: (M, K) float32 height of the view of orthographic cameras.
        depth: (M, K, S, S) float32 distance along the line of sight's axis, 0 where nothing is; None unless asked for.
    """

    rgba: Tensor
    azimuth: Tensor
    elevation: Tensor
    fov: Tensor
    distance: Tensor
    ortho_scale: Tensor
    depth: Tensor | None = None


@dataclass(frozen=True)
class MeshGroup:
    """Meshes packed end to end on the device: V vertices, F faces, n meshes."""

    vertices: Tensor  # (V, 3)
    faces: Tensor  # (F, 3)
    vertex_mesh: Tensor  # (V,)
    face_mesh: Tensor  # (F,)
    corner_rgb: Tensor  # (F, 3, 3)
    face_mr: Tensor  # (F, 2)
    radius: Tensor  # (n,) greatest distance from the origin
    low: Tensor  # (n,) least and greatest y
    high: Tensor


@dataclass(frozen=True)
class _Lens:
    """Where the cameras of a group stand and what they take in; each (n * K,)."""

    fov: Tensor
    distance: Tensor
    ortho_scale: Tensor
    near: Tensor
    far: Tensor


@dataclass(frozen=True)
class _Cameras:
    """n * K cameras of a group, mesh by mesh."""

    azimuth: Tensor
    elevation: Tensor
    fov: Tensor
    fill: Tensor  # share of the frame's half that the object reaches

    def rows(self, begin: int, end: int, device: torch.device) -> _Cameras:
        parts = (self.azimuth, self.elevation, self.fov, self.fill)
        return _Cameras(*(part[begin:end].to(device) for part in parts))


def render_training_pictures(
    meshes: Sequence[PaintedMesh],
    views_per_mesh: int,
    size: int,
    generator: torch.Generator,
    device: torch.device | str,
    *,
    supersample: int = 2,
    samples_at_once: int | None = None,
    appearance: tuple[Looks, Tensor] | None = None,
    with_depth: bool = False,
) -> TrainingPictures:
    """Draws random pictures of meshes, seen more or less from the front.

    Args:
        meshes: M meshes, centred near the origin, of any scale.
        views_per_mesh: K.
        size: S, height and width in pixels.
        generator: a CPU generator; the only source of randomness.
        device: where to draw; the result stays there.
        supersample: samples per pixel and axis.
        samples_at_once: picture samples held at a time; None is 2^20 on a CPU and 2^25 elsewhere (about 10
            GB).
        appearance: M * K looks and the noise volume of their textures, in place of drawing them.
        with_depth: keep the depth.

    Returns:
        The pictures and their cameras, all on `device`.

    Raises:
        SettingError: no meshes, an empty mesh, or a size or count below 1.
    """
    _check_request(meshes, views_per_mesh, size, supersample)
    device = torch.device(device)
    on_cpu = device.type == "cpu"
    samples = samples_at_once or (1 << 20 if on_cpu else 1 << 25)
    count = len(meshes) * views_per_mesh
    cameras = _draw_cameras(count, generator)
    looks, noise = appearance or (draw_looks(count, generator), noise_volume(generator, device))
    rgba = torch.empty(count, 4, size, size, dtype=torch.uint8, device=device)
    distance, ortho_scale = torch.empty(2, count, device=device)
    depth = torch.empty(count, size, size, device=device) if with_depth else None
    per_picture = (size * supersample) ** 2
    for first, last in _groups(meshes, views_per_mesh, max(1, samples // per_picture), samples // 16):
        rows = slice(first * views_per_mesh, last * views_per_mesh)
        group = pack_meshes(meshes[first:last], device)
        own = cameras.rows(rows.start, rows.stop, device)
        look = looks.rows(rows.start, rows.stop, device)
        view, turned, lens = _fit(group, own, views_per_mesh)
        fragments = _rasterize(group, lens, turned, size * supersample, 1 << 20 if on_cpu else 1 << 24)
        covered = F.avg_pool2d(fragments.mask[:, None].float(), supersample)
        rgba[rows] = _develop(_shade(group, fragments, look, view, lens, noise, supersample), covered, look)
        distance[rows], ortho_scale[rows] = lens.distance, lens.ortho_scale
        if depth is not None:
            thinned = (slice(None), *[slice(None, None, supersample)] * 2)
            depth[rows] = _eye_distance(fragments.depth[thinned], lens) * fragments.mask[thinned]
    shape = (len(meshes), views_per_mesh)
    azimuth, elevation, fov = (
        part.to(device).view(shape) for part in (cameras.azimuth, cameras.elevation, cameras.fov)
    )
    return TrainingPictures(
        rgba=rgba.view(*shape, 4, size, size),
        azimuth=azimuth,
        elevation=elevation,
        fov=fov,
        distance=distance.view(shape),
        ortho_scale=ortho_scale.view(shape),
        depth=None if depth is None else depth.view(*shape, size, size),
    )


def _check_request(meshes: Sequence[PaintedMesh], views_per_mesh: int, size: int, supersample: int) -> None:
    if not meshes or min(views_per_mesh, size, supersample) < 1:
        raise SettingError(
            "training pictures need at least one mesh and positive views_per_mesh, size, supersample"
        )
    for i, mesh in enumerate(meshes):
        if not len(mesh.faces):
            raise SettingError(f"mesh {i} of the training pictures has no faces")


def recentre_batch(rgba: Tensor, size: int, border_ratio: float = 0.15) -> Tensor:
    """Crops each picture to its object, centres it on a white square and resizes, all on the device.

    The longer side of the object's alpha box fills 1 - border_ratio of the result.

    Args:
        rgba: (N, 4, S, S) uint8, or float in [0, 1]; straight alpha. A picture without any alpha comes back
            white.
        size: side of the result in pixels.
        border_ratio: share of the side left free, both margins together.

    Returns:
        (N, 3, size, size) float32 in [-1, 1].
    """
    parts = [_recentre(part, size, border_ratio) for part in rgba.split(_RECENTRE_AT_ONCE)]
    return torch.cat(parts) if parts else rgba.new_zeros(0, 3, size, size, dtype=torch.float32)


def _recentre(rgba: Tensor, size: int, border_ratio: float) -> Tensor:
    _, _, height, width = rgba.shape
    picture = rgba.float() / 255 if rgba.dtype == torch.uint8 else rgba.float()
    alpha = picture[:, 3:]
    on_white = (picture[:, :3] - 1) * alpha  # zero is white, and so is all that lies outside
    seen = alpha[:, 0] > 0
    left, right = _extent(seen.any(1))
    top, bottom = _extent(seen.any(2))
    side = torch.maximum(right - left, bottom - top).clamp(min=1) / (1 - border_ratio)
    rows = _resampling((top + bottom) / 2, side, height, size)
    columns = _resampling((left + right) / 2, side, width, size)
    resampled = rows[:, None] @ on_white @ columns[:, None].transpose(-1, -2)
    return resampled.clamp(-1, 0) * 2 + 1


def _resampling(centre: Tensor, side: Tensor, source: int, target: int) -> Tensor:
    """(N, target, source) weights that cut `side` source pixels around `centre` (N,) and resize them to `target`.

    A cubic filter (Keys, a = -1/2) as wide as a target pixel where that is larger than a source pixel.
    """
    scale = (side / target)[:, None, None]
    margin = source // 2  # weights are normalised over more than the picture, since outside it is white too
    at = torch.arange(-margin, source + margin, device=centre.device) + 0.5
    place = (torch.arange(target, device=centre.device) + 0.5) / target - 0.5
    x = ((centre[:, None] + place * side[:, None])[..., None] - at).abs() / scale.clamp(min=1)
    weight = torch.where(x < 1, (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2)
    weight = torch.where(x < 2, weight, 0.0)
    weight = weight / weight.sum(-1, keepdim=True).clamp(min=0.1)
    return weight[..., margin : margin + source]


def _extent(line: Tensor) -> tuple[Tensor, Tensor]:
    """First and one past the last true entry of (N, L) rows, as floats."""
    length = line.shape[1]
    place = torch.arange(length, device=line.device)
    first = torch.where(line, place, length).amin(1)
    last = torch.where(line, place, -1).amax(1) + 1
    return first.float(), last.float()


def _draw_cameras(count: int, generator: torch.Generator) -> _Cameras:
    """Cameras around the front: mostly a little above and within 45 degrees to either side."""

    def normal(mean: float, sigma: float, low: float, high: float) -> Tensor:
        return (torch.randn(count, generator=generator) * sigma + mean).clamp(low, high)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    fov = torch.where(uniform(0, 1) < 0.15, 0.0, uniform(15, 50))
    return _Cameras(normal(0, 22, -45, 45), normal(15, 12, -8, 45), fov, uniform(0.7, 0.9))


def _groups(
    meshes: Sequence[PaintedMesh], views: int, picture_limit: int, face_limit: int
) -> Iterator[tuple[int, int]]:
    """Runs of meshes whose pictures and drawn faces stay within limits; at least one mesh each."""
    first = faces = 0
    for i, mesh in enumerate(meshes):
        own = len(mesh.faces) * views
        if i > first and ((i + 1 - first) * views > picture_limit or faces + own > face_limit):
            yield first, i
            first, faces = i, 0
        faces += own
    yield first, len(meshes)


def pack_meshes(meshes: Sequence[PaintedMesh], device: torch.device) -> MeshGroup:
    """M meshes as one, its vertices and faces in the order of the meshes, on `device`."""

    def joined(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(mesh, name) for mesh in meshes])).to(device)

    index = torch.arange(len(meshes), device=device)
    vertex_count = torch.tensor([len(mesh.vertices) for mesh in meshes], device=device)
    face_count = torch.tensor([len(mesh.faces) for mesh in meshes], device=device)
    face_mesh = index.repeat_interleave(face_count)
    vertex_mesh = index.repeat_interleave(vertex_count)
    first_vertex = vertex_count.cumsum(0) - vertex_count
    vertices = joined("vertices").float()
    nothing = torch.zeros(len(meshes), device=device)
    return MeshGroup(
        vertices=vertices,
        faces=joined("faces") + first_vertex[face_mesh][:, None],
        vertex_mesh=vertex_mesh,
        face_mesh=face_mesh,
        corner_rgb=joined("corner_rgb").float(),
        face_mr=joined("face_mr").float(),
        radius=nothing.scatter_reduce(0, vertex_mesh, vertices.norm(dim=-1), "amax").clamp(min=1e-6),
        low=nothing.scatter_reduce(0, vertex_mesh, vertices[:, 1], "amin", include_self=False),
        high=nothing.scatter_reduce(0, vertex_mesh, vertices[:, 1], "amax", include_self=False),
    )


def _fit(group: MeshGroup, cameras: _Cameras, views: int) -> tuple[Tensor, Tensor, _Lens]:
    """Turns the meshes in front of their cameras and finds how far back each must stand.

    Returns:
        (n * K, 3, 3) rotations from object to camera axes, (K, V, 3) turned positions, the lenses.
    """
    n = len(group.radius)
    zero = torch.zeros_like(cameras.azimuth)
    view = view_matrices(cameras.azimuth, cameras.elevation, zero)[:, :3, :3]
    turned = torch.einsum("vkij,vj->kvi", view.view(n, views, 3, 3)[group.vertex_mesh], group.vertices)
    flat = cameras.fov <= 0
    slope = torch.where(flat, 1.0, 1 / (cameras.fov.deg2rad() / 2).tan()) / cameras.fill
    index = group.vertex_mesh[None].expand(views, -1)
    spread = turned[..., :2].abs().amax(-1)

    def greatest(values: Tensor) -> Tensor:  # (K, V) -> (n * K,)
        return values.new_zeros(views, n).scatter_reduce(1, index, values, "amax").T.reshape(-1)

    needed = greatest(distance_to_fit(turned, slope.view(n, views).T[:, group.vertex_mesh]))
    radius = group.radius.repeat_interleave(views)
    distance = torch.where(flat, 3 * radius, torch.maximum(needed, 2 * radius))
    ortho_scale = 2 * greatest(spread).clamp(min=1e-6) / cameras.fill
    lens = _Lens(cameras.fov, distance, ortho_scale, distance - 1.01 * radius, distance + 1.01 * radius)
    return view, turned, lens


def _rasterize(group: MeshGroup, lens: _Lens, turned: Tensor, side: int, max_pairs: int) -> Fragments:
    """Draws every mesh into each of its pictures; face ids count view by view: id % F is the group's face."""
    views, vertex_count, _ = turned.shape
    matrices = projection_matrices(lens.fov, lens.ortho_scale, lens.near, lens.far)
    matrices[:, 1] = -matrices[:, 1]  # rows of the rasteriser grow upwards, rows of a picture downwards
    matrices = matrices.view(-1, views, 4, 4)[group.vertex_mesh]  # (V, K, 4, 4)
    back = lens.distance.view(-1, views).T[:, group.vertex_mesh]
    moved = torch.stack([turned[..., 0], turned[..., 1], turned[..., 2] - back], -1)
    clip = project(moved.transpose(0, 1).reshape(-1, 1, 3), matrices.reshape(-1, 4, 4))
    clip = clip.view(vertex_count, views, 4).transpose(0, 1).reshape(-1, 4)
    view = torch.arange(views, device=clip.device)[:, None]
    faces = (group.faces[None] + view[..., None] * vertex_count).reshape(-1, 3)
    image = (group.face_mesh[None] * views + view).reshape(-1)
    return rasterize(
        clip, faces, (side, side), face_image=image, image_count=len(lens.distance), max_pairs=max_pairs
    )


@dataclass(frozen=True)
class _Samples:
    """The samples worth shading: P of N pictures of S x S pixels, the first of every face in every pixel.

    Shading once per face and pixel instead of once per sample costs a third and looks the same: a face seen
    twice within one pixel has nearly the same colour there.
    """

    place: Tensor  # (P,) int64 flat index into (N, S, S, supersample^2)
    flat: Tensor  # (P,) int64 flat index into the (N, S * supersample, S * supersample) fragments
    weight: Tensor  # (P, 1) share of the pixel
    picture: Tensor  # (P,)
    pixel: Tensor  # (P,) flat index into (N, S, S)


def _pick_samples(face_id: Tensor, supersample: int) -> _Samples:
    count, side, _ = face_id.shape
    size, area = side // supersample, supersample**2
    blocks = face_id.view(count, size, supersample, size, supersample).transpose(2, 3).reshape(-1, area)
    weight = torch.zeros_like(blocks)
    earlier = blocks < 0
    for i in range(area):
        same = blocks == blocks[:, i : i + 1]
        weight[:, i] = same.sum(-1)
        earlier[:, i + 1 :] |= same[:, i + 1 :]
    place = (~earlier).view(-1).nonzero()[:, 0]
    pixel, inner = place // area, place % area
    picture, row, column = pixel // (size * size), pixel // size % size, pixel % size
    row, column = row * supersample + inner // supersample, column * supersample + inner % supersample
    share = weight.view(-1)[place][:, None] / area
    return _Samples(place, (picture * side + row) * side + column, share, picture, pixel)


def _shade(
    group: MeshGroup,
    fragments: Fragments,
    looks: Looks,
    view: Tensor,
    lens: _Lens,
    noise: Tensor,
    supersample: int,
) -> Tensor:
    """(N, 3, S, S) sRGB colour of every pixel times its coverage."""
    count, side, _ = fragments.face_id.shape
    size = side // supersample
    samples = _pick_samples(fragments.face_id, supersample)
    points = _surface(group, fragments, samples, view, lens, size)
    colour = view.new_zeros(count * size * size * supersample**2, 3)
    colour[samples.place] = shade_points(points, looks, view, noise) * samples.weight
    return colour.view(count, size, size, supersample**2, 3).sum(3).permute(0, 3, 1, 2)


def _surface(
    group: MeshGroup, fragments: Fragments, samples: _Samples, view: Tensor, lens: _Lens, size: int
) -> SurfacePoints:
    """What the mesh is like at each sample."""
    picture = samples.picture
    face = fragments.face_id.view(-1)[samples.flat] % len(group.faces)
    mesh = group.face_mesh[face]
    corners = torch.cat(
        [
            group.vertices[group.faces],
            corner_normals(group.vertices, group.faces, _CREASE_DEGREES),
            srgb_to_linear(group.corner_rgb),
        ],
        -1,
    )  # (F, 3, 9)
    values = torch.einsum("pi,pic->pc", fragments.bary.view(-1, 3)[samples.flat], corners[face])
    position, normal, colour = values.split(3, -1)
    facet = face_normals(group.vertices, group.faces)[face]
    back = view[:, 2]  # the direction from the origin to the eye
    # An orthographic eye is as good as infinitely far away.
    far_away = torch.where(lens.fov > 0, lens.distance, 1e4 * lens.distance)
    to_eye = F.normalize((back * far_away[:, None])[picture] - position, dim=-1)
    outward = torch.where((facet * to_eye).sum(-1, keepdim=True) < 0, -1.0, 1.0)
    radius = group.radius[mesh][:, None]
    around = _surroundings(fragments, lens, size).view(-1, 1)[samples.pixel]
    behind = lens.distance[picture][:, None] - (back[picture] * position).sum(-1, keepdim=True) - around
    spread = (group.corner_rgb.amax(-1) - group.corner_rgb.amin(-1)).amax(-1)
    colourful = torch.zeros_like(group.radius).scatter_reduce(0, group.face_mesh, spread, "amax")
    height = (position[:, 1] - group.low[mesh]) / (group.high - group.low).clamp(min=1e-6)[mesh]
    return SurfacePoints(
        picture=picture,
        position=position / radius,
        normal=F.normalize(normal, dim=-1) * outward,
        facet=facet * outward,
        to_eye=to_eye,
        colour=colour,
        grey=(colourful < _GREY).float()[mesh][:, None],
        metal_rough=group.face_mr[face],
        hollow=(behind / radius * 4).clamp(0, 1),
        height=height[:, None].clamp(0, 1),
    )


def _surroundings(fragments: Fragments, lens: _Lens, size: int) -> Tensor:
    """(N, S, S) mean distance from the eye's plane of what is seen around each pixel."""
    pool = max(1, fragments.depth.shape[-1] // _HOLLOW_GRID)
    planes = torch.stack([fragments.depth * fragments.mask, fragments.mask.float()], 1)
    small = F.avg_pool2d(planes, pool)
    for _ in range(2):
        small = F.avg_pool2d(small, 5, stride=1, padding=2)
    z = (small[:, 0] / small[:, 1].clamp(min=1e-3)).clamp(0, 1)
    distance = _eye_distance(z, lens)
    return F.interpolate(distance[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0]


def _eye_distance(depth: Tensor, lens: _Lens) -> Tensor:
    """(N, H, W) distance from the eye's plane at depths in [0, 1]."""
    near, far, flat = (part[:, None, None] for part in (lens.near, lens.far, lens.fov <= 0))
    return torch.where(flat, torch.lerp(near, far, depth), near * far / torch.lerp(far, near, depth))


def _develop(premultiplied: Tensor, alpha: Tensor, looks: Looks) -> Tensor:
    """Gives the matte its faults: backdrop left in the fringe, growth, shrinkage.

    Args:
        premultiplied: (N, 3, S, S) sRGB times coverage.
        alpha: (N, 1, S, S) coverage.

    Returns:
        (N, 4, S, S) uint8, straight alpha.
    """
    side = alpha.shape[-1]
    ramp = torch.linspace(0, 1, side, device=alpha.device)[:, None].expand(side, side)
    top, bottom = looks.backdrop[:, :, :, None, None].unbind(1)
    backdrop = torch.lerp(top, bottom, ramp)
    clean = premultiplied / alpha.clamp(min=1e-4)
    # A matte that grew shows what lies next to the object; without a backdrop that is the object's own
    # colour.
    spilled = F.avg_pool2d(premultiplied, 3, 1, 1) / F.avg_pool2d(alpha, 3, 1, 1).clamp(min=1e-4)
    clean = torch.where(alpha > 0, clean, spilled)
    share, growth = looks.fringe[:, :, None, None, None].unbind(1)
    rgb = torch.lerp(clean, premultiplied + (1 - alpha) * backdrop, share)
    grown, shrunk = F.max_pool2d(alpha, 3, 1, 1), -F.max_pool2d(-alpha, 3, 1, 1)
    faulty = torch.where(growth > 0, torch.lerp(alpha, grown, growth), torch.lerp(alpha, shrunk, -growth))
    # Thin parts must not vanish.
    matte = torch.where(share > 0, torch.maximum(faulty, alpha - 0.5), alpha)
    return (torch.cat([rgb, matte], 1).clamp(0, 1) * 255 + 0.5).to(torch.uint8)
