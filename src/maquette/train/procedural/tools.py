"""Tools and weapons with a handle."""

from __future__ import annotations

from functools import cache, wraps

import numpy as np

from maquette.train.procedural.balls import ball
from maquette.train.procedural.boxes import box, extrude, rectangle, tapered_box
from maquette.train.procedural.kit import Choice, Family, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import columns, curve
from maquette.train.procedural.swept import rod, tube
from maquette.train.procedural.turned import disc, frustum, lathe, torus


def shaft(kit: Kit, length: float, radius: float, material: Material) -> None:
    """A handle that stands on y = 0: straight, swelling or with a knob."""
    kind = kit.whole(0, 2)
    if kind == 0:
        piece = rod((0, 0), (0, length), radius, kit.sides_for(0.5), end_radius=radius * kit.u(0.75, 1.1))
        kit.add(piece, material)
    else:
        levels = np.linspace(0, 1, 7)
        swell = 1 + (0.3 * np.sin(np.pi * levels * 1.5) if kind == 1 else 0.35 * np.exp(-12 * levels))
        path = columns(0.0, levels * length)
        part = tube(path, columns(radius * swell, radius * swell * kit.u(0.7, 1.0)), kit.sides_for(0.5))
        kit.add(part, material)


def lay_down(kit: Kit) -> None:
    """Turn the finished tool now and then: lying on its side, or slanted."""
    kind = kit.whole(0, 5)
    if kind == 0:
        kit.reshape(lambda p: p.turn("z", 90))
    elif kind == 1:
        angle = kit.u(-60, 60)
        kit.reshape(lambda p: p.turn("z", angle))
    elif kind == 2:
        kit.reshape(lambda p: p.turn("x", 90))


@cache
def _laid(family: Family) -> Family:
    @wraps(family)
    def build(kit: Kit) -> None:
        family(kit)
        lay_down(kit)

    return build


def laid(*families: Family) -> tuple[Family, ...]:
    """The families, with every tool turned by `lay_down`."""
    return tuple(_laid(family) for family in families)


def _haft(kit: Kit) -> tuple[float, Material, Material]:
    """A shaft; returns its length, its material and a metal for the head."""
    length, wood, metal = kit.u(1.0, 1.9), kit.pick(kit.wood, kit.plastic)(), kit.metal()
    shaft(kit, length, kit.u(0.05, 0.085), wood)
    return length, wood, metal


def hammer(kit: Kit) -> None:
    """Claw hammer."""
    length, _, metal = _haft(kit)
    y = length * 0.94
    kit.add(box(0.2, 0.18, 0.18, 0.03).up(y), metal)
    kit.add(frustum(0.1, 0.12, 0.25, kit.sides_for(0.6)).turn("z", -90).move(0.08, y), metal)
    claw = curve([(-0.05, y), (-0.25, y + 0.02), (-0.42, y - 0.12)])
    kit.add(
        tube(
            claw,
            columns(np.linspace(0.1, 0.08, len(claw)), np.linspace(0.09, 0.025, len(claw))),
            section=rectangle(2, 2),
        ),
        metal,
    )


def mallet(kit: Kit) -> None:
    """Mallet or sledge."""
    length, wood, metal = _haft(kit)
    y = length * 0.94
    head = kit.pick(
        kit.disc(kit.u(0.18, 0.28), kit.u(0.5, 0.8), 0.03), box(0.42, kit.u(0.5, 0.9), 0.42, 0.05).up(0.3)
    )
    low, high = head.vertices[:, 1].min(), head.vertices[:, 1].max()
    kit.add(head.up(-(low + high) / 2).turn("z", 90).up(y), kit.pick(wood, metal))
    if kit.chance(0.4):
        kit.pair(torus(0.25, 0.04, kit.sides).turn("z", 90).move(0.2, y), metal)


def axe(kit: Kit) -> None:
    """Axe: one or two blades."""
    length, _, metal = _haft(kit)
    kind, y = kit.whole(2, 3), length * 0.94
    reach, high = kit.u(0.35, 0.55), kit.u(0.22, 0.4)
    blade = [(0.0, -0.09), (reach * 0.5, -0.12), (reach, -high), (reach * 1.12, 0.0)]
    blade += [(reach, high * kit.u(0.7, 1.0)), (reach * 0.5, 0.12), (0.0, 0.09)]
    part = extrude(blade, 0.12).map(
        lambda v: v * columns(1, 1, np.clip(1 - v[:, 0] / (reach * 1.3), 0.25, 1))
    )
    kit.add(box(0.2, 0.24, 0.16, 0.03).up(y), metal)
    kit.add(part.move(0.05, y), metal)
    if kind == 3:
        kit.add(part.mirror().move(-0.05, y), metal)


