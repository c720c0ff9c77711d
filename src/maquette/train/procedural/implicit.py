"""Solids given by a signed distance: primitives, smooth set operations, and their meshing.

Everything is evaluated on a grid in float32 and meshed by marching cubes; the vertices are then drawn onto
the surface by a few Newton steps, which removes the terracing of the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from maquette.train.procedural.kit import Kit, Skin
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Array, Part

Field = Callable[[Array], Array]  # points (P, 3) -> signed distance (P,), negative inside


def sphere(radius: float) -> Field:
    """A ball about the origin."""
    return lambda p: np.sqrt(np.einsum("ij,ij->i", p, p)) - radius


def block(half: tuple[float, float, float], rounding: float) -> Field:
    """A box about the origin with rounded edges."""

    def field(p: Array) -> Array:
        q = np.abs(p) - (np.asarray(half, dtype=np.float32) - rounding)
        outside = np.maximum(q, 0)
        return np.sqrt(np.einsum("ij,ij->i", outside, outside)) + np.minimum(q.max(axis=1), 0) - rounding

    return field


def cylinder(radius: float, top: float, half: float, rounding: float) -> Field:
    """A cylinder or cone along y about the origin: `radius` at the foot, `top` at the head."""
    slope = np.float32((top - radius) / (2 * half))
    steep = np.float32(1.0 / np.sqrt(1.0 + slope**2))

    def field(p: Array) -> Array:
        side = (np.hypot(p[:, 0], p[:, 2]) - (radius + slope * (p[:, 1] + half) - rounding)) * steep
        cap = np.abs(p[:, 1]) - (half - rounding)
        outside = np.hypot(np.maximum(side, 0), np.maximum(cap, 0))
        return outside + np.minimum(np.maximum(side, cap), 0) - rounding

    return field


def ring(radius: float, tube: float) -> Field:
    """A torus about the y axis."""
    return lambda p: np.hypot(np.hypot(p[:, 0], p[:, 2]) - radius, p[:, 1]) - tube


def round_cone(start: Array, end: Array, radius: float, end_radius: float) -> Field:
    """A limb between two points whose radius changes evenly (close to, not exactly, a distance)."""
    a = np.asarray(start, dtype=np.float32)
    axis = np.asarray(end, dtype=np.float32) - a
    squared = max(float(axis @ axis), 1e-9)

    def field(p: Array) -> Array:
        t = np.clip((p - a) @ axis / squared, 0, 1).astype(np.float32)
        away = p - a - t[:, None] * axis
        return np.sqrt(np.einsum("ij,ij->i", away, away)) - (radius + (end_radius - radius) * t)

    return field


def ellipsoid_field(centre: Array, radii: Array) -> Field:
    """An axis-aligned ellipsoid; the distance is a first-order estimate."""
    c, r = np.asarray(centre, dtype=np.float32), np.asarray(radii, dtype=np.float32)

    def field(p: Array) -> Array:
        q = (p - c) / r
        length = np.sqrt(np.einsum("ij,ij->i", q, q))
        q = q / r
        slope = np.sqrt(np.einsum("ij,ij->i", q, q))
        return length * (length - 1) / np.maximum(slope, 1e-6)

    return field


def placed(field: Field, rotation: Array, offset: Array) -> Field:
    """A field turned by a rotation matrix and moved."""
    turn, shift = np.asarray(rotation, dtype=np.float32), np.asarray(offset, dtype=np.float32)
    return lambda p: field((p - shift) @ turn)


def smooth_min(a: Array, b: Array, k: float) -> Array:
    """Union of two distances; edges are blended over a width k (0: sharp). Quadratic blend after Quilez."""
    if k <= 0:
        return np.minimum(a, b)
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - h * h * (k / 4)


def mesh_field(field: Field, low: Array, high: Array, faces: int = 9000) -> Part | None:
    """The zero surface of a field inside a box, its largest piece, with about `faces` triangles; None when
    empty.

    The field is first looked at on a coarse grid, which yields the tight bounds and the resolution to use.
    """
    from skimage.measure import label, marching_cubes

    low, high = np.asarray(low, dtype=np.float32), np.asarray(high, dtype=np.float32)
    step = float((high - low).max()) / 22
    values, origin = _sample(field, low, high, step)
    near = np.argwhere(values < 0.6 * step)
    if len(near) == 0 or values.min() >= 0:
        return None
    crossings = sum(int(np.count_nonzero(np.diff(values < 0, axis=axis))) for axis in range(3))
    low, high = origin + near.min(axis=0) * step - step, origin + near.max(axis=0) * step + step
    fine = float(np.clip(step * np.sqrt(2.0 * crossings / faces), step / 3.6, step / 1.2))
    values, origin = _sample(field, low, high, fine)
    for axis in range(3):  # keep the solid closed even where the bounds cut it
        edge = np.moveaxis(values, axis, 0)
        edge[[0, -1]] = np.maximum(edge[[0, -1]], 0.25 * fine)
    values[np.abs(values) < 1e-3 * fine] = 1e-3 * fine  # no vertex exactly on a grid point
    if values.min() >= 0:
        return None
    pieces = label(values < 0, connectivity=1)
    values[(pieces > 0) & (pieces != np.bincount(pieces.ravel())[1:].argmax() + 1)] = 0.25 * fine
    vertices, triangles, _, _ = marching_cubes(values, 0.0)
    vertices = origin + vertices * fine
    return Part(_drawn_onto(field, vertices.astype(np.float32), fine), triangles.astype(np.int64))


def _sample(field: Field, low: Array, high: Array, step: float) -> tuple[Array, Array]:
    counts = np.ceil((high - low) / step).astype(int) + 1
    axes = [low[i] + step * np.arange(counts[i], dtype=np.float32) for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3).astype(np.float32)
    return field(points).astype(np.float32).reshape(counts), low


def _drawn_onto(field: Field, points: Array, step: float) -> Array:
    """Two damped Newton steps towards the zero surface, never further than a third of a grid step."""
    h = np.float32(0.05 * step)
    start = points
    for _ in range(2):
        value = field(points)
        gradient = np.stack([field(points + h * axis) - value for axis in np.eye(3, dtype=np.float32)], 1) / h
        move = gradient * (value / np.maximum(np.einsum("ij,ij->i", gradient, gradient), 0.1))[:, None]
        points = start + np.clip(points - move - start, -step / 3, step / 3)
    return points.astype(np.float64)


@dataclass(frozen=True)
class Lump:
    """One piece of a blended body: its field, the box that holds it and its look."""

    field: Field
    low: Array
    high: Array
    material: Material


class Flesh:
    """A body of limbs and ellipsoids that melt into one another over a width `blend`."""

    def __init__(self, blend: float) -> None:
        self.blend = blend
        self.lumps: list[Lump] = []

    def limb(self, start: Array, end: Array, radius: float, end_radius: float, material: Material) -> None:
        """Add a tapered limb between two points."""
        a, b = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
        low = np.minimum(a - radius, b - end_radius)
        high = np.maximum(a + radius, b + end_radius)
        self.lumps.append(Lump(round_cone(a, b, radius, end_radius), low, high, material))

    def ellipsoid(self, centre: Array, radii: Array, material: Material) -> None:
        """Add an axis-aligned ellipsoid."""
        c, r = np.asarray(centre, dtype=np.float64), np.asarray(radii, dtype=np.float64)
        self.lumps.append(Lump(ellipsoid_field(c, r), c - r, c + r, material))

    def field(self, points: Array) -> Array:
        """The blended signed distance (P,)."""
        value = self.lumps[0].field(points)
        for lump in self.lumps[1:]:
            value = smooth_min(value, lump.field(points), self.blend)
        return value

    def finish(self, kit: Kit, faces: int = 6000) -> None:
        """Mesh the body and add it; each face takes the look of the nearest piece."""
        low = np.min([lump.low for lump in self.lumps], axis=0) - 0.3 * self.blend
        high = np.max([lump.high for lump in self.lumps], axis=0) + 0.3 * self.blend
        part = mesh_field(self.field, low, high, faces)
        if part is None:
            return
        middle = part.vertices[part.faces].mean(axis=1).astype(np.float32)
        index = np.argmin(np.stack([lump.field(middle) for lump in self.lumps]), axis=0)
        kit.add(part, Skin(tuple(lump.material for lump in self.lumps), index))
