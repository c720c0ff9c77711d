"""What this machine can run, found out by trying, and why not where it cannot."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import Literal

import torch

from maquette._version import __version__
from maquette.errors import MaquetteError
from maquette.zoo.catalog import bundled_file
from maquette.zoo.load import load_shape_model

Verdict = Literal["ok", "note", "problem"]
MEMORY_NEEDED_GB = 3
DISK_NEEDED_GB = 1


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    verdict: Verdict
    detail: str


def examine() -> Iterator[Finding]:
    """Look at everything that decides whether maquette runs here; cheap things first."""
    yield Finding("maquette", "ok", f"{__version__}, Python {platform.python_version()} at {sys.executable}")
    yield Finding(
        "system", "ok", f"{platform.platform()}, {os.cpu_count()} processors, {torch.get_num_threads()} used"
    )
    yield _memory()
    yield _disk()
    yield Finding("torch", "ok", f"{torch.__version__}")
    yield from _devices()
    yield _torchvision()
    yield _optional("rembg", "neural cut-out for busy backgrounds", "rembg[cpu]")
    yield _attempt("bundled model", _load_bundled)
    yield _attempt("mesh tools", _mesh_tools)


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (ValueError, AttributeError, OSError):
        return Finding("memory", "note", "size unknown on this system")
    verdict: Verdict = "ok" if total >= MEMORY_NEEDED_GB else "problem"
    return Finding("memory", verdict, f"{total:.1f} GB; the bundled model needs {MEMORY_NEEDED_GB}")


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 1e9
    return Finding("disk", "ok" if free >= DISK_NEEDED_GB else "problem", f"{free:.1f} GB free here")


def _devices() -> Iterator[Finding]:
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            yield _attempt(
                f"cuda:{index}",
                lambda index=index: _multiply(torch.device("cuda", index)),  # type: ignore[misc]
                f"{properties.name}, {properties.total_memory / 1e9:.0f} GB",
            )
    elif torch.version.cuda:
        yield Finding(
            "cuda", "note", f"torch has CUDA {torch.version.cuda} but finds no device; check the driver"
        )
    else:
        yield Finding("cuda", "note", "this torch is a CPU build")
    if torch.backends.mps.is_available():
        yield _attempt("mps", lambda: _multiply(torch.device("mps")), "Apple GPU")
    yield _attempt("cpu", lambda: _multiply(torch.device("cpu")), torch.backends.cpu.get_cpu_capability())


def _multiply(device: torch.device) -> str:
    product = torch.ones(64, 64, device=device) @ torch.ones(64, 64, device=device)
    if float(product[0, 0]) != 64:
        raise RuntimeError("a matrix product came out wrong")
    return "computes"


def _torchvision() -> Finding:
    """Not needed, but a mismatched one breaks other packages in ways that do not name it."""
    if find_spec("torchvision") is None:
        return Finding("torchvision", "ok", "not installed, and not needed")
    try:
        import torchvision  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: F401
    except Exception as error:
        return Finding(
            "torchvision", "problem", f"does not fit this torch ({error}); pip uninstall torchvision"
        )
    return Finding("torchvision", "ok", f"{metadata.version('torchvision')}, not needed")


def _optional(package: str, purpose: str, install: str) -> Finding:
    if find_spec(package) is None:
        return Finding(package, "note", f"not installed; {purpose}: pip install '{install}'")
    return Finding(package, "ok", f"{metadata.version(package)}; {purpose}")


def _load_bundled() -> str:
    model = load_shape_model(bundled_file())
    return (
        f"{model.num_parameters / 1e6:.1f} million parameters, {bundled_file().stat().st_size / 1e6:.0f} MB"
    )


def _mesh_tools() -> str:
    import trimesh

    from maquette.mesh.clean import clean
    from maquette.mesh.simplify import simplify

    mesh, _ = clean(trimesh.creation.icosphere(subdivisions=4))
    if not simplify(mesh, 1000).is_watertight:
        raise RuntimeError("a simplified sphere has holes")
    return "clean and simplify work"


def _attempt(what: str, check: Callable[[], str], prefix: str = "") -> Finding:
    """Run a check; whatever it raises is the finding."""
    try:
        detail = check()
    except (MaquetteError, RuntimeError, ImportError, OSError) as error:
        return Finding(what, "problem", f"{prefix}{': ' if prefix else ''}{error}")
    return Finding(what, "ok", f"{prefix}{', ' if prefix else ''}{detail}")
