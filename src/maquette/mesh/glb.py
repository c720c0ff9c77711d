"""A glTF 2.0 binary (GLB) from one mesh, byte for byte the same for the same mesh.

Written here rather than by a library because the Khronos validator then has nothing to say, `asset.extras` can carry
how the file was made, and the pictures are compressed the way we choose.
"""

from __future__ import annotations

import io
import json
import struct
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from maquette._version import __version__
from maquette.errors import MeshError
from maquette.mesh import topology

if TYPE_CHECKING:
    import trimesh
    from PIL import Image

TextureFormat = Literal["png", "jpeg", "webp"]

_FLOAT, _UNSIGNED_BYTE, _UNSIGNED_SHORT, _UNSIGNED_INT = 5126, 5121, 5123, 5125
_VERTICES, _INDICES = 34962, 34963  # bufferView targets
_PLAIN = {"baseColorFactor": [0.8, 0.8, 0.8, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.7}
_CREASE_COSINE = float(np.cos(np.deg2rad(20)))
_UNSET_DIFFUSE = (102, 102, 102, 255)  # what trimesh puts into a simple material that was given no colour


def glb_bytes(
    mesh: trimesh.Trimesh, metadata: dict[str, Any], texture_format: TextureFormat = "png"
) -> bytes:
    """Serialise a mesh with smooth normals and one metallic-roughness material.

    Texture coordinates and material, or vertex colours, are written where the mesh has them; face colours are averaged
    onto the vertices. Anything else is light grey, roughness 0.7. Colours are stored as the bytes that trimesh holds.

    Args:
        mesh: finite vertices, at least one face, no vertex without a face.
        metadata: JSON values for `asset.extras`.
        texture_format: how pictures are stored. WebP needs readers with EXT_texture_webp.
    """
    writer = _Writer(texture_format)
    positions = np.asarray(mesh.vertices, dtype=np.float32)
    faces, normals = np.asarray(mesh.faces), smooth_normals(positions, np.asarray(mesh.faces))
    attributes = {
        "POSITION": writer.accessor(positions, _FLOAT, "VEC3", _VERTICES, bounds=True),
        "NORMAL": writer.accessor(normals, _FLOAT, "VEC3", _VERTICES),
    }
    material: dict[str, Any] = {"name": "surface", "pbrMetallicRoughness": dict(_PLAIN)}
    uv = texture_coordinates(mesh)
    if uv is not None:
        flipped = np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1).astype(np.float32)  # glTF counts v downwards
        attributes["TEXCOORD_0"] = writer.accessor(flipped, _FLOAT, "VEC2", _VERTICES)
    if _visual(mesh).kind == "texture":
        material = writer.material(pbr_material(mesh), textured=uv is not None)
    if uv is not None and "normalTexture" in material:
        attributes["TANGENT"] = writer.accessor(
            tangents(positions, faces, normals, uv), _FLOAT, "VEC4", _VERTICES
        )
    colours = vertex_colours(mesh)
    if colours is not None:
        attributes["COLOR_0"] = writer.accessor(colours, _UNSIGNED_BYTE, "VEC4", _VERTICES, normalised=True)
        material["pbrMetallicRoughness"]["baseColorFactor"] = [1.0, 1.0, 1.0, 1.0]
        if colours[:, 3].min() < 255:
            material["alphaMode"] = "BLEND"
    indices = np.ascontiguousarray(faces).reshape(-1)
    small = len(positions) < 65535  # the highest index is reserved
    kind = (np.uint16, _UNSIGNED_SHORT) if small else (np.uint32, _UNSIGNED_INT)
    primitive = {
        "attributes": attributes,
        "indices": writer.accessor(indices.astype(kind[0]), kind[1], "SCALAR", _INDICES),
        "material": 0,
        "mode": 4,
    }
    return writer.finish(primitive, material, metadata)


