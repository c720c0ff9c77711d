"""Screens, cameras, loudspeakers and other devices."""

from __future__ import annotations

import numpy as np

from maquette.train.procedural.balls import ball, ellipsoid, superellipsoid
from maquette.train.procedural.boxes import along, box, extrude, rectangle, tapered_box
from maquette.train.procedural.kit import Choice, Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import columns, curve
from maquette.train.procedural.swept import limb, ribbon, rod, tube
from maquette.train.procedural.turned import disc, dome, frustum, torus


def _picture(kit: Kit) -> Material:
    """What a screen shows: one glossy colour."""
    return kit.colour(kit.u(0.1, 0.9), kit.u(0.1, 0.9), kit.u(0.1, 0.9), rough=(0.05, 0.2))


def phone(kit: Kit) -> None:
    """Phone or tablet, upright or leaning on a stand."""
    body, dark, picture = kit.pick(kit.metal, kit.plastic, kit.black)(), kit.black(), _picture(kit)
    w, h, t = kit.u(0.5, 1.0), 1.1, kit.u(0.06, 0.1)
    kit.add(extrude(rectangle(w, h, 0.1, 3), t, 0.01), body)
    kit.add(box(w * 0.9, h * 0.86, 0.03).move(z=t / 2), picture)
    kit.add(box(w * 0.25, h * 0.18, 0.03, 0.01).move(-w * 0.25, h * 0.33, -t / 2), dark)
    kit.pair(box(0.03, 0.14, t * 0.5).move(w / 2, h * 0.15), dark)
    lean = kit.pick(0.0, kit.u(10, 30), 90.0)
    kit.reshape(lambda p: p.turn("x", -lean))
    if 0 < lean < 45 and kit.chance(0.6):
        kit.box(dark, (w * 0.6, 0.08, 0.6), (0, -h / 2 - 0.03, 0))
        kit.add(box(w * 0.4, h * 0.6, 0.06).turn("x", -lean - 8).move(0, -h * 0.2, -0.14), dark)


def laptop(kit: Kit) -> None:
    """Laptop."""
    body, dark, picture = kit.pick(kit.metal, kit.plastic, kit.black)(), kit.black(), _picture(kit)
    w, d, t = kit.u(1.2, 1.5), kit.u(0.8, 1.0), kit.u(0.05, 0.09)
    kit.add(box(w, t, d, 0.02).up(t / 2), body)
    kit.add(box(w * 0.88, 0.03, d * 0.42).move(0, t, -d * 0.12), dark)
    kit.add(box(w * 0.3, 0.02, d * 0.24).move(0, t, d * 0.3), dark)
    mark, opened = kit.mark(), kit.u(0, 35)
    kit.add(box(w, d * 0.95, t * 0.7, 0.02).up(d * 0.475), body)
    kit.add(box(w * 0.92, d * 0.82, 0.03).move(0, d * 0.48, t * 0.35), picture)
    kit.reshape(lambda p: p.turn("x", -opened).move(0, t * 0.7, -d / 2), mark)


def monitor(kit: Kit) -> None:
    """Monitor or television."""
    body, picture, w = kit.pick(kit.metal, kit.plastic, kit.black)(), _picture(kit), kit.u(1.3, 2.0)
    h, t = kit.u(0.75, 1.1), kit.u(0.06, 0.16)
    kit.add(box(w, h, t, 0.02).up(h / 2 + 0.3), body)
    kit.add(box(w * 0.94, h * 0.88, 0.03).move(0, h / 2 + 0.31, t / 2), picture)
    if kit.chance(0.6):
        kit.add(box(kit.u(0.1, 0.3), 0.5, 0.07).move(0, 0.22, -t * 0.6), body)
        kit.add(kit.pick(kit.disc(0.32, 0.05), box(0.7, 0.05, 0.4, 0.01)), body)
    else:
        kit.pair(rod((w * 0.36, 0, 0.18), (w * 0.28, 0.34, 0), 0.04), body)
        kit.pair(rod((w * 0.36, 0, -0.18), (w * 0.28, 0.34, 0), 0.04), body)
    if kit.chance(0.3):
        kit.add(box(w * 0.7, 0.05, 0.25, 0.01).move(z=0.6), kit.black())
        kit.add(superellipsoid(0.08, 0.05, 0.13, 0.7, 10).move(w * 0.45, 0.03, 0.6), kit.black())


