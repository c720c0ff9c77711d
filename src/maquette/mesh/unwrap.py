"""Texture coordinates for any mesh: charts that lie nearly flat, laid flat, packed tightly, none upon another.

All texels have the same size on the surface. Charts that fold onto themselves when laid flat are halved until none
does, so no texel is covered twice. Everything is deterministic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from maquette.errors import MeshError, SettingError
from maquette.mesh import topology
from maquette.mesh.charts import connected, find_charts, split_charts
from maquette.mesh.flatten import flatten
from maquette.mesh.pack import pack

if TYPE_CHECKING:
    import trimesh

_GRID = 1024  # most cells along the sheet when packing
_PACKED = 0.73  # share of the sheet that the first attempt hopes for
_ATTEMPTS = 2
_ENOUGH = 0.705  # share of the sheet at which no further attempt is made
_BROKEN = 0.08  # of the surface: the largest charts, broken into eighths to fill the gaps between others
_BREAKS = 2
_MANY = 300  # charts of which some are small enough as it is
_CHECKED_AT = 2048  # texels along the sheet when looking for folds
_ROUNDS = 12
MOST_FACES = 1_000_000


def unwrap(mesh: trimesh.Trimesh, texture_size: int = 2048, padding: int = 2) -> trimesh.Trimesh:
    """Give a mesh texture coordinates, replacing those it has. Vertices are repeated where charts meet.

    Args:
        mesh: any triangle mesh; it is left as it is. Its faces keep their order, its vertices do not.
        texture_size: side of the texture in texels, for which the padding is meant.
        padding: least number of texels between two charts.

    Returns:
        A new mesh at the same place whose visual holds `uv` in [0, 1] and an empty material.

    Raises:
        MeshError: there are no faces, or none with an area.
        SettingError: `texture_size` or `padding` is out of its range.
    """
    import trimesh

    if not 16 <= texture_size <= 16384 or not 0 <= padding <= 64:
        raise SettingError(
            f"unwrap got texture_size {texture_size}, padding {padding}", "16 to 16384; 0 to 64"
        )
    faces = np.asarray(mesh.faces, dtype=np.int64)
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    if not len(faces):
        raise MeshError("the mesh has no faces", "a surface of triangles is needed")
    if len(faces) > MOST_FACES:
        raise MeshError(
            f"the mesh has {len(faces):,} faces, more than the {MOST_FACES:,} that can be laid flat",
            "simplify it first, for instance to 40000 faces",
        )
    faces = topology.same_position(vertices, 0.0)[faces]
    scale = float(np.abs(vertices[faces] - vertices[faces].mean(axis=(0, 1))).max())
    points = vertices / max(scale, 1e-300)
    if not scale > 0 or not (area := surface_areas(points[faces]).sum()) > 0:
        raise MeshError("the mesh has no face with an area", "clean it first")

    chart, flat = connected(faces, len(points), find_charts(points, faces)), np.zeros((len(faces), 3, 2))
    todo, grid = np.arange(len(faces)), min(_GRID, texture_size)
    share, attempts = _PACKED, _ATTEMPTS
    for _ in range(_ROUNDS):
        _lay_flat(points, faces, chart, flat, todo, float(np.sqrt(area / _PACKED)) / _CHECKED_AT)
        chart, placed, share = _pack_well(
            points, faces, chart, flat, padding / texture_size, grid, share, attempts
        )
        # Turned and moved, a chart that folds by less than a texel may show it after all.
        todo = np.flatnonzero(np.isin(chart, _doubly_covered(placed, chart, texture_size)))
        if not todo.size:
            break
        chart[todo] = chart.max() + 1 + split_charts(points, faces[todo], chart[todo])
        share, attempts = 0.98 * share, 1
    source, corners = _copies(faces, chart, len(points))
    uv = np.zeros((len(source), 2))
    uv[corners] = placed
    visual = trimesh.visual.TextureVisuals(uv=uv, material=trimesh.visual.material.PBRMaterial())
    result = trimesh.Trimesh(vertices[source], corners, visual=visual, process=False)
    result.metadata.update(mesh.metadata)
    return result


def uv_is_usable(mesh: trimesh.Trimesh) -> str | None:
    """None where a mesh's own texture coordinates can be painted on, else what is wrong with them."""
    visual: Any = mesh.visual
    uv = getattr(visual, "uv", None) if visual.kind == "texture" else None
    if uv is None or len(uv) != len(mesh.vertices):
        return "it has none"
    if not np.isfinite(uv).all() or uv.min() < -1e-4 or uv.max() > 1 + 1e-4:
        return "they leave the sheet"
    counts = texel_counts(np.clip(uv, 0, 1), np.asarray(mesh.faces), 1024)
    if (counts > 0).mean() < 0.05:
        return "they use less than 5 % of the sheet"
    if (counts > 1).sum() > 0.002 * (counts > 0).sum():
        return "they put several parts of the surface on the same texels"
    return None


