"""USDZ, as phones and desktops preview it: one mesh with one UsdPreviewSurface, its pictures inside the package.

Needs `usd-core` (extra `usd`). Metallic and roughness share one picture, each read from its own channel, as in glTF.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maquette.errors import OutputError
from maquette.mesh.glb import (
    TextureFormat,
    encode_picture,
    pbr_material,
    smooth_normals,
    texture_coordinates,
    vertex_colours,
)

if TYPE_CHECKING:
    import trimesh

_DATE = 315_662_400  # 2 January 1980: of all files, so that the same mesh gives the same bytes


def usdz_bytes(mesh: trimesh.Trimesh, metadata: dict[str, Any], texture_format: TextureFormat) -> bytes:
    """Serialise a mesh; y up, one unit is a metre.

    Raises:
        OutputError: usd-core is not installed, or cannot write the package.
    """
    try:
        from pxr import Sdf, Usd, UsdGeom, UsdUtils
    except ImportError as error:
        raise OutputError("USDZ needs the package usd-core", "pip install usd-core") from error
    with tempfile.TemporaryDirectory() as folder:
        stage = Usd.Stage.CreateNew(str(Path(folder, "asset.usdc")))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
        UsdGeom.SetStageMetersPerUnit(stage, 1.0)
        root = UsdGeom.Xform.Define(stage, "/asset")
        stage.SetDefaultPrim(root.GetPrim())
        root.GetPrim().SetCustomDataByKey("maquette", json.dumps(metadata, sort_keys=True))
        shape = _define_mesh(stage, mesh)
        visual: Any = mesh.visual
        if visual.kind == "texture":
            _define_material(stage, mesh, shape, Path(folder), "jpeg" if texture_format == "jpeg" else "png")
        stage.GetRootLayer().Save()
        for file in Path(folder).iterdir():
            os.utime(file, (_DATE, _DATE))
        package = Path(folder, "asset.usdz")
        if not UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(Path(folder, "asset.usdc"))), str(package)):
            raise OutputError("usd-core could not write the USDZ package", "write a GLB instead")
        return package.read_bytes()


def _define_mesh(stage: Any, mesh: trimesh.Trimesh) -> Any:
    from pxr import Sdf, UsdGeom, Vt

    positions, faces = np.asarray(mesh.vertices, dtype=np.float32), np.asarray(mesh.faces)
    shape = UsdGeom.Mesh.Define(stage, "/asset/shape")
    shape.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(positions))
    shape.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(faces), 3, dtype=np.int32)))
    shape.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(faces.reshape(-1).astype(np.int32)))
    shape.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([positions.min(axis=0), positions.max(axis=0)])))
    shape.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    shape.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(smooth_normals(positions, faces)))
    shape.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    api, uv, colours = UsdGeom.PrimvarsAPI(shape), texture_coordinates(mesh), vertex_colours(mesh)
    if uv is not None:
        held = api.CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.vertex)
        held.Set(Vt.Vec2fArray.FromNumpy(uv.astype(np.float32)))
    if colours is not None:
        linear = (colours[:, :3].astype(np.float32) / 255) ** 2.2
        held = api.CreatePrimvar("displayColor", Sdf.ValueTypeNames.Color3fArray, UsdGeom.Tokens.vertex)
        held.Set(Vt.Vec3fArray.FromNumpy(linear))
    return shape


def _define_material(
    stage: Any, mesh: trimesh.Trimesh, shape: Any, folder: Path, kind: TextureFormat
) -> None:
    from pxr import Sdf, UsdShade

    surface = pbr_material(mesh)
    material = UsdShade.Material.Define(stage, "/asset/material")
    shader = UsdShade.Shader.Define(stage, "/asset/material/surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    reader = UsdShade.Shader.Define(stage, "/asset/material/coordinates")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    coordinates = reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)

    def sampler(name: str, image: Any, space: str) -> Any:
        file = Path(folder, f"{name}.{'jpg' if kind == 'jpeg' else 'png'}")
        file.write_bytes(encode_picture(image.convert("RGB"), kind))
        texture = UsdShade.Shader.Define(stage, f"/asset/material/{name}")
        texture.CreateIdAttr("UsdUVTexture")
        texture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(Sdf.AssetPath(f"./{file.name}"))
        texture.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(coordinates)
        texture.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set(space)
        return texture

    if surface.baseColorTexture is not None:
        texture = sampler("base_color", surface.baseColorTexture, "sRGB")
        colour = shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f)
        colour.ConnectToSource(texture.CreateOutput("rgb", Sdf.ValueTypeNames.Float3))
    roughness = shader.CreateInput("roughness", Sdf.ValueTypeNames.Float)
    metallic = shader.CreateInput("metallic", Sdf.ValueTypeNames.Float)
    if surface.metallicRoughnessTexture is not None:
        texture = sampler("metal_rough", surface.metallicRoughnessTexture, "raw")
        roughness.ConnectToSource(texture.CreateOutput("g", Sdf.ValueTypeNames.Float))
        metallic.ConnectToSource(texture.CreateOutput("b", Sdf.ValueTypeNames.Float))
    else:
        roughness.Set(0.7 if surface.roughnessFactor is None else float(surface.roughnessFactor))
        metallic.Set(float(surface.metallicFactor or 0.0))
    UsdShade.MaterialBindingAPI.Apply(shape.GetPrim()).Bind(material)
