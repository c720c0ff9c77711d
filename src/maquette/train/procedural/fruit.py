"""Fruit and vegetables."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid, lumpy
from maquette.train.procedural.boxes import extrude
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material, Rgb
from maquette.train.procedural.nature import leaf_arc
from maquette.train.procedural.part import columns, curve, polar
from maquette.train.procedural.swept import rod, tube
from maquette.train.procedural.turned import frustum

PEELS: list[Rgb] = [(0.85, 0.12, 0.1), (0.95, 0.55, 0.1), (0.6, 0.75, 0.15)]
PEELS += [(0.95, 0.85, 0.2), (0.45, 0.15, 0.4), (0.3, 0.55, 0.2)]


def stem_and_leaf(kit: Kit, y: float, size: float) -> None:
    """A short stem and perhaps a leaf on top of a fruit."""
    path = [(0, y - 0.12 * size), (0.02, y + 0.1 * size), (0.1 * size, y + 0.25 * size)]
    kit.add(tube(curve(path), 0.045 * size), kit.bark())
    if kit.chance(0.6):
        part = leaf_arc(0.45 * size, 0.15 * size, 0.1 * size, 0.12 * size).turn("y", kit.u(0, 360))
        kit.add(part.move(0.03, y + 0.08 * size), kit.leaf())


def _peel(kit: Kit) -> Material:
    """Red, orange, green, yellow or purple."""
    return kit.colour_of(*PEELS)


def round_fruit(kit: Kit) -> None:
    """Apples, pears, oranges, tomatoes, peppers, plums and lemons, alone or in a group."""
    profile = kit.pick(
        [(0.02, 0.1), (0.3, 0.0), (0.5, 0.35), (0.45, 0.75), (0.2, 0.88), (0.02, 0.78)],
        [(0.02, 0.05), (0.3, 0.0), (0.5, 0.35), (0.3, 0.75), (0.2, 1.05), (0.02, 1.15)],
        [(0.02, 0.0), (0.35, 0.08), (0.5, 0.45), (0.35, 0.85), (0.02, 0.92)],
        [(0.02, 0.0), (0.1, 0.06), (0.38, 0.3), (0.4, 0.65), (0.12, 0.95), (0.02, 1.02)],
    )
    outline, wave = curve(profile), kit.pick(0.0, 0.0, 0.08)
    kit.add(kit.lathe(outline).ripple(4, wave), _peel(kit))
    stem_and_leaf(kit, float(outline[-1, 1]) - 0.02, 0.8)
    if kit.chance(0.2):
        single = list(kit.parts)
        for x, z in ((0.95, 0.1), (0.4, 0.85))[: kit.whole(1, 2)]:
            spin = kit.u(0, 360)
            for part, material in single:
                kit.add(part.turn("y", spin).move(x, 0, z), material)


def pumpkin(kit: Kit) -> None:
    """Lobes around a stem."""
    lobes, flat = kit.whole(6, 10), kit.u(0.6, 1.0)
    skin = kit.colour_of((0.9, 0.45, 0.1), (0.8, 0.7, 0.3), (0.4, 0.55, 0.25))
    kit.around(ellipsoid(0.3, 0.42 * flat, 1.8 / lobes + 0.04, 10).move(0.27, 0.42 * flat), skin, lobes)
    stem_and_leaf(kit, 0.82 * flat, 0.9)


def fruit_slice(kit: Kit) -> None:
    """A wedge or half of a melon or citrus, with pips."""
    turn, depth = kit.pick(np.pi, np.pi, np.pi / 2), kit.u(0.12, 0.3)
    angle = np.linspace(-np.pi, -np.pi + turn, 11)
    rind = 0.5 * columns(np.cos(angle), np.sin(angle))
    flesh = kit.colour_of((0.9, 0.25, 0.25), (0.95, 0.65, 0.2), (0.7, 0.85, 0.4))
    closed = rind if turn > 3 else np.concatenate([rind, [[0.0, 0.0]]])
    kit.add(extrude(closed * 0.88, depth * 1.04), flesh)
    kit.add(extrude(np.concatenate([rind, rind[::-1] * 0.85]), depth), _peel(kit))
    pip = ellipsoid(0.025, 0.04, depth * 0.54, 6)
    for x, y in rind[2:-2:2] * 0.55:
        kit.add(pip.move(float(x), float(y)), kit.black())


def bananas(kit: Kit) -> None:
    """Bananas."""
    for i in range(kit.whole(1, 4)):
        angle = np.linspace(-1.0, 1.0, 11)
        path = columns(0.75 * np.sin(angle), 0.75 - 0.75 * np.cos(angle))
        widths = 0.13 * np.maximum(np.cos(angle * 1.35), 0.25)
        kit.add(tube(path, widths, kit.pick(5, 6, 10)).turn("x", 22 * i), kit.colour(0.95, 0.82, 0.2))


def carrot(kit: Kit) -> None:
    """Carrot, radish, beet, turnip."""
    green, r, h = kit.leaf(), kit.u(0.14, 0.35), kit.u(0.6, 1.2)
    colour = kit.colour_of((0.95, 0.5, 0.12), (0.85, 0.2, 0.4), (0.93, 0.88, 0.8), (0.5, 0.15, 0.3))
    kit.add(kit.lathe(curve([(0.01, 0), (r * 0.5, h * 0.4), (r, h * 0.85), (r * 0.4, h)])), colour)
    for i in range(kit.whole(3, 6)):
        kit.add(leaf_arc(0.35, 0.7, 0.0, 0.06, 5).turn("y", 137.5 * i).up(h - 0.03), green)
    if kit.chance(0.5):
        kit.reshape(lambda p: p.turn("z", 80))


def aubergine(kit: Kit) -> None:
    """Aubergine, courgette, cucumber."""
    green = kit.leaf()
    path = curve([(0, 0, 0), (0.4, kit.u(-0.1, 0.12), 0), (0.9, kit.u(0.0, 0.25), 0)], 4)
    bulge = kit.u(0.5, 1.0)
    widths = np.interp(
        np.linspace(0, 1, len(path)), [0, 0.12, 0.4, 0.9, 1], [0.06, 0.2, 0.22, 0.2 * bulge, 0.08]
    )
    kit.add(tube(path, widths, kit.sides), kit.colour_of((0.3, 0.12, 0.35), (0.25, 0.5, 0.2)))
    kit.add(frustum(0.12 * bulge + 0.03, 0.03, 0.25, 7).turn("z", -80).move(*path[-2]), green)


def corn(kit: Kit) -> None:
    """Corn cob or ear."""
    green = kit.leaf()
    part = kit.lathe(curve([(0.14, 0), (0.2, 0.3), (0.17, 0.75), (0.02, 1.05)]))
    kit.add(part, Material((0.95, 0.8, 0.25), 0, 0.6, 0.06))
    for i in range(kit.whole(2, 4)):
        a = 360 * i / 3
        kit.add(ellipsoid(0.06, 0.45, 0.18, 8).turn("z", 14).move(0.2, 0.35).turn("y", a), green)


def grapes(kit: Kit) -> None:
    """Grapes or raspberries: a heap of balls."""
    colour = kit.colour_of((0.45, 0.2, 0.5), (0.6, 0.75, 0.3), (0.8, 0.15, 0.25))
    r = kit.u(0.1, 0.14)
    for level in range(6):
        count = max(1, 6 - level)
        wide = r * 0.55 * count * 0.8
        for i in range(count):
            a = 2.4 * i + level
            kit.add(
                ball(r).move(
                    wide * np.cos(a) * (count > 1), -level * r * 1.35, wide * np.sin(a) * (count > 1)
                ),
                colour,
            )
    stem_and_leaf(kit, r * 0.8, 0.8)


def strawberry(kit: Kit) -> None:
    """Strawberry."""
    green = kit.leaf()
    part = kit.lathe(curve([(0.02, 0), (0.25, 0.25), (0.36, 0.6), (0.2, 0.8), (0.02, 0.78)]))
    kit.add(part, kit.colour(0.88, 0.13, 0.15))
    kit.around(leaf_arc(0.32, 0.08, 0.12, 0.09, 5).up(0.78), green, kit.whole(5, 7))
    kit.add(rod((0, 0.75), (0.04, 0.95), 0.035), green)


def pineapple(kit: Kit) -> None:
    """Pineapple."""
    green = kit.leaf()
    piece = kit.lathe(curve([(0.2, 0), (0.36, 0.25), (0.36, 0.65), (0.18, 0.95)]))
    kit.add(piece, Material((0.85, 0.6, 0.2), 0, 0.8, 0.1))
    for ring, count in ((0, 7), (1, 6), (2, 4)):
        for i in range(count):
            part = leaf_arc(0.35 - 0.08 * ring, 0.3 + 0.25 * ring, 0.1, 0.07, 5)
            kit.add(part.turn("y", 360 * i / count + 20 * ring).up(0.92), green)


def cabbage(kit: Kit) -> None:
    """Cabbage, lettuce, broccoli, onion, garlic."""
    green = kit.leaf()
    if kit.chance(0.5):
        kit.add(lumpy(0.4, kit.rng, 2, 0.15).up(0.4), green)
        kit.around(ellipsoid(0.1, 0.36, 0.36, 9).turn("z", -28).move(0.36, 0.32), green, kit.whole(4, 6))
    else:
        kit.add(frustum(0.16, 0.22, 0.4, 8), kit.colour(0.6, 0.75, 0.4))
        for i in range(7):
            a, d = 2.4 * i, 0.09 * i**0.5 * 2
            kit.add(lumpy(0.2, kit.rng, 2, 0.3).move(*polar(d, a, 0.55 - 0.04 * i)), green)


FAMILIES: tuple[Choice, ...] = (
    (round_fruit, round_fruit, pumpkin, fruit_slice),
    (bananas, carrot, aubergine, corn, grapes, strawberry, pineapple, cabbage),
)
