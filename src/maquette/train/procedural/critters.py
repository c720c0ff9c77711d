"""Fish, insects and crawling animals, facing +z."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.aircraft import fuselage, wing
from maquette.train.procedural.balls import ball, ellipsoid, superellipsoid
from maquette.train.procedural.boxes import box, extrude
from maquette.train.procedural.creatures import Body, eyes
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.nature import leaf_arc
from maquette.train.procedural.part import columns, curve
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, dome, frustum


def fish(kit: Kit) -> None:
    """Fish of many outlines, sharks, whales and dolphins."""
    skin, second = kit.paint(), kit.accent()
    length, w, h = kit.u(1.0, 1.8), kit.u(0.12, 0.35), kit.log(0.18, 0.6)
    half, fat = length / 2, kit.u(-0.1, 0.25)
    stations = [(-half, w * 0.12, h * 0.25, 0.0), (-half * 0.45, w * 0.6, h * 0.55, 0), (half * fat, w, h, 0)]
    stations += [
        (half * 0.7, w * 0.8, h * 0.65, 0),
        (half, w * 0.2, h * kit.u(0.1, 0.3), kit.u(-0.1, 0.05) * h),
    ]
    kit.add(fuselage(stations, kit.sides_for(0.8)), skin)
    if kit.chance(0.5):
        belly = [(z, ww * 0.92, hh * 0.75, -0.3 * hh) for z, ww, hh, _ in stations]
        kit.add(fuselage(belly, kit.sides_for(0.8)), kit.white())
    fork, t = kit.u(0.3, 0.7), 0.05
    fin = [(0.05, -0.06), (0.05, 0.06), (-0.4, fork), (-0.2 - 0.15 * kit.u(0, 1), 0.0), (-0.4, -fork)]
    flat = kit.chance(0.25)  # whales and dolphins beat up and down
    part = extrude(fin, t * 1.2).turn("y", -90)
    kit.add((part.turn("z", 90) if flat else part).move(z=-half), second)
    dorsal = [(0.3, 0.0), (-0.35, 0.0), (-0.3, kit.u(0.15, 0.35)), (0.0, kit.u(0.2, 0.5))]
    kit.add(extrude(dorsal, t).turn("y", -90).move(0, h * 0.8, kit.u(-0.1, 0.15) * length), second)
    part = leaf_arc(kit.u(0.25, 0.5), -0.05, kit.u(0.0, 0.2), kit.u(0.08, 0.16)).turn("y", 30)
    kit.pair(part.move(w * 0.75, -h * 0.25, half * 0.3), second)
    if kit.chance(0.4):
        outline = [(0.2, 0.0), (-0.2, 0.0), (-0.2, -0.25)]
        kit.add(extrude(outline, t).turn("y", -90).move(0, -h * 0.75, -half * 0.35), second)
    eyes(kit, w * 0.68, h * 0.22, half * 0.68, kit.u(0.04, 0.07))
    if kit.chance(0.3):
        for z in np.linspace(-0.4, 0.4, kit.whole(2, 4)) * length:
            ww = float(np.interp(z, [s[0] for s in stations], [s[1] for s in stations]))
            hh = float(np.interp(z, [s[0] for s in stations], [s[2] for s in stations]))
            kit.add(disc(1.02, 0.09, 14).turn("x", 90).scale(ww * 1.03, hh * 1.03, 1).move(z=z), second)


def octopus(kit: Kit) -> None:
    """Jelly fish or octopus."""
    skin, second, r = kit.paint(), kit.accent(), kit.u(0.4, 0.55)
    part = kit.lathe(curve([(r * 0.6, -0.05), (r, 0.0), (r * 0.85, r * 0.6), (0.02, r * kit.u(0.9, 1.4))], 4))
    kit.add(part, skin)
    count, octopus = kit.whole(5, 8), kit.chance(0.5)
    for i in range(count):
        a = 2 * np.pi * i / count
        c, s = np.cos(a), np.sin(a)
        out, drop = (1.6, 0.5) if octopus else (0.8, kit.u(0.7, 1.3))
        line = [(0.55 * r * c, 0.0, 0.55 * r * s), (out * 0.8 * r * c, -drop * 0.5, out * 0.8 * r * s)]
        line += [(out * r * c * kit.u(0.8, 1.4), -drop, out * r * s * kit.u(0.8, 1.4))]
        path = curve(line, 4)
        part = tube(path, np.linspace(r * (0.25 if octopus else 0.12), 0.03, len(path)), 7)
        kit.add(part, second if not octopus else skin)
    if octopus:
        kit.add(ellipsoid(r * 0.95, r * 1.1, r * 0.95, kit.sides).up(r * 0.5), skin)
        eyes(kit, r * 0.4, r * 0.35, r * 0.85, 0.08)


def ray(kit: Kit) -> None:
    """Ray or flat fish."""
    skin, span, long = kit.paint(), kit.u(0.6, 1.0), kit.u(0.5, 0.8)
    kit.pair(wing(span, long * 1.8, 0.15, long * 0.5, 0.26, kit.u(-0.1, 0.3)), skin)
    stations = [(-long * 1.8, 0.02, 0.02, 0), (-long * 0.7, 0.12, 0.08, 0), (0, 0.25, 0.17, 0)]
    stations += [(long * 0.9, 0.12, 0.08, 0)]
    kit.add(fuselage(stations, 12), skin)
    eyes(kit, 0.17, 0.13, long * 0.55, 0.05)


def _insect_legs(kit: Kit, count: int, reach: float, knee: float, look: Material) -> None:
    """Pairs of legs along both sides, their feet on y = 0."""
    for z in np.linspace(0.35, -0.35, count):
        middle = 0.2 + reach * 0.6, knee, z * 1.4
        leg = tube(curve([(0.15, 0.35, z * 0.6), middle, (0.3 + reach, 0.0, z * 1.8)]), kit.u(0.03, 0.05))
        kit.pair(leg, look)


def bee(kit: Kit) -> None:
    """Bee or fly."""
    shell, dark = kit.paint(), kit.black()
    for i in range(4):
        z, r = -0.3 * i + 0.1, 0.3 * (1 - 0.12 * abs(i - 1))
        part = ellipsoid(r, r, 0.2, kit.sides_for(0.8)).move(0, 0.5, z)
        kit.add(part, kit.colour(0.95, 0.75, 0.15) if i % 2 else dark)
    kit.add(ball(0.26, 2).move(0, 0.52, 0.42), shell)
    kit.pair(leaf_arc(0.8, 0.3, 0.1, 0.22).turn("y", kit.u(-10, 40)).move(0.12, 0.75), kit.glass())
    eyes(kit, 0.14, 0.62, 0.6, 0.06)
    kit.pair(tube(curve([(0.08, 0.72, 0.5), (0.14, 0.95, 0.6), (0.2, 1.0, 0.72)]), 0.025, 5), dark)
    _insect_legs(kit, 3, 0.35, 0.35, dark)


def beetle(kit: Kit) -> None:
    """Beetle or ladybird."""
    shell, dark = kit.paint(), kit.black()
    kit.add(kit.dome(0.5, 0.42, 5).scale(1, 1, 1.25).up(0.14), shell)
    kit.add(ellipsoid(0.28, 0.2, 0.2, 10).move(0, 0.26, 0.62), dark)
    kit.add(box(0.035, 0.1, 1.1).move(0, 0.5, -0.05), dark)
    for _ in range(kit.whole(0, 7)):
        a, e = kit.u(0, 2 * np.pi), kit.u(0.4, 1.1)
        c = 0.5 * np.cos(e) * np.cos(a), 0.14 + 0.42 * np.sin(e), 0.62 * np.cos(e) * np.sin(a)
        kit.add(ellipsoid(0.09, 0.06, 0.09, 8).move(*c), dark)
    eyes(kit, 0.14, 0.36, 0.76, 0.05)
    _insect_legs(kit, 3, 0.35, 0.35, dark)


def butterfly(kit: Kit) -> None:
    """Butterfly."""
    shell, second, dark = kit.paint(), kit.accent(), kit.black()
    kit.add(limb((0, 0.3, -0.45), (0, 0.3, 0.4), 0.08, 0.1, 8), dark)
    kit.add(ball(0.13).move(0, 0.32, 0.52), dark)
    lift = kit.u(0, 60)
    profile = [(0.0, 0.25), (0.5, 0.85), (0.95, 0.7), (0.7, 0.1), (0.8, -0.35), (0.4, -0.65), (0.0, -0.2)]
    outline = curve(profile)
    for scale, look in ((1.0, shell), (0.65, second)):
        part = extrude(outline * scale + np.array([0.08, 0.0]), 0.05 * (1 if scale == 1 else 1.6)).turn(
            "x", 90
        )
        kit.pair(part.turn("z", lift).move(0.02, 0.32), look)


def spider(kit: Kit) -> None:
    """Spider or ant."""
    shell, dark = kit.paint(), kit.black()
    kit.add(ellipsoid(0.36, 0.32, 0.42, kit.sides).move(0, 0.5, -0.45), shell)
    kit.add(ellipsoid(0.22, 0.18, 0.26, 12).move(0, 0.42, 0.1), shell)
    kit.add(ball(0.17, 2).move(0, 0.44, 0.42), shell)
    eyes(kit, 0.08, 0.5, 0.56, 0.045)
    _insect_legs(kit, 4, kit.u(0.5, 0.8), 0.6, dark)


def crab(kit: Kit) -> None:
    """Crab."""
    shell, second = kit.paint(), kit.accent()
    kit.add(superellipsoid(0.55, 0.22, 0.4, 0.8, 18).up(0.35), shell)
    kit.pair(limb((0.4, 0.35, 0.3), (0.7, 0.4, 0.6), 0.1, 0.1, 8), shell)
    kit.pair(ellipsoid(0.17, 0.12, 0.24, 9).move(0.72, 0.42, 0.8), shell)
    kit.pair(frustum(0.08, 0.02, 0.3, 6).turn("x", 80).move(0.62, 0.5, 0.9), second)
    kit.pair(rod((0.17, 0.5, 0.3), (0.17, 0.7, 0.34), 0.03), shell)
    eyes(kit, 0.17, 0.74, 0.36, 0.06)
    _insect_legs(kit, 4, 0.35, 0.35, shell)


def turtle(kit: Kit) -> None:
    """Turtle."""
    skin, second = kit.leaf() if kit.chance(0.5) else kit.paint(), kit.accent()
    kit.add(dome(0.6, kit.u(0.35, 0.55), kit.pick(kit.sides, 8)).scale(1, 1, 1.15).up(0.2), second)
    kit.add(kit.disc(0.62, 0.1, 0.03).scale(1, 1, 1.15).up(0.14), skin)
    kit.four(limb((0.4, 0.22, 0.45), (0.62, 0.06, 0.62), 0.13, 0.11, 8), skin)
    kit.add(limb((0, 0.25, 0.6), (0, kit.u(0.3, 0.6), 0.95), 0.12, 0.17, 10), skin)
    y = float(max(part.vertices[:, 1].max() for part, _ in kit.parts[-1:])) - 0.15
    eyes(kit, 0.1, y + 0.02, 1.06, 0.04)
    kit.add(frustum(0.09, 0.01, 0.25, 6).turn("x", -100).move(0, 0.2, -0.66), skin)


def snail(kit: Kit) -> None:
    """Snail."""
    skin, second = kit.leaf() if kit.chance(0.5) else kit.paint(), kit.accent()
    t = np.linspace(0, 4.2 * np.pi, 40)
    r = 0.06 + 0.34 * (t / t[-1])
    path = columns(0.22 * (1 - t / t[-1]), 0.55 + r * np.sin(t), r * np.cos(t) - 0.1)
    kit.add(tube(path, 0.05 + 0.15 * (t / t[-1]), 8, up=(1, 0, 0)), second)
    foot = curve([(0, 0.1, -0.7), (0, 0.13, 0), (0, 0.14, 0.4), (0, 0.5, 0.65)], 4)
    kit.add(tube(foot, columns(np.linspace(0.08, 0.15, len(foot)), 0.11), 8), skin)
    kit.pair(rod((0.06, 0.5, 0.65), (0.14, 0.78, 0.75), 0.03), skin)
    eyes(kit, 0.14, 0.8, 0.76, 0.045)


def snake(kit: Kit) -> None:
    """Snake or worm: coiled or winding."""
    skin = kit.leaf() if kit.chance(0.5) else kit.paint()
    if kit.chance(0.5):
        t = np.linspace(0, 4 * np.pi, 36)
        r = 0.5 - 0.3 * t / t[-1]
        path = columns(r * np.cos(t), 0.12 + 0.35 * t / t[-1], r * np.sin(t))
        path = np.concatenate([path, [[0.15, 0.75, 0.1], [0.1, 0.95, 0.3], [0.1, 0.95, 0.48]]])
    else:
        z = np.linspace(-1, 1, 30)
        path = columns(kit.u(0.15, 0.4) * np.sin(4.5 * z), 0.12 + 0.3 * np.maximum(z - 0.7, 0) * 3, z)
    widths = (
        0.13
        * np.minimum(1.0, np.linspace(0.1, 3.0, len(path)))
        * np.where(np.arange(len(path)) > len(path) - 3, 1.2, 1.0)
    )
    kit.add(tube(path, widths, 8, up=(0, 1, 0)), skin)
    end = path[-1]
    kit.add(ellipsoid(0.16, 0.12, 0.2, 10).move(*end), skin)
    mark = kit.mark()
    eyes(kit, 0.08, 0.1, 0.1, 0.035)
    kit.reshape(lambda p: p.move(*end), mark)


def frog(kit: Kit) -> None:
    """Frog or toad."""
    skin = kit.leaf() if kit.chance(0.5) else kit.paint()
    body = Body(kit, 0.4)
    body.egg((0, 0.35, 0), (0.42, 0.32, 0.5), skin)
    body.egg((0, 0.5, 0.32), (0.36, 0.24, 0.3), skin)
    body.limb((0.4, 0.25, -0.25), (0.6, 0.12, 0.2), 0.17, 0.12, skin, pair=True)
    body.limb((0.6, 0.1, 0.2), (0.55, 0.06, -0.3), 0.1, 0.08, skin, pair=True)
    body.limb((0.3, 0.3, 0.3), (0.38, 0.06, 0.5), 0.09, 0.08, skin, pair=True)
    body.finish()
    kit.pair(ball(0.13, 2).move(0.2, 0.72, 0.38), skin)
    eyes(kit, 0.2, 0.75, 0.49, 0.06)


def dinosaur(kit: Kit) -> None:
    """Dinosaur or dragon on two legs."""
    skin, second = kit.leaf() if kit.chance(0.5) else kit.paint(), kit.accent()
    body = Body(kit, 0.4)
    lean = kit.u(0.2, 0.8)
    chest, hip = np.array([0, 0.95 + 0.3 * lean, 0.3]), np.array([0, 0.75, -0.15])
    body.limb(hip, chest, 0.33, 0.26, skin)
    head = chest + np.array([0, 0.25 + 0.3 * lean, 0.3])
    body.limb(chest, head, 0.2, 0.17, skin)
    body.egg((0, head[1], head[2] + 0.12), (0.2, 0.19, 0.32), skin)
    body.limb(hip, (0, 0.5, -0.75), 0.28, 0.14, skin)
    body.limb((0, 0.5, -0.75), (0, kit.u(0.2, 0.6), -1.3), 0.14, 0.04, skin)
    body.limb((0.25, 0.7, -0.1), (0.3, 0.38, 0.1), 0.2, 0.12, skin, pair=True)
    body.limb((0.3, 0.38, 0.1), (0.3, 0.06, -0.02), 0.11, 0.09, skin, pair=True)
    body.limb((0.3, 0.06, -0.05), (0.3, 0.06, 0.2), 0.08, 0.07, skin, pair=True)
    body.limb((0.2, chest[1], 0.42), (0.25, chest[1] - 0.2, 0.62), 0.07, 0.05, skin, pair=True)
    body.finish()
    eyes(kit, 0.13, float(head[1]) + 0.12, float(head[2]) + 0.22, 0.045)
    for i in range(kit.pick(0, 5, 6)):
        t = i / 5
        spike = frustum(0.08, 0.01, 0.2, 4).turn("x", -40)
        kit.add(
            spike.move(
                0,
                float(np.interp(t, [0, 0.5, 1], [head[1] + 0.1, 1.15, 0.65])),
                float(np.interp(t, [0, 0.5, 1], [head[2] - 0.15, -0.1, -0.8])),
            ),
            second,
        )
    if kit.chance(0.4):
        shape = [(0, 0), (0.35, 0.6), (0.95, 0.7), (0.8, 0.35), (0.85, 0.05), (0.5, 0.1), (0.4, -0.2)]
        kit.pair(extrude(shape, 0.06).turn("y", 20).move(0.12, float(chest[1])), second)


def caterpillar(kit: Kit) -> None:
    """Caterpillar or lizard."""
    skin, second = kit.leaf() if kit.chance(0.5) else kit.paint(), kit.accent()
    count = kit.whole(5, 9)
    for i in range(count):
        z = 0.28 * (i - count / 2)
        y = 0.22 + kit.u(0.0, 0.06) + (0.25 if i == count - 1 else 0.0)
        part = ball(0.22 if i < count - 1 else 0.27, 2).move(0.06 * np.sin(i * 1.3), y, z)
        kit.add(part, skin if i % 2 else second)
        kit.pair(ball(0.07).move(0.14, 0.05, z), kit.black())
    z = 0.28 * (count - 1 - count / 2)
    eyes(kit, 0.12, 0.58, z + 0.22, 0.05)
    kit.pair(rod((0.08, 0.65, z), (0.18, 0.95, z + 0.05), 0.025, end_radius=0.045), kit.black())


FAMILIES: tuple[Choice, ...] = (
    (fish, fish, fish, fish, octopus, ray),
    (bee, beetle, butterfly, spider, crab),
    (turtle, snail, snake, frog, dinosaur, caterpillar),
)
