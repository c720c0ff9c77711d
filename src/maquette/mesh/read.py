"""Reading a mesh: any common file as one triangle mesh, or one sentence about what is wrong with it."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from maquette.errors import MeshError

if TYPE_CHECKING:
    import trimesh

FORMATS = ("glb", "gltf", "obj", "ply", "stl", "off")
"""The formats that can be read."""

_READABLE = f"use {', '.join('.' + name for name in FORMATS)}"


def read_mesh(path: str | Path) -> trimesh.Trimesh:
    """Read a mesh from a GLB, glTF, OBJ, PLY, STL or OFF file. All parts of a scene become one mesh, in its place.

    Texture and vertex colours are kept where the file has them. The vertices of an STL, which repeats them for each
    face, are merged; other files keep their vertices as they are. Referenced files are only looked for below the
    mesh's own folder.

    Raises:
        MeshError: the file is missing, empty, not what its suffix says, damaged, has no triangles, vertices that are
            not finite numbers, or faces that point at vertices it does not have.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    data = _read(path)
    if kind not in FORMATS:
        raise MeshError(f"{path}: the suffix {path.suffix!r} is not one that can be read", _READABLE)
    found = sniff(data)
    if found != kind:
        looks = f"holds {found.upper()} data" if found else f"is not a {kind.upper()} file"
        raise MeshError(f"{path} {looks}", f"rename it to .{found}" if found else _READABLE)
    meshes = _parse(path, data, kind)
    if not meshes:
        raise MeshError(f"{path} has no triangles", "points and lines alone are not a surface")
    for mesh in meshes:
        faces = np.asarray(mesh.faces)
        if faces.min() < 0 or faces.max() >= len(mesh.vertices):
            raise MeshError(f"{path} has faces that point at vertices it does not have", "export it again")
        if not np.isfinite(mesh.vertices).all():
            raise MeshError(f"{path} has vertices that are not finite numbers", "export it again")
    if len(meshes) == 1:
        return meshes[0]
    import trimesh

    return cast("trimesh.Trimesh", trimesh.util.concatenate(meshes))


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise MeshError(f"{path} is a folder, not a mesh", "name one mesh file")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise MeshError(f"{path} does not exist", "check the path of the mesh") from None
    except OSError as error:
        raise MeshError(
            f"{path} cannot be read: {error.strerror or error}", "check its permissions"
        ) from error
    if not data:
        raise MeshError(f"{path} is empty (0 bytes)", "export it again")
    return data


def _parse(path: Path, data: bytes, kind: str) -> list[trimesh.Trimesh]:
    """Every triangle mesh in the file, moved to its place in the scene."""
    import trimesh

    resolver = trimesh.resolvers.FilePathResolver(str(path.absolute())) if kind in ("obj", "gltf") else None
    try:
        scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, resolver=resolver, process=False)
        for part in scene.geometry.values():
            _use_vertex_colours(part)
        meshes = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh) and len(part.faces)]
        if kind == "stl":
            for mesh in meshes:
                mesh.merge_vertices()
    except MemoryError:
        raise MeshError(
            f"{path} claims more data than fits into memory", "its header may be damaged"
        ) from None
    except Exception as error:  # trimesh's readers raise almost anything on damaged data
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise MeshError(f"{path} is damaged or truncated: {reason}", "export it again") from error
    return meshes


def _use_vertex_colours(part: Any) -> None:
    """Bring forward the vertex colours that trimesh tucks away behind a glTF material without pictures."""
    import trimesh

    visual = getattr(part, "visual", None)
    if not isinstance(visual, trimesh.visual.TextureVisuals):
        return
    colours = visual.vertex_attributes.get("color")
    if colours is not None and getattr(visual.material, "baseColorTexture", None) is None:
        part.visual = trimesh.visual.ColorVisuals(part, vertex_colors=np.asarray(colours))


def sniff(data: bytes) -> str | None:
    """What the bytes are, by their own account; None where that is nothing known here."""
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if data.startswith(b"glTF"):
        return "glb"
    if start.startswith(b"ply") and start[3:4] in b"\r\n":
        return "ply"
    if start.startswith((b"OFF", b"COFF", b"NOFF")):
        return "off"
    if len(data) >= 84 and len(data) == 84 + 50 * struct.unpack("<I", data[80:84])[0]:
        return "stl"
    if start.startswith(b"solid") and b"facet" in data[:65536]:
        return "stl"
    if start.startswith(b"{"):
        return "gltf" if _is_gltf(data) else None
    if b"\0" not in start:
        lines = data[:1_000_000].splitlines()
        if any(line.split(None, 1)[:1] == [b"v"] for line in lines):
            return "obj"
    return None


def _is_gltf(data: bytes) -> bool:
    try:
        document: Any = json.loads(data)
    except ValueError:
        return False
    return isinstance(document, dict) and "asset" in document
