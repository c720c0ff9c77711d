"""From a mesh and its pictures to a painted mesh, by one of two painters behind one call.

`project` needs no weights: it puts the pictures where they see the surface and continues their colours over the rest.
`pbr` is the diffusion model, which draws the views that no picture shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from maquette.errors import SettingError
from maquette.picture.cutout import Cutout, Method
from maquette.picture.views import Source, cut_out_views
from maquette.runtime.progress import OnProgress, silent

if TYPE_CHECKING:
    import trimesh

PainterName = Literal["project", "pbr"]
TEXTURE_SIZES = (512, 8192)
"""Least and greatest side of a texture in pixels."""


@dataclass(frozen=True)
class PaintSettings:
    """How a mesh is painted."""

    painter: PainterName = "project"
    texture_size: int = 2048
    """Side of the square textures in pixels, a power of two from 512 to 8192."""
    seed: int = 0
    """Used by painters that draw at random; `project` does not."""
    keep_uv: bool = False
    """Use the texture coordinates that the mesh has, where they do not overlap."""
    cutout: Method = "auto"
    """How objects are separated from their background, in pictures that are not cut out yet."""
    views: int = 6
    """From here on for `pbr` alone. Views that are drawn, 6 to 12; fewer where more would show nothing new."""
    view_size: int | None = None
    """Their side in pixels, a multiple of 64 from 64 to 1024; None for the model's own, 512 for the published ones."""
    steps: int | None = None
    """Denoising steps; None for the model's own number."""
    guidance: float | None = None
    """How closely to follow the picture, 0 to 100; None for the model's own."""
    upscale: bool = True
    """Enlarge the views four times before they are baked, where the upscaler is here."""
    compatible: bool = False
    """Do everything the published way, its mistakes included; see docs/painting.md."""

    def __post_init__(self) -> None:
        if self.painter not in ("project", "pbr"):
            raise SettingError(f"painter is {self.painter!r}", "it must be project or pbr")
        low, high = TEXTURE_SIZES
        if not low <= self.texture_size <= high or self.texture_size & (self.texture_size - 1):
            raise SettingError(
                f"texture_size is {self.texture_size}", f"it must be a power of two from {low} to {high}"
            )
        if not 6 <= self.views <= 12:
            raise SettingError(f"views is {self.views}", "it must be from 6 to 12")
        if self.view_size is not None and (not 64 <= self.view_size <= 1024 or self.view_size % 64):
            raise SettingError(
                f"view_size is {self.view_size}", "it must be a multiple of 64 from 64 to 1024"
            )
        if self.steps is not None and not 1 <= self.steps <= 1000:
            raise SettingError(f"steps is {self.steps}", "it must be from 1 to 1000")
        if self.guidance is not None and not 0 <= self.guidance <= 100:  # false for NaN too
            raise SettingError(f"guidance is {self.guidance}", "it must be a number from 0 to 100")
        if not 0 <= self.seed < 2**63:
            raise SettingError(f"seed is {self.seed}", "it must be from 0 to 2⁶³ - 1")


class Painter(Protocol):
    """What paints: `paint/project.py` and `paint/diffusion.py`."""

    def paint(
        self,
        mesh: trimesh.Trimesh,
        pictures: Mapping[str, Cutout],
        settings: PaintSettings,
        on_progress: OnProgress,
    ) -> trimesh.Trimesh:
        """A copy of the mesh with a texture; how it was made is in its `metadata["maquette"]["paint"]`."""


class PaintPipeline:
    """A painter ready to paint meshes.

    Example:
        >>> painted = PaintPipeline.from_pretrained("project").paint(mesh, "chair.png")
        >>> maquette.export_mesh(painted, "chair.glb")
    """

    def __init__(self, painter: Painter) -> None:
        self.painter = painter

    @classmethod
    def from_pretrained(
        cls, model: str = "project", *, device: str = "auto", vram: float | None = None
    ) -> PaintPipeline:
        """Load a painter.

        Args:
            model: "project", or the name or folder of a paint model.
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            vram: GB of the device's memory to keep within; None for all there is.

        Raises:
            CheckpointError: the model is unknown, missing or damaged.
            SettingError: the device cannot be had.
        """
        if model == "project":
            from maquette.paint.project import ProjectPainter

            return cls(ProjectPainter())
        from maquette.paint.diffusion import DiffusionPainter

        return cls(DiffusionPainter.from_pretrained(model, device=device, vram=vram))

    def paint(
        self,
        mesh: trimesh.Trimesh,
        pictures: Source | Mapping[str, Source],
        settings: PaintSettings | None = None,
        on_progress: OnProgress = silent,
    ) -> trimesh.Trimesh:
        """Paint a mesh.

        Args:
            mesh: any triangle mesh, y up and its front towards +z; it is left as it is.
            pictures: one picture of the object, more or less from its front, or several by the name of their view:
                front, left, back, right. Files, bytes, PIL images or cut-outs.
            settings: None for the defaults.
            on_progress: told about every stage; may raise to stop.

        Returns:
            The mesh in its own place and units with texture coordinates, one metallic-roughness material and, in
            `metadata["maquette"]["paint"]`, how it was painted.

        Raises:
            PictureError: a picture cannot be read or shows no object.
            MeshError: the mesh has no surface that can be painted.
        """
        settings = settings or PaintSettings()
        cutouts = cut_out_views(pictures, settings.cutout, on_progress)
        return self.painter.paint(mesh, cutouts, settings, on_progress)

    __call__: Any = paint
