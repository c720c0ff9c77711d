"""Finding the recorded cases, and the one list of kinds that are not supported yet."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

REPOSITORY = Path(__file__).parents[2]
COMMITTED = Path(__file__).parent / "recorded"

# Kinds of later work: a pattern of "<stage>/<case>" and why it is not run.
NOT_YET = {
    "omni/*": "Hunyuan3D-Omni comes later",
    "part/*": "Hunyuan3D-Part comes later",
}


@dataclass(frozen=True)
class Case:
    """One recorded case: what the original network was, what went in and what came out."""

    folder: Path

    @property
    def name(self) -> str:
        """Stage and case, as in "shape/dit_v21_odd_depth"."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    @cached_property
    def record(self) -> dict[str, Any]:
        """`case.json`."""
        return json.loads((self.folder / "case.json").read_text())

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """All recorded tensors by name."""
        return load_file(self.folder / "tensors.safetensors")

    def group(self, prefix: str) -> dict[str, Tensor]:
        """Tensors under "weights/", "inputs/", "outputs/" or any longer prefix, without it."""
        return {name[len(prefix) :]: t for name, t in self.tensors.items() if name.startswith(prefix)}

    @property
    def tolerance(self) -> dict[str, float]:
        """`rtol` and `atol`; some cases state them in words."""
        stated = self.record["tolerance"]
        if isinstance(stated, str):
            return {"rtol": 0.0, "atol": 0.0 if stated.startswith("exact") else 2e-4}
        numbers = {name: stated[name] for name in ("rtol", "atol") if name in stated}
        return {"rtol": 0.0, "atol": 2e-4} | numbers


def parity_folder() -> Path:
    """Where the cases are: MAQUETTE_PARITY_DIR, or ../shared/parity, or the small committed copy."""
    named = os.environ.get("MAQUETTE_PARITY_DIR")
    if named:
        return Path(named)
    shared = REPOSITORY.parent / "shared" / "parity"
    return shared if shared.is_dir() else COMMITTED


def find_cases() -> list[Case]:
    """Every case folder, in order."""
    return [Case(file.parent) for file in sorted(parity_folder().glob("*/*/case.json"))]
