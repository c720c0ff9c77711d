"""Tables and storage: what is made of boards and stands on legs."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ellipsoid, globe, superellipsoid
from maquette.train.procedural.boxes import box, extrude, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import arch, curve
from maquette.train.procedural.seats import four_legs, leg, pedestal
from maquette.train.procedural.swept import rod, tube
from maquette.train.procedural.turned import lathe, torus


def drawers(
    kit: Kit,
    size: tuple[float, float, float],
    at: tuple[float, float, float],
    body: Material,
    front: Material,
    count: int,
) -> None:
    """A block with `count` drawer fronts and knobs or bars; `at` is the middle of its bottom."""
    w, h, d = size
    x, y, z = at
    kit.box(body, size, at)
    knob, kind, row = kit.pick(kit.metal, kit.black, kit.wood)(), kit.whole(0, 2), h / count
    for i in range(count):
        bottom = y + row * (i + 0.06)
        kit.box(front, (w * 0.9, row * 0.86, 0.05), (x, bottom, z + d / 2))
        middle = bottom + row * 0.43
        if kind == 0:
            kit.add(globe(0.035).move(x, middle, z + d / 2 + 0.045), knob)
        elif kind == 1:
            kit.box(knob, (w * 0.35, 0.035, 0.05), (x, middle, z + d / 2 + 0.04))
        else:
            for side in (-1, 1):
                kit.add(globe(0.03, 6).move(x + side * w * 0.25, middle, z + d / 2 + 0.045), knob)


def table(kit: Kit) -> None:
    """Dining, coffee, side and trestle tables: rectangular, square or round."""
    width, depth, height = kit.log(0.9, 2.6), kit.u(0.8, 1.2), kit.log(0.4, 1.1)
    frame = kit.pick(kit.wood, kit.wood, kit.metal, kit.plastic)()
    top = frame if kit.chance(0.6) else kit.pick(kit.wood, kit.glass, kit.stone)()
    slab = kit.u(0.05, 0.14)
    if kit.chance(0.4):  # round
        r = kit.u(0.45, 0.75)
        kit.add(kit.disc(r, slab, kit.soft * slab).up(height), top)
        if kit.chance(0.5):
            pedestal(kit, height + 0.01, r * kit.u(0.5, 0.8), frame)
        else:
            inward = kit.u(-0.25, 0.2)
            foot = rod(
                (r * 0.75 + inward, 0), (r * 0.72, height + 0.01), kit.u(0.035, 0.07), kit.sides_for(0.4)
            )
            kit.around(foot, frame, kit.whole(3, 4), 45)
        if kit.chance(0.2):
            kit.add(kit.disc(r * 0.75, slab * 0.7).up(height * 0.35), top)
    else:
        kit.box(top, (width, slab, depth), (0, height, 0))
        kind = kit.whole(0, 4)
        if kind <= 2:
            four_legs(kit, width, depth, height + 0.01, frame)
            if kit.chance(0.4):
                kit.box(frame, (width * 0.86, kit.u(0.06, 0.15), depth * 0.82), (0, height - 0.12, 0))
            if kit.chance(0.25):
                kit.box(top, (width * 0.88, slab * 0.7, depth * 0.85), (0, height * kit.u(0.15, 0.4), 0))
        elif kind == 3:  # panel ends
            t, deep = kit.u(0.06, 0.14), depth * kit.u(0.6, 1.0)
            kit.pair(kit.block((t, height + 0.01, deep), (width * kit.u(0.35, 0.5) - t / 2, 0, 0)), frame)
            kit.box(frame, (width * 0.7, t, t), (0, height * 0.4, 0))
        else:  # crossed trestles
            x, t = width * 0.38, kit.u(0.05, 0.09)
            for sign in (-1, 1):
                cross = rod((0, 0, -sign * depth * 0.42), (0, height + 0.02, sign * depth * 0.3), t, 4)
                kit.pair(cross.move(x), frame)
            kit.add(rod((-x, height * 0.52), (x, height * 0.52), t * 0.8, 4), frame)
    if kit.chance(0.12):  # a cloth with hanging edges
        kit.add(
            tapered_box(
                (width * 1.06, depth * 1.06), (width * 1.02, depth * 1.03), slab * 1.5 + kit.u(0.05, 0.3)
            ).up(height - 0.06),
            kit.cloth(),
        )


def desk(kit: Kit) -> None:
    """Desks and dressing tables with drawers on one or both sides, sometimes with a mirror or a shelf."""
    width, depth, height, slab = kit.u(1.4, 2.2), kit.u(0.7, 1.0), kit.u(0.75, 1.0), kit.u(0.05, 0.1)
    wood = kit.pick(kit.wood, kit.wood, kit.plastic)()
    front = wood if kit.chance(0.5) else kit.accent()
    kit.box(wood, (width, slab, depth), (0, height, 0))
    sides, block = kit.pick((1,), (-1,), (-1, 1)), width * kit.u(0.2, 0.32)
    for side in sides:
        x = side * (width / 2 - block / 2 - 0.03)
        drawers(kit, (block, height, depth * 0.9), (x, 0.0, 0.0), wood, front, kit.whole(1, 4))
    for side in {-1, 1} - set(sides):
        if kit.chance(0.5):
            kit.box(wood, (0.07, height + 0.01, depth * 0.9), (side * (width / 2 - 0.07), 0, 0))
        else:
            part = leg(kit, height, 0.08, kit.whole(0, 3))
            kit.pair(part.move(side * (width / 2 - 0.08), height + 0.01, depth / 2 - 0.08), wood, "z")
    if kit.chance(0.4):
        kit.box(wood, (width * 0.95, height * kit.u(0.3, 0.8), 0.05), (0, height * 0.2, -depth * 0.42))
    extra = kit.whole(0, 4)
    if extra == 0:
        kit.add(kit.disc(0.4, 0.06).turn("x", 90).move(0, height + 0.55, -depth / 2 + 0.05), kit.glass())
        kit.add(torus(0.4, 0.05, kit.sides).turn("x", 90).move(0, height + 0.55, -depth / 2 + 0.08), wood)
    elif extra == 1:
        rise = kit.u(0.3, 0.6)
        kit.box(wood, (width, 0.06, 0.3), (0, height + rise, -depth / 2 + 0.15))
        kit.pair(kit.block((0.06, rise + 0.04, 0.3), (width / 2 - 0.03, height, -depth / 2 + 0.15)), wood)


def _fill_shelf(kit: Kit, width: float, depth: float, y: float, gap: float) -> None:
    """A row of books, or some boxes and pots, on one board."""
    x, end, books = -width / 2 * 0.85, width / 2 * kit.u(0.1, 0.85), kit.chance(0.7)
    while x < end:
        w = kit.u(0.04, 0.1) if books else kit.u(0.15, 0.3)
        h = gap * kit.u(0.6, 0.92)
        if books or kit.chance(0.5):
            kit.add(box(w, h, depth * 0.75).move(x + w / 2, y + h / 2, 0.03), kit.accent())
        else:
            part = lathe([(w * 0.3, 0), (w * 0.5, h * 0.5), (w * 0.25, h)], 8).move(x + w / 2, y)
            kit.add(part, kit.ceramic())
        x += w * (1.03 if books else 1.4)


def shelf(kit: Kit) -> None:
    """Bookcases and open racks made of boards, with books, boxes and vases on some of them."""
    width, height, depth = kit.u(0.6, 1.8), kit.u(0.7, 2.2), kit.u(0.3, 0.5)
    wood, t = kit.pick(kit.wood, kit.wood, kit.plastic)(), kit.u(0.045, 0.08)
    count, columns = kit.whole(2, 6), kit.pick(1, 1, 2, 3)
    if kit.chance(0.75):
        for x in np.linspace(-width / 2, width / 2, columns + 1):
            kit.add(box(t, height, depth).move(x, height / 2), wood)
        if kit.chance(0.75):
            kit.add(box(width, height, 0.04).move(0, height / 2, -depth / 2), wood)
    else:
        kit.four(box(t, height, t).move(width / 2, height / 2, depth / 2), kit.metal())
    levels = np.linspace(0.02 + kit.u(0, 0.15), height - t / 2, count)
    for y in levels:
        kit.add(box(width + t, t, depth).up(y), wood)
    gap = float(levels[1] - levels[0]) - t
    for y in levels[: -1 if kit.chance(0.7) else None]:
        if kit.chance(0.6):
            _fill_shelf(kit, width, depth, float(y) + t / 2, min(gap, 0.5))


def _doors(
    kit: Kit, width: float, height: float, at: tuple[float, float, float], front: Material, count: int
) -> None:
    """Door leaves with knobs on the front plane; `at` is the middle of their lower edge."""
    x, y, z = at
    each, metal = width / count, kit.metal()
    for i in range(count):
        middle = x + (i - (count - 1) / 2) * each
        kit.box(front, (each * 0.9, height * 0.92, 0.05), (middle, y + height * 0.04, z))
        side = 1 if i % 2 == 0 and count > 1 else -1
        knob = middle + side * each * 0.36, y + height * 0.5, z + 0.05
        kit.add(ellipsoid(0.03, 0.05, 0.03, 8).move(*knob), metal)


def cabinet(kit: Kit) -> None:
    """Cupboards, wardrobes, dressers, sideboards and night stands with doors and drawers."""
    width, height, depth = kit.log(0.5, 1.9), kit.log(0.5, 2.1), kit.u(0.4, 0.65)
    kit.soft = min(kit.soft, 0.1)
    body = kit.pick(kit.wood, kit.wood, kit.paint, kit.white)()
    front = body if kit.chance(0.5) else kit.pick(kit.accent, kit.white, kit.wood)()
    lift = kit.pick(0.0, 0.0, kit.u(0.06, 0.3))
    top = lift + height
    if lift > 0:
        part = leg(kit, lift + 0.02, kit.u(0.06, 0.1), kit.whole(0, 4))
        kit.four(part.move(width / 2 - 0.07, lift + 0.02, depth / 2 - 0.07), body)
    split = kit.pick(0.0, 1.0, kit.u(0.25, 0.6))  # the share of the height that drawers take
    if split > 0:
        drawers(
            kit,
            (width, height * split, depth),
            (0, lift, 0),
            body,
            front,
            max(1, round(height * split / kit.u(0.2, 0.4))),
        )
    if split < 1:
        low = lift + height * split
        kit.box(body, (width, height * (1 - split), depth), (0, low, 0))
        _doors(
            kit,
            width,
            height * (1 - split),
            (0, low, depth / 2),
            front,
            max(1, round(width / kit.u(0.4, 0.7))),
        )
    if kit.chance(0.5):
        kit.box(body, (width * 1.05, kit.u(0.04, 0.08), depth * 1.06), (0, top - 0.01, 0.01))
    if kit.chance(0.15):
        outline = [(-width / 2, 0), (width / 2, 0), (width / 2, 0.1), (0, 0.3), (-width / 2, 0.1)]
        kit.add(extrude(outline, depth * 0.5).up(top), body)
    if kit.chance(0.15):  # a glazed or open upper part
        rise = kit.u(0.4, 0.9)
        kit.box(body, (width * 0.92, rise, depth * 0.55), (0, top, -depth * 0.2))
        _doors(kit, width * 0.92, rise, (0, top, depth * 0.075), kit.window(), 2)


def bed(kit: Kit) -> None:
    """Single, double, four-poster and bunk beds, cots."""
    width, length, base = kit.pick(kit.u(0.8, 1.1), kit.u(1.3, 1.8)), kit.u(1.8, 2.2), kit.u(0.15, 0.4)
    frame, sheet = kit.pick(kit.wood, kit.wood, kit.metal, kit.cloth)(), kit.white()
    blanket, head = kit.cloth(), kit.u(0.4, 1.0)
    tiers, gap = (2, kit.u(0.9, 1.2)) if kit.chance(0.15) else (1, 0.0)
    for tier in range(tiers):
        y = base + tier * gap
        kit.box(frame, (width, 0.14, length), (0, y - 0.1, 0))
        kit.add(box(width * 0.96, 0.22, length * 0.97, 0.06, 2).up(y + 0.12), sheet)
        cover = kit.u(0.45, 0.85) * length
        kit.add(box(width * 1.0, 0.24, cover, 0.06, 2).move(0, y + 0.135, length / 2 - cover / 2), blanket)
        count = 2 if width > 1.2 else 1
        for i in range(count):
            pillow = superellipsoid(width / count * 0.4, 0.09, 0.2, 0.55, 14)
            part = pillow.move((i - (count - 1) / 2) * width / count, y + 0.28, -length / 2 + 0.28)
            kit.add(part, kit.pick(sheet, blanket))
    if tiers == 2:
        kit.four(box(0.08, base + gap + 0.4, 0.08).move(width / 2, (base + gap + 0.4) / 2, length / 2), frame)
        for y in np.linspace(base, base + gap, 4):
            part = rod((width / 2 + 0.03, y, length * 0.2), (width / 2 + 0.03, y, length * 0.4), 0.03)
            kit.add(part, frame)
        return
    part = leg(kit, base, kit.u(0.07, 0.12), kit.whole(0, 4)).move(width / 2 - 0.05, base, length / 2 - 0.05)
    kit.four(part, frame)
    _headboard(kit, width, length, base, head, frame, blanket)
    if kit.chance(0.4):
        kit.box(frame, (width * 1.04, base + head * kit.u(0.3, 0.6), 0.08), (0, 0, length / 2))


def _headboard(
    kit: Kit, width: float, length: float, base: float, head: float, frame: Material, cloth: Material
) -> None:
    """A plain, arched or barred headboard, or the posts and canopy of a four-poster."""
    kind = kit.whole(0, 3)
    if kind == 0:
        kit.box(frame, (width * 1.04, base + head, 0.09), (0, 0, -length / 2))
    elif kind == 1:
        outline = [*arch(width / 2, head * 0.6, 11, base + head * 0.5), (-width / 2, 0.05), (width / 2, 0.05)]
        kit.add(extrude(outline, 0.09).move(z=-length / 2), frame)
    elif kind == 2:
        kit.pair(rod((width / 2, 0, -length / 2), (width / 2, base + head, -length / 2), 0.045, 8), frame)
        for y in (0.3, 0.95):
            kit.add(
                rod(
                    (-width / 2, base + head * y, -length / 2),
                    (width / 2, base + head * y, -length / 2),
                    0.035,
                ),
                frame,
            )
        for x in np.linspace(-0.4, 0.4, 6) * width:
            kit.add(rod((x, base, -length / 2), (x, base + head * 0.95, -length / 2), 0.022), frame)
    else:
        post = kit.u(1.5, 1.9)
        kit.four(rod((width / 2, 0, length / 2), (width / 2, post, length / 2), 0.05, 8), frame)
        kit.box(kit.pick(frame, cloth), (width + 0.1, 0.08, length + 0.1), (0, post, 0))
        kit.box(frame, (width, base + head, 0.06), (0, 0, -length / 2))


def coat_stand(kit: Kit) -> None:
    """Coat stand."""
    wood, height = kit.pick(kit.wood, kit.metal)(), kit.u(1.6, 2.1)
    pedestal(kit, height, kit.u(0.3, 0.45), wood)
    hook = tube(curve([(0, height * 0.88), (0.2, height * 0.9), (0.28, height * 0.98)]), 0.03)
    kit.around(hook, wood, kit.whole(3, 6))
    kit.add(globe(0.08).up(height), wood)
    if kit.chance(0.4):
        kit.add(superellipsoid(0.16, 0.45, 0.12, 0.7, 12).move(0.25, height * 0.68), kit.cloth())


def ladder(kit: Kit) -> None:
    """Ladder."""
    wood = kit.pick(kit.wood, kit.metal)()
    height, width, rungs = kit.u(1.4, 2.4), kit.u(0.45, 0.7), kit.whole(4, 8)
    kit.pair(kit.block((0.08, height, 0.1), (width / 2, 0, 0)), wood)
    for y in np.linspace(0.1, 0.92, rungs) * height:
        kit.add(rod((-width / 2, y), (width / 2, y), 0.04), wood)
    if kit.chance(0.5):
        kit.reshape(lambda p: p.up(-height).turn("x", -15).up(height))
        kit.pair(box(0.07, height * 1.02, 0.07).move(width / 2, -height / 2).turn("x", 18).up(height), wood)


def easel(kit: Kit) -> None:
    """Easel with a canvas."""
    wood, height = kit.pick(kit.wood, kit.metal)(), kit.u(1.5, 2.0)
    for x in (-0.45, 0.45):
        kit.add(rod((x, 0, 0.25), (x * 0.15, height, 0), 0.045, 4), wood)
    kit.add(rod((0, 0, -0.55), (0, height * 0.95, 0), 0.045, 4), wood)
    kit.box(wood, (1.0, 0.06, 0.14), (0, height * 0.4, 0.2))
    wide, high = kit.u(0.7, 1.2), kit.u(0.6, 1.0)
    kit.add(box(wide, high, 0.06).turn("x", -9).move(0, height * 0.42 + high / 2, 0.2), kit.white())
    if kit.chance(0.6):
        part = box(wide * 0.8, high * 0.8, 0.08).turn("x", -9).move(0, height * 0.42 + high / 2, 0.2)
        kit.add(part, kit.accent())


def stairs(kit: Kit) -> None:
    """Steps."""
    wood = kit.pick(kit.wood, kit.metal)()
    count, width, rise, run = kit.whole(2, 6), kit.u(0.6, 1.2), kit.u(0.2, 0.3), kit.u(0.22, 0.35)
    outline = [(0.0, 0.0)]
    for i in range(count):
        outline += [(i * run, (i + 1) * rise), ((i + 1) * run, (i + 1) * rise)]
    outline = [(0.0, 0.0), *outline[1:], (count * run, 0.0)]
    kit.add(extrude(outline, width).turn("y", 90), wood)
    if kit.chance(0.4):
        top, t = count * rise, kit.metal()
        rail = tube(
            [(width / 2 - 0.05, rise + 0.6, -run * 0.5), (width / 2 - 0.05, top + 0.6, -run * (count - 0.5))],
            0.035,
        )
        kit.pair(rail, t)
        part = rod((width / 2 - 0.05, rise, -run * 0.5), (width / 2 - 0.05, rise + 0.6, -run * 0.5), 0.03)
        kit.pair(part, t)
        kit.pair(
            rod(
                (width / 2 - 0.05, top, -run * (count - 0.5)),
                (width / 2 - 0.05, top + 0.6, -run * (count - 0.5)),
                0.03,
            ),
            t,
        )


FAMILIES: tuple[Choice, ...] = (table, desk, shelf, cabinet, bed, (coat_stand, ladder, easel, stairs))
