"""Rounded solids about the origin: ellipsoids, balls and lumps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from maquette.train.procedural.part import Part, columns
from maquette.train.procedural.turned import lathe


def ellipsoid(rx: float, ry: float, rz: float, sides: int = 12) -> Part:
    """An ellipsoid about the origin."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, max(sides // 2, 4) + 1)
    profile = columns(np.cos(angle), np.sin(angle))
    profile[[0, -1], 0] = 0.0
    return lathe(profile, sides).scale(rx, ry, rz)


def globe(radius: float, sides: int = 8) -> Part:
    """A ball off the lathe, about the origin."""
    return ellipsoid(radius, radius, radius, sides)


def superellipsoid(rx: float, ry: float, rz: float, power: float, sides: int = 16) -> Part:
    """A rounded body about the origin: an ellipsoid at power 1, nearly a box towards 0 (cushions, cabs)."""

    unit = globe(1.0, sides + sides % 2)
    return unit.map(lambda v: np.sign(v) * np.abs(v) ** power * [rx, ry, rz])


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


def ball(radius: float, level: int = 1) -> Part:
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
