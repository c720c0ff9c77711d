"""From a picture to a mesh: cut out, recentre, condition, denoise, decode, extract, clean, simplify."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maquette._version import __version__
from maquette.errors import SettingError
from maquette.mesh.clean import clean
from maquette.mesh.simplify import simplify
from maquette.models.dit_v20 import DiTV20Config
from maquette.models.image_encoder import MultiViewImageEncoder
from maquette.models.shape_vae import ShapeField
from maquette.picture.cutout import Cutout, Method
from maquette.picture.recentre import recentre, recentre_views
from maquette.picture.views import Source, cut_out_views
from maquette.runtime.device import Runtime, choose_runtime
from maquette.runtime.progress import OnProgress, silent
from maquette.shape.flashvdm import SparingField, TopKMode, decode_flashvdm
from maquette.shape.outline import OutlinedField, fit_outline
from maquette.shape.sampler import (
    SamplingSettings,
    StepCallback,
    consistency_sigmas,
    flow_matching_sigmas,
    guided_velocity,
    sample_euler,
)
from maquette.shape.sparse import SparseVolume
from maquette.shape.surface import Extractor, extract_surface
from maquette.shape.volume import DEFAULT_MEMORY, Decoder, Field, VolumeSettings, decode_volume
from maquette.zoo.catalog import BUNDLED
from maquette.zoo.files import choose_model, resolve_model
from maquette.zoo.load import load_shape_model
from maquette.zoo.shape_model import ShapeModel

if TYPE_CHECKING:
    import trimesh

DEFAULT_FACES = 40_000
MAX_VARIATIONS = 64
FLASHVDM_HIGHEST = 512
ALL_TIMES = (0.0, 1.0)
AnyField = ShapeField | OutlinedField


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
    shift: float | None = None
    """Of the flow-matching schedule: above 1 spends more steps near the noise."""
    guidance_interval: tuple[float, float] | None = None
    """Times, from 0 (noise) to 1 (shape), between which guidance works; None for all."""
    surface: Extractor = "marching-cubes"
    """How triangles are made of the decoded field; "dual-contouring" keeps sharp edges."""
    memory: float = DEFAULT_MEMORY
    """GB that decoding may take beside the model."""
    decoder: Decoder = "hierarchical"
    """How the field is asked. FlashVDM, made for the turbo models, lets each point attend to few latents; its published
    variants (-mean, -merge) hold a whole grid: 512 is their highest resolution."""
    outline: bool | None = None
    """Hold the shape to the outline of its picture (`maquette.shape.outline`); None: as the model needs it. Only with
    one picture and a decoder that asks the field point by point."""

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
            shift=1.0 if self.shift is None else self.shift,
            interval=self.guidance_interval or ALL_TIMES,
        )
        VolumeSettings(resolution=16 if self.resolution is None else self.resolution, memory=self.memory)
        if self.decoder not in get_args(Decoder):
            raise SettingError(
                f"decoder is {self.decoder!r}", f"it must be one of {', '.join(get_args(Decoder))}"
            )
        if self.decoder.startswith("flashvdm-") and (self.resolution or 0) > FLASHVDM_HIGHEST:
            raise SettingError(
                f"resolution is {self.resolution}", f"{self.decoder} decodes at most at {FLASHVDM_HIGHEST}"
            )


class ShapePipeline:
    """A shape model ready to turn pictures into meshes.

    Example:
        >>> mesh = ShapePipeline.from_pretrained("bundled")("chair.png", seed=7)
        >>> mesh.export("chair.glb")
    """

    def __init__(self, model: ShapeModel, runtime: Runtime, *, compiled: bool = False) -> None:
        self.model = model.to(runtime.device, runtime.dtype)
        self.runtime = runtime
        if compiled:  # sizes are left open, so that another number of variations costs no new compilation
            denoise = torch.compile(model.dit.denoise, dynamic=True)
            model.dit.denoise = denoise  # type: ignore[method-assign, assignment]

    @classmethod
    def from_pretrained(
        cls,
        model: str = BUNDLED,
        *,
        vae: str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        compiled: bool = False,
        on_progress: OnProgress = silent,
    ) -> ShapePipeline:
        """Load a model by catalogue name, or by the path of a weight file or a folder of the published layout.

        Args:
            model: as `maquette models` lists them, or a path.
            vae: another autoencoder in place of the model's own, as the turbo ones are meant to be used.
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            dtype: "float32", "float16" or "bfloat16"; None for the device's own choice.
            compiled: compile the denoiser, which takes a minute at its first step and then saves time at every one.
            on_progress: told how far the reading is.

        Raises:
            CheckpointError: the model is unknown, missing or damaged.
            SettingError: the device or precision cannot be had.
        """
        runtime = choose_runtime(device, dtype)
        read = load_shape_model(
            resolve_model(model),
            vae=None if vae is None else resolve_model(vae, "autoencoder"),
            device=runtime.device,
            dtype=runtime.dtype,
            on_bytes=lambda done, total: on_progress("load", done, total),
        )
        return cls(read, runtime, compiled=compiled)

    def __call__(
        self,
        picture: Source | Mapping[str, Source],
        *,
        seed: int = 0,
        steps: int | None = None,
        guidance: float | None = None,
        resolution: int | None = None,
        faces: int | None = DEFAULT_FACES,
        cutout: Method = "auto",
        shift: float | None = None,
        guidance_interval: tuple[float, float] | None = None,
        on_progress: OnProgress = silent,
        on_step: StepCallback | None = None,
    ) -> trimesh.Trimesh:
        """One object's picture, or several of its views, to one watertight mesh.

        Args:
            picture: a file, its bytes, a PIL image or a cut-out; or several by view: front, left, back, right.
            seed: the same seed on the same machine gives the same mesh.
            steps: sampling steps, 1 to 1000.
            guidance: how closely to follow the picture, 0 to 100.
            resolution: cells along each side of the decoded box, 16 to 1024.
            faces: most faces of the mesh; None keeps all.
            cutout: how the object is separated from its background.
            shift: above 1 spends more steps near the noise, 0.01 to 100.
            guidance_interval: times between 0 (noise) and 1 (shape) at which guidance works.
            on_progress: told about every stage; may raise to stop.
            on_step: given the latents (1, N, C) after every sampling step; may raise to stop.

        Returns:
            y up, front towards +z, inside [-1, 1]; settings and seed in `mesh.metadata["maquette"]`, anything a person
            should know (a doubtful cut-out) in `mesh.metadata["notes"]`.

        Raises:
            PictureError, SettingError, MeshError: see each.
        """
        settings = ShapeSettings(
            seed,
            steps,
            guidance,
            resolution,
            faces,
            cutout,
            shift=shift,
            guidance_interval=guidance_interval,
        )
        return self.generate(picture, settings, on_progress, on_step)

    def generate(
        self,
        pictures: Source | Mapping[str, Source],
        settings: ShapeSettings,
        on_progress: OnProgress = silent,
        on_step: StepCallback | None = None,
    ) -> trimesh.Trimesh:
        """As calling the pipeline, with the settings in one object."""
        return next(self.variations(pictures, settings, 1, on_progress, on_step))

    def variations(
        self,
        pictures: Source | Mapping[str, Source],
        settings: ShapeSettings,
        count: int,
        on_progress: OnProgress = silent,
        on_step: StepCallback | None = None,
    ) -> Iterator[trimesh.Trimesh]:
        """Several shapes of the same object, drawn in one batch from the seeds `settings.seed` and following.

        Args:
            pictures: as for calling the pipeline.
            settings: of all shapes.
            count: how many; memory for the denoiser grows with it.
            on_progress: told about every stage; may raise to stop.
            on_step: given the latents (count, N, C) after every sampling step; may raise to stop.

        Yields:
            Meshes as from calling the pipeline, each when it is done.

        Raises:
            PictureError, SettingError, MeshError: see each.
        """
        if not 1 <= count <= MAX_VARIATIONS:
            raise SettingError(f"variations is {count}", f"it must be from 1 to {MAX_VARIATIONS}")
        sampling, volume = self._resolve(settings)  # refuse bad settings before any work
        held = self._held_to_outline(settings)
        cutouts = cut_out_views(pictures, settings.cutout, on_progress)
        seen = self._seen(cutouts)
        notes = self._notes(cutouts, seen)
        seeds = [settings.seed + index for index in range(count)]
        views = {name: cut.rgba for name, cut in seen.items()}
        batch = self.draw_latents(views, seeds, sampling, on_progress, on_step)
        for seed, latents in zip(seeds, batch.split(1), strict=True):
            drawn = self.field(latents)
            field = self.outlined(drawn, next(iter(seen.values())).rgba, volume) if held else drawn
            decoded = self.decode(field, volume, on_progress)
            on_progress("mesh", 0, 1)
            mesh, _ = clean(extract_surface(decoded, field.float(), settings.surface))
            if settings.faces is not None:
                mesh = simplify(mesh, settings.faces)
            mesh.metadata["maquette"] = self._metadata(seen, seed, sampling, volume)
            mesh.metadata["maquette"] |= {"decoder": settings.decoder, "surface": settings.surface}
            if held:
                mesh.metadata["maquette"]["outline"] = isinstance(field, OutlinedField)
            mesh.metadata["notes"] = list(notes)
            on_progress("mesh", 1, 1)
            yield mesh

    @torch.inference_mode()
    def draw_latents(
        self,
        cutouts: Image.Image | Mapping[str, Image.Image],
        seeds: int | Sequence[int],
        sampling: SamplingSettings,
        on_progress: OnProgress = silent,
        on_step: StepCallback | None = None,
    ) -> Tensor:
        """Cut-out pictures (RGBA) of one object to shape latents (seeds, N, C) float32, each ready for `field`."""
        config, device = self.model.config, self.runtime.device
        seeds = [seeds] if isinstance(seeds, int) else seeds
        on_progress("condition", 0, 1)
        with_picture, without = (tokens.expand(len(seeds), -1, -1) for tokens in self._condition(cutouts))
        velocity = guided_velocity(
            self.model.dit, with_picture, without, sampling.guidance, sampling.interval
        )
        on_progress("condition", 1, 1)
        shape = (config.vae.num_latents, config.dit.latent_channels)
        # Drawn on the CPU, each from its own seed, so that a seed means the same noise on any device and in any batch.
        noise = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds])

        def tell(done: int, total: int, latents: Tensor) -> None:
            on_progress("denoise", done, total)
            if on_step is not None:
                on_step(done, total, latents)

        return sample_euler(velocity, config.noise_scale * noise.to(device), self._sigmas(sampling), tell)

    @torch.inference_mode()
    def field(self, latents: Tensor) -> ShapeField:
        """Shape latents (1, N, C) to the field of the shape, which can be asked anywhere."""
        vae = self.model.vae
        tokens = vae.decode((latents / vae.config.scale_factor).to(self.runtime.device, self.runtime.dtype))
        return vae.field.of(tokens)

    def outlined(self, field: ShapeField, cutout: Image.Image, volume: VolumeSettings) -> AnyField:
        """The field held to the outline of a cut-out picture, or as it is where the two have nothing in common."""
        matte = np.asarray(cutout.getchannel("A"), np.float32) / 255
        outline = fit_outline(field, matte, volume.bounds, self.runtime.device)
        return field if outline is None else OutlinedField(field, outline)

    @torch.inference_mode()
    def decode(
        self, field: AnyField, volume: VolumeSettings, on_progress: OnProgress = silent
    ) -> SparseVolume:
        """The field to logits on a lattice around the surface."""
        on_points = partial(on_progress, "decode")
        asked: Field = field
        if isinstance(field, ShapeField) and volume.method in ("flashvdm-mean", "flashvdm-merge"):
            mode: TopKMode = "merge" if volume.method == "flashvdm-merge" else "mean"
            logits = decode_flashvdm(field, volume.resolution, volume.bounds, mode=mode, on_points=on_points)
            return SparseVolume.from_dense(logits, volume.bounds)
        if isinstance(field, ShapeField) and volume.method == "flashvdm":
            asked = SparingField(field)
        return decode_volume(
            asked, volume, self.runtime.device, on_points, bytes_per_point=field.bytes_per_point
        )

    def _condition(self, cutouts: Image.Image | Mapping[str, Image.Image]) -> tuple[Tensor, Tensor]:
        """Condition tokens with and without the pictures, each (1, M, D)."""
        config, encoder = self.model.config, self.model.image_encoder
        views = cutouts if isinstance(cutouts, Mapping) else {"front": cutouts}
        if isinstance(encoder, MultiViewImageEncoder):
            several = recentre_views(views, config.picture_size, config.border_ratio)
            tokens = encoder.forward_views(several.image, several.view_indices)
            return tokens, encoder.unconditional_views(1, several.view_indices)
        (picture,) = views.values()
        tokens = encoder(recentre(picture, config.picture_size, config.border_ratio).image)
        return tokens, encoder.unconditional(1)

    def _seen(self, cutouts: dict[str, Cutout]) -> dict[str, Cutout]:
        """The views that the model looks at: all, or of several only the front."""
        if self.model.config.multi_view or len(cutouts) == 1:
            return cutouts
        if "front" not in cutouts:
            raise SettingError(
                f"{self.model.config.name} looks at one picture and was given {', '.join(cutouts)}",
                "give the front, or use a multi-view model such as hunyuan3d-dit-v2-mv",
            )
        return {"front": cutouts["front"]}

    def _notes(self, cutouts: dict[str, Cutout], seen: dict[str, Cutout]) -> list[str]:
        """What a person should know about the pictures."""
        several = len(cutouts) > 1
        notes = [f"{name}: {cut.note}" if several else cut.note for name, cut in cutouts.items() if cut.note]
        if len(seen) < len(cutouts):
            unseen = ", ".join(name for name in cutouts if name not in seen)
            notes.append(f"{self.model.config.name} looks at one picture: {unseen} had no say in the shape")
        return notes

    def _sigmas(self, sampling: SamplingSettings) -> Tensor:
        grid = self.model.config.consistency_grid
        if grid is None:
            return flow_matching_sigmas(sampling.steps, sampling.shift)
        return consistency_sigmas(sampling.steps, grid)

    def _resolve(self, settings: ShapeSettings) -> tuple[SamplingSettings, VolumeSettings]:
        """Every setting, the model's own where none is given; refuses those that the model has no use for."""
        config = self.model.config
        if settings.shift is not None and config.consistency_grid is not None:
            raise SettingError(
                f"shift is {settings.shift:g}", f"the schedule of {config.name} has none, leave it out"
            )
        told = isinstance(config.dit, DiTV20Config) and config.dit.guidance_embedded
        if settings.guidance_interval is not None and told:
            raise SettingError(
                "a guidance interval was given", f"{config.name} is told the guidance once, leave it out"
            )
        sampling = SamplingSettings(
            steps=config.steps if settings.steps is None else settings.steps,
            guidance=config.guidance if settings.guidance is None else settings.guidance,
            shift=config.shift if settings.shift is None else settings.shift,
            interval=settings.guidance_interval or ALL_TIMES,
        )
        self._sigmas(sampling)  # a consistency schedule has fewer steps than others
        return sampling, VolumeSettings(
            config.resolution if settings.resolution is None else settings.resolution,
            method=settings.decoder,
            memory=settings.memory,
            points_per_call=settings.points_per_call,
        )

    def _held_to_outline(self, settings: ShapeSettings) -> bool:
        """Whether the shape is to follow the outline of its picture.

        Raises:
            SettingError: that was asked for and cannot be done.
        """
        able = not self.model.config.multi_view and settings.decoder in ("hierarchical", "dense")
        if settings.outline and not able:
            raise SettingError(
                "the outline was asked for with several views or a FlashVDM decoder",
                "it takes a model of one picture and the hierarchical or dense decoder",
            )
        return able and (self.model.config.follow_outline if settings.outline is None else settings.outline)

    def _metadata(
        self, views: dict[str, Cutout], seed: int, sampling: SamplingSettings, volume: VolumeSettings
    ) -> dict[str, Any]:
        record: dict[str, Any] = {
            "generator": f"maquette {__version__}",
            "model": self.model.config.name,
            "license": self.model.config.license,
            "seed": seed,
            "steps": sampling.steps,
            "guidance": sampling.guidance,
            "resolution": volume.resolution,
            "cutout": next(iter(views.values())).method,
            "device": self.runtime.device.type,
            "dtype": str(self.runtime.dtype).removeprefix("torch."),
        }
        if self.model.config.multi_view:
            record["views"] = list(views)
        if sampling.shift != 1:
            record["shift"] = sampling.shift
        if sampling.interval != ALL_TIMES:
            record["guidance_interval"] = list(sampling.interval)
        return record


def generate(
    picture: Source | Mapping[str, Source],
    *,
    model: str | None = None,
    device: str = "auto",
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
    resolution: int | None = None,
    faces: int | None = DEFAULT_FACES,
    on_progress: OnProgress = silent,
) -> trimesh.Trimesh:
    """One picture, or several views, to one mesh, loading the model for this call; arguments as for `ShapePipeline`.

    Without a `model`, one picture goes to the bundled model and several views to a multi-view model that is here.
    """
    views = list(picture) if isinstance(picture, Mapping) else ["front"]
    pipeline = ShapePipeline.from_pretrained(
        choose_model(views) if model is None else model, device=device, on_progress=on_progress
    )
    settings = ShapeSettings(seed, steps, guidance, resolution, faces)
    return pipeline.generate(picture, settings, on_progress)
