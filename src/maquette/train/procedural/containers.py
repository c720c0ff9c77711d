"""Closed containers turned on a lathe, boxes, bags and what one carries things in."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid, globe, superellipsoid
from maquette.train.procedural.boxes import box, extrude, rectangle, stack, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import arch, columns, curve, polar
from maquette.train.procedural.swept import limb, ribbon, rod, tube
from maquette.train.procedural.turned import disc, dome, lathe, torus, tray
from maquette.train.procedural.vessels import handle


def bottle(kit: Kit) -> None:
    """Wine, soda, milk, sauce and medicine bottles with caps, corks and labels; a share of them jugs."""
    height, neck, shoulder = kit.log(1.0, 3.2), kit.u(0.13, 0.28), kit.u(0.45, 0.75)
    body, material, rise = 0.5, kit.pick(kit.glass, kit.plastic, kit.ceramic)(), kit.u(0.04, 0.3)
    points = [(body * kit.u(0.75, 1.0), 0.0), (body, 0.05 * height)]
    points += [(body * kit.u(0.85, 1.05), shoulder * height)]
    points += [(neck, min(shoulder + rise, 0.9) * height), (neck * kit.u(0.8, 1.0), height)]
    sides = kit.pick(kit.sides, kit.sides, kit.sides, 4, 6)
    outline = curve(points, kit.pick(1, 4))
    outline[:, 0] = np.clip(outline[:, 0], 0.6 * neck, 0.6)
    outline[:, 1] = np.maximum.accumulate(np.clip(outline[:, 1], 0, height))
    kit.add(lathe(outline, sides), material)
    cap = kit.whole(0, 3)
    if cap == 0:
        part = kit.disc(neck * kit.u(1.1, 1.4), kit.u(0.08, 0.2) * height, 0.02).up(0.93 * height)
        kit.add(part, kit.accent())
    elif cap == 1:
        kit.add(kit.frustum(neck * 0.75, neck * 0.85, 0.14 * height).up(0.95 * height), kit.bark())
    elif cap == 2:
        kit.add(torus(neck, 0.035, kit.sides).up(height * 0.98), material)
    else:
        kit.add(globe(neck * 1.1, kit.sides_for(0.8)).up(height + neck * 0.6), material)
    if kit.chance(0.6):
        low, high = sorted((kit.u(0.1, 0.3), kit.u(0.35, shoulder)))
        levels = np.linspace(low, high, 4) * height
        label = columns(np.interp(levels, outline[:, 1], outline[:, 0]) + 0.012, levels)
        kit.add(lathe(label, sides), kit.pick(kit.accent, kit.white)())


def jar(kit: Kit) -> None:
    """A jar, urn or canister with a lid and a knob, or a screw cap."""
    height, material = kit.log(0.7, 1.8), kit.pick(kit.ceramic, kit.glass, kit.metal)()
    neck = kit.u(0.28, 0.48)
    points = [(kit.u(0.3, 0.48), 0.0), (0.5, height * kit.u(0.25, 0.6)), (kit.u(neck, 0.52), height * 0.85)]
    points += [(neck, height)]
    outline = curve(points, kit.pick(1, 3, 5))
    outline[:, 1] = np.maximum.accumulate(outline[:, 1])
    kit.add(kit.lathe(outline), material)
    top = material if kit.chance(0.5) else kit.pick(kit.wood, kit.metal, kit.accent)()
    if kit.chance(0.5):
        kit.add(kit.disc(neck * 1.08, kit.u(0.1, 0.22), 0.02).up(height - 0.02), top)
    else:
        kit.add(kit.dome(neck * 1.12, kit.u(0.1, 0.35)).up(height - 0.01), top)
        knob = kit.u(0.06, 0.11)
        kit.add(globe(knob, 10).up(height + kit.u(0.15, 0.35)), top)
        kit.add(disc(knob * 0.6, 0.35, 8).up(height), top)
    if kit.chance(0.3):
        kit.pair(handle(0.2, height * 0.35, 0.045, kit).move(0.44, height * 0.6), material)


def barrel(kit: Kit) -> None:
    """Barrels, kegs and oil drums, standing or lying."""
    height, bulge = kit.u(1.0, 1.8), kit.u(1.0, 1.35)
    material, hoop = kit.pick(kit.wood, kit.wood, kit.metal, kit.paint)(), kit.metal()
    mark = kit.mark()
    levels = np.linspace(0, height, 7)
    radii = 0.5 * (1 + (bulge - 1) * np.sin(np.pi * levels / height))
    kit.add(kit.lathe(columns(radii, levels)), material)
    for level in kit.pick((0.15, 0.85), (0.08, 0.3, 0.7, 0.92), (0.33, 0.66), (0.03, 0.97)):
        r = 0.5 * (1 + (bulge - 1) * np.sin(np.pi * level))
        width = kit.u(0.03, 0.06) * height
        ring = [(r - 0.05, -width), (r + 0.03, -width), (r + 0.03, width), (r - 0.05, width)]
        kit.add(kit.lathe(ring, closed=True).up(level * height), hoop)
    if kit.chance(0.3):
        kit.reshape(lambda p: p.turn("x", 90), mark)
        if kit.chance(0.5):
            part = kit.block((0.12, 0.25, height * 0.8), (0.3, -0.5 * bulge - 0.05, height / 2))
            kit.pair(part, kit.wood())
    elif kit.chance(0.2):
        kit.add(disc(0.05, 0.25, 8).turn("x", 90).move(0, height * 0.2, 0.45), hoop)


def tin(kit: Kit) -> None:
    """A tin, a drink can or a spray can."""
    kind, height, body = kit.whole(0, 1), kit.log(0.8, 2.4), kit.pick(kit.paint, kit.plastic)()
    rim = kit.metal()
    kit.add(kit.lathe([(0.42, 0), (0.5, 0.06), (0.5, height - 0.09), (0.42, height)]), body)
    kit.add(kit.lathe([(0.36, 0), (0.44, 0), (0.44, 0.05), (0.36, 0.03)], closed=True).up(height - 0.02), rim)
    if kit.chance(0.4):
        kit.add(kit.disc(0.501, height * kit.u(0.3, 0.6)).up(height * 0.2), kit.accent())
    if kind == 1:
        kit.add(disc(0.12, 0.12, 8).up(height), kit.accent())
        kit.add(kit.dome(0.4, 0.2).up(height - 0.05), rim)


def paper_cup(kit: Kit) -> None:
    """A paper cup with a lid, a sleeve and perhaps a straw."""
    height, body = kit.log(0.8, 2.4), kit.pick(kit.paint, kit.plastic)()
    kit.add(kit.frustum(0.36, 0.5, height), kit.pick(kit.white(), body))
    kit.add(kit.disc(0.53, 0.09, 0.02).up(height), kit.pick(kit.black, kit.white, kit.accent)())
    kit.add(kit.disc(0.42, 0.16, 0.02).up(height), kit.white())
    low, high = 0.3, 0.65
    part = kit.frustum(0.36 + 0.14 * low + 0.02, 0.36 + 0.14 * high + 0.02, height * (high - low))
    kit.add(part.up(height * low), kit.accent())
    if kit.chance(0.4):
        kit.add(tube([(0.1, height, 0), (0.2, height + 0.7, 0.1)], 0.04), kit.accent())


def spray_can(kit: Kit) -> None:
    """A plain tin or battery with a coloured band."""
    height, body = kit.log(0.8, 2.4), kit.pick(kit.paint, kit.plastic)()
    kit.add(kit.disc(0.5, height, 0.05), body)
    kit.add(kit.disc(kit.u(0.15, 0.25), 0.12, 0.02).up(height), kit.metal())
    kit.add(kit.disc(0.505, height * kit.u(0.2, 0.4), 0.02).up(height * kit.pick(0.0, 0.65)), kit.accent())


def candle(kit: Kit) -> None:
    """A candle, burning, perhaps in a holder."""
    height, body = kit.log(0.8, 2.4), kit.pick(kit.paint, kit.plastic)()
    wax = kit.pick(kit.white(), body)
    kit.add(kit.disc(0.4, height, 0.06), wax)
    kit.add(disc(0.03, 0.15, 5).up(height), kit.black())
    kit.add(ellipsoid(0.08, 0.2, 0.08, 8).up(height + 0.3), kit.colour(1.0, 0.75, 0.2))
    if kit.chance(0.6):
        kit.add(kit.hollow([(0.6, 0), (0.75, 0.15)], 0.07, 0.06), kit.metal())


def hand_bag(kit: Kit) -> None:
    """Tote or hand bag."""
    cloth, metal = kit.pick(kit.cloth, kit.leather)(), kit.metal()
    w, h, d = kit.u(0.9, 1.2), kit.u(0.6, 0.9), kit.u(0.25, 0.45)
    kit.add(
        stack(
            [rectangle(w, d, 0.1, 2), rectangle(w * kit.u(0.8, 1.05), d * kit.u(0.4, 0.9), 0.08, 2)], [0.0, h]
        ),
        cloth,
    )
    rise = kit.u(0.25, 0.5)
    part = ribbon(arch(w * 0.3, rise, 11, h * 0.93), 0.07, 0.06)
    kit.pair(part.move(z=d * 0.25), kit.pick(cloth, kit.leather()), "z")
    if kit.chance(0.6):
        kit.add(box(w * 0.8, h * 0.5, 0.06, 0.02).move(0, h * 0.7, d * 0.42), kit.pick(cloth, kit.accent()))
        kit.add(ball(0.05).move(0, h * 0.5, d * 0.45), metal)


def back_pack(kit: Kit) -> None:
    """Back pack."""
    cloth = kit.pick(kit.cloth, kit.leather)()
    w, h, d = kit.u(0.7, 0.9), kit.u(0.9, 1.2), kit.u(0.35, 0.5)
    kit.add(superellipsoid(w / 2, h / 2, d / 2, 0.5, 20).up(h / 2), cloth)
    part = superellipsoid(w * 0.36, h * 0.2, d * 0.25, 0.5, 14).move(0, h * 0.3, d * 0.5)
    kit.add(part, kit.pick(cloth, kit.accent()))
    part = superellipsoid(w * 0.5, h * 0.14, d * 0.52, 0.6, 14).move(0, h * 0.86, 0.03)
    kit.add(part, kit.pick(cloth, kit.accent()))
    path = [(w * 0.28, h * 0.85, -d * 0.45), (w * 0.3, h * 0.6, -d * 0.85), (w * 0.34, h * 0.15, -d * 0.4)]
    kit.pair(ribbon(curve(path, 4), 0.1, 0.05), kit.leather())
    if kit.chance(0.4):
        kit.add(limb((-w * 0.4, h * 1.08), (w * 0.4, h * 1.08), 0.13), kit.cloth())


def suitcase(kit: Kit) -> None:
    """Suitcase or briefcase."""
    cloth, metal = kit.pick(kit.cloth, kit.leather)(), kit.metal()
    w, h, d = kit.u(0.8, 1.3), kit.u(0.7, 1.3), kit.u(0.3, 0.45)
    kit.box(kit.pick(cloth, kit.plastic()), (w, h, d))
    for x in (-0.3, 0.3):
        kit.add(box(0.09, h * 1.02, d * 1.03).move(x * w, h / 2), kit.leather())
    kit.add(tube([(-0.18, h - 0.02), (-0.15, h + 0.15), (0.15, h + 0.15), (0.18, h - 0.02)], 0.035), metal)
    if h > 1 and kit.chance(0.6):
        kit.pair(rod((0.2, h, -d * 0.3), (0.2, h + 0.6, -d * 0.3), 0.025), metal)
        kit.add(rod((-0.24, h + 0.6, -d * 0.3), (0.24, h + 0.6, -d * 0.3), 0.05, 8), kit.black())
        kit.four(ball(0.07).move(w * 0.38, -0.03, d * 0.3), kit.black())


def sack(kit: Kit) -> None:
    """Sack or money bag."""
    outline = curve([(0.3, 0), (0.5, 0.2), (0.45, 0.6), (0.16, 0.9), (0.26, 1.08)], 4)
    kit.add(kit.lathe(outline), kit.colour(0.75, 0.6, 0.4))
    kit.add(torus(0.17, 0.05, kit.sides_for(0.7)).up(0.9), kit.leather())
    if kit.chance(0.5):
        kit.add(disc(0.18, 0.04, 12).turn("x", 80).move(0, 0.4, 0.46), kit.accent())
    for _ in range(kit.whole(0, 4)):
        a = kit.u(0, 2 * np.pi)
        part = disc(0.13, 0.05, 10, 0.01).turn("x", kit.u(-30, 30))
        kit.add(part.move(*polar(0.62, a, 0.03)), kit.colour(0.95, 0.78, 0.2))


def shopping_bag(kit: Kit) -> None:
    """Shopping bag of paper, open, with food."""
    w, h, d = kit.u(0.6, 0.8), kit.u(0.7, 1.0), kit.u(0.35, 0.5)
    kit.add(tray(w, h, d, 0.05, 0.06), kit.pick(kit.colour(0.75, 0.58, 0.38), kit.plastic()))
    if kit.chance(0.6):
        for _ in range(kit.whole(2, 5)):
            s = kit.u(0.1, 0.2)
            part = ellipsoid(s, s * kit.u(1, 2.5), s, 9).move(kit.u(-0.25, 0.25) * w, h, kit.u(-0.2, 0.2) * d)
            kit.add(part, kit.plastic())
    else:
        kit.pair(tube(arch(0.16, 0.3, 9, h - 0.03), 0.028).move(z=d * 0.46), kit.leather(), "z")


def present(kit: Kit) -> None:
    """Present or parcel."""
    w, h, d = kit.u(0.6, 1.1), kit.u(0.4, 1.0), kit.u(0.6, 1.0)
    kit.add(box(w, h, d, 0.01).up(h / 2), kit.paint())
    ribbon_colour = kit.accent()
    kit.add(box(0.14, h * 1.01, d * 1.02).up(h / 2), ribbon_colour)
    kit.add(box(w * 1.02, h * 1.01, 0.14).up(h / 2), ribbon_colour)
    if kit.chance(0.6):
        kit.add(box(w * 1.06, h * 0.22, d * 1.06, 0.01).up(h * 0.9), kit.accent())
    part = torus(0.16, 0.05, 14).turn("x", 90).turn("z", 25).scale(1.1, 0.75, 1).move(0.18, h * 1.06 + 0.08)
    kit.pair(part, ribbon_colour)


def treasure_chest(kit: Kit) -> None:
    """Treasure chest."""
    wood, metal, w = kit.wood(), kit.metal(), kit.u(0.9, 1.3)
    h, d, opened = kit.u(0.45, 0.7), kit.u(0.6, 0.8), kit.chance(0.5)
    kit.add(tray(w, h, d, 0.06, 0.1) if opened else box(w, h, d, 0.01).up(h / 2), wood)
    rise = d * kit.u(0.2, 0.5)
    lid = extrude(arch(d / 2, rise, 9), w).turn("y", 90)
    mark = kit.mark()
    kit.add(lid, kit.pick(wood, kit.wood()))
    for x in (-0.36, 0.36):
        kit.add(extrude(arch(d * 0.52, rise * 1.05, 9), 0.1).turn("y", 90).move(x * w), metal)
    kit.add(box(0.16, 0.2, 0.07).move(z=d / 2), metal)
    angle = kit.u(50, 110) if opened else 0.0
    kit.reshape(lambda p: p.move(z=d / 2).turn("x", -angle).move(0, h, -d / 2), mark)
    for x in (-0.36, 0.36):
        kit.add(box(0.1, h, 0.05).move(x * w, h / 2, d / 2), metal)
    if opened:
        kit.add(dome(0.45, 0.4, 10).scale(w, 0.6, d).up(h * 0.7), kit.colour(0.95, 0.78, 0.2))
        for _ in range(kit.whole(2, 6)):
            part = kit.pick(ball(0.08), disc(0.1, 0.04, 10))
            kit.add(part.move(kit.u(-0.3, 0.3) * w, h * 0.95, kit.u(-0.25, 0.25) * d), kit.plastic())


def crate(kit: Kit) -> None:
    """Slatted crate, closed or open and filled."""
    wood, size, t = kit.wood(), kit.u(0.8, 1.1), 0.1
    half, tall = size / 2, size * kit.u(0.5, 1.0)
    kit.add(box(size * 0.92, tall * 0.9, size * 0.92).up(tall * 0.47), kit.wood())
    for y in (t / 2, tall - t / 2):
        kit.pair(box(t, t, size + t * 0.6).move(half, y), wood)
        kit.pair(box(size, t, t).move(0, y, half), wood, "z")
    kit.four(box(t, tall, t).move(half, tall / 2, half), wood)
    if kit.chance(0.6):
        angle = np.degrees(np.arctan2(tall, size))
        part = box(float(np.hypot(size, tall)) * 0.9, t * 0.9, t * 0.6).turn("z", angle)
        kit.pair(part.move(0, tall / 2, half), wood, "z")
        part = box(t * 0.6, t * 0.9, float(np.hypot(size, tall)) * 0.9).turn("x", -angle).move(half, tall / 2)
        kit.pair(part, wood)
    if kit.chance(0.3):
        for _ in range(kit.whole(4, 9)):
            s = kit.u(0.1, 0.17)
            part = ball(s).move(kit.u(-0.35, 0.35) * size, tall * 0.93 + 0.3 * s, kit.u(-0.35, 0.35) * size)
            kit.add(part, kit.leaf())


def cardboard_box(kit: Kit) -> None:
    """Cardboard box with flaps or tape."""
    w, h, d = kit.u(0.9, 1.3), kit.u(0.45, 0.7), kit.u(0.6, 0.8)
    brown = kit.colour(0.72, 0.53, 0.33)
    kit.add(tray(w, h, d, 0.05, 0.08), brown)
    flap, angle = d * 0.45, kit.u(20, 70)
    if kit.chance(0.6):
        part = box(w * 0.98, 0.05, flap).move(z=flap / 2).turn("x", angle - 30).move(0, h, d / 2 - 0.02)
        kit.pair(part, brown, "z")
        kit.pair(box(flap, 0.05, d * 0.98).move(flap / 2).turn("z", 30 - angle).move(w / 2 - 0.02, h), brown)
    else:
        kit.box(brown, (w, 0.05, d), (0, h - 0.03, 0))
        kit.add(box(w * 1.01, h * 1.02, 0.14).up(h / 2 + 0.02), kit.colour(0.85, 0.75, 0.55))


def tool_box_or_cage(kit: Kit) -> None:
    """Tool box or bird cage."""
    metal = kit.metal()
    w, h, d = kit.u(0.9, 1.3), kit.u(0.45, 0.7), kit.u(0.6, 0.8)
    if kit.chance(0.5):
        kit.box(kit.paint(), (w, h, d * 0.7))
        kit.add(tapered_box((w, d * 0.7), (w * 0.95, d * 0.3), 0.2).up(h), kit.paint())
        line = [(-w * 0.3, h + 0.15), (-w * 0.3, h + 0.35), (w * 0.3, h + 0.35)]
        line += [(w * 0.3, h + 0.15)]
        kit.add(tube(line, 0.05), metal)
        kit.pair(box(0.1, 0.16, 0.06).move(w * 0.3, h, d * 0.36), metal)
    else:
        r, tall = kit.u(0.35, 0.5), kit.u(0.6, 0.9)
        kit.add(kit.disc(r * 1.08, 0.08), metal)
        count = kit.whole(8, 12)
        path = curve([(r, 0.04), (r, tall * 0.8), (r * 0.6, tall + 0.12), (0, tall + 0.25)])
        kit.around(tube(path, 0.025, 5), metal, count)
        kit.add(torus(r, 0.03, max(kit.sides, 12), 5).up(tall * 0.5), metal)
        kit.add(torus(0.1, 0.03, 12, 5).turn("x", 90).up(tall + 0.33), metal)
        if kit.chance(0.5):
            kit.add(ellipsoid(0.1, 0.12, 0.17, 10).up(tall * 0.4), kit.accent())


FAMILIES: tuple[Choice, ...] = (
    bottle,
    jar,
    barrel,
    (tin, tin, paper_cup, spray_can, candle),
    (hand_bag, back_pack, suitcase, sack, shopping_bag, present),
    (treasure_chest, treasure_chest, crate, cardboard_box, tool_box_or_cage),
)
