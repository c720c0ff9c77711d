"""Cycles and carts, facing +z."""

from __future__ import annotations

from maquette.train.procedural.balls import ellipsoid, globe, superellipsoid
from maquette.train.procedural.boxes import box, extrude, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import arch, curve
from maquette.train.procedural.swept import rod, tube
from maquette.train.procedural.turned import disc, hollow, torus
from maquette.train.procedural.vehicles import wheels


def _cycle_wheel(kit: Kit, z: float, radius: float, thick: float, spokes: bool = False) -> None:
    """A tyre in the plane of symmetry, standing on y = 0, with a hub and spokes or a disc."""
    metal = kit.metal()
    tyre = torus(radius - thick, thick, max(kit.sides, 12), 8).turn("z", 90)
    kit.add(tyre.move(0, radius, z), kit.rubber())
    kit.add(disc(0.06, 0.14, 8).up(-0.07).turn("z", 90).move(0, radius, z), metal)
    if spokes:
        for angle in (0.0, 45.0, 90.0, 135.0):
            kit.add(box(0.025, 2 * (radius - thick), 0.025).turn("x", angle).move(0, radius, z), metal)
    else:
        kit.add(kit.disc(radius * 0.75, 0.1).up(-0.05).turn("z", 90).move(0, radius, z), metal)


def _cart_wheel(kit: Kit, x: float, z: float, radius: float, wood: Material, iron: Material) -> None:
    """A wooden wheel with thick spokes, standing on y = 0."""
    kit.add(torus(radius - 0.04, 0.045, max(kit.sides, 10), 4).turn("z", 90).move(x, radius, z), wood)
    kit.add(disc(0.08, 0.14, 8).up(-0.07).turn("z", 90).move(x, radius, z), iron)
    for angle in (0.0, 45.0, 90.0, 135.0):
        kit.add(box(0.04, 2 * radius - 0.08, 0.05).turn("x", angle).move(x, radius, z), wood)


def bicycle(kit: Kit) -> None:
    """Bicycle."""
    frame, dark, r = kit.paint(), kit.rubber(), kit.u(0.34, 0.42)
    t, metal = kit.u(0.035, 0.05), kit.metal()

    back, front = -0.55, 0.55
    _cycle_wheel(kit, back, r, t, spokes=True)
    _cycle_wheel(kit, front, r, t, spokes=True)
    crank, seat, head = (0, r * 0.8, -0.1), (0, r * 2.1, -0.25), (0, r * 2.05, 0.35)
    for a, b in (
        (crank, seat),
        (crank, head),
        (seat, head),
        ((0, r, back), crank),
        ((0, r, back), seat),
        ((0, r, front), head),
    ):
        kit.add(rod(a, b, 0.032), frame)
    kit.add(rod(head, (0, r * 2.5, 0.32), 0.03), metal)
    path = [(-0.28, r * 2.45, 0.2), (-0.15, r * 2.5, 0.34), (0.15, r * 2.5, 0.34), (0.28, r * 2.45, 0.2)]
    kit.add(tube(curve(path), 0.028), dark)
    kit.add(superellipsoid(0.09, 0.04, 0.15, 0.7, 10).move(0, r * 2.2, -0.28), dark)
    kit.add(disc(0.11, 0.06, 12).up(-0.03).turn("z", 90).move(*crank), metal)
    if kit.chance(0.4):
        kit.add(hollow([(0.13, 0), (0.18, 0.22)], 0.03, 0.03, 4).move(0, r * 2.1, 0.52), kit.wood())


def motorbike(kit: Kit) -> None:
    """Motorbike or moped."""
    frame, dark, r = kit.paint(), kit.rubber(), kit.u(0.34, 0.42)
    metal = kit.metal()

    thick = kit.u(0.07, 0.1)
    _cycle_wheel(kit, -0.6, r, thick)
    _cycle_wheel(kit, 0.65, r, thick)
    kit.add(superellipsoid(0.16, 0.17, 0.35, 0.7, 12).move(0, r * 2.15, 0.12), frame)
    kit.add(superellipsoid(0.15, 0.09, 0.36, 0.6, 12).move(0, r * 2.0, -0.42), kit.leather())
    kit.add(box(0.25, 0.35, 0.5, 0.05).move(0, r * 1.15, 0.02), metal)
    kit.pair(rod((0.1, r, 0.65), (0.1, r * 2.5, 0.38), 0.035), metal)
    path = [(-0.35, r * 2.65, 0.2), (-0.1, r * 2.6, 0.38), (0.1, r * 2.6, 0.38), (0.35, r * 2.65, 0.2)]
    kit.add(tube(curve(path), 0.03), dark)
    kit.add(ellipsoid(0.11, 0.11, 0.1, 10).move(0, r * 2.35, 0.52), kit.colour(1, 0.95, 0.7))
    kit.add(rod((0.14, r * 0.7, 0.1), (0.16, r * 0.8, -0.75), 0.05, 8), metal)
    kit.pair(rod((0.08, r, -0.6), (0.08, r * 1.9, -0.35), 0.035), frame)
    kit.add(tapered_box((0.2, 0.5), (0.14, 0.4), 0.08).move(0, r * 2.0, 0.65), frame)


