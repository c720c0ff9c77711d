"""Small meshes with every kind of surface, for the tests of reading and writing."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from PIL import Image

META = {"seed": 7, "model": "bundled", "settings": {"steps": np.int64(30), "guidance": np.float32(5.5)}}


def ball(level: int = 3) -> trimesh.Trimesh:
    return trimesh.creation.icosphere(level)


def coloured_ball() -> trimesh.Trimesh:
    mesh = ball()
    colours = np.random.default_rng(0).integers(0, 255, (len(mesh.vertices), 4)).astype(np.uint8)
    colours[:, 3] = 255
    mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=colours)
    return mesh


def textured_ball(**material: Any) -> trimesh.Trimesh:
    mesh = ball()
    x, y, z = mesh.vertices.T
    uv = np.stack([np.arctan2(x, z) / (2 * np.pi) + 0.5, y / 2 + 0.5], axis=1)
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    material = {"baseColorTexture": Image.fromarray(pixels), "roughnessFactor": 0.9} | material
    mesh.visual = trimesh.visual.TextureVisuals(
        uv=uv, material=trimesh.visual.material.PBRMaterial(**material)
    )
    return mesh
