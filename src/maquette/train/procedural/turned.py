"""Round solids: all that comes off a lathe, and balls."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from maquette.train.procedural.part import Part, Points, circle, loft


def lathe(profile: Points, sides: int, closed: bool = False) -> Part:
    """Turn a profile of (radius, height) about the y axis.

    An open profile is closed to the axis at both ends: flat where the end radius is positive, to a point
    where it is zero. A closed profile (all radii positive) makes a ring. With 4 sides the faces look along
    the axes.
    """
    points = np.asarray(profile, dtype=np.float64)
    start, end = (np.array([0.0, points[i, 1], 0.0]) for i in (0, -1))
    if not closed:
        if points[0, 0] < 1e-9:
            points = points[1:]
        if points[-1, 0] < 1e-9:
            points = points[:-1]
    points = np.maximum(points, [1e-4, -np.inf])
    around = circle(sides, 0.5)
    if sides == 4:
        around = around * np.sqrt(2.0)
    rings = np.empty((len(points), sides, 3))
    rings[:, :, 0] = points[:, :1] * around[:, 0]
    rings[:, :, 1] = points[:, 1:]
    rings[:, :, 2] = points[:, :1] * around[:, 1]
    return loft(rings, start, end, closed)


def hollow(outer: Points, wall: float, floor: float, sides: int) -> Part:
    """An open vessel: the outer profile (N, 2), bottom to lip, with a parallel inner wall and a flat
    floor."""
    profile = np.asarray(outer, dtype=np.float64)
    inner = profile[::-1] - [wall, 0.0]
    inner[:, 0] = np.maximum(inner[:, 0], 0.35 * profile[::-1, 0])
    base = profile[0, 1] + floor
    inner = inner[inner[:, 1] > base + 1e-6]
    foot = np.interp(base, profile[:, 1], profile[:, 0])
    corner = max(float(foot) - wall, 0.35 * float(foot))
    return lathe(np.concatenate([profile, inner, [[corner, base], [0.0, base]]]), sides)


def frustum(bottom: float, top: float, height: float, sides: int) -> Part:
    """A cone or cylinder that stands on y = 0; a radius of zero makes a point."""
    if top <= 1e-6:
        return lathe([(bottom, 0.0), (0.0, height)], sides)
    if bottom <= 1e-6:
        return lathe([(0.0, 0.0), (top, height)], sides)
    return lathe([(bottom, 0.0), (top, height)], sides)


def disc(radius: float, height: float, sides: int, bevel: float = 0.0) -> Part:
    """A cylinder that stands on y = 0, its two rims cut off by `bevel`."""
    b = min(bevel, 0.45 * height, 0.45 * radius)
    if b <= 0:
        return frustum(radius, radius, height, sides)
    return lathe([(radius - b, 0.0), (radius, b), (radius, height - b), (radius - b, height)], sides)


def dome(radius: float, height: float, sides: int, rings: int = 4) -> Part:
    """Half an ellipsoid that stands on y = 0."""
    angle = np.linspace(0, np.pi / 2, rings + 1)
    return lathe(np.stack([radius * np.cos(angle), height * np.sin(angle)], 1), sides)


def ellipsoid(rx: float, ry: float, rz: float, sides: int = 12, rings: int | None = None) -> Part:
    """An ellipsoid about the origin."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, (rings or max(sides // 2, 4)) + 1)
    profile = np.stack([np.cos(angle), np.sin(angle)], 1)
    profile[[0, -1], 0] = 0.0
    return lathe(profile, sides).scale(rx, ry, rz)


def superellipsoid(rx: float, ry: float, rz: float, power: float, sides: int = 16) -> Part:
    """A rounded body about the origin: an ellipsoid at power 1, nearly a box towards 0 (cushions, cabs)."""

    unit = ellipsoid(1.0, 1.0, 1.0, sides + sides % 2)
    return unit.map(lambda v: np.sign(v) * np.abs(v) ** power * [rx, ry, rz])


def torus(radius: float, tube: float, sides: int = 24, tube_sides: int = 8) -> Part:
    """A ring about the y axis."""
    return lathe(circle(tube_sides) * tube + [radius, 0.0], sides, closed=True)


@lru_cache(maxsize=8)
def _icosphere(level: int) -> Part:
    g = (1 + 5**0.5) / 2
    corners = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g), (0, -1, -g), (0, 1, -g)]
    vertices = np.array([*corners, (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)], dtype=np.float64)
    # the 20 faces are the triples of mutual neighbours
    near = np.linalg.norm(vertices[:, None] - vertices[None], axis=2) < 2.1
    triples = [
        (i, j, k)
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    faces = np.array(triples, dtype=np.int64)
    corner = vertices[faces]
    outward = np.einsum("ij,ij->i", np.cross(corner[:, 0], corner[:, 1]), corner[:, 2]) > 0
    faces = np.where(outward[:, None], faces, faces[:, ::-1])
    for _ in range(level):
        edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
        unique, index = np.unique(edges, axis=0, return_inverse=True)
        middle = index.reshape(3, -1) + len(vertices)
        vertices = np.concatenate([vertices, vertices[unique].mean(axis=1)])
        a, b, c = faces.T
        ab, bc, ca = middle
        faces = np.concatenate(
            [np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
        )
    vertices = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    vertices.setflags(write=False)
    faces.setflags(write=False)
    return Part(vertices, faces)


def ball(radius: float, level: int = 2) -> Part:
    """An icosphere about the origin: 20 * 4**level faces."""
    return _icosphere(level).scale(radius)


def lumpy(radius: float, rng: np.random.Generator, level: int = 2, lump: float = 0.25, cuts: int = 0) -> Part:
    """A ball with smooth random lumps, then flattened by `cuts` random planes: rocks, foliage, dough."""
    unit = _icosphere(level).vertices
    waves = rng.normal(size=(5, 3)) * rng.uniform(0.8, 3.0, size=(5, 1))
    bumps = np.sin(unit @ waves.T + rng.uniform(0, 2 * np.pi, 5)).mean(axis=1)
    vertices = unit * (1.0 + lump * bumps[:, None])
    for _ in range(cuts):
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        over = np.maximum(vertices @ normal - rng.uniform(0.55, 0.85), 0.0)
        vertices = vertices - 0.98 * over[:, None] * normal
    return Part(vertices * radius, _icosphere(level).faces)
