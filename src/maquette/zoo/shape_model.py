"""The networks of one shape model, together, and the file that ours are kept in.

A checkpoint of ours is one safetensors file: tensors under the published names ("model.", "vae.", "conditioner."), and
in its header the configuration as JSON with a format number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import torch
from torch import Tensor, nn

from maquette.errors import CheckpointError
from maquette.models.dit_v20 import DiTV20, DiTV20Config
from maquette.models.dit_v21 import DiTV21, DiTV21Config
from maquette.models.image_encoder import ImageEncoder, ImageEncoderConfig, MultiViewImageEncoder
from maquette.models.shape_vae import ShapeVAE, ShapeVAEConfig
from maquette.zoo import keymap
from maquette.zoo.checkpoint import write_tensors

FORMAT = 1
HEADER_KEY = "maquette"
T = TypeVar("T")
DiTConfig = DiTV21Config | DiTV20Config
MODEL, VAE, CONDITIONER = "model.", "vae.", "conditioner.main_image_encoder."
"""What the published names of each network's tensors begin with."""


@dataclass(frozen=True)
class ShapeModelConfig:
    """Everything but the numbers: sizes of the networks and the settings the model works best with."""

    name: str
    license: str
    dit: DiTConfig
    vae: ShapeVAEConfig
    image_encoder: ImageEncoderConfig
    picture_size: int = 512
    """Side of the recentred picture given to the image encoder."""
    border_ratio: float = 0.15
    steps: int = 50
    guidance: float = 5.0
    resolution: int = 256
    noise_scale: float = 1.0
    """Deviation of the noise that sampling starts from. At 0 there is none, and with one step the result is the mean of
    what the picture allows: best for a denoiser that was trained too briefly to draw samples. The seed then changes
    nothing."""
    follow_outline: bool = False
    """Hold every shape to the outline of its picture, which a small model misses (`maquette.shape.outline`)."""
    multi_view: bool = False
    """Takes several views of one object (front, left, back, right), any of them."""
    shift: float = 1.0
    """Of the flow-matching schedule; above 1 spends more steps near the noise."""
    consistency_grid: int | None = None
    """Points of the training grid of a consistency-distilled (turbo) model, which has a schedule of its own."""


@dataclass(frozen=True)
class ShapeModel:
    """The three networks of a shape model, on one device and in one precision."""

    config: ShapeModelConfig
    dit: DiTV20 | DiTV21
    vae: ShapeVAE
    image_encoder: ImageEncoder

    def to(self, device: torch.device, dtype: torch.dtype) -> ShapeModel:
        """Move all networks; returns the same object."""
        for network in (self.dit, self.vae, self.image_encoder):
            network.to(device, dtype)
        return self

    @property
    def num_parameters(self) -> int:
        """Of all three networks."""
        networks = (self.dit, self.vae, self.image_encoder)
        return sum(p.numel() for network in networks for p in network.parameters())


def save_shape_model(model: ShapeModel, path: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write `model` to one file, atomically.

    Args:
        model: its autoencoder may have an encoder; generation does not need it, so leave it out of small files.
        path: ends in .safetensors.
        dtype: precision of the stored tensors.
    """
    tensors: dict[str, Tensor] = {}
    for prefix, (network, key_map) in components(model).items():
        published = keymap.to_published(network.state_dict(), key_map)
        tensors |= {prefix + name: tensor.to("cpu", dtype).clone() for name, tensor in published.items()}
    header = json.dumps({"format": FORMAT, **asdict(model.config)}, sort_keys=True)
    write_tensors(tensors, path, {HEADER_KEY: header})


def build(config: ShapeModelConfig) -> ShapeModel:
    """The networks on the meta device: shapes without memory, to be filled from a file."""
    encoder = MultiViewImageEncoder if config.multi_view else ImageEncoder
    with torch.device("meta"):
        return ShapeModel(
            config,
            DiTV20(config.dit) if isinstance(config.dit, DiTV20Config) else DiTV21(config.dit),
            ShapeVAE(config.vae),
            encoder(config.image_encoder),
        )


def from_json(cls: type[T], data: Mapping[str, Any], what: str) -> T:
    """Build a (nested) configuration dataclass from parsed JSON; unknown or missing fields are errors."""
    names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(data.keys() - names)
    if unknown:
        raise CheckpointError(
            f"{what}: unknown setting {unknown[0]!r}", "was it written by a newer maquette?"
        )
    hints = get_type_hints(cls)
    values = {
        name: from_json(_dataclass_of(hints[name], value), value, what)
        if isinstance(value, Mapping)
        else value
        for name, value in data.items()
    }
    try:
        return cls(**values)
    except TypeError as error:
        raise CheckpointError(f"{what}: the configuration is incomplete: {error}") from error


def _dataclass_of(hint: Any, data: Mapping[str, Any]) -> Any:
    """Of a union of dataclasses, the one with the most of the data's fields."""
    choices = [choice for choice in get_args(hint) or (hint,) if is_dataclass(choice)]
    return max(choices, key=lambda choice: len({field.name for field in fields(choice)} & data.keys()))


def dit_keys(config: DiTConfig) -> keymap.KeyMap:
    """Key table of the denoiser of either generation."""
    return keymap.dit_v20_keys(config) if isinstance(config, DiTV20Config) else keymap.dit_v21_keys(config)


def components(model: ShapeModel) -> dict[str, tuple[nn.Module, keymap.KeyMap]]:
    """The networks and their key tables by the prefix of their tensors' published names."""
    config = model.config
    return {
        MODEL: (model.dit, dit_keys(config.dit)),
        VAE: (model.vae, keymap.shape_vae_keys(config.vae)),
        CONDITIONER: (model.image_encoder, keymap.image_encoder_keys(config.image_encoder)),
    }


def config_from_header(metadata: Mapping[str, str], path: Path) -> ShapeModelConfig:
    """The configuration in the header of a file of ours."""
    data = json.loads(metadata[HEADER_KEY])
    if data.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} has another format than {FORMAT}", "update maquette")
    return from_json(ShapeModelConfig, data, str(path))
