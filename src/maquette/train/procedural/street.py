"""What stands along streets and on playgrounds."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ellipsoid
from maquette.train.procedural.boxes import box, extrude
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import arch, curve
from maquette.train.procedural.swept import ribbon, rod
from maquette.train.procedural.turned import disc, dome, torus


def road_sign(kit: Kit) -> None:
    """Road sign."""
    paint, metal, h = kit.paint(), kit.metal(), kit.u(1.2, 1.8)
    kit.add(rod((0, 0), (0, h), 0.045, 8), metal)
    shape = kit.pick(3, 4, 8, 20)
    part = disc(kit.u(0.28, 0.4), 0.05, shape).turn("x", 90).turn("z", kit.pick(0, 45))
    kit.add(part.move(0, h, 0.03), paint)
    kit.add(part.scale(0.75, 0.75, 1).move(0, h, 0.045), kit.white())


def way_sign(kit: Kit) -> None:
    """Wooden way signs."""
    h, wood = kit.u(1.2, 1.7), kit.wood()
    kit.add(box(0.12, h, 0.12).up(h / 2), wood)
    for i in range(kit.whole(1, 3)):
        arrow = extrude([(-0.35, -0.1), (0.3, -0.1), (0.45, 0), (0.3, 0.1), (-0.35, 0.1)], 0.06)
        part = arrow.turn("y", kit.pick(0, 180) + kit.u(-25, 25)).move(0, h * (0.9 - 0.22 * i), 0.06)
        kit.add(part, kit.wood())


def traffic_light(kit: Kit) -> None:
    """Traffic light."""
    metal, h, dark = kit.metal(), kit.u(1.3, 1.8), kit.black()
    kit.add(rod((0, 0), (0, h), 0.05, 8), metal)
    kit.box(dark, (0.3, 0.8, 0.24), (0, h - 0.1, 0))
    for i, c in enumerate(((0.2, 0.85, 0.3), (0.98, 0.75, 0.15), (0.9, 0.15, 0.1))):
        kit.add(ellipsoid(0.09, 0.09, 0.06, 10).move(0, h + 0.05 + 0.25 * i, 0.12), kit.colour(*c))
        kit.add(disc(0.1, 0.12, 8).turn("x", 90).scale(1, 0.3, 1).move(0, h + 0.14 + 0.25 * i, 0.1), dark)
    kit.add(kit.disc(0.2, 0.08), metal)


def hydrant(kit: Kit) -> None:
    """Hydrant."""
    paint, metal = kit.paint(), kit.metal()
    outline = [(0.3, 0), (0.3, 0.08), (0.2, 0.1), (0.2, 0.75), (0.25, 0.77), (0.25, 0.83), (0.15, 1.0)]
    outline += [(0.05, 1.05)]
    kit.add(kit.lathe(outline), paint)
    kit.pair(disc(0.09, 0.15, 8).turn("z", -90).move(0.17, 0.6), paint)
    kit.add(disc(0.12, 0.15, 8).turn("x", 90).move(0, 0.5, 0.16), metal)


def letter_box(kit: Kit) -> None:
    """Letter box."""
    paint, h = kit.paint(), kit.u(0.6, 1.0)
    kit.box(kit.wood(), (0.12, h, 0.12))
    outline = [*arch(0.2, 0.2, 9, 0.15), (-0.2, 0), (0.2, 0)]
    kit.add(extrude(outline, kit.u(0.5, 0.7)).up(h), paint)
    kit.box(kit.accent(), (0.04, 0.25, 0.08), (0.22, h + 0.15, 0.1))


def fence(kit: Kit) -> None:
    """Fence panel."""
    wood, count, w = kit.pick(kit.wood, kit.white, kit.metal)(), kit.whole(4, 9), kit.u(1.4, 2.4)
    h, pointed = kit.u(0.5, 0.9), kit.chance(0.5)
    for x in np.linspace(-0.5, 0.5, count) * w:
        half = w / count * kit.u(0.25, 0.3)
        outline = [(-half, 0), (half, 0), (half, h), (0, h + (0.12 if pointed else 0)), (-half, h)]
        kit.add(extrude(outline, 0.06).move(x), wood)
    for y in (0.25, 0.75):
        kit.add(box(w * 1.02, 0.09, 0.07).move(0, y * h, -0.05), wood)
    if kit.chance(0.3):
        kit.reshape(lambda p: p.move(z=w / 2))
        panel = list(kit.parts)
        for part, m in panel:
            kit.add(part.turn("y", 90), m)


def cone_or_bin(kit: Kit) -> None:
    """Traffic cone, bollard, bin."""
    paint, metal = kit.paint(), kit.metal()
    if kit.chance(0.5):
        white = kit.white()
        kit.box(paint, (0.7, 0.07, 0.7))
        kit.add(kit.frustum(0.27, 0.05, 0.9).up(0.06), paint)
        kit.add(kit.frustum(0.205, 0.155, 0.2).up(0.36), white)
    else:
        kit.add(kit.hollow([(0.3, 0), (0.38, 0.9)], 0.05, 0.06), metal)
        for i in range(kit.whole(2, 4)):
            kit.add(torus(0.32 + 0.018 * i, 0.03, kit.sides, 5).up(0.15 + 0.25 * i), paint)
        if kit.chance(0.5):
            kit.add(kit.dome(0.4, 0.25).up(0.9), paint)


def kiosk(kit: Kit) -> None:
    """Telephone box, vending machine, petrol pump."""
    paint, w, h = kit.paint(), kit.u(0.6, 0.8), kit.u(1.4, 1.8)
    kit.box(paint, (w, h, w * kit.u(0.8, 1.0)))
    kit.add(box(w * 0.75, h * 0.65, w * 1.04).up(h * 0.52), kit.window())
    if kit.chance(0.5):
        kit.add(box(w * 1.04, h * 0.65, w * 0.7).up(h * 0.52), kit.window())
        for y in np.linspace(0.3, 0.75, 3):
            kit.add(box(w * 1.05, 0.05, w * 1.05).up(y * h), paint)
    kit.add(dome(0.5, 0.16, 4).scale(w, 1, w * 0.9).up(h - 0.01), paint)


def slide(kit: Kit) -> None:
    """Slide or swing boat."""
    paint, metal = kit.paint(), kit.metal()
    h, reach = kit.u(0.9, 1.3), kit.u(1.2, 1.7)
    line = [(0, h, 0), (0, h * 0.95, 0.2), (0, h * 0.3, reach * 0.7), (0, 0.1, reach), (0, 0.1, reach + 0.25)]
    path = curve(line)
    kit.add(ribbon(path, 0.5, 0.06, (0, 1, 0)), paint)
    kit.pair(ribbon(path + np.array([0.25, 0.07, 0.0]), 0.06, 0.18, (0, 1, 0)), kit.accent())
    kit.box(kit.wood(), (0.55, 0.08, 0.5), (0, h - 0.08, -0.25))
    kit.four(rod((0.25, 0, 0.22), (0.25, h, 0.22), 0.035), metal)
    for y in np.linspace(0.15, 0.85, 4) * h:
        kit.add(rod((-0.25, y, -0.5), (0.25, y, -0.5), 0.03), metal)
    kit.pair(rod((0.25, 0, -0.5), (0.25, h + 0.35, -0.5), 0.035), metal)


FAMILIES: tuple[Choice, ...] = (
    (road_sign, way_sign, traffic_light, hydrant, letter_box, fence, cone_or_bin, kiosk, slide),
)
