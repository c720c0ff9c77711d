"""Colours and surfaces of procedural objects: one small palette an object, so that its parts go together."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from maquette.train.procedural.dice import Dice

Rgb = tuple[float, float, float]
METALS = (
    (0.6, 0.04, 0.75),
    (0.6, 0.08, 0.35),
    (0.6, 0.02, 0.9),
    (0.12, 0.55, 0.8),
    (0.05, 0.6, 0.72),
    (0.13, 0.65, 0.95),
)
"""Hue, saturation and value of two steels, iron, brass, copper and gold."""


@dataclass(frozen=True)
class Material:
    """How the faces of one part look.

    Args:
        rgb: sRGB base colour in [0, 1].
        metallic, roughness: the two PBR factors in [0, 1].
        mottle: standard deviation of the brightness from face to face.
        gradient: how much darker the lower end of the part is than its upper end.
        band: second colour of horizontal stripes, or None.
        bands: number of stripes over the height of the part.
    """

    rgb: Rgb
    metallic: float = 0.0
    roughness: float = 0.7
    mottle: float = 0.0
    gradient: float = 0.0
    band: Rgb | None = None
    bands: int = 4


def hsv(hue: float, saturation: float, value: float) -> Rgb:
    """sRGB of a hue (any number, in turns), a saturation and a value (clipped to [0, 1])."""
    s, v = min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0)
    return colorsys.hsv_to_rgb(hue % 1.0, s, v)


class Paintbox(Dice):
    """Draws materials; painted, woven and moulded ones share the few hues of one object."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        hue = rng.random()
        step = self.pick(0.06, 0.12, 0.33, 0.5)
        self.hues = [hue, hue + step, hue - step if self.chance(0.5) else hue + 0.5]
        self.saturation = self.u(0.15, 0.9)
        self.value = self.u(0.55, 0.95)
        self.mottled = self.pick(0.0, 0.0, 0.02, 0.05)
        self.shaded = self.pick(0.0, 0.0, 0.15, 0.3)
        self._wood = self._draw_wood()

    def _near(self, hue: float, saturation: float, value: float, spread: float = 1.0) -> Rgb:
        jitter = self.rng.normal(size=3) * [0.015, 0.06, 0.06] * spread
        return hsv(hue + jitter[0], saturation + jitter[1], value + jitter[2])

    def _draw_wood(self) -> Rgb:
        return hsv(self.u(0.05, 0.11), self.u(0.3, 0.75), self.u(0.25, 0.85))

    def hue_colour(self, which: int | None = None) -> Rgb:
        """One of the object's own colours: 0 is the main one; now and then a neutral."""
        if which is None:
            which = int(self.rng.integers(len(self.hues)))
        if which > 0 and self.chance(0.25):
            return self._near(self.hues[0], 0.04, self.pick(0.12, 0.5, 0.92))
        return self._near(self.hues[which % len(self.hues)], self.saturation, self.value)

    def _make(
        self, rgb: Rgb, rough: tuple[float, float], mottle: float | None = None, metallic: float = 0.0
    ) -> Material:
        mottle = self.mottled if mottle is None else mottle
        return Material(rgb, metallic, self.u(*rough), mottle, self.shaded)

    def colour(self, r: float, g: float, b: float, rough: tuple[float, float] = (0.4, 0.9)) -> Material:
        """A given colour, slightly varied."""
        rgb = np.clip(np.array([r, g, b]) * self.u(0.88, 1.12) + self.rng.normal(size=3) * 0.02, 0, 1)
        return self._make((float(rgb[0]), float(rgb[1]), float(rgb[2])), rough)

    def colour_of(self, *options: Rgb) -> Material:
        """One of the colours given, slightly varied."""
        return self.colour(*self.pick(*options))

    def wood(self) -> Material:
        """The timber of this object; one draw in six is another timber."""
        base = self._draw_wood() if self.chance(0.16) else self._wood
        scale = self.u(0.9, 1.1)
        rgb = tuple(float(min(c * scale, 1.0)) for c in base)
        return self._make((rgb[0], rgb[1], rgb[2]), (0.5, 0.9), max(self.mottled, 0.02))

    def metal(self) -> Material:
        """Steel, iron, brass, copper or gold."""
        kind = int(self.rng.choice(6, p=[0.35, 0.2, 0.15, 0.12, 0.08, 0.1]))
        return self._make(self._near(*METALS[kind], 0.7), (0.15, 0.55), metallic=1.0)

    def plastic(self) -> Material:
        """One of the object's hues, smooth."""
        return self._make(self.hue_colour(), (0.15, 0.5))

    def paint(self) -> Material:
        """The object's main hue, half glossy."""
        return self._make(self.hue_colour(0), (0.2, 0.6), metallic=float(self.chance(0.1)))

    def accent(self) -> Material:
        """A second hue of the object."""
        return self._make(self.hue_colour(self.whole(1, 2)), (0.3, 0.8))

    def cloth(self) -> Material:
        """One of the object's hues, rough; sometimes striped."""
        material = self._make(self.hue_colour(), (0.8, 1.0))
        if self.chance(0.12):
            return Material(
                material.rgb, 0.0, material.roughness, band=self.hue_colour(), bands=self.whole(3, 8)
            )
        return material

    def ceramic(self) -> Material:
        """Glazed white, cream or a hue of the object; sometimes banded."""
        rgb = self._near(0.1, 0.06, 0.92, 0.6) if self.chance(0.4) else self.hue_colour(0)
        band = self.hue_colour(1) if self.chance(0.2) else None
        return Material(rgb, 0.0, self.u(0.05, 0.4), band=band, bands=self.whole(2, 6))

    def glass(self) -> Material:
        """Tinted glass, shown as an opaque smooth surface."""
        tint = self.pick(0.55, 0.5, 0.33, 0.08)
        return self._make(self._near(tint, self.u(0.1, 0.45), self.u(0.45, 0.9)), (0.03, 0.2), 0.0)

    def window(self) -> Material:
        """Dark or sky-blue window panes."""
        value = self.pick(0.2, 0.35, 0.8)
        return self._make(self._near(0.57, 0.35, value, 0.8), (0.03, 0.2), 0.0)

    def leather(self) -> Material:
        """Brown or black leather."""
        return self._make(self._near(0.06, 0.5, self.pick(0.18, 0.35, 0.5)), (0.4, 0.7))

    def rubber(self) -> Material:
        """Nearly black rubber."""
        return self._make(self._near(0.6, 0.05, self.u(0.07, 0.22), 0.3), (0.7, 1.0), 0.0)

    def stone(self) -> Material:
        """Grey to sandy stone."""
        rgb = self._near(self.u(0.05, 0.15), self.u(0.0, 0.3), self.u(0.4, 0.85))
        return self._make(rgb, (0.8, 1.0), max(self.mottled, 0.03))

    def brick(self) -> Material:
        """Red to brown brick, or roof tiles."""
        return self._make(self._near(0.02, 0.6, self.u(0.4, 0.75)), (0.8, 1.0), 0.03)

    def plaster(self) -> Material:
        """Walls: white, cream or a pale hue of the object."""
        hue = self.hues[0] if self.chance(0.5) else 0.1
        return self._make(self._near(hue, self.u(0.03, 0.35), self.u(0.75, 0.97)), (0.8, 1.0))

    def leaf(self) -> Material:
        """Foliage: mostly greens, some autumn reds and blossom."""
        kind = self.rng.random()
        if kind < 0.78:
            hue = self.u(0.2, 0.42)
        elif kind < 0.92:
            hue = self.u(0.02, 0.13)
        else:
            hue = self.u(0.85, 0.98)
        rgb = self._near(hue, self.u(0.4, 0.8), self.u(0.35, 0.8))
        return self._make(rgb, (0.7, 1.0), max(self.mottled, 0.03))

    def bark(self) -> Material:
        """Tree bark."""
        return self._make(self._near(0.07, 0.45, self.u(0.2, 0.5)), (0.85, 1.0), 0.03)

    def skin(self) -> Material:
        """Human skin of any tone."""
        return self._make(self._near(0.065, self.u(0.25, 0.6), self.u(0.35, 0.97), 0.5), (0.5, 0.8), 0.0)

    def fur(self) -> Material:
        """Animal coats: browns, greys, black, white, and sometimes a toy's colour."""
        if self.chance(0.2):
            return self._make(self.hue_colour(0), (0.7, 1.0))
        rgb = self._near(self.u(0.05, 0.11), self.u(0.0, 0.65), self.u(0.12, 0.95))
        return self._make(rgb, (0.7, 1.0))

    def black(self) -> Material:
        """Dark plastic: screens, eyes, knobs."""
        return self._make(self._near(0.6, 0.05, 0.08, 0.4), (0.1, 0.5), 0.0)

    def white(self) -> Material:
        """White plastic or paper."""
        return self._make(self._near(0.1, 0.02, 0.95, 0.4), (0.3, 0.8), 0.0)
