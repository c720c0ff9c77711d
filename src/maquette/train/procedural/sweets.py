"""Ice cream, pastry and sweets."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, globe, lumpy, superellipsoid
from maquette.train.procedural.boxes import box, rectangle, stack, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import columns, curve, polar
from maquette.train.procedural.swept import rod, tube
from maquette.train.procedural.turned import disc, torus


def ice_cream(kit: Kit) -> None:
    """Cone."""
    dough, cream = kit.colour(0.82, 0.58, 0.3), kit.accent()
    h, r = kit.u(0.8, 1.1), kit.u(0.25, 0.32)
    kit.add(kit.frustum(0.03, r, h), dough)
    for i in range(kit.whole(1, 3)):
        part = lumpy(r * (1.08 - 0.12 * i), kit.rng, 2, 0.08).up(h + r * 0.45 + r * 1.1 * i)
        kit.add(part, kit.pick(cream, kit.white(), kit.plastic()))
    top = kit.height()
    kit.pick(
        lambda: kit.add(ball(0.09).up(top + 0.04), kit.colour(0.85, 0.1, 0.15)),
        lambda: kit.add(rod((0.1, top - 0.3), (0.35, top + 0.3), 0.05), kit.wood()),
        lambda: None,
    )()


def doughnut(kit: Kit) -> None:
    """Doughnut."""
    dough, cream = kit.colour(0.82, 0.58, 0.3), kit.accent()
    r, t = kit.u(0.35, 0.45), kit.u(0.15, 0.22)
    kit.add(torus(r, t, kit.sides, 10), dough)
    kit.add(torus(r, t * 1.03, kit.sides, 10).scale(1, 0.8, 1).up(t * 0.28), cream)
    for _ in range(kit.whole(0, 14)):
        a, d = kit.u(0, 2 * np.pi), r + kit.u(-0.5, 0.5) * t
        kit.add(box(0.09, 0.035, 0.035).turn("y", kit.u(0, 180)).move(*polar(d, a, t * 1.1)), kit.plastic())
    if kit.chance(0.3):
        tilt = kit.u(40, 90)
        kit.reshape(lambda p: p.turn("x", tilt))


def lolly(kit: Kit) -> None:
    """Lollies on sticks."""
    cream, stick, flat = kit.accent(), kit.white(), kit.whole(0, 2)
    kit.add(rod((0, -0.9), (0, 0.05), 0.04, 8), stick)
    if flat == 0:
        kit.add(globe(0.32, kit.sides).up(0.25), cream)
    elif flat == 1:
        kit.add(disc(0.42, 0.14, max(kit.sides, 12), 0.03).turn("x", 90).move(0, 0.35, -0.07), cream)
        spiral = np.linspace(0.5, 12.0, 40)
        path = columns(0.032 * spiral * np.cos(spiral), 0.35 + 0.032 * spiral * np.sin(spiral), 0.07)
        kit.add(tube(path, 0.03, 5), kit.white())
    else:
        kit.add(box(0.45, 0.9, 0.2, 0.1, 2).up(0.4), cream)
        kit.add(box(0.46, 0.4, 0.21, 0.1, 2).up(0.62), kit.plastic())


def candy_cane(kit: Kit) -> None:
    """Candy cane."""
    angle = np.linspace(0, np.pi, 9)
    hook = columns(0.22 - 0.22 * np.cos(angle), 1.0 + 0.22 * np.sin(angle), 0.0)
    path = np.concatenate([[[0, 0, 0], [0, 0.35, 0], [0, 0.7, 0]], hook])
    kit.add(tube(path, 0.075, 10), Material((0.93, 0.92, 0.9), 0, 0.3, band=(0.85, 0.12, 0.15), bands=9))


def biscuits(kit: Kit) -> None:
    """Biscuits."""
    dough = kit.colour(0.82, 0.58, 0.3)
    for i in range(kit.whole(1, 3)):
        kit.add(kit.disc(0.45, 0.12, 0.03).move(0.1 * i, 0.12 * i), dough)
        for _ in range(kit.whole(0, 8)):
            a, d = kit.u(0, 2 * np.pi), kit.u(0, 0.36)
            part = ball(0.06).move(0.1 * i + d * np.cos(a), 0.12 * i + 0.11, d * np.sin(a))
            kit.add(part, kit.colour(0.3, 0.16, 0.08))


def bread(kit: Kit) -> None:
    """Loaf, baguette, bun."""
    dough = kit.colour(0.82, 0.58, 0.3)
    length, w, h = kit.log(0.6, 1.8), kit.u(0.35, 0.6), kit.u(0.3, 0.5)
    kit.add(superellipsoid(w / 2, h / 2, length / 2, kit.u(0.55, 1.0), 18).turn("y", 90), dough)
    for x in np.linspace(-0.3, 0.3, kit.whole(2, 5)) * length:
        kit.add(box(0.05, 0.06, w * 0.6, 0.02).turn("y", 30).move(x, h * 0.46), kit.colour(0.95, 0.8, 0.55))


def croissant(kit: Kit) -> None:
    """Croissant or pretzel."""
    dough = kit.colour(0.82, 0.58, 0.3)
    if kit.chance(0.6):
        angle = np.linspace(-1.4, 1.4, 13)
        bumps = 1 + 0.12 * np.cos(np.arange(13) * 2.2)
        path = columns(0.5 * np.sin(angle), 0.0, 0.5 * np.cos(angle))
        kit.add(tube(path, 0.22 * np.maximum(np.cos(angle), 0.2) * bumps, 8, up=(0, 1, 0)), dough)
    else:
        t = np.linspace(0, 2 * np.pi, 33)[:-1]
        path = columns(
            0.5 * np.sin(t) + 0.3 * np.sin(2 * t),
            0.45 * np.cos(t) - 0.15 * np.cos(2 * t),
            0.1 * np.sin(3 * t),
        )
        kit.add(tube(path, 0.1, 7, closed=True), dough)


def eggs(kit: Kit) -> None:
    """Egg in a cup, or a carton of eggs."""
    shell = kit.pick(kit.white(), kit.colour(0.9, 0.72, 0.55))
    egg = kit.lathe(curve([(0.01, 0), (0.25, 0.15), (0.3, 0.38), (0.18, 0.7), (0.01, 0.82)]))
    if kit.chance(0.5):
        kit.add(egg.up(0.3), shell)
        part = kit.hollow([(0.22, 0), (0.1, 0.12), (0.1, 0.25), (0.28, 0.4), (0.32, 0.55)], 0.04, 0.05)
        kit.add(part, kit.ceramic())
    else:
        rows = kit.whole(2, 3)
        for i in range(rows):
            for j in (0, 1):
                kit.add(egg.scale(0.8).move(0.55 * i, 0.1, 0.55 * j), shell)
        part = tapered_box((0.55 * rows, 1.1), (0.55 * rows + 0.1, 1.2), 0.35)
        kit.add(part.move(0.275 * (rows - 1), 0, 0.275), kit.stone())


def chocolate(kit: Kit) -> None:
    """Chocolate bar or box of sweets."""
    rows, columns, brown = kit.whole(2, 4), kit.whole(2, 4), kit.colour(0.32, 0.17, 0.09)
    kit.add(stack([rectangle(0.3 * columns, 0.3 * rows)] * 2, [0.0, 0.07]), brown)
    for i in range(columns):
        for j in range(rows):
            bit = kit.pick(
                tapered_box((0.27, 0.27), (0.2, 0.2), 0.1), tapered_box((0.27, 0.27), (0.2, 0.2), 0.1)
            )
            kit.add(bit.move((i - (columns - 1) / 2) * 0.3, 0.06, (j - (rows - 1) / 2) * 0.3), brown)
    if kit.chance(0.5):
        kit.add(box(0.3 * columns + 0.06, 0.2, 0.15 * rows).move(0, 0.08, 0.08 * rows), kit.paint())


FAMILIES: tuple[Choice, ...] = (
    (ice_cream, doughnut, lolly, candy_cane, biscuits, bread, croissant, eggs, chocolate),
)
