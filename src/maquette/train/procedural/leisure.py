"""Toy guns, musical instruments and sports gear."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid, superellipsoid
from maquette.train.procedural.boxes import box, extrude, rectangle, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.part import columns, curve
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.tools import lay_down
from maquette.train.procedural.turned import disc, frustum, lathe, torus


def gun(kit: Kit) -> None:
    """Muzzle towards +x."""
    kind, dark = kit.whole(0, 1), kit.pick(kit.black, kit.metal, kit.plastic)()
    second, long = kit.pick(kit.wood, kit.accent)(), kind == 1
    length, h, t = (kit.u(1.4, 2.2) if long else kit.u(0.7, 1.0)), kit.u(0.16, 0.26), kit.u(0.12, 0.2)
    kit.add(box(length * 0.5, h, t, 0.02), dark)
    barrel = length * kit.u(0.4, 0.6)
    kit.add(
        rod(
            (length * 0.2, h * 0.15),
            (length * 0.25 + barrel, h * 0.15),
            h * kit.u(0.2, 0.4),
            kit.sides_for(0.6),
        ),
        kit.pick(dark, kit.metal()),
    )
    grip = extrude([(-0.02, 0), (0.18, 0), (0.08, -0.42), (-0.14, -0.42)], t * 0.9, 0.02)
    kit.add(grip.move(-length * 0.2, -h * 0.4), second)
    kit.add(torus(0.09, 0.025, 12, 5).turn("x", 90).move(-length * 0.2 + 0.24, -h * 0.75), dark)
    if long:
        outline = [(0, h * 0.4), (0, -h * 0.4), (-length * 0.35, -h * 0.9), (-length * 0.35, h * 0.3)]
        kit.add(extrude(outline, t * 0.8, 0.02).move(-length * 0.24), second)
        kit.add(box(length * 0.3, h * 0.55, t * 1.1, 0.02).move(length * 0.38, -h * 0.15), second)
    if kit.chance(0.5):
        kit.add(rod((-length * 0.12, h * 0.85), (length * 0.15, h * 0.85), h * 0.3, 10), dark)
        kit.add(box(0.06, h * 0.5, t * 0.4).up(h * 0.55), dark)
    if kit.chance(0.5):
        part = tapered_box((0.14, t * 0.7), (0.12, t * 0.7), kit.u(0.25, 0.45)).turn("z", kit.u(0, 15))
        kit.add(part.move(length * 0.08, -h * 0.4 - 0.35), dark)
    if kit.chance(0.3):
        part = kit.pick(ball(h * 0.6, 2), disc(h * 0.7, t * 1.5, 12).turn("x", 90).move(z=-t * 0.75))
        kit.add(part.move(length * 0.05, h * 0.55), kit.accent())


def bow(kit: Kit) -> None:
    """Bow."""
    wood = kit.wood()
    y = np.linspace(-1, 1, 13)
    path = columns(0.4 * (1 - y**2) - kit.pick(0.0, 0.25) * np.maximum(np.abs(y) - 0.75, 0), y, 0.0)
    kit.add(tube(path, 0.025 + 0.035 * (1 - y**2)), wood)
    kit.add(rod(path[0], path[-1], 0.02, 5), kit.white())
    if kit.chance(0.5):
        kit.add(rod((-0.2, 0), (0.75, 0), 0.025, 5), kit.wood())
        kit.add(frustum(0.06, 0, 0.14, 5).turn("z", -90).move(0.74, 0), kit.metal())


def shield(kit: Kit) -> None:
    """Shield."""
    metal, rim, shape = kit.paint(), kit.metal(), kit.whole(0, 2)
    if shape == 0:
        piece = lathe([(0.8, 0), (0.78, 0.06), (0.4, 0.16), (0.0, 0.2)], max(kit.sides, 10)).turn("x", 90)
        kit.add(piece, metal)
        kit.add(torus(0.78, 0.06, max(kit.sides, 10)).turn("x", 90), rim)
    else:
        top = 0.7
        outline = curve([(-0.6, top), (-0.6, 0.1), (-0.4, -0.45), (0.0, -0.9)])
        outline = np.concatenate([outline, (outline * [-1, 1])[::-1][1:], [[0.0, top + kit.pick(0.0, 0.15)]]])
        kit.add(extrude(outline, 0.09, 0.02).shift("z", lambda v: -0.35 * v[:, 0] ** 2), metal)
        kit.add(extrude(outline * 1.07, 0.06).shift("z", lambda v: -0.35 * v[:, 0] ** 2 - 0.02), rim)
    kit.add(kit.dome(0.17, 0.12).turn("x", 90).move(z=0.05 + 0.12 * (shape == 0)), rim)
    if kit.chance(0.5) and shape:
        kit.add(box(0.12, 1.2, 0.05).move(0, -0.05, 0.04), kit.accent())
        kit.add(box(0.8, 0.12, 0.05).move(0, 0.2, 0.02), kit.accent())


def guitar(kit: Kit) -> None:
    """Guitar, violin, banjo, electric."""
    wood, metal, w = kit.pick(kit.wood, kit.paint)(), kit.metal(), kit.u(0.38, 0.5)
    t, waist, upper = kit.u(0.1, 0.24), kit.u(0.6, 0.85), kit.u(0.7, 0.95)
    right = curve([(0.02, 0.0), (w, 0.3), (w * waist, 0.68), (w * upper, 0.95), (0.02, 1.2)], 4)
    outline = np.concatenate([right, (right * [-1, 1])[::-1]])
    kit.add(extrude(outline, t, 0.02), wood)
    neck = kit.u(0.8, 1.2)
    kit.add(box(0.13, neck + 0.4, 0.08).move(0, 1.0 + neck / 2, t / 2), kit.wood())
    kit.add(tapered_box((0.16, 0.08), (0.22, 0.07), 0.28).move(0, 1.18 + neck, t / 2), kit.wood())
    for y in np.linspace(0.05, 0.23, 3):
        kit.pair(disc(0.03, 0.09, 6).turn("z", -90).move(0.09, 1.18 + neck + y, t / 2), metal)
    kit.add(kit.disc(0.16, 0.04).turn("x", 90).move(0, 0.62, t / 2 - 0.02), kit.black())
    kit.add(box(0.26, 0.06, 0.07).move(0, 0.3, t / 2 + 0.02), kit.black())


def drum(kit: Kit) -> None:
    """Drum."""
    wood, metal = kit.pick(kit.wood, kit.paint)(), kit.metal()
    r, h, skin = kit.u(0.4, 0.6), kit.u(0.3, 0.9), kit.white()
    kit.add(kit.disc(r, h), wood)
    for y in (0.02, h):
        kit.add(torus(r, 0.05, kit.sides).up(y), metal)
    kit.add(kit.disc(r * 0.95, 0.04).up(h), skin)
    if kit.chance(0.5):
        for z in (-0.1, 0.12):
            kit.add(limb((-r * 0.8, h + 0.06, z), (r * 0.9, h + 0.06, z * 3), 0.03, 0.045, 6), kit.wood())
    else:
        kit.around(rod((r * 0.9, h * 0.3), (r * 1.3, -0.6), 0.035), metal, 3)


def trumpet(kit: Kit) -> None:
    """Trumpet, horn, megaphone."""
    metal, length = kit.metal(), kit.u(0.9, 1.4)
    outline = curve([(0.06, 0), (0.06, length * 0.6), (0.12, length * 0.85), (kit.u(0.25, 0.4), length)])
    kit.add(kit.hollow(outline, 0.035, length * 0.3).turn("z", -90), metal)
    if kit.chance(0.7):
        t = np.linspace(0, 2 * np.pi, 17)[:-1]
        part = tube(columns(length * 0.38 + 0.28 * np.cos(t), -0.13 + 0.15 * np.sin(t)), 0.04, closed=True)
        kit.add(part, metal)
        for x in (0.3, 0.4, 0.5):
            kit.add(rod((length * x, -0.3), (length * x, 0.2), 0.045, 7), metal)
        kit.add(frustum(0.03, 0.07, 0.1, 8).turn("z", 90).move(0.02, 0), metal)
    else:
        kit.add(tube([(0.35, 0), (0.35, -0.3), (0.6, -0.3), (0.6, 0)], 0.045), kit.black())


def piano(kit: Kit) -> None:
    """Piano: upright or grand."""
    wood = kit.pick(kit.wood, kit.paint)()
    kit.soft = min(kit.soft, 0.06)
    white, black = kit.white(), kit.black()
    if kit.chance(0.5):
        kit.box(wood, (1.5, 1.2, 0.5), (0, 0, -0.25))
        kit.box(wood, (1.5, 0.16, 0.4), (0, 0.55, 0.15))
        kit.pair(box(0.08, 0.56, 0.08).move(0.68, 0.28, 0.28), wood)
        kit.add(box(1.35, 0.04, 0.22).move(0, 0.73, 0.2), white)
        for x in np.linspace(-0.6, 0.6, 9):
            kit.add(box(0.05, 0.04, 0.13).move(x, 0.76, 0.15), black)
    else:
        right = [(-0.75, 0.3), (0.75, 0.3), (0.75, -0.3), (0.45, -0.6), (0.1, -1.3), (-0.4, -1.5)]
        right += [(-0.75, -1.3)]
        kit.add(extrude([(x, -z) for x, z in right], 0.28).turn("x", -90).up(0.75), wood)
        part = extrude([(x, -z) for x, z in right], 0.05).turn("x", -90).move(0.75, 0).turn("z", 28)
        kit.add(part.move(-0.75, 0.92), wood)
        kit.add(box(1.35, 0.06, 0.25).move(0, 0.82, 0.22), white)
        for x, z in ((-0.6, 0.2), (0.6, 0.2), (-0.4, -1.2)):
            kit.add(frustum(0.05, 0.08, 0.65, 8).move(x, 0, z), wood)


def bell(kit: Kit) -> None:
    """Bell."""
    wood, metal = kit.pick(kit.wood, kit.paint)(), kit.metal()
    outline = curve([(0.5, 0.0), (0.42, 0.12), (0.3, 0.5), (0.2, 0.72), (0.03, 0.8)])
    kit.add(kit.hollow(outline[::-1] * [1, -1], 0.06, 0.06).scale(1, -1, 1), metal)
    kit.add(ball(0.11).up(-0.03), metal)
    kit.add(rod((0, 0), (0, 0.7), 0.03), metal)
    kit.add(
        kit.pick(torus(0.12, 0.04, 12).turn("x", 90).up(0.88), limb((0, 0.78), (0, 1.3), 0.07, 0.09, 8)),
        kit.pick(metal, wood),
    )


def microphone(kit: Kit) -> None:
    """Microphone."""
    metal = kit.metal()
    kit.add(frustum(0.07, 0.11, 0.8, kit.sides_for(0.7)), kit.black())
    kit.add(ellipsoid(0.18, 0.2, 0.18, kit.sides_for(0.9)).up(0.92), metal)
    kit.add(torus(0.17, 0.03, kit.sides_for(0.9)).up(0.9), kit.black())
    if kit.chance(0.5):
        kit.add(rod((0, -1.0), (0, 0.1), 0.035), metal)
        kit.add(kit.disc(0.35, 0.06).up(-1.03), metal)


def sports_ball(kit: Kit) -> None:
    """Balls."""
    paint, r = kit.paint(), 0.5
    kit.add(kit.pick(ball(r, kit.whole(1, 3)), ellipsoid(r, r * 1.5, r, kit.sides)), paint)
    if kit.chance(0.6):
        seam = torus(r * 0.99, 0.03, max(kit.sides, 14), 5)
        for turn in (("x", 0), ("x", 90), ("z", 90))[: kit.whole(1, 3)]:
            if len(kit.parts) and np.ptp(kit.parts[0][0].vertices[:, 1]) < 1.1:
                kit.add(seam.turn(*turn), kit.accent())


def racket(kit: Kit) -> None:
    """Racket."""
    paint, r = kit.paint(), kit.u(0.35, 0.45)
    t = np.linspace(0, 2 * np.pi, 25)[:-1]
    kit.add(tube(columns(r * np.sin(t), 1.2 + r * 1.3 * np.cos(t)), 0.045, closed=True), paint)
    if kit.chance(0.6):
        for x in np.linspace(-0.6, 0.6, 5) * r:
            h = 1.3 * r * np.sqrt(1 - (x / r) ** 2)
            kit.add(box(0.025, 2 * h, 0.025).move(x, 1.2), kit.white())
        for y in np.linspace(-0.7, 0.7, 6) * r * 1.3:
            w = r * np.sqrt(1 - (y / (1.3 * r)) ** 2)
            kit.add(box(2 * w, 0.025, 0.025).up(1.2 + y), kit.white())
    else:
        kit.add(ellipsoid(r, r * 1.3, 0.045, 16).up(1.2), kit.accent())
    kit.add(rod((0, 0), (0, 1.2 - r * 1.25), 0.06, 8), kit.leather())
    lay_down(kit)


def bat(kit: Kit) -> None:
    """Bat, club, cue, skittle."""
    paint = kit.paint()
    outline = kit.pick(
        [(0.07, 0), (0.045, 0.05), (0.05, 0.5), (0.12, 1.1), (0.12, 1.4), (0.02, 1.5)],
        [(0.12, 0), (0.2, 0.3), (0.19, 0.45), (0.08, 0.8), (0.1, 0.95), (0.02, 1.05)],
    )
    kit.add(kit.lathe(curve(outline)), kit.pick(paint, kit.wood(), kit.white()))
    if kit.chance(0.3):
        kit.add(ball(0.22, 2).move(0.5, 0.22, 0.2), kit.accent())


def dumbbell(kit: Kit) -> None:
    """Dumb-bell or barbell."""
    paint, metal = kit.paint(), kit.metal()
    half, r = kit.u(0.3, 1.0), kit.u(0.2, 0.35)
    kit.add(rod((-half - 0.3, 0), (half + 0.3, 0), 0.05, 8), metal)
    for i in range(kit.whole(1, 3)):
        part = disc(r * (1 - 0.15 * i), 0.12, kit.pick(kit.sides, 6), 0.02).turn("z", -90)
        kit.pair(part.move(half + 0.12 * i), kit.black() if kit.chance(0.5) else paint)


def trophy(kit: Kit) -> None:
    """Trophy."""
    metal = kit.metal()
    cup = curve([(0.06, 0), (0.3, 0.2), (0.38, 0.5), (0.36, 0.65)])
    kit.add(kit.hollow(cup, 0.04, 0.06).up(0.5), metal)
    kit.add(kit.lathe([(0.2, 0), (0.07, 0.1), (0.05, 0.4), (0.08, 0.55)]).up(0.02), metal)
    handle = curve([(0.33, 1.08), (0.58, 1.05), (0.52, 0.8), (0.24, 0.68)], 4)
    kit.pair(tube(handle, 0.04), metal)
    kit.box(kit.black(), (0.5, 0.2, 0.5), (0, -0.15, 0))


def chess_man(kit: Kit) -> None:
    """Chess men."""
    paint = kit.paint()
    base = [(0.3, 0), (0.3, 0.1), (0.2, 0.18), (0.12, 0.35)]
    tops = (
        [(0.1, 0.6), (0.18, 0.65), (0.1, 0.68), (0.2, 0.85), (0.14, 1.0), (0.01, 1.05)],
        [(0.14, 0.7), (0.22, 0.75), (0.22, 1.0), (0.14, 1.0), (0.14, 0.9), (0.01, 0.9)],
        [(0.1, 0.75), (0.2, 0.8), (0.12, 0.85), (0.16, 1.0), (0.05, 1.25), (0.01, 1.27)],
        [(0.1, 0.9), (0.22, 0.95), (0.12, 1.0), (0.22, 1.25), (0.15, 1.3), (0.01, 1.32)],
    )
    which = kit.whole(0, 3)
    kit.add(kit.lathe(base + tops[which]), kit.pick(paint, kit.wood(), kit.stone()))
    if which == 3:
        kit.add(box(0.05, 0.25, 0.05).up(1.42), kit.parts[0][1])
        kit.add(box(0.17, 0.05, 0.05).up(1.44), kit.parts[0][1])


def helmet(kit: Kit) -> None:
    """Helmets."""
    paint = kit.paint()
    kit.add(ellipsoid(0.5, 0.48, 0.58, kit.sides), paint)
    kit.add(superellipsoid(0.4, 0.2, 0.3, 0.7, 14).move(0, -0.02, 0.36), kit.pick(kit.window, kit.black)())
    if kit.chance(0.5):
        kit.add(box(0.1, 0.14, 1.0, 0.04).move(0, 0.46, -0.05), kit.accent())
    kit.add(kit.disc(0.46, 0.14).up(-0.48), kit.black())


def board(kit: Kit) -> None:
    """Skateboard, sledge, surf board, skis."""
    paint, metal = kit.paint(), kit.metal()
    length, w = kit.u(1.2, 1.9), kit.u(0.3, 0.45)
    z = np.linspace(-0.5, 0.5, 11)
    nose = kit.u(0.1, 0.35)
    path = columns(
        0.0, nose * np.maximum(np.abs(z) - 0.3, 0) * 4 * np.where(z > 0, 1, kit.pick(0, 1)), z * length
    )
    shape = np.sqrt(np.maximum(1 - (2 * z) ** kit.pick(2, 6), 0.04))
    kit.add(tube(path, columns(w / 2 * shape, 0.035), section=rectangle(2, 2, 0.4, 1), up=(0, 1, 0)), paint)
    if kit.chance(0.6):
        for zz in (-0.3, 0.3):
            kit.pair(disc(0.09, 0.08, 10).turn("z", -90).move(w * 0.32, -0.13, zz * length), kit.accent())
            kit.add(rod((-w * 0.35, -0.12, zz * length), (w * 0.35, -0.12, zz * length), 0.04), metal)


FAMILIES: tuple[Choice, ...] = (
    (gun, gun, bow, shield),
    (guitar, guitar, drum, trumpet, piano, bell, microphone),
    (sports_ball, racket, bat, dumbbell, trophy, chess_man, helmet, board),
)
