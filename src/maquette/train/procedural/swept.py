"""Long solids: a section swept along a path."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.boxes import rectangle
from maquette.train.procedural.part import Array, Part, Point, Points, circle, loft, spatial


def tube(
    path: Points,
    radius: float | Array,
    sides: int = 6,
    closed: bool = False,
    section: Array | None = None,
    up: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> Part:
    """Sweep a section along a path (N, 3), or (N, 2) at z = 0.

    radius: a number, (N,) radii, or (N, 2) half-widths across and along `up`. section: outline (K, 2) about
    the origin, the unit circle by default. The frame stays as close to `up` as it can, so ribbons do not
    twist.
    """
    points = spatial(path)
    tangent = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    if not closed:
        tangent[0], tangent[-1] = points[1] - points[0], points[-1] - points[-2]
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    normal = _frames(tangent, np.asarray(up, dtype=np.float64))
    across = np.cross(normal, tangent)
    outline = circle(sides) if section is None else np.asarray(section, dtype=np.float64)
    scale = np.asarray(radius, dtype=np.float64)
    scale = np.broadcast_to(scale[:, None] if scale.ndim == 1 else scale, (len(points), 2))
    rings = (
        points[:, None]
        + across[:, None] * (scale[:, None, :1] * outline[None, :, :1])
        + normal[:, None] * (scale[:, None, 1:] * outline[None, :, 1:])
    )
    return loft(rings, closed=closed)


def ribbon(path: Array, width: float, thick: float, up: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Part:
    """A strap of rectangular section along a path (N, 3), `thick` along `up`."""
    return tube(path, np.tile([width / 2, thick / 2], (len(path), 1)), section=rectangle(2, 2), up=up)


def _frames(tangent: Array, up: Array) -> Array:
    """Normals (N, 3) square to the tangents, near `up`, carried along where the path runs parallel to it."""
    flat = up[None] - tangent * (tangent @ up)[:, None]
    length = np.linalg.norm(flat, axis=1)
    if length.min() > 0.15:
        return flat / length[:, None]
    current = flat[0] if length[0] > 0.15 else np.roll(tangent[0], 1) * [1.0, -1.0, 1.0] + [0.0, 0.0, 1e-3]
    normals = np.empty_like(tangent)
    for i, t in enumerate(tangent):
        current = current - t * (current @ t)
        current = current / max(np.linalg.norm(current), 1e-9)
        normals[i] = current
    return normals


def rod(start: Point, end: Point, radius: float, sides: int = 6, end_radius: float | None = None) -> Part:
    """A straight round bar between two points."""
    path = np.array([start, end], dtype=np.float64)
    return tube(path, np.array([radius, radius if end_radius is None else end_radius]), sides)


def limb(start: Point, end: Point, radius: float, end_radius: float | None = None, sides: int = 10) -> Part:
    """A bar between two points with round ends: a tapered capsule."""
    a, b = spatial(np.array([start, end]))
    ra, rb = radius, radius if end_radius is None else end_radius
    axis = b - a
    length = max(float(np.linalg.norm(axis)), 1e-6)
    axis = axis / length
    steps = max(sides // 4, 2)
    angle = np.linspace(0, np.pi / 2, steps + 1)[1:]
    along = np.concatenate([-ra * np.cos(angle), length + rb * np.cos(angle[::-1])])
    radii = np.concatenate([ra * np.sin(angle), rb * np.sin(angle[::-1])])
    helper = np.array([0.0, 0.0, 1.0]) if abs(axis[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
    u = np.cross(helper, axis)
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    ring = circle(sides)
    spokes = ring[:, :1] * u + ring[:, 1:] * v
    rings = a + along[:, None, None] * axis + radii[:, None, None] * spokes[None]
    return loft(rings, a - ra * axis, b + rb * axis)
