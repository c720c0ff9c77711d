"""Working machines and trains, facing +z."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ellipsoid, superellipsoid
from maquette.train.procedural.boxes import along, box, extrude, rectangle, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Part, columns
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, dome, hollow, torus
from maquette.train.procedural.vehicles import glasshouse, wheel, wheels

DECK = 0.42  # height of the floor of railway carriages


def tractor(kit: Kit) -> None:
    """Tractor."""
    paint, rubber, hub = kit.paint(), kit.rubber(), kit.accent()
    big, small, width = kit.u(0.5, 0.65), kit.u(0.25, 0.35), kit.u(0.8, 1.0)
    kit.box(paint, (width * 0.5, 0.5, 1.3), (0, big * 0.7, 0.5))
    for side in (-1, 1):
        wheel(kit, big, 0.3, (side * width * 0.55, big, -0.35), rubber, hub)
        wheel(kit, small, 0.2, (side * width * 0.45, small, 0.85), rubber, hub)
        kit.add(box(0.34, 0.08, 0.8, 0.03).move(side * width * 0.55, big * 2.08, -0.35), paint)
    glasshouse(kit, (-0.75, 0.15, -0.65, 0.05), width * 0.75, 0.8, big * 1.3, paint)
    kit.add(rod((0.12, big, 0.75), (0.12, big + 1.1, 0.75), 0.045, 8), kit.metal())


def _track(half: float, radius: float, across: float, thick: float) -> Part:
    """A caterpillar track that runs along z."""
    angle = np.radians(np.linspace(-90, 90, 8))
    front = columns(0.0, radius * np.sin(angle), half + radius * np.cos(angle))
    widths = np.tile([across, thick], (16, 1))
    path = np.concatenate([front, front * [1, -1, -1]])
    return tube(path, widths, closed=True, section=rectangle(2, 2), up=(1, 0, 0))


def digger(kit: Kit) -> None:
    """Digger."""
    paint, dark, width = kit.paint(), kit.black(), kit.u(0.9, 1.1)
    for side in (-1, 1):
        kit.add(_track(0.6, 0.22, 0.13, 0.06).move(side * width * 0.42, 0.28), dark)
        kit.add(box(0.2, 0.3, 1.2).move(side * width * 0.42, 0.28), dark)
    kit.box(paint, (width, 0.4, 1.1), (0, 0.5, -0.1))
    glasshouse(kit, (-0.2, 0.45, -0.2, 0.35), width * 0.45, 0.6, 0.88, paint)
    elbow, tip = np.array([0.28, kit.u(1.5, 1.9), 1.2]), np.array([0.28, kit.u(0.5, 1.0), kit.u(1.6, 2.0)])
    kit.add(rod((0.28, 0.8, 0.35), elbow, 0.11, 4), paint)
    kit.add(rod(elbow, tip, 0.09, 4), paint)
    kit.add(hollow([(0.12, 0), (0.25, 0.3)], 0.04, 0.05, 4).turn("x", kit.u(60, 130)).move(*tip), dark)


def racing_car(kit: Kit) -> None:
    """Racing car."""
    paint, width, length = kit.paint(), kit.u(0.9, 1.1), kit.u(2.2, 2.8)
    kit.add(tapered_box((0.5, length * 0.95), (0.28, length * 0.75), 0.32, (0, -0.1), 0.05).up(0.12), paint)
    kit.pair(superellipsoid(0.2, 0.17, 0.5, 0.6, 12).move(0.38, 0.27, -0.2), paint)
    kit.add(box(width * 1.1, 0.05, 0.3).move(0, 0.18, length * 0.48), kit.accent())
    kit.add(box(width, 0.05, 0.3).move(0, 0.75, -length * 0.46), kit.accent())
    kit.pair(box(0.05, 0.6, 0.3).move(width * 0.45, 0.5, -length * 0.46), kit.accent())
    kit.add(ellipsoid(0.14, 0.16, 0.16, 10).move(0, 0.52, -0.1), kit.white())
    kit.add(tapered_box((0.22, 0.6), (0.14, 0.2), 0.35, (0, 0.1)).move(0, 0.4, -0.55), paint)
    wheels(kit, 0.27, 0.28, width * 1.15, (-length * 0.36, length * 0.3))


def forklift(kit: Kit) -> None:
    """Forklift or golf cart."""
    paint, dark, width = kit.paint(), kit.black(), kit.u(0.8, 1.0)
    kit.box(paint, (width, 0.5, 1.3), (0, 0.18, 0))
    kit.box(dark, (width * 0.7, 0.14, 0.4), (0, 0.66, -0.2))
    kit.box(dark, (width * 0.7, 0.5, 0.12), (0, 0.66, -0.42))
    kit.four(rod((width * 0.42, 0.6, 0.5), (width * 0.4, 1.55, 0.4), 0.04), dark)
    kit.box(paint, (width, 0.08, 1.05), (0, 1.5, 0))
    kit.add(torus(0.15, 0.03, 12).turn("x", 60).move(0, 0.95, 0.3), dark)
    if kit.chance(0.6):
        kit.pair(kit.block((0.08, 1.9, 0.08), (0.25, 0.1, 0.75)), kit.metal())
        level = kit.u(0.1, 1.0)
        kit.pair(kit.block((0.12, 0.05, 0.8), (0.22, level, 1.15)), kit.metal())
        kit.box(kit.metal(), (0.7, 0.3, 0.06), (0, level, 0.8))
    wheels(kit, 0.2, 0.18, width - 0.05, (-0.42, 0.42))


def tank(kit: Kit) -> None:
    """Tank."""
    paint, dark, hub = kit.paint(), kit.black(), kit.accent()
    width, length = kit.u(1.1, 1.4), kit.u(1.8, 2.4)
    for side in (-1, 1):
        kit.add(_track(length * 0.38, 0.24, 0.15, 0.05).move(side * width * 0.42, 0.3), dark)
        for z in np.linspace(-1, 1, kit.whole(3, 5)) * length * 0.36:
            kit.add(disc(0.21, 0.24, 10).turn("z", 90).move(side * width * 0.42 + 0.12, 0.3, z), hub)
    part = tapered_box((width * 0.8, length), (width * 0.85, length * 0.8), 0.32, (0, -0.05)).up(0.32)
    kit.add(part, paint)
    part = kit.pick(kit.dome(0.48, 0.4), tapered_box((0.9, 1.0), (0.6, 0.7), 0.35)).move(0, 0.6, -0.1)
    kit.add(part, paint)
    part = rod((0, 0.78, 0.2), (0, 0.78 + kit.u(0, 0.3), length * kit.u(0.6, 0.85)), 0.07, 8)
    kit.add(part, kit.pick(paint, dark))
    kit.add(disc(0.16, 0.1, 10).move(0.1, 0.95, -0.2), dark)


def rolling_stock(kit: Kit) -> tuple[Material, Material, Material, float, float]:
    """A chassis on rails, its deck at y = DECK; returns body, dark and accent paint, width and length."""
    kind, paint, dark = kit.whole(0, 3), kit.paint(), kit.black()
    width, length = kit.u(0.9, 1.1), kit.u(2.0, 3.2)
    kit.box(dark, (width, 0.16, length), (0, DECK - 0.16, 0))
    reach = length / 2 * 0.78
    rows = np.linspace(-reach, reach, kit.whole(3, 5) if kind == 0 else 4)
    red = kit.accent()
    for z in rows:
        for side in (-1, 1):
            r = 0.24 if kind else kit.u(0.2, 0.3)
            part = disc(r, 0.12, kit.sides_for(0.8), 0.02).turn("z", 90)
            kit.add(part.move(side * width * 0.4 + 0.06, r, z), red if kind == 0 else dark)
    return paint, dark, red, width, length


def steam_engine(kit: Kit) -> None:
    """Steam."""
    paint, dark, red, width, length = rolling_stock(kit)
    half, base, boiler = length / 2, DECK, kit.u(0.3, 0.4)
    cab = length * kit.u(0.25, 0.35)
    outline = [(boiler * 0.9, 0), (boiler, 0.05), (boiler, length - cab), (boiler * 0.8, length - cab + 0.06)]
    kit.add(kit.lathe(outline).turn("x", 90).move(0, base + boiler, -half + cab), paint)
    kit.box(paint, (width * 0.95, 1.0, cab * 0.9), (0, base, -half + cab / 2))
    kit.box(kit.window(), (width, 0.35, cab * 0.5), (0, base + 0.55, -half + cab / 2))
    kit.box(dark, (width * 1.1, 0.1, cab * 1.15), (0, base + 1.0, -half + cab / 2))
    stack_top = base + 2 * boiler
    part = kit.frustum(0.09, kit.u(0.09, 0.24), kit.u(0.3, 0.55)).move(0, stack_top - 0.05, half * 0.7)
    kit.add(part, dark)
    for z in (0.05, 0.4):
        kit.add(dome(0.14, 0.2, 10).move(0, stack_top - 0.04, half * z), kit.metal())
    kit.add(ellipsoid(0.1, 0.1, 0.08, 10).move(0, base + boiler * 1.5, half * 1.0), kit.colour(1, 0.95, 0.7))
    kit.add(tapered_box((width, 0.4), (width * 0.6, 0.1), 0.3, (0, -0.15)).move(0, 0.05, half + 0.1), red)
    kit.pair(box(0.05, 0.06, half * 1.1).move(width * 0.48, 0.25), kit.metal())


def tram(kit: Kit) -> None:
    """Diesel, tram or express."""
    paint, _, red, width, length = rolling_stock(kit)
    half, base = length / 2, DECK
    height, rake = kit.u(0.8, 1.1), kit.u(0.05, 0.6)
    upper = [(-half, base), (-half, base + height), (half - rake, base + height)]
    upper += [(half - rake * 0.3, base + height * 0.6), (half, base + 0.2), (half, base)]
    kit.add(along(extrude(upper, width, 0.06)), paint)
    part = box(width * 1.02, height * 0.3, length * 0.8).move(0, base + height * 0.65, -rake / 2)
    kit.add(part, kit.window())
    kit.add(box(width * 1.02, 0.1, length * 0.95).move(0, base + 0.22, -rake * 0.2), red)
    part = box(width * 0.8, height * 0.3, 0.3).move(0, base + height * 0.76, half - rake * 0.75 - 0.05)
    kit.add(part, kit.window())


def goods_wagon(kit: Kit) -> None:
    """Goods wagon: open, covered, tank."""
    paint, dark, _, width, length = rolling_stock(kit)
    half, base, load = length / 2, DECK, kit.whole(0, 2)
    if load == 0:
        kit.box(paint, (width, kit.u(0.7, 1.1), length * 0.96), (0, base, 0))
        kit.box(kit.accent(), (width * 1.04, 0.7, length * 0.25), (0, base + 0.05, 0))
    elif load == 1:
        kit.add(hollow([(0.5, 0), (0.52, 0.6)], 0.05, 0.06, 4).scale(width, 1, length * 0.96).up(base), paint)
        if kit.chance(0.6):
            kit.add(dome(0.45, 0.4, 9).scale(width, 1, length * 0.95).up(base + 0.45), kit.stone())
    else:
        kit.add(limb((0, 0, -half * 0.6), (0, 0, half * 0.6), 0.4, sides=kit.sides).up(base + 0.38), paint)
        kit.add(disc(0.16, 0.15, 10).up(base + 0.74), dark)


def coach(kit: Kit) -> None:
    """Coach."""
    paint, dark, _, width, length = rolling_stock(kit)
    height = kit.u(0.8, 1.0)
    kit.box(paint, (width, height, length * 0.97), (0, DECK, 0))
    count = kit.whole(3, 7)
    for z in (np.arange(count) - (count - 1) / 2) * length * 0.9 / count:
        part = box(width * 1.03, height * 0.35, length * 0.6 / count).move(0, DECK + height * 0.62, z)
        kit.add(part, kit.window())
    kit.add(tapered_box((width * 1.05, length), (width * 0.6, length * 0.95), 0.16).up(DECK + height), dark)


FAMILIES: tuple[Choice, ...] = (
    (tractor, digger, racing_car, forklift, tank),
    (steam_engine, tram, goods_wagon, coach),
)
