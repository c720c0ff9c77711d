"""Meshes to and from files: GLB, OBJ, USDZ, PLY, STL and 3MF out; GLB, glTF, OBJ, PLY, STL and OFF in.

A file appears complete or not at all: it is written beside its place under another name and then moved there. The
same mesh, metadata and version give the same bytes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maquette._version import __version__
from maquette.errors import MeshError, OutputError, SettingError
from maquette.mesh import topology
from maquette.mesh.glb import (
    TextureFormat,
    encode_picture,
    glb_bytes,
    pbr_material,
    texture_coordinates,
    vertex_colours,
)
from maquette.mesh.printing import stl_bytes, threemf_bytes
from maquette.mesh.read import read_mesh

if TYPE_CHECKING:
    import trimesh

__all__ = ["FORMATS", "export_mesh", "make_folder", "output_format", "read_mesh", "write_files"]

FORMATS = ("glb", "obj", "usdz", "ply", "stl", "3mf")
"""The formats that can be written."""


def export_mesh(
    mesh: trimesh.Trimesh,
    path: str | Path,
    *,
    metadata: Mapping[str, Any] | None = None,
    file_format: str | None = None,
    texture_format: TextureFormat = "png",
    size_mm: float | None = None,
) -> Path:
    """Write a mesh to a file, replacing one that is there only once the new one is complete.

    GLB and USDZ keep textures and material, and GLB vertex colours; OBJ keeps the textures (in a .mtl and pictures of
    the same name beside it) and vertex colours; PLY keeps vertex colours, taken from the texture where there is one;
    STL and 3MF keep the shape alone.

    Args:
        mesh: what to write; it is not changed. Vertices that no face uses are left out.
        path: where to; its folder must exist.
        metadata: how the mesh was made (seed, model, settings), JSON values. Stored with the version in glTF's
            `asset.extras`, as comments in OBJ and PLY, and, cut to 80 bytes, in STL's header.
        file_format: one of `FORMATS`; by default the suffix of `path` says.
        texture_format: how pictures are stored in GLB, and in USDZ, which cannot hold WebP and takes PNG for it.
        size_mm: longest side in millimetres, for STL and 3MF, which then stand on the plate with z up. None leaves an
            STL as it lies and makes a 3MF 100 mm long.

    Returns:
        The path written.

    Raises:
        OutputError: the format is unknown, the folder is missing or not writable, the disk is full, or the metadata
            cannot be stored, or `usd-core` is missing for USDZ.
        SettingError: `size_mm` is not a positive number.
        MeshError: there are no faces, or vertices that are not finite numbers.
    """
    path = Path(path)
    kind = output_format(path, file_format)
    check_size(size_mm)
    notes = _plain_metadata(metadata)
    mesh = _used_part(mesh)
    if kind == "glb":
        files = {path: glb_bytes(mesh, notes, texture_format)}
    elif kind == "obj":
        files = _obj_files(mesh, path, notes)
    elif kind == "ply":
        files = {path: _ply_bytes(mesh, notes)}
    elif kind == "usdz":
        from maquette.mesh.usd import usdz_bytes

        files = {path: usdz_bytes(mesh, notes, texture_format)}
    elif kind == "stl":
        files = {path: stl_bytes(mesh, _comments(notes), size_mm)}
    else:
        files = {path: threemf_bytes(mesh, notes, size_mm)}
    write_files(files)
    return path


def check_size(size_mm: float | None) -> None:
    """Refuse a size that is none.

    Raises:
        SettingError: it is not a positive number.
    """
    if size_mm is not None and not 0 < size_mm < 1e6:
        raise SettingError(f"size_mm is {size_mm}", "it must be above 0, in millimetres")


def output_format(path: Path, file_format: str | None = None) -> str:
    """The one of `FORMATS` in which a file is to be written, by its suffix if not said otherwise.

    Raises:
        OutputError: it is none of them.
    """
    kind = (file_format or path.suffix).lower().lstrip(".")
    if kind not in FORMATS:
        found = f"the format {file_format!r}" if file_format else f"{path}: the suffix {path.suffix!r}"
        raise OutputError(
            f"{found} is not one that can be written", f"use {', '.join('.' + f for f in FORMATS)}"
        )
    return kind


def _plain_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """The metadata as JSON values, with the version; arrays become lists and paths text."""

    def plain(value: Any) -> Any:
        if isinstance(value, (np.generic, np.ndarray)):
            return value.tolist()
        if isinstance(value, Path):
            return str(value)
        raise TypeError(f"a value of type {type(value).__name__}")

    notes: dict[str, Any] = {"maquette": __version__}
    for key, value in (metadata or {}).items():
        try:
            notes[str(key)] = json.loads(json.dumps(value, default=plain, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise OutputError(
                f"metadata {key!r} cannot be stored: {error}", "use numbers, text and lists"
            ) from error
    return notes


def _used_part(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh without unused vertices, checked."""
    faces, vertices = np.asarray(mesh.faces), np.asarray(mesh.vertices)
    if not len(faces):
        raise MeshError("the mesh has no faces to write", "generate or load a surface first")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise MeshError("the mesh has faces that point at vertices it does not have", "load it again")
    used = np.zeros(len(vertices), dtype=bool)
    used[faces.reshape(-1)] = True
    if not np.isfinite(vertices[used]).all():
        raise MeshError("the mesh has vertices that are not finite numbers", "clean it first")
    if used.all():
        return mesh
    mesh = mesh.copy()
    mesh.update_vertices(used)
    return mesh


