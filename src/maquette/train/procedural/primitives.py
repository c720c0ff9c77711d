"""Closed solids built from arrays: the vocabulary of the procedural families.

Everything round or long is a loft: a stack of rings of equal size, closed at both ends by a fan to an apex.
Lathes, tubes, boxes and limbs only differ in how they lay their rings. Every solid is edge-manifold by
construction; which way it faces is settled once, in `oriented`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Array = np.ndarray
Point = Array | Sequence[float]
Points = Array | Sequence[Sequence[float]] | Sequence[Array]
AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class Part:
    """One closed solid: vertices (V, 3) float64 and faces (F, 3) int64."""

    vertices: Array
    faces: Array

    def move(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Part:
        """The solid moved by an offset."""
        return Part(self.vertices + np.array([x, y, z]), self.faces)

    def scale(self, x: float, y: float | None = None, z: float | None = None) -> Part:
        """The solid scaled about the origin, uniformly when only one factor is given."""
        return Part(self.vertices * np.array([x, x if y is None else y, x if z is None else z]), self.faces)

    def turn(self, axis: str, degrees: float) -> Part:
        """The solid turned about a coordinate axis, counter-clockwise seen from the axis's tip."""
        i = AXES[axis]
        j, k = (i + 1) % 3, (i + 2) % 3
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        vertices = self.vertices.copy()
        vertices[:, j] = cos * self.vertices[:, j] - sin * self.vertices[:, k]
        vertices[:, k] = sin * self.vertices[:, j] + cos * self.vertices[:, k]
        return Part(vertices, self.faces)

    def mirror(self, axis: str = "x") -> Part:
        """The mirror image across the plane through the origin; `oriented` repairs the winding."""
        vertices = self.vertices.copy()
        vertices[:, AXES[axis]] *= -1.0
        return Part(vertices, self.faces)

    def map(self, function: Callable[[Array], Array]) -> Part:
        """The solid with its vertices sent through a smooth map (V, 3) -> (V, 3)."""
        return Part(function(self.vertices), self.faces)

    def taper(self, axis: str, amount: float) -> Part:
        """Scale the two other axes linearly from 1 at the low end to 1 + amount at the high end."""
        i = AXES[axis]
        along = self.vertices[:, i]
        low, high = along.min(), along.max()
        factor = 1.0 + amount * (along - low) / max(high - low, 1e-9)
        vertices = self.vertices * factor[:, None]
        vertices[:, i] = along
        return Part(vertices, self.faces)

    def ripple(self, count: int, depth: float) -> Part:
        """Flute the solid about the y axis: `count` waves around, `depth` as a share of the radius."""
        wave = 1.0 + depth * np.cos(count * np.arctan2(self.vertices[:, 2], self.vertices[:, 0]))
        return Part(self.vertices * np.stack([wave, np.ones(len(wave)), wave], 1), self.faces)


def oriented(part: Part) -> Part:
    """The same solid with its faces counter-clockwise seen from outside."""
    corners = part.vertices[part.faces]
    volume = np.einsum("ij,ij->", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2])
    return part if volume >= 0 else Part(part.vertices, part.faces[:, ::-1])


@lru_cache(maxsize=2048)
def _loft_faces(rings: int, size: int, closed: bool) -> Array:
    """Faces of a loft; with open ends the two apexes are the last two vertices."""
    grid = np.arange(rings * size).reshape(rings, size)
    lower, upper = (grid, np.roll(grid, -1, axis=0)) if closed else (grid[:-1], grid[1:])
    a, b = lower.ravel(), np.roll(lower, -1, axis=1).ravel()
    d, c = upper.ravel(), np.roll(upper, -1, axis=1).ravel()
    faces = [np.stack([a, b, c], 1), np.stack([a, c, d], 1)]
    if not closed:
        for ring, apex, flip in ((grid[0], rings * size, True), (grid[-1], rings * size + 1, False)):
            fan = np.stack([ring, np.roll(ring, -1), np.full(size, apex)], 1)
            faces.append(fan[:, ::-1] if flip else fan)
    result = np.concatenate(faces).astype(np.int64)
    result.setflags(write=False)
    return result


