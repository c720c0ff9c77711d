"""Churches, barns, mills and bridges."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ellipsoid, superellipsoid
from maquette.train.procedural.boxes import along, box, extrude, tapered_box
from maquette.train.procedural.buildings import add_gable, hip, opening, openings, roof
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import arch, columns, curve
from maquette.train.procedural.swept import rod, tube
from maquette.train.procedural.turned import disc, frustum, hollow, lathe, torus


def church(kit: Kit) -> None:
    """A church or chapel with a tower and a spire."""
    wall, tiles = kit.pick(kit.plaster, kit.stone, kit.wood)(), kit.pick(kit.brick, kit.accent)()
    w, h, d, rise = kit.u(0.6, 0.9), kit.u(0.5, 0.8), kit.u(1.1, 1.8), kit.u(0.4, 0.8)
    kit.add(box(w, h, d).up(h / 2), wall)
    add_gable(kit, (w, rise, d), 0.08, 0.07, wall, tiles, (0, h, 0))
    tw, th = w * kit.u(0.4, 0.6), h + rise + kit.u(0.1, 0.8)
    z = d / 2 + tw * kit.u(-0.3, 0.4)
    kit.add(box(tw, th, tw).move(0, th / 2, z), wall)
    spire = kit.u(0.5, 1.3)
    kit.add(lathe([(tw * 0.62, 0), (tw * 0.62, 0.05), (0, spire)], kit.pick(4, 8)).move(0, th, z), tiles)
    gold = kit.metal()
    kit.add(box(0.05, 0.3, 0.05).move(0, th + spire + 0.1, z), gold)
    kit.add(box(0.18, 0.05, 0.05).move(0, th + spire + 0.13, z), gold)
    opening(kit, (tw * 0.5, tw * 0.6), (0, 0, z + tw / 2), "front", wall, kit.wood(), True)
    pane = kit.accent()
    kit.add(disc(tw * 0.22, 0.06, 12).turn("x", 90).move(0, th * 0.75, z + tw / 2 - 0.02), pane)
    for zz in np.linspace(-0.38, 0.2, kit.whole(2, 4)) * d:
        for side, x in (("right", w / 2), ("left", -w / 2)):
            opening(kit, (0.1, h * 0.4), (x, h * 0.25, zz), side, wall, pane, True)
    if kit.chance(0.3):
        kit.add(box(w * 1.7, h * 0.9, w * 0.6).move(0, h * 0.45, -d * 0.15), wall)
        at = 0, h * 0.9, -d * 0.15
        add_gable(kit, (w * 0.6, rise * 0.6, w * 1.7), 0.05, 0.06, wall, tiles, at, 90)


def mosque(kit: Kit) -> None:
    """Dome and minarets."""
    wall, tiles = kit.pick(kit.plaster, kit.stone, kit.wood)(), kit.pick(kit.brick, kit.accent)()
    w, h = kit.u(1.0, 1.4), kit.u(0.5, 0.8)
    kit.add(box(w, h, w).up(h / 2), wall)
    openings(kit, (w, h, w), 0.0, 1)
    kit.add(kit.disc(w * 0.35, 0.15).up(h - 0.01), wall)
    onion = kit.chance(0.5)
    shape = curve(
        [(0.33, 0), (0.4, 0.2), (0.25, 0.5), (0.02, 0.75)]
        if onion
        else [(0.36, 0), (0.33, 0.2), (0.2, 0.36), (0.02, 0.42)],
        4,
    )
    kit.add(kit.lathe(shape * w).up(h + 0.13), tiles)
    tall = h * kit.u(1.6, 2.6)
    outline = [(0.09, 0), (0.08, tall), (0.12, tall), (0.12, tall + 0.06), (0.06, tall + 0.07)]
    outline += [(0.06, tall + 0.2), (0.0, tall + 0.42)]
    minaret = lathe(outline, kit.sides_for(0.6))
    where = minaret.move(w * 0.58, 0, w * 0.58)
    kit.pick(lambda: kit.four(where, wall), lambda: kit.pair(where, wall))()


def pagoda(kit: Kit) -> None:
    """Pagoda."""
    wall, tiles = kit.pick(kit.plaster, kit.stone, kit.wood)(), kit.pick(kit.brick, kit.accent)()
    tiers, w, y = kit.whole(2, 5), kit.u(0.9, 1.2), 0.12
    kit.box(kit.stone(), (w * 1.5, 0.12, w * 1.5))
    for i in range(tiers):
        ww, hh = w * (1 - 0.16 * i), 0.4 * (1 - 0.08 * i)
        kit.add(box(ww, hh, ww).up(y + hh / 2), wall)
        if i == 0:
            openings(kit, (ww, hh, ww), y, 1)
        y += hh
        eave = lathe([(ww * 0.8, 0), (ww * 0.85, 0.06), (ww * 0.6, 0.11), (ww * 0.42, 0.26)], 4)
        kit.add(eave.up(y - 0.06), tiles)
        y += 0.17
    kit.add(frustum(w * 0.2, 0.0, 0.6, 4).up(y - 0.05), tiles)


def barn(kit: Kit) -> None:
    """Gambrel barn."""
    wall, tiles = kit.pick(kit.wood, kit.brick, kit.plaster)(), kit.pick(kit.stone, kit.accent, kit.wood)()
    w, h, d = kit.u(0.9, 1.3), kit.u(0.5, 0.8), kit.u(1.0, 1.7)
    rise = kit.u(0.5, 0.8)
    outline = [(-w / 2, 0), (w / 2, 0), (w / 2, h), (w * 0.34, h + rise * 0.65), (0, h + rise)]
    outline += [(-w * 0.34, h + rise * 0.65), (-w / 2, h)]
    kit.add(extrude(outline, d), wall)
    for a, b in (
        ((w * 0.56, h - 0.06), (w * 0.34, h + rise * 0.66)),
        ((w * 0.345, h + rise * 0.65), (0.0, h + rise + 0.01)),
    ):
        kit.pair(extrude([a, (a[0] + 0.04, a[1] + 0.06), (b[0] + 0.03, b[1] + 0.07), b], d + 0.14), tiles)
    opening(kit, (w * 0.42, h * 0.75), (0, 0, d / 2), "front", kit.white(), wall, False)
    opening(kit, (0.2, 0.2), (0, h * 1.05, d / 2), "front", kit.white(), kit.black(), False)


def hut(kit: Kit) -> None:
    """Hut: round with a thatched cone, or a log cabin."""
    wall, tiles = kit.pick(kit.wood, kit.brick, kit.plaster)(), kit.pick(kit.stone, kit.accent, kit.wood)()
    w, h, d = kit.u(0.9, 1.3), kit.u(0.5, 0.8), kit.u(1.0, 1.7)
    if kit.chance(0.5):
        kit.add(kit.disc(0.5, h), wall)
        piece = kit.lathe([(0.66, 0), (0.68, 0.06), (0.0, kit.u(0.5, 0.9))]).up(h - 0.05)
        kit.add(piece, kit.colour(0.75, 0.62, 0.3))
        opening(kit, (0.24, 0.32), (0, 0, 0.49), "front", kit.wood(), kit.black(), True)
    else:
        logs = kit.whole(4, 7)
        for i in range(logs):
            y, r = (i + 0.5) * h / logs, h / logs * 0.55
            kit.pair(rod((w / 2, y, -d * 0.4), (w / 2, y, d * 0.4), r, 7), wall)
            kit.pair(rod((-w * 0.58, y, d * 0.34), (w * 0.58, y, d * 0.34), r, 7), wall, "z")
        kit.add(box(w * 0.95, h, d * 0.66).up(h / 2), wall)
        add_gable(kit, (w, kit.u(0.35, 0.6), d * 0.7), 0.15, 0.08, wall, tiles, (0, h, 0))
        opening(kit, (0.24, h * 0.6), (0, 0, d * 0.34 + 0.06), "front", wall, kit.wood(), False)


def shop(kit: Kit) -> None:
    """Shop with an awning and a sign."""
    wall, tiles = kit.pick(kit.wood, kit.brick, kit.plaster)(), kit.pick(kit.stone, kit.accent, kit.wood)()
    w, h, d = kit.u(0.9, 1.3), kit.u(0.5, 0.8), kit.u(1.0, 1.7)
    h = kit.u(0.7, 1.2)
    kit.add(box(w, h, d * 0.7).up(h / 2), wall)
    roof(kit, (w, h, d * 0.7), h, tiles, wall)
    front = d * 0.35
    opening(kit, (w * 0.5, h * 0.35), (-w * 0.15, h * 0.16, front), "front", kit.white(), kit.window(), False)
    opening(kit, (w * 0.2, h * 0.5), (w * 0.3, 0, front), "front", kit.white(), kit.wood(), False)
    outline = [(front, h * 0.72), (front + kit.u(0.25, 0.4), h * 0.55), (front + 0.25, h * 0.52)]
    outline += [(front, h * 0.62)]
    awning = extrude(outline, w * 0.95)
    kit.add(along(awning), kit.accent())
    kit.add(box(w * 0.7, 0.16, 0.07).move(0, h * 0.83, front + 0.02), kit.accent())


def factory(kit: Kit) -> None:
    """Factory with saw-tooth roof and chimneys."""
    wall, tiles = kit.pick(kit.wood, kit.brick, kit.plaster)(), kit.pick(kit.stone, kit.accent, kit.wood)()
    w, h, d = kit.u(0.9, 1.3), kit.u(0.5, 0.8), kit.u(1.0, 1.7)
    w, teeth = kit.u(1.3, 1.8), kit.whole(2, 4)
    kit.add(box(w, h, d * 0.7).up(h / 2), wall)
    each = w / teeth
    for i in range(teeth):
        x = -w / 2 + i * each
        part = extrude([(x, h - 0.02), (x + each, h - 0.02), (x, h + each * kit.u(0.55, 0.6))], d * 0.7)
        kit.add(part, tiles)
    openings(kit, (w, h, d * 0.7), 0.0, kit.whole(1, 2))
    for i in range(kit.whole(1, 3)):
        tall = kit.u(0.8, 1.5)
        kit.add(kit.frustum(0.12, 0.085, tall).move(w * 0.35 - 0.32 * i, h - 0.05, -d * 0.2), kit.brick())
        kit.add(torus(0.095, 0.03, 10, 5).move(w * 0.35 - 0.32 * i, h + tall - 0.07, -d * 0.2), kit.stone())


def windmill(kit: Kit) -> None:
    """A tower windmill with three to five sails."""
    wall, wood = kit.pick(kit.stone, kit.plaster, kit.wood)(), kit.wood()
    h, r = kit.u(1.1, 1.7), kit.u(0.38, 0.5)
    top = r * kit.u(0.55, 0.8)
    kit.add(frustum(r, top, h, kit.pick(kit.sides, 6, 8)), wall)
    cap = kit.pick(kit.accent, kit.brick)()
    kit.add(kit.pick(kit.frustum(top * 1.2, 0.02, 0.45), kit.dome(top * 1.1, 0.4)).up(h - 0.02), cap)
    opening(kit, (0.2, 0.3), (0, 0, r * 0.96), "front", wall, wood, True)
    opening(kit, (0.14, 0.16), (0, h * 0.55, (r + top) / 2 * 0.99), "front", wall, kit.window(), False)
    length, hub = kit.u(0.7, 1.1), (0.0, h * 0.98, top * 1.15 + 0.08)
    kit.add(rod((0, h, 0), (0, h * 0.98, top * 1.15 + 0.14), 0.06, 8), wood)
    phase, count = kit.u(0, 90), kit.pick(4, 4, 3, 5)
    sail = kit.white() if kit.chance(0.6) else wood
    for i in range(count):
        a = phase + 360.0 * i / count
        kit.add(box(0.06, length, 0.05).up(length / 2).turn("z", a).move(*hub), wood)
        kit.add(box(0.24, length * 0.72, 0.04).move(0.1, length * 0.6).turn("z", a).move(*hub), sail)


def wind_turbine(kit: Kit) -> None:
    """Wind turbine."""
    h, white = kit.u(1.6, 2.2), kit.white()
    kit.add(frustum(0.09, 0.05, h, kit.sides_for(0.7)), white)
    kit.add(superellipsoid(0.09, 0.09, 0.2, 0.7, 12).up(h), white)
    kit.add(ellipsoid(0.08, 0.08, 0.1, 10).move(0, h, 0.22), white)
    phase, length = kit.u(0, 120), kit.u(0.8, 1.1)
    for i in range(3):
        blade = tapered_box((0.13, 0.05), (0.04, 0.03), length).turn("z", phase + 120 * i)
        kit.add(blade.move(0, h, 0.22), white)


def well(kit: Kit) -> None:
    """Well."""
    wall, wood = kit.pick(kit.stone, kit.plaster, kit.wood)(), kit.wood()
    stone, r, h = kit.stone(), kit.u(0.4, 0.5), kit.u(0.4, 0.6)
    kit.add(hollow([(r, 0), (r, h)], 0.1, 0.1, kit.pick(kit.sides, 4)), stone)
    kit.add(torus(r - 0.05, 0.07, kit.sides).up(h), kit.stone())
    kit.add(kit.disc(r - 0.09, 0.05).up(h * 0.6), kit.window())
    kit.pair(box(0.08, 1.2, 0.08).move(r - 0.03, 0.6), wood)
    kit.add(rod((-r, 0.95), (r + 0.15, 0.95), 0.05, 8), wood)
    add_gable(kit, (0.8, 0.35, 2 * r + 0.15), 0.08, 0.05, wood, wall, (0, 1.18, 0), 90)
    if kit.chance(0.6):
        kit.add(rod((0, 0.75), (0, 0.95), 0.02, 5), kit.bark())
        kit.add(hollow([(0.09, 0), (0.12, 0.2)], 0.03, 0.03, 8).up(0.6), wood)


def water_wheel(kit: Kit) -> None:
    """Water wheel against a wall."""
    wall, wood = kit.pick(kit.stone, kit.plaster, kit.wood)(), kit.wood()
    r, width = kit.u(0.6, 0.8), kit.u(0.25, 0.4)
    for x in (-width / 2, width / 2):
        kit.add(torus(r, 0.05, max(kit.sides, 12), 4).turn("z", 90).move(x, r), wood)
        for i in range(4):
            kit.add(box(0.06, 2 * r, 0.06).turn("x", i * 45.0).move(x, r), wood)
    for i in range(12):
        kit.add(box(width, 0.05, 0.2).move(z=r).turn("x", i * 30.0).up(r), wood)
    kit.add(rod((-width * 1.2, r), (width * 1.2, r), 0.07, 8), kit.metal())
    kit.pair(tapered_box((0.14, 0.8), (0.14, 0.2), r).move(width * 0.95), wall)


def stone_bridge(kit: Kit) -> None:
    """Stone arches, level or humped."""
    stone, length, width = kit.pick(kit.stone, kit.brick)(), kit.u(2.0, 3.0), kit.u(0.5, 0.8)
    h, arches = kit.u(0.5, 0.8), kit.whole(1, 3)
    each, hump = length / arches, kit.pick(0.0, kit.u(0.1, 0.35))
    r = each * kit.u(0.34, 0.42)
    tall = max(h, r + 0.12)
    outline: list[tuple[float, float]] = [(-length / 2, 0.0)]
    for i in range(arches):
        middle = -length / 2 + (i + 0.5) * each
        outline += [(middle + float(x), float(y)) for x, y in arch(-r, r, 9)]
    outline += [(length / 2, 0.0)]
    deck = [
        (float(x), tall + hump * (1 - (2 * float(x) / length) ** 2))
        for x in np.linspace(length / 2, -length / 2, 11)
    ]
    kit.add(extrude(outline + deck, width), stone)
    rail = [(x, y - 0.02) for x, y in deck] + [(x, y + 0.14) for x, y in deck[::-1]]
    kit.pair(extrude(rail, 0.08).move(z=width / 2 - 0.04), stone, "z")


def suspension_bridge(kit: Kit) -> None:
    """Suspension."""
    length, width, h = kit.u(2.0, 3.0), kit.u(0.5, 0.8), kit.u(0.5, 0.8)
    metal = kit.paint()
    kit.box(kit.stone(), (length * 1.3, 0.08, width), (0, h * 0.5, 0))
    tall, x = h * kit.u(1.6, 2.2), length * 0.36
    for z in (-width / 2, width / 2):
        kit.pair(box(0.1, tall, 0.1).move(x, tall / 2, z), metal)
        t = np.linspace(-1, 1, 13)
        cable = columns(t * x, h * 0.62 + (tall * 0.95 - h * 0.62) * t**2, z)
        kit.add(tube(cable, 0.03, 5), metal)
        kit.pair(rod((x, tall * 0.95, z), (length * 0.64, h * 0.55, z), 0.03, 5), metal)
        for xx in t[2:-2:2] * x:
            top = h * 0.62 + (tall * 0.95 - h * 0.62) * (xx / x) ** 2
            kit.add(rod((xx, h * 0.5, z), (xx, top, z), 0.02, 4), metal)
    for y in (0.75, 0.96):
        kit.pair(box(0.08, 0.08, width).move(x, tall * y), metal)


def plank_bridge(kit: Kit) -> None:
    """Plank bridge with rails."""
    length, width, h = kit.u(2.0, 3.0), kit.u(0.5, 0.8), kit.u(0.5, 0.8)
    wood, hump, count = kit.wood(), kit.u(0.0, 0.35), kit.whole(9, 15)
    for x in np.linspace(-0.5, 0.5, count) * length:
        y = h * 0.4 + hump * (1 - (2 * x / length) ** 2)
        part = box(length / count * 0.85, 0.06, width)
        kit.add(part.turn("z", -np.degrees(np.arctan(8 * hump * x / length**2))).move(x, y), wood)
    xs = np.linspace(-0.5, 0.5, 9) * length
    arch = h * 0.4 + hump * (1 - (2 * xs / length) ** 2)
    for z in (-width / 2, width / 2):
        kit.add(tube(columns(xs, arch - 0.05, z * 0.85), 0.05, 4), wood)
        kit.add(tube(columns(xs, arch + 0.32, z), 0.035), wood)
        for i in range(0, 9, 2):
            kit.add(rod((xs[i], arch[i] - 0.05, z), (xs[i], arch[i] + 0.36, z), 0.035), wood)


def gate(kit: Kit) -> None:
    """Gate: two posts and a lintel, or a torii."""
    t, tall, paint = kit.u(0.14, 0.25), kit.u(1.2, 1.7), kit.pick(kit.stone, kit.paint, kit.wood)()
    half, round_posts = kit.u(0.5, 0.8), kit.chance(0.5)
    post = frustum(t / 2, t * 0.42, tall, kit.sides_for(0.7)) if round_posts else box(t, tall, t).up(tall / 2)
    kit.pair(post.move(half), paint)
    kit.box(paint, (2 * half + t * 4, t * 0.8, t * 1.2), (0, tall - 0.02, 0))
    if kit.chance(0.6):
        kit.box(paint, (2 * half + t, t * 0.6, t * 0.8), (0, tall * 0.8, 0))
        kit.box(kit.accent(), (t * 1.2, tall * 0.18, t * 0.6), (0, tall * 0.82, 0))
    if kit.chance(0.4):
        kit.add(hip(2 * half + t * 5, 0.3, t * 3, 0.1).up(tall + t * 0.7), kit.brick())


FAMILIES: tuple[Choice, ...] = (
    (church, mosque, pagoda),
    (barn, hut, shop, factory),
    (windmill, wind_turbine, well, water_wheel),
    (stone_bridge, suspension_bridge, plank_bridge, gate),
)