def _comments(notes: Mapping[str, Any]) -> list[str]:
    return [f"{key}: {json.dumps(value, sort_keys=True)}" for key, value in notes.items()]


def _rows(template: str, values: np.ndarray) -> str:
    """One line for each row of `values`."""
    return (template * len(values)) % tuple(values.reshape(-1).tolist())


def _obj_files(mesh: trimesh.Trimesh, path: Path, notes: Mapping[str, Any]) -> dict[Path, bytes]:
    """The OBJ, last, and the material and picture it names. Positions are shared across texture seams."""
    positions, faces = np.asarray(mesh.vertices, dtype=np.float32), np.asarray(mesh.faces)
    uv, colours = texture_coordinates(mesh), vertex_colours(mesh)
    text = "".join(f"# {line}\n" for line in _comments(notes))
    files: dict[Path, bytes] = {}
    if uv is None:
        if colours is None:
            text += _rows("v %.9g %.9g %.9g\n", positions)
        else:
            text += _rows("v %.9g %.9g %.9g %.6g %.6g %.6g\n", np.hstack([positions, colours[:, :3] / 255.0]))
        return {path: (text + _rows("f %d %d %d\n", faces + 1)).encode()}

    surface = pbr_material(mesh)
    material = "newmtl surface\nKd 1 1 1\n"
    images = {"map_Kd": ("base_color", surface.baseColorTexture)}
    if surface.metallicRoughnessTexture is not None:
        _, roughness, metallic = surface.metallicRoughnessTexture.convert("RGB").split()
        images |= {"map_Pr": ("roughness", roughness), "map_Pm": ("metallic", metallic)}
    for key, (name, image) in images.items():
        if image is not None:
            picture = path.with_name(f"{path.stem}_{name}.png")
            files[picture] = encode_picture(image, "png")
            material += f"{key} {picture.name}\n"
    library = path.with_suffix(".mtl") if path.suffix != ".mtl" else path.with_name(path.name + ".mtl")
    files[library] = material.encode()
    text += f"mtllib {library.name}\n"
    first = topology.same_position(positions, 0.0)
    used, place = np.unique(first, return_inverse=True)
    text += _rows("v %.9g %.9g %.9g\n", positions[used]) + _rows("vt %.9g %.9g\n", uv.astype(np.float32))
    corners = np.stack([place.reshape(-1)[faces] + 1, faces + 1], axis=2).reshape(-1, 6)
    text += "usemtl surface\n" + _rows("f %d/%d %d/%d %d/%d\n", corners)
    return files | {path: text.encode()}


