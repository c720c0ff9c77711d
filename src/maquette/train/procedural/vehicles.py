"""Motor vehicles facing +z: bodies extruded from side profiles, tapered cabins, cylinder wheels."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ellipsoid
from maquette.train.procedural.boxes import along, box, extrude, rectangle, stack, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Part, curve
from maquette.train.procedural.swept import limb, rod
from maquette.train.procedural.turned import disc, dome, hollow, lathe


def wheel(
    kit: Kit, radius: float, width: float, at: tuple[float, float, float], rubber: Material, hub: Material
) -> None:
    """A wheel whose axle runs along x: tyre and hub cap."""
    sides = kit.sides_for(0.8)
    outline = [(radius * 0.8, 0), (radius, width * 0.2), (radius, width * 0.8), (radius * 0.8, width)]
    kit.add(lathe(outline, sides).up(-width / 2).turn("z", 90).move(*at), rubber)
    cap = disc(radius * 0.55, width * 1.1, sides, width * 0.15)
    kit.add(cap.up(-width * 0.55).turn("z", 90).move(*at), hub)


def wheels(kit: Kit, radius: float, width: float, track: float, axles: tuple[float, ...]) -> None:
    """Pairs of wheels standing on y = 0, `track` apart, at the z positions given."""
    rubber, hub = kit.rubber(), kit.pick(kit.metal, kit.white, kit.accent)()
    for z in axles:
        for side in (-1, 1):
            wheel(kit, radius, width, (side * track / 2, radius, z), rubber, hub)


def glasshouse(
    kit: Kit,
    length: tuple[float, float, float, float],
    width: float,
    height: float,
    base: float,
    body: Material,
) -> None:
    """A cabin with windows all round, straight or domed.

    length: z of tail and nose at the foot, then of tail and nose of the roof.
    """
    foot_back, foot_front, roof_back, roof_front = length
    narrow, power = kit.u(0.7, 0.92), kit.pick(1.0, 1.0, kit.u(1.5, 2.6))
    corner = kit.pick(0.0, kit.u(0.05, 0.3)) * width
    count = 2 if power == 1.0 else 5

    def shell(low: float, high: float, across: float, lengthwise: float) -> Part:
        outlines, heights = [], []
        for t in np.linspace(low, high, count):
            lean = float(t) ** power
            back = foot_back + (roof_back - foot_back) * lean
            front = foot_front + (roof_front - foot_front) * lean
            outline = rectangle(
                width * (1 + (narrow - 1) * lean) * across, (front - back) * lengthwise, corner, 2
            )
            outlines.append(outline + np.array([0.0, (back + front) / 2]))
            heights.append(base + height * float(t))
        return stack(outlines, heights)

    kit.add(shell(0.0, 1.0, 1.0, 1.0), body)
    glass, low, high = kit.window(), kit.u(0.08, 0.25), kit.u(0.72, 0.88)
    kit.add(shell(low, high, 0.84, 1.03), glass)
    kit.add(shell(low, high, 1.03, 0.84), glass)
    if kit.chance(0.6):  # pillars between the side windows
        middle = (foot_back + foot_front + roof_back + roof_front) / 4 + kit.u(-0.1, 0.1) * width
        pillar = tapered_box((width * 1.045, 0.09), (width * narrow * 1.045, 0.09), height * 0.97)
        kit.add(pillar.move(0, base, middle), body)


def side_profile(
    points: list[tuple[float, float]], arches: list[tuple[float, float]], low: float
) -> np.ndarray:
    """Outline in (z, y): the upper contour from tail to nose, then the sill at y = low with round wheel
    arches."""
    outline = [(points[-1][0], low)]
    for z, r in sorted(arches, reverse=True):
        angle = np.linspace(0, np.pi, 7)
        outline += [(z + r * float(np.cos(a)), low + r * float(np.sin(a))) for a in angle]
    outline += [(points[0][0], low)]
    return np.array(outline + points)


def lights(kit: Kit, width: float, y: float, front: float, back: float, size: float) -> None:
    """Head lights at z = front and tail lights at z = back, as boxes or round lamps."""
    white, red = kit.colour(1.0, 0.95, 0.75), kit.colour(0.85, 0.1, 0.1)
    if kit.chance(0.5):
        kit.pair(box(size * 1.6, size, 0.08).move(width * 0.36, y, front), white)
        kit.pair(box(size * 1.3, size, 0.08).move(width * 0.38, y, back), red)
    else:
        kit.pair(ellipsoid(size * 0.7, size * 0.7, 0.08, 10).move(width * 0.36, y, front), white)
        kit.pair(ellipsoid(size * 0.5, size * 0.5, 0.06, 8).move(width * 0.38, y, back), red)


def car(kit: Kit) -> None:
    """Saloons, hatchbacks, estates, off-roaders, sports and toy cars, taxis and police cars."""
    length, width, r = kit.u(1.9, 3.0), kit.u(1.0, 1.25), kit.u(0.2, 0.33)
    low, body = kit.u(0.12, 0.25), kit.paint()
    deck, tail_drop, nose_drop = low + kit.u(0.35, 0.55), kit.u(0.0, 0.15), kit.u(0.02, 0.25)
    half, rear, ahead = length / 2, -length * kit.u(0.27, 0.31), length * kit.u(0.28, 0.32)
    r = min(r, (half - ahead) / 1.35)
    cab_back, cab_front = (
        (-half * kit.u(0.9, 0.98), half * 0.3)
        if kit.chance(0.5)
        else (-half * kit.u(0.5, 0.7), half * kit.u(0.25, 0.45))
    )
    upper = [(-half, low + 0.12), (-half * 0.99, deck - tail_drop), (cab_back, deck), (cab_front, deck)]
    upper += [(half * 0.93, deck - nose_drop * 0.6), (half, deck - nose_drop), (half * 0.99, low + 0.1)]
    if kit.chance(0.4):  # a softer contour
        upper = [(float(z), float(y)) for z, y in curve(upper)]
    hull = along(extrude(side_profile(upper, [(rear, r * 1.18), (ahead, r * 1.18)], low), width, 0.03))
    pinch = kit.pick(0.0, kit.u(0.05, 0.25))
    kit.add(
        hull.map(lambda v: v * np.insert(np.ones((len(v), 2)), 0, 1 - pinch * (v[:, 2] / half) ** 4, 1)), body
    )
    height, rake = kit.u(0.32, 0.55), kit.u(0.1, 0.45)
    back_rake = kit.u(0.02, 0.35) * height * 2
    cabin = body if kit.chance(0.8) else kit.accent()
    lengths = cab_back, cab_front, cab_back + back_rake, cab_front - rake * height * 2
    glasshouse(kit, lengths, width * 0.92, height, deck - 0.02, cabin)
    wheels(kit, r, kit.u(0.16, 0.26), width - kit.u(0.0, 0.12), (rear, ahead))
    lights(kit, width, deck - nose_drop - 0.06, half * 0.985, -half * 0.985, 0.11)
    trim = kit.pick(kit.black, kit.metal)()
    if kit.chance(0.6):
        kit.add(box(width * 0.96, 0.1, 0.1, 0.03).move(0, low + 0.1, half), trim)
        kit.add(box(width * 0.96, 0.1, 0.1, 0.03).move(0, low + 0.1, -half), trim)
    middle = (cab_back + back_rake + cab_front - rake * height * 2) / 2
    _roof_extra(kit, width, deck + height, middle, trim)
    _tail_extra(kit, width, deck, half, r, trim)


def _roof_extra(kit: Kit, width: float, top: float, z: float, trim: Material) -> None:
    """Perhaps a siren bar, a taxi sign or a roof rack."""
    extra = kit.whole(0, 7)
    if extra == 0:
        kit.pair(box(0.25, 0.1, 0.14, 0.03).move(0.14, top + 0.03, z), kit.colour(0.15, 0.3, 0.95))
    elif extra == 1:
        kit.add(box(0.35, 0.14, 0.14, 0.03).move(0, top + 0.04, z), kit.colour(0.98, 0.8, 0.15))
    elif extra == 2:
        kit.pair(box(0.05, 0.06, 0.7).move(width * 0.3, top + 0.04, z), trim)
        for ahead in (-0.22, 0.22):
            kit.add(box(width * 0.66, 0.05, 0.05).move(0, top + 0.07, z + ahead), trim)


def _tail_extra(kit: Kit, width: float, deck: float, half: float, r: float, trim: Material) -> None:
    """Perhaps a spoiler, a spare wheel at the back or a stripe on the bonnet."""
    extra = kit.whole(0, 7)
    if extra == 0:
        kit.add(box(width * 0.95, 0.05, 0.2).move(0, deck + 0.25, -half * 0.9), trim)
        kit.pair(box(0.06, 0.28, 0.1).move(width * 0.35, deck + 0.12, -half * 0.9), trim)
    elif extra == 1:
        spare = disc(r, 0.16, kit.sides_for(0.8), 0.03).turn("x", 90)
        kit.add(spare.move(0, deck, -half - 0.14), kit.rubber())
    elif extra == 2:
        kit.add(box(width * 0.2, 0.02, half * 0.8).move(0, deck, half * 0.6), kit.white())


def van(kit: Kit) -> None:
    """Vans, minibuses, ambulances, ice-cream vans, camper vans and coaches."""
    length, width, height = kit.log(1.8, 4.2), kit.u(1.0, 1.2), kit.u(0.95, 1.4)
    half, low, r = length / 2, kit.u(0.14, 0.22), min(kit.u(0.2, 0.28), 0.125 * length)
    body, nose, rear = kit.paint(), kit.pick(0.0, kit.u(0.2, 0.45)), -length * 0.3
    ahead, wind, rake = length * 0.32, low + kit.u(0.4, 0.55), kit.u(0.04, 0.3)
    upper = [(-half, low + 0.1), (-half, low + height), (half - nose - rake, low + height)]
    upper += [(half - nose, wind + 0.1), (half, wind), (half, low + 0.1)]
    shape = along(
        extrude(side_profile(upper, [(rear, r * 1.15), (ahead, r * 1.15)], low), width, kit.pick(0.015, 0.04))
    )
    kit.add(shape, body)
    glass, top = kit.window(), low + height
    _van_windows(kit, width, height, low, (half, nose, rake, wind), glass)
    wheels(kit, r, kit.u(0.17, 0.24), width - 0.06, (rear, ahead))
    lights(kit, width, low + 0.22, half, -half, 0.1)
    if kit.chance(0.5):
        kit.add(box(width * 1.02, 0.1, length * 0.9).up(wind - 0.02), kit.accent())
    extra = kit.whole(0, 5)
    if extra == 0:
        siren = box(0.22, 0.1, 0.16, 0.03).move(width * 0.25, top + 0.04, half - nose - rake - 0.2)
        kit.pair(siren, kit.colour(0.2, 0.3, 0.95))
    elif extra == 1:
        kit.add(box(width * 0.8, 0.12, length * 0.5, 0.04).move(0, top + 0.04, -length * 0.1), kit.white())
    elif extra == 2:  # a second deck
        kit.soft = min(kit.soft, 0.06)
        kit.box(
            body, (width * 0.98, height * 0.55, (length - nose) * 0.96), (0, top - 0.02, -nose / 2 - 0.02)
        )
        part = box(width * 1.02, height * 0.3, (length - nose) * 0.9).move(0, top + height * 0.28, -nose / 2)
        kit.add(part, glass)


def _van_windows(
    kit: Kit,
    width: float,
    height: float,
    low: float,
    front: tuple[float, float, float, float],
    glass: Material,
) -> None:
    """Windscreen, side windows and rear window; front: half-length, length of the nose, rake, foot of the screen."""
    half, nose, rake, wind = front
    top = low + height
    screen = np.array([(half - nose - rake, top - 0.12), (half - nose, wind + 0.12)])
    slope = screen[1] - screen[0]
    normal = np.array([-slope[1], slope[0]]) / np.linalg.norm(slope) * 0.03
    pane = np.concatenate([screen + normal, screen[::-1] - 3 * normal])
    kit.add(along(extrude(pane, width * 0.84)), glass)
    count = max(1, round((2 * half - nose - rake) / kit.u(0.45, 0.8)))
    first, last = -half * 0.92, half - nose - rake - 0.02
    each = (last - first) / count
    shown = range(count) if kit.chance(0.6) else range(count - 1, count)
    for i in shown:
        part = box(width * 1.03, height * 0.32, each * 0.8)
        kit.add(part.move(0, top - height * 0.28, first + (i + 0.5) * each), glass)
    if kit.chance(0.6):
        kit.add(box(width * 0.7, height * 0.3, 0.05).move(0, top - height * 0.28, -half), glass)


def _load(kit: Kit, width: float, length: float, joint: float, base: float) -> None:
    """What a truck carries behind its cab, from z = joint backwards."""
    kind, body, middle = kit.whole(0, 5), kit.pick(kit.accent, kit.white, kit.metal)(), joint - length / 2
    if kind == 0:  # box
        kit.box(body, (width * 1.05, kit.u(0.9, 1.5), length * 0.97), (0, base, middle))
    elif kind == 1:  # open bed
        h = kit.u(0.25, 0.45)
        kit.add(box(width, 0.1, length * 0.96).move(0, base + 0.05, middle), body)
        kit.pair(box(0.08, h, length * 0.96).move(width / 2 - 0.04, base + h / 2, middle), body)
        for z in (-0.47, 0.47):
            kit.add(box(width, h, 0.08).move(0, base + h / 2, middle + z * length), body)
        if kit.chance(0.5):
            for _ in range(kit.whole(2, 6)):
                s = kit.u(0.2, 0.4)
                kit.box(
                    kit.wood(),
                    (s, s, s),
                    (kit.u(-0.25, 0.25), base + 0.08, middle + kit.u(-0.35, 0.35) * length),
                )
    elif kind == 2:  # tank
        tank = limb((0, 0, -length * 0.3), (0, 0, length * 0.3), width * 0.45, sides=kit.sides_for(1.0))
        kit.add(tank.move(0, base + width * 0.45, middle), body)
        kit.add(disc(0.14, 0.12, 10).move(0, base + width * 0.88, middle), kit.metal())
    elif kind == 3:  # tipper
        bucket = hollow([(0.6, 0), (0.72, 0.55)], 0.07, 0.08, 4).scale(width * 0.8, 1.1, length * 0.68)
        tilt = kit.pick(0.0, 0.0, kit.u(5, 35))
        kit.add(bucket.move(z=length * 0.4).turn("x", -tilt).move(0, base, middle - length * 0.4), body)
        if tilt == 0 and kit.chance(0.5):
            part = dome(0.5, 0.4, 9).scale(width, 1, length * 0.85).move(0, base + 0.45, middle)
            kit.add(part, kit.stone())
    elif kind == 4:  # mixer drum
        drum = kit.lathe(curve([(0.15, -0.5), (0.42, -0.15), (0.42, 0.2), (0.2, 0.6)])).turn("x", -70)
        kit.add(drum.scale(width, width, length * 0.9).move(0, base + 0.5, middle), body)
    else:  # ladder engine or logs
        kit.box(body, (width, 0.55, length * 0.97), (0, base, middle))
        for x in (-0.18, 0.18):
            part = box(0.06, 0.06, length * 1.2).turn("x", -4).move(x, base + 0.72, middle + 0.2)
            kit.add(part, kit.metal())
        for z in np.linspace(-0.5, 0.5, 8) * length:
            kit.add(box(0.36, 0.05, 0.05).move(0, base + 0.72 + z * 0.07, middle + 0.2 + z), kit.metal())


def truck(kit: Kit) -> None:
    """Pickups, box trucks, tippers, tankers, flatbeds, fire engines and semi-trailers."""
    width, r, low = kit.u(1.0, 1.2), kit.u(0.24, 0.34), kit.u(0.25, 0.35)
    cab_length, cab_height, bed_length = kit.u(0.7, 1.1), kit.u(0.8, 1.15), kit.log(1.2, 3.0)
    paint, dark, total = kit.paint(), kit.black(), cab_length + bed_length
    front = total / 2
    kit.add(box(width * 0.7, 0.14, total * 0.98).up(low + 0.04), dark)
    hood, joint = kit.pick(0.0, kit.u(0.35, 0.6)), front - cab_length
    if hood > 0:
        kit.box(paint, (width * 0.9, cab_height * 0.5, hood), (0, low, front + hood / 2 - 0.03))
        kit.box(dark, (width * 0.6, cab_height * 0.3, 0.06), (0, low + 0.06, front + hood - 0.02))
    kit.box(paint, (width, cab_height * 0.55, cab_length * 0.95), (0, low, front - cab_length / 2))
    glasshouse(
        kit,
        (joint + 0.04, front, joint + 0.1, front - kit.u(0.02, 0.2)),
        width,
        cab_height * 0.5,
        low + cab_height * 0.53,
        paint,
    )
    nose = front + max(hood - 0.03, 0.0)
    lights(kit, width, low + 0.2, nose, -front, 0.1)
    kit.add(box(width, 0.12, 0.12, 0.03).move(0, low, nose), kit.metal())
    _load(kit, width, bed_length, joint, low + 0.1)
    axles = [front - cab_length * 0.4 + hood * 0.6, -front + r * 1.3]
    if bed_length > 1.8:
        axles.append(-front + r * 3.5)
    wheels(kit, r, kit.u(0.18, 0.28), width - 0.12, tuple(axles))
    if kit.chance(0.3):
        pipe = rod(
            (width * 0.4, low, joint - 0.02), (width * 0.4, low + cab_height * 1.3, joint - 0.02), 0.05, 8
        )
        kit.pair(pipe, kit.metal())


FAMILIES: tuple[Choice, ...] = (car, car, van, truck)
