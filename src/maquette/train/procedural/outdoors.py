"""Temples, tents and scenery."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid, globe
from maquette.train.procedural.boxes import box, extrude, rectangle, stack, tapered_box
from maquette.train.procedural.buildings import add_gable, hip, opening
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import arch, columns, curve, polar
from maquette.train.procedural.swept import limb, rod
from maquette.train.procedural.turned import disc, frustum, hollow, lathe, torus


def temple(kit: Kit) -> None:
    """Greek temple."""
    stone = kit.pick(kit.stone, kit.plaster)()
    w, d, h = kit.u(0.9, 1.3), kit.u(1.0, 1.9), kit.u(0.6, 0.9)
    for i in range(3):
        kit.box(stone, (w + 0.3 - 0.1 * i, 0.07, d + 0.3 - 0.1 * i), (0, 0.07 * i, 0))
    r, base = kit.u(0.05, 0.08), 0.2
    outline = [(r * 1.4, 0), (r * 1.4, 0.05), (r, 0.06), (r * 0.8, h - 0.05), (r * 1.4, h)]
    column = lathe(outline, kit.pick(6, 8, 12))
    for x in np.linspace(-1, 1, kit.whole(3, 6)) * (w / 2 - r):
        kit.pair(column.move(x, base, d / 2 - r), stone, "z")
    for z in np.linspace(-1, 1, kit.whole(3, 6))[1:-1] * (d / 2 - r):
        kit.pair(column.move(w / 2 - r, base, z), stone)
    if kit.chance(0.6):
        kit.add(box(w * 0.6, h, d * 0.65).up(base + h / 2), stone)
    kit.box(stone, (w + 0.1, 0.12, d + 0.1), (0, base + h - 0.01, 0))
    top = kit.brick() if kit.chance(0.4) else stone
    at = 0, base + h + 0.1, 0
    add_gable(kit, (w + 0.1, kit.u(0.2, 0.35), d + 0.1), 0.05, 0.05, stone, top, at)


def pyramid(kit: Kit) -> None:
    """Pyramid, smooth or stepped."""
    stone = kit.pick(kit.stone, kit.plaster)()
    r, h, steps = 0.9, kit.u(0.7, 1.2), kit.whole(3, 8)
    if kit.chance(0.4):
        kit.add(frustum(r, kit.pick(0.0, 0.12), h, 4), stone)
    else:
        for i in range(steps):
            s = r * (1 - i / (steps + 0.3))
            kit.add(box(2 * s, h / steps * 1.02, 2 * s).up((i + 0.5) * h / steps), stone)
        if kit.chance(0.6):
            kit.add(tapered_box((0.4, 2.15 * r), (0.3, 0.3), h).up(0.01), stone)
            kit.box(kit.stone(), (0.4, 0.25, 0.4), (0, h, 0))
    opening(kit, (0.2, 0.2), (0, 0, r * 0.97), "front", stone, kit.black(), False)


def rotunda(kit: Kit) -> None:
    """Gazebo or rotunda."""
    stone = kit.pick(kit.stone, kit.plaster)()
    r, h, count = kit.u(0.5, 0.7), kit.u(0.6, 0.9), kit.whole(4, 8)
    kit.add(disc(r * 1.2, 0.1, count), stone)
    kit.around(rod((r, 0.08), (r, h), kit.u(0.035, 0.07), 8), stone, count, 180 / count)
    tiles = kit.pick(kit.accent, kit.brick)()
    part = kit.pick(frustum(r * 1.3, 0.02, kit.u(0.3, 0.6), count), kit.dome(r * 1.15, kit.u(0.3, 0.6)))
    kit.add(part.up(h + 0.04), tiles)
    kit.add(kit.disc(r * 1.15, 0.08).up(h - 0.02), stone)
    if kit.chance(0.5):
        kit.add(torus(r, 0.03, count * 2, 5).up(0.4), stone)


def obelisk(kit: Kit) -> None:
    """Obelisk or gravestone."""
    stone = kit.pick(kit.stone, kit.plaster)()
    if kit.chance(0.5):
        h = kit.u(1.2, 2.0)
        for i in range(kit.whole(1, 3)):
            kit.box(stone, (0.8 - 0.18 * i, 0.14, 0.8 - 0.18 * i), (0, 0.13 * i, 0))
        kit.add(lathe([(0.17, 0), (0.11, h), (0, h + 0.2)], 4).up(0.2), stone)
    else:
        w, h, t = kit.u(0.5, 0.7), kit.u(0.6, 1.0), kit.u(0.12, 0.2)
        outline = [*arch(w / 2, w / 2 * kit.pick(1.0, 0.4), 9, h), (-w / 2, 0), (w / 2, 0)]
        kit.add(extrude(outline, t, 0.02), stone)
        kit.box(kit.stone(), (w * 1.3, 0.1, t * 2.2))
        if kit.chance(0.5):
            kit.add(box(0.06, 0.4, t * 1.3).up(h * 0.75), kit.stone())
            kit.add(box(0.24, 0.06, t * 1.3).up(h * 0.82), kit.stone())
        if kit.chance(0.5):
            kit.box(kit.colour(0.4, 0.32, 0.2), (w * 1.2, 0.12, 1.2), (0, -0.04, 0.65))


def fountain(kit: Kit) -> None:
    """Fountain."""
    stone, r = kit.pick(kit.stone, kit.plaster)(), kit.u(0.7, 0.9)
    kit.add(hollow([(r, 0), (r, 0.25)], 0.1, 0.08, kit.pick(kit.sides, 6, 8)), stone)
    water = kit.colour(0.4, 0.7, 0.9)
    kit.add(kit.disc(r - 0.08, 0.05).up(0.12), water)
    kit.add(kit.lathe([(0.16, 0), (0.09, 0.15), (0.09, 0.6), (0.14, 0.65)]), stone)
    kit.add(kit.hollow(curve([(0.12, 0), (0.35, 0.08), (0.45, 0.2)]), 0.06, 0.06).up(0.6), stone)
    kit.add(kit.disc(0.37, 0.04).up(0.7), water)
    if kit.chance(0.6):
        kit.add(frustum(0.06, 0.05, 0.4, 8).up(0.65), stone)
        kit.add(kit.hollow(curve([(0.08, 0), (0.2, 0.06), (0.25, 0.13)]), 0.04, 0.04).up(1.0), stone)
    kit.add(ellipsoid(0.09, 0.12, 0.09, 10).up(kit.height() + 0.02), kit.pick(stone, water))


def ridge_tent(kit: Kit) -> None:
    """Ridge tent, hollow."""
    cloth = kit.cloth()
    w, h, d, t = kit.u(0.9, 1.3), kit.u(0.6, 0.9), kit.u(1.1, 1.6), 0.06
    outline = [(-w / 2, 0), (0, h), (w / 2, 0), (w / 2 - 2.2 * t, 0), (0, h - 2.5 * t), (-w / 2 + 2.2 * t, 0)]
    kit.add(extrude(outline, d), cloth)
    kit.add(extrude([(-w / 2 + t, 0), (w / 2 - t, 0), (0, h - t)], 0.05).move(z=-d / 2 + 0.04), kit.accent())
    kit.pair(rod((0, 0, d / 2 - 0.05), (0, h + 0.08, d / 2 - 0.05), 0.03), kit.wood(), "z")


def tipi(kit: Kit) -> None:
    """Tipi."""
    cloth, h, r = kit.cloth(), kit.u(1.1, 1.6), kit.u(0.5, 0.7)
    kit.add(lathe([(r, 0), (0.06, h)], kit.pick(6, 8, kit.sides)), cloth)
    for i in range(kit.whole(3, 6)):
        kit.add(rod((0, h * 0.8, 0), polar(0.2, i * 1.9, h * 1.22), 0.025, 5), kit.wood())
    door = [(-r * 0.32, 0.0), (r * 0.32, 0.0), (0.0, h * 0.5)]
    kit.add(extrude(door, 0.05).turn("x", -np.degrees(np.arctan2(r, h))).move(z=r * 0.98), kit.black())


def igloo(kit: Kit) -> None:
    """Igloo."""
    r, snow = kit.u(0.6, 0.8), kit.white()
    kit.add(kit.dome(r, r * kit.u(0.75, 1.0), 5), snow)
    arch = np.linspace(0, np.pi, 9)
    tunnel = np.concatenate(
        [
            columns(0.28 * np.cos(arch), 0.36 * np.sin(arch)),
            columns(-0.18 * np.cos(arch), 0.26 * np.sin(arch)),
        ]
    )
    kit.add(extrude(tunnel, 0.45).move(z=r + 0.05), snow)
    part = extrude([(0.2 * float(np.cos(a)), 0.27 * float(np.sin(a))) for a in arch], 0.05).move(z=r - 0.02)
    kit.add(part, kit.black())


def market_stall(kit: Kit) -> None:
    """Market stall."""
    w, d, h, wood = kit.u(1.1, 1.6), kit.u(0.7, 0.9), kit.u(1.0, 1.2), kit.wood()
    kit.four(box(0.07, h, 0.07).move(w / 2 - 0.05, h / 2, d / 2 - 0.05), wood)
    kit.box(wood, (w, 0.45, d * 0.85))
    part = kit.pick(hip(w, 0.4, d, 0.12), tapered_box((w * 1.15, d * 1.3), (w * 1.1, d * 0.2), 0.35))
    kit.add(part.up(h - 0.02), kit.cloth())
    for x in np.linspace(-0.38, 0.38, kit.whole(2, 4)) * w:
        goods = kit.accent()
        for _ in range(kit.whole(2, 4)):
            s = kit.u(0.07, 0.1)
            kit.add(globe(s, 7).move(x + kit.u(-0.1, 0.1), 0.5, kit.u(-0.25, 0.25) * d), goods)


def camp_fire(kit: Kit) -> None:
    """Camp fire."""
    count = kit.whole(5, 7)
    kit.around(limb((0.5, 0.06), (0.02, 0.42), 0.08, 0.06, 7), kit.bark(), count)
    kit.around(ball(0.13).scale(1, 0.8, 1.1).move(0.68, 0.05), kit.stone(), count + 3)
    for r, y, c in ((0.25, 0.45, (0.95, 0.35, 0.1)), (0.15, 0.6, (1.0, 0.8, 0.2))):
        part = lathe(curve([(r * 0.5, 0), (r, 0.2), (r * 0.5, y), (0.01, y + 0.35)]), 7).up(0.1)
        kit.add(part, kit.colour(*c))


def arch_wall(kit: Kit) -> None:
    """A wall piece with an opening."""
    stone, w, h = kit.pick(kit.stone, kit.brick, kit.wood)(), kit.u(1.2, 2.0), kit.u(0.9, 1.5)
    t, half, spring = kit.u(0.12, 0.3), w * kit.u(0.15, 0.3), h * kit.u(0.3, 0.6)
    arch = np.linspace(np.pi, 0, 9) if kit.chance(0.6) else np.array([np.pi, 0.0])
    rise = min(half, h * 0.85 - spring)
    outline = [(-w / 2, 0.0), (-half, 0.0)]
    outline += [(half * float(np.cos(a)), spring + rise * float(np.sin(a))) for a in arch]
    outline += [(half, 0.0), (w / 2, 0.0), (w / 2, h), (-w / 2, h)]
    kit.add(extrude(outline, t), stone)
    if kit.chance(0.5):
        kit.box(stone, (w * 1.05, 0.1, t * 1.3), (0, h - 0.02, 0))
    if kit.chance(0.4):
        for x in np.arange(-w / 2 + 0.1, w / 2, 0.3):
            kit.box(stone, (0.15, 0.15, t), (x, h, 0))
    if kit.chance(0.4):
        kit.pair(kit.block((t * 1.4, h * 1.1, t * 1.6), (w / 2, 0, 0)), stone)


def ruin(kit: Kit) -> None:
    """Dolmen or ruin columns."""
    stone, count = kit.pick(kit.stone, kit.brick, kit.wood)(), kit.whole(2, 5)
    for i in range(count):
        h, r = kit.u(0.4, 1.3), kit.u(0.1, 0.16)
        a = 2 * np.pi * i / count
        outline = [(r * 1.4, 0), (r * 1.4, 0.08), (r, 0.1), (r * 0.9, h)]
        kit.add(lathe(outline, kit.sides_for(0.8)).move(*polar(0.6, a, 0.05)), stone)
    kit.add(kit.disc(0.95, 0.1), kit.stone())
    if kit.chance(0.4):
        kit.add(lathe([(0.13, 0), (0.12, 0.7)], 10).turn("z", 85).move(0.3, 0.2, 0.1), stone)


def box_pile(kit: Kit) -> None:
    """A pile of boxes."""
    for level in range(kit.whole(2, 3)):
        for _ in range(3 - level):
            s = kit.u(0.35, 0.55)
            part = kit.block((s, s * kit.u(0.7, 1.1), s * kit.u(0.8, 1.3))).turn("y", kit.u(-20, 20))
            piece = part.move(kit.u(-0.5, 0.5) * (1 - 0.3 * level), 0.42 * level, kit.u(-0.3, 0.3))
            kit.add(piece, kit.pick(kit.wood, kit.accent)())


def platform(kit: Kit) -> None:
    """Floating or grassy platform block with things on it."""
    stone = kit.pick(kit.stone, kit.brick, kit.wood)()
    w, d, h = kit.u(0.8, 1.6), kit.u(0.8, 1.3), kit.u(0.3, 0.9)
    kit.add(
        stack([rectangle(w * 0.4, d * 0.4), rectangle(w, d)], [-h, 0.0])
        if kit.chance(0.4)
        else box(w, h, d).up(-h / 2),
        stone,
    )
    kit.box(kit.leaf(), (w * 1.06, 0.14, d * 1.06), (0, -0.04, 0))
    for _ in range(kit.whole(0, 4)):
        x, z, s = kit.u(-0.4, 0.4) * w, kit.u(-0.4, 0.4) * d, kit.u(0.08, 0.2)
        kit.add(disc(0.03, 0.2, 5).move(x, 0.08, z), kit.bark())
        kit.add(kit.pick(ball(s), frustum(s, 0, s * 2.4, 7)).move(x, 0.2 + s * 0.5, z), kit.leaf())


FAMILIES: tuple[Choice, ...] = (
    (temple, pyramid, rotunda, obelisk, fountain),
    (ridge_tent, tipi, igloo, market_stall, camp_fire),
    (arch_wall, ruin, box_pile, platform),
)