def old_screen(kit: Kit) -> None:
    """Old television or arcade cabinet."""
    body, dark, picture = kit.pick(kit.metal, kit.plastic, kit.black)(), kit.black(), _picture(kit)
    if kit.chance(0.5):
        w, h, d = kit.u(0.9, 1.3), kit.u(0.7, 1.0), kit.u(0.6, 0.9)
        kit.box(kit.wood() if kit.chance(0.5) else body, (w, h, d))
        kit.add(superellipsoid(w * 0.32, h * 0.38, 0.08, 0.5, 16).move(-w * 0.12, h * 0.5, d / 2), picture)
        for y in (0.3, 0.5, 0.7):
            kit.add(disc(0.055, 0.07, 8).turn("x", 90).move(w * 0.36, h * y, d / 2), dark)
        kit.pair(rod((0.02, h), (0.35, h + 0.6), 0.022, 5), kit.metal())
        kit.four(rod((w * 0.3, 0.02, d * 0.3), (w * 0.38, -0.25, d * 0.38), 0.04), dark)
    else:
        w = kit.u(0.7, 0.9)
        side = [(-0.4, 0), (0.35, 0), (0.35, 0.75), (0.5, 0.85), (0.45, 0.98), (0.1, 1.1), (0.0, 1.5)]
        side += [(0.3, 1.6), (0.3, 1.85), (-0.4, 1.85)]
        part = extrude(side, w)
        kit.add(along(part), body)
        kit.add(box(w * 0.8, 0.36, 0.05).turn("x", -15).move(0, 1.3, 0.06), picture)
        kit.add(rod((-0.15, 0.95, 0.3), (-0.15, 1.12, 0.32), 0.02), dark)
        kit.add(ball(0.05).move(-0.15, 1.14, 0.32), kit.colour(0.9, 0.1, 0.1))
        kit.add(box(w * 0.9, 0.2, 0.05).move(0, 1.73, 0.3), kit.accent())


def keyboard(kit: Kit) -> None:
    """Keyboard, game pad, remote control."""
    body, dark = kit.pick(kit.metal, kit.plastic, kit.black)(), kit.black()
    if kit.chance(0.5):
        w, d = kit.u(1.2, 1.8), kit.u(0.45, 0.6)
        kit.add(tapered_box((w, d), (w * 0.99, d * 0.97), 0.1), body)
        for row in range(4):
            for column in range(10):
                part = tapered_box((w * 0.075, d * 0.17), (w * 0.055, d * 0.12), 0.06)
                kit.add(part.move((column - 4.5) * w * 0.092, 0.09, (row - 1.5) * d * 0.22), dark)
    else:
        kit.add(superellipsoid(0.6, 0.12, 0.25, 0.6, 16), body)
        kit.pair(limb((0.45, 0, 0), (0.6, -0.05, 0.35), 0.16, 0.11, 10), body)
        kit.pair(limb((0.2, 0.1, 0.12), (0.2, 0.2, 0.12), 0.08, sides=8), dark)
        for x, z in ((0.42, 0.0), (0.5, -0.08), (0.42, -0.16), (0.34, -0.08)):
            kit.add(disc(0.04, 0.06, 8).move(x, 0.08, z), kit.plastic())
        kit.add(box(0.22, 0.05, 0.07).move(-0.42, 0.11, -0.06), dark)
        kit.add(box(0.07, 0.05, 0.22).move(-0.42, 0.11, -0.06), dark)


def computer(kit: Kit) -> None:
    """Desktop computer tower, server, router."""
    body, dark = kit.pick(kit.metal, kit.plastic, kit.black)(), kit.black()
    w, h, d = kit.u(0.35, 0.5), kit.u(0.8, 1.1), kit.u(0.8, 1.0)
    kit.box(body, (w, h, d))
    for y in (0.82, 0.7):
        kit.add(box(w * 0.75, h * 0.08, 0.04).move(0, h * y, d / 2), dark)
    kit.add(disc(0.05, 0.04, 8).turn("x", 90).move(0, h * 0.55, d / 2), kit.accent())
    kit.add(torus(w * 0.3, 0.03, kit.sides, 5).turn("x", 90).move(0, h * 0.25, d / 2), dark)


