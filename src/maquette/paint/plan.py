"""What of the paint model's work is done at once, so that it fits a memory budget, and what each stage will need.

Every stage's own code is traced on the meta device (see `runtime/memory.py`). Stages that hold more than fits at once
are cut: into pictures for the UNet and the autoencoder, into tiles for the upscaler. Networks that do not all fit
beside the largest stage come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from maquette.errors import SettingError
from maquette.models.image_encoder import DinoV2
from maquette.models.image_vae import ImageVAE
from maquette.models.paint_unet import PaintUNet
from maquette.models.upscaler import Upscaler, UpscalerConfig
from maquette.paint.denoise import (
    Conditions,
    conditions_by_camera,
    conditions_by_position,
    guide_latents,
    predictor,
)
from maquette.runtime.memory import Trace, num_bytes, trace_memory
from maquette.zoo.paint_model import PaintModelConfig

TILES = (512, 256, 128, 64)


@dataclass(frozen=True)
class PaintPlan:
    """How much is done at once."""

    rows: int | None = None
    """Pictures that the UNet works on at once; None for all."""
    vae_rows: int | None = 1
    """Pictures that the autoencoder works on at once."""
    tile: int | None = 256
    """Side of the upscaler's tiles; None for whole pictures."""
    stay: bool = True
    """Networks stay on the device between stages."""
    peaks: Mapping[str, int] = field(default_factory=dict)
    """Computed bytes of each stage, its networks included; empty without a budget."""

    @property
    def peak(self) -> int:
        """Of all stages."""
        return max(self.peaks.values(), default=0)


def plan_painting(
    config: PaintModelConfig,
    views: int,
    view_size: int,
    dtype: torch.dtype,
    budget: int | None,
    *,
    upscaler: UpscalerConfig | None = None,
    compatible: bool = False,
    references: int = 1,
) -> PaintPlan:
    """Choose the largest pieces that fit.

    Args:
        config: of the paint model.
        views, view_size: how many pictures are drawn, and their side in pixels.
        dtype: precision the networks run in.
        budget: bytes that tensors may fill; None for no limit, which traces nothing.
        upscaler: its sizes, where pictures are enlarged.
        compatible: guidance with all its published branches.
        references: pictures of the object.

    Raises:
        SettingError: the smallest pieces do not fit.
    """
    if budget is None:
        return PaintPlan()
    tracer = _Tracer(config, views, view_size, dtype, compatible, references)
    total = views * config.unet.num_materials
    rows, denoise = _first_fit([None, *_halves(total)[1:]], tracer.denoise, budget)
    # More than two pictures at once take memory and save no time: two fill a device.
    vae_rows, pictures = _first_fit(_halves(min(views, 2)), tracer.autoencoder, budget)
    peaks = {
        "dino": tracer.dino(),
        "autoencoder": pictures,
        "reference": tracer.reference(rows),
        "denoise": denoise,
    }
    tile: int | None = None
    if upscaler is not None:
        tile, peaks["upscale"] = _first_fit(TILES, lambda side: tracer.upscale(upscaler, side), budget)
    worst = max(peaks, key=lambda stage: peaks[stage])
    if peaks[worst] > budget:
        raise SettingError(
            f"the memory budget holds {budget / 1e9:.1f} GB of tensors, but the stage {worst!r} of painting "
            f"{views} views of {view_size} needs {peaks[worst] / 1e9:.1f}",
            "raise the budget, or paint fewer or smaller views",
        )
    beside = {stage: peak + tracer.others(stage) for stage, peak in peaks.items()}
    stay = max(beside.values()) <= budget
    return PaintPlan(rows, vae_rows, tile, stay, beside if stay else peaks)


def _halves(count: int) -> list[int]:
    """count, half of it, and so on to 1."""
    sizes = [count]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes


def _first_fit(choices: Any, peak_of: Callable[[Any], int], budget: int) -> tuple[Any, int]:
    """The first choice whose peak fits, and the peak; the last choice where none does."""
    for choice in choices:
        peak = peak_of(choice)
        if peak <= budget:
            break
    return choice, peak


