"""Flowers, mushrooms, rocks and wood."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid, lumpy, superellipsoid
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.nature import _branches, leaf_arc
from maquette.train.procedural.part import Part, columns, curve, loft, polar
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, dome, frustum, hollow, lathe, torus


def flower(kit: Kit) -> None:
    """Single flowers, tulips, sunflowers, bunches and water lilies."""
    h, stem, count = kit.u(0.8, 1.6), kit.leaf(), kit.pick(1, 1, 1, 3)
    petal, heart = kit.accent(), kit.colour(0.95, 0.8, 0.2)
    for i in range(count):
        a = 2.1 * i
        lean = 0.0 if count == 1 else 0.4
        top = np.array([lean * np.cos(a), h * (1 - 0.15 * i), lean * np.sin(a)])
        path = curve([(0, 0, 0), tuple(top * [0.3, 0.5, 0.3]), tuple(top)])
        kit.add(tube(path, 0.04), stem)
        kind, r = kit.whole(0, 2), kit.u(0.25, 0.45)
        if kind == 0:  # daisy, facing up and forwards
            mark, petals = kit.mark(), kit.whole(5, 12)
            part = ellipsoid(r * 0.55, 0.04, min(0.9 * np.pi * r / petals, 0.2), 8).move(r * 0.75)
            kit.around(part, petal, petals)
            kit.add(ellipsoid(r * 0.4, 0.09, r * 0.4, 10), heart)
            tilt = kit.u(20, 80)
            kit.reshape(lambda p, tilt=tilt, top=top: p.turn("x", tilt).move(*top), mark)  # type: ignore[misc]
        elif kind == 1:  # tulip
            outline = curve([(0.05, 0), (r * 0.6, r * 0.4), (r * 0.45, r * 1.2)])
            kit.add(hollow(outline, 0.04, 0.05, kit.pick(5, 6, 8)).move(*top), petal)
            kit.around(limb((r * 0.5, r * 0.6), (r * 0.4, r * 1.35), r * 0.22, 0.03, 6).move(*top), petal, 1)
        else:  # bell or ball
            kit.add(lumpy(r * 0.7, kit.rng, 2, 0.25).move(*top), petal)
    for i in range(kit.whole(1, 4)):
        part = leaf_arc(kit.u(0.3, 0.6), kit.u(0.2, 0.5), kit.u(0, 0.2), kit.u(0.07, 0.13))
        kit.add(part.turn("y", 137.5 * i + 40).up(h * kit.u(0.0, 0.35)), stem)
    if kit.chance(0.3):
        kit.add(kit.hollow([(0.25, 0), (0.36, 0.5)], 0.06, 0.08).up(-0.45), kit.brick())
        kit.add(kit.disc(0.3, 0.1).up(-0.08), kit.bark())


def mushroom(kit: Kit) -> None:
    """Mushrooms with round, flat, conical and bell caps, alone or in groups, spotted or plain."""
    cap, stem, spots = (
        kit.accent() if kit.chance(0.4) else kit.colour(0.8, 0.2, 0.12),
        kit.colour(0.93, 0.88, 0.78),
        kit.white(),
    )
    count, kind = kit.pick(1, 1, 2, 3), kit.whole(0, 3)
    for i in range(count):
        s = 1.0 if i == 0 else kit.u(0.4, 0.75)
        mark = kit.mark()
        h, r, t = kit.u(0.5, 1.0), kit.u(0.4, 0.65), kit.u(0.12, 0.22)
        kit.add(lathe(curve([(t * 1.3, 0), (t * 0.8, h * 0.5), (t, h)]), kit.sides_for(0.7)), stem)
        rise = r * kit.u(0.5, 1.0)
        shapes = [
            [
                (r * 0.3, 0.02),
                (r * 0.95, -0.05),
                (r, 0.05),
                (r * 0.75, rise * 0.65),
                (r * 0.35, rise * 0.95),
                (0.02, rise),
            ],
            [(r * 0.2, 0.05), (r, 0.0), (r * 0.8, rise * 0.3), (0.02, rise * 0.4)],
            [(r * 0.2, 0.05), (r, -0.06), (r * 0.4, rise * 0.8), (0.02, rise * 1.3)],
            [(r * 0.4, -0.1), (r * 0.75, -0.25), (r * 0.8, -0.1), (r * 0.6, rise * 0.6), (0.02, rise * 0.9)],
        ]
        outline = np.array(shapes[kind])
        kit.add(kit.lathe(outline).up(h), cap)
        if kit.chance(0.5):
            for _ in range(kit.whole(4, 9)):
                y = kit.u(0.15, 0.9) * float(outline[-1, 1])
                edge = float(np.interp(y, outline[2:, 1], outline[2:, 0])) if kind == 0 else 0.0
                if edge > 0:
                    a = kit.u(0, 2 * np.pi)
                    kit.add(ball(kit.u(0.05, 0.09)).scale(1, 0.7, 1).move(*polar(edge, a, h + y)), spots)
        if kit.chance(0.3):
            kit.add(frustum(t * 2.0, t, 0.12, kit.sides_for(0.7)).up(h * 0.65), stem)
        x, z, lean = (
            (0.0, 0.0, 0.0)
            if i == 0
            else (kit.pick(-1, 1) * kit.u(0.4, 0.7), kit.u(-0.3, 0.4), kit.u(-20, 20))
        )
        kit.reshape(lambda p, s=s, x=x, z=z, lean=lean: p.scale(s).turn("z", lean).move(x, 0, z), mark)  # type: ignore[misc]


def rock(kit: Kit) -> None:
    """Boulders, pebbles, cliffs, crystals and ore, single or in groups."""
    kind, stone = kit.whole(0, 3), kit.stone()
    if kind <= 1:
        for i in range(kit.pick(1, 1, 2, 4)):
            s = 1.0 if i == 0 else kit.u(0.25, 0.6)
            part = lumpy(s, kit.rng, kit.pick(1, 2, 2, 3), kit.u(0.1, 0.6), kit.whole(0, 14))
            part = part.scale(kit.u(0.6, 1.2), kit.u(0.35, 1.3), kit.u(0.6, 1.2))
            x, z = (0.0, 0.0) if i == 0 else (kit.u(-1.1, 1.1), kit.u(-1.0, 1.0))
            kit.add(part.move(x, 0.5 * s, z), stone if kit.chance(0.8) else kit.stone())
        if kit.chance(0.15):
            kit.add(lumpy(0.8, kit.rng, 2, 0.1).scale(1, 0.2, 1).up(kit.height() - 0.1), kit.leaf())
    elif kind == 2:  # crystals
        gem = kit.glass() if kit.chance(0.6) else kit.accent()
        for i in range(kit.whole(1, 8)):
            h, r = kit.u(0.6, 1.5) * (1.0 if i == 0 else 0.7), kit.u(0.12, 0.28)
            part = lathe([(r * 0.75, -0.2), (r, h * kit.u(0.5, 0.75)), (0, h)], kit.pick(4, 5, 6))
            part = part.turn("x", kit.u(-35, 35) * (i > 0)).turn("z", kit.u(-35, 35) * (i > 0))
            kit.add(part.move(kit.u(-0.3, 0.3) * (i > 0), 0, kit.u(-0.3, 0.3) * (i > 0)), gem)
        if kit.chance(0.5):
            kit.add(lumpy(0.55, kit.rng, 2, 0.3, 4).scale(1.2, 0.4, 1.1), stone)
    else:  # layered cliff
        y, w, d = 0.0, kit.u(0.7, 1.2), kit.u(0.6, 1.0)
        for _ in range(kit.whole(2, 5)):
            h = kit.u(0.2, 0.5)
            sides = kit.whole(6, 10)
            ring = columns(
                np.cos(np.arange(sides) / sides * 2 * np.pi), np.sin(np.arange(sides) / sides * 2 * np.pi)
            )
            ring = ring * [w, d] * kit.rng.uniform(0.75, 1.1, (sides, 1))
            rings = [
                columns(ring[:, 0] * k, yy, ring[:, 1] * k)
                for k, yy in ((1.0, y), (kit.u(0.85, 1.1), y + h * 0.6), (kit.u(0.7, 0.95), y + h))
            ]
            kit.add(loft(np.array(rings)), stone)
            y, w, d = y + h * 0.95, w * kit.u(0.7, 1.0), d * kit.u(0.7, 1.0)


def mushroom_cap(kit: Kit) -> Part:
    """A small bracket fungus."""
    return dome(0.14, 0.1, kit.sides_for(0.5))


def stump(kit: Kit) -> None:
    """Stump."""
    bark, inner = kit.bark(), kit.colour(0.82, 0.65, 0.42)
    r, h = kit.u(0.35, 0.5), kit.u(0.3, 0.6)
    kit.add(kit.lathe([(r * 1.25, 0), (r, h * 0.3), (r, h)]), bark)
    kit.add(kit.disc(r * 0.85, 0.03).up(h), inner)
    kit.around(limb((r * 0.8, 0.12), (r * 1.7, 0.02), 0.13, 0.05, 6), bark, kit.whole(3, 5))
    if kit.chance(0.3):
        kit.add(mushroom_cap(kit).move(r * 1.05, h * 0.5), kit.accent())


def logs(kit: Kit) -> None:
    """One log or a pile."""
    bark, inner = kit.bark(), kit.colour(0.82, 0.65, 0.42)
    r, length, rows = kit.u(0.16, 0.25), kit.u(1.0, 1.8), kit.whole(1, 3)
    for row in range(rows):
        for i in range(rows - row):
            x, y = (i - (rows - row - 1) / 2) * 2 * r, r + row * 1.75 * r
            kit.add(
                rod(
                    (x, y, -length / 2),
                    (x, y, length / 2),
                    r,
                    kit.sides_for(0.7),
                    end_radius=r * kit.u(0.8, 1.0),
                ),
                bark,
            )
            part = disc(r * 0.75, 0.03, kit.sides_for(0.7)).turn("x", 90).move(x, y, length / 2 - 0.01)
            kit.pair(part, inner, "z")
    if rows == 1 and kit.chance(0.6):
        kit.add(rod((0, r, 0.1), (0.25, r * 2.6, 0.25), 0.06, end_radius=0.045), bark)


def bush(kit: Kit) -> None:
    """Bush or hedge."""
    leaf = kit.leaf()
    if kit.chance(0.3):
        part = superellipsoid(kit.u(0.5, 1.2), kit.u(0.3, 0.6), kit.u(0.25, 0.4), kit.u(0.35, 0.6), 20)
        kit.add(part.up(0.4), leaf)
    else:
        for _ in range(kit.whole(3, 7)):
            d = kit.rng.normal(size=3) * [0.4, 0.1, 0.3]
            part = lumpy(kit.u(0.25, 0.45), kit.rng, kit.pick(1, 2), 0.25).move(d[0], 0.25 + abs(d[1]), d[2])
            kit.add(part, leaf)
    if kit.chance(0.4):
        berry = kit.accent()
        for _ in range(kit.whole(4, 10)):
            d = kit.rng.normal(size=3)
            d = d / np.linalg.norm(d) * [0.6, 0.4, 0.45] + [0, 0.35, 0]
            kit.add(ball(0.06).move(*np.maximum(d, [-9, 0.05, -9])), berry)


def coral(kit: Kit) -> None:
    """Coral or antler-like fork."""
    _branches(kit, np.array([0.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]), 0.6, 0.13, 3, kit.accent(), None)
    kit.add(lumpy(0.35, kit.rng, 2, 0.3).scale(1.3, 0.5, 1.2), kit.stone())


def reeds(kit: Kit) -> None:
    """Bamboo, reeds, corn."""
    leaf = kit.leaf()
    for _ in range(kit.whole(2, 6)):
        x, z, h, r = kit.u(-0.3, 0.3), kit.u(-0.3, 0.3), kit.u(0.9, 1.8), kit.u(0.03, 0.07)
        kit.add(rod((x, 0, z), (x + kit.u(-0.1, 0.1), h, z), r, 7), leaf)
        for y in np.linspace(0.2, 0.9, 4) * h:
            kit.add(torus(r, r * 0.4, 8, 5).move(x, y, z), leaf)
        if kit.chance(0.6):
            part = leaf_arc(0.45, 0.2, kit.u(0, 0.3), 0.06, 5).turn("y", kit.u(0, 360))
            kit.add(part.move(x, h * kit.u(0.5, 0.9), z), leaf)
        elif kit.chance(0.6):
            kit.add(limb((x, h, z), (x, h + 0.22, z), r * 1.6, sides=7), kit.bark())


FAMILIES: tuple[Choice, ...] = (flower, mushroom, rock, rock, (stump, logs, bush, coral, reeds))
