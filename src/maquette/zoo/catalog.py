"""Every model that can be named, where it comes from, what it needs and under which terms."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from maquette.errors import CheckpointError

HUNYUAN_LICENSE = "Tencent Hunyuan 3D community licence"
HUNYUAN_REGIONS = "not in the European Union, the United Kingdom or South Korea"
BUNDLED = "bundled"
BUNDLED_PAINTER = "bundled-painter"

Kind = Literal["shape", "autoencoder", "paint", "part"]


@dataclass(frozen=True)
class ModelEntry:
    """One model of the catalogue."""

    name: str
    """The folder it is published in, or that of a model in the package."""
    summary: str
    kind: Kind = "shape"
    license: str = HUNYUAN_LICENSE
    regions: str = HUNYUAN_REGIONS
    repo: str | None = None
    """Repository on the hub; None for what is in the package or at `url`."""
    files: tuple[str, ...] = ()
    """All that is fetched, as paths in the repository."""
    url: str | None = None
    """Of the only file, where that is not on the hub."""
    sha256: str | None = None
    """Of that file; the hub tells those of its own."""
    size_gb: float = 0.0
    """Of the files, about."""
    memory_gb: float = 0.0
    """Of the device, for the default settings in float16; about twice as much in float32."""
    views: bool = False
    """Takes several views of one object."""
    steps: int | None = None
    guidance: float | None = None
    resolution: int | None = None
    """Default settings, where the model has them."""
    fast_decoder: str | None = None
    """Name of the published autoencoder that decodes faster for this model."""


def _files(folder: str) -> tuple[str, ...]:
    weights = "model.fp16.ckpt" if folder.endswith("v2-1") else "model.fp16.safetensors"
    return f"{folder}/config.yaml", f"{folder}/{weights}"


def _shape(version: str, repo: str, summary: str, size_gb: float, memory_gb: float) -> ModelEntry:
    return ModelEntry(
        name=f"hunyuan3d-dit-{version}",
        summary=summary,
        repo=f"tencent/{repo}",
        files=_files(f"hunyuan3d-dit-{version}"),
        size_gb=size_gb,
        memory_gb=memory_gb,
        views="-mv" in version,
        steps=5 if version.endswith("turbo") else 50,
        guidance=5.0,
        resolution=384,
        fast_decoder=None
        if version == "v2-1"
        else f"hunyuan3d-vae-v2-{'mini' if 'mini' in version else '0'}-turbo",
    )


def _autoencoder(version: str, repo: str, summary: str, size_gb: float) -> ModelEntry:
    return ModelEntry(
        name=f"hunyuan3d-vae-{version}",
        summary=summary,
        kind="autoencoder",
        repo=f"tencent/{repo}",
        files=_files(f"hunyuan3d-vae-{version}"),
        size_gb=size_gb,
        memory_gb=2.0,
    )


def _diffusers(
    name: str, repo: str, parts: tuple[str, ...], summary: str, size_gb: float, kind: Kind = "paint"
) -> ModelEntry:
    """A folder of the diffusers layout; `parts` are its weight files, each with a config.json beside it."""
    configs = tuple(f"{name}/{part.partition('/')[0]}/config.json" for part in parts)
    return ModelEntry(
        name=name,
        summary=summary,
        kind=kind,
        repo=repo,
        files=(*configs, *(f"{name}/{part}" for part in parts), f"{name}/scheduler/scheduler_config.json"),
        size_gb=size_gb,
        memory_gb=6.0,
    )


WEIGHTS = "diffusion_pytorch_model"
FAST = "told the guidance, so one network call a step instead of two"
TURBO = "5 steps; follow with the turbo autoencoder and FlashVDM"
CATALOG = (
    ModelEntry(
        name=BUNDLED,
        summary="our own small model, in the package",
        license="Apache-2.0",
        regions="everywhere",
        size_gb=0.04,
        memory_gb=1.0,
    ),
    ModelEntry(
        name=BUNDLED_PAINTER,
        summary="our own small painter, in the package; corrects what `project` paints",
        kind="paint",
        license="Apache-2.0",
        regions="everywhere",
        size_gb=0.04,
        memory_gb=1.0,
    ),
    _shape("v2-1", "Hunyuan3D-2.1", "3.0 billion parameters, mixture of experts", 7.37, 10),
    _shape("v2-0", "Hunyuan3D-2", "1.1 billion parameters", 4.93, 7),
    _shape("v2-0-fast", "Hunyuan3D-2", FAST, 4.93, 7),
    _shape("v2-0-turbo", "Hunyuan3D-2", TURBO, 4.93, 7),
    _shape("v2-mini", "Hunyuan3D-2mini", "0.6 billion parameters", 3.82, 5),
    _shape("v2-mini-fast", "Hunyuan3D-2mini", FAST, 3.82, 5),
    _shape("v2-mini-turbo", "Hunyuan3D-2mini", f"{TURBO}; looks at 1022 pixels", 3.82, 6),
    _shape("v2-mv", "Hunyuan3D-2mv", "front, left, back and right views, any of them", 4.93, 8),
    _shape("v2-mv-fast", "Hunyuan3D-2mv", f"several views; {FAST}", 4.93, 8),
    _shape("v2-mv-turbo", "Hunyuan3D-2mv", f"several views; {TURBO}", 4.93, 8),
    _autoencoder("v2-1", "Hunyuan3D-2.1", "of 2.1, encoder included", 0.66),
    _autoencoder("v2-0", "Hunyuan3D-2", "of 2.0 and 2mv, decoder", 0.43),
    _autoencoder("v2-0-turbo", "Hunyuan3D-2", "of 2.0 and 2mv, with a point decoder half as wide", 0.41),
    _autoencoder("v2-0-withencoder", "Hunyuan3D-2", "of 2.0 and 2mv, encoder included", 0.66),
    _autoencoder("v2-mini", "Hunyuan3D-2mini", "of 2mini, decoder", 0.43),
    _autoencoder("v2-mini-turbo", "Hunyuan3D-2mini", "of 2mini, with a point decoder half as wide", 0.41),
    _autoencoder("v2-mini-withencoder", "Hunyuan3D-2mini", "of 2mini, encoder included", 0.66),
    _diffusers(
        "hunyuan3d-paintpbr-v2-1",
        "tencent/Hunyuan3D-2.1",
        (f"unet/{WEIGHTS}.bin", f"vae/{WEIGHTS}.bin"),
        "paints albedo, metal and roughness; needs dinov2-giant",
        4.26,
    ),
    _diffusers(
        "hunyuan3d-paint-v2-0",
        "tencent/Hunyuan3D-2",
        (f"unet/{WEIGHTS}.safetensors", f"vae/{WEIGHTS}.safetensors"),
        "paints colour; hunyuan3d-delight-v2-0 takes the light out of the picture first",
        3.83,
    ),
    _diffusers(
        "hunyuan3d-paint-v2-0-turbo",
        "tencent/Hunyuan3D-2",
        (f"unet/{WEIGHTS}.safetensors", f"vae/{WEIGHTS}.bin"),
        "paints colour in 10 steps",
        3.99,
    ),
    _diffusers(
        "hunyuan3d-delight-v2-0",
        "tencent/Hunyuan3D-2",
        (f"unet/{WEIGHTS}.safetensors", f"vae/{WEIGHTS}.safetensors", "text_encoder/model.safetensors"),
        "the light removal of the 2.0 painters",
        2.58,
        kind="part",
    ),
    ModelEntry(
        name="dinov2-giant",
        summary="what the 2.1 painter looks at the picture with",
        kind="part",
        license="Apache-2.0",
        regions="everywhere",
        repo="facebook/dinov2-giant",
        files=("config.json", "model.safetensors"),
        size_gb=4.55,
        memory_gb=3.0,
    ),
    ModelEntry(
        name="real-esrgan",
        summary="enlarges the views of the published painters four times",
        kind="part",
        license="BSD-3-Clause",
        regions="everywhere",
        files=("RealESRGAN_x4plus.pth",),
        url="https://github.com/xinntao/Real-ESRGAN/releases/download/v0.1.0/RealESRGAN_x4plus.pth",
        # The release states no checksum; a dozen independent projects that pin this file agree on this one.
        sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        size_gb=0.07,
        memory_gb=2.0,
    ),
)


def list_models() -> list[ModelEntry]:
    """Every model that can be named, the bundled one first."""
    return list(CATALOG)


def find_entry(name: str, kind: Kind = "shape") -> ModelEntry:
    """The entry of a name; a repository's name stands for its first model of the kind, and its folder may follow.

    Raises:
        CheckpointError: the name is unknown; the message offers the nearest.
    """
    from difflib import get_close_matches

    names = {entry.name: entry for entry in reversed(CATALOG)}
    names |= {f"{entry.repo}/{entry.name}": entry for entry in CATALOG}
    names |= {str(entry.repo): entry for entry in reversed(CATALOG) if entry.repo and entry.kind == kind}
    if name in names:
        return names[name]
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise CheckpointError(
        f"model {name!r} is unknown", f"{hint}known are {BUNDLED}, what `maquette models` lists, or a path"
    )


def bundled_file() -> Path:
    """The bundled shape model's weights inside the installed package."""
    return Path(str(files("maquette.zoo"))) / "bundled" / "shape.safetensors"


def bundled_painter() -> Path:
    """The bundled painter's folder inside the installed package."""
    return bundled_file().parent / "painter"
