"""What a finished mesh is like: closed or not, how large, how thin, how its texture sheet is used.

Vertices that were only copied for the sake of texture seams or flat shading count once, so a textured solid is still a
solid. The thinnest part is measured with shrinking balls (Ma, Bae and Choi, 2012): from many points of the surface, the
largest ball that fits inside; where it touches an opposite wall, the distance straight through to that wall counts.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from maquette.errors import SettingError
from maquette.mesh import topology
from maquette.mesh.clean import winding_number
from maquette.mesh.glb import pbr_material, texture_coordinates
from maquette.mesh.read import read_mesh

if TYPE_CHECKING:
    import trimesh

UNITS = {"glb": "metres", "gltf": "metres", "3mf": "millimetres", "usdz": "metres"}
"""The unit a format prescribes; the others leave it open."""

_TEXTURES = (
    "baseColorTexture",
    "metallicRoughnessTexture",
    "normalTexture",
    "occlusionTexture",
    "emissiveTexture",
)
_SAMPLES = 4_000
_OPPOSITE = -0.8  # cosine between the normals of two walls: slopes up to 37 degrees against each other
_SHEET = 1024  # texels along a side when the use of a sheet is counted
_ON_EDGE = 1e-6  # twice the area of a triangle, in texels, that counts as none
_VALIDATE = """
const validator = require("gltf-validator"), fs = require("fs"), file = process.argv[1];
validator.validateBytes(new Uint8Array(fs.readFileSync(file)), {maxIssues: 100}).then(
  (report) => console.log(JSON.stringify(report.issues.messages)));
"""


@dataclass(frozen=True)
class MeshReport:
    """What was found; lengths are in the mesh's own unit.

    Attributes:
        watertight: every edge carries exactly two faces, wound against each other.
        manifold: no edge carries more than two faces, and the faces about each vertex form one fan.
        components: connected pieces of the surface.
        volume: enclosed, negative where the surface faces inwards; None where the mesh is not watertight.
        bounds: lowest and highest corner.
        units: what the file format prescribes, or "not said".
        thinnest: the thinnest wall; None where no two walls face each other or the mesh is not watertight.
        thinnest_at: the middle of that wall.
        uv_used: share of the texture sheet that faces cover; None without texture coordinates.
        uv_overlap: share of the covered texels that more than one face covers.
        textures: width and height of each texture.
        texels: how many were seen in a picture, mirrored or guessed, as the painter counted.
        made: how the mesh was made, as its file says.
        validator: messages of the Khronos validator; None where it did not run.
    """

    faces: int
    vertices: int
    watertight: bool
    manifold: bool
    components: int
    area: float
    volume: float | None
    bounds: list[list[float]]
    units: str
    thinnest: float | None
    thinnest_at: list[float] | None
    uv_used: float | None
    uv_overlap: float | None
    textures: dict[str, list[int]] = field(default_factory=dict)
    texels: dict[str, Any] | None = None
    made: dict[str, Any] = field(default_factory=dict)
    validator: list[dict[str, Any]] | None = None


def inspect_file(path: str | Path) -> tuple[trimesh.Trimesh, MeshReport]:
    """Read a mesh file and report on it, with the validator's messages where node and gltf-validator are here.

    Raises:
        MeshError: the file cannot be read as a mesh.
    """
    path = Path(path)
    mesh = read_mesh(path)
    kind = path.suffix.lower().lstrip(".")
    return mesh, report_on(
        mesh,
        units=UNITS.get(kind, "not said"),
        made=_extras(path) if kind == "glb" else {},
        validator=_validate(path) if kind == "glb" else None,
    )


def report_on(
    mesh: trimesh.Trimesh,
    *,
    units: str = "not said",
    made: Mapping[str, Any] | None = None,
    validator: list[dict[str, Any]] | None = None,
) -> MeshReport:
    """Report on a mesh in memory.

    Args:
        mesh: any triangle mesh with at least one face; it is not changed.
        units: what one unit of length is.
        made: how it was made; by default what the pipelines left in `mesh.metadata["maquette"]`.
        validator: messages to pass on.
    """
    made = dict(mesh.metadata.get("maquette", {}) if made is None else made)
    vertices, faces = solid_part(mesh)
    edges = topology.edges_of(faces, len(vertices))
    watertight = bool((edges.counts == 2).all() and (edges.balance() == 0).all())
    single_fans = len(topology.split_fans(vertices, faces)[0]) == len(vertices)
    corners = vertices[faces] - vertices.mean(axis=0)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    thinnest, place = _thinnest_wall(vertices, faces) if watertight else (None, None)
    used, overlap = _sheet_use(mesh)
    return MeshReport(
        faces=len(mesh.faces),
        vertices=len(vertices),
        watertight=watertight,
        manifold=bool((edges.counts <= 2).all()) and single_fans,
        components=int(topology.face_components(faces, len(vertices)).max()) + 1,
        area=float(np.linalg.norm(normals, axis=1).sum() / 2),
        volume=float(np.einsum("ij,ij->", corners[:, 0], normals) / 6) if watertight else None,
        bounds=[vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()],
        units=units,
        thinnest=thinnest,
        thinnest_at=place,
        uv_used=used,
        uv_overlap=overlap,
        textures=_texture_sizes(mesh),
        texels=made.get("paint", {}).get("texels"),
        made=made,
        validator=validator,
    )


def print_problems(mesh: trimesh.Trimesh, report: MeshReport, *, height: float, min_wall: float) -> list[str]:
    """Why the mesh is not one closed solid that can be printed; empty where it is.

    Args:
        mesh: the mesh reported on.
        report: what `report_on` said.
        height: of the print, in millimetres along y.
        min_wall: thinnest wall that the printer can make, in millimetres.

    Raises:
        SettingError: a length is not positive.
    """
    for name, value in (("height", height), ("min_wall", min_wall)):
        if not 0 < value < float("inf"):
            raise SettingError(f"{name} is {value:g} mm", "it must be more than 0")
    problems = []
    if not report.watertight:
        problems.append("the surface has holes or is wound both ways")
    if not report.manifold:
        problems.append("edges or corners are shared by more than one sheet")
    if report.components > 1:
        problems.append(f"it is {report.components} separate pieces, not one")
    if report.watertight:
        if report.volume is not None and report.volume <= 0:
            problems.append("it is inside out")
        elif _buried_share(mesh) > 0:
            problems.append("parts of the surface lie inside the solid")
    low, high = report.bounds
    scale = height / max(high[1] - low[1], 1e-12)
    if report.thinnest is not None and report.thinnest * scale < min_wall:
        where = ", ".join(f"{value:.3g}" for value in report.thinnest_at or [])
        problems.append(
            f"its thinnest wall, at ({where}), would be {report.thinnest * scale:.2f} mm at a height of {height:g} mm, "
            f"less than {min_wall:g} mm"
        )
    return problems


def solid_part(mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces with the copies at texture seams united, unless the mesh is closed as it is."""
    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    if not topology.is_watertight(faces, len(vertices)):
        faces = topology.same_position(vertices, 0.0)[faces]
        flat = (faces == np.roll(faces, 1, axis=1)).any(axis=1)
        faces = faces[~flat] if not flat.all() else faces
    return topology.compact(vertices, faces)


