"""Long garden tools, cutlery, writing and cleaning things."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, superellipsoid
from maquette.train.procedural.boxes import box, extrude, rectangle, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import columns, curve, polar
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.tools import laid
from maquette.train.procedural.turned import disc, frustum, lathe, torus


def _pole(kit: Kit, metal: bool = True) -> tuple[float, Material, Material]:
    """A long handle up from y = 0; returns its length, its material and that of the head."""
    length, wood = kit.u(1.3, 2.2), kit.pick(kit.wood, kit.wood, kit.plastic)()
    head = kit.metal() if metal else wood
    kit.add(rod((0, 0), (0, length), kit.u(0.035, 0.055), kit.sides_for(0.5)), wood)
    return length, wood, head


def shovel(kit: Kit) -> None:
    """Shovel or spade."""
    length, wood, metal = _pole(kit)
    w, h, tip = kit.u(0.4, 0.55), kit.u(0.5, 0.7), kit.pick(0.0, 0.18)
    outline = [(-w / 2, 0.0), (w / 2, 0.0), (w / 2, -h * 0.75), (0.0, -h * 0.8 - tip), (-w / 2, -h * 0.75)]
    kit.add(extrude(outline, 0.05).shift("z", lambda v: 1.2 * v[:, 0] ** 2).up(0.05), metal)
    if kit.chance(0.6):
        path = [(-0.15, length + 0.15), (0.15, length + 0.15), (0, length - 0.03)]
        kit.add(tube(path, 0.035, closed=True), wood)


def rake(kit: Kit) -> None:
    """Rake or hoe."""
    _, _, metal = _pole(kit)
    w, count = kit.u(0.6, 0.9), kit.whole(5, 10)
    kit.add(box(w, 0.06, 0.06), metal)
    for x in np.linspace(-0.5, 0.5, count) * w:
        kit.add(frustum(0.03, 0.02, 0.22, 5).turn("x", 90).move(x, 0), metal)


def broom(kit: Kit) -> None:
    """Broom."""
    _pole(kit, metal=False)
    if kit.chance(0.5):
        kit.add(tapered_box((0.7, 0.2), (0.3, 0.12), 0.5).up(-0.42), kit.colour(0.85, 0.7, 0.35))
        kit.add(box(0.33, 0.09, 0.15).up(0.08), kit.accent())
    else:
        part = kit.lathe(curve([(0.28, -0.75), (0.3, -0.5), (0.1, 0.0), (0.06, 0.05)]))
        kit.add(part, kit.colour(0.8, 0.62, 0.3))
        kit.add(torus(0.12, 0.035, kit.sides, 5).up(-0.05), kit.accent())


def pitchfork(kit: Kit) -> None:
    """Pitchfork."""
    length, _, metal = _pole(kit)
    count = kit.whole(3, 4)
    kit.add(box(0.4, 0.06, 0.06).up(length), metal)
    for x in np.linspace(-0.18, 0.18, count):
        path = [(x, length, 0), (x, length + 0.3, 0.06), (x, length + 0.6, 0)]
        kit.add(tube(curve(path), np.linspace(0.03, 0.015, 7), 5), metal)


def staff(kit: Kit) -> None:
    """Magic staff."""
    length, wood, _ = _pole(kit, metal=False)
    gem = kit.accent()
    kit.add(kit.pick(ball(0.18, 2), lathe([(0.0, -0.25), (0.16, 0.0), (0.0, 0.3)], 5)).up(length + 0.2), gem)
    for a in (0, 120, 240):
        path = [(0, length - 0.02), (0.22, length + 0.1), (0.18, length + 0.35)]
        kit.add(tube(curve(path), 0.03, 5).turn("y", a), wood)


def oar(kit: Kit) -> None:
    """Oar, paddle, hockey stick."""
    length, wood, _ = _pole(kit, metal=False)
    kit.add(superellipsoid(kit.u(0.12, 0.2), 0.35, 0.035, 0.7, 12).up(-0.2), wood)
    if kit.chance(0.5):
        kit.add(superellipsoid(0.15, 0.3, 0.035, 0.7, 12).up(length + 0.15), wood)


def mop(kit: Kit) -> None:
    """Mop or duster."""
    _pole(kit, metal=False)
    for _ in range(10):
        a, d = kit.u(0, 2 * np.pi), kit.u(0.1, 0.3)
        line = [(0, 0.05, 0), polar(d, a, -0.05)]
        line += [polar(d * 1.2, a, -0.4)]
        path = curve(line)
        kit.add(tube(path, 0.045, 5), kit.white())
    kit.add(disc(0.12, 0.1, 10), kit.accent())


def _grip(kit: Kit) -> Material:
    """The handle of cutlery, below y = 0, or nothing; returns what the whole is made of."""
    kind, metal = kit.whole(0, 5), kit.pick(kit.metal, kit.wood, kit.plastic)()
    length = kit.u(0.9, 1.4)
    path = curve([(0, -length, 0.05), (0, -length * 0.4, 0.04), (0, 0, 0)])
    if kind <= 3:
        kit.add(tube(path, columns(np.linspace(0.075, 0.04, len(path)), 0.03)), metal)
    return metal


def spoon(kit: Kit) -> None:
    """Spoon or ladle."""
    metal = _grip(kit)
    angle = np.linspace(-1.3, 0.0, 6)
    cup = kit.hollow(columns(0.24 * np.cos(angle), 0.16 * (np.sin(angle) + 1)), 0.035, 0.035)
    kit.add(cup.turn("x", 90).scale(0.85, 1.25, 1).move(0, 0.22, -0.1), metal)


def fork(kit: Kit) -> None:
    """Fork."""
    metal = _grip(kit)
    outline = [(-0.05, 0), (0.05, 0), (0.15, 0.2), (0.15, 0.28), (-0.15, 0.28), (-0.15, 0.2)]
    kit.add(extrude(outline, 0.05), metal)
    count = kit.whole(2, 4)
    for x in np.linspace(-0.125, 0.125, count):
        kit.add(box(0.045, 0.32, 0.045).move(x, 0.42), metal)


def spatula(kit: Kit) -> None:
    """Spatula or slice."""
    metal, w, h = _grip(kit), kit.u(0.2, 0.4), kit.u(0.3, 0.5)
    kit.add(extrude(rectangle(w, h, 0.08, 2), 0.04).up(h / 2 + 0.05), kit.pick(metal, kit.black()))


def brush(kit: Kit) -> None:
    """Tooth or dish brush."""
    metal = _grip(kit)
    kit.add(box(0.12, 0.4, 0.06, 0.02).up(0.15), metal)
    kit.add(box(0.1, 0.34, 0.16).move(0, 0.16, 0.08), kit.white())


def rolling_pin(kit: Kit) -> None:
    """Rolling pin."""
    metal = _grip(kit)
    kit.add(kit.disc(0.16, 0.9, 0.03).up(-0.45), metal)
    for sign in (-1, 1):
        kit.add(limb((0, sign * 0.4), (0, sign * 0.68), 0.05, 0.065, 8), kit.pick(metal, kit.accent()))


def pencil(kit: Kit) -> None:
    """Pencil, pen, crayon."""
    metal, r, body = _grip(kit), kit.u(0.06, 0.12), kit.paint()
    sides = kit.pick(6, 6, kit.sides)
    kit.add(disc(r, 1.2, sides), body)
    kit.add(frustum(r, 0.01, r * 3.2, sides).up(1.19), kit.colour(0.88, 0.7, 0.5))
    kit.add(disc(r * 1.03, 0.1, sides).up(-0.05), metal)
    kit.add(disc(r * 0.98, 0.12, sides, 0.02).up(-0.15), kit.colour(0.9, 0.45, 0.5))


FAMILIES: tuple[Choice, ...] = (
    laid(shovel, rake, broom, pitchfork, staff, oar, mop),
    laid(spoon, fork, spatula, brush, rolling_pin, pencil),
)
