"""Fittings of rooms: lamps, doors, clocks, appliances, bathrooms, stoves."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ellipsoid, globe, superellipsoid
from maquette.train.procedural.boxes import box, extrude, rectangle, stack, tapered_box
from maquette.train.procedural.furniture import drawers
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import Part, arch, curve
from maquette.train.procedural.seats import pedestal
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, dome, frustum, hollow, lathe, torus


def lamp_shade(kit: Kit, radius: float, height: float) -> Part:
    """A lamp shade open below, from y = 0 up: drum, cone, bell or globe."""
    kind = kit.whole(0, 3)
    if kind == 3:
        return globe(radius * 0.9, kit.sides).up(height * 0.5)
    top = radius * (kit.u(0.75, 1.0) if kind == 0 else kit.u(0.2, 0.6))
    points = [(radius, 0.0), (top, height)]
    if kind == 2:
        points = [(radius, 0.0), (radius * 0.6, height * 0.35), (top, height)]
    outer = curve([(r, -y) for r, y in points[::-1]], 3 if kind == 2 else 1)
    return hollow(outer, 0.045, 0.045, kit.pick(kit.sides, kit.sides, 4)).scale(1, -1, 1)


def shaded_lamp(kit: Kit) -> None:
    """Floor and table lamps."""
    kind, metal = kit.whole(0, 1), kit.pick(kit.metal, kit.black, kit.wood)()
    shade = kit.pick(kit.cloth, kit.white, kit.accent)()
    height, r = (kit.u(1.2, 1.8), kit.u(0.22, 0.36)) if kind == 0 else (kit.u(0.4, 0.7), kit.u(0.25, 0.4))
    if kind == 0 or kit.chance(0.4):
        pedestal(kit, height, r * kit.u(0.6, 0.9), metal)
    else:
        profile = [(r * 0.6, 0), (r * kit.u(0.3, 0.8), height * 0.4), (0.05, height * 0.85), (0.04, height)]
        outline = curve(profile, 4)
        kit.add(kit.lathe(outline), kit.pick(kit.ceramic(), metal))
    tall = kit.u(0.25, 0.45)
    kit.add(lamp_shade(kit, r, tall).up(height - tall * 0.55), shade)
    kit.add(rod((0, height - 0.1), (0, height + tall * 0.5), 0.03), metal)


def desk_lamp(kit: Kit) -> None:
    """Articulated desk lamp."""
    metal, r = kit.pick(kit.metal, kit.black, kit.wood)(), kit.u(0.2, 0.3)
    kit.add(kit.disc(r, 0.07, 0.02), metal)
    elbow = np.array([-kit.u(0.1, 0.35), kit.u(0.45, 0.7), 0.0])
    head = elbow + np.array([kit.u(0.4, 0.7), kit.u(0.1, 0.4), 0.0])
    kit.add(rod((0, 0.05, 0), elbow, 0.035, 8), metal)
    kit.add(rod(elbow, head, 0.035, 8), metal)
    kit.add(globe(0.06).move(*elbow), metal)
    outline = [(0.08, 0), (0.12, 0.12), (0.26, 0.34)]
    kit.add(kit.hollow(outline, 0.04, 0.05).turn("z", 180 + kit.u(10, 50)).move(*head).up(0.08), kit.accent())


def hanging_lamp(kit: Kit) -> None:
    """Pendant or chandelier."""
    metal = kit.pick(kit.metal, kit.black, kit.wood)()
    shade = kit.pick(kit.cloth, kit.white, kit.accent)()
    kit.add(rod((0, 0.3), (0, 1.1), 0.03), metal)
    kit.add(kit.frustum(0.18, 0.08, 0.08).up(1.05), metal)
    if kit.chance(0.6):
        kit.add(lamp_shade(kit, kit.u(0.35, 0.6), kit.u(0.25, 0.5)), shade)
    else:
        arm = tube(curve([(0, 0.3), (0.3, 0.15), (0.5, 0.3)]), 0.035)
        count = kit.whole(3, 6)
        kit.around(arm, metal, count)
        kit.around(ellipsoid(0.1, 0.13, 0.1, 8).move(0.5, 0.4), shade, count)


def street_lamp(kit: Kit) -> None:
    """Street lamp, one or two arms."""
    metal = kit.pick(kit.metal, kit.black, kit.wood)()
    height, reach = kit.u(2.0, 3.0), kit.u(0.4, 0.8)
    kit.add(lathe([(0.16, 0), (0.14, 0.2), (0.07, 0.25), (0.05, height)], kit.sides_for(0.7)), metal)
    if kit.chance(0.5):
        path = [(0, height - 0.02), (reach * 0.5, height + 0.15), (reach, height + 0.05)]
        kit.around(tube(curve(path), 0.04), metal, kit.pick(1, 2))
        part = superellipsoid(0.2, 0.07, 0.1, 0.6, 10).move(reach, height)
        kit.around(part, kit.colour(0.95, 0.9, 0.6), 2 if len(kit.parts) > 2 else 1)
    else:
        kit.add(tapered_box((0.2, 0.2), (0.36, 0.36), 0.4).up(height), kit.colour(0.95, 0.85, 0.5))
        kit.add(lathe([(0.3, 0), (0.0, 0.25)], 4).up(height + 0.4), metal)


def door(kit: Kit) -> None:
    """Doors and windows in frames, gates, arches and garage doors."""
    width, height, t = kit.u(0.8, 1.5), kit.u(1.2, 2.1), kit.u(0.08, 0.16)
    frame, leaf, arched = kit.wood(), kit.pick(kit.wood, kit.paint)(), kit.chance(0.3)
    outline = rectangle(width, height) + np.array([0, height / 2])
    if arched:
        r = width / 2
        outline = np.array([*arch(r, r * kit.u(0.5, 1.0), 11, height), (-r, 0.0), (r, 0.0)])
    kit.add(extrude(outline, t * 0.6), leaf)
    grown = (outline - [0, height / 2]) * [1 + 2 * t / width, 1 + 2 * t / height] + [0, height / 2]
    ring = np.concatenate([grown[-1:] * [1, 0], grown[:-2], grown[-2:-1] * [1, 0]]) if arched else None
    if ring is None:
        kit.pair(box(t, height + t, t * 1.6).move(width / 2 + t / 2, (height + t) / 2), frame)
        kit.box(frame, (width + 2 * t, t, t * 1.6), (0, height, 0))
    else:
        path = np.concatenate([[[outline[-1, 0], 0.0]], outline[:-2], [[outline[-2, 0], 0.0]]])
        kit.add(tube(np.concatenate([path, np.zeros((len(path), 1))], 1), t * 0.7, 4), frame)
    kind = kit.whole(0, 3)
    if kind == 0:  # panels
        for y in (0.08, 0.55):
            for x in (-0.22, 0.22):
                kit.box(leaf, (width * 0.34, height * 0.36, t), (x * width, y * height, 0))
    elif kind == 1:  # planks and iron bands
        for y in (0.15, 0.7):
            kit.box(kit.metal(), (width * 0.9, 0.08, t), (0, y * height, 0))
    elif kind == 2:  # panes with bars
        kit.box(kit.window(), (width * 0.8, height * kit.u(0.4, 0.9), t * 0.8), (0, height * 0.08, 0))
        kit.box(frame, (0.05, height * 0.95, t), (0, 0.02, 0))
        for y in (0.35, 0.65):
            kit.box(frame, (width * 0.9, 0.05, t), (0, y * height, 0))
    kit.add(globe(0.05).move(width * 0.4, height * 0.47, t * 0.55), kit.metal())
    if kit.chance(0.3):
        kit.box(kit.stone(), (width * 1.5, 0.12, t * 6), (0, -0.12, t * 1.5))


def clock(kit: Kit) -> None:
    """Wall, alarm, mantel and grandfather clocks, and pocket watches."""
    kind, body, face = kit.whole(0, 3), kit.pick(kit.wood, kit.metal, kit.plastic)(), kit.white()
    r, t = 0.5, kit.u(0.1, 0.3)
    dial = kit.disc(r * 0.88, t + 0.04).turn("x", 90).move(z=-(t + 0.04) / 2)
    hands = [box(0.04, r * k, t + 0.1).up(r * k / 2).turn("z", kit.u(0, 360)) for k in (0.45, 0.7)]
    level = 0.0
    if kind == 0:
        kit.add(kit.disc(r, t, 0.03).turn("x", 90).move(z=-t / 2), body)
    elif kind == 1:
        kit.add(kit.disc(r, t, 0.03).turn("x", 90).move(z=-t / 2), body)
        kit.pair(rod((0, 0), (0.38, -0.58), 0.06), body)
        kit.pair(dome(0.22, 0.16, 10).turn("z", -35).move(0.3, 0.45), kit.metal())
        kit.add(tube(curve([(-0.15, 0.5), (0, 0.72), (0.15, 0.5)]), 0.03), body)
    elif kind == 2:
        kit.add(extrude([*arch(0.62, 0.55, 11, 0.1), (-0.62, -0.6), (0.62, -0.6)], t), body)
        kit.box(body, (1.5, 0.12, t * 1.3), (0, -0.7, 0))
    else:
        tall = kit.u(1.6, 2.6)
        kit.box(body, (1.2, 1.2, max(t, 0.5)), (0, -0.6, 0))
        kit.box(body, (0.8, tall, max(t, 0.5) * 0.8), (0, -0.6 - tall, 0))
        kit.box(body, (1.2, 0.35, max(t, 0.5)), (0, -0.7 - tall, 0))
        kit.add(extrude([(-0.6, 0), (0.6, 0), (0, 0.3)], max(t, 0.5)).up(0.6), body)
        kit.box(kit.window(), (0.5, tall * 0.75, max(t, 0.5) * 0.84), (0, -0.65 - tall * 0.9, 0))
        level = max(t, 0.5) / 2 - t / 2
    kit.add(dial.move(z=level), face)
    for hand in hands:
        kit.add(hand.move(z=level), kit.black())


def fridge(kit: Kit) -> None:
    """Fridge."""
    body, bright = kit.pick(kit.white, kit.metal, kit.paint)(), kit.metal()
    kit.soft = min(kit.soft, 0.12)
    w, h, d, split = kit.u(0.7, 1.0), kit.u(1.2, 1.9), kit.u(0.65, 0.8), kit.u(0.3, 0.7)
    kit.box(body, (w, h, d))
    for low, high in ((0.02, split - 0.01), (split + 0.01, 0.98)):
        kit.box(body, (w * 0.97, h * (high - low), 0.08), (0, h * low, d / 2))
        kit.box(
            bright,
            (0.05, h * (high - low) * 0.5, 0.06),
            (w * 0.38, h * (low + (high - low) * 0.25), d / 2 + 0.06),
        )


def stove(kit: Kit) -> None:
    """Stove."""
    body, dark, bright = kit.pick(kit.white, kit.metal, kit.paint)(), kit.black(), kit.metal()
    kit.soft = min(kit.soft, 0.12)
    w, h, d = kit.u(0.8, 1.1), kit.u(0.8, 1.0), kit.u(0.7, 0.85)
    kit.box(body, (w, h, d))
    kit.box(dark, (w * 0.75, h * 0.45, 0.06), (0, h * 0.15, d / 2))
    kit.add(rod((-w * 0.35, h * 0.68, d / 2 + 0.06), (w * 0.35, h * 0.68, d / 2 + 0.06), 0.03), bright)
    kit.four(torus(0.12, 0.03, 12).move(w * 0.24, h + 0.01, d * 0.22), dark)
    for x in np.linspace(-0.36, 0.36, 5) * w:
        kit.add(disc(0.045, 0.07, 8).turn("x", 90).move(x, h * 0.85, d / 2), bright)
    if kit.chance(0.5):
        kit.box(body, (w, 0.25, 0.08), (0, h, -d / 2 + 0.04))


def washing_machine(kit: Kit) -> None:
    """Washing machine or dryer."""
    body, dark, bright = kit.pick(kit.white, kit.metal, kit.paint)(), kit.black(), kit.metal()
    kit.soft = min(kit.soft, 0.12)
    w, h, d = kit.u(0.75, 0.95), kit.u(0.85, 1.1), kit.u(0.7, 0.85)
    kit.box(body, (w, h, d))
    r = w * kit.u(0.28, 0.38)
    kit.add(torus(r, 0.05, kit.sides).turn("x", 90).move(0, h * 0.43, d / 2 + 0.01), bright)
    kit.add(ellipsoid(r, r, 0.08, kit.sides).move(0, h * 0.43, d / 2), kit.window())
    kit.box(dark, (w * 0.3, h * 0.09, 0.05), (w * 0.2, h * 0.83, d / 2))
    kit.add(disc(0.07, 0.06, 10).turn("x", 90).move(-w * 0.25, h * 0.88, d / 2), bright)


def microwave(kit: Kit) -> None:
    """Microwave or radio."""
    body, dark, bright = kit.pick(kit.white, kit.metal, kit.paint)(), kit.black(), kit.metal()
    kit.soft = min(kit.soft, 0.12)
    w, h, d = kit.u(0.9, 1.3), kit.u(0.5, 0.75), kit.u(0.5, 0.8)
    kit.box(body, (w, h, d))
    kit.box(dark, (w * 0.62, h * 0.75, 0.05), (-w * 0.13, h * 0.12, d / 2))
    kit.box(bright, (0.05, h * 0.7, 0.08), (w * 0.22, h * 0.15, d / 2 + 0.02))
    for y in np.linspace(0.2, 0.7, kit.whole(2, 4)):
        kit.add(disc(0.05, 0.06, 10).turn("x", 90).move(w * 0.37, h * y, d / 2), bright)
    kit.four(frustum(0.04, 0.05, 0.05, 8).move(w * 0.42, -0.05, d * 0.4), dark)


def toaster(kit: Kit) -> None:
    """Toaster."""
    body, dark = kit.pick(kit.white, kit.metal, kit.paint)(), kit.black()
    kit.soft = min(kit.soft, 0.12)
    w, h, d = kit.u(0.9, 1.1), kit.u(0.6, 0.75), kit.u(0.45, 0.6)
    outline = rectangle(w, h, 0.25 * h, 3)
    kit.add(extrude(outline, d).up(h / 2), body)
    for z in (-0.18, 0.18):
        kit.box(dark, (w * 0.7, 0.03, d * 0.14), (0, h - 0.01, z * d))
        if kit.chance(0.4):
            kit.add(box(w * 0.5, 0.3, d * 0.12, 0.04).move(0, h + 0.08, z * d), kit.colour(0.8, 0.55, 0.25))
    kit.box(dark, (0.1, 0.06, 0.14), (w / 2, h * 0.6, 0))


def toilet(kit: Kit) -> None:
    """Toilet."""
    body, seat = kit.pick(kit.white, kit.ceramic)(), kit.u(0.38, 0.48)
    oval = kit.hollow([(0.16, 0), (0.18, seat * 0.4), (0.3, seat * 0.85), (0.33, seat)], 0.06, seat * 0.6)
    kit.add(oval.scale(1, 1, 1.25).move(z=0.15), body)
    lid = kit.disc(0.34, 0.05, 0.01).scale(1, 1, 1.25)
    if kit.chance(0.5):
        kit.add(lid.move(0, seat, 0.15), body)
    else:
        kit.add(lid.move(z=0.42).turn("x", -80).move(0, seat, -0.24), body)
        part = torus(0.29, 0.045, kit.sides).scale(1, 0.8, 1.25).move(0, seat, 0.15)
        kit.add(part, kit.pick(body, kit.wood()))
    kit.add(box(0.62, kit.u(0.4, 0.5), 0.24, 0.05, 2).move(0, seat + 0.17, -0.36), body)
    kit.add(box(0.3, seat, 0.4, 0.05).move(0, seat / 2, -0.18), body)


def basin(kit: Kit) -> None:
    """Basin on a pedestal or cabinet."""
    body, metal, h = kit.pick(kit.white, kit.ceramic)(), kit.metal(), kit.u(0.7, 0.9)
    basin = hollow([(0.22, 0), (0.4, 0.12), (0.5, 0.28)], 0.06, 0.06, kit.pick(kit.sides, 4))
    kit.add(basin.scale(1, 1, 0.8).up(h), body)
    if kit.chance(0.5):
        kit.add(kit.lathe([(0.22, 0), (0.12, 0.15), (0.12, h * 0.8), (0.2, h + 0.02)]), body)
    else:
        drawers(kit, (0.9, h + 0.04, 0.65), (0, 0, 0), kit.wood(), kit.wood(), 2)
    path = curve([(0, h + 0.25, -0.36), (0, h + 0.5, -0.34), (0, h + 0.5, -0.15), (0, h + 0.42, -0.1)], 4)
    kit.add(tube(path, 0.035, 8, up=(1, 0, 0)), metal)
    kit.pair(frustum(0.035, 0.05, 0.1, 8).move(0.15, h + 0.25, -0.35), metal)


def bathtub(kit: Kit) -> None:
    """Bathtub."""
    body, metal = kit.pick(kit.white, kit.ceramic)(), kit.metal()
    long, wide, h = kit.u(1.6, 1.9), kit.u(0.75, 0.9), kit.u(0.5, 0.65)
    steps, lift = 4, kit.u(0.0, 0.14)
    shapes = [(0.8, 0.0), (0.92, h * 0.5), (1.0, h), (0.88, h), (0.8, h * 0.5), (0.7, 0.12)]
    outlines = [rectangle(wide * s, long * s, wide * 0.45 * s, steps) for s, _ in shapes]
    kit.add(stack(outlines, [y + lift for _, y in shapes]), body)
    if kit.chance(0.6):
        part = stack([outlines[4], outlines[4]], [h * 0.5 + lift - 0.05, h * 0.6 + lift])
        kit.add(part, kit.colour(0.6, 0.85, 0.95))
    if lift > 0.05:
        kit.four(ellipsoid(0.08, lift, 0.08, 8).move(wide * 0.3, lift * 0.9, long * 0.3), metal)
    path = [(0, h + lift - 0.05, -long * 0.47), (0, h + 0.35, -long * 0.46), (0, h + 0.3, -long * 0.36)]
    kit.add(tube(curve(path), 0.04, 8, up=(1, 0, 0)), metal)


def fireplace(kit: Kit) -> None:
    """A fireplace with logs burning."""
    w, h, d, stone = kit.u(1.2, 1.8), kit.u(0.9, 1.3), kit.u(0.4, 0.6), kit.pick(kit.brick, kit.stone)()
    side = w * kit.u(0.15, 0.25)
    kit.pair(kit.block((side, h, d), (w / 2 - side / 2, 0, 0)), stone)
    kit.box(stone, (w, h * 0.3, d), (0, h * 0.7, 0))
    kit.box(stone, (w, h, d * 0.3), (0, 0, -d * 0.35))
    kit.box(kit.pick(stone, kit.wood()), (w * 1.12, 0.1, d * 1.2), (0, h, 0.02))
    if kit.chance(0.6):
        part = tapered_box((w * 0.6, d * 0.7), (w * 0.35, d * 0.6), kit.u(0.6, 1.2))
        kit.add(part.move(0, h + 0.08, -d * 0.1), stone)
    for i in range(3):
        kit.add(
            limb(
                (-w * 0.18, 0.08 + 0.08 * (i == 2), (i - 1) * 0.1),
                (w * 0.18, 0.08 + 0.08 * (i == 2), (i - 1) * 0.1),
                0.05,
                sides=6,
            ),
            kit.bark(),
        )
    kit.add(ellipsoid(0.16, 0.26, 0.12, 7).up(0.32), kit.colour(0.98, 0.55, 0.1))


def iron_stove(kit: Kit) -> None:
    """An iron stove with its pipe."""
    iron, h = kit.black(), kit.u(0.7, 1.0)
    kit.box(iron, (0.7, h, 0.6), (0, 0.12, 0))
    kit.box(kit.colour(0.95, 0.5, 0.15), (0.4, h * 0.35, 0.05), (0, 0.3, 0.3))
    kit.four(frustum(0.04, 0.07, 0.14, 8).move(0.28, 0, 0.22), iron)
    kit.add(disc(0.12, kit.u(0.8, 1.5), kit.sides_for(0.7)).move(0, h + 0.1, -0.1), iron)
    kit.box(iron, (0.8, 0.06, 0.7), (0, h + 0.1, 0))


def radiator(kit: Kit) -> None:
    """A radiator."""
    count, h, body = kit.whole(6, 12), kit.u(0.6, 1.0), kit.white()
    for i in range(count):
        kit.add(box(0.09, h, 0.2, 0.04, 2).move((i - (count - 1) / 2) * 0.12, h / 2 + 0.08), body)
    for y in (0.16, h):
        kit.add(rod((-count * 0.06, y), (count * 0.06, y), 0.04), body)
    kit.pair(box(0.06, 0.12, 0.2).move((count - 2) * 0.06, 0.05), body)


FAMILIES: tuple[Choice, ...] = (
    (shaded_lamp, shaded_lamp, desk_lamp, hanging_lamp, street_lamp),
    door,
    clock,
    (fridge, stove, washing_machine, microwave, toaster),
    (toilet, basin, bathtub),
    (fireplace, iron_stove, radiator),
)
