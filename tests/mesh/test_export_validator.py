"""The Khronos validator has nothing to say about any GLB written here."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from maquette.mesh.export import export_mesh
from maquette.paint.pipeline import PaintPipeline, PaintSettings
from mesh.sample_meshes import META, ball, coloured_ball, textured_ball

TOOLS = Path(__file__).parents[1] / "tools"


def _degenerate() -> trimesh.Trimesh:
    """A ball with a face without area and vertices without a normal of their own."""
    mesh = ball()
    extra = np.vstack([mesh.vertices, [[2, 0, 0], [3, 0, 0], [4, 0, 0]]])
    count = len(mesh.vertices)
    return trimesh.Trimesh(extra, np.vstack([mesh.faces, [[count, count + 1, count + 2]]]), process=False)


def _maps() -> trimesh.Trimesh:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8))
    return textured_ball(
        metallicRoughnessTexture=picture,
        normalTexture=picture,
        occlusionTexture=picture,
        emissiveTexture=picture,
    )


def _simple() -> trimesh.Trimesh:
    mesh = textured_ball()
    mesh.visual = trimesh.visual.TextureVisuals(
        uv=mesh.visual.uv, image=mesh.visual.material.baseColorTexture
    )
    return mesh


def _painted() -> trimesh.Trimesh:
    """A box as the weight-free painter paints it."""
    picture = Image.new("RGBA", (64, 64))
    picture.paste((200, 80, 40, 255), (12, 12, 52, 52))
    box = trimesh.creation.box()
    return PaintPipeline.from_pretrained("project").paint(box, picture, PaintSettings(texture_size=512))


def _see_through() -> trimesh.Trimesh:
    mesh = coloured_ball()
    mesh.visual.vertex_colors[:, 3] = 100
    return mesh


MESHES = {
    "plain": ball,
    "large": lambda: ball(7),
    "colours": coloured_ball,
    "see-through": _see_through,
    "texture": textured_ball,
    "maps": _maps,
    "simple material": _simple,
    "degenerate": _degenerate,
    "painted": _painted,
}


def test_the_khronos_validator_reports_nothing(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (TOOLS / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("needs node and `npm ci` in tests/tools")
    paths = [export_mesh(make(), tmp_path / f"{name}.glb", metadata=META) for name, make in MESHES.items()]
    for kind in ("jpeg", "webp"):
        paths.append(export_mesh(_maps(), tmp_path / f"{kind}.glb", texture_format=kind))
    command = [node, str(TOOLS / "validate_gltf.mjs"), *map(str, paths)]
    reports = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert len(reports) == len(paths)
    for path, report in reports.items():
        assert report["messages"] == [], Path(path).name
