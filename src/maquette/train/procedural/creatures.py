"""Animals with legs and wings, facing +z: limbs and eggs, overlapping or melted into one skin."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.aircraft import wing
from maquette.train.procedural.balls import ball, ellipsoid, lumpy, superellipsoid
from maquette.train.procedural.boxes import box, extrude
from maquette.train.procedural.implicit import Flesh
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Array, Point, curve
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import frustum, torus


class Body:
    """Collects the soft pieces of a figure and adds them either one by one or melted together.

    Args:
        kit: where the figure is built.
        melt: chance of one blended skin, which costs about ten times as long to make.
    """

    def __init__(self, kit: Kit, melt: float = 0.3) -> None:
        self.kit = kit
        self.flesh = Flesh(kit.u(0.04, 0.14)) if kit.chance(melt) else None
        self.boxy = self.flesh is None and kit.chance(0.2)  # blocky toys

    def limb(
        self, start: Point, end: Point, radius: float, end_radius: float, look: Material, pair: bool = False
    ) -> None:
        """A tapered limb; with `pair` its mirror image across x = 0 as well."""
        for sign in (1, -1) if pair else (1,):
            a, b = (np.array([sign * p[0], p[1], p[2]]) for p in (start, end))
            if self.flesh is not None:
                self.flesh.limb(a, b, radius, end_radius, look)
            elif self.boxy:
                section = np.array([[0.85, 0.85], [-0.85, 0.85], [-0.85, -0.85], [0.85, -0.85]])
                self.kit.add(
                    tube([a, b + (b - a) * 0.1], np.array([radius, end_radius]), section=section), look
                )
            else:
                self.kit.add(limb(a, b, radius, end_radius, self.kit.sides_for(0.6)), look)

    def egg(self, centre: Point, radii: Point, look: Material) -> None:
        """An ellipsoid."""
        x, y, z = radii
        if self.flesh is not None:
            self.flesh.ellipsoid(np.array(centre), np.array(radii), look)
        elif self.boxy:
            self.kit.add(box(1.8 * x, 1.8 * y, 1.8 * z, 0.25 * min(radii)).move(*centre), look)
        else:
            self.kit.add(ellipsoid(x, y, z, self.kit.sides_for(0.8)).move(*centre), look)

    def finish(self) -> None:
        """Mesh the melted skin, if this body has one; call before adding eyes and clothes."""
        if self.flesh is not None:
            self.flesh.finish(self.kit)


def eyes(kit: Kit, x: float, y: float, z: float, size: float) -> None:
    """A pair of eyes: beads, or white balls with pupils."""
    black = kit.black()
    if kit.chance(0.6):
        kit.pair(ball(size).move(x, y, z), black)
    else:
        kit.pair(ball(size * 1.5).move(x, y, z), kit.white())
        kit.pair(ball(size).move(x * 1.05, y, z + size * 0.9), black)


def _tail(kit: Kit, body: Body, at: Point, length: float, look: Material) -> None:
    x, y, z = at
    kind = kit.whole(0, 3)
    if kind == 0:
        body.limb(at, (0, y - length * 0.3, z - length * 0.18), 0.05, 0.03, look)
    elif kind == 1:
        body.limb(at, (0, y + length * 0.22, z - length * 0.22), 0.07, 0.05, look)
        body.limb(
            (0, y + length * 0.22, z - length * 0.22),
            (0, y + length * 0.42, z - length * 0.16),
            0.05,
            0.03,
            look,
        )
    elif kind == 2:
        body.egg((x, y, z - 0.06), (0.09, 0.09, 0.09), look)
    else:
        body.limb(at, (0, y - length * 0.05, z - length * 0.35), 0.05, 0.14, look)


def _ears(kit: Kit, head: Array, s: float, look: Material) -> None:
    """Pointed, round, floppy or large ears, and at times horns or antlers."""
    x, y, z = 0.0, float(head[1]), float(head[2])
    kind = kit.whole(0, 3)
    if kind == 0:
        part = frustum(s * 0.32, 0.01, s * kit.u(0.6, 1.1), 5).scale(1, 1, 0.5).turn("z", -18)
        kit.pair(part.move(x + s * 0.5, y + s * 0.65, z), look)
    elif kind == 1:
        kit.pair(ellipsoid(s * 0.35, s * 0.35, s * 0.15, 8).move(s * 0.75, y + s * 0.7, z), look)
    elif kind == 2:
        kit.pair(ellipsoid(s * 0.15, s * 0.55, s * 0.3, 8).turn("z", 20).move(s * 0.98, y + s * 0.1, z), look)
    else:
        big = kit.u(0.5, 1.2)
        part = ellipsoid(s * big, s * big * 0.9, s * 0.12, 10).turn("y", -25)
        kit.pair(part.move(s * (0.7 + 0.5 * big), y + s * 0.2, z - s * 0.2), look)
    horn = kit.whole(0, 7)
    if horn == 0:
        path = curve([(s * 0.35, y + s * 0.7, z), (s * 1.0, y + s * 1.0, z), (s * 1.1, y + s * 1.7, z)])
        kit.pair(tube(path, np.linspace(s * 0.2, 0.02, len(path))), kit.white())
    elif horn == 1:
        line = [(s * 0.3, y + s * 0.8, z), (s * 0.7, y + s * 1.6, z - s * 0.2), (s * 0.9, y + s * 2.6, z)]
        stem = curve(line)
        kit.pair(tube(stem, np.linspace(s * 0.14, 0.03, len(stem))), kit.bark())
        part = rod(stem[3], stem[3] + np.array([s * 0.5, s * 0.5, s * 0.3]), s * 0.1, end_radius=0.02)
        kit.pair(part, kit.bark())
    elif horn == 2:
        part = frustum(s * 0.14, 0.01, s * 1.3, 7).turn("x", 35).move(0, y + s * 0.7, z + s * 0.4)
        kit.add(part, kit.metal())


def quadruped(kit: Kit) -> None:
    """Dogs, cats, horses, cows, pigs, sheep, deer, foxes, bears, elephants, giraffes, camels, lions."""
    body, fur = Body(kit), kit.fur()
    dark = fur if kit.chance(0.5) else kit.fur()
    length, girth, tall = kit.u(0.8, 1.4), kit.u(0.2, 0.42), kit.log(0.25, 0.9)
    thick, y, half = kit.u(0.06, 0.12) + 0.12 * girth, tall + girth * 0.7, length / 2
    body.limb(
        (0, y, -half + girth * 0.6),
        (0, y + kit.u(-0.05, 0.12), half - girth * 0.7),
        girth * kit.u(0.8, 1.0),
        girth,
        fur,
    )
    if kit.chance(0.4):
        body.egg((0, y, half * 0.5), (girth * 1.05, girth * 1.1, girth * 1.1), fur)
    _four_legs(kit, body, (tall, thick, girth, y), (half - girth * 0.8, -half + girth * 0.7), fur, dark)
    neck, rise = kit.log(0.12, 0.9), kit.u(20, 80)
    direction = np.array([0.0, np.sin(np.radians(rise)), np.cos(np.radians(rise))])
    base = np.array([0.0, y + girth * 0.35, half - girth * 0.6])
    head = base + direction * (neck + girth * 0.5)
    body.limb(base, head, girth * kit.u(0.5, 0.75), girth * 0.45, fur)
    s = kit.u(0.16, 0.32) * (0.7 + girth)
    body.egg(head, (s, s * kit.u(0.9, 1.1), s * 1.15), fur)
    snout = kit.u(0.3, 1.8) * s
    tip = head + np.array([0, -0.25 * s - 0.25 * snout * kit.u(0, 1), s * 0.7 + snout * 0.7])
    body.limb(
        (0, head[1] - 0.25 * s, head[2] + s * 0.4), tip, s * 0.6, s * kit.u(0.35, 0.55), kit.pick(fur, dark)
    )
    if kit.chance(0.1):  # a trunk
        path = [tip, tip + np.array([0, -0.5 * tall, 0.15]), tip + np.array([0, -0.9 * tall, 0.25])]
        for a, b in ((0, 1), (1, 2)):
            body.limb(path[a], path[b], s * (0.45 - 0.1 * a), s * (0.35 - 0.1 * a), fur)
    _tail(kit, body, (0.0, y + girth * 0.4, -half + girth * 0.1), length, dark)
    body.finish()
    eyes(kit, s * 0.62, float(head[1]) + s * 0.25, float(head[2]) + s * 0.72, s * 0.16)
    part = ellipsoid(s * 0.22, s * 0.17, s * 0.14, 8).move(0, tip[1] + s * 0.15, tip[2] + s * 0.35)
    kit.add(part, kit.black())
    _ears(kit, head, s, dark)
    _coat_extra(kit, y, length, girth, fur, dark)
    if kit.chance(0.12):  # mane
        mane = torus(s * 0.95, s * 0.42, 12, 7).turn("x", 80)
        kit.add(mane.move(0, float(head[1]) - 0.1 * s, float(head[2]) - 0.1 * s), kit.bark())
    if kit.chance(0.12):  # collar
        mid = base + direction * (neck * 0.6 + girth * 0.25)
        kit.add(torus(girth * 0.6, 0.035, 16).turn("x", 90 - rise).move(*mid), kit.accent())


def _four_legs(
    kit: Kit,
    body: Body,
    size: tuple[float, float, float, float],
    ends: tuple[float, float],
    fur: Material,
    dark: Material,
) -> None:
    """Jointed legs, standing or striding. size: leg height and thickness, body girth and height; ends: their z."""
    tall, thick, girth, y = size
    stride = kit.pick(0.0, 0.0, kit.u(0.1, 0.35)) * tall
    for i, z in enumerate(ends):
        for side in (1, -1):
            swing = stride * side * (1 if i == 0 else -1)
            knee = side * girth * 0.62, tall * 0.5, z + swing * 0.3 + (0.06 if i else -0.03)
            body.limb((side * girth * 0.58, y, z), knee, thick * kit.u(1.0, 1.4), thick * 0.8, fur)
            body.limb(knee, (side * girth * 0.62, thick * 0.6, z + swing), thick * 0.8, thick * 0.75, dark)


def _coat_extra(kit: Kit, y: float, length: float, girth: float, fur: Material, dark: Material) -> None:
    """Perhaps wool, humps, a saddle or patches on a body whose middle is at height y."""
    extra = kit.whole(0, 7)
    if extra == 0:
        wool = kit.white()
        for _ in range(12):
            d = kit.rng.normal(size=3) * [0.5 * girth, 0.35 * girth, 0.28 * length]
            lump = lumpy(girth * kit.u(0.45, 0.65), kit.rng, 1, 0.15)
            kit.add(lump.move(d[0], y + 0.15 * girth + d[1], d[2]), wool)
    elif extra == 1:
        hump = ellipsoid(girth * 0.6, girth * 0.7, girth * 0.6, 10).up(y + girth * 0.8)
        for z in kit.pick((0.0,), (-0.2, 0.22)):
            kit.add(hump.move(z=z * length), fur)
    elif extra == 2:
        saddle = superellipsoid(girth * 1.05, girth * 0.6, length * 0.2, 0.6, 12)
        kit.add(saddle.up(y + girth * 0.5), kit.leather())
    elif extra == 3:
        patch = ellipsoid(girth * 0.35, girth * 0.35, girth * 0.45, 8)
        for _ in range(kit.whole(2, 5)):
            a, z = kit.u(0.2, np.pi - 0.2), kit.u(-0.3, 0.3) * length
            kit.add(patch.move(girth * 0.75 * np.cos(a), y + girth * 0.75 * np.sin(a), z), dark)


def bird(kit: Kit) -> None:
    """Song birds, ducks, chickens, penguins, owls, parrots, storks, eagles with spread wings."""
    body, coat, second = Body(kit, 0.25), kit.fur() if kit.chance(0.4) else kit.paint(), kit.accent()
    upright, s = kit.u(0, 80), kit.u(0.28, 0.4)
    length, legs = kit.u(0.25, 0.6), kit.log(0.08, 0.8)
    tilt = np.radians(upright)
    y = legs + s * 0.9 + 0.5 * length * np.sin(tilt) * 0.6
    d = np.array([0.0, np.sin(tilt), np.cos(tilt)])
    middle = np.array([0.0, y, 0.0])
    body.limb(middle - d * length * 0.5, middle + d * length * 0.5, s * kit.u(0.6, 0.9), s, coat)
    belly = kit.white() if kit.chance(0.4) else coat
    if belly is not coat and body.flesh is None and not body.boxy:
        kit.add(ellipsoid(s * 0.8, s * 0.9, s * 0.8, 12).move(0, y - 0.05, s * 0.35), belly)
    neck, start = kit.log(0.05, 0.8), middle + d * length * 0.5
    head = start + np.array([0.0, s * 0.7 + neck, s * 0.3])
    r = s * kit.u(0.5, 0.85)
    body.limb(start, head, s * 0.55, r * 0.7, coat)
    body.egg(head, (r, r, r), coat)
    tail, fan = middle - d * (length * 0.5 + s * 0.5), kit.u(0.2, 0.7)
    body.limb(tail + d * s * 0.3, tail - d * fan * 0.6 + np.array([0, 0.12, 0]), s * 0.3, 0.06, second)
    body.finish()
    beak = kit.colour(0.95, 0.65, 0.15)
    _bird_head(kit, float(head[1]), float(head[2]), r, beak)
    if kit.chance(0.33):
        spread = wing(kit.u(0.7, 1.3), s * 1.3, s * 0.4, kit.u(0.0, 0.4), 0.1, kit.u(-0.1, 0.5))
        kit.pair(spread.move(s * 0.5, y + s * 0.3), second)
    else:
        folded = ellipsoid(s * 0.18, s * 0.55, s * 0.95, 10).turn("x", -upright * 0.8)
        kit.pair(folded.turn("z", kit.pick(0.0, kit.u(0, 25))).move(s * 0.9, y, -0.05), second)
    foot, thick = kit.pick(beak, kit.black()), kit.u(0.025, 0.05)
    kit.pair(rod((s * 0.45, 0.02, 0.02), (s * 0.45, legs + s * 0.5, -0.02), thick), foot)
    toes = extrude([(-0.1, 0.2), (0, -0.05), (0.1, 0.2), (0.0, 0.14)], 0.04).turn("x", 90)
    kit.pair(toes.move(s * 0.45, 0.02, 0.04), foot)


def _bird_head(kit: Kit, y: float, z: float, r: float, beak: Material) -> None:
    """Eyes, a pointed or flat beak, and perhaps a comb."""
    long = r * kit.u(0.5, 1.6)
    if kit.chance(0.6):
        point = frustum(r * 0.35, 0.01, long, 6).turn("x", 90 + kit.u(-5, 20))
        kit.add(point.move(0, y - r * 0.1, z + r * 0.8), beak)
    else:
        kit.add(ellipsoid(r * 0.4, r * 0.14, long * 0.6, 8).move(0, y - r * 0.15, z + r * 0.9), beak)
    eyes(kit, r * 0.55, y + r * 0.3, z + r * 0.68, r * 0.15)
    if kit.chance(0.25):
        red = kit.colour(0.85, 0.12, 0.1)
        for along in (-0.3, 0.0, 0.3):
            kit.add(ellipsoid(r * 0.12, r * 0.3, r * 0.22, 7).move(0, y + r, z + along * r), red)


def plush(kit: Kit) -> None:
    """Sitting toys: teddy bears, rabbits, cats, frogs; owls and fantastic small monsters."""
    body, fur = Body(kit, 0.35), kit.fur() if kit.chance(0.6) else kit.plastic()
    pale = kit.white() if kit.chance(0.5) else fur
    r, head = kit.u(0.36, 0.5), kit.u(0.3, 0.5)
    y = r * 0.95
    body.egg((0, y, 0), (r, r * kit.u(0.95, 1.25), r * 0.9), fur)
    top = y + r + head * 0.6
    body.egg((0, top, 0.05), (head * kit.u(1.0, 1.2), head, head * 0.95), fur)
    if kit.chance(0.75):  # sitting, legs forwards
        body.limb((r * 0.6, 0.2, r * 0.4), (r * 0.8, 0.18, r * 1.2), 0.18, 0.17, fur, pair=True)
    else:
        body.limb((r * 0.5, 0.2, 0), (r * 0.55, -0.3, 0.02), 0.17, 0.15, fur, pair=True)
    arm = kit.pick((r * 1.25, y - 0.1, 0.25), (r * 1.5, y + 0.4, 0.1), (r * 0.9, y - 0.05, 0.4))
    body.limb((r * 0.75, y + r * 0.5, 0.05), arm, 0.13, 0.12, fur, pair=True)
    body.finish()
    if pale is not fur:
        kit.add(ellipsoid(r * 0.7, r * 0.8, r * 0.3, 12).move(0, y, r * 0.68), pale)
    part = ellipsoid(head * 0.42, head * 0.34, head * 0.35, 10).move(0, top - head * 0.25, head * 0.85)
    kit.add(part, pale)
    part = ellipsoid(head * 0.16, head * 0.12, head * 0.12, 8).move(0, top - head * 0.12, head * 1.18)
    kit.add(part, kit.black())
    eyes(kit, head * 0.42, top + head * 0.18, head * 0.86, head * 0.13)
    kind = kit.whole(0, 3)
    if kind == 0:
        kit.pair(ball(head * 0.38, 2).scale(1, 1, 0.6).move(head * 0.8, top + head * 0.75), fur)
    elif kind == 1:
        part = ellipsoid(head * 0.24, head * kit.u(0.7, 1.1), head * 0.15, 10).turn("z", -kit.u(0, 30))
        kit.pair(part.move(head * 0.42, top + head * 1.5), fur)
    elif kind == 2:
        part = frustum(head * 0.35, 0.01, head * 0.7, 5).turn("z", -15).move(head * 0.6, top + head * 0.65)
        kit.pair(part, fur)
    else:
        part = limb((head * 0.4, top + head * 0.7), (head * 0.7, top + head * 1.4), 0.06, 0.11, 8)
        kit.pair(part, kit.accent())
    if kit.chance(0.3):
        kit.add(torus(head * 0.75, 0.07, 16, 7).move(0, top - head * 0.8, 0.03), kit.accent())


FAMILIES: tuple[Choice, ...] = (quadruped, quadruped, bird, plush)
