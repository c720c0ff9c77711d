"""Meshes of all kinds become one triangle mesh; files that are not what they say are explained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from maquette.errors import MeshError
from maquette.mesh.export import export_mesh, read_mesh

BOX = trimesh.creation.box()


@pytest.mark.parametrize("kind", ["glb", "obj", "ply", "stl", "off"])
def test_files_of_other_writers_are_read(kind: str, tmp_path: Path) -> None:
    BOX.export(tmp_path / f"box.{kind}")
    mesh = read_mesh(tmp_path / f"box.{kind}")
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(1)


@pytest.mark.parametrize("kind", ["stl_ascii", "ply_ascii"])
def test_text_variants_are_read(kind: str, tmp_path: Path) -> None:
    suffix = kind.split("_")[0]
    data = (
        BOX.export(file_type="stl_ascii")
        if suffix == "stl"
        else trimesh.exchange.ply.export_ply(BOX, encoding="ascii").decode()
    )
    (tmp_path / f"box.{suffix}").write_text(data)
    assert read_mesh(tmp_path / f"box.{suffix}").volume == pytest.approx(1)


def test_an_stl_comes_with_shared_vertices(tmp_path: Path) -> None:
    BOX.export(tmp_path / "box.stl")
    assert len(read_mesh(tmp_path / "box.stl").vertices) == 8


def test_a_gltf_with_its_buffer_beside_it(tmp_path: Path) -> None:
    for name, data in trimesh.exchange.gltf.export_gltf(trimesh.Scene(BOX)).items():
        (tmp_path / name).write_bytes(data)
    assert read_mesh(tmp_path / "model.gltf").volume == pytest.approx(1)


def test_the_parts_of_a_scene_are_put_in_their_places(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    for shift in (0, 5):
        scene.add_geometry(BOX, transform=trimesh.transformations.translation_matrix((shift, 0, 0)))
    scene.export(tmp_path / "two.glb")
    mesh = read_mesh(tmp_path / "two.glb")
    assert mesh.body_count == 2
    assert mesh.volume == pytest.approx(2)
    assert mesh.bounds[1, 0] == pytest.approx(5.5)


def test_a_texture_is_found_beside_an_obj_but_not_above_it(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    Image.new("RGB", (4, 4), (255, 0, 0)).save(folder / "beside.png")
    Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / "above.png")
    for picture, found in (("beside.png", True), ("../above.png", False)):
        (folder / "a.mtl").write_text(f"newmtl m\nmap_Kd {picture}\n")
        (folder / "a.obj").write_text(
            "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl m\nf 1/1 2/2 3/3\n"
        )
        material = read_mesh(folder / "a.obj").visual.material
        assert (getattr(material, "image", None) is not None) == found


def test_reading_and_writing_again_keeps_the_colours(tmp_path: Path) -> None:
    box = BOX.copy()
    colours = np.tile([[10, 20, 30, 255], [200, 100, 50, 255]], (4, 1)).astype(np.uint8)
    box.visual = trimesh.visual.ColorVisuals(box, vertex_colors=colours)
    first = export_mesh(box, tmp_path / "a.glb")
    second = export_mesh(read_mesh(first), tmp_path / "b.glb")
    assert np.array_equal(read_mesh(second).visual.vertex_colors, colours)


def _ply(vertices: str, faces: str, vertex_count: int = 3, face_count: int = 1) -> bytes:
    return (
        f"ply\nformat ascii 1.0\nelement vertex {vertex_count}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {face_count}\nproperty list uchar int vertex_indices\nend_header\n{vertices}\n{faces}\n"
    ).encode()


GLB = trimesh.exchange.gltf.export_glb(trimesh.Scene(BOX))
STL = BOX.export(file_type="stl")
BAD_FILES = {
    "empty.glb": (b"", "empty"),
    "text.glb": (b"hello there\n" * 20, "is not a GLB file"),
    "other.glb": (_ply("0 0 0\n1 0 0\n0 1 0", "3 0 1 2"), "holds PLY data"),
    "other.stl": (GLB, "holds GLB data"),
    "other.obj": (STL, "holds STL data"),
    "page.obj": (b"<!doctype html><title>404</title>", "is not a OBJ file"),
    "json.gltf": (b'{"name": "package"}', "is not a GLTF file"),
    "cut.glb": (GLB[: len(GLB) // 2], "damaged or truncated"),
    "cut.stl": (STL[:-30], "is not a STL file"),
    "cut.ply": (BOX.export(file_type="ply")[:-40], "damaged or truncated"),
    "huge.ply": (_ply("0 0 0", "", vertex_count=10**12), "damaged|memory|no triangles"),
    "points.ply": (_ply("0 0 0\n1 0 0\n0 1 0", "", face_count=0), "no triangles"),
    "points.obj": (b"v 0 0 0\nv 1 0 0\n", "no triangles|damaged"),
    "nan.ply": (_ply("0 0 0\n1 0 nan\n0 1 0", "3 0 1 2"), "not finite"),
    "range.ply": (_ply("0 0 0\n1 0 0\n0 1 0", "3 0 1 7"), "point at vertices|damaged"),
    "range.off": (b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 9\n", "point at vertices|damaged"),
    "model.fbx": (b"Kaydara FBX Binary", "suffix"),
}


@pytest.mark.parametrize("name", list(BAD_FILES))
def test_a_bad_file_is_named_with_what_is_wrong(name: str, tmp_path: Path) -> None:
    data, complaint = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(MeshError, match=complaint) as caught:
        read_mesh(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_file_under_the_wrong_name_says_which_is_right(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_bytes(GLB)
    with pytest.raises(MeshError, match=r"rename it to \.glb"):
        read_mesh(tmp_path / "a.obj")


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match=r"nothing\.glb does not exist"):
        read_mesh(tmp_path / "nothing.glb")
    with pytest.raises(MeshError, match="is a folder"):
        read_mesh(tmp_path)


def test_a_gltf_that_points_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    files = trimesh.exchange.gltf.export_gltf(trimesh.Scene(BOX))
    (tmp_path / "inside").mkdir()
    document = json.loads(files["model.gltf"])
    for name, data in files.items():
        if name != "model.gltf":
            (tmp_path / name).write_bytes(data)
    for buffer in document["buffers"]:
        buffer["uri"] = "../" + buffer["uri"]
    (tmp_path / "inside" / "model.gltf").write_text(json.dumps(document))
    with pytest.raises(MeshError, match="damaged"):
        read_mesh(tmp_path / "inside" / "model.gltf")