def loft(rings: Array, start: Array | None = None, end: Array | None = None, closed: bool = False) -> Part:
    """Skin a stack of rings (N, K, 3).

    Open ends are closed by a fan to `start` and `end`, by default the middle of the end rings; the end rings
    must be star-shaped seen from there. With `closed` the last ring joins the first.
    """
    n, k, _ = rings.shape
    vertices = rings.reshape(n * k, 3)
    if not closed:
        first = rings[0].mean(axis=0) if start is None else np.asarray(start, dtype=np.float64)
        last = rings[-1].mean(axis=0) if end is None else np.asarray(end, dtype=np.float64)
        vertices = np.concatenate([vertices, first[None], last[None]])
    return Part(vertices, _loft_faces(n, k, closed))


@lru_cache(maxsize=256)
def circle(sides: int, phase: float = 0.0) -> Array:
    """Points (sides, 2) of the unit circle; `phase` is a fraction of one step."""
    angle = 2 * np.pi * (np.arange(sides) + phase) / sides
    points = np.stack([np.cos(angle), np.sin(angle)], 1)
    points.setflags(write=False)
    return points


def curve(points: Points, steps: int = 4) -> Array:
    """A Catmull-Rom curve through points (N, D), with `steps` samples a span and both ends kept."""
    control = np.asarray(points, dtype=np.float64)
    padded = np.concatenate([2 * control[:1] - control[1:2], control, 2 * control[-1:] - control[-2:-1]])
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    spans = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return np.concatenate([spans.reshape(-1, control.shape[1]), control[-1:]])


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


def rectangle(width: float, depth: float, radius: float = 0.0, steps: int = 1) -> Array:
    """Outline (K, 2) of a rectangle about the origin, its corners cut (steps 1) or rounded (more)."""
    w, d = width / 2, depth / 2
    r = min(radius, 0.49 * width, 0.49 * depth)
    corners = np.array([[w, d], [-w, d], [-w, -d], [w, -d]])
    if r <= 0:
        return corners
    angle = np.linspace(0, np.pi / 2, steps + 1)
    arcs = [
        corners[i] * (1 - r / np.array([w, d]))
        + r * np.stack([np.cos(angle + i * np.pi / 2), np.sin(angle + i * np.pi / 2)], 1)
        for i in range(4)
    ]
    return np.concatenate(arcs)


def stack(outlines: list[Array], heights: list[float]) -> Part:
    """Loft outlines (K, 2) in the x, z plane, star-shaped and equally long, at the heights given."""
    rings = np.stack(
        [np.stack([o[:, 0], np.full(len(o), h), o[:, 1]], 1) for o, h in zip(outlines, heights, strict=True)]
    )
    return loft(rings)


def box(width: float, height: float, depth: float, bevel: float = 0.0, steps: int = 1) -> Part:
    """A box about the origin; `bevel` cuts (steps 1) or rounds (more) all its edges."""
    b = min(bevel, 0.45 * min(width, height, depth))
    if b <= 0:
        outline = rectangle(width, depth)
        return stack([outline, outline], [-height / 2, height / 2])
    angle = np.linspace(0, np.pi / 2, steps + 1)
    inset, rise = b * (1 - np.sin(angle)), b * (1 - np.cos(angle))
    outlines, heights = [], []
    for i in range(steps + 1):
        outlines.append(
            rectangle(width - 2 * inset[i], depth - 2 * inset[i], max(b - inset[i], 0.1 * b), steps)
        )
        heights.append(-height / 2 + rise[i])
    return stack(outlines + outlines[::-1], heights + [-h for h in heights[::-1]])


def tapered_box(
    bottom: tuple[float, float],
    top: tuple[float, float],
    height: float,
    shift: tuple[float, float] = (0.0, 0.0),
    bevel: float = 0.0,
) -> Part:
    """A frustum of rectangular section that stands on y = 0; `shift` moves the top in x and z."""
    r = min(bevel, 0.3 * min(*bottom, *top))
    low, high = rectangle(*bottom, r), rectangle(*top, r) + np.asarray(shift)
    return stack([low, high], [0.0, height])


