"""Procedural objects for training: everyday things of many kinds, each a function of its seed.

Every family is a plain function that adds closed parts to a `Kit`; parts may overlap, so that inside is where
the winding number exceeds one half. The natural front faces +z. Needs numpy only; the implicit solids mesh
themselves with scikit-image when they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from maquette.train.assets import normalise
from maquette.train.meshes import PaintedMesh
from maquette.train.procedural import (
    aircraft,
    boats,
    buildings,
    clothing,
    containers,
    creatures,
    critters,
    cycles,
    dishes,
    figures,
    fruit,
    furniture,
    gadgets,
    ground,
    implements,
    interior,
    landmarks,
    leisure,
    machines,
    nature,
    outdoors,
    seats,
    solids,
    street,
    sweets,
    tools,
    treasures,
    vehicles,
    vessels,
)
from maquette.train.procedural.kit import Choice, Family, Kit, draw_family

# how often a group is drawn, relative to the others
GROUPS: tuple[tuple[float, Choice], ...] = (
    (0.08, vessels.FAMILIES),
    (0.06, containers.FAMILIES),
    (0.06, seats.FAMILIES),
    (0.05, furniture.FAMILIES),
    (0.06, interior.FAMILIES),
    (0.05, vehicles.FAMILIES),
    (0.02, machines.FAMILIES),
    (0.02, cycles.FAMILIES),
    (0.045, aircraft.FAMILIES),
    (0.025, boats.FAMILIES),
    (0.08, buildings.FAMILIES),
    (0.04, landmarks.FAMILIES),
    (0.04, outdoors.FAMILIES),
    (0.02, street.FAMILIES),
    (0.055, nature.FAMILIES),
    (0.04, ground.FAMILIES),
    (0.03, fruit.FAMILIES),
    (0.045, dishes.FAMILIES),
    (0.02, sweets.FAMILIES),
    (0.035, tools.FAMILIES),
    (0.03, implements.FAMILIES),
    (0.04, leisure.FAMILIES),
    (0.03, gadgets.FAMILIES),
    (0.025, clothing.FAMILIES),
    (0.03, treasures.FAMILIES),
    (0.06, creatures.FAMILIES),
    (0.03, critters.FAMILIES),
    (0.06, figures.FAMILIES),
    (0.17, solids.FAMILIES),
)


def families() -> tuple[Family, ...]:
    """Every family once, in a fixed order."""
    return tuple(dict.fromkeys(family for _, choice in GROUPS for family in _flat(choice)))


def _flat(choice: Choice) -> Iterator[Family]:
    if isinstance(choice, tuple):
        for member in choice:
            yield from _flat(member)
    else:
        yield choice


def draw(rng: np.random.Generator) -> Family:
    """A family at random: first a group by its weight, then one of its members."""
    weights = np.array([weight for weight, _ in GROUPS])
    return draw_family(GROUPS[int(rng.choice(len(GROUPS), p=weights / weights.sum()))][1], rng)


def generate(seed: int) -> PaintedMesh:
    """The procedural object of a seed, normalised: bounding box centred, longest half-side 0.95."""
    rng = np.random.default_rng(seed)
    return build(draw(rng), rng)


def build(family: Family, rng: np.random.Generator) -> PaintedMesh:
    """One object of a family, slightly stretched at random, sometimes tapered as a whole, and normalised."""
    kit = Kit(rng)
    family(kit)
    mesh = kit.finish()
    vertices = mesh.vertices * np.exp(rng.normal(scale=0.07, size=3)).astype(np.float32)
    if rng.random() < 0.1:  # a toy-like taper: heavier or lighter at the top
        y = vertices[:, 1:2]
        share = (y - y.min()) / max(float(np.ptp(y)), 1e-6)
        vertices[:, [0, 2]] *= 1.0 + rng.uniform(-0.25, 0.25) * share
    return normalise(PaintedMesh(vertices, mesh.faces, mesh.corner_rgb, mesh.face_mr))
