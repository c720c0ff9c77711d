"""Options that several verbs share: how the surface is painted, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from maquette.cli.shape_options import Command, gathered

if TYPE_CHECKING:
    from pathlib import Path

    import trimesh

    from maquette.paint.pipeline import PaintPipeline, PaintSettings


@dataclass(frozen=True)
class PaintChoice:
    """Which painter, and what it makes."""

    painter: str
    paint_model: str | None
    texture_size: int
    vram: float | None
    paint_views: int
    paint_view_size: int | None
    paint_steps: int | None
    paint_guidance: float | None
    paint_upscale: bool
    compatible: bool

    @property
    def model(self) -> str | None:
        """What `PaintPipeline.from_pretrained` loads; None where nothing is to be painted."""
        from maquette.zoo.files import choose_painter

        if self.painter == "pbr":
            return self.paint_model or choose_painter()
        return None if self.painter == "none" else "project"

    def load(self, device: str) -> PaintPipeline | None:
        """The painter; None where nothing is to be painted."""
        from maquette.paint.pipeline import PaintPipeline

        model = self.model
        return PaintPipeline.from_pretrained(model, device=device, vram=self.vram) if model else None

    def settings(self, **others: Any) -> PaintSettings | None:
        """The painter's settings with `others` among them; None where nothing is to be painted."""
        from maquette.paint.pipeline import PaintSettings

        if self.painter == "none":
            return None
        painter: Any = self.painter
        return PaintSettings(
            painter=painter,
            texture_size=self.texture_size,
            views=self.paint_views,
            view_size=self.paint_view_size,
            steps=self.paint_steps,
            guidance=self.paint_guidance,
            upscale=self.paint_upscale,
            compatible=self.compatible,
            **others,
        )


@dataclass(frozen=True)
class WriteChoice:
    """How results are written."""

    texture_format: Any
    size_mm: float | None

    def check(self) -> None:
        """Refuse a bad size before any work.

        Raises:
            SettingError: the size is not a positive number.
        """
        from maquette.mesh.export import check_size

        check_size(self.size_mm)

    def write(self, mesh: trimesh.Trimesh, path: Path) -> None:
        """Write a result with what is known about it."""
        from maquette.mesh.export import export_mesh

        export_mesh(
            mesh,
            path,
            metadata=mesh.metadata.get("maquette"),
            texture_format=self.texture_format,
            size_mm=self.size_mm,
        )


def paint_options(*painters: str) -> Callable[[Command], Command]:
    """--painter (one of `painters`), --texture-size and what pbr alone heeds, as the argument `paint`."""
    options = [
        click.option(
            "--painter",
            type=click.Choice(painters),
            default="project",
            show_default=True,
            help="project paints with the pictures alone; pbr draws the other sides with a diffusion model.",
        ),
        click.option(
            "--paint-model",
            help="Weights of the painter pbr: a name from `maquette models` or a folder. Default: a published one that "
            "was pulled, else bundled-painter.",
        ),
        click.option(
            "--texture-size",
            type=int,
            default=2048,
            show_default=True,
            help="Side of the texture in pixels, a power of two from 512 to 8192.",
        ),
        click.option("--vram", type=float, help="GB of the device's memory that pbr may use. Default: all."),
        click.option(
            "--paint-views", type=int, default=6, show_default=True, help="Views that pbr draws, 6 to 12."
        ),
        click.option("--paint-view-size", type=int, help="Their side in pixels. Default: the model's own."),
        click.option("--paint-steps", type=int, help="Steps of pbr. Default: the model's own."),
        click.option("--paint-guidance", type=float, help="Guidance of pbr. Default: the model's own."),
        click.option(
            "--paint-upscale/--no-paint-upscale", default=True, help="Enlarge views before they are baked."
        ),
        click.option("--compatible", is_flag=True, help="Paint the published way, its mistakes included."),
    ]
    names = (
        "painter",
        "paint_model",
        "texture_size",
        "vram",
        *(f"paint_{name}" for name in ("views", "view_size", "steps", "guidance", "upscale")),
        "compatible",
    )
    return lambda command: gathered(command, options, names, "paint", PaintChoice)


def write_options(command: Command) -> Command:
    """--texture-format and --size-mm as the argument `write`, a `WriteChoice`."""
    options = [
        click.option(
            "--texture-format",
            type=click.Choice(["png", "jpeg", "webp"]),
            default="png",
            show_default=True,
            help="How pictures in GLB and USDZ are stored; not every viewer reads WebP.",
        ),
        click.option(
            "--size-mm", type=float, help="Longest side in millimetres, for STL and 3MF. 3MF's default: 100."
        ),
    ]
    return gathered(command, options, ("texture_format", "size_mm"), "write", WriteChoice)
