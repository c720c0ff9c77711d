"""The networks of one shape model, together, and the file they are kept in.

A checkpoint of ours is one safetensors file: tensors under the published names ("model.", "vae.", "conditioner."), and
in its header the configuration as JSON with a format number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from maquette.errors import CheckpointError
from maquette.models.dit_v21 import DiTV21, DiTV21Config
from maquette.models.image_encoder import ImageEncoder, ImageEncoderConfig
from maquette.models.shape_vae import ShapeVAE, ShapeVAEConfig
from maquette.zoo import keymap

FORMAT = 1
HEADER_KEY = "maquette"
T = TypeVar("T")


@dataclass(frozen=True)
class ShapeModelConfig:
    """Everything but the numbers: sizes of the networks and the settings the model works best with."""

    name: str
    license: str
    dit: DiTV21Config
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


@dataclass(frozen=True)
class ShapeModel:
    """The three networks of a shape model, on one device and in one precision."""

    config: ShapeModelConfig
    dit: DiTV21
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
    for prefix, network, key_map in _components(model):
        published = keymap.to_published(network.state_dict(), key_map)
        tensors |= {prefix + name: tensor.to("cpu", dtype).clone() for name, tensor in published.items()}
    header = json.dumps({"format": FORMAT, **asdict(model.config)}, sort_keys=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={HEADER_KEY: header})
    os.replace(partial, path)


def load_shape_model(path: Path) -> ShapeModel:
    """Read a file written by `save_shape_model`; float32 on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged, not a checkpoint of ours, or does not fit its configuration.
    """
    with _checkpoint(path) as file:
        config = _read_config(file.metadata(), path)
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    with torch.device("meta"):
        model = ShapeModel(
            config, DiTV21(config.dit), ShapeVAE(config.vae), ImageEncoder(config.image_encoder)
        )
    known = 0
    for prefix, network, key_map in _components(model):
        part = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        known += len(part)
        assign(network, keymap.to_ours(part, key_map, f"{path} ({prefix[:-1]})"), str(path))
    if known != len(tensors):
        raise CheckpointError(
            f"{path} holds {len(tensors) - known} tensors that belong to no network of the model"
        )
    return model


def assign(network: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Give a network that was built on the meta device its tensors; buffers that are not stored are computed.

    Raises:
        CheckpointError: a tensor has another shape than the configuration says.
    """
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise CheckpointError(f"{what}: a tensor does not fit the configuration: {reason}") from error
    for module in network.modules():
        module.requires_grad_(False)
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_meta:
                setattr(module, name, type(module)(module.config).get_buffer(name))
    network.eval()


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
        name: from_json(hints[name], value, what) if is_dataclass(hints[name]) else value
        for name, value in data.items()
    }
    try:
        return cls(**values)
    except TypeError as error:
        raise CheckpointError(f"{what}: the configuration is incomplete: {error}") from error


def _components(model: ShapeModel) -> list[tuple[str, nn.Module, keymap.KeyMap]]:
    config = model.config
    return [
        ("model.", model.dit, keymap.dit_v21_keys(config.dit)),
        ("vae.", model.vae, keymap.shape_vae_keys(config.vae)),
        (
            "conditioner.main_image_encoder.",
            model.image_encoder,
            keymap.image_encoder_keys(config.image_encoder),
        ),
    ]


@contextmanager
def _checkpoint(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file", "give the path of a .safetensors checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is damaged or no safetensors file: {error}", "fetch it again"
        ) from error


def _read_config(metadata: Mapping[str, str] | None, path: Path) -> ShapeModelConfig:
    if not metadata or HEADER_KEY not in metadata:
        raise CheckpointError(
            f"{path} holds no maquette configuration", "is it the checkpoint of another program?"
        )
    data = json.loads(metadata[HEADER_KEY])
    if data.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} has another format than {FORMAT}", "update maquette")
    return from_json(ShapeModelConfig, data, str(path))
