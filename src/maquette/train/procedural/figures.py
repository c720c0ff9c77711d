"""People and their likes, facing +z: realistic and chibi figures, snowmen, robots, ghosts, toy soldiers."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid, lumpy, superellipsoid
from maquette.train.procedural.boxes import box, extrude
from maquette.train.procedural.creatures import Body, eyes
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Array, columns, curve
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, frustum, lathe, torus


def _arms(
    kit: Kit,
    body: Body,
    shoulder: float,
    y: float,
    reach: float,
    thick: float,
    skin: Material,
    shirt: Material,
) -> None:
    """Both arms: hanging, spread, raised, waving, on the hips or forwards; sometimes something in the
    hand."""
    length, pose, first = 0.36 * reach, kit.whole(0, 5), kit.u(5, 30)
    for side in (1, -1):
        up = {0: first, 1: 90.0, 2: kit.u(45, 70), 3: 160.0 if side > 0 else first, 4: 35.0, 5: 15.0}[pose]
        bend = {0: 0.0, 1: 0.0, 2: 0.0, 3: 10.0, 4: -110.0, 5: 0.0}[pose]
        ahead = {5: 0.9}.get(pose, kit.u(0.0, 0.1))
        a, b = np.radians(up), np.radians(up + bend)
        start = np.array([side * shoulder, y, 0.0])
        elbow = start + length * np.array([side * np.sin(a), -np.cos(a), 0.25 * ahead])
        hand = elbow + length * np.array([side * np.sin(b), -np.cos(b) * (1 - ahead * 0.9), ahead])
        sleeve = shirt if kit.chance(0.8) else skin
        body.limb(start, elbow, thick * 1.05, thick * 0.85, shirt)
        body.limb(elbow, hand, thick * 0.85, thick * 0.65, sleeve)
        body.egg(hand + (hand - elbow) * 0.12, (thick * 0.8, thick * 0.9, thick * 0.8), skin)
        if side > 0 and kit.chance(0.2) and body.flesh is None:
            part = rod(hand + np.array([0, -0.5, 0.05]), hand + np.array([0, kit.u(0.4, 0.9), 0.05]), 0.03, 7)
            kit.add(part, kit.wood())
            part = kit.pick(ball(0.08), frustum(0.07, 0, 0.2, 6)).move(*(hand + np.array([0, 0.6, 0.05])))
            kit.add(part, kit.metal())


def _face(kit: Kit, y: float, head: float, skin: Material) -> None:
    eyes(kit, head * 0.36, y + head * 0.1, head * 0.84, head * kit.u(0.1, 0.16))
    if kit.chance(0.6):
        part = ellipsoid(head * 0.12, head * 0.14, head * 0.16, 7).move(0, y - head * 0.12, head * 0.92)
        kit.add(part, skin)
    if kit.chance(0.35):
        part = box(head * 0.4, head * 0.07, head * 0.12).move(0, y - head * 0.45, head * 0.8)
        kit.add(part, kit.colour(0.6, 0.25, 0.22))
    if kit.chance(0.5):
        kit.pair(ball(head * 0.18).move(head * 0.88, y), skin)
    if kit.chance(0.12):  # beard
        part = lumpy(head * 0.6, kit.rng, 1, 0.15).scale(1, 1.1, 0.7).move(0, y - head * 0.75, head * 0.55)
        kit.add(part, kit.white())


def _hair(kit: Kit, y: float, head: float) -> None:
    """Short, long, curly, bun and pony-tail hair, or a hat, a helmet, a hood."""
    hair, kind = kit.fur(), kit.whole(0, 8)
    if kind <= 3:
        part = ellipsoid(head * 1.0, head * 0.95, head * 1.02, 14).move(0, y + head * 0.32, -head * 0.14)
        kit.add(part, hair)
        if kind == 1:
            part = superellipsoid(head * 0.95, head * kit.u(0.9, 1.6), head * 0.4, 0.7, 12)
            kit.add(part.move(0, y - head * 0.4, -head * 0.6), hair)
        elif kind == 2:
            kit.add(ball(head * 0.45, 2).move(0, y + head * kit.u(0.6, 1.3), -head * 0.8), hair)
        elif kind == 3:
            kit.add(
                limb(
                    (0, y + head * 0.4, -head), (0, y - head * 1.0, -head * 1.3), head * 0.32, head * 0.1, 8
                ),
                hair,
            )
    elif kind == 4:
        for _ in range(9):
            d = kit.rng.normal(size=3)
            d = d / np.linalg.norm(d) * head * 0.8
            part = lumpy(head * 0.42, kit.rng, 1, 0.1)
            kit.add(part.move(d[0], y + head * 0.35 + abs(d[1]) * 0.9, -abs(d[2]) * 0.8), hair)
    elif kind <= 7:
        _headgear(kit, y, head, helmet=kind == 7)


def _headgear(kit: Kit, y: float, head: float, helmet: bool) -> None:
    """A hat with a brim, or a helmet with horns or a crest."""
    if not helmet:
        brim, tall = kit.u(1.2, 2.1), kit.u(0.5, 1.6)
        profile = np.array([(brim, 0.0), (brim, 0.1), (0.95, 0.12), (kit.u(0.1, 1.0), tall)])
        kit.add(kit.lathe(profile * head).up(y + head * 0.45), kit.accent())
        return
    kit.add(kit.dome(head * 1.12, head * 1.15, 5).up(y + head * 0.12), kit.metal())
    if kit.chance(0.5):
        path = curve([(0.9, 0.7, 0.0), (1.6, 1.0, 0.0), (1.6, 1.7, 0.0)]) * head
        kit.pair(tube(path, np.linspace(head * 0.2, 0.01, len(path))).up(y), kit.white())
    else:
        kit.add(box(head * 0.15, head * 0.5, head * 1.6, 0.02).up(y + head * 1.3), kit.accent())


def _cape(kit: Kit, shoulder: float, chest: float, leg: float) -> None:
    x = np.array([[-1.0, 0.0], [1.0, 0.0], [kit.u(1.1, 1.7), -1.0], [-1.5, -1.0]])
    part = extrude(x * [shoulder * 0.95, (chest - leg * kit.u(0.1, 0.6))], 0.045).turn("x", 8)
    kit.add(part.move(0, chest - 0.02, -0.17), kit.accent())


def person(kit: Kit) -> None:
    """Standing, walking, waving and T-posed people, slim to stout, adult to chibi, dressed and hatted."""
    body, skin, shirt = Body(kit, 0.35), kit.skin(), kit.cloth()
    chibi = kit.u(0.0, 1.0) ** 1.5
    head, leg, torso = 0.13 + 0.2 * chibi, 0.85 - 0.55 * chibi, 0.55 - 0.2 * chibi
    build = kit.u(0.8, 1.45)
    shoulder, hip = 0.21 * build * (1 - 0.15 * chibi), 0.13 * build
    thick, robe = (0.065 + 0.02 * chibi) * build, kit.chance(0.2)
    _legs(kit, body, leg, hip, thick, skin, hidden=robe)
    chest = leg + torso
    body.limb((0, leg + 0.02, 0), (0, leg + torso * 0.5, 0.01), hip * 1.05, hip * kit.u(0.85, 1.2), shirt)
    body.limb((0, leg + torso * 0.45, 0.01), (0, chest - thick, 0), hip * 1.1, hip * 0.95, shirt)
    body.limb(
        (shoulder * 0.75, chest - thick, 0),
        (-shoulder * 0.75, chest - thick, 0),
        thick * 1.25,
        thick * 1.25,
        shirt,
    )
    _arms(kit, body, shoulder, chest - thick, leg + torso, thick, skin, shirt)
    neck = chest + 0.04
    body.limb((0, chest - 0.02, 0), (0, neck + head * 0.4, 0), thick * 0.8, thick * 0.75, skin)
    top = neck + head * 1.0
    body.egg((0, top, 0.01), (head * 0.88, head * 1.08, head * 0.95), skin)
    body.finish()
    if robe:
        flare = kit.u(1.3, 2.2)
        outline = [(hip * flare, 0.03), (hip * 1.25, leg * 0.7), (hip * 1.15, leg + torso * 0.4)]
        outline += [(hip * 0.9, chest - thick)]
        kit.add(kit.lathe(outline).scale(1, 1, 0.85), shirt)
    elif kit.chance(0.2):
        kit.add(kit.frustum(hip * kit.u(1.5, 2.2), hip * 1.15, leg * 0.45).up(leg * 0.6), kit.accent())
    if kit.chance(0.3):
        kit.add(torus(hip * 1.12, 0.03, 16).up(leg + 0.06), kit.leather())
    _face(kit, top, head, skin)
    _hair(kit, top, head)
    if kit.chance(0.2):
        _cape(kit, shoulder, chest, leg)


def _legs(kit: Kit, body: Body, leg: float, hip: float, thick: float, skin: Material, hidden: bool) -> None:
    """Two legs with shoes, apart or walking; a robe hides all but the shoes."""
    trousers, shoe = kit.pick(kit.cloth, kit.accent)(), kit.pick(kit.leather, kit.black)()
    stance, walk = kit.u(0.0, 0.12), kit.pick(0.0, 0.0, 0.0, kit.u(0.1, 0.35)) * leg
    bare = kit.chance(0.15)
    for side in (1, -1):
        x, z = side * (hip * 0.75 + stance), side * walk
        if not hidden:
            knee = side * (hip * 0.75 + stance * 0.5), leg * 0.52, z * 0.5 + 0.03
            body.limb((side * hip * 0.7, leg, 0), knee, thick * 1.25, thick, trousers)
            body.limb(knee, (x, 0.07, z), thick, thick * 0.75, skin if bare else trousers)
        body.limb((x, 0.05, z - 0.02), (x, 0.045, z + 0.13), thick * 0.75, thick * 0.7, shoe)


def snowman(kit: Kit) -> None:
    """Snowman."""
    accent = kit.accent()
    snow, y, r = kit.white(), 0.0, 0.5
    for i in range(kit.pick(2, 3, 3)):
        kit.add(ball(r, 2).up(y + r * 0.85), snow)
        top, y = y + r * 0.85, y + r * 1.5
        face, r = r, r * kit.u(0.68, 0.78)
        if i > 0 or kit.chance(0.5):
            for t in (-0.2, 0.25):
                kit.add(ball(0.05).move(0, top + t * face, face * 0.97), kit.black())
    eyes(kit, face * 0.35, top + face * 0.35, face * 0.85, 0.045)
    part = frustum(face * 0.16, 0.005, face * 1.0, 7).turn("x", 90).move(0, top + face * 0.1, face * 0.9)
    kit.add(part, kit.colour(0.95, 0.5, 0.1))
    kit.pair(rod((0.3, 0.95, 0), (0.85, kit.u(1.0, 1.5), 0.1), 0.035, end_radius=0.02), kit.bark())
    if kit.chance(0.7):
        outline = [(face * 1.1, 0), (face * 1.1, 0.05), (face * 0.7, 0.06), (face * 0.65, face * 1.0)]
        kit.add(kit.lathe(outline).up(top + face * 0.7), kit.black())
    if kit.chance(0.6):
        kit.add(torus(face * 0.85, 0.09, 18, 7).up(top - face * 0.75), accent)
        kit.add(box(0.14, 0.45, 0.08, 0.03).move(0.15, top - face * 1.1, face * 1.1), accent)


def ghost(kit: Kit) -> None:
    """Ghost."""
    white, n = kit.pick(kit.white, kit.plastic)(), kit.whole(5, 9)
    outline = curve([(0.5, 0.0), (0.42, 0.4), (0.45, 0.8), (0.3, 1.15), (0.02, 1.25)], 4)
    part = lathe(outline, max(kit.sides, 16))

    def wavy(v: Array) -> Array:
        low = np.maximum(0.4 - v[:, 1], 0) / 0.4
        ripple = 1 + 0.13 * low * np.cos(n * np.arctan2(v[:, 2], v[:, 0]))
        return v * columns(ripple, np.ones(len(v)), ripple)

    kit.add(part.map(wavy), white)
    kit.pair(ellipsoid(0.07, 0.1, 0.05, 8).move(0.15, 0.9, 0.38), kit.black())
    kit.add(ellipsoid(0.07, 0.08, 0.05, 8).move(0, 0.7, 0.42), kit.black())
    kit.pair(limb((0.4, 0.65, 0.05), (0.65, kit.u(0.5, 0.9), 0.15), 0.12, 0.09, 8), white)


def gnome(kit: Kit) -> None:
    """Doll, pawn-like figure, gnome."""
    accent, coat, skin = kit.accent(), kit.cloth(), kit.skin()
    kit.add(kit.lathe(curve([(0.38, 0), (0.45, 0.3), (0.33, 0.7), (0.15, 0.85)], 4)), coat)
    r = kit.u(0.26, 0.36)
    kit.add(ball(r, 2).up(0.85 + r * 0.7), skin)
    eyes(kit, r * 0.35, 0.9 + r * 0.75, r * 0.88, r * 0.13)
    kit.add(kit.frustum(r * 1.15, 0.02, kit.u(0.4, 1.0)).up(0.85 + r * 1.1), accent)
    if kit.chance(0.6):
        outline = [(0.02, -0.5), (r * 0.7, -0.1), (r * 0.6, 0.1)]
        kit.add(lathe(curve(outline), 10).scale(1, 1, 0.6).move(0, 0.9 + r * 0.4, r * 0.6), kit.white())
        kit.add(ball(r * 0.22).move(0, 0.9 + r * 0.65, r), skin)
    kit.pair(limb((0.3, 0.65, 0), (0.42, 0.35, 0.15), 0.1, 0.09, 8), coat)


def scarecrow(kit: Kit) -> None:
    """Scarecrow or crucifix-like puppet."""
    wood, cloth = kit.wood(), kit.cloth()
    kit.add(box(0.09, 1.7, 0.09).up(0.85), wood)
    kit.add(box(1.5, 0.09, 0.09).up(1.15), wood)
    kit.add(superellipsoid(0.27, 0.38, 0.18, 0.7, 14).up(0.98), cloth)
    kit.pair(limb((0.2, 1.15), (0.62, 1.15), 0.12, 0.14, 8), cloth)
    kit.add(lumpy(0.22, kit.rng, 2, 0.1).up(1.55), kit.colour(0.85, 0.7, 0.45))
    eyes(kit, 0.08, 1.6, 0.19, 0.03)
    part = kit.lathe([(0.42, 0), (0.42, 0.04), (0.2, 0.06), (0.05, 0.35)]).up(1.68)
    kit.add(part, kit.colour(0.8, 0.65, 0.3))


def toy_soldier(kit: Kit) -> None:
    """Nutcracker or toy soldier."""
    coat, skin, black = kit.paint(), kit.skin(), kit.black()
    kit.pair(disc(0.12, 0.6, kit.sides_for(0.7)).move(0.14), kit.white())
    kit.pair(box(0.2, 0.12, 0.34, 0.03).move(0.14, 0.05, 0.05), black)
    kit.add(kit.disc(0.3, 0.55, 0.03).up(0.58), coat)
    kit.pair(disc(0.09, 0.5, kit.sides_for(0.6), 0.02).move(0.39, 0.6), coat)
    kit.pair(ball(0.1).move(0.39, 0.57), skin)
    kit.add(kit.disc(0.24, 0.4, 0.03).up(1.12), skin)
    kit.add(kit.disc(0.26, kit.u(0.3, 0.55), 0.02).up(1.48), black)
    eyes(kit, 0.09, 1.35, 0.22, 0.03)
    kit.add(box(0.22, 0.12, 0.1).move(0, 1.2, 0.22), kit.white())
    kit.add(box(0.08, 0.5, 0.05).move(0, 0.85, 0.29), kit.metal())
    kit.box(kit.wood(), (0.8, 0.08, 0.6), (0, -0.07, 0))


def robot(kit: Kit) -> None:
    """Boxy, round and wheeled robots, mechs and androids."""
    shell, joint, dark = kit.pick(kit.metal, kit.paint)(), kit.metal(), kit.black()
    w, h, d = kit.u(0.4, 0.7), kit.u(0.45, 0.75), kit.u(0.3, 0.5)
    kind, leg = kit.whole(0, 3), kit.u(0.25, 0.7)
    body = kit.pick(
        lambda: kit.block((w, h, d), (0, leg, 0)),
        lambda: superellipsoid(w / 2, h / 2, d / 2, kit.u(0.4, 0.9), 18).up(leg + h / 2),
        lambda: kit.disc(w / 2, h, 0.05).up(leg),
        lambda: lathe([(w * 0.3, 0), (w * 0.55, h * 0.75), (w * 0.4, h)], kit.pick(4, 6, 8)).up(leg),
    )()
    kit.add(body, shell)
    if kind <= 1:  # two legs
        t, bent = kit.u(0.06, 0.12), kit.u(0.0, 0.15)
        kit.pair(rod((w * 0.28, leg + 0.03, 0), (w * 0.3, leg * 0.5, bent), t, kit.pick(4, 8)), joint)
        kit.pair(rod((w * 0.3, leg * 0.5, bent), (w * 0.3, 0.05, 0), t * 1.2, kit.pick(4, 8)), shell)
        kit.pair(kit.block((t * 2.6, 0.11, t * 4), (w * 0.3, 0, 0.06)), dark)
    elif kind == 2:  # wheels or tracks
        kit.pair(kit.disc(leg * 0.5, 0.14, 0.03).turn("z", -90).move(w * 0.4, leg * 0.5), dark)
        kit.box(joint, (w * 0.7, leg * 0.7, d * 0.5), (0, leg * 0.4, 0))
        kit.add(ball(leg * 0.22).move(0, leg * 0.2, -d * 0.5), dark)
    else:  # hovering or on one ball
        kit.add(ball(leg * 0.55, 2).up(leg * 0.55), joint)
    _robot_arms(kit, w * 0.5, leg + h * 0.82, shell, joint, dark)
    glow = kit.colour_of((0.2, 0.9, 1.0), (1.0, 0.85, 0.2), (1.0, 0.3, 0.2))
    _robot_head(kit, leg + h + kit.u(0.02, 0.12), shell, joint, glow)
    if kit.chance(0.6):
        part = box(w * 0.5, h * 0.35, 0.06, 0.01).move(0, leg + h * 0.55, d / 2)
        kit.add(part, kit.pick(dark, kit.accent()))
        for x in (-0.12, 0.0, 0.12):
            kit.add(ball(0.035).move(x * w * 1.2, leg + h * 0.55, d / 2 + 0.03), glow)


def _robot_arms(kit: Kit, x: float, y: float, shell: Material, joint: Material, dark: Material) -> None:
    """Two jointed arms with ring or ball hands."""
    for side in (1, -1):
        a = np.radians(kit.u(5, 100))
        start = np.array([side * x, y, 0.0])
        elbow = start + 0.32 * np.array([side * np.sin(a), -np.cos(a), 0.1])
        hand = (
            elbow + 0.32 * np.array([side * 0.1, -0.5, 0.8]) if kit.chance(0.5) else elbow + (elbow - start)
        )
        kit.add(ball(0.1).move(*start), joint)
        kit.add(rod(start, elbow, 0.06, 8), joint)
        kit.add(rod(elbow, hand, 0.08, kit.pick(4, 8)), shell)
        if kit.chance(0.5):
            kit.add(torus(0.09, 0.035, 12).turn("x", 90).move(*hand), dark)
        else:
            kit.add(ball(0.1).move(*hand), dark)


def _robot_head(kit: Kit, top: float, shell: Material, joint: Material, glow: Material) -> None:
    """A box, dome or rounded head that stands at y = top, with lamps for eyes and perhaps an aerial."""
    hw, hh = kit.u(0.3, 0.6), kit.u(0.25, 0.4)
    kit.add(rod((0, top - 0.15), (0, top + 0.05), 0.07, 8), joint)
    head = kit.pick(
        kit.block((hw, hh, hw * 0.8), (0, top, 0)),
        kit.dome(hw * 0.55, hh, 5).up(top),
        superellipsoid(hw / 2, hh / 2, hw * 0.42, 0.5, 16).up(top + hh / 2),
    )
    kit.add(head, shell)
    if kit.chance(0.5):
        kit.pair(disc(hw * 0.13, 0.08, 10).turn("x", 90).move(hw * 0.22, top + hh * 0.55, hw * 0.36), glow)
    else:
        kit.add(box(hw * 0.75, hh * 0.3, 0.1, 0.02).move(0, top + hh * 0.55, hw * 0.38), glow)
    if kit.chance(0.6):
        kit.add(rod((0, top + hh - 0.03), (0, top + hh + 0.2), 0.025), joint)
        kit.add(ball(0.06).up(top + hh + 0.22), glow)


FAMILIES: tuple[Choice, ...] = (
    person,
    person,
    person,
    (snowman, ghost, gnome, scarecrow, toy_soldier),
    robot,
)