def camera(kit: Kit) -> None:
    """Camera."""
    body, dark, metal = kit.pick(kit.plastic, kit.metal, kit.wood)(), kit.black(), kit.metal()
    w, h, d = kit.u(0.9, 1.2), kit.u(0.6, 0.75), kit.u(0.3, 0.45)
    kit.box(body, (w, h, d))
    length = kit.u(0.2, 0.5)
    outline = [(0.26, 0), (0.28, length * 0.6), (0.25, length), (0.16, length), (0.16, length * 0.8)]
    kit.add(kit.lathe(outline).turn("x", 90).move(-w * 0.05, h * 0.46, d / 2 - 0.02), dark)
    part = ellipsoid(0.17, 0.17, 0.06, kit.sides).move(-w * 0.05, h * 0.46, d / 2 + length * 0.8)
    kit.add(part, kit.window())
    kit.box(kit.pick(body, dark), (0.35, 0.16, d * 0.8), (-w * 0.05, h - 0.01, 0))
    kit.add(disc(0.07, 0.1, 10).move(w * 0.35, h - 0.01), metal)
    kit.add(box(w * 1.01, h * 0.4, d * 1.02, 0.02).up(h * 0.4), dark)


def headphones(kit: Kit) -> None:
    """Headphones."""
    body, dark, r = kit.pick(kit.plastic, kit.metal, kit.wood)(), kit.black(), kit.u(0.5, 0.6)
    arch = np.linspace(-0.1, np.pi + 0.1, 15)
    kit.add(ribbon(columns(r * np.cos(arch), r * np.sin(arch) * 1.1, 0.0), 0.09, 0.14), body)
    kit.pair(kit.disc(0.27, 0.16, 0.04).turn("z", -90).scale(1, 1.15, 1).move(r - 0.1, -0.15), dark)
    kit.pair(kit.disc(0.22, 0.08, 0.02).turn("z", -90).move(r + 0.05, -0.15), body)
    if kit.chance(0.3):
        kit.add(tube(curve([(r, -0.3, 0.05), (r * 0.9, -0.5, 0.3), (r * 0.4, -0.5, 0.5)]), 0.03), dark)


def loudspeaker(kit: Kit) -> None:
    """Loudspeaker."""
    body, dark = kit.pick(kit.plastic, kit.metal, kit.wood)(), kit.black()
    w, h, d = kit.u(0.6, 0.8), kit.u(0.8, 1.5), kit.u(0.5, 0.7)
    kit.box(body, (w, h, d))
    for y, r in ((0.32, w * 0.38), (0.74, w * 0.22)):
        outline = [(r, 0), (r, 0.05), (r * 0.85, 0.05), (r * 0.3, -0.02), (0, 0.03)]
        kit.add(kit.lathe(outline).turn("x", 90).move(0, h * y, d / 2), dark)


def radio(kit: Kit) -> None:
    """Radio, cassette player, boom box."""
    body, dark, metal = kit.pick(kit.plastic, kit.metal, kit.wood)(), kit.black(), kit.metal()
    w, h, d = kit.u(1.1, 1.6), kit.u(0.6, 0.8), kit.u(0.3, 0.5)
    kit.box(body, (w, h, d))
    for x in (-0.3, 0.3) if kit.chance(0.6) else (-0.25,):
        kit.add(kit.disc(h * 0.3, 0.06, 0.01).turn("x", 90).move(x * w, h * 0.42, d / 2 - 0.01), dark)
    kit.add(box(w * 0.22, h * 0.3, 0.06).move(0 if kit.chance(0.5) else w * 0.2, h * 0.5, d / 2), metal)
    path = [(-w * 0.4, h - 0.02), (-w * 0.4, h + 0.2), (w * 0.4, h + 0.2), (w * 0.4, h - 0.02)]
    kit.add(tube(path, 0.04), kit.pick(body, dark))
    kit.add(rod((w * 0.45, h, -d * 0.3), (w * 0.6, h + 0.7, -d * 0.3), 0.022, 5), metal)


def telephone(kit: Kit) -> None:
    """Old telephone."""
    body, dark, metal = kit.pick(kit.plastic, kit.metal, kit.wood)(), kit.black(), kit.metal()
    kit.add(tapered_box((0.9, 0.75), (0.5, 0.4), 0.45, (0, -0.05), 0.1), body)
    kit.add(kit.disc(0.22, 0.07).turn("x", 55).move(0, 0.26, 0.24), metal)
    path = curve([(-0.5, 0.5), (-0.25, 0.66), (0.25, 0.66), (0.5, 0.5)], 4)
    kit.add(tube(path, 0.075, 8), kit.pick(body, dark))
    kit.pair(frustum(0.16, 0.11, 0.15, kit.sides_for(0.7)).move(0.48, 0.42), kit.pick(body, dark))


