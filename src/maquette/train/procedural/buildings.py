"""Houses, towers, castles and skyscrapers with their front towards +z."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ellipsoid, globe
from maquette.train.procedural.boxes import along, box, extrude, rectangle, stack, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Part, arch, columns
from maquette.train.procedural.swept import rod
from maquette.train.procedural.turned import disc, frustum, hollow, lathe, torus, tray

Size = tuple[float, float, float]


def gable(width: float, height: float, depth: float, over: float, thick: float) -> list[Part]:
    """A saddle roof with its ridge along z over a footprint centred on the origin: filling and two slabs."""
    filling = extrude([(-width / 2, -0.01), (width / 2, -0.01), (0, height)], depth)
    slope, out = height / (width / 2), width / 2 + over
    low = -over * slope
    rise = thick * np.sqrt(1 + slope**2)
    slab = extrude([(0, height), (out, low), (out, low + rise), (0, height + rise)], depth + 2 * over)
    return [filling, slab, slab.mirror()]


def add_gable(
    kit: Kit,
    size: Size,
    over: float,
    thick: float,
    wall: Material,
    tiles: Material,
    at: Size,
    turn: float = 0.0,
) -> None:
    """Add a saddle roof of (width, height, depth); `at` is the middle of its foot."""
    for part, material in zip(gable(*size, over, thick), (wall, tiles, tiles), strict=True):
        kit.add(part.turn("y", turn).move(*at), material)


def hip(width: float, height: float, depth: float, over: float) -> Part:
    """A hipped roof: a thick eaves band under a frustum that ends in a short ridge or a point."""
    w, d = width + 2 * over, depth + 2 * over
    ridge, across = max(d - w, 0.02), max(w - d, 0.02)
    return stack([rectangle(w, d), rectangle(w, d), rectangle(across, ridge)], [0.0, 0.05, height])


def opening(
    kit: Kit, size: tuple[float, float], at: Size, side: str, frame: Material, pane: Material, arched: bool
) -> None:
    """A window or door that stands slightly proud of a wall facing +z ('front'), -z, +x or -x; `at` is its
    foot."""
    w, h = size
    t = 0.05
    outline = [(-w / 2, 0.0), (w / 2, 0.0), (w / 2, h), (-w / 2, h)]
    if arched:
        outline = [(-w / 2, 0.0), (w / 2, 0.0), *arch(w / 2, w / 2, 7, h)]
    turn = {"front": 0.0, "right": 90.0, "back": 180.0, "left": -90.0}[side]
    grown = (np.array(outline) - [0, h / 2]) * [1.25, 1.15] + [0, h / 2]
    kit.add(extrude(grown, t).turn("y", turn).move(*at), frame)
    kit.add(extrude(outline, t * 1.8).turn("y", turn).move(*at), pane)


def openings(kit: Kit, size: Size, base: float, storeys: int) -> None:
    """Rows of windows on all four walls of a block centred on the origin, and a front door."""
    w, h, d = size
    frame, pane = kit.pick(kit.white, kit.wood, kit.accent)(), kit.window()
    arched, storey = kit.chance(0.2), h / storeys
    ww, wh = storey * kit.u(0.25, 0.38), storey * kit.u(0.35, 0.5)
    gap = ww * kit.u(1.8, 2.8)
    for side, wall, out in (("front", w, d / 2), ("back", w, d / 2), ("right", d, w / 2), ("left", d, w / 2)):
        count = max(1, int(wall * 0.9 / gap))
        for s in range(storeys):
            for i in range(count):
                along = (i - (count - 1) / 2) * gap
                if side == "front" and s == 0 and abs(along) < ww * 1.2:
                    continue
                x, z = {
                    "front": (along, out),
                    "back": (along, -out),
                    "right": (out, along),
                    "left": (-out, along),
                }[side]
                opening(kit, (ww, wh), (x, base + s * storey + storey * 0.32, z), side, frame, pane, arched)
    dw, dh = storey * kit.u(0.3, 0.45), storey * kit.u(0.58, 0.75)
    opening(
        kit, (dw, dh), (0.0, base, d / 2), "front", frame, kit.pick(kit.wood, kit.paint)(), kit.chance(0.3)
    )
    kit.add(globe(0.025, 6).move(dw * 0.32, base + dh * 0.45, d / 2 + 0.06), kit.metal())


def roof(kit: Kit, size: Size, base: float, material: Material, wall: Material) -> None:
    """A saddle, hipped, flat, mono-pitch or mansard roof over a block centred on the origin."""
    w, _, d = size
    kind, over, rise = kit.whole(0, 5), kit.u(0.04, 0.16), kit.u(0.25, 0.8) * min(w, d)
    if kind <= 1:
        along_x = kit.chance(0.5)
        across, length = (d, w) if along_x else (w, d)
        turn = 90.0 if along_x else 0.0
        add_gable(kit, (across, rise, length), over, kit.u(0.05, 0.1), wall, material, (0, base, 0), turn)
    elif kind == 2:
        kit.add(hip(w, rise, d, over).up(base), material)
    elif kind == 3:  # flat with a parapet
        kit.add(tray(w + 0.06, kit.u(0.1, 0.25), d + 0.06, 0.06, 0.35).up(base - 0.02), material)
        for _ in range(kit.whole(0, 2)):
            kit.box(kit.metal(), (0.2, 0.15, 0.16), (kit.u(-0.3, 0.3) * w, base + 0.02, kit.u(-0.3, 0.3) * d))
    elif kind == 4:  # mono-pitch
        outline = [(-d / 2 - over, 0), (d / 2 + over, 0), (d / 2 + over, 0.05), (-d / 2 - over, rise * 0.6)]
        part = extrude(outline, w + 2 * over)
        kit.add(along(part).up(base), material)
    else:  # mansard
        outlines = [
            rectangle(w + over, d + over),
            rectangle(w * 0.8, d * 0.8),
            rectangle(w * 0.1, max(d - w, 0.05) + 0.05),
        ]
        kit.add(stack(outlines, [0, rise * 0.6, rise * 0.8]).up(base), material)


def house(kit: Kit) -> None:
    """Detached houses: one to three storeys, wings, porches, garages, chimneys, gardens."""
    w, d, storeys = kit.u(0.9, 1.6), kit.u(0.8, 1.3), kit.pick(1, 1, 2, 2, 3)
    h = storeys * kit.u(0.5, 0.65)
    wall = kit.pick(kit.plaster, kit.plaster, kit.brick, kit.wood, kit.stone)()
    tiles = kit.pick(kit.brick, kit.accent, kit.wood, kit.stone)()
    base = kit.pick(0.0, 0.08)
    if base > 0:
        kit.box(kit.stone(), (w * 1.05, base, d * 1.05))
    kit.add(box(w, h, d).up(base + h / 2), wall)
    openings(kit, (w, h, d), base, storeys)
    roof(kit, (w, h, d), base + h, tiles, wall)
    if kit.chance(0.5):
        x, z = kit.u(0.2, 0.35) * w * kit.pick(-1, 1), kit.u(-0.3, 0.1) * d
        kit.box(kit.brick(), (0.16, h * 0.4 + 0.35, 0.16), (x, base + h * 0.85, z))
        kit.box(kit.stone(), (0.2, 0.05, 0.2), (x, base + h * 1.25 + 0.34, z))
    if kit.chance(0.35):  # side wing or garage
        side, ww, hh = kit.pick(-1, 1), w * kit.u(0.4, 0.7), h / storeys * kit.u(0.8, 1.0)
        dd, mark = d * kit.u(0.6, 0.95), kit.mark()
        kit.add(box(ww, hh, dd).up(base + hh / 2), wall)
        roof(kit, (ww, hh, dd), base + hh, tiles, wall)
        opening(kit, (ww * 0.55, hh * 0.6), (0, base, dd / 2), "front", kit.white(), kit.accent(), False)
        x, z = side * (w / 2 + ww / 2 - 0.02), kit.u(-0.1, 0.2) * d
        kit.reshape(lambda p: p.move(x, 0, z), mark)
    if kit.chance(0.35):  # porch
        ph, pd, pw = h / storeys * 0.85, kit.u(0.25, 0.4), w * kit.u(0.35, 1.0)
        kit.pair(disc(0.035, ph, 6).move(pw / 2 - 0.06, base, d / 2 + pd - 0.05), kit.white())
        part = tapered_box((pw, pd + 0.05), (pw * 0.95, pd * 0.8), 0.1, (0, -0.04))
        kit.add(part.move(0, base + ph, d / 2 + pd / 2), tiles)
        kit.box(kit.stone(), (pw, 0.07, pd), (0, 0, d / 2 + pd / 2))
    if kit.chance(0.25):  # plot with a hedge, a path or a tree
        kit.box(kit.colour(0.35, 0.6, 0.25), (w * 1.7, 0.06, d * 1.8), (0, -0.06, 0.1))
        if kit.chance(0.6):
            x = kit.pick(-1, 1) * w * 0.7
            kit.add(frustum(0.04, 0.03, 0.3, 6).move(x, 0, d * 0.7), kit.bark())
            kit.add(ellipsoid(0.17, 0.2, 0.17, 8).move(x, 0.42, d * 0.7), kit.leaf())


def crown(kit: Kit, radius: float, y: float, material: Material, square: bool, sides: int) -> None:
    """A battlement: a slightly wider floor with merlons around."""
    wide = radius * kit.u(1.05, 1.25)
    if square:
        kit.add(box(2 * wide, 0.14, 2 * wide).up(y), material)
        count = kit.whole(2, 4)
        for i in range(count):
            a = (2 * i / max(count - 1, 1) - 1) * (wide - 0.07)
            for x, z in ((a, wide - 0.06), (a, -wide + 0.06), (wide - 0.06, a), (-wide + 0.06, a)):
                kit.add(box(0.12, 0.16, 0.12).move(x, y + 0.13, z), material)
    else:
        part = hollow([(radius * 0.95, 0), (wide, 0.1), (wide, 0.2)], 0.09, 0.12, sides).up(y - 0.06)
        kit.add(part, material)
        kit.around(box(0.1, 0.16, 0.14).move(wide - 0.05, y + 0.18), material, kit.whole(5, 9))


def castle_tower(kit: Kit) -> None:
    """Castle tower."""
    wall, top = kit.pick(kit.stone, kit.plaster, kit.brick)(), kit.pick(kit.brick, kit.accent)()
    h, r, square = kit.log(1.0, 2.6), kit.u(0.35, 0.5), kit.chance(0.35)
    sides = 4 if square else kit.sides
    taper = kit.u(0.75, 1.0)
    kit.add(lathe([(r, 0), (r * 0.95, 0.1), (r * taper, h)], sides), wall)
    if kit.chance(0.6):
        crown(kit, r * taper, h, wall, square, sides)
        if kit.chance(0.4):
            kit.add(frustum(r * taper * 0.8, 0.0, kit.u(0.5, 1.0), sides).up(h + 0.05), top)
    else:
        kit.add(frustum(r * taper * 1.25, 0.0, kit.u(0.5, 1.2), sides).up(h - 0.02), top)
        if kit.chance(0.5):
            outline = [(r * taper, 0), (r * taper * 1.2, 0.12), (r * taper * 1.2, 0.3)]
            kit.add(lathe(outline, sides).up(h - 0.3), wall)
    pane = kit.black()
    for i in range(kit.whole(1, 3)):
        kit.around(box(0.08, 0.2, 0.09).move(r * 0.93 * taper), pane, 0)
        y = h * (0.3 + 0.2 * i)
        edge = r * (1 + (taper - 1) * y / h)
        kit.add(box(0.1, 0.2, 0.1).move(0, y, edge * (1.0 if square else 0.98)), pane)
    opening(kit, (0.24, 0.32), (0, 0, r * (1.0 if square else 0.97)), "front", wall, kit.wood(), True)
    if kit.chance(0.3):
        kit.add(rod((0, h), (0, h + 1.3), 0.025), kit.wood())
        kit.add(box(0.3, 0.18, 0.04).move(0.16, h + 1.2), kit.accent())


def lighthouse(kit: Kit) -> None:
    """Lighthouse."""
    wall, top = kit.pick(kit.stone, kit.plaster, kit.brick)(), kit.pick(kit.brick, kit.accent)()
    h, r, lean = kit.log(1.0, 2.6), kit.u(0.35, 0.5), kit.u(0.5, 0.75)
    wall2 = Material(wall.rgb, 0.0, 0.6, band=top.rgb, bands=kit.whole(3, 7)) if kit.chance(0.7) else wall
    levels = np.linspace(0, h, 9)
    kit.add(kit.lathe(columns(r * (1 + (lean - 1) * levels / h), levels)), wall2)
    kit.add(kit.disc(r * lean * 1.35, 0.08).up(h), wall)
    kit.add(torus(r * lean * 1.28, 0.025, kit.sides).up(h + 0.2), kit.metal())
    kit.add(disc(r * lean * 0.75, 0.35, kit.pick(6, 8)).up(h + 0.06), kit.colour(1.0, 0.9, 0.5))
    kit.add(kit.dome(r * lean * 0.9, 0.25).up(h + 0.4), top)
    if kit.chance(0.5):
        kit.box(kit.plaster(), (0.6, 0.4, 0.5), (0.55, 0, 0))
        add_gable(kit, (0.5, 0.22, 0.6), 0.05, 0.05, wall, top, (0.55, 0.4, 0), 90)


def silo(kit: Kit) -> None:
    """Silo, gas tank, observatory."""
    wall, top = kit.pick(kit.stone, kit.plaster, kit.brick)(), kit.pick(kit.brick, kit.accent)()
    h = kit.log(1.0, 2.6)
    h = kit.u(0.6, 1.8)
    kit.add(kit.disc(0.5, h), kit.pick(kit.metal(), wall))
    kit.add(kit.dome(0.5, kit.u(0.15, 0.5)).up(h - 0.01), kit.pick(top, kit.metal()))
    for y in np.linspace(0.2, 0.9, kit.whole(1, 4)):
        kit.add(torus(0.5, 0.025, kit.sides, 5).up(y * h), kit.metal())
    if kit.chance(0.4):
        kit.add(kit.disc(0.4, h * 0.8).move(0.8), kit.metal())
        kit.add(kit.dome(0.4, 0.25).move(0.8, h * 0.79), top)


def water_tower(kit: Kit) -> None:
    """Water tower on legs."""
    top, leg_height, rr = kit.pick(kit.brick, kit.accent)(), kit.u(0.7, 1.4), kit.u(0.4, 0.6)
    legs, metal = kit.whole(3, 6), kit.pick(kit.metal, kit.wood)()
    kit.around(rod((rr * 1.1, 0), (rr * 0.75, leg_height + 0.05), 0.045), metal, legs, 45)
    if kit.chance(0.5):
        kit.add(torus(rr * 0.93, 0.03, max(kit.sides, 10), 5).up(leg_height * 0.5), metal)
    kit.add(kit.disc(rr, kit.u(0.5, 0.8), 0.04).up(leg_height), kit.pick(kit.wood, kit.paint)())
    y = kit.height()
    kit.add(kit.frustum(rr * 1.1, 0.03, kit.u(0.2, 0.4)).up(y - 0.01), top)


def castle(kit: Kit) -> None:
    """Castles and forts: towers at the corners, walls, a gate and a keep."""
    stone, tiles, half = kit.stone(), kit.pick(kit.accent, kit.brick)(), kit.u(0.7, 1.0)
    wall_height, t, r = kit.u(0.4, 0.6), kit.u(0.1, 0.18), kit.u(0.18, 0.28)
    h, sides, deep = kit.u(0.65, 1.1), kit.pick(4, kit.sides, kit.sides), half * kit.u(0.7, 1.1)
    pointed = kit.chance(0.6)
    for sx in (-1, 1):
        for sz in (-1, 1):
            mark = kit.mark()
            kit.add(lathe([(r * 1.1, 0), (r, 0.1), (r, h)], sides), stone)
            if pointed:
                kit.add(frustum(r * 1.25, 0.0, h * kit.u(0.55, 0.6), sides).up(h - 0.01), tiles)
            else:
                part = hollow([(r, 0), (r * 1.2, 0.08), (r * 1.2, 0.2)], 0.07, 0.12, sides).up(h - 0.03)
                kit.add(part, stone)
            x, z = sx * half, sz * deep
            kit.reshape(lambda p, x=x, z=z: p.move(x, 0, z), mark)  # type: ignore[misc]
    kit.pair(box(t, wall_height, 2 * deep).move(half, wall_height / 2), stone)
    kit.pair(box(2 * half, wall_height, t).move(0, wall_height / 2, deep), stone, "z")
    if kit.chance(0.7):
        for x in np.arange(-half + 0.25, half - 0.15, 0.2):
            kit.pair(box(0.1, 0.1, t * 1.05).move(x, wall_height + 0.04, deep), stone, "z")
        for z in np.arange(-deep + 0.25, deep - 0.15, 0.2):
            kit.pair(box(t * 1.05, 0.1, 0.1).move(half, wall_height + 0.04, z), stone)
    kit.add(box(0.5, wall_height * 1.3, t * 1.8).move(0, wall_height * 0.65, deep), stone)
    opening(kit, (0.26, 0.25), (0, 0, deep + t * 0.9), "front", stone, kit.wood(), True)
    if kit.chance(0.75):
        kw, kh, mark = half * kit.u(0.6, 1.0), kit.u(0.7, 1.3), kit.mark()
        kit.add(box(kw, kh, kw * 0.9).up(kh / 2), stone)
        if kit.chance(0.5):
            crown(kit, kw / 2, kh, stone, True, 4)
        else:
            kit.add(hip(kw, kw * kit.u(0.5, 1.0), kw * 0.9, 0.06).up(kh), tiles)
        for x in (-0.25, 0.25):
            opening(kit, (0.1, 0.16), (x * kw, kh * 0.65, kw * 0.45), "front", stone, kit.black(), True)
        kit.reshape(lambda p: p.move(z=-deep * 0.3), mark)
    if kit.chance(0.4):
        kit.add(kit.disc(half * 1.6, 0.1).scale(1, 1, 1.05).up(-0.09), kit.colour(0.4, 0.6, 0.3))


def skyscraper(kit: Kit) -> None:
    """Office and apartment blocks: set-backs, window bands, round or twisted towers, roofs with plant and
    masts."""
    wall, glass = kit.pick(kit.plaster, kit.metal, kit.stone, kit.brick)(), kit.window()
    kind, y, w, d = kit.whole(0, 3), 0.0, kit.u(0.7, 1.0), kit.u(0.6, 1.0)
    sides = 4 if kind < 3 else kit.pick(kit.sides, 6, 8)
    blocks, twist, turned = kit.whole(1, 3), kit.pick(0.0, 0.0, 0.0, kit.u(5, 25)), 0.0
    for i in range(blocks):
        h = kit.u(0.7, 1.6) / (1 + 0.3 * i)
        floors = max(3, int(h / kit.u(0.14, 0.24)))
        kit.add(lathe([(0.5, 0), (0.5, h)], sides).scale(w, 1, d).turn("y", turned).up(y), wall)
        if kind == 0:  # ribbons of glass
            for f in range(floors):
                band = lathe([(0.512, 0), (0.512, h / floors * 0.5)], sides).scale(w, 1, d).turn("y", turned)
                kit.add(band.up(y + (f + 0.3) * h / floors), glass)
        elif kind == 1:  # separate windows on two or four sides
            columns = kit.whole(3, 5)
            for f in range(min(floors, 7)):
                for c in range(columns):
                    a = (c - (columns - 1) / 2) / columns * 0.95
                    part = box(w * 0.5 / columns, h / min(floors, 7) * 0.5, d * 1.03)
                    kit.add(part.move(a * w, y + (f + 0.5) * h / min(floors, 7)).turn("y", turned), glass)
            kit.add(box(w * 1.03, h * 0.8, d * 0.2).up(y + h / 2).turn("y", turned), glass)
        elif kind == 2:  # a glass tower with piers
            kit.add(box(w * 1.02, h * 0.94, d * 0.86).up(y + h / 2).turn("y", turned), glass)
            kit.add(box(w * 0.86, h * 0.94, d * 1.02).up(y + h / 2).turn("y", turned), glass)
        else:
            for f in range(min(floors, 9)):
                ring = disc(0.53, 0.05, sides).scale(w, 1, d).turn("y", turned)
                kit.add(ring.up(y + f * h / min(floors, 9)), kit.pick(wall, kit.white()) if f == 0 else wall)
        y += h
        w, d, turned = w * kit.u(0.6, 0.9), d * kit.u(0.6, 0.9), turned + twist
    end = kit.whole(0, 4)
    if end == 0:
        outline = [(0.5, 0), (0.4, kit.u(0.1, 0.3)), (0.02, kit.u(0.4, 0.9))]
        kit.add(lathe(outline, sides).scale(w, 1, d).up(y - 0.01), wall)
    elif end == 1:
        kit.add(rod((0, y), (0, y + kit.u(0.4, 0.9)), 0.04, end_radius=0.02), kit.metal())
    elif end == 2:
        kit.box(kit.metal(), (w * 0.5, 0.16, d * 0.4), (w * 0.1, y, 0))
        kit.add(disc(0.12, 0.2, 10).move(-w * 0.25, y - 0.01, d * 0.2), kit.metal())
    elif end == 3:
        kit.add(kit.dome(0.5, 0.4).scale(w, 1, d).up(y - 0.01), kit.accent())
    base = kit.u(1.1, 1.4)
    kit.box(kit.stone(), (base, 0.1, base), (0, -0.08, 0))


FAMILIES: tuple[Choice, ...] = (
    house,
    house,
    (castle_tower, castle_tower, lighthouse, silo, water_tower),
    castle,
    skyscraper,
)