def _surface_points(vertices: np.ndarray, faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points spread evenly by area, and the unit normal at each; the same ones each time."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    total = np.cumsum(areas)
    rng = np.random.default_rng(0)
    face = np.searchsorted(total, (np.arange(count) + rng.random(count)) * total[-1] / count)
    face = np.minimum(face, len(faces) - 1)
    r, s = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - r, r * (1 - s), r * s], axis=1)
    points = np.einsum("nk,nkj->nj", weights, corners[face])
    return points, normals[face] / np.maximum(areas[face], 1e-300)[:, None]


def _thinnest_wall(vertices: np.ndarray, faces: np.ndarray) -> tuple[float | None, list[float] | None]:
    from scipy.spatial import cKDTree

    points, normals = _surface_points(vertices, faces, _SAMPLES)
    tree = cKDTree(points)
    radius = np.full(len(points), float(np.linalg.norm(np.ptp(vertices, axis=0))))
    touch = np.full(len(points), -1)
    active = np.arange(len(points))
    for _ in range(30):
        centre = points[active] - radius[active, None] * normals[active]
        distance, near = tree.query(centre)
        inside = distance < radius[active] * (1 - 1e-3)
        active, near = active[inside], near[inside]
        if not active.size:
            break
        across = points[active] - points[near]
        depth = np.einsum("ij,ij->i", across, normals[active])
        radius[active] = np.einsum("ij,ij->i", across, across) / np.maximum(2 * depth, 1e-12)
        touch[active] = near
    facing = np.flatnonzero(touch >= 0)
    cosine = np.einsum("ij,ij->i", normals[facing], normals[touch[facing]])
    facing, cosine = facing[cosine < _OPPOSITE], cosine[cosine < _OPPOSITE]
    if not facing.size:
        return None, None
    # Straight through from the point to the plane of the opposite wall: exact for flat walls, however few the points.
    gap = np.einsum("ij,ij->i", points[facing] - points[touch[facing]], normals[touch[facing]]) / cosine
    gap = np.where(gap > 0, gap, 2 * radius[facing])
    thinnest = int(gap.argmin())
    middle = points[facing[thinnest]] - gap[thinnest] / 2 * normals[facing[thinnest]]
    return float(gap[thinnest]), middle.tolist()


