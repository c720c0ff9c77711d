"""The painter without weights: what the pictures see is painted, the rest is mirrored or continued.

For each picture the camera is found by the outline (`maquette.render.pose`). A shape made from one picture never fits
it exactly, so the picture is bent, as little as can be, until its outline is the shape's; nothing of the background
lands on the shape and no rim stays bare; and its shading is taken out (`maquette.paint.shading`). What no picture sees
comes from the same pictures as a mirror would show them, left for right, and front for back, where the shape is alike
from both; what is left continues the colours around it over the surface. All of it is deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maquette.paint.bake import BakeSettings, View, back_project
from maquette.paint.bend import bend
from maquette.paint.compose import Source, compose
from maquette.paint.fill import fill, fill_between_charts
from maquette.paint.hints import MIRRORED
from maquette.paint.ready import with_coordinates
from maquette.paint.shading import without_shading
from maquette.paint.texels import Texels, lay_out
from maquette.picture.cutout import Cutout
from maquette.render.camera import clip_positions
from maquette.render.material import shading_normals
from maquette.render.pose import Pose, find_camera, framed_camera, object_box, surface_points
from maquette.render.rasterize import Fragments, interpolate, rasterize
from maquette.runtime.progress import OnProgress

if TYPE_CHECKING:
    import trimesh

    from maquette.paint.pipeline import PaintSettings

AZIMUTHS = {"front": 0.0, "left": 90.0, "back": 180.0, "right": 270.0}
"""Where the camera of each view is expected; left is the object's own left."""

_BEND_GRID = 256
# Of what mirrors show: one beside the object, two behind it, two at its sides.
_RANKS = (2e-2, 4e-4, 1e-5, 1e-6, 5e-7)
_BEHIND = np.diag([1.0, 1.0, -1.0])
_QUARTER_TURN = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
_ALIKE = 0.05  # of the shape's size: how far sides may differ and still count as alike
_ROUGHNESS = (0.72, 0.38)  # of matte places, and of highlights
_METAL_ROUGH_SIDE = 1024
_BAKE = BakeSettings(sharpness=3.0, max_angle=85.0, fade=6.0)


@dataclass(frozen=True)
class _Picture:
    """One picture and the camera that took it: (H, W, 4) colour and roughness, (H, W) bool inside of the outline."""

    values: np.ndarray
    inside: np.ndarray
    pose: Pose


class ProjectPainter:
    """Paints by projecting the pictures; see the module."""

    def paint(
        self,
        mesh: trimesh.Trimesh,
        pictures: Mapping[str, Cutout],
        settings: PaintSettings,
        on_progress: OnProgress,
    ) -> trimesh.Trimesh:
        """A copy of the mesh with a texture; `metadata["maquette"]["paint"]` counts the texels seen and guessed."""
        on_progress("unwrap", 0, 1)
        painted, kept = with_coordinates(mesh, settings)
        on_progress("unwrap", 1, 1)
        projection = project(painted, pictures, settings.texture_size, on_progress)
        painted.visual.material = _material(projection.sheet.numpy())  # type: ignore[union-attr]
        _describe(painted, settings, projection, kept)
        return painted


@dataclass(frozen=True)
class Projection:
    """The pictures on the sheet."""

    sheet: Tensor
    """(S, S, 4) in [0, 1]: colour and roughness."""
    lit: Tensor | None
    """(S, S, 3): the colours before their light was taken out, if asked for."""
    known: Tensor
    """(S, S, 1): 1 where a picture sees the surface, 0.5 where a mirror image does, 0 where colours were continued."""
    counts: dict[str, int]
    """Texels of each of these three."""
    cameras: dict[str, Any]
    """How each picture was taken."""
    notes: list[str]


