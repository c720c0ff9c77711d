"""Flat-sided solids: boxes, stacks of outlines and extrusions."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.part import Array, Part, Points, columns, loft, loft_faces


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
        + r * columns(np.cos(angle + i * np.pi / 2), np.sin(angle + i * np.pi / 2))
        for i in range(4)
    ]
    return np.concatenate(arcs)


def stack(outlines: list[Array], heights: list[float]) -> Part:
    """Loft outlines (K, 2) in the x, z plane, star-shaped and equally long, at the heights given."""
    rings = np.stack([columns(o[:, 0], h, o[:, 1]) for o, h in zip(outlines, heights, strict=True)])
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
    sides = loft_faces(n, k, False)[: 2 * (n - 1) * k]
    cap = np.array(_ears(polygon), dtype=np.int64)
    return Part(rings.reshape(n * k, 3), np.concatenate([sides, cap[:, ::-1], cap + (n - 1) * k]))


def along(part: Part) -> Part:
    """Exchange x and z: an outline drawn as (z, y) and extruded comes to face +z, its depth along x."""
    return Part(part.vertices[:, [2, 1, 0]], part.faces)


def _inward(polygon: Array) -> Array:
    """Vertex offsets that move a counter-clockwise polygon inwards by one, mitres limited."""
    edge = np.roll(polygon, -1, axis=0) - polygon
    normal = columns(-edge[:, 1], edge[:, 0]) / np.maximum(np.linalg.norm(edge, axis=1, keepdims=True), 1e-9)
    both = normal + np.roll(normal, 1, axis=0)
    return both / np.maximum(0.5 * (both**2).sum(axis=1, keepdims=True), 0.6)


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
