"""What a mesh is made of, as tensors: geometry, shading normals, colours, textures and material factors.

Reads every kind of appearance that trimesh knows: none, vertex colours, face colours, and textures with a
simple or a metallic-roughness material. Colours become linear light here, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.errors import MeshError
from maquette.render.shade import corner_normals, srgb_to_linear

if TYPE_CHECKING:
    import trimesh

CLAY = (0.78, 0.75, 0.715)
_CLAY_ROUGHNESS = 0.6
_PLAIN_ROUGHNESS = 0.75
_CREASE_DEGREES = 40.0


@dataclass(frozen=True)
class Surface:
    """A mesh ready to be drawn, on one device.

    Attributes:
        vertices: (V, 3) float32.
        faces: (F, 3) int64.
        normals: (F, 3, 3) unit shading normals at face corners.
        base: (F, 3, 3) linear base colour at face corners; a texture multiplies it.
        uv: (F, 3, 2) texture coordinates at face corners, v upwards; zeros without.
        base_map: (1, 3, h, w) linear colours, or None.
        metal_rough: (2,) metallic and roughness; the map multiplies them.
        metal_rough_map: (1, 2, h, w), or None.
    """

    vertices: Tensor
    faces: Tensor
    normals: Tensor
    base: Tensor
    uv: Tensor
    base_map: Tensor | None
    metal_rough: Tensor
    metal_rough_map: Tensor | None


def read_surface(
    mesh: trimesh.Trimesh, device: torch.device | str = "cpu", max_texture: int = 2048
) -> Surface:
    """Turns a mesh and its appearance into tensors.

    Args:
        mesh: any triangle mesh; one without colours gets a warm grey clay.
        device: where the tensors go.
        max_texture: larger textures are averaged down to this side.

    Raises:
        MeshError: the mesh has no faces, or no vertex that is finite.
    """
    vertices = torch.from_numpy(np.array(mesh.vertices, np.float32)).reshape(-1, 3).to(device)
    faces = torch.from_numpy(np.array(mesh.faces, np.int64)).reshape(-1, 3).to(device)
    finite = vertices.isfinite().all(-1)
    drawable = finite[faces].all(-1)
    if not bool(drawable.any()):
        raise MeshError("the mesh has no faces to draw", "check that it was read and cleaned properly")
    # Broken vertices are parked on a sound one that is drawn, so that they spoil neither faces nor bounds.
    vertices = torch.where(finite[:, None], vertices, vertices[faces[drawable][0, 0]])
    colour, roughness = _corner_colours(mesh)
    uv, base_map, factor, metal_rough, metal_rough_map = _textures(mesh, max_texture)
    if uv is None:
        uv, metal_rough = np.zeros((len(vertices), 2), np.float32), (0.0, roughness)
    else:
        colour = np.broadcast_to(factor, (len(mesh.faces), 3, 3))
    faces = faces[drawable]
    return Surface(
        vertices=vertices,
        faces=faces,
        normals=shading_normals(vertices, faces),
        base=torch.tensor(np.array(colour, np.float32), device=device)[drawable],
        uv=torch.from_numpy(uv).to(device)[faces],
        base_map=None if base_map is None else srgb_to_linear(base_map.to(device)),
        metal_rough=torch.tensor(metal_rough, device=device),
        metal_rough_map=None if metal_rough_map is None else metal_rough_map.to(device),
    )


def sample_texture(texture: Tensor, uv: Tensor) -> Tensor:
    """Bilinear look-up in a repeating texture.

    Args:
        texture: (1, C, h, w).
        uv: (P, 2), v upwards.

    Returns:
        (P, C).
    """
    outside = (uv < 0) | (uv > 1)
    uv = torch.where(outside, uv - uv.floor(), uv)
    grid = torch.stack([uv[:, 0] * 2 - 1, 1 - uv[:, 1] * 2], -1)[None, None]
    return F.grid_sample(texture, grid, mode="bilinear", padding_mode="border", align_corners=False)[
        0, :, 0
    ].T


def merged_by_position(vertices: Tensor) -> Tensor:
    """(V,) int64 index of the distinct place of each vertex: vertices that texturing has split are one again."""
    size = (vertices.amax(0) - vertices.amin(0)).amax().clamp(min=1e-12)
    cells = (vertices / size * 2**20).nan_to_num().round().long()
    # One number per cell: a unique of rows would sort far longer.
    cells = cells - cells.amin(0)
    return torch.unique((cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2], return_inverse=True)[1]


def shading_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """(F, 3, 3) unit corner normals, smooth across texture seams and hard over creases."""
    merged = merged_by_position(vertices)
    own = torch.zeros(int(merged.max()) + 1, 3, device=vertices.device)
    own[merged] = vertices
    return corner_normals(own, merged[faces], _CREASE_DEGREES)


def _corner_colours(mesh: trimesh.Trimesh) -> tuple[np.ndarray, float]:
    """(F, 3, 3) linear colours at corners and the roughness that suits them."""
    visual: Any = mesh.visual
    kind = getattr(visual, "kind", None)
    if kind == "vertex":
        colours = np.asarray(visual.vertex_colors)[:, :3][np.asarray(mesh.faces)]
    elif kind == "face":
        colours = np.repeat(np.asarray(visual.face_colors)[:, None, :3], 3, 1)
    else:
        clay = srgb_to_linear(torch.tensor(CLAY)).numpy()
        return np.broadcast_to(clay, (len(mesh.faces), 3, 3)), _CLAY_ROUGHNESS
    return srgb_to_linear(torch.from_numpy(colours.astype(np.float32) / 255)).numpy(), _PLAIN_ROUGHNESS


def _textures(
    mesh: trimesh.Trimesh, max_texture: int
) -> tuple[np.ndarray | None, Tensor | None, np.ndarray, tuple[float, float], Tensor | None]:
    """Texture coordinates, base map, linear base factor, metallic and roughness, their map."""
    material: Any = getattr(mesh.visual, "material", None)
    uv = getattr(mesh.visual, "uv", None)
    if material is None:
        return None, None, np.ones(3, np.float32), (0.0, _PLAIN_ROUGHNESS), None
    coordinates = (
        np.zeros((len(mesh.vertices), 2), np.float32) if uv is None else np.array(uv, np.float32)[:, :2]
    )
    if hasattr(material, "baseColorFactor"):
        picture, gloss_picture = material.baseColorTexture, material.metallicRoughnessTexture
        factor = _factor(material.baseColorFactor)
        metallic = 1.0 if material.metallicFactor is None else float(material.metallicFactor)
        rough = 1.0 if material.roughnessFactor is None else float(material.roughnessFactor)
        if gloss_picture is None and material.metallicFactor is None:
            metallic = 0.0  # glTF's default of 1 is rarely meant when nothing was said
    else:
        picture, gloss_picture = getattr(material, "image", None), None
        factor = (
            np.ones(3, np.float32)
            if picture is not None
            else _factor(getattr(material, "diffuse", None), srgb=True)
        )
        metallic, rough = 0.0, _PLAIN_ROUGHNESS
    if uv is None:
        picture = gloss_picture = None
    base_map = None if picture is None else _to_map(picture, max_texture)
    gloss_map = None if gloss_picture is None else _to_map(gloss_picture, max_texture)[:, [2, 1]]
    return coordinates, base_map, factor, (metallic, rough), gloss_map


def _factor(value: Any, srgb: bool = False) -> np.ndarray:
    """(3,) linear colour from a material's factor, which may be missing, bytes or floats."""
    if value is None:
        return np.ones(3, np.float32)
    array = np.asarray(value)
    colour = (array[:3] / 255 if array.dtype.kind in "ui" else array[:3]).astype(np.float32)
    return srgb_to_linear(torch.from_numpy(colour)).numpy() if srgb else colour


def _to_map(picture: Any, max_side: int) -> Tensor:
    """(1, 3, h, w) float in [0, 1] from a PIL image."""
    picture = picture.convert("RGB")
    shrink = max(picture.size) / max_side
    if shrink > 1:
        picture = picture.reduce(int(np.ceil(shrink)))
    return torch.from_numpy(np.array(picture, np.float32)).permute(2, 0, 1)[None] / 255
