"""What is written can be read again, is the same bytes each time, and is there completely or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from maquette._version import __version__
from maquette.errors import MeshError, OutputError
from maquette.mesh.export import FORMATS, export_mesh, read_mesh
from maquette.mesh.read import FORMATS as READABLE
from mesh.sample_meshes import META, ball, coloured_ball, textured_ball


def _document(path: Path) -> dict[str, Any]:
    """The JSON part of a GLB."""
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    return json.loads(data[20 : 20 + length])


def _accessor(path: Path, index: int) -> np.ndarray:
    data, document = path.read_bytes(), _document(path)
    (length,) = struct.unpack("<I", data[12:16])
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    start = 28 + length + view["byteOffset"]
    kind = {5126: "<f4", 5121: "u1", 5123: "<u2", 5125: "<u4"}[accessor["componentType"]]
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
    return np.frombuffer(data[start : start + view["byteLength"]], kind).reshape(-1, width)


@pytest.mark.parametrize("kind", sorted(set(FORMATS) & set(READABLE)))
def test_the_shape_survives_every_format(kind: str, tmp_path: Path) -> None:
    """Every one that can be read here; test_export_formats.py has other libraries read the others."""
    mesh = ball()
    assert export_mesh(mesh, tmp_path / f"ball.{kind}") == tmp_path / f"ball.{kind}"
    again = read_mesh(tmp_path / f"ball.{kind}")
    assert again.is_watertight
    assert len(again.faces) == len(mesh.faces)
    assert again.volume == pytest.approx(mesh.volume, rel=1e-6)
    assert np.abs(again.bounds - mesh.bounds).max() < 1e-6


@pytest.mark.parametrize("kind", ["glb", "obj", "ply"])
def test_vertex_colours_survive(kind: str, tmp_path: Path) -> None:
    mesh = coloured_ball()
    again = read_mesh(export_mesh(mesh, tmp_path / f"ball.{kind}"))
    assert np.array_equal(again.visual.vertex_colors, mesh.visual.vertex_colors)


@pytest.mark.parametrize("kind", ["glb", "obj"])
def test_the_texture_and_where_it_lies_survive(kind: str, tmp_path: Path) -> None:
    mesh = textured_ball()
    again = read_mesh(export_mesh(mesh, tmp_path / f"ball.{kind}"))
    assert np.abs(again.visual.uv - mesh.visual.uv).max() < 1e-6
    material = again.visual.material
    image = material.baseColorTexture if kind == "glb" else material.image
    assert np.array_equal(np.asarray(image.convert("RGB")), np.asarray(mesh.visual.material.baseColorTexture))


def test_a_package_does_not_tell_when_it_was_made(tmp_path: Path) -> None:
    path = export_mesh(textured_ball(), tmp_path / "ball.usdz", metadata=META)
    with zipfile.ZipFile(path) as package:
        assert {entry.date_time[0] for entry in package.infolist()} == {1980}


@pytest.mark.parametrize("make", [ball, coloured_ball, textured_ball])
@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_mesh_gives_the_same_bytes(kind: str, make: Any, tmp_path: Path) -> None:
    first = export_mesh(make(), tmp_path / f"a.{kind}", metadata=META).read_bytes()
    (tmp_path / "elsewhere").mkdir()
    second = export_mesh(make(), tmp_path / "elsewhere" / f"a.{kind}", metadata=META).read_bytes()
    assert first == second


def test_the_metadata_is_in_the_asset(tmp_path: Path) -> None:
    extras = _document(export_mesh(ball(), tmp_path / "a.glb", metadata=META))["asset"]["extras"]
    assert extras == {
        "maquette": __version__,
        "seed": 7,
        "model": "bundled",
        "settings": {"steps": 30, "guidance": 5.5},
    }


def test_the_metadata_is_in_the_comments(tmp_path: Path) -> None:
    assert b"# seed: 7\n" in export_mesh(ball(), tmp_path / "a.obj", metadata=META).read_bytes()
    assert b"comment seed: 7\n" in export_mesh(ball(), tmp_path / "a.ply", metadata=META).read_bytes()
    header = export_mesh(ball(), tmp_path / "a.stl", metadata=META).read_bytes()[:80]
    assert header.startswith(b"maquette:")
    assert b"seed: 7" in header


def test_a_line_break_in_the_metadata_cannot_break_out_of_a_comment(tmp_path: Path) -> None:
    text = "a\nend_header\nv 1 2 3\u2028ü"
    for kind in ("obj", "ply"):
        again = read_mesh(export_mesh(ball(), tmp_path / f"a.{kind}", metadata={"prompt": text}))
        assert len(again.faces) == len(ball().faces)


def test_metadata_that_cannot_be_stored_is_named(tmp_path: Path) -> None:
    for value in (object(), float("nan")):
        with pytest.raises(OutputError, match="'model'"):
            export_mesh(ball(), tmp_path / "a.glb", metadata={"model": value})
    assert not list(tmp_path.iterdir())


def test_normals_are_smooth_and_seamless(tmp_path: Path) -> None:
    mesh = ball()
    soup = trimesh.Trimesh(
        mesh.triangles.reshape(-1, 3), np.arange(3 * len(mesh.faces)).reshape(-1, 3), process=False
    )
    path = export_mesh(soup, tmp_path / "a.glb")
    attributes = _document(path)["meshes"][0]["primitives"][0]["attributes"]
    positions, normals = _accessor(path, attributes["POSITION"]), _accessor(path, attributes["NORMAL"])
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 1e-6
    assert np.einsum("ij,ij->i", positions, normals).min() > 0.99  # a unit ball's normals are its positions


def test_an_untextured_mesh_is_matt_light_grey(tmp_path: Path) -> None:
    materials = _document(export_mesh(ball(), tmp_path / "a.glb"))["materials"]
    assert len(materials) == 1
    surface = materials[0]["pbrMetallicRoughness"]
    assert (surface["metallicFactor"], surface["roughnessFactor"]) == (0.0, 0.7)
    assert surface["baseColorFactor"] == [0.8, 0.8, 0.8, 1.0]


def test_a_material_s_own_values_are_kept(tmp_path: Path) -> None:
    mesh = textured_ball(
        metallicFactor=0.3,
        emissiveFactor=[0.1, 0.2, 0.3],
        doubleSided=True,
        alphaMode="MASK",
        alphaCutoff=0.4,
    )
    material = _document(export_mesh(mesh, tmp_path / "a.glb"))["materials"][0]
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0.3
    assert material["pbrMetallicRoughness"]["roughnessFactor"] == 0.9
    assert material["emissiveFactor"] == [0.1, 0.2, 0.3]
    assert (material["doubleSided"], material["alphaMode"], material["alphaCutoff"]) == (True, "MASK", 0.4)


def test_a_picture_used_twice_is_stored_once(tmp_path: Path) -> None:
    shared = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8))
    mesh = textured_ball(metallicRoughnessTexture=shared, occlusionTexture=shared)
    document = _document(export_mesh(mesh, tmp_path / "a.glb"))
    assert len(document["images"]) == 2


@pytest.mark.parametrize(("texture_format", "mime"), [("jpeg", "image/jpeg"), ("webp", "image/webp")])
def test_textures_can_be_compressed(texture_format: Any, mime: str, tmp_path: Path) -> None:
    path = export_mesh(textured_ball(), tmp_path / "a.glb", texture_format=texture_format)
    assert _document(path)["images"][0]["mimeType"] == mime


def test_tangents_follow_the_texture(tmp_path: Path) -> None:
    flat = Image.new("RGB", (8, 8), (128, 128, 255))
    path = export_mesh(textured_ball(normalTexture=flat), tmp_path / "a.glb")
    attributes = _document(path)["meshes"][0]["primitives"][0]["attributes"]
    tangents, normals = _accessor(path, attributes["TANGENT"]), _accessor(path, attributes["NORMAL"])
    assert np.abs(np.einsum("ij,ij->i", tangents[:, :3], normals)).max() < 1e-5
    positions = _accessor(path, attributes["POSITION"])
    front = (positions[:, 2] > 0.3) & (np.abs(positions[:, 1]) < 0.6)
    # u grows eastwards, v upwards
    east = np.stack([positions[:, 2], 0 * positions[:, 0], -positions[:, 0]], axis=1)
    assert np.einsum("ij,ij->i", tangents[front, :3], east[front]).min() > 0
    up = np.cross(normals, tangents[:, :3]) * tangents[:, 3:]
    assert up[front, 1].min() > 0


def test_vertices_without_a_face_are_left_out_of_the_file_only(tmp_path: Path) -> None:
    mesh = ball()
    loose = trimesh.Trimesh(np.vstack([[[9, 9, 9]], mesh.vertices]), mesh.faces + 1, process=False)
    again = read_mesh(export_mesh(loose, tmp_path / "a.glb"))
    assert len(again.vertices) == len(mesh.vertices)
    assert len(loose.vertices) == len(mesh.vertices) + 1


def test_more_than_sixteen_bits_of_vertices(tmp_path: Path) -> None:
    mesh = ball(7)
    assert len(mesh.vertices) > 65535
    again = read_mesh(export_mesh(mesh, tmp_path / "a.glb"))
    assert np.array_equal(again.faces, mesh.faces)


def test_obj_shares_positions_across_texture_seams(tmp_path: Path) -> None:
    mesh = textured_ball()
    split = mesh.faces.reshape(-1)
    seams = trimesh.Trimesh(mesh.vertices[split], np.arange(split.size).reshape(-1, 3), process=False)
    seams.visual = trimesh.visual.TextureVisuals(uv=mesh.visual.uv[split], material=mesh.visual.material)
    text = export_mesh(seams, tmp_path / "a.obj").read_text()
    assert sum(line.startswith("v ") for line in text.splitlines()) == len(mesh.vertices)
    assert sum(line.startswith("vt ") for line in text.splitlines()) == split.size


def test_the_format_can_be_named_instead_of_a_suffix(tmp_path: Path) -> None:
    assert export_mesh(ball(), tmp_path / "upload", file_format="GLB").read_bytes()[:4] == b"glTF"


def test_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"suffix '\.fbx'.*\.glb, \.obj, \.usdz, \.ply, \.stl, \.3mf"):
        export_mesh(ball(), tmp_path / "a.fbx")
    with pytest.raises(OutputError, match="'blend'"):
        export_mesh(ball(), tmp_path / "a.glb", file_format="blend")


def test_meshes_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    broken = ball()
    broken.vertices[0] = np.inf
    with pytest.raises(MeshError, match="not finite"):
        export_mesh(broken, tmp_path / "a.glb")
    with pytest.raises(MeshError, match="no faces"):
        export_mesh(trimesh.Trimesh(), tmp_path / "a.glb")


def test_folders_that_cannot_be_written_to_are_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"nowhere does not exist"):
        export_mesh(ball(), tmp_path / "nowhere" / "a.glb")
    (tmp_path / "b.glb").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        export_mesh(ball(), tmp_path / "b.glb")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="not a directory"):
        export_mesh(ball(), tmp_path / "file" / "a.glb")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="permission denied"):
            export_mesh(ball(), tmp_path / "a.glb")
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = export_mesh(ball(), tmp_path / "a.glb")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"):
        export_mesh(ball(4), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.glb"]


@pytest.mark.skipif(os.name != "posix", reason="needs resource limits")
def test_a_real_limit_on_file_size_leaves_nothing_behind(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match="too large"):
            export_mesh(ball(), tmp_path / "a.glb")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_an_interruption_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_mesh(textured_ball(), tmp_path / "a.obj")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="needs permission bits")
def test_files_have_the_usual_permissions_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("")
    usual = stat.S_IMODE((tmp_path / "real.txt").stat().st_mode)
    path = export_mesh(ball(), tmp_path / "real.glb")
    assert stat.S_IMODE(path.stat().st_mode) == usual
    (tmp_path / "link.glb").symlink_to(path)
    export_mesh(ball(4), tmp_path / "link.glb")
    assert (tmp_path / "link.glb").is_symlink()
    assert len(read_mesh(path).faces) == len(ball(4).faces)
