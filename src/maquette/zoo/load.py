"""From a file or folder to a shape model that is ready to run, whichever program wrote it.

Three kinds are read: our own files, which carry their configuration; folders of the published layout (config.yaml
beside model.fp16.safetensors or .ckpt); and a published weight file alone, whose model is told by its name and by the
names of its tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from maquette.errors import CheckpointError
from maquette.models.shape_vae import ShapeVAEConfig
from maquette.zoo import published
from maquette.zoo.catalog import CATALOG
from maquette.zoo.checkpoint import TensorFile, fill, open_tensors
from maquette.zoo.files import WEIGHT_FILES, find_weights
from maquette.zoo.keymap import shape_encoder_keys
from maquette.zoo.shape_model import (
    CONDITIONER,
    HEADER_KEY,
    MODEL,
    VAE,
    ShapeModel,
    ShapeModelConfig,
    build,
    components,
    config_from_header,
    dit_keys,
)

CPU = torch.device("cpu")

OnBytes = Callable[[int, int], None]
"""Called with the bytes read and all bytes to read. May raise to stop."""


def load_shape_model(
    path: Path,
    *,
    vae: Path | None = None,
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
    on_bytes: OnBytes = lambda done, total: None,
) -> ShapeModel:
    """Read a shape model.

    Args:
        path: a weight file, or a folder of the published layout.
        vae: the same for another autoencoder, in place of the model's own.
        device, dtype: where and as what the weights are to live.
        on_bytes: told how far the reading is.

    Raises:
        CheckpointError: a file is missing, damaged or of another model; names the tensors that do not fit.
    """
    file = _weight_file(path)
    tensors = open_tensors(file)
    config = _shape_config(file, tensors)
    prefixes = dict.fromkeys((MODEL, VAE, CONDITIONER), tensors)
    if vae is not None:
        vae_file = _weight_file(vae)
        prefixes[VAE] = open_tensors(vae_file)
        config = replace(config, vae=_replaced_vae(config, vae_file, prefixes[VAE]))
    model = build(config)
    strangers = {name for name in tensors.names if not name.startswith(tuple(prefixes))}
    if strangers:
        first = sorted(strangers)[0]
        raise CheckpointError(
            f"{file} holds {len(strangers)} tensors that belong to no network of the model ({first}, …)",
            "is it the checkpoint of another program?",
        )
    parts = {prefix: network_part(source, prefix, config) for prefix, source in prefixes.items()}
    total = sum(stored.num_bytes for part in parts.values() for stored in part.stored.values())
    done = 0

    def count(read: int) -> None:
        nonlocal done
        done += read
        on_bytes(done, total)

    for prefix, (network, key_map) in components(model).items():
        fill(network, key_map, parts[prefix], prefix[:-1], device, dtype, count)
    return model


def _weight_file(path: Path) -> Path:
    """The file itself, or the one in a folder of the published layout."""
    if not path.is_dir():
        return path
    own = find_weights(path)
    if own is not None:
        return own
    inside = [folder for folder in sorted(path.iterdir()) if folder.is_dir() and find_weights(folder)]
    shapes = [folder for folder in inside if "-dit-" in folder.name] or inside
    if len(shapes) == 1:
        return _weight_file(shapes[0])
    if shapes:
        names = ", ".join(folder.name for folder in shapes)
        raise CheckpointError(f"{path} holds several models", f"give one of its folders: {names}")
    raise CheckpointError(f"{path} holds no weights", f"looked for {', '.join(WEIGHT_FILES)}")


def _shape_config(file: Path, tensors: TensorFile) -> ShapeModelConfig:
    if HEADER_KEY in tensors.metadata:
        return config_from_header(tensors.metadata, file)
    beside = file.with_name("config.yaml")
    if beside.is_file():
        config = _read_yaml(beside)
        if "target" in config:
            raise CheckpointError(
                f"{file.parent} holds an autoencoder, not a shape model", "give it as --vae instead"
            )
        return published.shape_model_config(config, _published_name(file) or file.parent.name)
    return recognise(file, tensors)


def recognise(file: Path, tensors: TensorFile) -> ShapeModelConfig:
    """A published model whose config.yaml is not there: by the name of the file or folder, or by the tensors' names."""
    known = published.known_settings()
    named = _published_name(file)
    if named is not None:
        return known[named]
    names = tensors.part(MODEL).names
    distance = {
        name: len(names ^ {published for entry in dit_keys(settings.dit) for published in entry.published})
        for name, settings in known.items()
    }
    nearest = min(distance.values())
    if not names or nearest > len(names) // 2:
        raise CheckpointError(
            f"{file} is not the checkpoint of a shape model that is known here",
            "put its config.yaml beside it, or see `maquette models`",
        )
    fitting = [name for name, how_far in distance.items() if how_far == nearest]
    if len(fitting) > 1:
        raise CheckpointError(
            f"{file} may be any of {', '.join(fitting)}, which differ in their settings",
            "name the file or its folder after one of them, or put its config.yaml beside it",
        )
    return known[fitting[0]]


def _published_name(file: Path) -> str | None:
    """The catalogue name that the file's or its folder's name contains, the longest one first."""
    shapes = sorted((e.name for e in CATALOG if e.kind == "shape" and e.repo), key=len, reverse=True)
    return next((name for text in (file.stem, file.parent.name) for name in shapes if name in text), None)


def _replaced_vae(config: ShapeModelConfig, file: Path, tensors: TensorFile) -> ShapeVAEConfig:
    """Configuration of an autoencoder that takes the place of the model's own."""
    beside = file.with_name("config.yaml")
    if HEADER_KEY in tensors.metadata:
        vae = config_from_header(tensors.metadata, file).vae
    elif beside.is_file():
        vae = published.shape_vae_file_config(_read_yaml(beside), file.parent.name)
    else:
        known = published.known_vae_settings()
        named = [name for name in sorted(known, key=len) if name in (file.stem, file.parent.name)]
        if not named:
            raise CheckpointError(f"{file} has no config.yaml beside it", "put it there")
        vae = known[named[-1]]
    if (vae.latent_channels, vae.scale_factor) != (config.vae.latent_channels, config.vae.scale_factor):
        raise CheckpointError(
            f"{file} decodes latents of {vae.latent_channels} channels scaled by {vae.scale_factor:g}; "
            f"{config.name} draws {config.vae.latent_channels}, scaled by {config.vae.scale_factor:g}",
            "it is another generation's autoencoder",
        )
    # Only the count of latents that are drawn depends on it, and the denoiser decides that.
    return replace(vae, num_latents=config.vae.num_latents)


def network_part(tensors: TensorFile, prefix: str, config: ShapeModelConfig) -> TensorFile:
    """One network's tensors; an autoencoder published alone has no prefix, and its encoder is left unread."""
    part = tensors.part(prefix)
    if prefix != VAE:
        return part
    part = part if part.stored else tensors
    if config.vae.has_encoder:
        return part
    encoder = shape_encoder_keys(config.vae)
    return part.without({name for entry in encoder for name in entry.published})


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise CheckpointError(f"reading {file} needs pyyaml", "pip install pyyaml") from error
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}", "fetch it again") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file} holds no settings", "fetch it again")
    return content
