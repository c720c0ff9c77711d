"""The whole story: pictures are cut out, become a shape, and the shape is painted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maquette.errors import SettingError
from maquette.paint.pipeline import PaintPipeline, PaintSettings
from maquette.picture.views import Source, cut_out_views
from maquette.runtime.progress import OnProgress, silent
from maquette.shape.pipeline import ShapePipeline, ShapeSettings

if TYPE_CHECKING:
    import trimesh


@dataclass(frozen=True)
class AssetSettings:
    """How one asset is made."""

    shape: ShapeSettings = field(default_factory=ShapeSettings)
    paint: PaintSettings | None = field(default_factory=PaintSettings)
    """None leaves the shape without colours."""


class AssetPipeline:
    """A shape model and a painter, ready to turn pictures into finished assets.

    Example:
        >>> asset = AssetPipeline.from_pretrained("bundled").generate("chair.png")
        >>> maquette.export_mesh(asset, "chair.glb", metadata=asset.metadata["maquette"])
    """

    def __init__(self, shape: ShapePipeline, paint: PaintPipeline | None) -> None:
        self.shape = shape
        self.paint = paint

    @classmethod
    def from_pretrained(
        cls,
        model: str = "bundled",
        painter: str | None = "project",
        *,
        device: str = "auto",
        dtype: str | None = None,
        vram: float | None = None,
    ) -> AssetPipeline:
        """Load a shape model and a painter (None: shapes alone) by name or path; see the two pipelines."""
        return cls(
            ShapePipeline.from_pretrained(model, device=device, dtype=dtype),
            PaintPipeline.from_pretrained(painter, device=device, vram=vram) if painter else None,
        )

    def generate(
        self,
        pictures: Source | Mapping[str, Source],
        settings: AssetSettings | None = None,
        on_progress: OnProgress = silent,
    ) -> trimesh.Trimesh:
        """One object's pictures to one asset.

        Args:
            pictures: one picture, or several by the name of their view: front, left, back, right. Files, bytes, PIL
                images or cut-outs.
            settings: None for the defaults.
            on_progress: told about every stage; may raise to stop.

        Returns:
            y up, front towards +z, inside [-1, 1]; how it was made in `metadata["maquette"]`, anything a person should
            know in `metadata["notes"]`.

        Raises:
            PictureError, SettingError, MeshError: see each.
        """
        return next(self.variations(pictures, settings, 1, on_progress))

    def variations(
        self,
        pictures: Source | Mapping[str, Source],
        settings: AssetSettings | None,
        count: int,
        on_progress: OnProgress = silent,
    ) -> Iterator[trimesh.Trimesh]:
        """Several assets of the same object from the seeds `settings.shape.seed` and following, each when it is done.

        Arguments, results and errors are those of `generate`.
        """
        settings = settings or AssetSettings(paint=PaintSettings() if self.paint else None)
        if settings.paint and not self.paint:
            raise SettingError("paint settings were given, but no painter was loaded", "name a painter")
        cutouts = cut_out_views(pictures, settings.shape.cutout, on_progress)
        for mesh in self.shape.variations(cutouts, settings.shape, count, on_progress):
            if self.paint and settings.paint:
                yield self.paint.paint(mesh, cutouts, settings.paint, on_progress)
            else:
                yield mesh