class _Tracer:
    """Traces each stage for one kind of job, with the networks' shapes and no weights."""

    def __init__(
        self,
        config: PaintModelConfig,
        views: int,
        size: int,
        dtype: torch.dtype,
        compatible: bool,
        references: int,
    ) -> None:
        self.config, self.views, self.size, self.dtype = config, views, size, dtype
        self.compatible, self.references = compatible, references
        with torch.device("meta"):
            self.unet = PaintUNet(config.unet).to(dtype)
            self.vae = ImageVAE(config.vae).to(dtype)
            self.eyes = None if config.dino is None else DinoV2(config.dino).to(dtype)
        self._weights = {
            "dino": num_bytes(self.eyes),
            "autoencoder": num_bytes(self.vae),
            "reference": num_bytes(self.unet.reference),
            "denoise": num_bytes(self.unet) - num_bytes(self.unet.reference),
        }

    def others(self, stage: str) -> int:
        """Bytes of the networks that a stage does without."""
        return sum(self._weights.values()) - self._weights[stage]

    def dino(self) -> int:
        """Look at the reference picture."""
        eyes = self.eyes
        return 0 if eyes is None else self._peak("dino", lambda: eyes(self._empty(1, 3, 224, 224)))

    def autoencoder(self, rows: int | None) -> int:
        """Guide pictures to latents, or latents to pictures."""
        pictures, side = self._empty(self.views, 3, self.size, self.size), self.size // 8
        latents = self._empty(self.views * self.config.unet.num_materials, 4, side, side)
        encode = self._peak("autoencoder", lambda: guide_latents(self.vae, pictures, pictures, rows=rows))
        return max(encode, self._peak("autoencoder", lambda: self.vae.decode(latents, rows)))

    def reference(self, rows: int | None) -> int:
        """Read the reference pictures."""
        return self._peak("reference", lambda: self._features(rows))

    def denoise(self, rows: int | None) -> int:
        """Make the conditions, then take one step with them at hand."""
        side = self.size // 8
        latents = self._empty(1, self.config.unet.num_materials, self.views, 4, side, side)
        traced, conditions = self.conditions, self.conditions.result
        one = Conditions(conditions.guides, conditions.branches[-1:], 1.0, conditions.cameras)
        step = trace_memory(lambda: predictor(self.unet, one, rows)(latents, 999.0))
        return self._weights["denoise"] + max(traced.peak, traced.held + step.peak)

    def upscale(self, config: UpscalerConfig, tile: int) -> int:
        """One picture."""
        with torch.device("meta"):
            network = Upscaler(config).to(self.dtype)
        self._weights["upscale"] = num_bytes(network)
        picture = self._empty(1, 3, self.size, self.size)
        return self._peak("upscale", lambda: network.upscale(picture, tile=tile))

    def _features(self, rows: int | None) -> list[Tensor]:
        side = self.size // 8
        return self.unet.reference_features(self._empty(1, self.references, 4, side, side), rows)

    @cached_property
    def conditions(self) -> Trace[Conditions]:
        """Everything that stays the same from step to step."""
        side, dino = self.size // 8, self.config.unet.dino_width
        features = self._features(None)

        def make() -> Conditions:
            guides = self._empty(1, self.views, 4 * self.config.unet.guide_maps, side, side)
            if not self.config.unet.uses_positions:
                cameras = torch.zeros(self.views, dtype=torch.long, device="meta")
                return conditions_by_camera(self.unet, features, guides, cameras, 3.0)
            maps = torch.empty(self.views, 3, self.size, self.size, device="meta")
            tokens = None if dino is None else self._empty(1, 257, dino)
            return conditions_by_position(
                self.unet, features, tokens, guides, maps, 3.0, compatible=self.compatible
            )

        return trace_memory(make)

    def _peak(self, stage: str, function: Callable[[], Any]) -> int:
        return self._weights[stage] + trace_memory(function).peak

    def _empty(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=self.dtype, device="meta")