def pickaxe(kit: Kit) -> None:
    """Pickaxe."""
    length, _, metal = _haft(kit)
    y = length * 0.94
    path = curve([(-0.7, y - 0.2), (-0.35, y + 0.03), (0, y + 0.08), (0.35, y + 0.03), (0.7, y - 0.2)])
    widths = 0.02 + 0.08 * np.sin(np.linspace(0.05, np.pi - 0.05, len(path)))
    kit.add(tube(path, widths), metal)


def mace(kit: Kit) -> None:
    """Mace or club."""
    length, _, metal = _haft(kit)
    r = kit.u(0.18, 0.28)
    kit.add(ball(r, 2).up(length), metal)
    spike = frustum(0.06, 0.0, 0.16, 5).up(r * 0.95)
    for a in range(0, 360, 60):
        kit.add(spike.turn("z", a).up(length), metal)
    for a in (60, 120, 240, 300):
        kit.add(spike.turn("x", 90).turn("y", a).up(length), metal)


def sword(kit: Kit) -> None:
    """Straight blades."""
    metal, grip, guard = kit.metal(), kit.pick(kit.leather, kit.wood)(), kit.metal()
    length, width = kit.log(0.5, 1.9), kit.u(0.07, 0.16)
    section = np.array([[width, 0.0], [0.0, 0.045], [-width, 0.0], [0.0, -0.045]])
    taper, ys = kit.u(0.5, 1.0), [0.0, length * 0.85, length]
    path = np.array([(0, y, 0) for y in ys])
    kit.add(tube(path, np.array([[1, 1], [taper, 1], [0.05, 0.4]]), section=section), metal)
    wide, droop = width * kit.u(1.5, 3.5), kit.u(-0.12, 0.12)
    line = [(-wide, droop), (0, 0), (wide, droop)]
    kit.add(tube(curve(line), np.array([0.05] * 7), kit.pick(4, 6)), guard)
    kit.add(rod((0, -kit.u(0.3, 0.5)), (0, 0), 0.05, 8), grip)
    low = min(float(part.vertices[:, 1].min()) for part, _ in kit.parts)
    kit.add(kit.pick(ball(0.085), disc(0.09, 0.08, 8).up(-0.04)).up(low), guard)


def knife(kit: Kit) -> None:
    """Kitchen knife, cleaver, sabre, katana."""
    metal, grip, guard = kit.metal(), kit.pick(kit.leather, kit.wood)(), kit.metal()
    length, width, bow = kit.u(0.6, 1.4), kit.u(0.1, 0.32), kit.pick(0.0, kit.u(0.05, 0.25))
    x = np.linspace(0, 1, 9)
    back, tip = columns(x * length, bow * x**2), kit.pick(0.3, 0.9, 2.0)
    edge = back - columns(0.0, width * (1 - x**8 * (tip < 1.5)) ** tip * 1.0)
    outline = np.concatenate([back, edge[::-1]])
    part = extrude(outline, 0.07).map(lambda v: v * columns(1, 1, 0.35 + 0.65 * (v[:, 1] > -width * 0.4)))
    kit.add(part, metal)
    kit.add(box(kit.u(0.35, 0.5), min(width * 0.8, 0.14), 0.09, 0.03).move(-0.2, -width * 0.4), grip)
    if kit.chance(0.3):
        kit.add(disc(0.12, 0.05, kit.sides_for(0.7)).turn("z", 90).move(0.02, -width * 0.4), guard)
    kit.reshape(lambda p: p.turn("z", 90))


def spear(kit: Kit) -> None:
    """Spear, trident, halberd."""
    metal, length = kit.metal(), kit.u(1.6, 2.3)
    kit.add(rod((0, 0), (0, length), 0.045, 7), kit.wood())
    kit.add(extrude([(-0.12, 0.1), (0, -0.05), (0.12, 0.1), (0, 0.5)], 0.07).up(length), metal)
    if kit.chance(0.4):
        fork = curve([(0, length), (0.2, length + 0.05), (0.22, length + 0.4)])
        kit.pair(tube(fork, 0.035), metal)
    elif kit.chance(0.5):
        outline = [(0, -0.15), (0.35, -0.3), (0.42, 0), (0.35, 0.25), (0, 0.1)]
        kit.add(extrude(outline, 0.06).up(length - 0.15), metal)