def project(
    mesh: trimesh.Trimesh,
    pictures: Mapping[str, Cutout],
    texture_size: int,
    on_progress: OnProgress,
    with_light: bool = False,
) -> Projection:
    """Put the pictures onto a mesh with texture coordinates; `ProjectPainter` in numbers.

    `with_light` gives their colours with the light left in, too.
    """
    upright = _normalised(mesh)
    steps = len(pictures) + 3
    taken: dict[str, _Picture] = {}
    for name, cutout in pictures.items():
        on_progress("paint", len(taken), steps)
        taken[name] = _take(upright, cutout, AZIMUTHS[name])
    texels = lay_out(upright, texture_size)
    on_progress("paint", steps - 3, steps)
    sources = _sources(upright, texels, list(taken.values()), with_light)
    on_progress("paint", steps - 2, steps)
    values, told = compose(texels, sources)
    on_progress("paint", steps - 1, steps)
    sheet = fill(texels, values, told.float()).clamp(0, 1)
    seen = torch.zeros_like(told)
    for source in sources[: len(taken)]:
        seen[source.chosen] = True
    kinds = {"seen": seen, "mirrored": told & ~seen, "guessed": ~told}
    known = texels.dense((kinds["seen"] + MIRRORED * kinds["mirrored"])[:, None])
    on_progress("paint", steps, steps)
    return Projection(
        sheet[..., :4],
        sheet[..., 4:] if with_light else None,
        fill_between_charts(known, texels.mask),
        {name: int((chosen & ~texels.rim).sum()) for name, chosen in kinds.items()},
        {name: _pose(picture) for name, picture in taken.items()},
        [
            f"the {name} picture's outline hardly fits the shape, so its paint may sit wrongly"
            for name, picture in taken.items()
            if picture.pose.fit < 0.6
        ],
    )


