"""Every model that can be named, where it comes from and under which terms."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from maquette.errors import CheckpointError

HUNYUAN_LICENSE = "Tencent Hunyuan 3D community licence"
HUNYUAN_REGIONS = "not in the European Union, the United Kingdom or South Korea"


@dataclass(frozen=True)
class ModelEntry:
    """One model of the catalogue."""

    name: str
    summary: str
    license: str
    regions: str
    supported: bool
    """Whether this version can run it."""


CATALOG = (
    ModelEntry(
        name="bundled",
        summary="our own small model, in the package",
        license="Apache-2.0",
        regions="everywhere",
        supported=True,
    ),
    ModelEntry(
        name="tencent/Hunyuan3D-2.1",
        summary="3.3 billion parameters; networks proved on recorded cases, checkpoint reading is not in this version",
        license=HUNYUAN_LICENSE,
        regions=HUNYUAN_REGIONS,
        supported=False,
    ),
)


def bundled_file() -> Path:
    """The bundled model's weights inside the installed package."""
    return Path(str(files("maquette.zoo"))) / "bundled" / "shape.safetensors"


def is_present(entry: ModelEntry) -> bool:
    """Whether the model's weights are on this machine."""
    return entry.name == "bundled" and bundled_file().is_file()


def resolve_model(name: str) -> Path:
    """The checkpoint file of a catalogue name, or of a path.

    Raises:
        CheckpointError: the name is unknown or its weights are not here.
    """
    if name == "bundled":
        return bundled_file()
    path = Path(name)
    if path.suffix == ".safetensors" or path.exists():
        return path
    entry = next((entry for entry in CATALOG if entry.name == name), None)
    if entry is None:
        known = ", ".join(entry.name for entry in CATALOG)
        raise CheckpointError(
            f"model {name!r} is unknown", f"known are {known}, or the path of a .safetensors file"
        )
    raise CheckpointError(
        f"model {name!r} cannot be loaded by this version: {entry.summary}", "use --model bundled"
    )


def list_models() -> list[ModelEntry]:
    """Every model that can be named, the bundled one first."""
    return list(CATALOG)