def scythe(kit: Kit) -> None:
    """Scythe or sickle."""
    metal, length = kit.metal(), kit.u(0.5, 1.8)
    kit.add(rod((0, 0), (0, length), 0.05, 7), kit.wood())
    angle = np.linspace(0, kit.u(1.5, 3.0), 9)
    r = kit.u(0.4, 0.6)
    path = columns(r * np.sin(angle), length + r * 0.6 * (1 - np.cos(angle)) * kit.pick(1, -1))
    part = tube(path, columns(0.03, np.linspace(0.1, 0.02, 9)), section=rectangle(2, 2), up=(0, 1, 0))
    kit.add(part, metal)


def screwdriver(kit: Kit) -> None:
    """Screwdriver, awl, chisel."""
    metal, grip = kit.metal(), kit.pick(kit.plastic, kit.wood)()
    outline = [(0.07, 0), (0.12, 0.1), (0.1, 0.35), (0.12, 0.5), (0.05, 0.58)]
    kit.add(lathe(curve(outline), kit.pick(6, 8, kit.sides)), grip)
    length = kit.u(0.5, 0.9)
    kit.add(rod((0, 0.55), (0, 0.55 + length), 0.035, 8), metal)
    kit.add(tapered_box((0.07, 0.07), (kit.u(0.08, 0.2), 0.03), 0.15).up(0.52 + length), metal)


def spanner(kit: Kit) -> None:
    """Spanner."""
    metal, length, r = kit.metal(), kit.u(0.9, 1.4), kit.u(0.16, 0.22)
    gap = kit.u(0.35, 0.5)
    arc = np.linspace(np.pi / 2 + gap, np.pi / 2 - gap + 2 * np.pi, 13)
    jaw = columns(r * np.cos(arc), r * np.sin(arc))
    notch = np.array([[r * gap * 0.8, r * 0.1], [0.0, -r * 0.25], [-r * gap * 0.8, r * 0.1]])
    kit.add(extrude(np.concatenate([jaw, notch]), 0.1, 0.01).up(length), metal)
    kit.add(box(r * 0.75, length - r * 0.7, 0.08, 0.02).up(length / 2), metal)
    if kit.chance(0.6):
        kit.add(torus(r * 0.75, r * 0.35, kit.sides).turn("x", 90), metal)
    else:
        kit.add(extrude(np.concatenate([jaw, notch]), 0.1, 0.01).turn("z", 180), metal)


def pliers(kit: Kit) -> None:
    """Pliers or scissors."""
    metal, grip, angle = kit.metal(), kit.pick(kit.plastic, kit.wood)(), kit.u(8, 25)
    scissors = kit.chance(0.5)
    for sign in (-1, 1):
        mark = kit.mark()
        if scissors:
            kit.add(extrude([(-0.05, 0), (0.06, 0), (0.01, 0.85), (-0.03, 0.85)], 0.045), metal)
            part = torus(0.15, 0.045, kit.sides).turn("x", 90).scale(0.9, 1.3, 1).move(sign * 0.1, -0.48)
            kit.add(part, grip)
            kit.add(rod((0, 0), (sign * 0.05, -0.32), 0.05), grip)
        else:
            kit.add(
                extrude([(0, 0), (0.1, 0), (0.08, 0.4), (0.0, 0.45)], 0.14, 0.02).mirror()
                if sign > 0
                else extrude([(0, 0), (0.1, 0), (0.08, 0.4), (0.0, 0.45)], 0.14, 0.02),
                metal,
            )
            kit.add(tube(curve([(0, 0.05), (sign * 0.12, -0.25), (sign * 0.1, -0.85)]), 0.065, 7), grip)
        kit.reshape(lambda p, s=sign: p.turn("z", s * angle * (-1 if not scissors else 1)), mark)  # type: ignore[misc]
    kit.add(disc(0.09, 0.18, 10).turn("x", 90).move(z=-0.09), metal)


def saw(kit: Kit) -> None:
    """Hand saw."""
    metal, grip, length = kit.metal(), kit.pick(kit.plastic, kit.wood)(), kit.u(0.9, 1.3)
    h, teeth = kit.u(0.22, 0.35), kit.whole(8, 16)
    low = [(length * i / teeth, -0.05 if i % 2 else 0.0) for i in range(teeth + 1)]
    outline = [*low, (length, h * 0.45), (0, h)]
    kit.add(extrude(outline, 0.045), metal)
    ring = np.array([(0, -0.08), (-0.05, 0.3), (-0.32, 0.28), (-0.38, -0.02), (-0.1, -0.12)])
    kit.add(tube(np.concatenate([ring, np.zeros((5, 1))], 1), 0.06, closed=True), grip)