def smooth_normals(positions: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) float32 unit normals weighted by area, shared by the vertices at one position (texture seams).

    A vertex whose own faces look more than 20° aside from the shared normal keeps its own: there a seam runs along an
    edge of the object.
    """
    corners = positions[faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    shared = topology.same_position(positions, 0.0)

    def mean_normals(corner: np.ndarray) -> np.ndarray:
        summed = np.stack(
            [
                np.bincount(corner, np.repeat(normals[:, axis], 3), minlength=len(positions))
                for axis in range(3)
            ],
            axis=1,
        )
        length = np.linalg.norm(summed, axis=1, keepdims=True)
        return np.where(length > 1e-30, summed / np.maximum(length, 1e-30), [0.0, 1.0, 0.0])

    own, joint = mean_normals(faces.reshape(-1)), mean_normals(shared[faces].reshape(-1))[shared]
    aside = np.einsum("ij,ij->i", own, joint) < _CREASE_COSINE
    return np.where(aside[:, None], own, joint).astype(np.float32)


def tangents(positions: np.ndarray, faces: np.ndarray, normals: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(V, 4) float32: the unit direction of growing u at right angles to the normal, and the side that v grows to."""
    corners, coordinates = positions[faces].astype(np.float64), uv[faces]
    edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    du, dv = (coordinates[:, 1] - coordinates[:, 0]).T
    eu, ev = (coordinates[:, 2] - coordinates[:, 0]).T
    turn = np.sign(du * ev - eu * dv)[:, None]  # the faces' areas are left in as weights
    along_u = turn * (edge * ev[:, None] - other * dv[:, None])
    along_v = turn * (other * du[:, None] - edge * eu[:, None])

    def to_vertices(values: np.ndarray) -> np.ndarray:
        corner = faces.reshape(-1)
        return np.stack(
            [
                np.bincount(corner, np.repeat(values[:, axis], 3), minlength=len(positions))
                for axis in range(3)
            ],
            axis=1,
        )

    tangent = to_vertices(along_u)
    tangent -= normals * np.einsum("ij,ij->i", tangent, normals)[:, None]
    spare = np.cross(normals, np.eye(3)[np.abs(normals).argmin(axis=1)])
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    tangent = np.where(length > 1e-20, tangent, spare)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.einsum("ij,ij->i", np.cross(normals, tangent), to_vertices(along_v)) < 0
    return np.hstack([tangent, np.where(side, -1.0, 1.0)[:, None]]).astype(np.float32)


def texture_coordinates(mesh: trimesh.Trimesh) -> np.ndarray | None:
    """(V, 2) texture coordinates with v upwards, or None."""
    visual = _visual(mesh)
    uv = visual.uv if visual.kind == "texture" else None
    if uv is None or len(uv) != len(mesh.vertices):
        return None
    if not np.isfinite(uv).all():
        raise MeshError("the mesh has texture coordinates that are not finite numbers", "unwrap it again")
    return np.asarray(uv, dtype=np.float64)


def vertex_colours(mesh: trimesh.Trimesh) -> np.ndarray | None:
    """(V, 4) uint8, or None where the mesh has no colours of its own."""
    visual = _visual(mesh)
    if visual.kind not in ("vertex", "face"):
        return None
    return np.ascontiguousarray(visual.vertex_colors, dtype=np.uint8)


def pbr_material(mesh: trimesh.Trimesh) -> Any:
    """The mesh's material as trimesh's PBRMaterial; an unset colour does not darken the texture."""
    material = _visual(mesh).material
    if hasattr(material, "baseColorTexture"):
        return material
    pbr = material.to_pbr()
    if pbr.baseColorTexture is not None and tuple(np.asarray(pbr.baseColorFactor)) == _UNSET_DIFFUSE:
        pbr.baseColorFactor = None
    if pbr.metallicFactor is None:
        pbr.metallicFactor = 0.0
    return pbr


def _visual(mesh: trimesh.Trimesh) -> Any:
    """trimesh's types of it have too little in common to be checked."""
    return mesh.visual


def encode_picture(image: Image.Image, texture_format: TextureFormat) -> bytes:
    """The bytes of a picture file. JPEG cannot hold alpha, so a picture with alpha stays PNG."""
    buffer = io.BytesIO()
    if texture_format == "webp":
        image.convert("RGBA" if _has_alpha(image) else "RGB").save(buffer, "WEBP", quality=92, method=4)
    elif texture_format == "jpeg" and not _has_alpha(image):
        image.convert("RGB").save(buffer, "JPEG", quality=95, subsampling=0)
    else:
        keep = image if image.mode in ("L", "LA", "RGB", "RGBA") else image.convert("RGBA")
        # A bare copy: text chunks and profiles of the source file must not end up in the asset.
        type(keep).copy(keep).save(buffer, "PNG", compress_level=6, pnginfo=None, icc_profile=None, exif=b"")
    return buffer.getvalue()


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info


