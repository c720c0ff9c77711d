"""Closed solids built from arrays, and the lofts and curves that most of them are made of.

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

    def up(self, y: float) -> Part:
        """The solid moved upwards."""
        return self.move(0.0, y)

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

    def shift(self, axis: str, by: Callable[[Array], Array]) -> Part:
        """The solid with one coordinate moved by a function of the vertices (V, 3) -> (V,)."""
        vertices = self.vertices.copy()
        vertices[:, AXES[axis]] += by(self.vertices)
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
def loft_faces(rings: int, size: int, closed: bool) -> Array:
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
    return Part(vertices, loft_faces(n, k, closed))


@lru_cache(maxsize=256)
def circle(sides: int, phase: float = 0.0) -> Array:
    """Points (sides, 2) of the unit circle; `phase` is a fraction of one step."""
    angle = 2 * np.pi * (np.arange(sides) + phase) / sides
    points = np.stack([np.cos(angle), np.sin(angle)], 1)
    points.setflags(write=False)
    return points


def curve(points: Points, steps: int = 3) -> Array:
    """A Catmull-Rom curve through points (N, D), with `steps` samples a span and both ends kept."""
    control = np.asarray(points, dtype=np.float64)
    padded = np.concatenate([2 * control[:1] - control[1:2], control, 2 * control[-1:] - control[-2:-1]])
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    spans = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return np.concatenate([spans.reshape(-1, control.shape[1]), control[-1:]])


def columns(*values: Array | float) -> Array:
    """(N, D) points from D coordinates, each (N,) or one number for all."""
    return np.stack(np.broadcast_arrays(*values), 1)


def polar(radius: float, angle: float, y: float = 0.0) -> tuple[float, float, float]:
    """The point at a distance and an angle (radians, from +x towards +z) about the y axis."""
    return radius * np.cos(angle), y, radius * np.sin(angle)


def spatial(points: Points) -> Array:
    """Points (..., 3) float64; those given as (x, y) lie at z = 0."""
    array = np.asarray(points, dtype=np.float64)
    if array.shape[-1] == 3:
        return array
    return np.concatenate([array, np.zeros((*array.shape[:-1], 1))], -1)


def arch(across: float, rise: float, count: int, base: float = 0.0) -> Array:
    """Half an ellipse (count, 2) from (across, base) over its top to (-across, base)."""
    angle = np.linspace(0, np.pi, count)
    return columns(across * np.cos(angle), base + rise * np.sin(angle))
