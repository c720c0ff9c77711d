"""Solids of revolution: all that comes off a lathe."""

from __future__ import annotations

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


def tray(width: float, height: float, depth: float, wall: float, floor: float) -> Part:
    """An open box that stands on y = 0; `wall` and `floor` are shares of its size."""
    return hollow([(0.5, 0.0), (0.5, 1.0)], wall, floor, 4).scale(width, height, depth)


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


def torus(radius: float, tube: float, sides: int = 24, tube_sides: int = 6) -> Part:
    """A ring about the y axis."""
    return lathe(circle(tube_sides) * tube + [radius, 0.0], sides, closed=True)