def scooter(kit: Kit) -> None:
    """Kick scooter."""
    frame, dark, metal = kit.paint(), kit.rubber(), kit.metal()

    small = kit.u(0.12, 0.18)
    _cycle_wheel(kit, -0.55, small, 0.035)
    _cycle_wheel(kit, 0.6, small, 0.035)
    kit.box(frame, (0.24, 0.06, 1.0), (0, small, -0.05))
    kit.add(rod((0, small, 0.6), (0, 1.15, 0.45), 0.035, 8), metal)
    kit.add(rod((-0.25, 1.15, 0.45), (0.25, 1.15, 0.45), 0.035, 8), dark)
    kit.add(rod((0, small + 0.02, 0.42), (0, 0.35, 0.56), 0.04), frame)


def pram(kit: Kit) -> None:
    """Pram or shopping trolley."""
    frame, dark, metal = kit.paint(), kit.rubber(), kit.metal()
    basket = (
        hollow([(0.3, 0), (0.36, 0.35)], 0.04, 0.05, 4)
        if kit.chance(0.5)
        else kit.hollow(curve([(0.2, 0), (0.34, 0.15), (0.36, 0.35)]), 0.04, 0.05)
    )
    kit.add(basket.scale(0.9, 1, 1.5).up(0.45), frame)
    if kit.chance(0.5):
        kit.add(kit.dome(0.37, 0.45).scale(0.9, 1, 0.75).move(0, 0.8, 0.25), kit.accent())
    kit.pair(rod((0.3, 0.75, -0.4), (0.28, 1.05, -0.85), 0.03), metal)
    kit.add(rod((-0.3, 1.05, -0.85), (0.3, 1.05, -0.85), 0.035), dark)
    kit.four(rod((0.28, 0.14, 0.42), (0.2, 0.5, 0.3), 0.03), metal)
    wheels(kit, 0.14, 0.06, 0.6, (-0.42, 0.42))


def wagon(kit: Kit) -> None:
    """A hand cart or a four-wheeled wagon, covered, loaded or empty."""
    kind, wood, iron = kit.whole(0, 1), kit.wood(), kit.metal()
    r = kit.u(0.3, 0.5)

    width, length = kit.u(0.7, 1.0), kit.u(1.0, 1.8)
    part = hollow([(0.5, 0), (0.5 + kit.u(0.0, 0.12), 1.0)], 0.05, 0.15, 4)
    kit.add(part.scale(width, kit.u(0.3, 0.5), length).up(r), wood)
    axles = (0.0,) if kind == 0 else (-length * 0.32, length * 0.32)
    for z in axles:
        _cart_wheel(kit, width / 2 + 0.1, z, r, wood, iron)
        _cart_wheel(kit, -width / 2 - 0.1, z, r, wood, iron)
        kit.add(rod((-width / 2 - 0.1, r, z), (width / 2 + 0.1, r, z), 0.04), iron)
    if kind == 0 or kit.chance(0.5):
        kit.pair(
            rod(
                (width * 0.4, r + 0.05, length * 0.4),
                (width * 0.25, r + kit.u(-0.1, 0.2), length * 1.1),
                0.035,
            ),
            wood,
        )
    if kit.chance(0.4):  # canvas cover
        kit.add(extrude(arch(width * 0.58, kit.u(0.6, 0.9), 9), length * 1.05).up(r + 0.35), kit.cloth())
    elif kit.chance(0.6):
        for _ in range(kit.whole(3, 8)):
            s = kit.u(0.14, 0.26)
            part = globe(s).move(kit.u(-0.3, 0.3) * width, r + 0.35, kit.u(-0.35, 0.35) * length)
            kit.add(part, kit.leaf())


def wheelbarrow(kit: Kit) -> None:
    """Wheelbarrow."""
    wood, iron = kit.wood(), kit.metal()
    kit.add(hollow([(0.3, 0), (0.5, 0.4)], 0.05, 0.06, 4).scale(0.8, 1, 1.1).up(0.35), kit.paint())
    part = disc(0.24, 0.12, kit.sides_for(0.8), 0.02).up(-0.06).turn("z", 90).move(0, 0.24, 0.75)
    kit.add(part, kit.rubber())
    kit.pair(rod((0.06, 0.24, 0.78), (0.35, 0.6, -1.1), 0.04), wood)
    kit.pair(rod((0.25, 0.0, -0.3), (0.25, 0.45, -0.25), 0.04), iron)


def cannon(kit: Kit) -> None:
    """Cannon."""
    wood, iron, r = kit.wood(), kit.metal(), kit.u(0.3, 0.5)

    kit.pair(disc(0.05, 0.05, 6).move(0.3), iron)
    _cart_wheel(kit, 0.3, 0, r, wood, iron)
    _cart_wheel(kit, -0.3, 0, r, wood, iron)
    outline = [(0.12, 0), (0.2, 0.06), (0.2, 0.4), (0.14, 1.1), (0.18, 1.2), (0.18, 1.3)]
    kit.add(kit.lathe(outline).turn("x", 90).move(z=-0.5).turn("x", -kit.u(0, 25)).up(r + 0.15), kit.metal())
    kit.add(box(0.3, 0.15, 1.1).turn("x", -12).move(0, r * 0.8, -0.45), wood)


FAMILIES: tuple[Choice, ...] = ((bicycle, motorbike, scooter, pram), (wagon, wagon, wheelbarrow, cannon))
