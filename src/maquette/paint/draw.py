"""Drawing the views: reference pictures and guide maps in, pictures of every material out.

Each stage takes its networks to the device, runs, and lets go of them where the budget asks for it:

    look (DINOv2) → encode (autoencoder) → read the reference → denoise → decode → enlarge

All noise is drawn on the CPU in a fixed order, so neither the device nor the budget changes what is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from maquette.errors import CheckpointError, SettingError
from maquette.models.image_vae import ImageVAE
from maquette.paint.denoise import (
    Conditions,
    PosteriorNoise,
    conditions_by_camera,
    conditions_by_position,
    dino_pixels,
    guide_latents,
    predictor,
)
from maquette.paint.hints import Hints
from maquette.paint.plan import PaintPlan, plan_painting
from maquette.paint.samplers import (
    Predict,
    sample_euler_ancestral,
    sample_lcm,
    sample_unipc,
    turbo_time_steps,
)
from maquette.runtime.device import Runtime
from maquette.runtime.memory import budget_bytes, on_device
from maquette.runtime.progress import OnProgress, silent
from maquette.zoo.paint_model import PaintModel

_LUMA = (0.299, 0.587, 0.114)
_DARKEST = 0.02  # brightness is compared above this
_HUE_SHARE = 0.6  # of the drawn hue and saturation
_MOST_GAIN = 2.0  # how often as bright, or as dark, a correcting model makes a place at most


@dataclass(frozen=True)
class DrawSettings:
    """How the views are drawn."""

    seed: int = 0
    steps: int | None = None
    """1 to 1000; None for the model's own number."""
    guidance: float | None = None
    """0 to 100, 1 or below for none; None for the model's own."""
    compatible: bool = False
    """As the published pipelines do it, bit for bit where that can be: latents drawn from the autoencoder's posterior,
    guidance with a branch that cancels out, half-precision guide maps whose background leaks into coarse positions, and
    red and blue exchanged in the upscaler."""
    enlarge: bool = True
    """Pass the views through the upscaler, where the model has one."""

    def __post_init__(self) -> None:
        if self.steps is not None and not 1 <= self.steps <= 1000:
            raise SettingError(f"paint steps is {self.steps}", "it must be from 1 to 1000")
        if self.guidance is not None and not 0 <= self.guidance <= 100:  # false for NaN too
            raise SettingError(f"paint guidance is {self.guidance}", "it must be a number from 0 to 100")


@dataclass(frozen=True)
class DrawnViews:
    """The pictures, and what a person should know of how they came about."""

    pictures: Tensor
    """(materials, views, 3, S, S) float16 on the CPU, in [0, 1]."""
    notes: tuple[str, ...]


