"""Trees, bushes and potted plants."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid, lumpy
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Array, Part, Points, columns, curve, polar
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import frustum, hollow, lathe
from maquette.train.procedural.vessels import body_outline


def blade(path: Points, widths: Array, thick: float = 0.04) -> Part:
    """A leaf along a path (N, 3): a flat pointed body of the given half-widths (N,), folded along its
    midrib."""
    points = np.asarray(path, dtype=np.float64)
    section = np.array([[1.0, 0.35], [0.0, 1.0], [-1.0, 0.35], [0.0, -0.2]])
    depth = np.full(len(points), thick)
    depth[[0, -1]] *= 0.5
    return tube(points, columns(widths, depth), section=section, up=(0.0, 1.0, 0.0))


def leaf_arc(length: float, rise: float, droop: float, width: float, steps: int = 6) -> Part:
    """A leaf that leaves the origin along +x, rises and droops."""
    t = np.linspace(0, 1, steps)
    path = columns(length * t, rise * np.sin(np.pi * 0.6 * t) - droop * t**2, 0.0)
    return blade(
        path,
        width * np.maximum(np.sin(np.pi * np.minimum(t * 0.9 + 0.08, 1.0)) ** 0.7, 0.08),
        0.12 * width + 0.015,
    )


def _branches(
    kit: Kit,
    start: Array,
    direction: Array,
    length: float,
    radius: float,
    depth: int,
    bark: Material,
    leaf: Material | None,
) -> None:
    """Fork branches from a point, with tufts of leaves at the ends."""
    for _ in range(kit.whole(2, 3)):
        d = direction + kit.rng.normal(size=3) * 0.55
        d /= np.linalg.norm(d)
        d[1] = abs(d[1])
        end = start + d * length * kit.u(0.7, 1.1)
        kit.add(rod(start - d * radius, end, radius, end_radius=radius * 0.6), bark)
        if depth > 1:
            _branches(kit, end, d, length * 0.7, radius * 0.65, depth - 1, bark, leaf)
        elif leaf is not None:
            kit.add(lumpy(length * kit.u(0.5, 0.8), kit.rng, 1, 0.2).move(*end), leaf)


def conifer(kit: Kit) -> None:
    """Firs, pines and cypresses: stacked cones, or one slender body; with or without snow."""
    bark, leaf, h = kit.bark(), kit.leaf(), kit.u(1.4, 2.4)
    base, r = kit.u(0.15, 0.5), kit.u(0.35, 0.75)
    kit.add(frustum(kit.u(0.07, 0.14), 0.06, h * 0.8, kit.sides_for(0.5)), bark)
    tiers, sides = kit.whole(1, 6), kit.pick(kit.sides, 5, 6, 8)
    snow = kit.white() if kit.chance(0.15) else None
    for i in range(tiers):
        t = i / tiers
        low, high = base + (h - base) * t, base + (h - base) * min(t + 1.7 / tiers, 1.0)
        wide, droop = r * (1 - 0.75 * t), kit.pick(0.0, 0.12)
        profile = [(wide * 0.5, droop * 0.6), (wide, -droop * 0.3), (wide * 0.35, (high - low) * 0.55)]
        profile += [(0, high - low)]
        part = (
            lathe(profile if kit.chance(0.5) else [(wide, 0), (0, high - low)], sides)
            .turn("y", kit.u(0, 90))
            .move(kit.u(-0.03, 0.03), low)
        )
        kit.add(part, leaf)
        if snow is not None:
            piece = lathe([(wide * 0.55, (high - low) * 0.42), (0, (high - low) * 1.03)], sides).up(low)
            kit.add(piece, snow)


def trunk(kit: Kit, height: float, radius: float, material: Material, lean: float = 0.0) -> Array:
    """A trunk from the origin; returns the path (N, 3) of its middle."""
    a = kit.u(0, 2 * np.pi)
    points = [(0, -0.02, 0), polar(lean * 0.2, a, height * 0.4)]
    points += [polar(lean, a, height)]
    path = curve(points)
    kit.add(
        tube(
            path,
            np.linspace(radius * kit.u(1.0, 1.6), radius * kit.u(0.5, 0.9), len(path)),
            kit.sides_for(0.45),
        ),
        material,
    )
    return path


def broadleaf(kit: Kit) -> None:
    """Round trees: one ball or a cluster on a trunk with a few branches; bare ones in winter; fruit at
    times."""
    bark, leaf, h = kit.bark(), kit.leaf(), kit.u(0.7, 1.4)
    r = kit.u(0.4, 0.75)
    path = trunk(kit, h, kit.u(0.07, 0.14), bark, kit.u(0.0, 0.25))
    top, level, style = path[-1], kit.pick(1, 2, 2), kit.whole(0, 4)
    if style == 0:
        part = lumpy(1.0, kit.rng, level, kit.u(0.0, 0.35), kit.whole(0, 3)).scale(r, r * kit.u(0.8, 1.5), r)
        kit.add(part.move(top[0], top[1] + r * 0.6, top[2]), leaf)
    elif style <= 2:
        for i in range(kit.whole(3, 9)):
            s = r * kit.u(0.45, 0.8)
            d = kit.rng.normal(size=3) * [0.4, 0.3, 0.4] * r * (i > 0)
            part = lumpy(s, kit.rng, level, 0.2).scale(1, kit.u(0.7, 1.0), 1)
            kit.add(part.move(*(top + d + [0, r * 0.5, 0])), leaf)
    elif style == 3:  # flat crowns
        for i in range(kit.whole(1, 4)):
            s, off = r * kit.u(0.6, 1.1), kit.rng.normal(size=2) * 0.3 * r * (i > 0)
            part = ellipsoid(s, s * kit.u(0.25, 0.4), s, kit.sides_for(0.8))
            kit.add(part.move(top[0] + off[0], top[1] + 0.22 * i, top[2] + off[1]), leaf)
    else:  # bare or sparse branches
        leafy = kit.chance(0.5)
        _branches(
            kit,
            top,
            np.array([0.0, 1.0, 0.0]),
            h * 0.5,
            0.06,
            3 if not leafy else 2,
            bark,
            leaf if leafy else None,
        )
    for _ in range(kit.whole(1, 3) if style != 4 and kit.chance(0.4) else 0):
        at = path[len(path) // 2]
        d = kit.rng.normal(size=3) * [0.35, 0, 0.35] + [0, 0.4, 0]
        kit.add(rod(at, at + d, 0.05, end_radius=0.03), bark)
    if kit.chance(0.2) and style < 3:
        fruit = kit.accent()
        for _ in range(kit.whole(4, 10)):
            d = kit.rng.normal(size=3)
            d /= np.linalg.norm(d)
            kit.add(ball(0.07).move(*(top + d * r * 0.95 + [0, r * 0.55, 0])), fruit)
    if kit.chance(0.2):
        kit.add(kit.disc(r * kit.u(0.6, 1.1), 0.08).up(-0.06), kit.colour(0.4, 0.6, 0.3))


def palm(kit: Kit) -> None:
    """Palms, ferns, agaves and grass tufts: arching blades around a centre."""
    leaf, kind = kit.leaf(), kit.whole(0, 2)
    if kind == 0:
        h, lean = kit.u(1.2, 2.2), kit.u(0.0, 0.6)
        path = trunk(kit, h, kit.u(0.07, 0.11), kit.bark(), lean)
        top, count, length = path[-1], kit.whole(5, 9), kit.u(0.7, 1.1)
        for i in range(count):
            part = leaf_arc(length * kit.u(0.85, 1.1), kit.u(0.15, 0.4), kit.u(0.4, 0.9), kit.u(0.1, 0.16))
            kit.add(part.turn("y", 360 * i / count + kit.u(-15, 15)).move(*top), leaf)
        nut = kit.bark()
        for i in range(kit.whole(0, 4)):
            part = ball(0.09)
            part = part.move(top[0] + 0.1 * np.cos(i * 2.0), top[1] - 0.08, top[2] + 0.1 * np.sin(i * 2.0))
            kit.add(part, nut)
    else:
        count, length, upright = kit.whole(6, 14), kit.u(0.5, 0.9), kit.u(0.1, 1.0)
        for i in range(count):
            part = leaf_arc(
                length * kit.u(0.7, 1.2), kit.u(0.2, 0.6) + upright, kit.u(0.0, 0.5), kit.u(0.04, 0.12), 5
            )
            kit.add(part.turn("y", 137.5 * i), leaf)
        if kind == 2:
            piece = kit.hollow(body_outline(kit, 0.7), 0.06, 0.1).scale(0.9, 0.9, 0.9).up(-0.6)
            kit.add(piece, kit.ceramic())
            kit.add(kit.disc(0.36, 0.1).up(-0.12), kit.bark())


def cactus(kit: Kit) -> None:
    """Column, ball and paddle cacti, in the ground or in a pot."""
    leaf = kit.colour_of((0.25, 0.5, 0.25), (0.4, 0.6, 0.35), (0.3, 0.55, 0.45))
    kind, y = kit.whole(0, 2), 0.0
    if kit.chance(0.5):
        kit.add(kit.hollow([(0.28, 0), (0.38, 0.42), (0.42, 0.42), (0.42, 0.52)], 0.06, 0.08), kit.brick())
        kit.add(kit.disc(0.34, 0.1).up(0.34), kit.bark())
        y = 0.4
    ribs = kit.pick(kit.sides_for(0.8), 6, 8)
    if kind == 0:
        h, r = kit.u(0.7, 1.7), kit.u(0.13, 0.24)
        kit.add(limb((0, y + r * 0.3), (0, y + h), r, r * 0.85, ribs), leaf)
        for side in kit.pick((-1,), (1,), (-1, 1), (-1, 1), ()):
            low, out, up = h * kit.u(0.3, 0.6), r + kit.u(0.15, 0.3), kit.u(0.25, 0.6)
            line = [(0, y + low, 0), (side * out * 0.8, y + low + 0.02, 0), (side * out, y + low + 0.15, 0)]
            line += [(side * out, y + low + up, 0)]
            path = curve(line)
            kit.add(tube(path, r * 0.6, ribs), leaf)
            kit.add(ball(r * 0.6).move(side * out, y + low + up), leaf)
    elif kind == 1:
        r = kit.u(0.28, 0.4)
        kit.add(ellipsoid(r, r * kit.u(0.8, 1.4), r, ribs).up(y + r * 0.7), leaf)
        for i in range(kit.whole(0, 3)):
            kit.add(ball(r * 0.45).move(*polar(r * 0.9, 2.1 * i, y + r * 0.7)), leaf)
    else:
        pads = [(np.array([0.0, y + 0.3, 0.0]), 0.0)]
        for _ in range(kit.whole(2, 5)):
            at, tilt = pads[kit.whole(0, len(pads) - 1)]
            tilt2 = tilt + kit.u(-55, 55)
            d = np.array([-np.sin(np.radians(tilt2)), np.cos(np.radians(tilt2)), kit.u(-0.2, 0.2)])
            pads.append((at + d * 0.45, tilt2))
        for at, tilt in pads:
            kit.add(ellipsoid(0.2, 0.3, 0.08, 12).turn("z", tilt).move(*at), leaf)
    if kit.chance(0.4):
        top = kit.height()
        kit.around(ellipsoid(0.1, 0.035, 0.05, 7).move(0.07, top), kit.accent(), 5)


def potted_plant(kit: Kit) -> None:
    """House plants: broad leaves, ball trees and trailing leaves in pots."""
    height = kit.u(0.5, 0.9)
    outline, pot = body_outline(kit, height), kit.pick(kit.ceramic, kit.brick, kit.wood)()
    kit.add(hollow(outline, 0.06, 0.1, kit.pick(kit.sides, kit.sides, 4, 6)), pot)
    kit.add(kit.disc(float(outline[-1, 0]) * 0.8, 0.05).up(height * 0.85), kit.bark())
    leaf, y, kind = kit.leaf(), height * 0.85, kit.whole(0, 3)
    if kind == 0:
        for i in range(kit.whole(5, 10)):
            stem, a = kit.u(0.4, 0.9), np.radians(137.5 * i)
            tip = np.array([0.35 * stem * np.cos(a), y + stem, 0.35 * stem * np.sin(a)])
            kit.add(rod((0, y, 0), tip, 0.025, 5), leaf)
            part = leaf_arc(kit.u(0.35, 0.55), 0.1, kit.u(0.05, 0.3), kit.u(0.14, 0.24))
            kit.add(part.turn("y", -137.5 * i).move(*tip), leaf)
    elif kind == 1:
        h = kit.u(0.4, 0.9)
        kit.add(rod((0, y), (0, y + h), 0.05), kit.bark())
        for i in range(kit.whole(1, 3)):
            r = kit.u(0.3, 0.45) * (1 - 0.25 * i)
            kit.add(lumpy(r, kit.rng, 2, kit.u(0.0, 0.2)).up(y + h + 0.5 * i), leaf)
    elif kind == 2:
        for i in range(kit.whole(6, 10)):
            part = leaf_arc(kit.u(0.5, 0.9), kit.u(0.5, 1.2), kit.u(0.0, 0.8), kit.u(0.06, 0.12))
            kit.add(part.turn("y", 137.5 * i).up(y), leaf)
    else:
        petal = kit.accent() if kit.chance(0.6) else None
        for _ in range(kit.whole(5, 9)):
            at = kit.rng.normal(size=3) * [0.25, 0.12, 0.25]
            at[1] = y + 0.15 + abs(at[1])
            r = kit.u(0.18, 0.3)
            kit.add(lumpy(r, kit.rng, 1, 0.3).move(*at), leaf)
            if petal is not None:
                kit.add(ball(0.07).move(at[0] + r * 0.5, at[1] + r * 0.75, at[2] + r * 0.4), petal)


FAMILIES: tuple[Choice, ...] = (conifer, broadleaf, broadleaf, palm, cactus, potted_plant)
