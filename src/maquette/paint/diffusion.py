"""The painter that draws the views no picture shows: guides → denoise → enlarge → bake → fill.

From cameras around the mesh, maps of its normals and positions tell the paint model the shape; the model draws what
each camera would see of every material; the pictures become textures; what no view saw is continued over the surface.
With `compatible` each of these steps is the published one.

A small model of our own corrects the colours that the weight-free painter gives the mesh: it reads that painter's views
beside the guides, and the difference of its pictures to them is baked. That tells how bright each place is, and most of
its hue and saturation (`corrected_colours`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maquette.errors import SettingError
from maquette.paint import compatible
from maquette.paint.bake import View, bake
from maquette.paint.delight import remove_light
from maquette.paint.denoise import camera_number
from maquette.paint.draw import DrawSettings, ViewPainter, corrected_colours
from maquette.paint.fill import fill
from maquette.paint.guides import render_guides
from maquette.paint.hints import render_hints
from maquette.paint.project import project
from maquette.paint.ready import with_coordinates
from maquette.paint.texels import Texels, lay_out
from maquette.paint.views import Viewpoint, normalise, select_views
from maquette.picture.recentre import recentre
from maquette.runtime.device import Runtime, choose_runtime
from maquette.runtime.memory import on_device
from maquette.runtime.progress import OnProgress
from maquette.zoo.files import resolve_model
from maquette.zoo.paint_model import PaintModel, load_paint_model

if TYPE_CHECKING:
    import trimesh

    from maquette.paint.pipeline import PaintSettings
    from maquette.picture.cutout import Cutout

BORDER = {True: 0.2, False: 0.15}
"""Free rim around the object of a reference picture, for 2.0 (as published) and for 2.1."""
LIGHT_SEED = 42
"""The light removal always draws the same noise, as published: the picture alone decides what it makes."""
GUIDE_SIZE = 2048
"""Side of the published guide maps, which are then made smaller; ours are drawn at the size of the views."""
ROUGHNESS = 0.8
"""Of models that paint colour alone."""


class DiffusionPainter:
    """A paint model ready to paint meshes; see the module."""

    def __init__(self, model: PaintModel, runtime: Runtime, vram: float | None = None) -> None:
        self.model, self.runtime = model, runtime
        self.drawer = ViewPainter(model, runtime, vram)
        self._colour_only = model.config.unet.num_materials == 1 and not model.config.corrects

    @classmethod
    def from_pretrained(
        cls, model: str, *, device: str = "auto", dtype: str | None = None, vram: float | None = None
    ) -> DiffusionPainter:
        """Load a paint model by catalogue name or folder; see `load_paint_model` and `PaintPipeline`."""
        runtime = choose_runtime(device, dtype)
        return cls(load_paint_model(Path(resolve_model(model, "paint")), dtype=runtime.dtype), runtime, vram)

    def paint(
        self,
        mesh: trimesh.Trimesh,
        pictures: Mapping[str, Cutout],
        settings: PaintSettings,
        on_progress: OnProgress,
    ) -> trimesh.Trimesh:
        """A copy of the mesh with one PBR material; how it was made is in its `metadata["maquette"]["paint"]`."""
        if self.model.config.corrects and settings.compatible:
            raise SettingError(
                f"{self.model.config.name} has no published way of painting", "leave compatible out"
            )
        draw = DrawSettings(
            settings.seed, settings.steps, settings.guidance, settings.compatible, settings.upscale
        )
        on_progress("unwrap", 0, 1)
        painted, kept = with_coordinates(mesh, settings)
        on_progress("unwrap", 1, 1)
        vertices, _, _ = normalise(torch.from_numpy(np.array(painted.vertices)))
        faces = torch.from_numpy(np.array(painted.faces, np.int64))
        viewpoints = select_views(vertices, faces, settings.views)
        normals, positions = self._guides(vertices, faces, viewpoints, settings)
        cameras = torch.tensor(
            [camera_number(int(v.camera.azimuth), int(v.camera.elevation)) for v in viewpoints]
        )
        references = self._references(pictures, settings, on_progress)
        projection, lit, hints = None, None, None
        if self.model.config.corrects:
            projection = project(painted, pictures, settings.texture_size, on_progress, with_light=True)
            lit = projection.lit  # such models have learned to take the light out themselves
            assert lit is not None
            sheet = torch.cat([lit, projection.known], -1)
            hints = render_hints(painted, vertices, sheet, [v.camera for v in viewpoints], normals.shape[1])
        drawn = self.drawer.draw(references, normals, positions, cameras, draw, on_progress, hints)
        on_progress("paint", 0, 1)
        views = drawn.pictures.permute(0, 1, 3, 4, 2)
        textures = partial(_published_textures if settings.compatible else _textures, painted, vertices)
        if projection is not None and hints is not None:
            # Corrections are baked, not pictures: what the given picture shows keeps all its detail.
            views = views - hints.colour.to(views)
        sheets, seen = textures(views, viewpoints, settings.texture_size, self._colour_only)
        notes = list(drawn.notes)
        if projection is not None and lit is not None:
            colour, rough = projection.sheet.split((3, 1), -1)
            corrected = corrected_colours(colour, (lit + sheets[0]).clamp(0, 1))
            sheets = [corrected, torch.nn.functional.pad(rough, (1, 1))]
            seen, notes = projection.counts, [*notes, *projection.notes]
        painted.visual.material = _material([s.clamp(0, 1) for s in sheets])  # type: ignore[union-attr]
        self._describe(painted, settings, draw, viewpoints, seen, kept, notes)
        on_progress("paint", 1, 1)
        return painted

    def _guides(
        self, vertices: Tensor, faces: Tensor, viewpoints: Sequence[Viewpoint], settings: PaintSettings
    ) -> tuple[Tensor, Tensor]:
        """Maps (views, S, S, 3) of normals and positions at the size of the views."""
        cameras = [viewpoint.camera for viewpoint in viewpoints]
        size = settings.view_size or self.model.config.view_size
        if not settings.compatible:
            guides = render_guides(vertices, faces, cameras, size, smooth=self._colour_only)
            return guides.normal, guides.position
        resized: list[list[Tensor]] = [[], []]
        for camera in cameras:  # one by one: the published maps are large
            guides = render_guides(vertices, faces, [camera], GUIDE_SIZE, smooth=self._colour_only)
            for maps, kind in zip((guides.normal, guides.position), resized, strict=True):
                picture = Image.fromarray((maps[0] * 255).clamp(0, 255).to(torch.uint8).numpy())
                kind.append(torch.from_numpy(np.array(picture.resize((size, size)))) / 255)
        return torch.stack(resized[0]), torch.stack(resized[1])

    def _references(
        self, pictures: Mapping[str, Cutout], settings: PaintSettings, on_progress: OnProgress
    ) -> list[Image.Image]:
        """The pictures on white, the front first; without light where the model wants that and has the means."""
        ordered = sorted(pictures, key=lambda name: name != "front")
        references = []
        for name in ordered:
            rgba = pictures[name].rgba.convert("RGBA")
            if settings.compatible and not self._colour_only:  # as it is, whatever its shape
                white = Image.new("RGBA", rgba.size, "white")
                references.append(Image.alpha_composite(white, rgba).convert("RGB").resize((512, 512)))
            elif self.model.light_remover is not None:
                references.append(self._without_light(_squared(rgba, BORDER[True]), on_progress))
            else:
                references.append(_squared(rgba, BORDER[self._colour_only]).convert("RGB"))
        return references

    def _without_light(self, rgba: Image.Image, on_progress: OnProgress) -> Image.Image:
        remover, runtime = self.model.light_remover, self.runtime
        assert remover is not None
        generator = torch.Generator().manual_seed(LIGHT_SEED)
        shape = (1, remover.vae.config.latent_channels, remover.size // 8, remover.size // 8)

        def fresh() -> Tensor:
            return torch.randn(shape, generator=generator).to(runtime.device)

        with on_device(remover.unet, remover.vae, remover.text, device=runtime.device, dtype=runtime.dtype):
            return remove_light(
                remover, rgba, fresh(), fresh, lambda done, total, _: on_progress("relight", done, total)
            )

    def _describe(
        self,
        painted: trimesh.Trimesh,
        settings: PaintSettings,
        draw: DrawSettings,
        viewpoints: Sequence[Viewpoint],
        seen: dict[str, int],
        kept: bool,
        notes: list[str],
    ) -> None:
        config = self.model.config
        paint = {
            "painter": "pbr",
            "model": config.name,
            "license": config.license,
            "texture_size": settings.texture_size,
            "texels": seen,
            "kept_uv": kept,
            "view_size": settings.view_size or config.view_size,
            "views": [[v.camera.azimuth, v.camera.elevation] for v in viewpoints],
            **asdict(draw),
            "steps": config.steps if draw.steps is None else draw.steps,
            "guidance": config.guidance if draw.guidance is None else draw.guidance,
            "device": self.runtime.device.type,
            "dtype": str(self.runtime.dtype).removeprefix("torch."),
        }
        painted.metadata["maquette"] = {**painted.metadata.get("maquette", {}), "paint": paint}
        painted.metadata["notes"] = [*painted.metadata.get("notes", []), *notes]


def _squared(rgba: Image.Image, border: float) -> Image.Image:
    """The object in the middle of a square with its alpha, on white where that is 0."""
    centred = recentre(rgba, 512, border)
    colour = ((centred.image[0].permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).numpy()
    alpha = ((centred.mask[0, 0] + 1) * 127.5).round().to(torch.uint8).numpy()
    return Image.fromarray(np.dstack([colour, alpha]), "RGBA")


def _textures(
    painted: trimesh.Trimesh,
    vertices: Tensor,
    pictures: Tensor,
    viewpoints: Sequence[Viewpoint],
    size: int,
    _colour_only: bool,
) -> tuple[list[Tensor], dict[str, int]]:
    """Pictures (materials, views, S, S, 3) to a texture (size, size, 3) of each material; texels seen and guessed."""
    texels = _lay_out(painted, vertices, size)
    sheets = []
    for material in pictures:
        views = [
            View(picture.float(), viewpoint.camera, viewpoint.weight)
            for picture, viewpoint in zip(material, viewpoints, strict=True)
        ]
        colour, weight = bake(texels, views)
        sheets.append(fill(texels, colour, weight))
    inner = ~texels.rim
    seen = int(((weight > 0) & inner).sum())
    return sheets, {"seen": seen, "guessed": int(inner.sum()) - seen}


def _lay_out(painted: trimesh.Trimesh, vertices: Tensor, size: int) -> Texels:
    """The texels of the mesh in the ball that the cameras look at."""
    upright = painted.copy()
    upright.vertices = vertices.numpy()
    return lay_out(upright, size)


def _published_textures(
    painted: trimesh.Trimesh,
    vertices: Tensor,
    pictures: Tensor,
    viewpoints: Sequence[Viewpoint],
    size: int,
    colour_only: bool,
) -> tuple[list[Tensor], dict[str, int]]:
    """As `_textures`, by the published way: 2.1 bakes at twice the size and halves, 2.0 splats."""
    uv = torch.from_numpy(np.array(painted.visual.uv, np.float32))  # type: ignore[union-attr]
    faces = torch.from_numpy(np.array(painted.faces, np.int64))
    mesh = compatible.PublishedMesh(vertices, faces, uv, smooth=colour_only)
    project = compatible.splat if colour_only else compatible.back_project
    baked_size = size if colour_only else 2 * size
    # The published kernel is that of the 1024 pixels that views are chosen at.
    kernel = compatible.border_kernel(GUIDE_SIZE if colour_only else 1024)
    sheets = []
    for material in pictures:
        baked = [
            project(mesh, picture.float(), viewpoint.camera, baked_size, kernel)
            for picture, viewpoint in zip(material, viewpoints, strict=True)
        ]
        texture, mask = compatible.merge([b[0] for b in baked], [b[1] for b in baked], viewpoints)
        texture, filled = compatible.inpaint_vertices(mesh, texture, mask[..., 0])
        sheet = compatible.inpaint_sheet(texture, filled).float() / 255
        sheets.append(sheet if colour_only else compatible.halve(sheet))
    surface = _lay_out(painted, vertices, baked_size).mask
    seen = int((mask[..., 0] & surface).sum())
    return sheets, {"seen": seen, "guessed": int(surface.sum()) - seen}


def _material(sheets: Sequence[Tensor]) -> Any:
    """One PBR material of colour, and of metal and roughness where there are two sheets."""
    from trimesh.visual.material import PBRMaterial

    pixels = [(sheet * 255).round().to(torch.uint8) for sheet in sheets]
    colour = Image.fromarray(pixels[0].numpy())
    if len(pixels) == 1:
        return PBRMaterial(baseColorTexture=colour, metallicFactor=0.0, roughnessFactor=ROUGHNESS)
    packed = compatible.gltf_metal_rough(pixels[1][..., 0], pixels[1][..., 1])
    return PBRMaterial(
        baseColorTexture=colour,
        metallicRoughnessTexture=Image.fromarray(packed.numpy()),
        metallicFactor=1.0,
        roughnessFactor=1.0,
    )