def _buried_share(mesh: trimesh.Trimesh, samples: int = 256) -> float:
    """Share of the surface that has solid on its outer side too."""
    vertices, faces = solid_part(mesh)
    points, normals = _surface_points(vertices, faces, samples)
    outside = points + 1e-4 * np.linalg.norm(np.ptp(vertices, axis=0)) * normals
    corners = vertices[faces]
    return float(np.mean([winding_number(point, corners) > 0.5 for point in outside]))


def _sheet_use(mesh: trimesh.Trimesh) -> tuple[float | None, float | None]:
    """Share of the sheet's texels that faces cover, and of those the share covered more than once."""
    import torch

    from maquette.render.ragged import even_chunks, expand

    uv = texture_coordinates(mesh)
    if uv is None:
        return None, None
    corners = torch.from_numpy(uv[np.asarray(mesh.faces)] * _SHEET - 0.5)  # texel centres at whole numbers
    low = corners.amin(dim=1).ceil().long()
    size = (corners.amax(dim=1).floor().long() - low + 1).clamp(min=0, max=2 * _SHEET)
    # Each side as a line, a x + b y + c, positive inside.
    start = corners.roll(-1, dims=1) - corners
    line = torch.stack([-start[..., 1], start[..., 0]], dim=-1)  # (F, 3, 2)
    line = line * _cross(start[:, 0], start[:, 1]).sign()[:, None, None]
    shift = -(line * corners).sum(dim=-1)
    hits = torch.zeros(_SHEET * _SHEET, dtype=torch.int64)
    for begin, end, total in even_chunks(size.prod(dim=1), 1 << 21):
        owner, place = expand(size[begin:end].prod(dim=1), total)
        owner = owner + begin
        row = torch.div(place, size[owner, 0], rounding_mode="floor")
        x, y = low[owner, 0] + place - row * size[owner, 0], low[owner, 1] + row
        inside = torch.ones(total, dtype=torch.bool)
        for side in range(3):
            a, b = line[:, side].unbind(1)
            # Strictly inside, so that a texel on an edge is no overlap of the two faces beside it.
            inside &= a[owner] * x + b[owner] * y + shift[:, side][owner] > _ON_EDGE
        hits += torch.bincount((y[inside] % _SHEET) * _SHEET + x[inside] % _SHEET, minlength=_SHEET * _SHEET)
    covered = int((hits > 0).sum())
    return covered / hits.numel(), int((hits > 1).sum()) / max(covered, 1)


def _cross(one: Any, other: Any) -> Any:
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]


def _texture_sizes(mesh: trimesh.Trimesh) -> dict[str, list[int]]:
    if texture_coordinates(mesh) is None:
        return {}
    material = pbr_material(mesh)
    found = {name: getattr(material, name, None) for name in _TEXTURES}
    return {name: list(picture.size) for name, picture in found.items() if picture is not None}


def _extras(path: Path) -> dict[str, Any]:
    """What the file says of its own making, in glTF's `asset.extras`."""
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    extras = json.loads(data[20 : 20 + length]).get("asset", {}).get("extras", {})
    return extras if isinstance(extras, dict) else {}


def _validate(path: Path) -> list[dict[str, Any]] | None:
    """The Khronos validator's messages, where node and the package gltf-validator are to be found."""
    node = shutil.which("node")
    if node is None:
        return None
    places = [os.environ.get("NODE_PATH", ""), "/usr/local/lib/node_modules", "/usr/lib/node_modules"]
    environment = os.environ | {"NODE_PATH": os.pathsep.join(filter(None, places))}
    done = subprocess.run(
        [node, "-e", _VALIDATE, str(path)], capture_output=True, text=True, env=environment, check=False
    )
    return json.loads(done.stdout) if done.returncode == 0 else None