def _ears(polygon: Array) -> list[tuple[int, int, int]]:
    """Triangulate a simple counter-clockwise polygon by cutting ears; the convex case is a fan."""
    ahead = np.roll(polygon, -1, axis=0) - polygon
    behind = np.roll(ahead, 1, axis=0)
    if np.all(behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0] >= -1e-12):
        return [(0, i, i + 1) for i in range(1, len(polygon) - 1)]
    p = [(float(x), float(y)) for x, y in polygon]

    def area(a: int, b: int, c: int) -> float:
        return (p[b][0] - p[a][0]) * (p[c][1] - p[a][1]) - (p[b][1] - p[a][1]) * (p[c][0] - p[a][0])

    left = list(range(len(p)))
    triangles = []
    while len(left) > 3:
        best, best_quality = 0, -np.inf
        for i in range(len(left)):
            a, b, c = left[i - 1], left[i], left[(i + 1) % len(left)]
            if area(a, b, c) <= 1e-12:
                continue
            if any(
                area(a, b, o) >= 0 and area(b, c, o) >= 0 and area(c, a, o) >= 0
                for o in left
                if o not in (a, b, c)
            ):
                continue
            best, best_quality = i, 1.0
            break
        if best_quality < 0:  # collinear or self-touching remains: any cut keeps the solid closed
            best = 0
        triangles.append((left[best - 1], left[best], left[(best + 1) % len(left)]))
        left.pop(best)
    triangles.append((left[0], left[1], left[2]))
    return triangles


def extrude(outline: Points, depth: float, bevel: float = 0.0) -> Part:
    """Extrude a simple outline (K, 2) in the x, y plane along z, about z = 0; `bevel` chamfers both rims."""
    polygon = np.asarray(outline, dtype=np.float64)
    ahead = np.roll(polygon, -1, axis=0)
    if np.sum(polygon[:, 0] * ahead[:, 1] - polygon[:, 1] * ahead[:, 0]) < 0:
        polygon = polygon[::-1]
    if bevel > 0:
        levels = [(bevel, -depth / 2), (0.0, -depth / 2 + min(bevel, 0.45 * depth))]
        levels += [(inset, -z) for inset, z in levels[::-1]]
    else:
        levels = [(0.0, -depth / 2), (0.0, depth / 2)]
    inward = _inward(polygon)
    rings = np.stack(
        [np.concatenate([polygon + inset * inward, np.full((len(polygon), 1), z)], 1) for inset, z in levels]
    )
    n, k, _ = rings.shape
    sides = _loft_faces(n, k, False)[: 2 * (n - 1) * k]
    cap = np.array(_ears(polygon), dtype=np.int64)
    return Part(rings.reshape(n * k, 3), np.concatenate([sides, cap[:, ::-1], cap + (n - 1) * k]))


def _inward(polygon: Array) -> Array:
    """Vertex offsets that move a counter-clockwise polygon inwards by one, mitres limited."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    normal = np.stack([-edge[:, 1], edge[:, 0]], 1) / np.maximum(
        np.linalg.norm(edge, axis=1, keepdims=True), 1e-9
    )
    both = normal + np.roll(normal, 1, axis=0)
    return both / np.maximum(0.5 * (both**2).sum(axis=1, keepdims=True), 0.6)


def tube(
    path: Points,
    radius: float | Array,
    sides: int = 8,
    closed: bool = False,
    section: Array | None = None,
    up: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> Part:
    """Sweep a section along a path (N, 3).

    radius: a number, (N,) radii, or (N, 2) half-widths across and along `up`. section: outline (K, 2) about
    the origin, the unit circle by default. The frame stays as close to `up` as it can, so ribbons do not
    twist.
    """
    points = np.asarray(path, dtype=np.float64)
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


def along(part: Part) -> Part:
    """Exchange x and z: an outline drawn as (z, y) and extruded comes to face +z, its depth along x."""
    return Part(part.vertices[:, [2, 1, 0]], part.faces)


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


def rod(
    start: Point,
    end: Point,
    radius: float,
    end_radius: float | None = None,
    sides: int = 8,
) -> Part:
    """A straight round bar between two points."""
    path = np.array([start, end], dtype=np.float64)
    return tube(path, np.array([radius, radius if end_radius is None else end_radius]), sides)


def limb(
    start: Point,
    end: Point,
    radius: float,
    end_radius: float | None = None,
    sides: int = 10,
) -> Part:
    """A bar between two points with round ends: a tapered capsule."""
    a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
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
