"""Open vessels turned on a lathe: cups, bowls, vases, glasses, pots. Their walls have a real thickness."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ellipsoid, globe
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Array, Part, arch, columns, curve, polar
from maquette.train.procedural.swept import tube
from maquette.train.procedural.turned import disc, frustum, hollow, torus


def handle(reach: float, height: float, thickness: float, kit: Kit) -> Part:
    """A cup handle on the +x side of x = 0: round, square or ear-shaped, `height` tall about y = 0."""
    power = kit.u(0.5, 1.1)
    angle = np.linspace(-np.pi / 2, np.pi / 2, kit.whole(5, 11))
    x = reach * np.abs(np.cos(angle)) ** power
    y = height / 2 * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
    lean = kit.u(-0.15, 0.25) * height
    path = columns(x - 0.4 * thickness, y + lean * x / max(reach, 1e-6))
    widths = np.tile([thickness, thickness * kit.u(0.9, 1.6)], (len(x), 1))
    return tube(path, widths, kit.pick(4, 6, 8))


def body_outline(kit: Kit, height: float) -> Array:
    """Outer profile of a cup-like body about one unit wide: straight, tapered, bulging or waisted."""
    r, kind = 0.5, kit.whole(0, 4)
    if kind == 0:
        return np.array([[r * kit.u(0.85, 1.0), 0.0], [r, height * 0.04], [r, height]])
    if kind == 1:
        return np.array([[r * kit.u(0.55, 0.85), 0.0], [r, height]])
    if kind == 2:
        bulge = kit.u(1.05, 1.3)
        points = [(r * 0.7, 0.0), (r * bulge, height * 0.35), (r * kit.u(0.85, 1.05), height * 0.8)]
        points += [(r, height)]
        return curve(points, 4)
    if kind == 3:
        return curve([(r * 0.8, 0.0), (r * 0.78, height * 0.4), (r * 0.9, height * 0.8), (r * 1.05, height)])
    angle = np.linspace(-np.pi / 2 * kit.u(0.75, 0.95), 0, 8)
    return columns(r * np.cos(angle), height * (1 + np.sin(angle) / abs(np.sin(angle[0]))))


def _fill(kit: Kit, outer: Array, wall: float, level: float, material: Material) -> None:
    """Drink, soup or soil up to a level inside a vessel."""
    heights = np.linspace(outer[0, 1] + 0.03, level, 4)
    radii = np.interp(heights, outer[:, 1], outer[:, 0]) - 0.6 * wall
    kit.add(kit.lathe(columns(radii, heights)), material)


def mug(kit: Kit) -> None:
    """A mug with a swept handle, now and then filled or steeply tapered."""
    height, wall, material = kit.log(0.7, 1.5), kit.u(0.04, 0.08), kit.pick(kit.ceramic, kit.plastic)()
    outer = body_outline(kit, height)
    kit.add(kit.hollow(outer, wall, kit.u(0.05, 0.12)), material)
    middle = height * kit.u(0.45, 0.6)
    edge = float(np.interp(middle, outer[:, 1], outer[:, 0]))
    grip = handle(kit.u(0.22, 0.42), height * kit.u(0.45, 0.7), kit.u(0.04, 0.075), kit)
    turn = kit.pick(0.0, 0.0, 180.0, kit.u(-60, 60))
    grip = grip.move(edge - 0.02, middle).turn("y", turn)
    kit.add(grip, material if kit.chance(0.7) else kit.accent())
    if kit.chance(0.35):
        _fill(kit, outer, wall, height * kit.u(0.6, 0.88), kit.colour_of((0.25, 0.14, 0.07), (0.7, 0.5, 0.3)))


def cup_and_saucer(kit: Kit) -> None:
    """A tea cup on a saucer."""
    material, height, width = kit.ceramic(), kit.u(0.5, 0.8), kit.u(0.8, 1.15)
    lip = kit.u(0.06, 0.16)
    kit.add(kit.hollow([(width * 0.5, 0.0), (width * 0.8, lip * 0.5), (width, lip)], 0.06, 0.05), material)
    outer = body_outline(kit, height) + np.array([0.0, 0.05])
    kit.add(kit.hollow(outer, kit.u(0.035, 0.06), 0.06), material)
    middle = 0.05 + height * 0.55
    edge = float(np.interp(middle, outer[:, 1], outer[:, 0]))
    kit.add(handle(kit.u(0.2, 0.35), height * 0.55, 0.04, kit).move(edge - 0.02, middle), material)
    if kit.chance(0.4):
        _fill(kit, outer, 0.05, 0.05 + height * 0.8, kit.colour(0.45, 0.22, 0.08))
    if kit.chance(0.3):  # a spoon lies on the saucer
        path = [(-0.2, lip + 0.02, width * 0.75), (0.35, lip + 0.03, width * 0.72)]
        spoon = kit.metal()
        kit.add(tube(path, 0.025), spoon)
        kit.add(ellipsoid(0.11, 0.03, 0.07, 8).move(0.42, lip + 0.03, width * 0.71), spoon)


def bowl(kit: Kit) -> None:
    """A bowl: round-bottomed to flaring, on a foot or not, sometimes full of fruit, soup or rice."""
    depth, wall = kit.log(0.25, 1.0), kit.u(0.04, 0.08)
    material = kit.pick(kit.ceramic, kit.wood, kit.metal)()
    angle = np.linspace(-np.pi / 2 * kit.u(0.6, 0.92), kit.u(0.0, 0.25), 9)
    across = np.cos(angle)
    up = (np.sin(angle) - np.sin(angle[0])) / (np.sin(angle[-1]) - np.sin(angle[0]))
    outer = columns(across, depth * up)
    if kit.chance(0.3):
        outer = np.concatenate([outer, [[outer[-1, 0] + kit.u(0.05, 0.2), depth + kit.u(0.0, 0.05)]]])
    kit.add(kit.hollow(outer, wall, wall), material)
    if kit.chance(0.5):
        foot = outer[0, 0]
        kit.add(kit.frustum(foot * kit.u(0.9, 1.3), foot, kit.u(0.05, 0.25)).up(-0.04), material)
    content = kit.whole(0, 4)
    if content == 0:
        _fill(kit, outer, wall, depth * kit.u(0.6, 0.85), kit.colour(*kit.rng.uniform(0.2, 0.95, 3)))
    elif content == 1:
        for _ in range(kit.whole(3, 7)):
            r, a, d = kit.u(0.22, 0.32), kit.u(0, 2 * np.pi), kit.u(0.0, 0.45)
            fruit = kit.colour(
                *kit.pick((0.85, 0.15, 0.1), (0.95, 0.6, 0.1), (0.6, 0.75, 0.15), (0.95, 0.85, 0.2))
            )
            part = ellipsoid(r, r * kit.u(0.85, 1.1), r, kit.sides_for(0.6))
            kit.add(part.move(*polar(d, a, depth * 0.85)), fruit)
    elif content == 2:
        kit.add(kit.dome(outer[-1, 0] - 0.12, kit.u(0.2, 0.5)).up(depth * 0.7), kit.white())


def plate(kit: Kit) -> None:
    """A plate with a rim: round, square or many-sided; deep or flat."""
    rim, height, sides = kit.u(0.6, 0.8), kit.u(0.06, 0.22), kit.pick(kit.sides, kit.sides, 4, 6, 8)
    outer = [(rim * 0.85, 0.0), (rim, height * 0.35), (0.97, height), (1.0, height + 0.02)]
    kit.add(hollow(outer, kit.u(0.05, 0.08), kit.u(0.04, 0.06), sides), kit.ceramic())
    if kit.chance(0.25):
        kit.add(disc(rim * 0.8, 0.02, sides).up(0.045), kit.accent())


def _bouquet(kit: Kit, height: float) -> None:
    """Flowers that stand in a vase."""
    stem, petal = kit.leaf(), kit.accent()
    for _ in range(kit.whole(2, 6)):
        a, lean, top = kit.u(0, 2 * np.pi), kit.u(0.05, 0.45), height * kit.u(1.2, 1.7)
        tip = np.array([lean * np.cos(a), top, lean * np.sin(a)])
        kit.add(tube(curve([(0, height * 0.4, 0), tuple(tip * [0.3, 0.7, 0.3]), tuple(tip)]), 0.025, 5), stem)
        r = kit.u(0.08, 0.18)
        kit.add(ellipsoid(r, r * kit.u(0.5, 1.0), r, 8).move(*tip), petal)


def vase(kit: Kit) -> None:
    """A vase with a free-form profile, round or faceted, sometimes twisted or with two handles."""
    height, count = kit.log(1.0, 2.6), kit.whole(4, 6)
    radii = kit.rng.uniform(0.18, 0.55, count)
    outline = curve(columns(radii, np.linspace(0, height, count)), 5)
    outline[:, 0] = np.clip(outline[:, 0], 0.14, 0.7)
    material = kit.pick(kit.ceramic, kit.glass, kit.stone)()
    part = hollow(outline, kit.u(0.04, 0.06), 0.08, kit.pick(kit.sides, kit.sides, 5, 6, 8))
    if kit.chance(0.2):
        twist, total = kit.u(0.5, 2.0), height

        def turn(v: Array) -> Array:
            angle = twist * v[:, 1] / total
            return columns(
                v[:, 0] * np.cos(angle) + v[:, 2] * np.sin(angle),
                v[:, 1],
                v[:, 2] * np.cos(angle) - v[:, 0] * np.sin(angle),
            )

        part = part.map(turn)
    kit.add(part, material)
    if kit.chance(0.3):
        y = height * kit.u(0.55, 0.8)
        edge = float(np.interp(y, outline[:, 1], outline[:, 0]))
        piece = handle(kit.u(0.15, 0.35), height * kit.u(0.2, 0.4), 0.05, kit).move(edge - 0.02, y)
        kit.pair(piece, material)
    if kit.chance(0.3):
        _bouquet(kit, height)


def wine_glass(kit: Kit) -> None:
    """Wine and cocktail glasses, goblets and chalices: foot, stem, bowl with a wall."""
    stem, bowl_height, r = kit.u(0.2, 1.0), kit.u(0.35, 1.0), kit.u(0.3, 0.5)
    foot, thin = r * kit.u(0.7, 1.0), kit.u(0.035, 0.08)
    kind = kit.whole(0, 3)
    shape = {
        0: [(thin, 0.0), (r, 0.35), (r * kit.u(0.7, 1.0), 1.0)],
        1: [(thin, 0.0), (r * 1.2, 1.0)],
        2: [(thin, 0.0), (r * 0.6, 0.15), (r * 0.65, 1.0)],
        3: [(thin, 0.0), (r, 0.2), (r, 0.6), (r * 1.1, 1.0)],
    }[kind]
    bowl_outline = curve([(x, stem + y * bowl_height) for x, y in shape], 1 if kind == 1 else 4)
    bowl_outline[:, 0] = np.maximum(bowl_outline[:, 0], thin)
    wall = 0.035
    inner = (bowl_outline - [wall, 0.0])[::-1]
    inner = inner[inner[:, 0] > 0.02]
    outer = [(foot, 0.0), (foot, 0.03), (thin * 1.5, 0.08), (thin, 0.15 * stem + 0.08)]
    if kit.chance(0.3):
        outer += [(thin * 2, 0.5 * stem), (thin, 0.6 * stem)]
    profile = np.concatenate([outer, bowl_outline, inner, [[0.0, inner[-1, 1]]]])
    material = kit.pick(kit.glass, kit.metal, kit.wood)()
    kit.add(kit.lathe(profile), material)
    if kit.chance(0.3):
        level = stem + bowl_height * kit.u(0.5, 0.8)
        heights = np.linspace(stem + 0.08, level, 4)
        radii = np.maximum(np.interp(heights, bowl_outline[:, 1], bowl_outline[:, 0]) - 0.6 * wall, 0.02)
        kit.add(kit.lathe(columns(radii, heights)), kit.accent())


def teapot(kit: Kit) -> None:
    """Teapots and kettles: a round body, lid and knob, a curved spout and a handle behind or above."""
    rx, ry, material = 0.6, kit.u(0.4, 0.75), kit.pick(kit.ceramic, kit.metal, kit.paint)()
    power = kit.pick(1.0, 0.75)
    angle = np.linspace(-np.pi / 2 * 0.85, np.pi / 2 * 0.8, 12)
    outline = columns(rx * np.cos(angle) ** power, ry * (1 + np.sin(angle)))
    kit.add(kit.lathe(outline), material)
    top = float(outline[-1, 1])
    lid = material if kit.chance(0.6) else kit.accent()
    kit.add(kit.dome(float(outline[-1, 0]) * 1.1, kit.u(0.06, 0.2)).up(top - 0.02), lid)
    kit.add(globe(0.08).up(top + kit.u(0.14, 0.24)), lid)
    kit.add(disc(0.05, 0.15, 6).up(top), lid)
    low, reach, tip = ry * kit.u(0.4, 0.9), kit.u(0.95, 1.25), ry * kit.u(1.5, 2.0)
    line = [(rx * 0.7, low, 0), (rx * 1.25, low + 0.1, 0), (reach * 0.88, (low + tip) / 2 + 0.1, 0)]
    line += [(reach, tip, 0)]
    path = curve(line, 4)
    kit.add(tube(path, np.linspace(kit.u(0.14, 0.2), kit.u(0.06, 0.1), len(path)), 10), material)
    if kit.chance(0.6):
        part = handle(kit.u(0.3, 0.45), ry * kit.u(1.0, 1.3), 0.05, kit).move(rx * 0.9, ry).turn("y", 180)
        kit.add(part, lid)
    else:
        kit.add(tube(arch(-rx * 0.75, kit.u(0.5, 0.8), 10, top * 0.85), 0.045, 8), lid)


def jug(kit: Kit) -> None:
    """Pitchers and watering cans: a tall vessel with a handle, and a lip or a long spout."""
    height, material = kit.u(1.0, 1.8), kit.pick(kit.ceramic, kit.metal, kit.plastic)()
    profile = [(kit.u(0.3, 0.45), 0), (0.5, height * 0.35), (kit.u(0.28, 0.45), height * 0.8)]
    profile += [(kit.u(0.35, 0.48), height)]
    outline = curve(profile, 4)
    kit.add(kit.hollow(outline, 0.05, 0.08), material)
    edge = float(np.interp(0.6 * height, outline[:, 1], outline[:, 0]))
    grip = handle(kit.u(0.25, 0.45), height * kit.u(0.5, 0.75), kit.u(0.045, 0.07), kit)
    kit.add(grip.move(edge - 0.03, 0.58 * height).turn("y", 180), material)
    if kit.chance(0.5):
        tip = kit.u(1.0, 1.4), height * kit.u(0.9, 1.2), 0.0
        kit.add(tube([(0.35, height * 0.2, 0), tip], np.array([0.1, 0.07]), 8), material)
        if kit.chance(0.6):
            kit.add(kit.frustum(0.06, 0.18, 0.15).turn("z", -50).move(*tip), material)
    else:
        part = frustum(0.04, kit.u(0.12, 0.17), 0.3, 8).turn("z", -35)
        kit.add(part.move(float(outline[-1, 0]) * 0.75, height - 0.25), material)


def bucket(kit: Kit) -> None:
    """Buckets, baskets, bins and tubs with an arched or two small handles."""
    height, low = kit.log(0.6, 1.5), kit.u(0.35, 0.5)
    material = kit.pick(kit.metal, kit.wood, kit.plastic)()
    sides = kit.pick(kit.sides, kit.sides, 4)
    kit.add(hollow([(low, 0), (0.52, height)], kit.u(0.04, 0.07), 0.07, sides), material)
    trim = kit.metal() if kit.chance(0.5) else material
    if sides > 4:
        for level in kit.pick((1.0,), (0.25, 0.8), (0.05, 1.0), ()):
            kit.add(torus(low + (0.52 - low) * level, 0.03, kit.sides).up(height * level), trim)
    kind = kit.whole(0, 2)
    if kind == 0:
        rise, arch = kit.u(0.25, 0.7), np.linspace(0, np.pi, 12)
        lean = kit.pick(0.0, 0.0, kit.u(-1, 1)) * rise
        path = columns(-0.52 * np.cos(arch), height * 0.93 + rise * np.sin(arch), lean * np.sin(arch))
        kit.add(tube(path, kit.u(0.025, 0.04)), trim)
    elif kind == 1:
        kit.pair(handle(0.18, 0.3, 0.04, kit).move(0.47, height * 0.8), trim)
    if kit.chance(0.25):
        _fill(
            kit,
            np.array([[low, 0], [0.52, height]]),
            0.05,
            height * kit.u(0.6, 0.9),
            kit.pick(kit.leaf, kit.stone, kit.window)(),
        )


def cooking_pot(kit: Kit) -> None:
    """Saucepans, casseroles, woks and frying pans, with a long handle or two ears, with or without a lid."""
    height, material = kit.log(0.2, 1.2), kit.pick(kit.metal, kit.paint)()
    grip, bottom = kit.pick(kit.black, kit.wood, kit.metal)(), kit.u(0.6, 1.0)
    part = kit.hollow([(bottom * 0.97, 0), (bottom, 0.03), (1.0, height)], kit.u(0.04, 0.08), 0.07)
    kit.add(part, material)
    if kit.chance(0.5):
        length, rise = kit.u(0.8, 1.6), kit.u(0.0, 0.4)
        line = [(0.93, height * 0.8, 0), (1.2, height * 0.85, 0), (1.0 + length, height * 0.8 + rise, 0)]
        path = curve(line)
        widths = columns(np.linspace(0.05, 0.08, len(path)), np.linspace(0.06, 0.1, len(path)))
        kit.add(tube(path, widths, 8).turn("y", kit.pick(0.0, 0.0, 45.0, -90.0)), grip)
    else:
        kit.pair(handle(0.28, 0.5, 0.05, kit).turn("x", 90).move(0.93, height * 0.8), grip)
    if kit.chance(0.45):
        rise = kit.u(0.1, 0.35)
        kit.add(kit.dome(1.03, rise).up(height - 0.02), kit.pick(material, kit.glass()))
        kit.add(disc(0.13, 0.12, 10, 0.02).up(height + rise - 0.05), grip)


FAMILIES: tuple[Choice, ...] = (
    mug,
    cup_and_saucer,
    bowl,
    plate,
    vase,
    wine_glass,
    teapot,
    jug,
    bucket,
    cooking_pot,
)
