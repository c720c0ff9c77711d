"""The mesh report, against shapes whose every figure is known."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from cli.conftest import Run, call  # noqa: F401
from maquette.errors import SettingError
from maquette.mesh.export import export_mesh
from maquette.mesh.report import inspect_file, print_problems, report_on
from mesh.sample_meshes import META, textured_ball

NODE_MODULES = Path(__file__).parents[1] / "tools" / "node_modules"


def plate(thickness: float) -> trimesh.Trimesh:
    return trimesh.creation.box((2.0, 1.0, thickness))


def sheet(*squares: tuple[float, float, float]) -> trimesh.Trimesh:
    """Squares in texture space, each (u, v, side), on a strip of the plane."""
    uv, vertices, faces = [], [], []
    for index, (u, v, side) in enumerate(squares):
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
        uv.append(corners * side + np.array([u, v]))
        vertices.append(np.hstack([corners + np.array([2 * index, 0]), np.zeros((4, 1))]))
        faces += [[4 * index, 4 * index + 1, 4 * index + 2], [4 * index, 4 * index + 2, 4 * index + 3]]
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=Image.new("RGB", (64, 32)))
    visual = trimesh.visual.TextureVisuals(uv=np.concatenate(uv), material=material)
    return trimesh.Trimesh(np.concatenate(vertices), faces, visual=visual, process=False)


@pytest.mark.parametrize("thickness", [0.005, 0.1, 0.9])
def test_thinnest_wall_of_a_plate(thickness: float) -> None:
    report = report_on(plate(thickness))
    assert report.thinnest == pytest.approx(thickness, rel=1e-6)
    assert report.volume == pytest.approx(2 * thickness)
    assert report.thinnest_at is not None and abs(report.thinnest_at[2]) < thickness / 10


def test_thinnest_wall_of_a_shell() -> None:
    outer, inner = trimesh.creation.icosphere(4), trimesh.creation.icosphere(4, radius=0.8)
    inner.invert()
    report = report_on(trimesh.util.concatenate([outer, inner]))
    assert report.thinnest == pytest.approx(0.2, rel=0.05)
    assert report.components == 2 and report.watertight


def test_thickness_of_a_ball_is_its_diameter() -> None:
    assert report_on(trimesh.creation.icosphere(4)).thinnest == pytest.approx(2.0, rel=0.05)


def test_texture_seams_do_not_open_a_solid(tmp_path: Path) -> None:
    ball = textured_ball()
    ball.unmerge_vertices()
    path = export_mesh(
        ball, tmp_path / "ball.glb", metadata=META | {"paint": {"texels": {"seen": 7, "guessed": 3}}}
    )
    _, report = inspect_file(path)
    assert report.watertight and report.manifold and report.components == 1
    assert report.units == "metres" and report.textures == {"baseColorTexture": [32, 32]}
    assert report.made["seed"] == 7 and report.texels == {"seen": 7, "guessed": 3}


def test_open_and_pinched_surfaces() -> None:
    open_box = plate(0.5)
    open_box.update_faces(np.arange(len(open_box.faces)) > 0)
    report = report_on(open_box)
    assert not report.watertight and report.volume is None and report.thinnest is None and report.manifold
    one, other = plate(1.0), plate(1.0)
    other.apply_translation([2.0, 1.0, 0.0])  # they meet along one edge
    pinched = trimesh.util.concatenate([one, other])
    pinched.merge_vertices()
    assert not report_on(pinched).manifold


def test_use_and_overlap_of_the_sheet() -> None:
    half = report_on(sheet((0.0, 0.0, 0.5), (0.5, 0.5, 0.5)))
    assert half.uv_used == pytest.approx(0.5, abs=2e-3) and half.uv_overlap == 0.0
    twice = report_on(sheet((0.0, 0.0, 0.5), (0.25, 0.0, 0.5)))
    assert twice.uv_used == pytest.approx(0.375, abs=2e-3) and twice.uv_overlap == pytest.approx(
        1 / 3, abs=2e-3
    )


@pytest.mark.parametrize(
    ("mesh", "reason"),
    [
        (plate(0.02), "thinnest wall"),
        (trimesh.util.concatenate([plate(1), plate(1).apply_translation([3, 0, 0])]), "2 separate pieces"),
        (trimesh.util.concatenate([plate(1), plate(1).apply_translation([1, 0.3, 0])]), "inside the solid"),
        (sheet((0, 0, 1)), "holes"),
    ],
)
def test_what_cannot_be_printed_is_said(mesh: trimesh.Trimesh, reason: str) -> None:
    assert any(reason in line for line in print_problems(mesh, report_on(mesh), height=40, min_wall=1.0))


def test_a_thick_solid_can_be_printed() -> None:
    box = plate(0.5)
    assert print_problems(box, report_on(box), height=40, min_wall=1.0) == []
    with pytest.raises(SettingError, match="min_wall"):
        print_problems(box, report_on(box), height=40, min_wall=0)


def test_the_command(call: Run, tmp_path: Path) -> None:  # noqa: F811
    export_mesh(plate(0.02), tmp_path / "plate.stl")
    done = call("inspect", "plate.stl", "--json", "--print-ready", "--height", 40)
    found = json.loads(done.stdout)
    assert done.returncode == 1 and found["print_ready"] is False and "0.80 mm" in found["problems"][0]
    assert found["watertight"] and found["units"] == "not said"
    assert "watertight  yes" in call("inspect", "plate.stl").stdout
    missing = call("inspect", "none.glb")
    assert missing.returncode == 4 and missing.stderr.count("\n") == 1


@pytest.mark.skipif(not NODE_MODULES.is_dir(), reason="the glTF validator is not here: make validator")
def test_the_validator_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NODE_PATH", str(NODE_MODULES))
    path = export_mesh(textured_ball(), tmp_path / "ball.glb")
    assert inspect_file(path)[1].validator == []
