"""Cakes, savoury food and served plates."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural import fruit, sweets
from maquette.train.procedural.balls import ball, ellipsoid, lumpy, superellipsoid
from maquette.train.procedural.boxes import box, extrude, rectangle
from maquette.train.procedural.kit import Choice, Kit, draw_family
from maquette.train.procedural.part import Array, Part, columns, curve
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, frustum, hollow, torus

TOPPINGS = ((0.9, 0.15, 0.2), (0.95, 0.8, 0.3), (0.35, 0.18, 0.1))  # berry, lemon, chocolate


def sector(degrees: float, steps: int = 7) -> Array:
    """Outline of a slice of the unit disc in the x, y plane, its tip at the origin and its axis along -y."""
    half = np.radians(degrees) / 2
    angle = np.linspace(-np.pi / 2 - half, -np.pi / 2 + half, steps)
    return np.concatenate([[[0.0, 0.0]], columns(np.cos(angle), np.sin(angle))])


def layer_cake(kit: Kit) -> None:
    """Whole cake, one or more tiers."""
    dough, cream = kit.colour(0.8, 0.58, 0.32), kit.accent()
    topping = kit.colour_of(*TOPPINGS)
    y, r, sides = 0.0, 0.6, kit.pick(kit.sides, kit.sides, 4)
    for _ in range(kit.whole(1, 3)):
        h = kit.u(0.22, 0.45)
        kit.add(disc(r, h, sides, 0.02).up(y), kit.pick(dough, cream))
        kit.add(disc(r * 1.03, h * 0.25, sides, 0.02).up(y + h * 0.8), cream)
        if kit.chance(0.4):
            kit.around(ball(0.06).move(r * 0.85, y + h * 1.05), topping, kit.whole(6, 12))
        y, r = y + h, r * kit.u(0.6, 0.8)
    for i in range(kit.pick(0, 0, 1, 3, 5)):
        x, z = 0.3 * r * np.cos(2.4 * i) * (i > 0), 0.3 * r * np.sin(2.4 * i) * (i > 0)
        kit.add(rod((x, y, z), (x, y + 0.28, z), 0.035), kit.plastic())
        kit.add(ellipsoid(0.03, 0.07, 0.03, 6).move(x, y + 0.34, z), kit.colour(1, 0.75, 0.2))
    if kit.chance(0.5):
        kit.add(kit.disc(0.8, 0.05).up(-0.05), kit.ceramic())


def cake_slice(kit: Kit) -> None:
    """A slice of cake, cheese, pie."""
    dough, cream = kit.colour(0.8, 0.58, 0.32), kit.accent()
    topping = kit.colour_of(*TOPPINGS)
    outline, layers, y = sector(kit.u(30, 60)), kit.whole(1, 4), 0.0
    for _ in range(layers):
        for thick, m in ((kit.u(0.12, 0.3), dough), (0.06, cream)):
            kit.add(extrude(outline, thick).turn("x", -90).up(y + thick / 2), m)
            y += thick * 0.99
    kit.add(ball(0.1).move(0, y + 0.06, 0.7), topping)
    if kit.chance(0.4):
        kit.add(kit.disc(0.75, 0.06).move(0, -0.06, 0.5), kit.ceramic())


def cupcake(kit: Kit) -> None:
    """Cupcake or muffin."""
    dough, cream = kit.colour(0.8, 0.58, 0.32), kit.accent()
    topping = kit.colour_of(*TOPPINGS)
    r = kit.u(0.32, 0.42)
    kit.add(frustum(r * 0.72, r, 0.42, max(kit.sides, 16)).ripple(8, 0.05), kit.plastic())
    if kit.chance(0.5):
        for i in range(3):
            kit.add(torus(r * (0.72 - 0.24 * i), r * 0.3, kit.sides, 8).up(0.48 + 0.17 * i), cream)
        kit.add(frustum(r * 0.5, 0.02, 0.35, 8).up(0.78), cream)
    else:
        kit.add(superellipsoid(r * 1.15, 0.28, r * 1.15, 0.85, 16).up(0.48), dough)
    if kit.chance(0.6):
        kit.add(ball(0.09).up(kit.height() + 0.03), topping)


def pizza(kit: Kit) -> None:
    """Pizza, whole, missing a piece or one slice."""
    dough = kit.colour(0.8, 0.58, 0.32)
    topping = kit.colour_of(*TOPPINGS)
    degrees = kit.pick(359.0, 300.0, 45.0, 60.0)
    outline = sector(degrees, 25 if degrees > 100 else 7)
    if degrees > 350:
        outline = outline[1:]
    kit.add(extrude(outline, 0.07).turn("x", -90), dough)
    part = extrude(outline * 0.88, 0.07).turn("x", -90).move(0, 0.03, 0.05 * (degrees < 100))
    kit.add(part, kit.colour(0.95, 0.78, 0.35))
    angle = np.radians(np.linspace(-degrees / 2, degrees / 2, 25 if degrees > 100 else 7))
    crust = columns(0.96 * np.sin(angle), np.full_like(angle, 0.05), 0.96 * np.cos(angle))
    kit.add(tube(crust, 0.07, up=(0, 1, 0)), dough)
    for _ in range(9 if degrees > 100 else 3):
        a, d = np.radians(kit.u(-degrees * 0.35, degrees * 0.35)), kit.u(0.3, 0.75)
        kit.add(disc(0.1, 0.05, 8).move(d * np.sin(a), 0.05, d * np.cos(a)), topping)


def pie(kit: Kit) -> None:
    """Pie or tart."""
    dough = kit.colour(0.8, 0.58, 0.32)
    topping = kit.colour_of(*TOPPINGS)
    kit.add(kit.hollow([(0.5, 0), (0.65, 0.2), (0.68, 0.22)], 0.07, 0.06), dough)
    kit.add(kit.disc(0.6, 0.06).up(0.12), topping)
    for i in range(-2, 3):
        length = 1.1 * np.sqrt(1 - (i * 0.2) ** 2 / 0.45)
        kit.add(box(0.09, 0.05, length).move(i * 0.21, 0.2), dough)
        kit.add(box(length, 0.05, 0.09).move(0, 0.21, i * 0.21), dough)


def burger(kit: Kit) -> None:
    """Burger."""
    bun, meat, salad = kit.colour(0.85, 0.58, 0.25), kit.colour(0.4, 0.22, 0.12), kit.leaf()
    cheese, r, y = kit.colour(0.98, 0.75, 0.15), 0.5, 0.0
    kit.add(kit.disc(r, 0.16, 0.05), bun)
    y = 0.15
    for _ in range(kit.whole(2, 5)):
        what = kit.whole(0, 3)
        if what == 0:
            kit.add(kit.disc(r * 1.02, 0.15, 0.04).up(y), meat)
            y += 0.13
        elif what == 1:
            kit.add(box(r * 1.75, 0.035, r * 1.75).turn("y", kit.u(0, 90)).up(y + 0.02), cheese)
            y += 0.035
        elif what == 2:
            part = disc(r * 1.1, 0.06, 20, 0.02)
            kit.add(part.shift("y", lambda v: 0.03 * np.cos(6 * np.arctan2(v[:, 2], v[:, 0]))).up(y), salad)
            y += 0.05
        else:
            kit.add(kit.disc(r * 0.9, 0.07).up(y), kit.colour(0.88, 0.2, 0.12))
            y += 0.06
    kit.add(kit.dome(r * 1.03, kit.u(0.25, 0.42)).up(y - 0.01), bun)


def hot_dog(kit: Kit) -> None:
    """Hot dog or filled roll."""
    bun, cheese = kit.colour(0.85, 0.58, 0.25), kit.colour(0.98, 0.75, 0.15)
    length = kit.u(0.9, 1.3)
    half = limb((-length / 2, 0.15), (length / 2, 0.15), 0.17, sides=kit.sides_for(0.8))
    kit.pair(half.move(z=0.13), bun, "z")
    kit.add(limb((-length * 0.58, 0.27), (length * 0.58, 0.27), 0.11), kit.colour(0.75, 0.3, 0.18))
    x = np.linspace(-0.45, 0.45, 13) * length
    part = tube(columns(x, 0.38, 0.05 * np.sin(x * 14)), 0.028, up=(0, 1, 0))
    kit.add(part, kit.pick(cheese, kit.colour(0.85, 0.15, 0.1)))


def sandwich(kit: Kit) -> None:
    """Sandwich or toast."""
    meat, salad, cheese = kit.colour(0.4, 0.22, 0.12), kit.leaf(), kit.colour(0.98, 0.75, 0.15)
    outline = rectangle(0.9, 0.8, 0.1, 2)
    if kit.chance(0.5):
        outline = np.array([(-0.5, -0.4), (0.5, -0.4), (-0.1, 0.5)])
    y, layers = 0.0, kit.whole(1, 2) * 2 + 1
    for i in range(layers):
        thick = 0.14 if i % 2 == 0 else kit.u(0.04, 0.1)
        grow = 1.0 if i % 2 == 0 else 1.06
        part = extrude(outline * grow, thick, 0.02 if i % 2 == 0 else 0).turn("x", -90).up(y + thick / 2)
        kit.add(part, kit.colour(0.9, 0.75, 0.5) if i % 2 == 0 else kit.pick(salad, cheese, meat))
        y += thick


def fries(kit: Kit) -> None:
    """Fries or popcorn in a box."""
    cheese = kit.colour(0.98, 0.75, 0.15)
    kit.add(hollow([(0.22, 0), (0.32, 0.55)], 0.04, 0.05, 4).scale(1.1, 1, 0.65), kit.paint())
    for _ in range(kit.whole(8, 16)):
        x, z = kit.u(-0.24, 0.24), kit.u(-0.12, 0.12)
        part = box(0.07, kit.u(0.5, 0.8), 0.07).turn("z", kit.u(-12, 12)).turn("x", kit.u(-10, 10))
        kit.add(part.move(x, 0.5, z), cheese)


def sushi(kit: Kit) -> None:
    """Sushi."""
    for i in range(kit.whole(1, 3)):
        x = 0.75 * i
        if kit.chance(0.5):
            kit.add(kit.disc(0.28, 0.4, 0.02).move(x), kit.black())
            kit.add(kit.disc(0.23, 0.42).move(x), kit.white())
            kit.add(disc(0.11, 0.45, 8).move(x), kit.colour(0.95, 0.5, 0.3))
        else:
            kit.add(superellipsoid(0.2, 0.14, 0.34, 0.6, 12).move(x, 0.14), kit.white())
            kit.add(superellipsoid(0.22, 0.06, 0.4, 0.6, 12).move(x, 0.3), kit.colour(0.95, 0.5, 0.3))
            if kit.chance(0.4):
                kit.add(torus(0.24, 0.05, 14).turn("x", 90).scale(0.95, 0.85, 1.6).move(x, 0.18), kit.black())


def meat(kit: Kit) -> None:
    """Drumstick, steak, ham, egg."""
    what = kit.whole(0, 2)
    if what == 0:
        path = curve([(0, 0), (0.35, 0.05), (0.7, 0.0), (1.0, 0.0)], 4)
        widths = np.interp(
            np.linspace(0, 1, len(path)), [0, 0.2, 0.45, 0.75, 1], [0.12, 0.3, 0.28, 0.12, 0.07]
        )
        kit.add(tube(path, widths, kit.sides), kit.colour(0.72, 0.42, 0.18))
        kit.add(rod((0.9, 0), (1.25, 0), 0.05, 7), kit.white())
        kit.pair(ball(0.08).move(1.27, 0, 0.05), kit.white(), "z")
    elif what == 1:
        part = lumpy(0.55, kit.rng, 2, 0.3).scale(1.0, 0.2, 0.75)
        kit.add(part, kit.colour(0.62, 0.2, 0.16))
        kit.add(part.scale(1.06, 0.8, 1.08), kit.colour(0.9, 0.75, 0.62))
        kit.add(disc(0.09, 0.26, 8).move(0.2, -0.13, 0.1), kit.white())
    else:
        kit.add(lumpy(0.6, kit.rng, 2, 0.25).scale(1.0, 0.1, 1.0), kit.white())
        kit.add(kit.dome(0.22, 0.16).move(0.05, 0.03, 0.05), kit.colour(0.98, 0.7, 0.1))


def pancakes(kit: Kit) -> None:
    """Pancakes or a stack of waffles."""
    bun, cheese = kit.colour(0.85, 0.58, 0.25), kit.colour(0.98, 0.75, 0.15)
    sides = kit.pick(kit.sides, 4)
    for i in range(kit.whole(2, 6)):
        part = disc(0.5 + kit.u(-0.03, 0.03), 0.11, sides, 0.03).turn("y", kit.u(-15, 15))
        kit.add(part.move(kit.u(-0.03, 0.03), 0.1 * i, kit.u(-0.03, 0.03)), bun)
    kit.add(box(0.2, 0.1, 0.2, 0.02).up(kit.height() + 0.04), cheese)
    if kit.chance(0.5):
        kit.add(kit.disc(0.75, 0.06).up(-0.06), kit.ceramic())


def taco(kit: Kit) -> None:
    """Taco or wrap."""
    meat, salad, cheese = kit.colour(0.4, 0.22, 0.12), kit.leaf(), kit.colour(0.98, 0.75, 0.15)
    angle = np.linspace(np.pi, 2 * np.pi, 9)
    outer = columns(0.22 * np.cos(angle), 0.2 * np.sin(angle)) + np.array([0, 0.2])
    outer = np.concatenate([[[-0.27, 0.55]], outer, [[0.27, 0.55]]])
    ring = np.concatenate([outer, outer[::-1] * [0.75, 1.0] + np.array([0, 0.06])])
    kit.add(extrude(ring, 1.0).map(lambda v: v * columns(1, 1 - 0.5 * v[:, 2] ** 2, 1)), cheese)
    for z in np.linspace(-0.3, 0.3, 5):
        part = lumpy(0.17, kit.rng, 1, 0.3).move(0, 0.38 - z * z, z)
        kit.add(part, kit.pick(salad, meat, kit.colour(0.88, 0.2, 0.12)))


CAKES: Choice = (layer_cake, cake_slice, cupcake, pizza, pie)
SAVOURIES: Choice = (burger, burger, hot_dog, sandwich, fries, sushi, meat, pancakes, taco)


def served(kit: Kit) -> None:
    """A plate, tray or board with a few foods on it."""
    kit.pick(
        lambda: kit.add(kit.hollow([(0.75, 0), (0.85, 0.05), (1.1, 0.16)], 0.06, 0.05), kit.ceramic()),
        lambda: kit.box(kit.wood(), (2.0, 0.1, 1.4), (0, -0.05, 0)),
        lambda: kit.add(hollow([(0.5, 0), (0.52, 0.15)], 0.03, 0.06, 4).scale(2.1, 1, 1.5), kit.plastic()),
    )()
    places = [(-0.42, 0.0), (0.42, 0.2), (0.1, -0.42)]
    count = kit.whole(1, 3)
    for x, z in places[:count] if count > 1 else [(0.0, 0.0)]:
        mark = kit.mark()
        draw_family((*fruit.FAMILIES, CAKES, SAVOURIES, sweets.FAMILIES), kit.rng)(kit)
        points = np.concatenate([part.vertices for part, _ in kit.parts[mark:]])
        low, high = points.min(axis=0), points.max(axis=0)
        size = kit.u(0.55, 0.8) * (1.5 if count == 1 else 1.0) / max(float((high - low).max()), 1e-6)

        def place(
            part: Part, low: Array = low, high: Array = high, size: float = size, x: float = x, z: float = z
        ) -> Part:
            middle = (low + high) / 2
            return part.move(-middle[0], -low[1], -middle[2]).scale(size).move(x, 0.05, z)

        kit.reshape(place, mark)


FAMILIES: tuple[Choice, ...] = (CAKES, SAVOURIES, served)