def _ply_bytes(mesh: trimesh.Trimesh, notes: Mapping[str, Any]) -> bytes:
    colours = vertex_colours(mesh)
    if colours is None:
        mesh, colours = _with_texture_colours(mesh)
    names = ["x", "y", "z"] + (["red", "green", "blue", "alpha"] if colours is not None else [])
    rows = np.empty(len(mesh.vertices), dtype=[(name, "<f4" if name in "xyz" else "u1") for name in names])
    for column, name in enumerate(names):
        rows[name] = mesh.vertices[:, column] if name in "xyz" else colours[:, column - 3]  # type: ignore[index]
    triangles = np.empty(len(mesh.faces), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    triangles["count"], triangles["corners"] = 3, mesh.faces
    header = ["ply", "format binary_little_endian 1.0", *(f"comment {line}" for line in _comments(notes))]
    header.append(f"element vertex {len(rows)}")
    header += [f"property {'float' if name in 'xyz' else 'uchar'} {name}" for name in names]
    header += [f"element face {len(triangles)}", "property list uchar int vertex_indices", "end_header\n"]
    return "\n".join(header).encode("ascii") + rows.tobytes() + triangles.tobytes()


def _with_texture_colours(mesh: trimesh.Trimesh) -> tuple[trimesh.Trimesh, np.ndarray | None]:
    """The mesh with the copies of vertices at texture seams merged, and (V, 4) colours from its texture, if any."""
    import trimesh

    uv = texture_coordinates(mesh)
    image = None if uv is None else pbr_material(mesh).baseColorTexture
    if uv is None or image is None:
        return mesh, None
    pixels = np.asarray(image.convert("RGBA"))
    height, width = pixels.shape[:2]
    row = ((1 - uv[:, 1]) * height).astype(np.int64).clip(0, height - 1)
    column = (uv[:, 0] * width).astype(np.int64).clip(0, width - 1)
    shared = topology.same_position(np.asarray(mesh.vertices), 0.0)
    count = np.maximum(np.bincount(shared, minlength=len(shared)), 1)
    summed = [np.bincount(shared, pixels[row, column, k], len(shared)) / count for k in range(4)]
    colours = np.rint(np.stack(summed, axis=1)).astype(np.uint8)
    used = np.flatnonzero(shared == np.arange(len(shared)))
    place = np.cumsum(shared == np.arange(len(shared))) - 1
    merged = trimesh.Trimesh(mesh.vertices[used], place[shared][mesh.faces], process=False)
    return merged, colours[used]


def make_folder(folder: Path) -> None:
    """Make a folder for results: fails before minutes of work rather than after.

    Raises:
        OutputError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder '{folder}' cannot be made: {error.strerror}", "choose another --output"
        ) from error
    if not os.access(folder, os.W_OK):
        raise OutputError(f"the folder '{folder}' is not writable", "choose another --output")


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write every file under a passing name, then move all into place, the last one last.

    Raises:
        OutputError: a folder is missing or not writable, or the disk is full; nothing half-written is left.
    """
    staged: list[tuple[Path, Path]] = []
    target = list(files)[-1]
    try:
        for path, data in files.items():
            target = path
            if path.is_dir():
                raise OutputError(f"{path} is a folder", "name a file")
            place = Path(os.path.realpath(path))  # through a link to the file it names
            passing = place.with_name(f".maquette-{uuid.uuid4().hex}.part")
            staged.append((passing, place))
            # Not tempfile: its files are private to the user, whatever the umask says.
            with open(passing, "xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        for passing, place in staged:
            target = place
            os.replace(passing, place)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {_reason(error, target)}", _remedy(error)) from error
    finally:
        for passing, _ in staged:
            with contextlib.suppress(OSError):
                passing.unlink(missing_ok=True)


def _reason(error: OSError, target: Path) -> str:
    if error.errno == errno.ENOENT:
        return f"the folder {target.parent} does not exist"
    if error.errno == errno.ENOSPC:
        return "the disk is full"
    return (error.strerror or str(error)).lower()


def _remedy(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "create it first"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space or choose another disk; nothing was left behind"
    return "choose a folder you may write to"
