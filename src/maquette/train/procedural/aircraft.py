"""Aeroplanes, helicopters, rockets and balloons, facing +z: fuselages lofted along z, wings extruded."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ellipsoid, globe, superellipsoid
from maquette.train.procedural.boxes import box, extrude
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import Part, Points, circle, columns, curve, loft
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, frustum, hollow, lathe, torus


def fuselage(stations: Points, sides: int, power: float = 1.0) -> Part:
    """A body along z from stations (z, half-width, half-height, y of the middle); power < 1 squares the
    section."""
    points = curve(stations)
    ring = circle(sides, 0.5)
    ring = np.sign(ring) * np.abs(ring) ** power
    rings = np.empty((len(points), sides, 3))
    rings[:, :, 0] = np.maximum(points[:, 1:2], 0.01) * ring[:, 0]
    rings[:, :, 1] = points[:, 3:4] + np.maximum(points[:, 2:3], 0.01) * ring[:, 1]
    rings[:, :, 2] = points[:, :1]
    return loft(rings)


def wing(span: float, root: float, tip: float, sweep: float, thickness: float, rise: float = 0.0) -> Part:
    """A wing from x = 0 to x = span; chords run along z about z = 0 at the root and z = -sweep at the tip."""
    profile = np.array([[0.5, 0.0], [0.2, 0.5], [-0.3, 0.4], [-0.5, 0.0], [-0.3, -0.3], [0.2, -0.4]])
    rings = []
    for x, chord, shift, y, t in (
        (0.0, root, 0.0, 0.0, thickness),
        (span, tip, -sweep, rise, thickness * 0.5),
    ):
        rings.append(columns(x, y + profile[:, 1] * t, shift + profile[:, 0] * chord))
    return loft(np.stack(rings))


def propeller(kit: Kit, radius: float, blades: int, at: tuple[float, float, float], axis: str = "z") -> None:
    """A propeller or rotor at a point; its axis is z (aeroplanes) or y (helicopters)."""
    metal = kit.metal()
    parts = [ellipsoid(radius * 0.12, radius * 0.12, radius * 0.2, 8)]
    blade = box(radius * 0.14, radius, radius * 0.04).taper("y", -0.3).up(radius / 2).turn("y", 12)
    parts += [blade.turn("z", 360.0 * i / blades + 10) for i in range(blades)]
    for part in parts:
        kit.add((part.turn("x", -90) if axis == "y" else part).move(*at), metal)


def aeroplane(kit: Kit) -> None:
    """Airliners, propeller planes, biplanes, gliders and jets."""
    length, r, paint = kit.u(2.0, 3.2), kit.u(0.16, 0.3), kit.paint()
    accent, half, slim = kit.accent(), length / 2, kit.u(0.15, 0.5)
    body = [(-half, r * 0.15, r * 0.2, r * 0.5), (-half * 0.4, r * kit.u(0.6, 0.9), r * 0.85, 0.1 * r)]
    body += [(half * 0.2, r, r, 0), (half * (1 - slim), r * 0.9, r * 0.85, 0)]
    body += [(half, r * 0.2, r * 0.2, -r * 0.15)]
    kit.add(fuselage(body, max(kit.sides_for(0.8), 8), kit.pick(1.0, 1.0, 0.7)), paint)
    span, root = kit.u(0.9, 1.7), kit.u(0.4, 0.7)
    wings = paint if kit.chance(0.5) else accent
    sweep, level = kit.pick(0.0, kit.u(0.0, 0.3), kit.u(0.4, 1.0)), kit.pick(-0.5, 0.0, 0.8) * r
    thick = kit.u(0.05, 0.1)
    main = wing(span, root, root * kit.u(0.25, 0.9), sweep, thick, kit.u(-0.05, 0.25))
    main = main.move(0, level, kit.u(-0.1, 0.25))
    kit.pair(main, wings)
    if kit.chance(0.18):  # biplane
        kit.pair(main.up(r * 2.4), wings)
        strut = rod((span * 0.7, level, 0.1), (span * 0.7, level + r * 2.4, 0.1), 0.025)
        kit.pair(strut.move(z=-sweep * 0.7), kit.wood())
    tail = wing(span * kit.u(0.3, 0.42), root * 0.55, root * 0.35, kit.u(0.0, 0.3), thick * 0.8)
    high, fin_height = kit.chance(0.2), kit.u(0.35, 0.6)
    kit.pair(tail.move(0, r * 0.5 + (fin_height if high else 0), -half + root * 0.3), wings)
    fin = wing(fin_height, root * 0.6, root * 0.35, kit.u(0.1, 0.4), thick * 0.8).turn("z", 90)
    kit.add(fin.move(0, r * 0.5, -half + root * 0.35), accent)
    nosed = kit.chance(0.25)  # a propeller at the nose
    if nosed:
        propeller(kit, kit.u(0.3, 0.5), kit.whole(2, 4), (0, -r * 0.1, half + 0.03))
    else:
        _engines(kit, span, sweep, level, r, half)
    if kit.chance(0.75):
        cockpit = half * (1 - slim) * kit.u(0.5, 0.9)
        kit.add(ellipsoid(r * 0.65, r * 0.5, kit.u(0.16, 0.35), 10).move(0, r * 0.75, cockpit), kit.window())
    if kit.chance(0.4):
        for z in np.linspace(-0.35, 0.5, kit.whole(4, 8)) * half:
            kit.pair(ellipsoid(0.03, 0.045, 0.045, 6).move(r * 0.95, r * 0.25, z), kit.window())
    if kit.chance(0.45):
        _landing_gear(kit, r, -half * 0.85 if nosed else half * 0.7)


def _landing_gear(kit: Kit, r: float, third: float) -> None:
    """Two wheels under the wings and one at z = third."""
    dark = kit.rubber()
    for x, z in ((0.3, 0.15), (-0.3, 0.15), (0.0, third)):
        kit.add(disc(0.09, 0.07, 10).turn("z", 90).move(x, -r - 0.18, z), dark)
        kit.add(rod((x, -r - 0.18, z), (x * 0.4, -r * 0.5, z), 0.025), kit.metal())


def _engines(kit: Kit, span: float, sweep: float, level: float, r: float, half: float) -> None:
    """Pods under the wings, jets at the tail, or propellers on the wings; long gliders may have none."""
    kind = kit.whole(0, 2)
    if kind == 0:
        pod = lathe([(0.08, -0.2), (0.11, -0.05), (0.11, 0.12), (0.08, 0.2)], 10).turn("x", 90)
        for x in (0.35, 0.65)[: kit.whole(1, 2)]:
            kit.pair(pod.move(x * span, level - 0.13, 0.25 - sweep * x), kit.metal())
    elif kind == 1:
        pod = lathe([(0.07, -0.25), (0.11, 0), (0.09, 0.22)], 10).turn("x", 90)
        kit.pair(pod.move(r + 0.1, r * 0.5, -half * 0.55), kit.metal())
    elif span < 1.5:
        casing, accent = limb((0, 0, -0.2), (0, 0, 0.25), 0.08, sides=8), kit.accent()
        for x in (0.35, 0.65)[: kit.whole(1, 2)]:
            for side in (-1, 1):
                kit.add(casing.move(side * x * span, level, 0.2 - sweep * x), accent)
                propeller(kit, 0.25, 3, (side * x * span, level, 0.55 - sweep * x))


def helicopter(kit: Kit) -> None:
    """Helicopters and drones."""
    paint, dark = kit.paint(), kit.black()
    if kit.chance(0.25):  # drone
        kit.add(superellipsoid(0.3, 0.1, 0.35, 0.6, 14), paint)
        for sx in (-1, 1):
            for sz in (-1, 1):
                tip = sx * 0.6, 0.08, sz * 0.6
                kit.add(rod((sx * 0.15, 0, sz * 0.15), tip, 0.045), dark)
                kit.add(disc(0.06, 0.1, 8).move(tip[0], 0.05, tip[2]), paint)
                propeller(kit, 0.32, 2, (tip[0], 0.18, tip[2]), "y")
        path = [(0.2, 0, 0.3), (0.25, -0.25, 0.3), (0.25, -0.25, -0.3), (0.2, 0, -0.3)]
        kit.pair(tube(path, 0.025, up=(1, 0, 0)), dark)
        kit.add(globe(0.09).move(0, -0.1, 0.25), dark)
        return
    rx, ry, rz, tail = kit.u(0.35, 0.5), kit.u(0.38, 0.5), kit.u(0.55, 0.9), kit.u(1.1, 1.7)
    kit.add(superellipsoid(rx, ry, rz, kit.u(0.6, 1.0), 18), paint)
    kit.add(ellipsoid(rx * 0.92, ry * 0.75, rz * 0.6, 14).move(0, ry * 0.15, rz * 0.47), kit.window())
    kit.add(
        rod(
            (0, ry * 0.3, -rz * 0.6),
            (0, ry * 0.5, -rz * 0.6 - tail),
            ry * 0.4,
            kit.sides_for(0.7),
            end_radius=0.06,
        ),
        paint,
    )
    end = -rz * 0.6 - tail
    kit.add(wing(0.45, 0.3, 0.2, 0.15, 0.06).turn("z", 90).move(0, ry * 0.45, end + 0.05), kit.accent())
    kit.pair(wing(0.3, 0.22, 0.16, 0.05, 0.05).move(0, ry * 0.45, end + 0.25), kit.accent())
    kit.add(frustum(0.14, 0.07, 0.3, 8).up(ry * 0.85), dark)
    propeller(kit, kit.u(1.0, 1.5), kit.whole(2, 5), (0, ry + 0.22, 0), "y")
    blade = box(0.03, 0.5, 0.06)
    for a in (0, 90):
        kit.add(blade.turn("x", a + 20).move(0.1, ry * 0.6, end), kit.metal())
    ski = tube(curve([(0, 0, -0.7), (0, 0, 0.5), (0, 0.12, 0.75)]), 0.035, up=(1, 0, 0))
    kit.pair(ski.move(rx * 0.9, -ry - 0.22), dark)
    for z in (-0.3, 0.3):
        kit.pair(rod((rx * 0.9, -ry - 0.22, z), (rx * 0.45, -ry * 0.6, z), 0.03), dark)


def rocket(kit: Kit) -> None:
    """A rocket or missile with fins, portholes, perhaps a flame or boosters."""
    paint, accent = kit.pick(kit.white, kit.paint, kit.metal)(), kit.accent()
    height, r = kit.u(1.6, 3.2), kit.u(0.25, 0.45)
    if kit.chance(0.5):
        profile = [(0.7 * r, 0), (r, 0.3), (0.95 * r, 0.6), (0.5 * r, 0.88), (0.03, 1)]
        outline = curve(profile, 4) * [1, height]
    else:
        nose = kit.u(0.15, 0.35) * height
        outline = np.array([(r, 0), (r, height - nose), (r * 0.7, height - nose * 0.5), (0.02, height)])
    kit.add(kit.lathe(outline), paint)
    tip = outline[outline[:, 1] > height * 0.8]
    kit.add(kit.lathe(np.concatenate([tip * [1.03, 1.0], [[0, height * 1.01]]])), accent)
    fins, reach = kit.whole(3, 4), kit.u(0.25, 0.6)
    shape = [(r * 0.5, 0.05 * height), (r + reach, -kit.u(0, 0.2) * height), (r + reach, 0.1 * height)]
    shape += [(r * 0.6, kit.u(0.25, 0.45) * height)]
    kit.around(extrude(shape, 0.07), accent, fins, 45)
    kit.add(kit.hollow([(r * 0.35, 0), (r * 0.65, 0.22)], 0.05, 0.05).scale(1, -1, 1).up(0.06), kit.metal())
    for y in np.linspace(0.45, 0.7, kit.whole(1, 3)):
        edge = float(np.interp(y * height, outline[:, 1], outline[:, 0]))
        kit.add(torus(0.11, 0.035, 14).turn("x", 90).move(0, y * height, edge - 0.01), kit.metal())
        kit.add(ellipsoid(0.1, 0.1, 0.04, 10).move(0, y * height, edge), kit.window())
    if kit.chance(0.3):
        kit.add(lathe(curve([(0.02, -0.9), (r * 0.6, -0.35), (r * 0.4, 0.05)]), 8), kit.colour(1.0, 0.6, 0.1))
    if kit.chance(0.25):
        points = [(0.14, 0), (0.14, height * 0.55), (0.0, height * 0.7)]
        kit.pair(lathe(points, kit.sides_for(0.7)).move(r + 0.12, -0.05), paint)


def saucer(kit: Kit) -> None:
    """Flying saucer."""
    paint, accent, r = kit.pick(kit.white, kit.paint, kit.metal)(), kit.accent(), kit.u(0.8, 1.1)
    part = kit.lathe(curve([(0.15, -0.25), (r * 0.6, -0.12), (r, 0.02), (r * 0.6, 0.16), (0.3, 0.22)]))
    kit.add(part, paint)
    kit.add(kit.dome(r * kit.u(0.35, 0.5), kit.u(0.3, 0.5)).up(0.12), kit.glass())
    kit.around(globe(0.07).move(r * 0.75, 0.1), accent, kit.whole(5, 10))
    if kit.chance(0.6):
        kit.around(rod((r * 0.45, -0.1), (r * 0.6, -0.5), 0.04), accent, 3)
        kit.around(ellipsoid(0.09, 0.05, 0.09, 8).move(r * 0.6, -0.5), accent, 3)


def space_fighter(kit: Kit) -> None:
    """Space fighter."""
    paint, accent = kit.pick(kit.white, kit.paint, kit.metal)(), kit.accent()
    length, r = kit.u(1.8, 2.6), kit.u(0.2, 0.32)
    half = length / 2
    stations = [(-half, r * 0.8, r * 0.7, 0), (0, r, r, 0), (half * 0.6, r * 0.6, r * 0.5, 0)]
    stations += [(half, 0.03, 0.03, 0)]
    kit.add(fuselage(stations, kit.pick(6, 8, 14), kit.pick(1.0, 0.6)), paint)
    kit.add(ellipsoid(r * 0.6, r * 0.55, 0.35, 10).move(0, r * 0.75, half * 0.15), kit.window())
    span, tilt = kit.u(0.7, 1.3), kit.u(-0.4, 0.4)
    part = wing(span, kit.u(0.6, 1.1), kit.u(0.15, 0.5), kit.u(-0.4, 0.8), 0.09, tilt)
    kit.pair(part.move(r * 0.5, 0, -half * 0.4), accent)
    if kit.chance(0.5):
        kit.pair(wing(span * 0.6, 0.5, 0.2, 0.4, 0.07, kit.u(0.4, 0.7)).move(r * 0.5, 0, -half * 0.6), accent)
    gun = limb((0, 0, -0.3), (0, 0, 0.4), kit.u(0.05, 0.1), sides=8)
    kit.pair(gun.move(r * 0.5 + span * 0.95, tilt, -half * 0.4 - 0.1), kit.metal())
    for x in (-0.14, 0.14) if kit.chance(0.5) else (0.0,):
        kit.add(frustum(r * 0.4, r * 0.55, 0.25, 10).turn("x", -90).move(x, 0, -half + 0.06), kit.black())


def satellite(kit: Kit) -> None:
    """Satellite or probe."""
    paint = kit.pick(kit.white, kit.paint, kit.metal)()
    kit.pick(
        lambda: kit.box(paint, (0.5, 0.6, 0.5), (0, -0.3, 0)),
        lambda: kit.add(kit.disc(0.3, 0.6, 0.05).up(-0.3), paint),
    )()
    panel, count = kit.colour(0.12, 0.2, 0.5), kit.whole(1, 3)
    for i in range(count):
        kit.pair(box(0.42, kit.u(0.4, 0.6), 0.05).move(0.6 + 0.46 * i), panel)
    kit.add(rod((-0.4 - 0.46 * count, 0), (0.4 + 0.46 * count, 0), 0.03), kit.metal())
    dish = kit.hollow(curve([(0.06, 0), (0.28, 0.1), (0.42, 0.28)]), 0.04, 0.04)
    kit.add(dish.turn("x", kit.u(30, 90)).move(0, 0.32, 0.12), kit.white())
    kit.add(rod((0, 0.3, 0.1), (0, 0.55, 0.45), 0.03), kit.metal())
    kit.add(rod((0, -0.3), (0, -0.8), 0.025), kit.metal())


def hot_air_balloon(kit: Kit) -> None:
    """A hot-air balloon with its basket."""
    skin, r = kit.cloth(), kit.u(0.8, 1.1)
    profile = [(0.25, -1.25 * r), (0.6 * r, -0.75 * r), (r, 0.1 * r), (0.7 * r, 0.75 * r), (0.05, r)]
    outline = curve(profile, 4)
    kit.add(kit.lathe(outline), skin)
    drop = 1.25 * r + kit.u(0.3, 0.6)
    part = hollow([(0.2, 0), (0.24, 0.3)], 0.04, 0.05, kit.pick(4, kit.sides_for(0.7))).up(-drop - 0.3)
    kit.add(part, kit.wood())
    kit.around(rod((0.2, -drop - 0.05), (0.24, -1.23 * r), 0.02, 5), kit.bark(), 4, 45)


def airship(kit: Kit) -> None:
    """An airship with gondola and fins."""
    skin, length, r = kit.cloth(), kit.u(2.2, 3.0), kit.u(0.4, 0.55)
    half = length / 2
    stations = [(-half, 0.03, 0.03, 0), (-half * 0.6, r * 0.7, r * 0.7, 0), (0.2, r, r, 0)]
    stations += [(half * 0.8, r * 0.6, r * 0.6, 0), (half, 0.03, 0.03, 0)]
    kit.add(fuselage(stations, kit.sides), skin)
    kit.add(box(0.28, 0.22, 0.7, 0.06).move(0, -r - 0.05, 0.2), kit.accent())
    kit.pair(wing(0.5, 0.45, 0.3, 0.15, 0.06).move(0.05, 0, -half * 0.8), kit.accent())
    for a in (90, -90):
        kit.add(wing(0.5, 0.45, 0.3, 0.15, 0.06).turn("z", a).move(z=-half * 0.8), kit.accent())


def toy_balloons(kit: Kit) -> None:
    """One to four balloons on strings."""
    for _ in range(kit.whole(1, 4)):
        x, y, z = kit.u(-0.6, 0.6), kit.u(1.0, 1.7), kit.u(-0.4, 0.4)
        r = kit.u(0.3, 0.42)
        outline = [(0.03, -1.25 * r), (0.75 * r, -0.45 * r), (r, 0.2 * r), (0.6 * r, 0.85 * r), (0.03, r)]
        kit.add(lathe(curve(outline), kit.sides_for(0.8)).move(x, y, z), kit.plastic())
        kit.add(frustum(0.06, 0.02, 0.08, 6).move(x, y - 1.3 * r, z), kit.plastic())
        kit.add(rod((x, y - 1.2 * r, z), (0, 0, 0), 0.022, 5), kit.white())


FAMILIES: tuple[Choice, ...] = (
    aeroplane,
    helicopter,
    (rocket, rocket, saucer, space_fighter, satellite),
    (hot_air_balloon, airship, toy_balloons),
)
