"""Seats of all kinds."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import globe, superellipsoid
from maquette.train.procedural.boxes import box, rectangle, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Part, columns, curve
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, frustum, torus


def cushion(kit: Kit, width: float, height: float, depth: float) -> Part:
    """A soft block that stands on y = 0: pillow-like or box-like."""
    if kit.chance(0.5):
        return superellipsoid(width / 2, height / 2, depth / 2, kit.u(0.35, 0.6), 16).up(height / 2)
    return box(width, height, depth, 0.3 * height, 2).up(height / 2)


def leg(kit: Kit, height: float, thickness: float, kind: int) -> Part:
    """One table or chair leg below y = 0: square, tapered, round, turned or a cabriole."""
    t = thickness
    if kind == 0:
        return box(t, height, t, kit.soft * t).up(-height / 2)
    if kind == 1:
        return tapered_box((t * 0.5, t * 0.5), (t, t), height).up(-height)
    if kind == 2:
        return disc(t * 0.5, height, kit.sides_for(0.5)).up(-height)
    if kind == 3:
        return frustum(t * 0.25, t * 0.6, height, kit.sides_for(0.5)).up(-height)
    levels = np.linspace(-height, 0, 9)
    shape = np.array([0.35, 0.6, 0.3, 0.35, 0.55, 0.35, 0.65, 0.45, 0.6]) * t
    path = columns(0.0, levels)
    return tube(path, shape, kit.sides_for(0.5))


def four_legs(kit: Kit, width: float, depth: float, height: float, material: Material) -> float:
    """Four legs under a slab whose bottom is at y = height; returns the leg thickness."""
    thickness, kind = kit.u(0.05, 0.12) * max(width, depth) ** 0.5, kit.whole(0, 4)
    splay, inset = kit.pick(0.0, 0.0, kit.u(0.05, 0.2)), thickness * kit.u(0.5, 1.2)
    part = leg(kit, height, thickness, kind)

    def spread(v: np.ndarray) -> np.ndarray:
        out = v.copy()
        out[:, 0] -= splay * v[:, 1]
        out[:, 2] -= splay * v[:, 1]
        return out

    part = part.map(spread).move(width / 2 - inset - splay * 0.3, height, depth / 2 - inset - splay * 0.3)
    kit.four(part, material)
    if splay == 0.0 and kit.chance(0.35):  # stretchers between the legs
        y, t = height * kit.u(0.15, 0.5), thickness * 0.5
        kit.pair(box(t, t, depth - 2 * inset).move(width / 2 - inset, y), material)
        if kit.chance(0.5):
            kit.add(box(width - 2 * inset, t, t).up(y), material)
        else:
            kit.pair(box(width - 2 * inset, t, t).move(0, y + t, depth / 2 - inset), material, "z")
    return thickness


def pedestal(kit: Kit, height: float, reach: float, material: Material) -> None:
    """A central column on a disc, a cross or a star of feet, from y = 0 to `height`."""
    r = kit.u(0.04, 0.12)
    kit.add(frustum(r * kit.u(1.0, 1.5), r, height, kit.sides_for(0.6)), material)
    if kit.chance(0.45):
        kit.add(kit.disc(reach, kit.u(0.04, 0.08), 0.02), material)
        return
    count, rise = kit.whole(3, 5), kit.u(0.05, 0.3) * height
    foot = tube(curve([(0, rise), (reach * 0.5, rise * 0.8), (reach, 0.04)]), kit.u(0.035, 0.06))
    kit.around(foot, material, count)
    if kit.chance(0.5):
        kit.around(globe(0.06).move(reach, 0.02), kit.black(), count)


def _backrest(
    kit: Kit, width: float, depth: float, seat: float, height: float, frame: Material, soft: Material
) -> None:
    """The back of a chair, upright at z = -depth / 2 above the seat: one of six styles, sometimes leaning."""
    mark, t, kind = kit.mark(), kit.u(0.05, 0.09), kit.whole(0, 5)
    w = width * kit.u(0.85, 1.0)
    if kind == 0:
        kit.box(kit.pick(frame, soft), (w, height, t))
    elif kind == 1:  # posts with rails across
        kit.pair(kit.block((t, height, t), (w / 2 - t / 2, 0, 0)), frame)
        count = kit.whole(1, 4)
        rail = height * kit.u(0.4, 0.7) / (count + 0.5)
        for i in range(count):
            kit.box(frame, (w - t, rail, t * 0.6), (0, height * (0.3 + 0.7 * i / count), 0))
    elif kind == 2:  # spindles
        kit.pair(kit.block((t, height, t), (w / 2 - t / 2, 0, 0)), frame)
        kit.box(frame, (w, t * 1.6, t), (0, height - t * 1.6, 0))
        count = kit.whole(2, 6)
        for x in np.linspace(-w / 2, w / 2, count + 2)[1:-1]:
            kit.add(rod((x, -0.02), (x, height - t), t * 0.35), frame)
    elif kind == 3:  # a bent shell
        turn, r = kit.u(60, 150), w / 2
        angle = np.radians(np.linspace(-turn / 2, turn / 2, 9))
        bow = r / np.sin(np.radians(min(turn, 178) / 2))
        path = columns(bow * np.sin(angle), height * 0.5, bow * (1 - np.cos(angle)))
        widths = np.tile([t * 0.5, height * kit.u(0.3, 0.5)], (9, 1))
        kit.add(tube(path, widths, section=rectangle(2, 2), up=(0, 1, 0)), kit.pick(frame, soft))
    elif kind == 4:  # padded
        kit.add(cushion(kit, w * 0.95, t * 2.2, height).turn("x", -90).move(0, height / 2 + 0.05, -t), soft)
        kit.pair(rod((w * 0.3, -0.05, -t), (w * 0.3, height * 0.5, -t), t * 0.5), frame)
    else:  # a hoop with a splat
        arch = np.linspace(0, np.pi, 13)
        path = columns(w / 2 * np.cos(arch), height * np.sin(arch) ** kit.u(0.5, 1.0), 0.0)
        kit.add(tube(path, t * 0.45), frame)
        kit.box(frame, (w * kit.u(0.2, 0.5), height * 0.97, t * 0.5))
    lean = kit.pick(0.0, kit.u(0, 18))
    kit.reshape(lambda p: p.turn("x", -lean).move(0, seat, -depth / 2 + t / 2), mark)


def chair(kit: Kit) -> None:
    """Dining, kitchen, office and rocking chairs."""
    width, depth, seat = kit.u(0.8, 1.1), kit.u(0.8, 1.05), kit.u(0.75, 1.1)
    frame = kit.pick(kit.wood, kit.wood, kit.metal, kit.plastic)()
    soft, slab, style = kit.pick(kit.cloth, kit.leather)(), kit.u(0.05, 0.12), kit.whole(0, 5)
    if style <= 2:
        four_legs(kit, width, depth, seat, frame)
    elif style == 3:
        pedestal(kit, seat + 0.02, width * kit.u(0.4, 0.55), frame)
    elif style == 4:  # bent tube or plank runners
        side = [(0, seat, depth / 2), (0, 0.05, depth / 2), (0, 0.05, -depth / 2), (0, seat, -depth / 2)]
        part = tube(side[: kit.whole(3, 4)], 0.045, kit.pick(4, 8), up=(1, 0, 0)).move(width / 2 - 0.06)
        kit.pair(part, frame)
    else:  # rocking chair
        four_legs(kit, width, depth, seat, frame)
        angle = np.linspace(-0.5, 0.5, 9)
        path = columns(0.0, depth * 1.5 * (1 - np.cos(angle)) - 0.02, depth * 1.5 * np.sin(angle))
        kit.pair(tube(path, 0.045, up=(1, 0, 0)).move(width / 2 - 0.08), frame)
    seat_material = frame if kit.chance(0.5) else soft
    if kit.chance(0.2):
        kit.add(kit.disc(width / 2, slab, 0.02).scale(1, 1, depth / width).up(seat), seat_material)
    else:
        kit.box(seat_material, (width, slab, depth), (0, seat, 0))
    if kit.chance(0.35):
        kit.add(cushion(kit, width * 0.92, kit.u(0.1, 0.18), depth * 0.9).up(seat + slab * 0.8), soft)
    _backrest(kit, width, depth, seat + slab * 0.8, kit.u(0.6, 1.3), frame, soft)
    if kit.chance(0.35):
        rise, reach, t = kit.u(0.28, 0.42), depth * kit.u(0.7, 0.95), kit.u(0.06, 0.1)
        part = kit.block((t, t * 0.8, reach), (width / 2, seat + slab + rise, -depth / 2 + reach / 2))
        kit.pair(part, frame)
        kit.pair(
            rod(
                (width / 2, seat, -depth / 2 + reach * 0.85),
                (width / 2, seat + slab + rise, -depth / 2 + reach * 0.85),
                t * 0.4,
            ),
            frame,
        )


def stool(kit: Kit) -> None:
    """Stools, bar stools, footstools and piano benches."""
    width, height = kit.u(0.6, 0.9), kit.log(0.4, 1.9)
    frame, soft = kit.pick(kit.wood, kit.metal)(), kit.pick(kit.leather, kit.cloth, kit.wood)()
    kind, slab = kit.whole(0, 3), kit.u(0.06, 0.16)
    if kind == 0:
        pedestal(kit, height, width * kit.u(0.45, 0.65), frame)
    elif kind == 1:
        four_legs(kit, width, width, height, frame)
    else:
        count, splay, r = kit.whole(3, 4), kit.u(0.02, 0.3) * height**0.5, width * 0.35
        part = rod((r + splay, 0), (r, height + 0.02), kit.u(0.035, 0.055), kit.sides_for(0.4))
        kit.around(part, frame, count, 45)
        if kit.chance(0.5):
            level = kit.u(0.25, 0.5)
            kit.add(torus(r + splay * (1 - level), 0.025, kit.sides).up(height * level), frame)
    if kit.chance(0.65):
        kit.add(kit.disc(width / 2, slab, kit.u(0.0, slab * 0.5)).up(height), soft)
    else:
        kit.add(cushion(kit, width, slab * 1.3, width).up(height), soft)
    if kit.chance(0.2):
        _backrest(kit, width * 0.8, width, height + slab * 0.7, kit.u(0.25, 0.5), frame, soft)


def sofa(kit: Kit) -> None:
    """Armchairs, two- and three-seaters and corner sofas with cushions."""
    seats, unit, depth = kit.pick(1, 1, 2, 3), kit.u(0.75, 1.0), kit.u(0.9, 1.2)
    width, base, seat = seats * unit, kit.u(0.25, 0.45), kit.u(0.12, 0.25)
    soft = kit.pick(kit.cloth, kit.cloth, kit.leather)()
    other = soft if kit.chance(0.6) else kit.cloth()
    lift, arm, arm_height = kit.pick(0.0, kit.u(0.08, 0.2)), kit.u(0.14, 0.3), kit.u(0.2, 0.45)
    back, back_height = kit.u(0.18, 0.32), kit.u(0.35, 0.8)
    kit.soft = max(kit.soft, 0.12)
    kit.box(soft, (width + 2 * arm * 0.9, base, depth), (0, lift, 0))
    kit.box(soft, (width + 2 * arm * 0.9, base + seat + back_height, back), (0, lift, -depth / 2 + back / 2))
    if kit.chance(0.4):  # rolled arms
        roll = limb((0, 0, -depth / 2 + arm), (0, 0, depth / 2 - arm * 0.7), arm * 0.62)
        kit.pair(roll.move(width / 2 + arm / 2, lift + base + arm_height), soft)
    if kit.chance(0.85):
        kit.pair(kit.block((arm, base + arm_height, depth), (width / 2 + arm / 2, lift, 0)), soft)
    for i in range(seats):
        x = (i - (seats - 1) / 2) * unit
        piece = cushion(kit, unit * 0.98, seat, depth - back).move(x, lift + base - 0.02, back / 2 + 0.02)
        kit.add(piece, other)
        if kit.chance(0.8):
            tall = back_height * kit.u(0.7, 1.05)
            part = cushion(kit, unit * 0.92, 0.22, tall).turn("x", -90 + kit.u(5, 15))
            kit.add(part.move(x, lift + base + seat + tall / 2, -depth / 2 + back + 0.02), other)
    if lift > 0:
        piece = leg(kit, lift + 0.02, 0.09, kit.whole(0, 3)).move(width / 2, lift + 0.02, depth / 2 - 0.1)
        kit.four(piece, kit.wood())
    if seats >= 2 and kit.chance(0.25):  # a chaise on one side
        side, length = kit.pick(-1, 1), kit.u(0.5, 0.9)
        x = side * (width / 2 - unit / 2)
        kit.box(soft, (unit, base, length), (x, lift, depth / 2 + length / 2 - 0.02))
        piece = cushion(kit, unit * 0.98, seat, length).move(x, lift + base - 0.02, depth / 2 + length / 2)
        kit.add(piece, other)
    if kit.chance(0.35):
        part = cushion(kit, 0.45, 0.16, 0.45).turn("x", -70)
        piece = part.move(kit.u(-0.4, 0.4) * width, lift + base + seat + 0.25, -depth / 2 + back + 0.22)
        kit.add(piece, kit.accent())


def bench(kit: Kit) -> None:
    """Park benches and picnic tables made of planks."""
    width, depth, height = kit.u(1.5, 2.6), kit.u(0.45, 0.7), kit.u(0.45, 0.65)
    plank, iron = kit.wood(), kit.pick(kit.metal, kit.wood, kit.stone)()
    t, count = kit.u(0.05, 0.09), kit.whole(1, 4)
    wide = depth / count
    for i in range(count):
        kit.box(plank, (width, t, wide * 0.85), (0, height, (i + 0.5) * wide - depth / 2))
    part = kit.block((kit.u(0.08, 0.3), height + 0.01, depth * kit.u(0.7, 1.0)), (width * 0.38, 0, 0))
    kit.pair(part, iron)
    if kit.chance(0.65):
        rise, boards, mark = kit.u(0.35, 0.7), kit.whole(1, 3), kit.mark()
        for i in range(boards):
            kit.box(plank, (width, rise / boards * 0.75, t), (0, rise * i / boards + 0.12, 0))
        kit.pair(kit.block((0.08, rise + 0.1, t), (width * 0.38, 0, -t * 0.9)), iron)
        lean = kit.u(0, 18)
        kit.reshape(lambda p: p.turn("x", -lean).move(0, height, -depth / 2), mark)
    if kit.chance(0.3):
        kit.pair(kit.block((0.08, 0.3, 0.08), (width * 0.42, height, depth * 0.35)), iron)
        kit.pair(kit.block((0.1, 0.06, depth * 0.95), (width * 0.42, height + 0.28, 0)), iron)


def lounger(kit: Kit) -> None:
    """Sun lounger with a raised back."""
    frame, soft = kit.pick(kit.wood, kit.metal)(), kit.cloth()
    length, width, height = kit.u(1.6, 2.1), kit.u(0.6, 0.8), kit.u(0.3, 0.45)
    kit.box(frame, (width, 0.07, length), (0, height, 0))
    four_legs(kit, width, length, height, frame)
    kit.add(cushion(kit, width * 0.95, 0.12, length * 0.66).move(0, height + 0.05, length * 0.16), soft)
    part = cushion(kit, width * 0.95, 0.12, length * 0.42).move(z=-length * 0.2).turn("x", kit.u(20, 60))
    kit.add(part.move(0, height + 0.06, -length * 0.12), soft)


def hammock(kit: Kit) -> None:
    """Hammock between posts."""
    frame, soft = kit.pick(kit.wood, kit.metal)(), kit.cloth()
    length, sag, post = kit.u(2.0, 2.8), kit.u(0.3, 0.6), kit.u(1.0, 1.4)
    x = np.linspace(-length / 2, length / 2, 11)
    path = columns(x, post * 0.9 - sag * (1 - (2 * x / length) ** 2))
    spread = 0.06 + 0.4 * (1 - (2 * x / length) ** 4)
    kit.add(tube(path, columns(0.04, spread), 8), soft)
    kit.pair(rod((length / 2, 0), (length / 2 + 0.1, post), 0.06, 8), frame)
    kit.add(box(length * 1.05, 0.08, 0.12).up(0.04), frame)
    kit.pair(box(0.12, 0.08, 1.0).move(length / 2, 0.04), frame)


def egg_chair(kit: Kit) -> None:
    """Egg chair: a cut shell on a foot."""
    frame, soft, r = kit.pick(kit.wood, kit.metal)(), kit.cloth(), kit.u(0.55, 0.7)
    angle = np.linspace(-1.35, kit.u(0.5, 0.9), 10)
    outer = columns(r * np.cos(angle), r * 1.2 * np.sin(angle))

    kit.add(kit.hollow(outer, 0.08, 0.1).turn("x", kit.u(35, 60)).up(1.2), soft)
    pedestal(kit, 0.62, 0.5, frame)
    kit.add(cushion(kit, 0.75, 0.2, 0.7).move(0, 0.72, 0.12), kit.cloth())


def swing(kit: Kit) -> None:
    """A swing: two A-frames, a bar, a plank on ropes."""
    frame, width, height = kit.pick(kit.wood, kit.metal)(), kit.u(1.4, 2.2), kit.u(1.4, 1.9)
    kit.add(rod((-width / 2, height), (width / 2, height), 0.05, 8), frame)
    for sign in (-1, 1):
        kit.pair(rod((width / 2 + 0.1, 0, sign * 0.5), (width / 2, height + 0.03, 0), 0.05, 8), frame)
    seat = kit.u(0.4, 0.7)
    kit.box(kit.wood(), (0.7, 0.08, 0.3), (0, seat, 0))
    kit.pair(rod((0.3, seat), (0.3, height), 0.025), kit.bark())


FAMILIES: tuple[Choice, ...] = (chair, chair, stool, sofa, bench, (lounger, hammock, egg_chair, swing))
