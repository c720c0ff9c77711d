"""Random constructive solids and random assemblies of primitives: shapes without a name, for generality."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid, superellipsoid
from maquette.train.procedural.boxes import box, extrude, rectangle, tapered_box
from maquette.train.procedural.implicit import (
    Field,
    block,
    cylinder,
    mesh_field,
    placed,
    ring,
    round_cone,
    smooth_min,
    sphere,
)
from maquette.train.procedural.kit import Choice, Kit, Skin
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Array, Part, columns, curve
from maquette.train.procedural.swept import limb, tube
from maquette.train.procedural.turned import frustum, torus


def rotation(kit: Kit) -> Array:
    """A rotation matrix: none, quarter turns, a turn about y, or any."""
    kind = kit.whole(0, 3)
    if kind == 0:
        return np.eye(3)
    if kind == 1:
        return np.eye(3)[kit.rng.permutation(3)]
    if kind == 2:
        a = kit.u(0, np.pi)
        return np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    return np.linalg.qr(kit.rng.normal(size=(3, 3)))[0]


def random_field(kit: Kit, size: float) -> Field:
    """A box, ball, cylinder, cone, torus, limb or egg of about a given half-size, about the origin."""
    kind, s = kit.whole(0, 6), size
    if kind <= 1:
        half = s * kit.log(0.3, 1.1), s * kit.log(0.3, 1.1), s * kit.log(0.3, 1.1)
        return block(half, kit.pick(0.02, 0.3) * min(half))
    if kind == 2:
        return sphere(s * kit.u(0.6, 0.9))
    if kind == 3:
        r, half_height = s * kit.log(0.3, 0.9), s * kit.log(0.3, 1.1)
        return cylinder(r, r * kit.pick(1.0, 1.0, kit.u(0.15, 0.8)), half_height, 0.05 * min(r, half_height))
    if kind == 4:
        return ring(s * kit.u(0.5, 0.8), s * kit.u(0.12, 0.3))
    if kind == 5:
        end = np.array([0, s * kit.u(0.5, 1.0), 0])
        return round_cone(-end, end, s * kit.u(0.2, 0.45), s * kit.u(0.15, 0.45))
    radii = np.array([kit.u(0.4, 1.0), kit.u(0.4, 1.0), kit.u(0.4, 1.0)]) * s
    least = float(radii.min())
    return lambda p: (np.sqrt(np.einsum("ij,ij->i", p / radii, p / radii)) - 1) * least


def constructive(kit: Kit) -> None:
    """Unions, cuts and intersections of 2 to 8 random primitives, sharp or blended, sometimes mirrored."""
    blend = kit.pick(0.0, 0.0, kit.u(0.05, 0.15), kit.u(0.15, 0.4))
    mirrored, repeat = kit.chance(0.45), kit.pick(1, 1, 1, kit.whole(3, 6))
    steps: list[tuple[Field, str, Material]] = []
    for i in range(kit.whole(2, 8)):
        size = 0.75 if i == 0 else kit.log(0.25, 0.7)
        offset = np.zeros(3) if i == 0 else kit.rng.uniform(-0.7, 0.7, 3) * [1, 1, 0.8]
        if mirrored and (i == 0 or kit.chance(0.4)):
            offset[0] = 0.0
        turn = rotation(kit)
        if mirrored and offset[0] == 0.0:
            turn = np.eye(3)[kit.rng.permutation(3)]
        how = (
            "join"
            if i == 0
            else kit.pick("join", "join", "join", "cut", "cut", "keep" if size > 0.5 else "join")
        )
        material = kit.pick(kit.plastic, kit.paint, kit.metal, kit.wood, kit.stone)()
        steps.append((placed(random_field(kit, size), turn, offset), how, material))

    def fold(p: Array) -> Array:
        q = p
        if repeat > 1:  # a turned repetition about the y axis
            angle, wedge = np.arctan2(p[:, 2], p[:, 0]), 2 * np.pi / repeat
            angle = angle - wedge * np.round(angle / wedge)
            r = np.hypot(p[:, 0], p[:, 2])
            q = columns(r * np.cos(angle), p[:, 1], r * np.sin(angle)).astype(np.float32)
        if mirrored:
            q = np.concatenate([np.abs(q[:, :1]), q[:, 1:]], 1)
        return q

    def field(p: Array) -> Array:
        q = fold(p)
        value = steps[0][0](q)
        for other, how, _ in steps[1:]:
            if how == "join":
                value = smooth_min(value, other(q), blend)
            elif how == "cut":
                value = -smooth_min(-value, other(q), 0.5 * blend)
            else:
                value = -smooth_min(-value, -other(q), 0.5 * blend)
        return value

    part = mesh_field(field, np.full(3, -1.6), np.full(3, 1.6))
    if part is None or np.ptp(part.vertices, axis=0).max() < 0.3:  # everything was cut away
        assembly(kit)
        return
    middle = fold(part.vertices[part.faces].mean(axis=1).astype(np.float32))
    index = np.argmin(np.abs(np.stack([step[0](middle) for step in steps])), axis=0)
    one = kit.chance(0.4)
    kit.add(part, Skin(tuple(step[2] for step in steps), index * 0 if one else index))


def blobs(kit: Kit) -> None:
    """Free organic forms: balls and limbs along a random walk that melt together; pierced or standing on a
    base."""
    blend, count = kit.u(0.1, 0.35), kit.whole(3, 9)
    at, fields = np.zeros(3), []
    looks = [kit.pick(kit.plastic, kit.ceramic, kit.stone, kit.metal)() for _ in range(2)]
    for _ in range(count):
        ahead = at + kit.rng.normal(size=3) * kit.u(0.2, 0.45)
        ahead = np.clip(ahead, -0.9, 0.9)
        fields.append(round_cone(at, ahead, kit.u(0.1, 0.32), kit.u(0.08, 0.3)))
        at = ahead if kit.chance(0.7) else np.zeros(3)
    holes = [
        placed(ring(0.5, kit.u(0.06, 0.15)), rotation(kit), kit.rng.uniform(-0.4, 0.4, 3))
        for _ in range(kit.pick(0, 0, 1))
    ]
    wave, depth = kit.rng.normal(size=(3, 3)) * kit.u(1.5, 5.0), kit.pick(0.0, 0.0, kit.u(0.01, 0.05))

    def field(p: Array) -> Array:
        value = fields[0](p)
        for other in fields[1:]:
            value = smooth_min(value, other(p), blend)
        for hole in holes:
            value = -smooth_min(-value, hole(p), 0.1)
        return value + depth * np.sin(p @ wave.astype(np.float32)).sum(axis=1)

    part = mesh_field(field, np.full(3, -1.5), np.full(3, 1.5))
    if part is None:
        assembly(kit)
        return
    kit.add(part, looks[0])
    if kit.chance(0.25):
        x, low, z = part.vertices[part.vertices[:, 1].argmin()]
        kit.box(looks[1], (0.8, 0.15, 0.8), (float(x), float(low) - 0.1, float(z)))


def _polygon(kit: Kit, size: float) -> Array:
    """A random star-shaped outline, convex or not."""
    n = kit.whole(3, 9)
    angle = 2 * np.pi * (np.arange(n) + kit.rng.uniform(-0.25, 0.25, n)) / n
    return size * 0.6 * kit.rng.uniform(0.5, 1.0, (n, 1)) * columns(np.cos(angle), np.sin(angle))


def random_part(kit: Kit, s: float) -> Part:
    """A meshed primitive of about a given size, about the origin."""
    makers: tuple[Callable[[], Part], ...] = (
        lambda: box(
            s * kit.log(0.4, 1.6),
            s * kit.log(0.4, 1.6),
            s * kit.log(0.4, 1.6),
            kit.soft * s * 0.4,
            kit.soft_steps,
        ),
        lambda: box(s, s * kit.u(0.15, 0.4), s, kit.soft * s * 0.1),
        lambda: kit.disc(s * kit.log(0.25, 0.7), s * kit.log(0.2, 1.6), kit.soft * s * 0.2),
        lambda: frustum(
            s * kit.u(0.3, 0.7),
            s * kit.pick(0.0, kit.u(0.1, 0.5)),
            s * kit.u(0.5, 1.4),
            kit.pick(kit.sides, 3, 4, 6),
        ),
        lambda: ellipsoid(s * kit.u(0.3, 0.7), s * kit.u(0.3, 0.7), s * kit.u(0.3, 0.7), kit.sides),
        lambda: superellipsoid(
            s * kit.u(0.3, 0.7), s * kit.u(0.2, 0.6), s * kit.u(0.3, 0.7), kit.u(0.35, 0.8), 16
        ),
        lambda: torus(s * kit.u(0.35, 0.6), s * kit.u(0.08, 0.2), kit.sides, 8),
        lambda: limb(
            (0, -s * 0.5), (0, s * 0.5), s * kit.u(0.15, 0.3), s * kit.u(0.1, 0.3), kit.sides_for(0.8)
        ),
        lambda: tapered_box(
            (s, s * kit.u(0.5, 1)), (s * kit.u(0.3, 1), s * kit.u(0.2, 0.8)), s * kit.u(0.4, 1.2)
        ),
        lambda: kit.lathe(
            curve(columns(kit.rng.uniform(0.12, 0.6, 5) * s, np.linspace(0, s * kit.u(0.7, 1.5), 5)))
        ),
        lambda: extrude(_polygon(kit, s), s * kit.u(0.2, 1.0), 0.0),
        lambda: ball(s * 0.5, kit.whole(0, 2)),
    )
    return makers[kit.whole(0, len(makers) - 1)]()


def assembly(kit: Kit) -> None:
    """Primitives stacked, mirrored or set around a core, in the way of toys and machines."""
    materials = [kit.pick(kit.plastic, kit.paint, kit.metal, kit.wood)() for _ in range(3)]
    kind, y = kit.whole(0, 2), 0.0
    if kind == 0:  # a stack
        for _ in range(kit.whole(2, 6)):
            part = random_part(kit, kit.log(0.4, 1.1))
            low, high = part.vertices[:, 1].min(), part.vertices[:, 1].max()
            kit.add(part.turn("y", kit.pick(0.0, 0.0, 45.0, kit.u(0, 90))).up(y - low), kit.pick(*materials))
            y += (high - low) * kit.u(0.7, 1.0)
    else:
        core = random_part(kit, kit.u(0.9, 1.3))
        kit.add(core, materials[0])
        low, high = core.vertices.min(axis=0), core.vertices.max(axis=0)
        for _ in range(kit.whole(1, 6)):
            part = random_part(kit, kit.log(0.2, 0.8))
            if kit.chance(0.4):
                part = part.turn(kit.pick("x", "y", "z"), kit.pick(90.0, 45.0, kit.u(0, 180)))
            at, axis = low + (high - low) * kit.rng.uniform(0, 1, 3), kit.whole(0, 2)
            at[axis] = (low if kit.chance(0.5) else high)[axis]
            style = kit.whole(0, 3)
            if style == 0:
                at[0] = 0.0
                kit.add(part.move(*at), kit.pick(*materials))
            elif style == 1:
                kit.pair(part.move(*at), kit.pick(*materials))
            elif style == 2:
                kit.four(part.move(*at), kit.pick(*materials))
            else:
                piece = part.move(float(high[0]) * kit.u(0.6, 1.1), at[1])
                kit.around(piece, kit.pick(*materials), kit.whole(3, 8))
    if kit.chance(0.2):
        tilt = kit.u(-90, 90)
        kit.reshape(lambda p: p.turn("z", tilt))


def sculpture(kit: Kit) -> None:
    """Curves with a body: knots, helices, springs, bent ribbons, arches."""
    kind, look = kit.whole(0, 4), kit.pick(kit.metal, kit.plastic, kit.stone)()
    r = kit.u(0.06, 0.16)
    section = None if kit.chance(0.7) else rectangle(2, 2)
    if kind == 0:  # torus knots
        p, q = kit.pick((2, 3), (3, 2), (2, 5), (3, 4))
        t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        bulge = 0.65 + 0.28 * np.cos(q * t)
        path = columns(bulge * np.cos(p * t), 0.28 * np.sin(q * t), bulge * np.sin(p * t))
        kit.add(tube(path, r * 0.9, kit.pick(5, 8), closed=True, up=(0, 1, 0)), look)
    elif kind == 1:  # helix
        turns, h = kit.u(1.5, 5.0), kit.u(0.8, 2.0)
        t = np.linspace(0, 1, int(18 * turns))
        wide = 0.5 * (1 + kit.pick(0.0, kit.u(-0.7, 0.7)) * t)
        path = columns(wide * np.cos(2 * np.pi * turns * t), h * t, wide * np.sin(2 * np.pi * turns * t))
        kit.add(tube(path, min(r, 0.4 * h / turns), 8, section=section, up=(0, 1, 0)), look)
    elif kind == 2:  # a smooth random curve of changing thickness
        control = kit.rng.normal(size=(kit.whole(4, 7), 3)) * [0.5, 0.6, 0.5]
        path = curve(control, 6)
        widths = r * (1 + 0.7 * np.sin(np.linspace(0, kit.u(2, 9), len(path))))
        kit.add(tube(path, widths, kit.sides_for(0.7)), look)
        if kit.chance(0.5):
            piece = kit.disc(0.5, 0.12).move(control[0, 0], float(path[:, 1].min()) - 0.1, control[0, 2])
            kit.add(piece, kit.stone())
    elif kind == 3:  # interlocked rings
        for i in range(kit.whole(2, 5)):
            part = (
                torus(0.45, r * 0.8, max(kit.sides, 14), 8).turn("x", 90 * (i % 2)).turn("z", kit.u(-15, 15))
            )
            kit.add(part.move(0.55 * i), look if i % 2 else kit.accent())
    else:  # arches and frames
        for i in range(kit.whole(1, 4)):
            arch = np.linspace(0, np.pi, 13)
            span, tall = kit.u(0.3, 0.9), kit.u(0.5, 1.4)
            path = columns(span * np.cos(arch), tall * np.sin(arch) ** kit.u(0.4, 1.0), 0.0)
            kit.add(tube(path, r, 8, section=section).turn("y", kit.u(0, 180)).move(z=0.2 * i), look)
        kit.box(kit.stone(), (1.9, 0.12, 1.2), (0, -0.1, 0.2))


FAMILIES: tuple[Choice, ...] = (
    constructive,
    constructive,
    constructive,
    blobs,
    assembly,
    assembly,
    sculpture,
)
