"""Hats, shoes, glasses and other things to wear."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.aircraft import fuselage
from maquette.train.procedural.balls import ball, ellipsoid
from maquette.train.procedural.boxes import box, extrude, stack
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import Part, columns, curve
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, frustum, hollow, lathe, torus


def brimmed_hat(kit: Kit) -> None:
    """Hats with a brim."""
    cloth, r, h = kit.cloth(), 0.4, kit.u(0.25, 0.8)
    brim, top = kit.u(0.15, 0.5), kit.u(0.6, 1.15)
    crown = (
        [(r, 0.0), (r * (0.5 + top / 2), h * 0.6), (r * top, h)]
        if kit.chance(0.6)
        else curve([(r, 0.0), (r * 0.95, h * 0.6), (r * 0.1, h)], 4)
    )
    if kit.chance(0.15):
        crown = [(r, 0.0), (0.02, kit.u(0.9, 1.4))]
    kit.add(kit.lathe([(r + brim, 0.0), (r + brim, 0.05), (r, 0.05), *[tuple(p) for p in crown[1:]]]), cloth)
    kit.add(kit.lathe([(r * 1.03, 0.03), (r * 1.02, 0.16)]), kit.accent())
    if kit.chance(0.4):
        curl = kit.u(0.1, 0.35)
        kit.reshape(lambda p: p.shift("y", lambda v: curl * np.maximum(np.abs(v[:, 0]) - r, 0) * 1.2))


def cap(kit: Kit) -> None:
    """Cap or beanie."""
    cloth, r = kit.cloth(), 0.45
    kit.add(kit.dome(r, kit.u(0.35, 0.5), 5), cloth)
    if kit.chance(0.6):
        part = kit.disc(r * 0.85, 0.05).scale(1, 1, 1.0).turn("x", 8).move(0, 0.02, r * 0.75)
        kit.add(part, kit.pick(cloth, kit.accent()))
        kit.add(ball(0.05).up(kit.height()), kit.accent())
    else:
        kit.add(torus(r, 0.09, kit.sides, 8).up(0.05), kit.accent())
        kit.add(ball(0.14, 2).up(kit.height() + 0.02), kit.accent())


def shoes(kit: Kit) -> None:
    """Shoes and boots, one or a pair."""
    cloth, sole, tall = kit.cloth(), kit.white(), kit.pick(0.25, 0.25, kit.u(0.5, 1.1))
    heel, mark = kit.pick(0.0, 0.0, kit.u(0.15, 0.35)), kit.mark()
    foot = [(-0.45, 0.16, 0.2, 0.2), (-0.2, 0.2, 0.22, 0.22), (0.2, 0.21, 0.16, 0.17)]
    foot += [(0.5, 0.17, 0.11, 0.12), (0.62, 0.05, 0.05, 0.07)]
    kit.add(fuselage([(z, w, hh, y + 0.05) for z, w, hh, y in foot], 12, 0.8), cloth)
    piece = hollow([(0.2, 0), (0.21, tall * 0.5), (0.24, tall)], 0.05, tall * 0.5, kit.sides_for(0.8))
    kit.add(piece.scale(1, 1, 1.15).move(0, 0.18, -0.2), cloth)
    outline = curve([(0.0, -0.5), (0.2, -0.35), (0.16, 0.05), (0.23, 0.4), (0.0, 0.68)])
    outline = np.concatenate([outline, (outline * [-1, 1])[::-1][1:-1]])
    kit.add(stack([outline, outline], [-0.02, 0.09]), sole)
    if heel > 0:
        kit.reshape(lambda p: p.shift("y", lambda v: heel / (1 + np.exp(8 * (v[:, 2] - 0.1)))), mark)
        kit.add(frustum(0.06, 0.14, heel, 8).move(z=-0.38), sole)
    else:
        for z in (0.05, 0.16, 0.27):
            kit.add(limb((-0.1, 0.37 - 0.5 * z, z), (0.1, 0.37 - 0.5 * z, z), 0.025, sides=5), sole)
    if kit.chance(0.4):
        kit.reshape(lambda p: p.move(0.3))
        for part, m in list(kit.parts):
            kit.add(part.mirror(), m)


def shirt(kit: Kit) -> None:
    """T-shirt, jumper, dress as thick cloth."""
    cloth = kit.cloth()
    w, h, t = kit.u(0.35, 0.45), kit.u(0.8, 1.3), kit.u(0.14, 0.26)
    flare, sleeve, drop = kit.u(1.0, 1.8), kit.u(0.3, 0.8), kit.u(0.1, 0.6)
    right = [(0.14, h), (w, h - 0.05), (w + sleeve, h - 0.1 - drop), (w + sleeve - 0.12, h - 0.28 - drop)]
    right += [(w, h - 0.32), (w * flare, 0.0)]
    outline = np.array(right + [(-x, y) for x, y in right[::-1]])
    kit.add(extrude(outline, t, 0.03), cloth)
    if kit.chance(0.5):
        kit.add(box(w, w * 0.7, t * 1.05, 0.01).up(h * 0.6), kit.accent())


def glasses(kit: Kit) -> None:
    """Glasses."""
    r, rim = kit.u(0.25, 0.34), kit.pick(kit.black, kit.plastic, kit.metal)()
    sides = kit.pick(kit.sides, 16, 4)
    kit.pair(torus(r, 0.045, sides).turn("x", 90).move(0.38), rim)
    if kit.chance(0.6):
        kit.pair(disc(r, 0.04, sides).turn("x", 90).move(0.38, 0, -0.02), kit.window())
    kit.add(tube(curve([(-0.12, 0.05, 0), (0, 0.12, 0.02), (0.12, 0.05, 0)]), 0.04), rim)
    part = tube(curve([(0.64, 0.05, 0), (0.68, 0.05, -0.6), (0.68, -0.15, -0.85)]), 0.035, up=(1, 0, 0))
    kit.pair(part, rim)


def _canopy(radius: float, height: float, ribs: int) -> Part:
    """An umbrella's roof: a thick open shell with its rim at y = 0."""
    angle = np.linspace(0.0, 1.15, 6)
    outer = columns(
        radius * np.sin(angle) / np.sin(1.15), height * (np.cos(angle) - np.cos(1.15)) / (1 - np.cos(1.15))
    )
    inner = outer - [0.0, 0.06]
    return lathe(np.concatenate([outer, inner[::-1]]), ribs)