def texel_counts(uv: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
    """(size, size) int32: how many faces cover the centre of each texel; row 0 is v = 0. Shared edges count once."""
    points = np.asarray(uv, dtype=np.float64)[faces] * size
    blocks = np.zeros(len(faces), dtype=np.int64)
    return _covered(points, blocks, np.array([size]), np.array([size])).reshape(size, size)


def stretch(mesh: trimesh.Trimesh) -> float:
    """Area-weighted L2 stretch of Sander and others (2001) of texture onto surface, 1 where nothing is distorted."""
    visual: Any = mesh.visual
    corners, uv = np.asarray(mesh.vertices)[mesh.faces], np.asarray(visual.uv)[mesh.faces]
    surface = surface_areas(corners)
    p, q = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    doubled = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    sound = (np.abs(doubled) > 1e-14) & (surface > 1e-14)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    du = (a * q[:, 1:] - b * p[:, 1:])[sound] / doubled[sound, None]
    dv = (b * p[:, :1] - a * q[:, :1])[sound] / doubled[sound, None]
    squared = ((du**2).sum(axis=1) + (dv**2).sum(axis=1)) / 2
    mean = np.average(squared, weights=surface[sound])
    return float(np.sqrt(mean * np.abs(doubled[sound]).sum() / 2 / surface[sound].sum()))


def surface_areas(corners: np.ndarray) -> np.ndarray:
    """(F,) areas of (F, 3, 3) triangles."""
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2


def _lay_flat(
    points: np.ndarray, faces: np.ndarray, chart: np.ndarray, flat: np.ndarray, todo: np.ndarray, texel: float
) -> None:
    """Lay the charts of the faces `todo` flat, in place, halving those that fold until none does.

    Args:
        points: (V, 3), faces: (F, 3).
        chart: (F,) chart of each face; new charts get new numbers.
        flat: (F, 3, 2) where corners lie, in the units of `points`.
        texel: the size of a texel in those units.
    """
    for attempt in range(_ROUNDS):
        names, own = np.unique(chart[todo], return_inverse=True)
        source, corners = _copies(faces[todo], own, len(points))
        flat[todo] = flatten(points[source], corners, own)[corners]
        wrong = _folded(flat[todo], own, len(names), texel)
        again = np.isin(own, wrong)
        todo = todo[again]
        if not todo.size:
            break
        last = attempt == _ROUNDS - 2  # a face by itself cannot fold
        parts = np.arange(len(todo)) if last else split_charts(points, faces[todo], own[again])
        chart[todo] = chart.max() + 1 + parts


def _pack_well(
    points: np.ndarray,
    faces: np.ndarray,
    chart: np.ndarray,
    flat: np.ndarray,
    padding: float,
    grid: int,
    share: float,
    attempts: int,
) -> tuple[np.ndarray, np.ndarray, float]:
    """As `_pack_charts`, the charts numbered from 0; several large ones are broken up where the sheet is badly used.

    Charts of one size leave gaps that none of them fills. A few small ones do.
    """
    best: tuple[np.ndarray, np.ndarray, float] | None = None
    for step in range(1 + _BREAKS):
        if step:
            chart = _break_up(points, faces, chart, flat)
        chart = np.unique(chart, return_inverse=True)[1].reshape(-1)
        source, corners = _copies(faces, chart, len(points))
        outline = _outline(corners, len(source))
        placed, used = _pack_charts(flat, chart, outline, padding, grid, share, attempts)
        if best is None or used > best[2]:
            best = (chart, placed, used)
        if used >= _ENOUGH or attempts == 1 or chart.max() > _MANY:
            break
    assert best is not None
    return best


def _break_up(points: np.ndarray, faces: np.ndarray, chart: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """(F,) charts with the largest ones in eighths."""
    area = np.bincount(chart, np.abs(_signed_areas(flat)))
    order = np.argsort(-area, kind="stable")
    last = int(np.searchsorted(np.cumsum(area[order]), _BROKEN * area.sum()))
    todo = np.flatnonzero(np.isin(chart, order[: last + 1]))
    chart = chart.copy()
    for _ in range(3):
        chart[todo] = chart.max() + 1 + split_charts(points, faces[todo], chart[todo])
    return chart


def _doubly_covered(placed: np.ndarray, chart: np.ndarray, size: int) -> np.ndarray:
    """The charts that cover a texel of the sheet that is covered twice."""
    corners = placed.reshape(-1, 2)
    twice = texel_counts(corners, np.arange(len(corners)).reshape(-1, 3), size) > 1
    if not twice.any():
        return np.zeros(0, dtype=np.int64)
    places = np.argwhere(twice)[:100, ::-1] + 0.5  # the rest shows in the next round
    low, high = placed.min(axis=1) * size, placed.max(axis=1) * size
    inside = ((low[:, None] <= places) & (places <= high[:, None])).all(axis=2)
    return np.unique(chart[inside.any(axis=1)])


def _outline(corners: np.ndarray, vertex_count: int) -> np.ndarray:
    """The half-edges that bound charts."""
    edges = topology.edges_of(corners, vertex_count)
    return edges.order[(edges.counts == 1)[edges.group]]


def _copies(faces: np.ndarray, chart: np.ndarray, vertex_count: int) -> tuple[np.ndarray, np.ndarray]:
    """One vertex for each chart that uses it: (W,) the vertex it stands for, and (F, 3) faces of W."""
    keys, corners = np.unique(chart[:, None] * vertex_count + faces, return_inverse=True)
    return keys % vertex_count, corners.reshape(-1, 3)


def _folded(flat: np.ndarray, chart: np.ndarray, count: int, texel: float) -> np.ndarray:
    """The charts with a face upside down or a texel that is covered twice."""
    p, q = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    doubled = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    turned = np.bincount(chart, doubled < -1e-6 * texel**2, count) > 0
    low, width, height = _boxes(flat / texel, chart, count)
    cells = _covered(flat / texel - low[chart][:, None], chart, width, height)
    first = np.cumsum(width * height)
    turned[np.searchsorted(first, np.flatnonzero(cells > 1), side="right")] = True
    return np.flatnonzero(turned)


def _boxes(points: np.ndarray, chart: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(C, 2) lowest corner of each chart and the whole cells that it spans along x and y, (C,) each."""
    low, high = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    for corner in range(3):
        np.minimum.at(low, chart, points[:, corner])
        np.maximum.at(high, chart, points[:, corner])
    width, height = (np.floor(high - low).astype(np.int64) + 1).T
    return low, width, height


def _covered(points: np.ndarray, block: np.ndarray, width: np.ndarray, height: np.ndarray) -> np.ndarray:
    """How many triangles cover each cell centre of blocks of cells that lie one after the other in one flat array.

    Args:
        points: (F, 3, 2) corners in cells from their block's origin.
        block: (F,) block of each triangle.
        width, height: (B,) cells of each block.

    Rows are cut at cell centres and both ends of a row are rounded the same way, so triangles that share an edge never
    both cover a centre on it.
    """
    y = points[..., 1]
    first = np.ceil(y.min(axis=1) - 0.5).astype(np.int64).clip(0)
    rows = np.minimum(np.ceil(y.max(axis=1) - 0.5).astype(np.int64), height[block]) - first
    face = np.repeat(np.arange(len(points)), rows.clip(0))
    row = np.arange(face.size) - np.repeat(np.cumsum(rows.clip(0)) - rows.clip(0), rows.clip(0)) + first[face]
    left, right = np.full(face.size, np.inf), np.full(face.size, -np.inf)
    middle = row + 0.5
    for corner in range(3):
        a, b = points[:, corner], points[:, (corner + 1) % 3]
        upward = (a[:, 1] < b[:, 1])[:, None]
        low, high = np.where(upward, a, b), np.where(upward, b, a)
        slope = (high[:, 0] - low[:, 0]) / np.where(high[:, 1] > low[:, 1], high[:, 1] - low[:, 1], 1.0)
        at = low[face, 0] + (middle - low[face, 1]) * slope[face]
        crosses = (low[face, 1] <= middle) & (middle < high[face, 1])
        left = np.where(crosses, np.minimum(left, at), left)
        right = np.where(crosses, np.maximum(right, at), right)
    own = block[face]
    start, end = (np.ceil(np.nan_to_num(x - 0.5, posinf=0, neginf=0)).astype(np.int64) for x in (left, right))
    start, end = start.clip(0, width[own]), end.clip(0, width[own])
    offset = np.cumsum(width * height) - width * height
    line = offset[own] + row * width[own]
    hit = end > start
    size = int((width * height).sum()) + 1
    begun, ended = (np.bincount(line[hit] + x[hit], minlength=size) for x in (start, end))
    begun -= ended
    return np.cumsum(begun[:-1])


def _pack_charts(
    flat: np.ndarray,
    chart: np.ndarray,
    open_edges: np.ndarray,
    padding: float,
    grid: int,
    share: float,
    attempts: int,
) -> tuple[np.ndarray, float]:
    """Turn and place the charts on the sheet: (F, 3, 2) coordinates in [0, 1], and the share of it that they cover.

    Args:
        flat: (F, 3, 2) where corners lie in their chart, chart: (F,).
        open_edges: the half-edges that bound charts.
        padding: least gap between charts in sides of the sheet.
        grid: cells along the sheet.
        share: of the sheet that is hoped for.
        attempts: at most so many sizes are tried.
    """
    count = int(chart.max()) + 1
    flat = _upright(flat, chart, count)
    area = float(np.abs(_signed_areas(flat)).sum())
    best, gap = None, int(np.ceil(padding * grid))
    for _ in range(attempts):
        cells = flat * (grid * np.sqrt(share / area))
        low, width, height = _boxes(cells, chart, count)
        cells = cells - low[chart][:, None]
        masks = _masks(cells, chart, width, height, open_edges)
        places, top = pack(masks, grid, gap)
        side = max(top, grid, *(max(mask.shape) for mask in masks))
        used = share * (grid / side) ** 2
        if best is None or used > best[0]:
            best = (used, cells, np.array([mask.shape for mask in masks]), np.array(places), side)
        if used >= _ENOUGH:
            break
        share *= 0.995 * grid / top
    assert best is not None
    used, cells, shapes, chosen, side = best
    return _placed(cells, chart, shapes, chosen) / side, used


def _signed_areas(flat: np.ndarray) -> np.ndarray:
    p, q = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    return (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]) / 2


def _upright(flat: np.ndarray, chart: np.ndarray, count: int) -> np.ndarray:
    """Turn each chart so that its smallest box stands straight, the longer side level."""
    import cv2

    order = np.argsort(chart, kind="stable")
    angles = np.zeros(count)
    ends = np.searchsorted(chart[order], np.arange(count + 1))
    for index in range(count):
        members = flat[order[ends[index] : ends[index + 1]]].reshape(-1, 2)
        size = max(float(np.ptp(members, axis=0).max()), 1e-300)
        hull = ((members - members.mean(axis=0)) / size).astype(np.float32)
        (_, (along, across), angle) = cv2.minAreaRect(hull)
        angles[index] = -np.deg2rad(angle + (90 if across > along else 0))
    cos, sin = np.cos(angles)[chart][:, None], np.sin(angles)[chart][:, None]
    x, y = flat[..., 0], flat[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def _masks(
    cells: np.ndarray, chart: np.ndarray, width: np.ndarray, height: np.ndarray, open_edges: np.ndarray
) -> list[np.ndarray]:
    """The cells that each chart touches."""
    taken = _covered(cells, chart, width, height) > 0
    first = np.cumsum(width * height) - width * height
    # The outline is walked in steps of less than half a cell, so that no cell it cuts is missed by much.
    face, corner = open_edges // 3, open_edges % 3
    a, b = cells[face, corner], cells[face, (corner + 1) % 3]
    steps = np.ceil(3 * np.abs(b - a).max(axis=1)).astype(np.int64) + 1
    edge = np.repeat(np.arange(len(a)), steps)
    t = (np.arange(edge.size) - np.repeat(np.cumsum(steps) - steps, steps)) / np.maximum(steps - 1, 1)[edge]
    x, y = np.floor(a[edge] + t[:, None] * (b - a)[edge]).astype(np.int64).T
    own = chart[face[edge]]
    x, y = x.clip(0, width[own] - 1), y.clip(0, height[own] - 1)
    taken[first[own] + y * width[own] + x] = True
    blocks = np.split(taken, first[1:])
    return [block.reshape(h, w) for block, h, w in zip(blocks, height, width, strict=True)]


def _placed(cells: np.ndarray, chart: np.ndarray, shapes: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Turn and move each chart as its mask was turned and moved."""
    height, width = shapes[chart].T[..., None]
    x, y = cells[..., 0], cells[..., 1]
    turns = places[chart, 2][:, None]
    u = np.choose(turns, [x, y, width - x, height - y])
    v = np.choose(turns, [y, width - x, height - y, x])
    return np.stack([u + places[chart, 1][:, None], v + places[chart, 0][:, None]], axis=-1)