class _Writer:
    """Collects the binary chunk and the lists that point into it."""

    def __init__(self, texture_format: TextureFormat) -> None:
        self.texture_format = texture_format
        self.chunk = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.textures: list[dict[str, Any]] = []
        self.seen: dict[int, int] = {}  # id of a picture to its texture, so shared pictures are stored once

    def view(self, data: bytes, target: int | None = None) -> int:
        self.chunk += bytes(-len(self.chunk) % 4)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.chunk), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self.chunk += data
        self.views.append(view)
        return len(self.views) - 1

    def accessor(
        self,
        values: np.ndarray,
        component: int,
        kind: str,
        target: int,
        bounds: bool = False,
        normalised: bool = False,
    ) -> int:
        accessor: dict[str, Any] = {
            "bufferView": self.view(values.astype(values.dtype.newbyteorder("<")).tobytes(), target),
            "componentType": component,
            "count": len(values),
            "type": kind,
        }
        if bounds:
            accessor["min"], accessor["max"] = (
                end.tolist() for end in (values.min(axis=0), values.max(axis=0))
            )
        if normalised:
            accessor["normalized"] = True
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def texture(self, image: Image.Image) -> dict[str, int]:
        if id(image) not in self.seen:
            data = encode_picture(image, self.texture_format)
            mime = {b"\x89PNG": "image/png", b"RIFF": "image/webp"}.get(data[:4], "image/jpeg")
            self.images.append({"bufferView": self.view(data), "mimeType": mime})
            source = len(self.images) - 1
            texture: dict[str, Any] = {"sampler": 0}
            if mime == "image/webp":
                texture["extensions"] = {"EXT_texture_webp": {"source": source}}
            else:
                texture["source"] = source
            self.textures.append(texture)
            self.seen[id(image)] = len(self.textures) - 1
        return {"index": self.seen[id(image)]}

    def material(self, pbr: Any, textured: bool) -> dict[str, Any]:
        """trimesh's PBRMaterial as glTF; what it leaves open takes the neutral values of an untextured mesh."""
        surface: dict[str, Any] = {
            name: 1.0 if pbr.metallicRoughnessTexture is not None and textured else _PLAIN[name]
            for name in ("metallicFactor", "roughnessFactor")
        }
        result: dict[str, Any] = {"name": "surface", "pbrMetallicRoughness": surface}
        if pbr.baseColorFactor is not None:
            surface["baseColorFactor"] = (np.asarray(pbr.baseColorFactor, dtype=np.float64) / 255.0).tolist()
        for name in ("metallicFactor", "roughnessFactor"):
            if getattr(pbr, name) is not None:
                surface[name] = float(getattr(pbr, name))
        for name, place in (
            ("baseColorTexture", surface),
            ("metallicRoughnessTexture", surface),
            ("normalTexture", result),
            ("occlusionTexture", result),
            ("emissiveTexture", result),
        ):
            if textured and getattr(pbr, name) is not None:
                place[name] = self.texture(getattr(pbr, name))
        if pbr.emissiveFactor is not None:
            result["emissiveFactor"] = np.asarray(pbr.emissiveFactor, dtype=np.float64).tolist()
        if pbr.alphaMode is not None:
            result["alphaMode"] = pbr.alphaMode
            if pbr.alphaMode == "MASK" and pbr.alphaCutoff is not None:
                result["alphaCutoff"] = float(pbr.alphaCutoff)
        if pbr.doubleSided:
            result["doubleSided"] = True
        return result

    def finish(self, primitive: dict[str, Any], material: dict[str, Any], metadata: dict[str, Any]) -> bytes:
        asset: dict[str, Any] = {"version": "2.0", "generator": f"maquette {__version__}"}
        if metadata:
            asset["extras"] = metadata
        self.chunk += bytes(-len(self.chunk) % 4)
        document: dict[str, Any] = {
            "asset": asset,
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0, "name": "object"}],
            "meshes": [{"name": "object", "primitives": [primitive]}],
            "materials": [material],
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(self.chunk)}],
        }
        if self.images:
            document |= {
                "images": self.images,
                "textures": self.textures,
                "samplers": [{"magFilter": 9729, "minFilter": 9987}],
            }
        if any("extensions" in texture for texture in self.textures):
            document["extensionsUsed"] = document["extensionsRequired"] = ["EXT_texture_webp"]
        text = json.dumps(
            document, separators=(",", ":"), sort_keys=True, ensure_ascii=False, allow_nan=False
        ).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + len(self.chunk)
        return b"".join(
            [
                struct.pack("<4sII", b"glTF", 2, total),
                struct.pack("<I4s", len(text), b"JSON"),
                text,
                struct.pack("<I4s", len(self.chunk), b"BIN\0"),
                self.chunk,
            ]
        )
