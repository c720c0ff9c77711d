"""From a picture to a mesh: cut out, recentre, condition, denoise, decode, extract, clean, simplify."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from maquette._version import __version__
from maquette.errors import SettingError
from maquette.mesh.clean import clean
from maquette.mesh.simplify import simplify
from maquette.picture.cutout import Cutout, Method
from maquette.picture.recentre import recentre
from maquette.picture.views import Source, cut_out_views
from maquette.runtime.device import Runtime, choose_runtime
from maquette.runtime.progress import OnProgress, silent
from maquette.shape.sampler import SamplingSettings, flow_matching_sigmas, guided_velocity, sample_euler
from maquette.shape.surface import marching_cubes
from maquette.shape.volume import VolumeSettings, decode_volume
from maquette.zoo.files import resolve_model
from maquette.zoo.load import load_shape_model
from maquette.zoo.shape_model import ShapeModel

if TYPE_CHECKING:
    import trimesh

DEFAULT_FACES = 40_000


@dataclass(frozen=True)
class ShapeSettings:
    """How one shape is made. None means the model's own default."""

    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    resolution: int | None = None
    faces: int | None = DEFAULT_FACES
    """Most faces of the result, 100 or more; None keeps all."""
    cutout: Method = "auto"
    points_per_call: int | None = None
    """Points of the field asked at once while decoding, 256 or more; bounds the memory, changes nothing else."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise SettingError(f"seed is {self.seed}", "it must be from 0 to 2⁶³ - 1")
        if self.faces is not None and self.faces < 100:
            raise SettingError(f"faces is {self.faces}", "it must be 100 or more")
        if self.points_per_call is not None and self.points_per_call < 256:
            raise SettingError(f"points_per_call is {self.points_per_call}", "it must be 256 or more")
        # Refuse bad numbers here, before a model is loaded.
        SamplingSettings(
            steps=1 if self.steps is None else self.steps,
            guidance=1.0 if self.guidance is None else self.guidance,
        )
        VolumeSettings(resolution=16 if self.resolution is None else self.resolution)


class ShapePipeline:
    """A shape model ready to turn pictures into meshes.

    Example:
        >>> mesh = ShapePipeline.from_pretrained("bundled")("chair.png", seed=7)
        >>> mesh.export("chair.glb")
    """

    def __init__(self, model: ShapeModel, runtime: Runtime) -> None:
        self.model = model.to(runtime.device, runtime.dtype)
        self.runtime = runtime

    @classmethod
    def from_pretrained(
        cls, model: str = "bundled", *, device: str = "auto", dtype: str | None = None
    ) -> ShapePipeline:
        """Load a model by catalogue name or by the path of a checkpoint.

        Raises:
            CheckpointError: the model is unknown, missing or damaged.
            SettingError: the device or precision cannot be had.
        """
        runtime = choose_runtime(device, dtype)
        path = resolve_model(model)
        return cls(load_shape_model(path, device=runtime.device, dtype=runtime.dtype), runtime)

    def __call__(
        self,
        picture: Source,
        *,
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        resolution: int | None = None,
        faces: int | None = DEFAULT_FACES,
        cutout: Method = "auto",
        on_progress: OnProgress = silent,
    ) -> trimesh.Trimesh:
        """One picture to one watertight mesh.

        Args:
            picture: a file, its bytes, or a PIL image.
            seed: the same seed on the same machine gives the same mesh.
            steps: sampling steps, 1 to 1000.
            guidance: how closely to follow the picture, 0 to 100.
            resolution: cells along each side of the decoded box, 16 to 1024.
            faces: most faces of the mesh; None keeps all.
            cutout: how the object is separated from its background.
            on_progress: told about every stage; may raise to stop.

        Returns:
            y up, front towards +z, inside [-1, 1]; settings and seed in `mesh.metadata["maquette"]`, anything a person
            should know (a doubtful cut-out) in `mesh.metadata["notes"]`.

        Raises:
            PictureError, SettingError, MeshError: see each.
        """
        settings = ShapeSettings(seed, steps, guidance, resolution, faces, cutout)
        return self.generate(picture, settings, on_progress)

    def generate(
        self,
        pictures: Source | Mapping[str, Source],
        settings: ShapeSettings,
        on_progress: OnProgress = silent,
    ) -> trimesh.Trimesh:
        """As calling the pipeline, with the settings in one object; of several views, the front is what counts."""
        sampling, volume = self._resolve(settings)  # refuse bad settings before any work
        cut = next(iter(cut_out_views(pictures, settings.cutout, on_progress).values()))
        latents = self.draw_latents(cut.rgba, settings.seed, sampling, on_progress)
        logits = self.decode(latents, volume, on_progress)
        on_progress("mesh", 0, 1)
        mesh, _ = clean(marching_cubes(logits.numpy(), bounds=volume.bounds))
        if settings.faces is not None:
            mesh = simplify(mesh, settings.faces)
        mesh.metadata["maquette"] = self._metadata(cut, settings.seed, sampling, volume)
        mesh.metadata["notes"] = [cut.note] if cut.note else []
        on_progress("mesh", 1, 1)
        return mesh

    @torch.inference_mode()
    def draw_latents(
        self, cutout: Image.Image, seed: int, sampling: SamplingSettings, on_progress: OnProgress = silent
    ) -> Tensor:
        """A cut-out picture (RGBA) to shape latents (1, N, C), ready for `decode`."""
        config, runtime = self.model.config, self.runtime
        on_progress("condition", 0, 1)
        picture = recentre(cutout, config.picture_size, config.border_ratio).image
        context = self.model.image_encoder(picture.to(runtime.device, runtime.dtype))
        unconditional = self.model.image_encoder.unconditional(1)
        velocity = guided_velocity(self.model.dit, context, unconditional, sampling.guidance)
        on_progress("condition", 1, 1)
        shape = (1, config.vae.num_latents, config.dit.latent_channels)
        # Drawn on the CPU so that a seed means the same noise on every device.
        noise = config.noise_scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        return sample_euler(
            velocity,
            noise.to(runtime.device, runtime.dtype),
            flow_matching_sigmas(sampling.steps, sampling.shift),
            lambda done, total, _latents: on_progress("denoise", done, total),
        )

    @torch.inference_mode()
    def decode(self, latents: Tensor, volume: VolumeSettings, on_progress: OnProgress = silent) -> Tensor:
        """Shape latents (1, N, C) to logits (R + 1, R + 1, R + 1) float32 on the CPU, NaN where not asked."""
        vae = self.model.vae
        field = vae.field.of(vae.decode(latents / vae.config.scale_factor))
        return decode_volume(
            field, volume, latents.device, lambda done, known: on_progress("decode", done, known)
        ).cpu()

    def _resolve(self, settings: ShapeSettings) -> tuple[SamplingSettings, VolumeSettings]:
        config = self.model.config
        return (
            SamplingSettings(
                steps=config.steps if settings.steps is None else settings.steps,
                guidance=config.guidance if settings.guidance is None else settings.guidance,
            ),
            VolumeSettings(
                config.resolution if settings.resolution is None else settings.resolution,
                points_per_call=settings.points_per_call or VolumeSettings.points_per_call,
            ),
        )

    def _metadata(
        self, cut: Cutout, seed: int, sampling: SamplingSettings, volume: VolumeSettings
    ) -> dict[str, Any]:
        return {
            "generator": f"maquette {__version__}",
            "model": self.model.config.name,
            "license": self.model.config.license,
            "seed": seed,
            "steps": sampling.steps,
            "guidance": sampling.guidance,
            "resolution": volume.resolution,
            "cutout": cut.method,
            "device": self.runtime.device.type,
            "dtype": str(self.runtime.dtype).removeprefix("torch."),
        }


def generate(
    picture: str | Path | bytes | Image.Image,
    *,
    model: str = "bundled",
    device: str = "auto",
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
    resolution: int | None = None,
    faces: int | None = DEFAULT_FACES,
    on_progress: OnProgress = silent,
) -> trimesh.Trimesh:
    """One picture to one mesh, loading the model for this call; see `ShapePipeline` for the arguments and errors."""
    pipeline = ShapePipeline.from_pretrained(model, device=device)
    settings = ShapeSettings(seed, steps, guidance, resolution, faces)
    return pipeline.generate(picture, settings, on_progress)
