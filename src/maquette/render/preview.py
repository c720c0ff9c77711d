"""Pictures of meshes for people: single views, contact sheets, turntables.

A studio look that flatters plain clay and textured assets alike: a warm key light and a cool rim that travel
with the camera, a broad sky, ambient occlusion from the depth picture, a soft shadow on the ground, a tone curve
that keeps base colours, and two by two samples a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from maquette.errors import MeshError, OutputError, SettingError
from maquette.render.camera import Camera, clip_positions, frame_cameras, view_matrix
from maquette.render.material import Surface, read_surface, sample_texture
from maquette.render.rasterize import Fragments, interpolate, rasterize
from maquette.render.shade import face_normals, linear_to_srgb, neutral, reflect_light, reflect_sky

if TYPE_CHECKING:
    import trimesh

SHEET_VIEWS = ((0, 5), (45, 25), (90, 5), (135, 25), (180, 5), (225, 25), (315, 25), (0, 89))
"""Azimuth and elevation of the eight views of a contact sheet: front, around, and the top."""

_COMPARED_VIEWS = ((0, 10), (40, 20), (-40, 20), (180, 10))
_FOV = 30.0
_SAMPLES_AT_ONCE = 1 << 20
# Directions in camera axes (x right, y up, z towards the eye) and linear colours.
_KEY, _KEY_COLOUR = (-0.6, 0.75, 0.6), (1.5, 1.44, 1.36)
_RIM, _RIM_COLOUR = (0.75, 0.45, -0.6), (0.85, 0.95, 1.1)
_SKY, _GROUND = (0.64, 0.67, 0.71), (0.42, 0.39, 0.37)
_EXPOSURE = 0.66
_SHADOW_GRID = 96
_SHADOW_STRENGTH = 0.5
_BACKDROP_TOP, _BACKDROP_BOTTOM = (0.925, 0.925, 0.92), (0.80, 0.80, 0.805)


def render_views(
    mesh: trimesh.Trimesh,
    cameras: Sequence[Camera],
    size: int = 512,
    *,
    ground: bool = False,
    supersample: int = 2,
    device: torch.device | str = "cpu",
) -> list[Image.Image]:
    """Draws a mesh from several cameras.

    Args:
        mesh: in world coordinates; the cameras look at the origin.
        cameras: one per picture.
        size: side of the square pictures in pixels.
        ground: lay a soft shadow on the ground below the mesh.
        supersample: samples per pixel and axis.
        device: where to draw.

    Returns:
        RGBA pictures with straight alpha, transparent where nothing is seen.

    Raises:
        MeshError: the mesh has nothing to draw.
        SettingError: size or supersample below 1.
    """
    if min(size, supersample) < 1:
        raise SettingError(f"preview size {size} and supersample {supersample}", "both must be at least 1")
    surface = read_surface(mesh, device, max_texture=max(256, 4 * size))
    shadow = _ground_shadow(surface) if ground else None
    pictures = []
    at_once = max(1, _SAMPLES_AT_ONCE // (size * supersample) ** 2)
    for first in range(0, len(cameras), at_once):
        for rgba in _draw(surface, cameras[first : first + at_once], size, supersample, shadow).cpu().numpy():
            pictures.append(Image.fromarray(rgba, "RGBA"))
    return pictures


def contact_sheet(
    mesh: trimesh.Trimesh, columns: int = 4, tile: int = 384, *, device: torch.device | str = "cpu"
) -> Image.Image:
    """Eight views of a mesh on one light sheet.

    Args:
        mesh: of any size and position; it is centred and framed.
        columns: tiles in a row.
        tile: side of a tile in pixels.
        device: where to draw.

    Returns:
        An RGB picture.

    Raises:
        MeshError: the mesh has nothing to draw.
        SettingError: columns or tile below 1.
    """
    if columns < 1:
        raise SettingError(f"contact sheet columns is {columns}", "at least 1")
    return _sheet(_tiles(mesh, SHEET_VIEWS, tile, device), columns, tile)


def side_by_side(
    meshes: Sequence[trimesh.Trimesh], tile: int = 384, *, device: torch.device | str = "cpu"
) -> Image.Image:
    """Several meshes to compare: a row for each, from the front, from two sides and from behind.

    Args:
        meshes: of any size and position; each is centred and framed by itself.
        tile: side of a tile in pixels.
        device: where to draw.

    Returns:
        An RGB picture.

    Raises:
        MeshError: a mesh has nothing to draw.
        SettingError: tile below 1, or no meshes.
    """
    if not meshes:
        raise SettingError("there are no meshes to compare", "at least one")
    tiles = [picture for mesh in meshes for picture in _tiles(mesh, _COMPARED_VIEWS, tile, device)]
    return _sheet(tiles, len(_COMPARED_VIEWS), tile)


def _tiles(
    mesh: trimesh.Trimesh, views: Sequence[tuple[float, float]], tile: int, device: torch.device | str
) -> list[Image.Image]:
    """Pictures of a mesh, centred and framed, from azimuths and elevations."""
    centred = _centred(mesh)
    cameras = frame_cameras(torch.tensor(centred.vertices), views, _FOV, fill=0.92)
    return render_views(centred, cameras, tile, ground=True, device=device)


def _sheet(tiles: Sequence[Image.Image], columns: int, tile: int) -> Image.Image:
    """RGBA tiles on their backdrops, row by row on white."""
    gap = max(1, tile // 48)
    rows = math.ceil(len(tiles) / columns)
    sheet = Image.new("RGB", (columns * (tile + gap) + gap, rows * (tile + gap) + gap), (255, 255, 255))
    backdrop = _backdrop(tile)
    for i, picture in enumerate(tiles):
        place = (gap + i % columns * (tile + gap), gap + i // columns * (tile + gap))
        sheet.paste(Image.alpha_composite(backdrop, picture).convert("RGB"), place)
    return sheet


def turntable(
    mesh: trimesh.Trimesh,
    frames: int = 36,
    size: int = 360,
    *,
    elevation: float = 18.0,
    device: torch.device | str = "cpu",
) -> list[Image.Image]:
    """One full turn around a mesh, starting at the front.

    Args:
        mesh: of any size and position; it is centred and framed.
        frames: number of pictures.
        size: side of a picture in pixels.
        elevation: of the camera, in degrees.
        device: where to draw.

    Returns:
        RGB pictures.

    Raises:
        MeshError: the mesh has nothing to draw.
        SettingError: frames or size below 1.
    """
    if frames < 1:
        raise SettingError(f"turntable frames is {frames}", "at least 1")
    centred = _centred(mesh)
    views = [(360 * i / frames, elevation) for i in range(frames)]
    cameras = frame_cameras(torch.tensor(centred.vertices), views, _FOV, fill=0.92)
    backdrop = _backdrop(size)
    pictures = render_views(centred, cameras, size, ground=True, device=device)
    return [Image.alpha_composite(backdrop, picture).convert("RGB") for picture in pictures]


def save_turntable(frames: Sequence[Image.Image], path: str | Path, duration_ms: int = 80) -> None:
    """Writes pictures as an endlessly looping GIF with one palette fitted to all of them.

    Raises:
        SettingError: there are no frames.
        OutputError: the file cannot be written.
    """
    if not frames:
        raise SettingError("a turntable needs at least one frame")
    # One palette for all frames, from every few of them side by side: separate ones would flicker. It covers
    # the range of colours first, because the backdrop would otherwise take nearly all of its entries.
    chosen = [frame.convert("RGB") for frame in frames[:: max(1, len(frames) // 8)]]
    width, height = chosen[0].size
    strip = Image.new("RGB", (width * len(chosen), height))
    for i, frame in enumerate(chosen):
        strip.paste(frame, (i * width, 0))
    palette = strip.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=2)
    indexed = [
        frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for frame in frames
    ]
    try:
        indexed[0].save(
            path,
            format="GIF",
            save_all=True,
            append_images=indexed[1:],
            duration=duration_ms,
            loop=0,
            optimize=False,
        )
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def _centred(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """A copy with its bounding box around the origin, inside [-1, 1]; broken vertices go to the origin.

    Raises:
        MeshError: no vertex is finite.
    """
    vertices: NDArray[np.float64] = np.array(mesh.vertices, np.float64).reshape(-1, 3)
    usable = np.asarray(np.isfinite(vertices).all(axis=1))
    if not usable.any():
        raise MeshError("the mesh has no vertices to draw", "check that it was read and cleaned properly")
    low, high = vertices[usable].min(0), vertices[usable].max(0)
    vertices = np.where(usable[:, None], vertices - (low + high) / 2, 0)
    moved = mesh.copy()
    moved.vertices = vertices / max(float(np.abs(vertices).max()), 1e-12)
    return moved


def _backdrop(size: int) -> Image.Image:
    ramp = np.linspace(0, 1, size)[:, None, None]
    colour = (1 - ramp) * np.array(_BACKDROP_TOP) + ramp * np.array(_BACKDROP_BOTTOM)
    rgb = np.broadcast_to((colour * 255).round().astype(np.uint8), (size, size, 3))
    return Image.fromarray(np.ascontiguousarray(rgb)).convert("RGBA")


def _draw(
    surface: Surface, cameras: Sequence[Camera], size: int, supersample: int, shadow: Tensor | None
) -> Tensor:
    """(N, S, S, 4) uint8 pictures, straight alpha."""
    side, count, face_count = size * supersample, len(cameras), len(surface.faces)
    clip = clip_positions(surface.vertices, cameras) * surface.vertices.new_tensor([1, -1, 1, 1])
    picture = torch.arange(count, device=clip.device)
    faces = surface.faces + (picture * len(surface.vertices))[:, None, None]
    fragments = rasterize(
        clip.view(-1, 4),
        faces.view(-1, 3),
        (side, side),
        face_image=picture.repeat_interleave(face_count),
        image_count=count,
    )
    fragments = Fragments(
        torch.where(fragments.mask, fragments.face_id % face_count, -1), fragments.bary, fragments.depth
    )
    colour = _shade(surface, cameras, fragments)
    rgb = F.avg_pool2d(colour.permute(0, 3, 1, 2), supersample)
    alpha = F.avg_pool2d(fragments.mask[:, None].float(), supersample)
    if shadow is not None:
        # The shadow is black light behind the object: it adds to the alpha and not to the colour.
        alpha = (
            alpha
            + (1 - alpha) * torch.stack([_see_shadow(surface, shadow, c, size) for c in cameras])[:, None]
        )
    rgba = torch.cat([rgb / alpha.clamp(min=1e-4), alpha], 1).clamp(0, 1)
    return (rgba * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _shade(surface: Surface, cameras: Sequence[Camera], fragments: Fragments) -> Tensor:
    """(N, H, W, 3) sRGB colour of every sample, zero where empty."""
    corners = torch.arange(3 * len(surface.faces), device=surface.faces.device).view(-1, 3)
    table = torch.cat([surface.vertices[surface.faces], surface.normals, surface.base, surface.uv], -1).view(
        -1, 11
    )
    dense = interpolate(table, corners, fragments)
    covered = fragments.mask
    position, normal, base, uv = dense[covered].split([3, 3, 3, 2], -1)
    which = covered.nonzero()[:, 0]
    rotation = torch.stack([view_matrix(c)[:3, :3] for c in cameras]).to(position.device)
    reach = torch.tensor([1e4 if c.fov_degrees is None else 1.0 for c in cameras], device=position.device)
    distance = torch.tensor([c.distance for c in cameras], device=position.device) * reach
    to_eye = F.normalize((rotation[:, 2] * distance[:, None])[which] - position, dim=-1)
    facet = face_normals(surface.vertices, surface.faces)[fragments.face_id[covered]]
    normal = F.normalize(normal, dim=-1) * torch.where((facet * to_eye).sum(-1, keepdim=True) < 0, -1.0, 1.0)
    if surface.base_map is not None:
        base = base * sample_texture(surface.base_map, uv)
    metal_rough = surface.metal_rough.expand(len(position), 2)
    if surface.metal_rough_map is not None:
        metal_rough = metal_rough * sample_texture(surface.metal_rough_map, uv)
    metallic, roughness = metal_rough.split(1, -1)
    dense[..., 3:6][covered] = normal
    open_sky = _ambient_occlusion(dense[..., :3], dense[..., 3:6], covered)[covered][:, None]

    material = (base, metallic, roughness)
    sky, ground = (position.new_tensor(c) for c in (_SKY, _GROUND))
    light = reflect_sky(normal, to_eye, *material, sky, ground) * open_sky
    for direction, colour, shelter in ((_KEY, _KEY_COLOUR, 0.5), (_RIM, _RIM_COLOUR, 0.5)):
        to_light = F.normalize(position.new_tensor(direction), dim=0) @ rotation  # camera axes to world axes
        lit = reflect_light(normal, to_eye, to_light[which], *material) * position.new_tensor(colour)
        light = light + lit * torch.lerp(torch.ones_like(open_sky), open_sky, shelter)
    out = dense.new_zeros(*covered.shape, 3)
    out[covered] = linear_to_srgb(neutral(light * _EXPOSURE))
    return out


def _ambient_occlusion(position: Tensor, normal: Tensor, covered: Tensor) -> Tensor:
    """How much of the sky each sample sees, from the positions of the samples around it.

    Computed on every second sample with a pattern of taps that turns from sample to sample, then blurred over
    the pattern's period. Occluders further off than a fraction of the object do not count.

    Args:
        position, normal: (N, H, W, 3).
        covered: (N, H, W) bool.

    Returns:
        (N, H, W) in [0, 1].
    """
    _, height, width, _ = position.shape
    step = 2 if min(height, width) >= 64 else 1
    coarse = (slice(None), slice(None, None, step), slice(None, None, step))
    seen = covered[coarse]
    n, y, x = seen.nonzero().unbind(-1)
    here, up = position[coarse][seen], normal[coarse][seen]
    if not len(n):
        return torch.ones_like(covered, dtype=torch.float32)
    reach = 0.35 * (here.amax(0) - here.amin(0)).max().clamp(min=1e-6)
    turn = ((x % 4) * 4 + (y % 4)) * (math.pi / 8 / 4)
    rows, columns = seen.shape[1:]
    blocked = torch.zeros_like(here[:, 0])
    taps = 16
    for i in range(taps):
        angle = turn + i * 2.399963  # the golden angle spreads the taps evenly
        radius = 0.14 * max(rows, columns) * ((i + 0.5) / taps) ** 1.5 + 1
        there_y = (y + angle.sin() * radius).round().long().clamp(0, rows - 1)
        there_x = (x + angle.cos() * radius).round().long().clamp(0, columns - 1)
        way = position[coarse][n, there_y, there_x] - here
        length = way.norm(dim=-1).clamp(min=1e-6)
        rise = ((way * up).sum(-1) / length - 0.12).clamp(min=0)
        blocked += rise * (1 - length / reach).clamp(min=0) * seen[n, there_y, there_x]
    sky = torch.zeros_like(seen, dtype=torch.float32)
    sky[seen] = (1 - 2.2 * blocked / taps).clamp(0.1, 1)
    weight = F.avg_pool2d(F.pad(seen.float(), (2, 1, 2, 1)), 4, 1)
    smooth = F.avg_pool2d(F.pad(sky, (2, 1, 2, 1)), 4, 1) / weight.clamp(min=1e-3)
    smooth = torch.where(weight > 0, smooth, 1.0)
    return F.interpolate(smooth[:, None], (height, width), mode="bilinear", align_corners=False)[:, 0]


def _ground_shadow(surface: Surface) -> Tensor:
    """(G, G) darkness of the ground under the mesh, over a square of twice its size; rows follow z.

    The mesh is seen from straight below; the higher its underside, the fainter and softer its shadow.
    """
    low, high = surface.vertices.amin(0), surface.vertices.amax(0)
    reach = 2 * (high - low)[[0, 2]].max().clamp(min=1e-6)
    centre = (low + high) / 2
    x, z = ((surface.vertices[:, i] - centre[i]) / reach * 2 for i in (0, 2))
    above = (surface.vertices[:, 1] - low[1]) / reach
    clip = torch.stack([x, z, above.clamp(0, 1) * 2 - 1, torch.ones_like(x)], -1)
    fragments = rasterize(clip, surface.faces, (_SHADOW_GRID, _SHADOW_GRID))
    gap = (fragments.depth - 1e-5).clamp(min=0)
    contact = torch.where(fragments.mask, torch.exp(-gap * 14), 0.0)[:, None]
    broad = torch.where(fragments.mask, torch.exp(-gap * 5), 0.0)[:, None]

    def blurred(darkness: Tensor, width: int) -> Tensor:
        for _ in range(3):  # three boxes make nearly a Gaussian
            darkness = F.avg_pool2d(darkness, width, 1, width // 2)
        return darkness

    return (0.55 * blurred(contact, 3) + 0.75 * blurred(broad, 13)).clamp(0, 1)[0, 0] * _SHADOW_STRENGTH


def _see_shadow(surface: Surface, shadow: Tensor, camera: Camera, size: int) -> Tensor:
    """(S, S) darkness of the ground as a camera sees it; none from below."""
    low, high = surface.vertices.amin(0), surface.vertices.amax(0)
    right, up, back = view_matrix(camera)[:3, :3].to(shadow.device)
    axis = (torch.arange(size, device=shadow.device) + 0.5) / size * 2 - 1
    half = (
        camera.ortho_scale / 2
        if camera.fov_degrees is None
        else math.tan(math.radians(camera.fov_degrees) / 2)
    )
    plane = (right * axis[None, :, None] - up * axis[:, None, None]) * half
    eye = back * camera.distance
    if camera.fov_degrees is None:
        origin, way = eye + plane, -back.expand(size, size, 3)
    else:
        origin, way = eye.expand(size, size, 3), plane - back
    falling = way[..., 1] < -1e-4
    t = (low[1] - origin[..., 1]) / torch.where(falling, way[..., 1], -1.0)
    hit = origin + way * t[..., None]
    reach = 2 * (high - low)[[0, 2]].max().clamp(min=1e-6)
    place = ((hit - (low + high) / 2) / reach * 2)[..., [0, 2]]
    dark = F.grid_sample(shadow[None, None], place[None], align_corners=True, padding_mode="zeros")[0, 0]
    # Seen at a grazing angle the ground fades out, so that its far edge never shows.
    grazing = (-F.normalize(way, dim=-1)[..., 1] / 0.15).clamp(0, 1)
    return torch.where(falling & (t > 0), dark * grazing, 0.0)
