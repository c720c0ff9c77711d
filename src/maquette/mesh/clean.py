"""Repair of a triangle mesh: slivers, copies, floaters, bubbles, winding, shared edges, small holes.

The default result is watertight with outward winding whenever the input encloses a volume, and the report says
whether it is. Slivers are drawn together and never cut out, so cleaning does not puncture the surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from maquette.errors import MeshError, SettingError
from maquette.mesh import topology

if TYPE_CHECKING:
    import trimesh

_NUDGE = 0.01  # how far coinciding vertices of two sheets are moved into their bodies, as a share of an edge


@dataclass(frozen=True)
class CleanSettings:
    """What `clean` may do. Lengths are shares of the diagonal of the mesh's bounding box.

    Attributes:
        merge_distance: vertices closer than about this become one, and faces thinner than this are removed.
        min_component: components with less than this share of the largest one's area are dropped as floaters.
        remove_cavities: drop closed surfaces that face inwards inside a larger body (bubbles, invisible from outside).
        max_hole_edges: holes bounded by at most so many edges are filled; 0 leaves all holes open.
    """

    merge_distance: float = 1e-6
    min_component: float = 0.005
    remove_cavities: bool = True
    max_hole_edges: int = 100

    def __post_init__(self) -> None:
        if not 0.0 < self.merge_distance <= 0.01:
            raise SettingError(f"merge_distance is {self.merge_distance}", "it must lie in (0, 0.01]")
        if not 0.0 <= self.min_component <= 1.0:
            raise SettingError(f"min_component is {self.min_component}", "it must lie in [0, 1]")
        if self.max_hole_edges < 0:
            raise SettingError(f"max_hole_edges is {self.max_hole_edges}", "it must be 0 or more")


@dataclass(frozen=True)
class CleanReport:
    """What `clean` found and did.

    Attributes:
        vertices: how many there are now.
        faces: how many there are now.
        faces_before: how many there were.
        merged_vertices: vertices that were united with another one at the same place.
        copied_faces: faces that were dropped because another one had the same corners and winding.
        sliver_faces: faces that were drawn together because they had no area.
        turned_faces: faces whose winding was reversed.
        split_vertices: copies made where two sheets shared a vertex or an edge.
        filled_holes: holes that were closed.
        floaters: small components that were dropped.
        cavities: bubbles that were dropped.
        components: connected components that are left.
        watertight: every edge carries exactly two faces, wound against each other.
        open_edges: edges with one face only that are left.
    """

    vertices: int
    faces: int
    faces_before: int
    merged_vertices: int
    copied_faces: int
    sliver_faces: int
    turned_faces: int
    split_vertices: int
    filled_holes: int
    floaters: int
    cavities: int
    components: int
    watertight: bool
    open_edges: int


def clean(
    mesh: trimesh.Trimesh, settings: CleanSettings | None = None
) -> tuple[trimesh.Trimesh, CleanReport]:
    """Repair a mesh. The input is left as it is; colours and textures are not carried over.

    Args:
        mesh: any triangle mesh.
        settings: what may be done; the defaults suit generated shapes.

    Raises:
        MeshError: there are no faces, or vertices that are not finite numbers, or nothing with an area.
    """
    import trimesh

    settings = settings or CleanSettings()
    vertices, faces = np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64)
    _check(vertices, faces)
    faces_before = len(faces)
    vertices, faces = topology.compact(vertices, faces)
    length = settings.merge_distance * float(np.linalg.norm(np.ptp(vertices, axis=0)))

    faces, merged, copied = _unite(vertices, faces, length)
    count = len(faces)
    faces = topology.collapse_slivers(vertices, faces, length)
    slivers = count - len(faces)
    if not len(faces):
        raise MeshError(
            "the mesh has no face with an area", "check that it is not flattened to a line or a point"
        )
    faces, turned = topology.wind_consistently(faces, len(vertices))
    count = len(vertices)
    vertices, faces = topology.split_fans(vertices, faces)
    split = len(vertices) - count
    vertices, faces, holes = _fill_holes(vertices, faces, settings.max_hole_edges)
    faces, floaters = _drop_floaters(vertices, faces, settings.min_component)
    faces, outward, cavities = _face_outwards(vertices, faces, settings.remove_cavities)
    vertices, faces = topology.compact(vertices, faces)
    vertices = separate(vertices, faces)

    edges = topology.edges_of(faces, len(vertices))
    open_edges = int((edges.counts == 1).sum())
    report = CleanReport(
        vertices=len(vertices),
        faces=len(faces),
        faces_before=faces_before,
        merged_vertices=merged,
        copied_faces=copied,
        sliver_faces=slivers,
        turned_faces=turned + outward,
        split_vertices=split,
        filled_holes=holes,
        floaters=floaters,
        cavities=cavities,
        components=int(topology.face_components(faces, len(vertices)).max()) + 1,
        watertight=bool((edges.counts == 2).all() and (edges.balance() == 0).all()),
        open_edges=open_edges,
    )
    return trimesh.Trimesh(vertices, faces, process=False), report


def separate(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Move vertices of different sheets that all but coincide a hair into their own bodies.

    Files store float32, and many programs merge equal positions on reading: sheets that only touch would be one again.
    """
    diagonal = float(np.linalg.norm(np.ptp(vertices, axis=0)))
    lowest = topology.same_position(vertices, 1e-7 * diagonal)
    alike = np.flatnonzero(np.bincount(lowest, minlength=len(vertices))[lowest] > 1)
    if not alike.size:
        return vertices
    place = np.full(len(vertices), -1)
    place[alike] = np.arange(alike.size)
    near = faces[(place[faces] >= 0).any(axis=1)]
    corners = vertices[near]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sizes = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).mean(axis=1)
    inwards, centre = np.zeros((alike.size, 3)), np.zeros((alike.size, 3))
    reach, hits = np.zeros(alike.size), np.zeros(alike.size)
    for corner in range(3):
        mine = place[near[:, corner]]
        on = mine >= 0
        np.subtract.at(inwards, mine[on], normals[on])
        np.add.at(centre, mine[on], corners[on].mean(axis=1) - vertices[alike[mine[on]]])
        np.add.at(reach, mine[on], sizes[on])
        np.add.at(hits, mine[on], 1.0)
    length = np.linalg.norm(inwards, axis=1, keepdims=True)
    folded = (
        length < 1e-6 * (reach / np.maximum(hits, 1.0))[:, None] ** 2
    )  # two faces back to back have no inside
    direction = np.where(folded, centre, inwards)
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-300)
    # Each by its own multiple, since two sheets may face the same way.
    order = np.argsort(lowest[alike], kind="stable")
    sizes = np.bincount(lowest[alike])
    sizes = sizes[sizes > 0]
    multiple = np.empty(alike.size)
    multiple[order] = 1 + np.arange(alike.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    result = vertices.copy()
    step = multiple * np.maximum(_NUDGE * reach / np.maximum(hits, 1.0), 5e-7 * diagonal)
    result[alike] += step[:, None] * direction
    return result


def _check(vertices: np.ndarray, faces: np.ndarray) -> None:
    if not len(faces):
        raise MeshError("the mesh has no faces", "a surface of triangles is needed")
    if not np.isfinite(vertices[faces.reshape(-1)]).all():
        raise MeshError("the mesh has vertices that are not finite numbers", "export it again")


def _unite(vertices: np.ndarray, faces: np.ndarray, length: float) -> tuple[np.ndarray, int, int]:
    """Merge coinciding vertices, unless the surface is closed without; drop copied faces."""
    if topology.is_watertight(faces, len(vertices)):
        # Equal positions in a closed surface are sheets that touch; they must not grow together.
        return faces, 0, 0
    target = topology.same_position(vertices, length)
    merged = int((target != np.arange(len(vertices))).sum())
    faces = target[faces]
    flat = (faces[:, 0] == faces[:, 1]) | (faces[:, 1] == faces[:, 2]) | (faces[:, 2] == faces[:, 0])
    faces = faces[~flat]
    if not len(faces):
        return faces, merged, 0
    single = topology.without_copies(faces)
    return single, merged, len(faces) - len(single)


def _fill_holes(
    vertices: np.ndarray, faces: np.ndarray, max_edges: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Close each small boundary loop with one triangle, or a fan about the loop's centre."""
    boundary = topology.open_half_edges(vertices, faces)
    if not boundary.size or not max_edges:
        return vertices, faces, 0
    start, end = (ends[boundary] for ends in topology.ends(faces))
    nodes, local = np.unique(np.concatenate([start, end]), return_inverse=True)
    local_start, local_end = local.reshape(2, -1)
    loop = topology.label(nodes.size, local_start, local_end)[local_start]
    sizes = np.bincount(loop)
    # Every vertex of a loop starts one open edge and ends another; anything else is a crossing and left alone.
    simple = np.bincount(loop, np.bincount(local_end, minlength=nodes.size)[local_start] == 1) == sizes
    centres = (
        np.stack([np.bincount(loop, vertices[start, axis]) for axis in range(3)], axis=1) / sizes[:, None]
    )
    small = simple & (sizes <= max_edges) & (sizes >= 3)
    triangle, fan = small & (sizes == 3), small & (sizes > 3)

    _, first = np.unique(loop, return_index=True)
    first = first[triangle]
    third = (np.bincount(loop, start).astype(np.int64)[triangle]) - start[first] - end[first]
    lids = np.stack([end[first], start[first], third], axis=1)
    centre_index = len(vertices) + np.cumsum(fan) - 1
    on = fan[loop]
    fans = np.stack([end[on], start[on], centre_index[loop[on]]], axis=1)
    return np.concatenate([vertices, centres[fan]]), np.concatenate([faces, lids, fans]), int(small.sum())


def _areas_and_volumes(
    vertices: np.ndarray, faces: np.ndarray, body: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Area and signed volume of each component."""
    corners = vertices[faces] - vertices.mean(axis=0)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.bincount(body, np.linalg.norm(normals, axis=1) / 2)
    return areas, np.bincount(body, np.einsum("ij,ij->i", corners[:, 0], normals) / 6)


def _drop_floaters(vertices: np.ndarray, faces: np.ndarray, min_component: float) -> tuple[np.ndarray, int]:
    body = topology.face_components(faces, len(vertices))
    areas, _ = _areas_and_volumes(vertices, faces, body)
    small = areas < min_component * areas.max()
    return faces[~small[body]], int(small.sum())


def _face_outwards(
    vertices: np.ndarray, faces: np.ndarray, remove_cavities: bool
) -> tuple[np.ndarray, int, int]:
    """Turn closed components outwards. One that faces inwards inside a body is a cavity: it stays, or goes.

    Returns:
        faces, how many were turned, how many cavities were dropped.
    """
    body = topology.face_components(faces, len(vertices))
    _, volumes = _areas_and_volumes(vertices, faces, body)
    edges = topology.edges_of(faces, len(vertices))
    is_open = np.zeros(volumes.size, dtype=bool)
    is_open[body[edges.order[edges.starts[edges.counts == 1]] // 3]] = True
    turn = np.zeros(volumes.size, dtype=bool)
    largest = int(np.abs(np.where(is_open, 0.0, volumes)).argmax())
    if volumes[largest] < 0:  # everything is inside out, cavities too
        turn |= ~is_open
        volumes = -volumes
    cavity = np.zeros(volumes.size, dtype=bool)
    for index in np.flatnonzero((volumes < 0) & ~is_open):
        cavity[index] = _lies_inside(
            vertices, faces, body, int(index), np.flatnonzero((volumes > 0) & ~is_open)
        )
        turn[index] ^= not cavity[index]
    faces = np.where(turn[body][:, None], faces[:, ::-1], faces)
    dropped = cavity if remove_cavities else np.zeros_like(cavity)
    return faces[~dropped[body]], int((turn & ~dropped)[body].sum()), int(dropped.sum())


def _lies_inside(
    vertices: np.ndarray, faces: np.ndarray, body: np.ndarray, index: int, others: np.ndarray
) -> bool:
    """Whether one component lies within any of `others`, by the winding number about one of its vertices."""
    point = vertices[faces[body == index][0, 0]]
    for other in others:
        corners = vertices[faces[body == other]]
        if (point < corners.min(axis=(0, 1))).any() or (point > corners.max(axis=(0, 1))).any():
            continue
        if abs(winding_number(point, corners)) > 0.5:
            return True
    return False


def winding_number(point: np.ndarray, corners: np.ndarray) -> float:
    """How often a closed surface, (F, 3, 3), winds around a point (van Oosterom and Strackee, 1983)."""
    a, b, c = (corners[:, k] - point for k in range(3))
    la, lb, lc = (np.linalg.norm(side, axis=1) for side in (a, b, c))
    above = np.einsum("ij,ij->i", a, np.cross(b, c))
    ab, bc, ca = (np.einsum("ij,ij->i", x, y) for x, y in ((a, b), (b, c), (c, a)))
    return float(np.arctan2(above, la * lb * lc + ab * lc + bc * la + ca * lb).sum() / (2 * np.pi))
