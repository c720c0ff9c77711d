"""The two stages of a batch, each with its own model: a picture becomes a draft, a draft becomes files.

They speak in plain bytes, so that the same stages run in one process, in two passes with a folder between them, or as
actors on different machines, and always make the same files.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from maquette.mesh.export import export_mesh
from maquette.mesh.report import report_on
from maquette.paint.pipeline import PaintPipeline
from maquette.picture.cutout import Cutout
from maquette.picture.views import cut_out_views
from maquette.runtime.progress import OnProgress, silent
from maquette.scale.manifest import Plan, Row
from maquette.scale.storage import fetch
from maquette.shape.pipeline import ShapePipeline

if TYPE_CHECKING:
    import trimesh


@dataclass(frozen=True)
class Draft:
    """A shape on its way to the painter, with the cut-out pictures it was made from."""

    mesh: trimesh.Trimesh
    cutouts: dict[str, Cutout]
    costs: dict[str, Any]

    def to_bytes(self) -> bytes:
        """Everything, exactly."""
        buffer = io.BytesIO()
        notes = {view: {"method": cut.method, "note": cut.note} for view, cut in self.cutouts.items()}
        about = {"metadata": self.mesh.metadata, "cutouts": notes, "costs": self.costs}
        arrays: dict[str, Any] = {f"view_{view}": np.asarray(cut.rgba) for view, cut in self.cutouts.items()}
        arrays |= {"vertices": self.mesh.vertices, "faces": self.mesh.faces}
        np.savez(buffer, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Draft:
        """What `to_bytes` made."""
        import trimesh

        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            mesh = trimesh.Trimesh(arrays["vertices"], arrays["faces"], process=False)
            mesh.metadata.update(about["metadata"])
            cutouts = {
                view: Cutout(Image.fromarray(arrays[f"view_{view}"]), **rest)
                for view, rest in about["cutouts"].items()
            }
        return cls(mesh, cutouts, about["costs"])


@dataclass(frozen=True)
class Finished:
    """The files of one asset by name, the last one being the asset itself, and what is to be said about it."""

    files: dict[str, bytes]
    record: dict[str, Any] = field(default_factory=dict)


class ShapeStage:
    """Owns a shape model."""

    def __init__(self, plan: Plan) -> None:
        self.pipeline = ShapePipeline.from_pretrained(
            plan.model, vae=plan.vae, device=plan.device, dtype=plan.dtype, compiled=plan.compiled
        )

    def run(self, row: Row, on_progress: OnProgress = silent) -> Draft:
        """Cut out and shape one row.

        Raises:
            MaquetteError: whatever is wrong with its pictures or settings.
        """
        assert row.settings is not None
        meter = Meter()
        pictures = {view: fetch(place) for view, place in row.pictures.items()}
        cutouts = cut_out_views(pictures, row.settings.shape.cutout, on_progress)
        mesh = self.pipeline.generate(cutouts, row.settings.shape, on_progress)
        return Draft(mesh, cutouts, {"shape": meter.read()})


class PaintStage:
    """Owns a painter, where there is one to own, and writes the files."""

    def __init__(self, plan: Plan) -> None:
        self.pipeline = (
            PaintPipeline.from_pretrained(plan.painter, device=plan.device, vram=plan.vram)
            if plan.painter
            else None
        )

    def run(self, row: Row, draft: Draft, on_progress: OnProgress = silent) -> Finished:
        """Paint one draft and write its files.

        Raises:
            MaquetteError: the mesh cannot be painted or written.
        """
        assert row.settings is not None
        meter, mesh = Meter(), draft.mesh
        if self.pipeline and row.settings.paint:
            mesh = self.pipeline.paint(mesh, draft.cutouts, row.settings.paint, on_progress)
        costs = draft.costs | {"paint": meter.read()}
        meter = Meter()
        on_progress("write", 0, 1)
        made = mesh.metadata["maquette"]
        with tempfile.TemporaryDirectory() as folder:
            path = export_mesh(mesh, Path(folder) / Path(row.output).name, metadata=made)
            names = sorted(Path(folder).iterdir(), key=lambda each: (each == path, each.name))
            files = {str(Path(row.output).with_name(each.name)): each.read_bytes() for each in names}
        report = asdict(report_on(mesh))
        del report["made"], report["validator"]
        costs["write"] = meter.read()
        on_progress("write", 1, 1)
        notes = list(mesh.metadata.get("notes", []))
        return Finished(files, {"made": made, "notes": notes, "costs": costs, "report": report})


class Meter:
    """Wall and processor seconds, and the most memory held, since it was made."""

    def __init__(self) -> None:
        self.started, self.used = time.perf_counter(), time.process_time()
        _forget_peaks()

    def read(self) -> dict[str, float]:
        """Seconds, and megabytes of this process and of its CUDA device."""
        import torch

        peaks = {"memory_mb": _peak_memory()}
        if torch.cuda.is_available():
            peaks["cuda_mb"] = round(torch.cuda.max_memory_allocated() / 1e6)
        return {
            "seconds": round(time.perf_counter() - self.started, 3),
            "cpu_seconds": round(time.process_time() - self.used, 3),
            **peaks,
        }


def _forget_peaks() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: start the process's own peak anew


def _peak_memory() -> float:
    """Megabytes; since `_forget_peaks` on Linux, since the start of the process elsewhere, 0 on Windows."""
    try:
        status = Path("/proc/self/status").read_text()
        return round(int(status.split("VmHWM:")[1].split()[0]) / 1e3)
    except (OSError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3))
