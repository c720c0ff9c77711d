"""`maquette paint`, run as a user runs it: any mesh, in its place, or one line about what is wrong."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from cli.conftest import Run
from maquette.cli.paint import command
from maquette.errors import MaquetteError, MeshError
from maquette.mesh.export import read_mesh

SMALL = ("--texture-size", 512)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A box of 3 x 2 x 1 far from the origin."""
    mesh = trimesh.creation.box((3, 2, 1)).apply_translation((100, 5, -7))
    mesh.export(tmp_path / "box.obj")
    return tmp_path / "box.obj"


def test_place_units_and_axes_are_kept(run: Run, box: Path, picture: Path, tmp_path: Path) -> None:
    done = run("paint", box, "--image", picture, *SMALL, "--json")
    assert done.returncode == 0, done.stderr
    painted = read_mesh(tmp_path / "box.painted.glb")
    assert np.allclose(painted.bounds, [[98.5, 4, -7.5], [101.5, 6, -6.5]])
    assert painted.visual.material.baseColorTexture.size == (512, 512)
    texels = json.loads(done.stdout)["settings"]["paint"]["texels"]
    assert texels["seen"] > 0 and texels["guessed"] > 0


def test_a_mesh_with_z_up_comes_back_with_z_up(call: Run, box: Path, picture: Path, tmp_path: Path) -> None:
    done = call("paint", box, "--image", picture, *SMALL, "--up", "z", "-o", "z.glb")
    assert done.returncode == 0, done.stderr
    assert np.allclose(read_mesh(tmp_path / "z.glb").bounds, read_mesh(box).bounds)


def test_a_scene_of_parts_with_negative_scale_becomes_one_mesh(
    call: Run, picture: Path, tmp_path: Path
) -> None:
    scene = trimesh.Scene()
    mirror = np.diag([-1.0, 1, 1, 1])
    mirror[0, 3] = 3
    for number, transform in enumerate((np.eye(4), mirror)):
        part = trimesh.creation.icosphere(subdivisions=2)
        part.visual = trimesh.visual.TextureVisuals(
            material=trimesh.visual.material.PBRMaterial(baseColorFactor=[200, number * 100, 0, 255])
        )
        scene.add_geometry(part, node_name=str(number), transform=transform)
    scene.export(tmp_path / "scene.glb")
    done = call("paint", "scene.glb", "--image", picture, *SMALL, "-o", "one.glb")
    assert done.returncode == 0, done.stderr
    painted = read_mesh(tmp_path / "one.glb")
    assert np.allclose(painted.bounds, [[-1, -1, -1], [4, 1, 1]])
    assert painted.volume == pytest.approx(2 * trimesh.creation.icosphere(subdivisions=2).volume, rel=1e-4)


def test_own_coordinates_are_kept_when_asked(call: Run, picture: Path, tmp_path: Path) -> None:
    corners = [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]
    visual = trimesh.visual.TextureVisuals(uv=[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]])
    trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], visual=visual, process=False).export(tmp_path / "q.glb")
    done = call("paint", "q.glb", "--image", picture, *SMALL, "--keep-uv", "-o", "p.glb")
    assert done.returncode == 0, done.stderr
    uv = read_mesh(tmp_path / "p.glb").visual.uv
    assert sorted(map(tuple, np.round(uv, 6))) == [(0.1, 0.1), (0.1, 0.9), (0.9, 0.1), (0.9, 0.9)]


def _broken(folder: Path) -> dict[str, Path]:
    made = {name: folder / f"{name}.{kind}" for name, kind in KINDS.items()}
    made["empty"].write_bytes(b"")
    made["no faces"].write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    made["not finite"].write_text("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    made["no area"].write_text("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")
    made["lies"].write_bytes(b"solid x\nfacet normal 0 0 1\n")
    made["cut short"].write_bytes(b"glTF" + struct.pack("<II", 2, 9999) + b"xx")
    outside = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": "../secret.bin", "byteLength": 36}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
        "scene": 0,
    }
    (folder.parent / "secret.bin").write_bytes(np.eye(3, dtype=np.float32).tobytes())
    made["outside"].write_text(json.dumps(outside))
    return made


KINDS = {
    "empty": "obj",
    "no faces": "obj",
    "not finite": "obj",
    "no area": "obj",
    "lies": "ply",
    "cut short": "glb",
    "outside": "gltf",
    "missing": "obj",
}


def _refused(*arguments: object) -> MaquetteError:
    """What the command raises, run within this process."""
    with pytest.raises(MaquetteError) as caught:
        command.main([str(argument) for argument in arguments], standalone_mode=False)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_bad_meshes_are_named(picture: Path, tmp_path: Path, kind: str) -> None:
    error = _refused("-q", _broken(tmp_path)[kind], "--image", picture, *SMALL, "-o", tmp_path / "x.glb")
    assert (isinstance(error, MeshError) and kind in str(error)) or "area" in str(error)
    assert not (tmp_path / "x.glb").exists()


def test_bad_settings_and_pictures_are_named(box: Path, picture: Path, tmp_path: Path) -> None:
    paint = ("-q", box, "--image", picture)
    assert "power of two" in str(_refused(*paint, "--texture-size", 1000))
    assert "size_mm" in str(_refused(*paint, "--size-mm", -3, "-o", tmp_path / "x.stl", *SMALL))
    assert ".usdz" in str(_refused(*paint, "-o", "x.fbx"))
    assert "simplify" in str(_refused(*paint, "--simplify", 2))
    Image.new("RGBA", (64, 64)).save(tmp_path / "clear.png")
    error = _refused("-q", box, "--front", picture, "--back", tmp_path / "clear.png", *SMALL)
    assert "the back view" in str(error)


def test_an_error_is_one_line(run: Run, box: Path) -> None:
    done = run("paint", box, "--image", "missing.png", *SMALL)
    assert done.returncode == 3 and "missing.png" in done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
