"""USDZ, 3MF and print sizes, read back by other libraries."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from maquette.errors import SettingError
from maquette.mesh.export import export_mesh, read_mesh
from maquette.mesh.glb import smooth_normals
from maquette.mesh.unwrap import unwrap
from mesh.sample_meshes import META, ball, textured_ball


def _painted() -> trimesh.Trimesh:
    """An unwrapped box whose texture is red above the middle and blue below."""
    mesh = unwrap(trimesh.creation.box((2, 1, 1)), texture_size=512)
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    mesh.visual.material = trimesh.visual.material.PBRMaterial(
        baseColorTexture=Image.fromarray(pixels), metallicRoughnessTexture=Image.fromarray(pixels[::-1])
    )
    return mesh


def test_usdz_holds_the_same_surface_and_pictures(tmp_path: Path) -> None:
    pxr = pytest.importorskip("pxr", reason="needs usd-core")
    from pxr import Usd, UsdGeom

    mesh = _painted()
    path = export_mesh(mesh, tmp_path / "a.usdz", metadata=META)
    stage = Usd.Stage.Open(str(path))
    shape = UsdGeom.Mesh(stage.GetPrimAtPath("/asset/shape"))
    assert np.allclose(np.array(shape.GetPointsAttr().Get()), mesh.vertices, atol=1e-6)
    assert np.array_equal(np.array(shape.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3), mesh.faces)
    assert np.allclose(np.array(UsdGeom.PrimvarsAPI(shape).GetPrimvar("st").Get()), mesh.visual.uv)
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert json.loads(stage.GetDefaultPrim().GetCustomDataByKey("maquette"))["seed"] == META["seed"]
    pictures = {}
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            if name.endswith(".png"):
                pictures[Path(name).stem] = np.asarray(Image.open(io.BytesIO(package.read(name))))
    material = mesh.visual.material
    assert np.array_equal(pictures["base_color"], np.asarray(material.baseColorTexture))
    assert np.array_equal(pictures["metal_rough"], np.asarray(material.metallicRoughnessTexture))
    for name in ("base_color", "metal_rough"):
        value = stage.GetPrimAtPath(f"/asset/material/{name}").GetAttribute("inputs:file").Get()
        assert value.resolvedPath, f"{name} is not found inside the package"
    del pxr


def test_3mf_is_closed_upright_and_in_millimetres(tmp_path: Path) -> None:
    pytest.importorskip("lxml", reason="trimesh reads 3MF with lxml")
    pytest.importorskip("networkx", reason="trimesh reads 3MF with networkx")
    mesh = _painted()
    mesh.vertices = mesh.vertices[:, [1, 0, 2]] * [1, 1, -1]  # two high, still a box
    path = export_mesh(mesh, tmp_path / "a.3mf", metadata=META, size_mm=50)
    again = trimesh.load(path, force="mesh")
    assert again.is_watertight and len(again.vertices) == 8
    assert np.allclose(again.bounds, [[-12.5, -12.5, 0], [12.5, 12.5, 50]], atol=1e-3)
    assert np.allclose(trimesh.load(export_mesh(mesh, tmp_path / "b.3mf"), force="mesh").extents.max(), 100)


def test_stl_in_millimetres_stands_on_the_plate(tmp_path: Path) -> None:
    mesh = ball().apply_translation((5, 5, 5))
    again = read_mesh(export_mesh(mesh, tmp_path / "a.stl", size_mm=30))
    assert again.is_watertight and again.volume > 0
    assert again.bounds[0, 2] == pytest.approx(0, abs=1e-4)
    assert again.extents.max() == pytest.approx(30, rel=1e-3)
    with pytest.raises(SettingError, match="size_mm"):
        export_mesh(mesh, tmp_path / "b.stl", size_mm=0)


def test_ply_takes_its_colours_from_the_texture(tmp_path: Path) -> None:
    mesh = textured_ball()
    mesh.visual.material.baseColorTexture = Image.new("RGB", (8, 8), (10, 200, 30))
    again = read_mesh(export_mesh(mesh, tmp_path / "a.ply"))
    assert (np.asarray(again.visual.vertex_colors) == (10, 200, 30, 255)).all()
    assert again.is_watertight


def test_obj_names_all_pictures(tmp_path: Path) -> None:
    export_mesh(_painted(), tmp_path / "a.obj")
    library = (tmp_path / "a.mtl").read_text()
    for key, name in (("map_Kd", "base_color"), ("map_Pr", "roughness"), ("map_Pm", "metallic")):
        assert f"{key} a_{name}.png" in library and (tmp_path / f"a_{name}.png").exists()


def test_normals_are_smooth_across_seams_and_hard_over_edges() -> None:
    box = unwrap(trimesh.creation.box(), texture_size=512)
    normals = smooth_normals(np.float32(box.vertices), box.faces)
    assert np.allclose(np.abs(normals).max(1), 1, atol=1e-6)
    round_one = unwrap(ball(4), texture_size=512)
    normals = smooth_normals(np.float32(round_one.vertices), round_one.faces)
    assert (np.einsum("ij,ij->i", normals, round_one.vertices) > 0.999).all()