def watch(kit: Kit) -> None:
    """Wrist watch, lying or closed around."""
    dark, metal, r = kit.black(), kit.metal(), kit.u(0.32, 0.42)
    strap = np.linspace(0, 2 * np.pi, 17)[:-1]
    kit.add(
        tube(
            columns(0.0, 0.45 * np.sin(strap), 0.38 * np.cos(strap) - 0.38),
            np.tile([0.16, 0.04], (16, 1)),
            section=rectangle(2, 2),
            closed=True,
            up=(1, 0, 0),
        ),
        kit.leather(),
    )
    kit.add(disc(r, 0.13, kit.pick(kit.sides, 4), 0.03).turn("x", 90).move(z=-0.02), metal)
    kit.add(kit.disc(r * 0.8, 0.05).turn("x", 90).move(z=0.08), kit.white())
    kit.add(box(0.04, r * 0.6, 0.05).move(0, r * 0.28, 0.12), dark)
    kit.add(box(r * 0.45, 0.04, 0.05).move(r * 0.2, 0, 0.12), dark)


def optics(kit: Kit) -> None:
    """Telescope, microscope, binoculars."""
    body, dark, metal = kit.pick(kit.plastic, kit.metal, kit.wood)(), kit.black(), kit.metal()
    what = kit.whole(0, 2)
    if what == 0:
        outline = [(0.1, 0), (0.1, 0.3), (0.13, 0.3), (0.13, 0.7), (0.17, 0.7), (0.17, 1.2), (0.2, 1.22)]
        outline += [(0.2, 1.3)]
        kit.add(kit.lathe(outline).up(-0.6).turn("x", 65).up(1.15), body)
        kit.around(rod((0.5, 0), (0, 1.1), 0.035), kit.wood(), 3, 90)
    elif what == 1:
        kit.box(body, (0.6, 0.1, 0.7))
        part = tube(curve([(0, 0.05, -0.25), (0, 0.6, -0.35), (0, 0.95, -0.15)], 4), 0.09, 8, up=(1, 0, 0))
        kit.add(part, body)
        kit.add(limb((0, 0.45, 0.1), (0, 1.2, -0.22), 0.09), dark)
        kit.add(rod((0, 0.3, 0.15), (0, 0.5, 0.08), 0.05, 8, end_radius=0.07), metal)
        kit.add(box(0.45, 0.05, 0.4).move(0, 0.3, 0.12), dark)
    else:
        part = kit.lathe([(0.12, 0), (0.12, 0.25), (0.2, 0.4), (0.22, 0.9)]).turn("x", 90).move(0.24, 0, -0.4)
        kit.pair(part, dark)
        kit.add(box(0.3, 0.12, 0.3).move(z=-0.05), body)


def small_hardware(kit: Kit) -> None:
    """Battery, light bulb, plug, lock, magnet."""
    body, dark, metal = kit.pick(kit.plastic, kit.metal, kit.wood)(), kit.black(), kit.metal()
    what = kit.whole(0, 3)
    if what == 0:
        part = kit.lathe(curve([(0.15, 0), (0.17, 0.25), (0.42, 0.65), (0.38, 0.95), (0.02, 1.1)], 4))
        kit.add(part, kit.colour(1, 0.95, 0.75))
        kit.add(kit.disc(0.18, 0.3).up(-0.2), metal)
        kit.add(dome(0.12, 0.1, 8).scale(1, -1, 1).up(-0.19), dark)
    elif what == 1:
        kit.box(body, (0.8, 0.7, 0.3))
        line = [(-0.25, 0.6), (-0.25, 0.95), (0, 1.15), (0.25, 0.95), (0.25, 0.6)]
        kit.add(tube(curve(line), 0.07, 8), metal)
        kit.add(disc(0.08, 0.32, 8).turn("x", 90).move(0, 0.4, -0.16), dark)
        kit.add(box(0.07, 0.22, 0.32).up(0.27), dark)
    elif what == 2:
        arch = np.linspace(np.pi, 0, 11)
        path = np.concatenate(
            [[[-0.4, -0.4, 0]], columns(0.4 * np.cos(arch), 0.4 * np.sin(arch), 0.0), [[0.4, -0.4, 0]]]
        )
        kit.add(tube(path, 0.17, kit.pick(4, 8), up=(0, 0, 1)), kit.colour(0.85, 0.12, 0.1))
        kit.pair(box(0.26, 0.22, 0.26).move(0.4, -0.45), metal)
    else:
        kit.add(kit.disc(0.3, 1.0, 0.03), body)
        kit.add(kit.disc(0.305, 0.3).up(0.68), metal)
        kit.add(disc(0.1, 0.1, 10).up(0.98), metal)


FAMILIES: tuple[Choice, ...] = (
    (phone, laptop, monitor, monitor, old_screen, keyboard, computer),
    (camera, headphones, loudspeaker, radio, telephone, watch, optics, small_hardware),
)
