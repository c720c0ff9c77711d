"""Boats and ships with their bow at +z."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.aircraft import fuselage, propeller, wing
from maquette.train.procedural.balls import superellipsoid
from maquette.train.procedural.boxes import along, box, extrude
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import Part, loft
from maquette.train.procedural.swept import rod, tube
from maquette.train.procedural.turned import frustum, torus
from maquette.train.procedural.vehicles import glasshouse


def hull(length: float, width: float, depth: float, sheer: float, blunt: float, wall: float) -> Part:
    """A boat hull along z with its bow at +z: open inside when `wall` > 0, decked over otherwise."""
    z = np.linspace(-length / 2, length / 2, 11)
    z = np.concatenate([z[:1], z[:1] + 0.06, z[1:-1], z[-1:] - 0.05, z[-1:]])  # room for transom and stem
    t = (z / length) + 0.5
    half = width / 2 * np.minimum(1.0, blunt + (1 - blunt) * t * 4) * np.sqrt(np.maximum(1 - t**4, 0.002))
    top = depth + sheer * (2 * t - 1) ** 2 * np.where(t > 0.5, 1.0, 0.5)
    keel = np.minimum(sheer * 6.0 * np.maximum(t - 0.7, 0) ** 2, 0.7 * top)
    rings = []
    for i, (h, up, k) in enumerate(zip(half, top, keel, strict=True)):
        solid, inner = wall <= 0 or i in (0, len(z) - 1), max(h - wall, 0.3 * h)
        floor = up - 0.005 if solid else min(k + 1.5 * wall, up - 0.02)
        side = [(h * 0.25, k), (h * 0.8, k + (up - k) * 0.4), (h, up), (inner, up)]
        side += [(inner * 0.7, floor + (up - floor) * 0.2), (inner * 0.25, floor)]
        rings.append([(x, y, z[i]) for x, y in side + [(-x, y) for x, y in side[::-1]]])
    start, end = ((0.0, (top[i] + keel[i]) / 2, z[i]) for i in (0, -1))
    return loft(np.array(rings), np.array(start), np.array(end))


def rowing_boat(kit: Kit) -> None:
    """Rowing boat or canoe."""
    length, width, depth = kit.u(1.8, 3.0), kit.u(0.6, 1.0), kit.u(0.3, 0.5)
    wood, blunt = kit.pick(kit.wood, kit.paint, kit.white)(), kit.pick(0.75, 0.1)
    kit.add(hull(length, width, depth, kit.u(0.05, 0.3), blunt, kit.u(0.05, 0.08)), wood)
    for z in np.linspace(-0.25, 0.25, kit.whole(1, 3)) * length:
        kit.add(box(width * 0.85, 0.05, 0.18).move(0, depth * 0.72, z), kit.wood())
    if kit.chance(0.6):
        oar = rod((0.1, depth * 0.9, 0), (width * 1.1, depth * 0.5, -0.35), 0.03)
        blade = superellipsoid(0.2, 0.025, 0.08, 0.8, 8)
        kit.pair(oar, kit.wood())
        kit.pair(blade.turn("z", -20).turn("y", 20).move(width * 1.2, depth * 0.45, -0.38), kit.wood())


def _billow(sheet: Part, amount: float) -> Part:
    """Push the middle of a thin box forward, after splitting it into a grid of columns."""
    low, high = sheet.vertices.min(axis=0), sheet.vertices.max(axis=0)
    x = np.linspace(low[0], high[0], 7)
    bow = amount * (1 - (x / high[0]) ** 2)
    rings = [
        [(xi, low[1], b - 0.02), (xi, high[1], b - 0.02), (xi, high[1], b + 0.025), (xi, low[1], b + 0.025)]
        for xi, b in zip(x, bow, strict=True)
    ]
    return loft(np.array(rings))


def sailing_boat(kit: Kit) -> None:
    """Sailing boat, one or more masts."""
    length, width, depth = kit.u(1.8, 3.0), kit.u(0.6, 1.0), kit.u(0.3, 0.5)
    wood = kit.pick(kit.wood, kit.paint, kit.white)()
    kit.add(hull(length, width, depth, kit.u(0.1, 0.35), kit.u(0.4, 0.8), kit.pick(0.0, 0.06)), wood)
    if kit.chance(0.6):
        kit.box(kit.white(), (width * 0.55, 0.22, length * 0.3), (0, depth * 0.95, -length * 0.1))
    sail, masts, square = kit.pick(kit.white, kit.cloth)(), kit.pick(1, 1, 2, 3), kit.chance(0.35)
    for z in np.linspace(-0.28, 0.3, masts) * length if masts > 1 else [length * 0.08]:
        mast = length * kit.u(0.75, 1.1)
        kit.add(rod((0, depth * 0.3, z), (0, mast, z), 0.04, 8, end_radius=0.025), kit.wood())
        if square:
            for low, high in ((0.3, 0.6), (0.65, 0.92)):
                x = width * (0.75 if low < 0.5 else 0.55)
                sheet = box(2 * x, mast * (high - low), 0.045)
                kit.add(_billow(sheet, 0.16).move(0, mast * (low + high) / 2, z + 0.06), sail)
                kit.add(rod((-x, mast * high, z), (x, mast * high, z), 0.025), kit.wood())
        else:
            foot = length * kit.u(0.3, 0.42) / masts**0.5
            main = [(0.0, depth + 0.2), (-foot, depth + 0.2), (0.0, mast * 0.95)]
            kit.add(along(extrude(main, 0.045)).move(z=z - 0.03), sail)
            if z > 0 or masts == 1:
                jib = [(0.05, mast * 0.85), (0.05, depth + 0.2), (length * 0.36, depth + 0.15)]
                kit.add(along(extrude(jib, 0.045)).move(z=z), sail)
            kit.add(rod((0, depth + 0.18, z), (0, depth + 0.18, z - foot), 0.03), kit.wood())
    if kit.chance(0.4):
        kit.add(along(extrude([(0, 0), (-0.3, 0.08), (0, 0.16)], 0.04)).move(0, mast * 0.97, z), kit.accent())


def motor_boat(kit: Kit) -> None:
    """Motor or fishing boat."""
    length, width, depth = kit.u(1.8, 3.0), kit.u(0.6, 1.0), kit.u(0.3, 0.5)
    wood = kit.pick(kit.wood, kit.paint, kit.white)()
    kit.add(hull(length, width, depth, kit.u(0.1, 0.3), kit.u(0.7, 0.95), 0.0), wood)
    z = length * kit.u(-0.15, 0.1)
    glasshouse(kit, (z - 0.35, z + 0.35, z - 0.3, z + 0.2), width * 0.6, kit.u(0.35, 0.6), depth, kit.white())
    if kit.chance(0.5):
        kit.add(rod((0, depth, z), (0, depth + kit.u(0.9, 1.4), z), 0.03), kit.metal())
    if kit.chance(0.5):
        kit.box(kit.black(), (0.16, 0.4, 0.2), (0, depth * 0.6, -length / 2 - 0.05))
    kit.pair(
        tube([(width * 0.35, depth + 0.2, -length * 0.1), (width * 0.35, depth + 0.2, length * 0.25)], 0.022),
        kit.metal(),
    )


def ship(kit: Kit) -> None:
    """Ship: liner, freighter, ferry."""
    length, width, depth = kit.u(1.8, 3.0), kit.u(0.6, 1.0), kit.u(0.3, 0.5)
    length *= 1.3
    kit.add(hull(length, width, depth * 1.2, kit.u(0.05, 0.2), kit.u(0.7, 0.95), 0.0), kit.paint())
    deck, z, long = depth * 1.2, -length * kit.u(0.0, 0.2), length * kit.u(0.3, 0.6)
    for i in range(kit.whole(1, 4)):
        kit.box(kit.white(), (width * (0.8 - 0.08 * i), 0.2, long * (1 - 0.16 * i)), (0, deck + 0.19 * i, z))
        if kit.chance(0.7):
            part = box(width * (0.83 - 0.08 * i), 0.07, long * (0.93 - 0.16 * i))
            kit.add(part.move(0, deck + 0.19 * i + 0.11, z), kit.window())
    for i in range(kit.whole(1, 3)):
        part = frustum(0.11, 0.1, 0.45, 10).turn("x", -8).move(0, deck + 0.5, z - 0.3 * i + 0.2)
        kit.add(part, kit.accent())
    if kit.chance(0.5):
        for i in range(kit.whole(2, 6)):
            size = 0.22, 0.2, 0.4
            kit.box(
                kit.accent(),
                size,
                ((i % 2 - 0.5) * 0.3, deck - 0.02 + 0.2 * (i // 4), length * (0.15 + 0.11 * (i // 2 % 2))),
            )


def submarine(kit: Kit) -> None:
    """Submarine."""
    length = kit.u(1.8, 3.0)
    stations = [(-length / 2, 0.05, 0.05, 0), (-length * 0.3, 0.3, 0.3, 0), (length * 0.3, 0.34, 0.34, 0)]
    stations += [(length / 2, 0.05, 0.05, 0)]
    kit.add(fuselage(stations, kit.sides), kit.paint())
    kit.add(superellipsoid(0.14, 0.3, 0.32, 0.7, 14).move(0, 0.4, length * 0.08), kit.paint())
    path = [(0, 0.6, length * 0.1), (0, 0.95, length * 0.1), (0, 0.95, length * 0.16)]
    kit.add(tube(path, 0.035, up=(1, 0, 0)), kit.metal())
    kit.pair(wing(0.45, 0.25, 0.18, 0.1, 0.06).move(z=-length * 0.42), kit.accent())
    kit.add(wing(0.4, 0.25, 0.18, 0.1, 0.06).turn("z", 90).move(z=-length * 0.42), kit.accent())
    propeller(kit, 0.25, 4, (0, 0, -length / 2 - 0.02))
    for z in (-0.1, 0.05, 0.2):
        kit.pair(torus(0.08, 0.03, 10).turn("z", 90).move(0.31, 0.05, z * length), kit.metal())


FAMILIES: tuple[Choice, ...] = ((rowing_boat, sailing_boat, sailing_boat, motor_boat, ship, submarine),)
