"""Files for printers: STL and 3MF, the shape alone.

Copies of vertices that only texturing needs are merged again, so a closed surface is closed in the file too. With a
size in millimetres the shape stands upright (z up, as printers count) on the plate.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import numpy as np

from maquette.mesh import topology

if TYPE_CHECKING:
    import trimesh

DEFAULT_SIZE_MM = 100.0
Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Rows times this turn from y up to z up; its transpose turns back."""

_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"


def stl_bytes(mesh: trimesh.Trimesh, comments: Sequence[str], size_mm: float | None) -> bytes:
    """Binary STL; as the mesh lies, or with its longest side `size_mm` long and standing on the plate."""
    vertices, faces = (mesh.vertices, mesh.faces) if size_mm is None else standing(mesh, size_mm)
    corners = np.asarray(vertices, dtype=np.float32)[np.asarray(faces)]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).astype(np.float64)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    rows = np.zeros(len(corners), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
    rows["normal"], rows["corners"] = normals, corners
    # Readers take a header that starts with "solid" for a text file; ours starts with our name.
    header = "; ".join(comments).encode("ascii", "replace")[:80].ljust(80)
    return header + np.uint32(len(rows)).astype("<u4").tobytes() + rows.tobytes()


def threemf_bytes(mesh: trimesh.Trimesh, metadata: Mapping[str, Any], size_mm: float | None) -> bytes:
    """A 3MF package with one object in millimetres; `metadata` goes into its description."""
    vertices, faces = standing(mesh, size_mm or DEFAULT_SIZE_MM)
    points = ('<vertex x="%.6g" y="%.6g" z="%.6g"/>' * len(vertices)) % tuple(vertices.reshape(-1).tolist())
    triangles = ('<triangle v1="%d" v2="%d" v3="%d"/>' * len(faces)) % tuple(faces.reshape(-1).tolist())
    description = quoteattr("; ".join(f"{key}: {value}" for key, value in metadata.items()))[1:-1]
    model = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<model unit="millimeter" xml:lang="en-US" xmlns="{_CORE}">'
        f'<metadata name="Application">maquette</metadata><metadata name="Description">{description}</metadata>'
        f'<resources><object id="1" type="model"><mesh><vertices>{points}</vertices>'
        f'<triangles>{triangles}</triangles></mesh></object></resources><build><item objectid="1"/></build></model>'
    )
    files = {
        "[Content_Types].xml": f'<?xml version="1.0" encoding="UTF-8"?>\n<Types xmlns="{_TYPES}">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>',
        "_rels/.rels": f'<?xml version="1.0" encoding="UTF-8"?>\n<Relationships xmlns="{_RELATIONSHIPS}">'
        '<Relationship Target="/3D/3dmodel.model" Id="rel0" '
        'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>',
        "3D/3dmodel.model": model,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in files.items():
            package.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def standing(mesh: trimesh.Trimesh, size_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices in millimetres, z up, centred over the plate at z = 0, merged by position; and their faces."""
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    vertices, faces = topology.compact(
        vertices, topology.same_position(vertices, 0.0)[np.asarray(mesh.faces)]
    )
    vertices = vertices @ Z_UP
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    origin = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    return (vertices - origin) * (size_mm / max(float((high - low).max()), 1e-300)), faces