def drill(kit: Kit) -> None:
    """Power drill, glue gun, hair dryer."""
    metal, grip = kit.metal(), kit.pick(kit.plastic, kit.wood)()
    kit.add(kit.lathe(curve([(0.15, 0), (0.2, 0.08), (0.2, 0.5), (0.12, 0.62)], 2)).turn("z", -90), grip)
    kit.add(box(0.2, 0.55, 0.16, 0.05, 2).turn("z", -kit.u(5, 15)).move(0.12, -0.35), grip)
    if kit.chance(0.6):
        kit.add(frustum(0.1, 0.06, 0.15, kit.sides_for(0.6)).turn("z", -90).move(0.6, 0), metal)
        kit.add(rod((0.7, 0), (1.1, 0), 0.03), metal)
        kit.box(kit.black(), (0.36, 0.16, 0.26), (0.05, -0.76, 0))
    else:
        kit.add(kit.hollow([(0.12, 0), (0.16, 0.25)], 0.04, 0.05).turn("z", -90).move(0.58, 0), kit.accent())
    kit.add(box(0.05, 0.12, 0.08).move(0.27, -0.2), kit.black())


def paint_brush(kit: Kit) -> None:
    """Brushes and rollers."""
    metal, grip = kit.metal(), kit.pick(kit.plastic, kit.wood)()
    kit.add(rod((0, 0), (0, 0.7), 0.05, kit.sides_for(0.5), end_radius=0.07), grip)
    if kit.chance(0.5):
        w = kit.u(0.15, 0.5)
        kit.box(metal, (w, 0.15, 0.12), (0, 0.68, 0))
        kit.add(tapered_box((w, 0.1), (w * kit.u(0.6, 1.0), 0.05), kit.u(0.25, 0.4)).up(0.82), kit.accent())
    else:
        kit.add(tube([(0, 0.68), (0, 0.85), (0.35, 0.85), (0.35, 1.1), (0.3, 1.1)], 0.028), metal)
        kit.add(kit.disc(0.14, 0.65).turn("z", 90).move(0.32, 1.1), kit.accent())


def key(kit: Kit) -> None:
    """Key."""
    metal = kit.metal()
    kit.add(torus(kit.u(0.16, 0.24), 0.055, kit.sides).turn("x", 90), metal)
    kit.add(rod((0, -0.18), (0, -1.0), 0.05, 8), metal)
    for y, w in zip((-0.75, -0.85, -0.95), kit.rng.uniform(0.12, 0.25, 3), strict=True):
        kit.add(box(w, 0.07, 0.06).move(w / 2, y), metal)


def torch(kit: Kit) -> None:
    """Torch, whisk, magnifier."""
    metal, grip = kit.metal(), kit.pick(kit.plastic, kit.wood)()
    kit.add(rod((0, 0), (0, 0.7), 0.075, kit.sides_for(0.6), end_radius=0.065), grip)
    what = kit.whole(0, 2)
    if what == 0:
        kit.add(kit.hollow([(0.08, 0), (0.17, 0.15), (0.17, 0.28)], 0.03, 0.12).up(0.68), grip)
        kit.add(kit.disc(0.14, 0.05).up(0.88), kit.colour(1, 0.95, 0.7))
    elif what == 1:
        r = kit.u(0.25, 0.4)
        kit.add(torus(r, 0.05, max(kit.sides, 12)).turn("x", 90).up(0.72 + r), metal)
        kit.add(disc(r, 0.045, max(kit.sides, 12)).turn("x", 90).move(0, 0.72 + r, -0.02), kit.glass())
    else:
        t = np.linspace(0, 2 * np.pi, 17)[:-1]
        wire = tube(columns(0.22 * np.sin(t), 1.05 - 0.42 * np.cos(t)), 0.025, 5, closed=True)
        for a in (0, 45, 90, 135):
            kit.add(wire.turn("y", a), metal)


FAMILIES: tuple[Choice, ...] = (
    laid(hammer, mallet, axe, axe, pickaxe, mace),
    laid(sword, sword, knife, spear, scythe),
    laid(screwdriver, spanner, pliers, saw, drill, paint_brush, key, torch),
)
