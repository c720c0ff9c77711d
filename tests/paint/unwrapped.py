"""Meshes with UVs made by hand, and colours that are a function of place, so that truths are known."""

import numpy as np
import torch
import trimesh

from maquette.render.camera import Camera, clip_positions
from maquette.render.rasterize import interpolate, rasterize


def box(margin: float = 0.02) -> trimesh.Trimesh:
    """A cube of side 1 with a square chart for each side, three by two on the sheet."""
    vertices, faces, uv = [], [], []
    for side in range(6):
        axis, sign = side // 2, 1 - 2 * (side % 2)
        corners = np.empty((4, 3))
        corners[:, axis] = sign / 2
        corners[:, (axis + 1) % 3] = np.array([-0.5, 0.5, 0.5, -0.5])[:: 1 if sign > 0 else -1]
        corners[:, (axis + 2) % 3] = np.array([-0.5, -0.5, 0.5, 0.5])[:: 1 if sign > 0 else -1]
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (1 - 2 * margin) + margin
        faces += [[4 * side, 4 * side + 1, 4 * side + 2], [4 * side, 4 * side + 2, 4 * side + 3]]
        uv.append((square + np.array([side % 3, side // 3])) / [3, 2])
        vertices.append(corners)
    return _with_uv(np.concatenate(vertices), np.array(faces), np.concatenate(uv))


def ball(rows: int = 16, columns: int = 32, margin: float = 0.05) -> trimesh.Trimesh:
    """A sphere of radius 0.5 as one chart of latitude and longitude, with a seam at the back."""
    lat, lon = np.meshgrid(
        np.linspace(-np.pi / 2, np.pi / 2, rows + 1), np.linspace(-np.pi, np.pi, columns + 1), indexing="ij"
    )
    at = np.stack([np.cos(lat) * np.sin(lon), np.sin(lat), np.cos(lat) * np.cos(lon)], -1) / 2
    at[:, -1] = at[:, 0]
    at[[0, -1]] = at[[0, -1], :1]
    uv = np.stack([lon / np.pi, 2 * lat / np.pi], -1) * (0.5 - margin) + 0.5
    a = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).reshape(-1)
    b, c, d = a + 1, a + columns + 2, a + columns + 1
    faces = np.concatenate([np.stack([a, b, c], -1)[columns:], np.stack([a, c, d], -1)[:-columns]])
    return _with_uv(at.reshape(-1, 3), faces, uv.reshape(-1, 2))


def _with_uv(vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> trimesh.Trimesh:
    visual = trimesh.visual.TextureVisuals(uv=uv)
    return trimesh.Trimesh(vertices, faces, visual=visual, process=False)


def waves(points: torch.Tensor) -> torch.Tensor:
    """(..., 3) smooth colours in [0, 1] as a function of place."""
    turned = points @ points.new_tensor([[4.0, -3, 2], [2, 5, -3], [-3, 2, 4]])
    return turned.sin() * 0.4 + 0.5


def picture(mesh: trimesh.Trimesh, camera: Camera, size: int) -> torch.Tensor:
    """(size, size, 3) what a camera sees of a mesh coloured by `waves`, on magenta, which must not bleed in."""
    vertices = torch.tensor(mesh.vertices, dtype=torch.float32)
    faces = torch.tensor(mesh.faces)
    clip = clip_positions(vertices, [camera])[0] * torch.tensor([1.0, -1, 1, 1])
    fragments = rasterize(clip, faces, (size, size))
    colour = waves(interpolate(vertices, faces, fragments)[0])
    return torch.where(fragments.mask[0, ..., None], colour, torch.tensor([1.0, 0, 1]))
