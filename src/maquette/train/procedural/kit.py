"""The workbench of the procedural families: a random source, a style, a paintbox and the parts so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

import numpy as np

from maquette.train.meshes import PaintedMesh
from maquette.train.procedural import turned
from maquette.train.procedural.boxes import box
from maquette.train.procedural.materials import Material, Paintbox
from maquette.train.procedural.part import Part, Points, oriented

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Skin:
    """Several materials on one part: `index` (F,) names the material of each face."""

    materials: tuple[Material, ...]
    index: np.ndarray


class Kit(Paintbox):
    """One object under construction.

    Args:
        rng: source of every choice; the object is a function of its state alone.

    The style is drawn once: `sides` of round parts (low-poly to smooth) and `soft`, the share of a box's
    shortest side that its bevel takes.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        low_poly = self.chance(0.35)
        self.sides = self.whole(6, 10) if low_poly else self.whole(12, 28)
        self.soft = self.pick(0.0, 0.06, 0.12, 0.25)
        self.soft_steps = 1 if low_poly or self.chance(0.5) else 2
        super().__init__(rng)
        self.parts: list[tuple[Part, Material | Skin]] = []

    def sides_for(self, share: float) -> int:
        """Sides of a round part that is `share` times as large as the main one."""
        return max(round(self.sides * share), 5)

    def add(self, part: Part, material: Material | Skin) -> None:
        """Add a solid; its winding is repaired here."""
        self.parts.append((oriented(part), material))

    def pair(self, part: Part, material: Material, axis: str = "x") -> None:
        """Add a solid and its mirror image."""
        self.add(part, material)
        self.add(part.mirror(axis), material)

    def four(self, part: Part, material: Material) -> None:
        """Add a solid in all four corners (mirrored in x and z)."""
        self.pair(part, material)
        self.pair(part.mirror("z"), material)

    def around(self, part: Part, material: Material, count: int, start: float = 0.0) -> None:
        """Add `count` copies of a solid, turned about the y axis."""
        for i in range(count):
            self.add(part.turn("y", start + 360.0 * i / count), material)

    def box(self, material: Material, size: Point, at: Point = (0.0, 0.0, 0.0)) -> None:
        """Add a box in the style of this object; `at` is the middle of its bottom."""
        self.add(self.block(size, at), material)

    def block(self, size: Point, at: Point = (0.0, 0.0, 0.0)) -> Part:
        """A box in the style of this object, not yet added; `at` is the middle of its bottom."""
        bevel = self.soft * min(size)
        return box(*size, bevel, self.soft_steps).move(at[0], at[1] + size[1] / 2, at[2])

    def lathe(self, profile: Points, closed: bool = False) -> Part:
        """`lathe` with the sides of this object; the four below likewise."""
        return turned.lathe(profile, self.sides, closed)

    def hollow(self, outer: Points, wall: float, floor: float) -> Part:
        """An open vessel, not yet added."""
        return turned.hollow(outer, wall, floor, self.sides)

    def disc(self, radius: float, height: float, bevel: float = 0.0) -> Part:
        """A cylinder that stands on y = 0, not yet added."""
        return turned.disc(radius, height, self.sides, bevel)

    def frustum(self, bottom: float, top: float, height: float) -> Part:
        """A cone or its stump that stands on y = 0, not yet added."""
        return turned.frustum(bottom, top, height, self.sides)

    def dome(self, radius: float, height: float, rings: int = 4) -> Part:
        """Half an ellipsoid that stands on y = 0, not yet added."""
        return turned.dome(radius, height, self.sides, rings)

    def mark(self) -> int:
        """A bookmark for `reshape`."""
        return len(self.parts)

    def reshape(self, change: Callable[[Part], Part], mark: int = 0) -> None:
        """Send every part, or those added since the bookmark, through a map Part -> Part."""
        self.parts[mark:] = [(oriented(change(part)), material) for part, material in self.parts[mark:]]

    def height(self) -> float:
        """The highest y of all parts."""
        return max(float(part.vertices[:, 1].max()) for part, _ in self.parts)

    def finish(self) -> PaintedMesh:
        """All parts as one painted mesh, not yet normalised."""
        return assemble(self.parts, self.rng)


Family = Callable[[Kit], None]
"""Builds one kind of object."""

Choice = Union[Family, tuple["Choice", ...]]  # noqa: UP007  (a string cannot be joined with |)
"""A family, or some that share one chance."""


def draw_family(choice: Choice, rng: np.random.Generator) -> Family:
    """One family of a choice; the members of each tuple are equally likely."""
    while isinstance(choice, tuple):
        choice = choice[int(rng.integers(len(choice)))]
    return choice


def assemble(parts: list[tuple[Part, Material | Skin]], rng: np.random.Generator) -> PaintedMesh:
    """Join closed parts into one painted mesh; overlaps stay, colours follow the material of each part."""
    counts = np.array([len(part.vertices) for part, _ in parts])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    looks = [_look(part, material, rng) for part, material in parts]
    return PaintedMesh(
        np.concatenate([part.vertices for part, _ in parts]).astype(np.float32),
        np.concatenate([part.faces + start for (part, _), start in zip(parts, starts, strict=True)]),
        np.concatenate([rgb for rgb, _ in looks]),
        np.concatenate([mr for _, mr in looks]),
    )


def _look(part: Part, look: Material | Skin, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Corner colours (F, 3, 3) and metallic-roughness (F, 2) of one part."""
    if isinstance(look, Skin):
        choices = [_look(part, material, rng) for material in look.materials]
        rows = np.arange(len(part.faces))
        return (
            np.stack([rgb for rgb, _ in choices])[look.index, rows],
            np.stack([mr for _, mr in choices])[look.index, rows],
        )
    mr = np.empty((len(part.faces), 2), dtype=np.float32)
    mr[:] = (look.metallic, look.roughness)
    return coloured(part, look, rng), mr


def coloured(part: Part, material: Material, rng: np.random.Generator) -> np.ndarray:
    """Corner colours (F, 3, 3) float32 of one part: base colour, stripes, height gradient and mottling."""
    n = len(part.faces)
    rgb = np.empty((n, 3, 3), dtype=np.float32)
    rgb[:] = material.rgb
    if material.band is not None or material.gradient > 0:
        y = part.vertices[:, 1]
        height = ((y - y.min()) / max(float(np.ptp(y)), 1e-9))[part.faces]  # (F, 3)
        if material.band is not None:
            middle = (height.min(axis=1) + height.max(axis=1)) / 2  # alike for both halves of a quad
            rgb[np.floor(middle * material.bands).astype(int) % 2 == 1] = material.band
        if material.gradient > 0:
            rgb *= (1.0 - material.gradient * (1.0 - height))[:, :, None]
    if material.mottle > 0:
        rgb *= 1.0 + material.mottle * rng.standard_normal((n, 1, 1), dtype=np.float32)
    return np.clip(rgb, 0.0, 1.0)
