"""Books, gems, coins, symbols and other small treasures."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid
from maquette.train.procedural.boxes import box, extrude
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import circle, columns, curve
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, frustum, lathe, torus


def books(kit: Kit) -> None:
    """Closed books, one or a stack."""
    paper, count, y = kit.colour(0.95, 0.92, 0.84), kit.pick(1, 1, 3, 5), 0.0
    for _ in range(count):
        w, d, t, cover = kit.u(0.6, 0.8), kit.u(0.85, 1.1), kit.u(0.1, 0.28), kit.plastic()
        mark = kit.mark()
        kit.add(box(w * 0.94, t * 0.9, d * 0.94).move(-w * 0.01, t / 2), paper)
        for level in (0.06, 0.94):
            kit.add(box(w, t * 0.12, d).up(t * level), cover)
        kit.add(box(t * 0.12, t, d).move(-w / 2, t / 2), cover)
        spin, level = (kit.u(-20, 20) if count > 1 else 0.0), y
        kit.reshape(lambda p, spin=spin, level=level: p.turn("y", spin).up(level), mark)  # type: ignore[misc]
        y += t
    if count == 1 and kit.chance(0.6):
        kit.reshape(lambda p: p.turn("x", 90))


def open_book(kit: Kit) -> None:
    """Open book."""
    paper = kit.colour(0.95, 0.92, 0.84)
    x = np.linspace(0, 0.75, 7)
    rise = 0.16 * np.sin(np.pi * (x / 0.75) ** 0.6)
    right = columns(x, 0.05 + rise)
    page = np.concatenate([right, [[0.75, 0.0], [0.0, 0.0]]])
    kit.pair(extrude(page, 1.0), paper)
    kit.pair(box(0.8, 0.05, 1.06).move(0.4, -0.02), kit.plastic())
    lean = kit.pick(0.0, 55.0)
    kit.reshape(lambda p: p.turn("x", lean))


def scroll(kit: Kit) -> None:
    """Scroll or rolled map."""
    paper = kit.colour(0.95, 0.92, 0.84)
    kit.pair(rod((0, 0, -0.5), (0, 0, 0.5), 0.12, kit.sides_for(0.7)).move(0.45, 0.05), paper)
    kit.add(box(0.9, 0.04, 0.96), paper)
    kit.pair(rod((0.45, 0.05, -0.65), (0.45, 0.05, 0.65), 0.05, 8), kit.wood())
    kit.reshape(lambda p: p.turn("z", 90).turn("y", 90))


def framed_picture(kit: Kit) -> None:
    """Framed picture on a stand or a letter."""
    w, h, frame = kit.u(0.7, 1.3), kit.u(0.6, 1.1), kit.pick(kit.wood, kit.metal)()
    t = kit.u(0.06, 0.14)
    kit.pair(box(t, h + 2 * t, 0.1, 0.01).move(w / 2 + t / 2), frame)
    kit.pair(box(w, t, 0.1, 0.01).up(h / 2 + t / 2), frame, "y")
    kit.add(box(w * 1.05, h * 1.05, 0.04), kit.accent())
    kit.add(ball(min(w, h) * 0.2, 2).scale(1, 1, 0.25).move(w * 0.1, 0.02, 0.02), kit.plastic())
    kit.reshape(lambda p: p.turn("x", -12))
    if kit.chance(0.5):
        kit.add(box(0.2, h * 0.8, 0.04).turn("x", 20).move(0, -h * 0.15, -0.18), frame)


def dice(kit: Kit) -> None:
    """Dice, toy blocks, a Rubik-like cube."""
    count = kit.pick(1, 1, 3)
    for i in range(count):
        mark, body, dot = kit.mark(), kit.plastic(), kit.white()
        kit.add(box(0.7, 0.7, 0.7, 0.08, 2), body)
        for axis, turn, n in (
            ("x", 0, 1),
            ("x", -90, 2),
            ("y", 90, 3),
            ("y", -90, 4),
            ("y", 180, 6),
            ("x", 90, 5),
        ):
            spots = [(0, 0), (-0.2, 0.2), (0.2, -0.2), (0.2, 0.2), (-0.2, -0.2), (0.0, 0.2)]
            for px, py in spots[1 - n % 2 : 1 - n % 2 + n]:
                kit.add(ellipsoid(0.07, 0.07, 0.03, 6).move(px, py, 0.35).turn(axis, turn), dot)
        x, y, spin = [(0.0, 0.0, 0.0), (0.8, 0.0, 25.0), (0.35, 0.72, -15.0)][i]
        kit.reshape(lambda p, x=x, y=y, spin=spin: p.turn("y", spin).move(x, y), mark)  # type: ignore[misc]


def gem(kit: Kit) -> None:
    """Cut gem."""
    bright, sides = kit.pick(kit.plastic, kit.metal, kit.glass)(), kit.whole(4, 10)
    kit.add(lathe([(0.0, 0), (0.5, kit.u(0.35, 0.6)), (0.32, kit.u(0.65, 0.85))], sides), bright)


def symbol(kit: Kit) -> None:
    """Star, heart, arrow or cross, extruded."""
    bright, t = kit.pick(kit.plastic, kit.metal, kit.glass)(), kit.u(0.15, 0.35)
    which = kit.whole(0, 4)
    if which == 0:
        n, inner = kit.whole(4, 8), kit.u(0.4, 0.65)
        ring = circle(2 * n, n / 2) * np.where(np.arange(2 * n) % 2 == 0, 1.0, inner)[:, None] * 0.6
        outline = ring
    elif which == 1:
        s = np.linspace(0, 2 * np.pi, 25)[:-1]
        outline = (
            columns(
                16 * np.sin(s) ** 3, 13 * np.cos(s) - 5 * np.cos(2 * s) - 2 * np.cos(3 * s) - np.cos(4 * s)
            )
            / 26
        )
    elif which == 2:
        outline = np.array(
            [(-0.18, -0.6), (0.18, -0.6), (0.18, 0.05), (0.5, 0.05), (0, 0.6), (-0.5, 0.05), (-0.18, 0.05)]
        )
    elif which == 3:
        profile = [(-0.18, -0.6), (0.18, -0.6), (0.18, -0.18), (0.6, -0.18), (0.6, 0.18), (0.18, 0.18)]
        profile += [(0.18, 0.6), (-0.18, 0.6), (-0.18, 0.18), (-0.6, 0.18), (-0.6, -0.18), (-0.18, -0.18)]
        outline = np.array(profile)
    else:  # crescent
        s = np.linspace(0.75, 2 * np.pi - 0.75, 17)
        outer = columns(np.cos(s), np.sin(s)) * 0.6
        s2 = np.linspace(2 * np.pi - 1.02, 1.02, 13)
        outline = np.concatenate([outer, columns(0.18 + 0.48 * np.cos(s2), 0.48 * np.sin(s2))])
    kit.add(extrude(outline, t, 0.0 if which == 4 else min(0.04, t * 0.2)), bright)


def coins(kit: Kit) -> None:
    """Coins, medals."""
    metal = kit.metal()
    for i in range(kit.pick(1, 1, 4, 7)):
        part = kit.disc(0.5, 0.11, 0.02)
        kit.add(part.move(kit.u(-0.05, 0.05) * (i > 0), 0.11 * i, kit.u(-0.05, 0.05) * (i > 0)), metal)
        kit.add(torus(0.43, 0.04, kit.sides, 5).up(0.11 * i + 0.1), metal)
    if len(kit.parts) == 2:
        kit.add(disc(0.2, 0.14, 5), kit.accent())
        kit.reshape(lambda p: p.turn("x", 90))


def gear(kit: Kit) -> None:
    """Gear or saw blade."""
    metal = kit.metal()
    n, r, depth, t = kit.whole(8, 14), 0.5, kit.u(0.1, 0.18), kit.u(0.12, 0.3)
    steps = np.arange(4 * n)
    reach = np.where((steps % 4) < 2, r + depth, r)
    ring = circle(4 * n) * reach[:, None]
    kit.add(extrude(ring, t), metal)
    kit.add(kit.disc(r * 0.35, t * 1.5).turn("x", 90).move(z=-t * 0.75), kit.metal())
    if kit.chance(0.5):
        tilt = kit.u(0, 90)
        kit.reshape(lambda p: p.turn("x", -tilt))


def lantern(kit: Kit) -> None:
    """Lantern."""
    metal, r, h = kit.metal(), kit.u(0.25, 0.35), kit.u(0.45, 0.7)
    sides = kit.pick(4, 6, kit.sides)
    kit.add(lathe([(r * 1.25, 0), (r * 1.25, 0.1), (r, 0.12)], sides), metal)
    kit.add(lathe([(r * 0.85, 0.1), (r * 0.85, h)], sides), kit.colour(1, 0.85, 0.45))
    kit.around(box(0.05, h, 0.05).move(r * 0.95, h / 2 + 0.05), metal, 4, 45)
    kit.add(lathe([(r * 1.3, 0), (r * 1.3, 0.05), (0.06, 0.3)], sides).up(h), metal)
    kit.add(torus(0.14, 0.03, 14).turn("x", 90).up(h + 0.42), metal)


def globe(kit: Kit) -> None:
    """Globe or crystal ball or snow globe on a stand."""
    metal = kit.metal()
    part = ball(0.45, 3 if kit.sides > 12 else 2).up(0.8)
    kit.add(part, kit.colour(0.3, 0.5, 0.85) if kit.chance(0.5) else kit.glass())
    kit.add(kit.lathe([(0.35, 0), (0.35, 0.08), (0.1, 0.14), (0.08, 0.3), (0.2, 0.42)]), kit.wood())
    if kit.chance(0.6):
        kit.add(torus(0.5, 0.035, 24).turn("x", 90).turn("y", 20).up(0.8), metal)
    else:
        for _ in range(5):
            d = kit.rng.normal(size=3)
            d = d / np.linalg.norm(d) * 0.4 + np.array([0, 0.8, 0])
            kit.add(ball(kit.u(0.1, 0.2)).move(*d), kit.leaf())


def nautical(kit: Kit) -> None:
    """Anchor or wheel of a ship."""
    metal = kit.metal()
    if kit.chance(0.5):
        kit.add(rod((0, 0), (0, 1.2), 0.07, 8), metal)
        kit.add(torus(0.14, 0.045, 14).turn("x", 90).up(1.3), metal)
        kit.add(rod((-0.35, 1.0), (0.35, 1.0), 0.05, 8), metal)
        s = np.linspace(np.pi + 0.3, 2 * np.pi - 0.3, 11)
        kit.add(tube(columns(0.6 * np.cos(s), 0.55 + 0.6 * np.sin(s)), 0.065, 8), metal)
        kit.pair(extrude([(-0.12, -0.1), (0.14, -0.05), (0.02, 0.2)], 0.09).move(0.56, 0.38), metal)
    else:
        wood, count = kit.wood(), kit.whole(6, 8)
        kit.add(torus(0.5, 0.06, 24).turn("x", 90), wood)
        kit.add(disc(0.13, 0.2, 12).turn("x", 90).move(z=-0.1), metal)
        for i in range(count):
            kit.add(limb((0, 0), (0, 0.75), 0.04, 0.05, 7).turn("z", 360 * i / count), wood)


def bomb(kit: Kit) -> None:
    """Bomb, mine, grenade."""
    metal = kit.metal()
    kit.add(ball(0.5, 2 if kit.sides < 12 else 3), kit.black())
    if kit.chance(0.6):
        kit.add(disc(0.14, 0.14, 10).up(0.46), metal)
        kit.add(tube(curve([(0, 0.55), (0.05, 0.72), (0.2, 0.8)]), 0.035), kit.wood())
        kit.add(lathe([(0, -0.1), (0.1, 0), (0, 0.12)], 6).move(0.22, 0.83), kit.colour(1, 0.7, 0.15))
    else:
        for a in range(0, 360, 60):
            kit.add(frustum(0.07, 0.03, 0.18, 6).up(0.47).turn("z", a), metal)
            kit.add(frustum(0.07, 0.03, 0.18, 6).up(0.47).turn("x", a), metal)


def flask(kit: Kit) -> None:
    """Hour glass or potion flask."""
    bright = kit.pick(kit.plastic, kit.metal, kit.glass)()
    if kit.chance(0.5):
        part = kit.lathe(curve([(0.3, 0.08), (0.32, 0.25), (0.05, 0.6), (0.32, 0.95), (0.3, 1.12)], 4))
        kit.add(part, kit.glass())
        for y in (0.0, 1.1):
            kit.add(kit.disc(0.42, 0.1).up(y), kit.wood())
        kit.around(rod((0.36, 0.05), (0.36, 1.12), 0.035), kit.wood(), kit.whole(3, 4), 45)
    else:
        kit.add(kit.lathe(curve([(0.25, 0), (0.45, 0.25), (0.3, 0.6), (0.12, 0.75), (0.12, 1.0)], 4)), bright)
        kit.add(torus(0.13, 0.04, 12).up(0.98), kit.glass())
        kit.add(frustum(0.1, 0.12, 0.18, 8).up(0.97), kit.bark())


def letter(kit: Kit) -> None:
    """Block letters and numbers, made of bars."""
    bright = kit.pick(kit.plastic, kit.metal, kit.glass)()
    t = kit.u(0.15, 0.3)
    segments = {
        (-0.3, 0.6, 0.3, 0.6),
        (0.3, 0.6, 0.3, 0.0),
        (0.3, 0.0, 0.3, -0.6),
        (-0.3, -0.6, 0.3, -0.6),
        (-0.3, 0.0, -0.3, -0.6),
        (-0.3, 0.6, -0.3, 0.0),
        (-0.3, 0.0, 0.3, 0.0),
        (-0.3, 0.6, 0.3, -0.6),
        (0.0, 0.6, 0.0, -0.6),
    }
    ordered = sorted(segments)
    for i in kit.rng.choice(len(ordered), size=kit.whole(3, 6), replace=False):
        x0, y0, x1, y1 = ordered[int(i)]
        kit.add(rod((x0, y0), (x1, y1), 0.14, 4).scale(1, 1, t / 0.14), bright)


FAMILIES: tuple[Choice, ...] = (
    (books, books, open_book, scroll, framed_picture, dice),
    (gem, symbol, coins, gear, lantern, globe, nautical, bomb, flask, letter),
)