def umbrella(kit: Kit) -> None:
    """Umbrella, open or closed."""
    cloth = kit.cloth()
    if kit.chance(0.7):
        r, h = kit.u(0.7, 0.9), kit.u(0.3, 0.5)
        kit.add(_canopy(r, h, kit.pick(6, 8, 10)).up(1.0), cloth)
        kit.add(rod((0, 0.05), (0, 1.12 + h), 0.028), kit.metal())
        kit.add(tube(curve([(0, 0.1), (0, -0.1), (0.12, -0.2), (0.22, -0.08)]), 0.045, 7), kit.wood())
    else:
        kit.add(lathe(curve([(0.02, 0), (0.12, 0.15), (0.15, 0.5), (0.06, 1.0)]), 8), cloth)
        kit.add(rod((0, -0.12), (0, 1.3), 0.025), kit.metal())
        kit.add(tube(curve([(0, 1.25), (0, 1.4), (0.12, 1.5), (0.22, 1.36)]), 0.045, 7), kit.wood())


def crown_or_ring(kit: Kit) -> None:
    """Crown or ring."""
    gold = kit.metal()
    if kit.chance(0.6):
        count, r = kit.whole(4, 8), 0.5
        outline = [(r, 0), (r * 1.02, 0.2), (r * 0.9, 0.2), (r * 0.88, 0)]
        kit.add(lathe(outline, max(kit.sides, 12), closed=True), gold)
        spike = extrude([(-0.14, 0), (0.14, 0), (0, kit.u(0.25, 0.45))], 0.07).move(0, 0.18, r * 0.95)
        kit.around(spike, gold, count)
        kit.around(ball(0.06).move(0, 0.1, r * 1.02), kit.accent(), count)
    else:
        kit.add(torus(0.45, kit.u(0.06, 0.1), max(kit.sides, 14), 8).turn("x", 90), gold)
        part = lathe([(0.0, 0), (0.18, 0.16), (0.12, 0.26), (0, 0.27)], kit.pick(6, 8)).up(0.46)
        kit.add(part, kit.glass())
        kit.around(rod((0.05, 0.45), (0.15, 0.66), 0.025, 5), gold, 4)


def mask(kit: Kit) -> None:
    """Mask, skull-like head, mannequin bust."""
    cloth = kit.cloth()
    kit.add(ellipsoid(0.42, 0.55, 0.42, kit.sides), cloth)
    kit.pair(ellipsoid(0.1, 0.1, 0.06, 10).move(0.16, 0.08, 0.38), kit.black())
    kit.add(frustum(0.08, 0.02, 0.25, 6).turn("x", -35).move(0, -0.12, 0.4), cloth)
    if kit.chance(0.5):
        part = kit.lathe(curve([(0.6, -1.1), (0.5, -0.85), (0.16, -0.7), (0.15, -0.4)])).scale(1, 1, 0.6)
        kit.add(part, kit.stone())
        kit.box(kit.wood(), (0.6, 0.15, 0.5), (0, -1.22, 0))
    else:
        kit.pair(limb((0.2, 0.4), (0.45, 0.85), 0.12, 0.03, 8), kit.white())
        kit.add(box(0.25, 0.05, 0.1).move(0, -0.3, 0.34), kit.black())


FAMILIES: tuple[Choice, ...] = (
    (brimmed_hat, brimmed_hat, cap, shoes, shirt, glasses, umbrella, crown_or_ring, mask),
)