class ViewPainter:
    """A paint model on a device, within a budget of memory."""

    def __init__(self, model: PaintModel, runtime: Runtime, vram: float | None = None) -> None:
        budget_bytes(vram, runtime.device)  # refuse a bad budget before any work
        self.model, self.runtime, self.vram = model, runtime, vram

    def plan(
        self, views: int, view_size: int, dtype: torch.dtype, settings: DrawSettings, references: int = 1
    ) -> PaintPlan:
        """How much is done at once; see `plan_painting`."""
        upscaler = self.model.upscaler if settings.enlarge else None
        return plan_painting(
            self.model.config,
            views,
            view_size,
            dtype,
            budget_bytes(self.vram, self.runtime.device),
            upscaler=None if upscaler is None else upscaler.config,
            compatible=settings.compatible,
            references=references,
        )

    @torch.no_grad()
    def draw(
        self,
        references: Sequence[Image.Image],
        normals: Tensor,
        positions: Tensor,
        cameras: Tensor,
        settings: DrawSettings | None = None,
        on_progress: OnProgress = silent,
        hints: Hints | None = None,
    ) -> DrawnViews:
        """Draw every view.

        Args:
            references: RGB pictures of the object on white, the most important first; brought to the views' size.
            normals, positions: guide maps (views, S, S, 3) in [0, 1], as `maquette.paint.guides` renders them.
            cameras: (views,) numbers of the cameras as 2.0 counts them; other models do not look.
            settings: None for the defaults.
            on_progress: told about every stage; may raise to stop.
            hints: of the same views, for a model that corrects them; others do not look.

        Raises:
            SettingError: no views, no reference, guide maps of a wrong size, or a budget too small.
            CheckpointError: the latents are not finite even in a wider precision.
        """
        settings = settings or DrawSettings()
        _check(references, normals, positions)

        def attempt(dtype: torch.dtype) -> DrawnViews:
            plan = self.plan(len(normals), normals.shape[1], dtype, settings, len(references))
            run = _Run(settings, self.runtime.device, dtype, plan, on_progress, hints)
            return self._draw(references, normals, positions, cameras, run)

        narrow, wider = self.runtime.dtype, _wider(self.runtime)
        try:
            return attempt(narrow)
        except _NotFiniteError:
            if wider is None:
                raise _not_finite(self.model.config.name, narrow) from None
        try:
            drawn = attempt(wider)
        except _NotFiniteError:
            raise _not_finite(self.model.config.name, wider) from None
        note = f"painting overflowed in {_name(narrow)} and was done again in {_name(wider)}"
        return DrawnViews(drawn.pictures, (note, *drawn.notes))

    def _draw(
        self,
        references: Sequence[Image.Image],
        normals: Tensor,
        positions: Tensor,
        cameras: Tensor,
        run: _Run,
    ) -> DrawnViews:
        views, size = normals.shape[:2]
        conditions = self._condition(references, normals, positions, cameras, run)
        unet, vae = self.model.unet, self.model.vae
        with run.stage(unet.painting, *unet.small_parts()):
            predict = predictor(unet, conditions, run.plan.rows)
            latents = self._sample(predict, views, size // 8, run)
        del conditions, predict  # they hold memory that decoding wants
        if not bool(torch.isfinite(latents).all()):
            raise _NotFiniteError
        run.on_progress("decode", 0, 1)
        with run.stage(vae):
            if run.hints is None:
                decoded = vae.decode(latents.flatten(0, 2).to(run.dtype), run.plan.vae_rows)
            else:
                colour = _signed(run.hints.colour, vae)
                decoded = decode_correction(vae, latents[0, 0], colour, run.plan.vae_rows)
        if not bool(torch.isfinite(decoded).all()):
            raise _NotFiniteError
        pictures = (decoded / 2 + 0.5).clamp(0, 1)
        run.on_progress("decode", 1, 1)
        pictures, notes = self._enlarge(pictures, run)
        return DrawnViews(pictures.unflatten(0, (-1, views)), notes)

    def _condition(
        self,
        references: Sequence[Image.Image],
        normals: Tensor,
        positions: Tensor,
        cameras: Tensor,
        run: _Run,
    ) -> Conditions:
        """Everything that stays the same from step to step."""
        model, device, size = self.model, self.runtime.device, normals.shape[1]
        settings, rows = run.settings, run.plan.vae_rows
        guidance = model.config.guidance if settings.guidance is None else settings.guidance
        run.on_progress("condition", 0, 3)
        pictures = torch.cat([_to_tensor(picture, size) for picture in references]).to(device, run.dtype)
        normals, positions = (maps.permute(0, 3, 1, 2).float().to(device) for maps in (normals, positions))
        tokens = None
        if model.dino is not None:
            with run.stage(model.dino):
                tokens = model.dino(dino_pixels(references[0]).to(device, run.dtype))
        run.on_progress("condition", 1, 3)
        noise = _posterior_noise(run, len(references), len(normals), size // 8, device)
        with run.stage(model.vae):
            shown = model.vae.encode(pictures, None if noise is None else noise.reference, rows)
            guides = guide_latents(
                model.vae,
                normals.to(run.dtype),
                positions.to(run.dtype),
                noise,
                compatible=settings.compatible,
                rows=rows,
            )
            if run.hints is not None:
                maps = (run.hints.colour, run.hints.known.expand(-1, -1, -1, 3))
                told = [model.vae.encode(_signed(part, model.vae), rows=rows) for part in maps]
                guides = torch.cat([guides, *(latents[None] for latents in told)], dim=2)
        run.on_progress("condition", 2, 3)
        unet = model.unet
        with run.stage(unet.reference, *unet.small_parts()):
            features = unet.reference_features(shown[None], run.plan.rows)
        with run.stage(unet.painting, *unet.small_parts()):
            if unet.config.uses_positions:
                conditions = conditions_by_position(
                    unet, features, tokens, guides, positions, guidance, compatible=settings.compatible
                )
            else:
                conditions = conditions_by_camera(unet, features, guides, cameras.to(device), guidance)
        run.on_progress("condition", 3, 3)
        return conditions

    def _sample(self, predict: Predict, views: int, side: int, run: _Run) -> Tensor:
        """Latents (1, materials, views, 4, side, side) float32; only the network works in the run's precision."""
        config = self.model.config
        steps = config.steps if run.settings.steps is None else run.settings.steps
        generator = torch.Generator().manual_seed(run.settings.seed)
        shape = (1, config.unet.num_materials, views, config.vae.latent_channels, side, side)

        def fresh() -> Tensor:
            return torch.randn(shape, generator=generator).to(self.runtime.device)

        def narrow(latents: Tensor, time: float) -> Tensor:
            return predict(latents.to(run.dtype), time).float()

        def on_step(done: int, total: int, _latents: Tensor) -> None:
            run.on_progress("denoise", done, total)

        if config.sampler == "lcm":
            times = turbo_time_steps(config.schedule)
            return sample_lcm(narrow, fresh(), config.schedule, times, fresh, on_step)
        if config.sampler == "euler_ancestral":
            return sample_euler_ancestral(narrow, fresh(), config.schedule, steps, fresh, on_step)
        return sample_unipc(narrow, fresh(), config.schedule, steps, on_step)

    def _enlarge(self, pictures: Tensor, run: _Run) -> tuple[Tensor, tuple[str, ...]]:
        """Pictures (N, 3, S, S) → four times larger where there is an upscaler, as float16 on the CPU; and notes."""
        upscaler = self.model.upscaler
        if not run.settings.enlarge or upscaler is None:
            note = "the views were not enlarged: maquette models pull real-esrgan fetches what does it"
            return pictures.to("cpu", torch.float16), (
                note,
            ) if run.settings.enlarge and not run.hints else ()
        enlarged = []
        with run.stage(upscaler):
            for done, picture in enumerate(pictures.split(1)):
                run.on_progress("upscale", done, len(pictures))
                # The published helper exchanges red and blue; the network was trained on pictures as they are.
                shown = picture.flip(1) if run.settings.compatible else picture
                larger = upscaler.upscale(shown, tile=run.plan.tile)
                larger = larger.flip(1) if run.settings.compatible else larger
                enlarged.append(larger.to("cpu", torch.float16))
        run.on_progress("upscale", len(pictures), len(pictures))
        return torch.cat(enlarged), ()


@dataclass(frozen=True)
class _Run:
    """One drawing: what was asked for, in which precision, and how it is cut up."""

    settings: DrawSettings
    device: torch.device
    dtype: torch.dtype
    plan: PaintPlan
    on_progress: OnProgress
    hints: Hints | None

    def stage(self, *parts: nn.Module | Tensor) -> AbstractContextManager[None]:
        """Networks on the device while they run."""
        return on_device(*parts, device=self.device, dtype=self.dtype, stay=self.plan.stay)


def decode_correction(vae: ImageVAE, latents: Tensor, colour: Tensor, rows: int | None = None) -> Tensor:
    """Pictures (views, 3, S, S) of corrections (views, 4, h, w) to colours (views, 3, S, S), all in [-1, 1].

    What the autoencoder loses of the colours is given back: no correction leaves the very same pictures.
    """
    start = vae.encode(colour, rows=rows)
    return vae.decode(latents.to(start) + start, rows) + colour - vae.decode(start, rows)


def corrected_colours(projected: Tensor, drawn: Tensor) -> Tensor:
    """Colours (..., 3) as bright as the ones a small model draws, and most of the way to their hue and saturation.

    Such a model tells brightness better than hue, and grey things that turn out coloured are what the eye forgives
    least; so a part of the projected hue stays.
    """
    wanted, own = (_luma(part) + _DARKEST for part in (drawn, projected))
    bright = projected * (wanted / own).clamp(1 / _MOST_GAIN, _MOST_GAIN)
    return bright + _HUE_SHARE * ((drawn - _luma(drawn)) - (bright - _luma(bright)))


def _luma(colours: Tensor) -> Tensor:
    return (colours @ colours.new_tensor(_LUMA))[..., None]


def _signed(pictures: Tensor, vae: ImageVAE) -> Tensor:
    """(N, S, S, 3) in [0, 1] to (N, 3, S, S) in [-1, 1], where the autoencoder is."""
    return pictures.permute(0, 3, 1, 2).to(vae.moments.weight) * 2 - 1


class _NotFiniteError(Exception):
    """Latents came out as infinity or not a number."""


def _not_finite(name: str, dtype: torch.dtype) -> CheckpointError:
    return CheckpointError(
        f"{name} drew latents that are not finite, in {_name(dtype)}",
        "its weights are damaged or of another model: fetch them again",
    )


def _wider(runtime: Runtime) -> torch.dtype | None:
    """The precision to try again in: bfloat16 has the range and takes no more memory, where the device has it."""
    if runtime.dtype != torch.float16:
        return None
    has_bfloat16 = runtime.device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if has_bfloat16 else torch.float32


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _to_tensor(picture: Image.Image, size: int) -> Tensor:
    """(1, 3, size, size) in [-1, 1]."""
    pixels = np.asarray(picture.convert("RGB").resize((size, size)), np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1


def _posterior_noise(
    run: _Run, references: int, views: int, side: int, device: torch.device
) -> PosteriorNoise | None:
    """Noise for the published way of encoding, drawn in its order; by default the posterior's mean is taken."""
    if not run.settings.compatible:
        return None
    generator = torch.Generator().manual_seed(run.settings.seed)
    return PosteriorNoise(
        *(
            torch.randn(count, 4, side, side, generator=generator).to(device, run.dtype)
            for count in (references, views, views)
        )
    )


def _check(references: Sequence[Image.Image], normals: Tensor, positions: Tensor) -> None:
    if not references:
        raise SettingError("there is no picture to paint from", "give at least one")
    if normals.ndim != 4 or len(normals) == 0:
        raise SettingError("there are no views to paint", "at least one guide map of normals and positions")
    _, height, width, channels = normals.shape
    if positions.shape != normals.shape or channels != 3 or height != width or height % 64:
        raise SettingError(
            f"guide maps are {tuple(normals.shape)} and {tuple(positions.shape)}",
            "both must be (views, S, S, 3) with S a multiple of 64",
        )