def _normalised(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """A copy around the origin that reaches 1, for the cameras."""
    result = mesh.copy()
    low, high = result.bounds
    result.vertices = (result.vertices - (low + high) / 2) / max(
        float(np.ptp(result.bounds, axis=0).max()) / 2, 1e-300
    )
    return result


def _take(mesh: trimesh.Trimesh, cutout: Cutout, expected: float) -> _Picture:
    rgba = np.asarray(cutout.rgba.convert("RGBA"), np.float32) / 255
    alpha = rgba[..., 3]
    pose = find_camera(mesh.vertices, mesh.faces, alpha, expected)
    box = object_box(alpha > 0.5)
    rgb, inside = rgba[box][..., :3], _eroded(alpha[box] > 0.9)
    if inside.mean() < 0.01:  # nothing but thin parts
        inside = alpha[box] > 0.5
    values = np.dstack([rgb, _roughness(rgb, inside)])
    # Outside the outline stand the colours nearest to it, in case something looks there.
    filled = fill_between_charts(torch.from_numpy(values), torch.from_numpy(inside)).numpy()
    return _Picture(filled, inside, pose)


def _eroded(mask: np.ndarray) -> np.ndarray:
    import cv2

    width = 1 + 2 * max(1, round(min(mask.shape) / 110))
    padded = np.pad(mask.astype(np.uint8), 1)
    return cv2.erode(padded, np.ones((width, width), np.uint8))[1:-1, 1:-1] > 0


def _roughness(rgb: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(H, W) plain guess: places much brighter and paler than what is around them are highlights, hence glossier."""
    import cv2

    value = rgb.max(-1)
    pale = 1 - (value - rgb.min(-1)) / np.maximum(value, 1e-3)
    reach = max(3, round(min(rgb.shape[:2]) / 12))
    mask = inside.astype(np.float32)
    around = cv2.blur(value * mask, (reach, reach)) / np.maximum(cv2.blur(mask, (reach, reach)), 1e-3)
    highlight = np.clip((value - around - 0.12) * 4, 0, 1) * np.clip((pale - 0.5) * 3, 0, 1) * (value > 0.7)
    matte, glossy = _ROUGHNESS
    return cv2.blur(matte + (glossy - matte) * highlight.astype(np.float32), (reach, reach))


def _sources(mesh: trimesh.Trimesh, texels: Texels, taken: list[_Picture], with_light: bool) -> list[Source]:
    """What the pictures see, then what mirrors show of them."""
    size = int(np.clip(texels.size // 2, 512, 1536))
    plain = [_plain(mesh, picture, size, with_light) for picture in taken]
    views, ranks = [view for _, view in plain], [1.0] * len(taken)
    for picture, _ in plain:
        flipped = replace(picture, values=picture.values[:, ::-1], inside=picture.inside[:, ::-1])
        azimuth = picture.pose.camera.azimuth
        mirrors = [(flipped, -azimuth)]
        if len(taken) == 1 and _alike(mesh, _BEHIND):
            mirrors += [(flipped, 180 - azimuth), (picture, 180 + azimuth)]
            if _alike(mesh, _QUARTER_TURN):  # a barrel, a vase
                mirrors += [(picture, azimuth + 90), (picture, azimuth - 90)]
        for (image, turned), rank in zip(mirrors, _RANKS, strict=False):
            views.append(_bent(mesh, _turned(mesh, image, turned), size)[0])
            ranks.append(rank)
    return [
        Source(*back_project(texels, view, _BAKE), rank, index < len(taken))
        for index, (view, rank) in enumerate(zip(views, ranks, strict=True))
    ]


def _plain(mesh: trimesh.Trimesh, picture: _Picture, size: int, with_light: bool) -> tuple[_Picture, View]:
    """The picture bent onto the shape and without shading: cropped to its object, and as its camera's view."""
    view, fragments = _bent(mesh, picture, size)
    inside = fragments.mask[0].numpy()
    vertices, faces = _tensors(mesh)
    corners = torch.arange(faces.numel()).view(-1, 3)
    normal = interpolate(shading_normals(vertices, faces).view(-1, 3), corners, fragments)[0]
    bent: np.ndarray = view.picture.numpy()
    lit = bent[..., :3]
    colour = without_shading(lit, torch.nn.functional.normalize(normal, dim=-1).numpy(), inside)
    values = np.dstack([colour, bent[..., 3:], lit] if with_light else [colour, bent[..., 3:]])
    filled = fill_between_charts(torch.from_numpy(values), fragments.mask[0])
    box = object_box(inside)
    return _Picture(filled.numpy()[box], inside[box], picture.pose), replace(view, picture=filled)


def _turned(mesh: trimesh.Trimesh, picture: _Picture, azimuth: float) -> _Picture:
    camera = picture.pose.camera
    moved = framed_camera(mesh.vertices, azimuth, camera.elevation, camera.fov_degrees or 0.0)
    return replace(picture, pose=Pose(moved, picture.pose.fit))


def _alike(mesh: trimesh.Trimesh, moved: np.ndarray) -> bool:
    """Whether the shape stays much the same when it is mirrored or turned by a (3, 3) matrix."""
    from scipy.spatial import cKDTree

    points = surface_points(mesh.vertices, mesh.faces)
    away, _ = cKDTree(points).query(points[::8] @ moved)
    return float(np.quantile(away, 0.9)) < _ALIKE * float(np.ptp(points, axis=0).max())


def _bent(mesh: trimesh.Trimesh, picture: _Picture, size: int) -> tuple[View, Fragments]:
    """The picture as its camera's view of the mesh, and what that camera sees of it."""
    camera = picture.pose.camera
    vertices, faces = _tensors(mesh)
    clip = clip_positions(vertices, [camera])[0] * torch.tensor([1.0, -1.0, 1.0, 1.0])
    shape = rasterize(clip, faces, (_BEND_GRID, _BEND_GRID)).mask[0].numpy()
    values = bend(picture.values, picture.inside, shape, size)
    return View(torch.from_numpy(values.clip(0, 1)), camera), rasterize(clip, faces, (size, size))


def _tensors(mesh: trimesh.Trimesh) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(np.array(mesh.vertices, np.float32)), torch.from_numpy(
        np.array(mesh.faces, np.int64)
    )


def _material(texture: np.ndarray) -> Any:
    """One PBR material from an (S, S, 4) texture of colour and roughness."""
    from trimesh.visual.material import PBRMaterial

    pixels = np.rint(texture * 255).astype(np.uint8)
    rough = Image.fromarray(np.ascontiguousarray(pixels[..., 3]))
    side = min(rough.width, _METAL_ROUGH_SIDE)
    rough = rough.resize((side, side), Image.Resampling.BOX)
    flat = {value: Image.new("L", rough.size, value) for value in (0, 255)}
    return PBRMaterial(
        baseColorTexture=Image.fromarray(np.ascontiguousarray(pixels[..., :3])),
        metallicRoughnessTexture=Image.merge("RGB", (flat[255], rough, flat[0])),
        metallicFactor=1.0,
        roughnessFactor=1.0,
    )


def _pose(picture: _Picture) -> dict[str, float | None]:
    return {
        "azimuth": picture.pose.camera.azimuth,
        "elevation": picture.pose.camera.elevation,
        "fov": picture.pose.camera.fov_degrees,
        "outline_overlap": round(picture.pose.fit, 3),
    }


def _describe(painted: trimesh.Trimesh, settings: PaintSettings, projection: Projection, kept: bool) -> None:
    paint = {
        "painter": "project",
        "texture_size": settings.texture_size,
        "texels": projection.counts,
        "cameras": projection.cameras,
        "kept_uv": kept,
    }
    painted.metadata["maquette"] = {**painted.metadata.get("maquette", {}), "paint": paint}
    painted.metadata["notes"] = [*painted.metadata.get("notes", []), *projection.notes]
