"""What a worker does for a job: shape and paint, each from files of the job to files of the job.

The stages meet only in the store, so that each may run in a worker of its own. Models stay in memory until the room
that was given is needed for another.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from PIL import Image

from maquette.errors import MaquetteError, PictureError, SettingError
from maquette.mesh.export import export_mesh
from maquette.mesh.read import read_mesh, sniff
from maquette.paint.pipeline import PaintPipeline, PaintSettings
from maquette.picture.cutout import Cutout
from maquette.picture.load import load_picture
from maquette.picture.views import cut_out_views
from maquette.render.preview import turntable
from maquette.serve.config import ServeConfig
from maquette.serve.files import MEDIA_TYPES
from maquette.serve.params import VIEWS
from maquette.serve.worker import Task
from maquette.shape.pipeline import ShapePipeline, ShapeSettings
from maquette.shape.surface import extract_surface
from maquette.shape.volume import VolumeSettings

if TYPE_CHECKING:
    import trimesh

Model = TypeVar("Model", ShapePipeline, PaintPipeline)

PREVIEW_SIZE = 384
SKETCH_RESOLUTION = 48
SKETCH_AFTER = 3.0
"""Seconds between two sketches of a shape that is being drawn."""


class Studio:
    """The models of one worker, and the work they do.

    Args:
        config: of the service.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        vram: GB of the device's memory to keep within; None for all there is.
        resident: how many models stay in memory; 1 runs shape and paint in turn on a small card.
    """

    def __init__(
        self, config: ServeConfig, *, device: str = "auto", vram: float | None = None, resident: int = 2
    ) -> None:
        self.config, self.device, self.vram, self.resident = config, device, vram, resident
        self._models: dict[str, Any] = {}
        self._draw = _hook(config.text_to_image) if config.text_to_image else None

    def loaded(self) -> list[str]:
        """The names of the models in memory."""
        return list(self._models)

    def preload(self, stages: tuple[str, ...]) -> None:
        """Load the default model of each stage before the first job asks for it."""
        if "shape" in stages:
            self._shape(self.config.models[0])
        if "paint" in stages and self.config.painters:
            self._paint(self.config.painters[0])

    def perform(self, task: Task) -> None:
        """Do one stage of a job; cancelling takes effect between any two layers of a network."""
        with _stoppable(task):
            if task.job.stage == "shape":
                self._make_shape(task)
            else:
                self._make_paint(task)

    def _make_shape(self, task: Task) -> None:
        request = task.job.request
        if request.get("text"):
            task.write("front", self._draw_text(task), MEDIA_TYPES["png"], "input")
        cutouts = self._cut_out(task)
        task.report("load", 0, 1)
        pipeline = self._shape(request["model"])
        settings = ShapeSettings(
            seed=request["seed"],
            steps=request["steps"],
            guidance=request["guidance"],
            resolution=request["resolution"],
            faces=request["faces"],
            points_per_call=request["chunk"],
        )
        mesh = pipeline.generate(cutouts, settings, task.report, _Sketcher(task, pipeline))
        self._keep(task, mesh, "shape" if request["texture"] else "model")

    def _make_paint(self, task: Task) -> None:
        request = task.job.request
        cutouts = self._cut_out(task)
        mesh = _read(task, "mesh" if "mesh" in task.files else "shape.glb")
        mesh.metadata.update(task.result)
        task.report("load", 0, 1)
        painter = self._paint(request["painter"])
        settings = PaintSettings(
            painter="project" if request["painter"] == "project" else "pbr",
            texture_size=request["texture_size"],
            seed=request["seed"],
            keep_uv=request["keep_uv"],
        )
        self._keep(task, painter.paint(mesh, cutouts, settings, task.report), "model")

    def _cut_out(self, task: Task) -> dict[str, Cutout]:
        """The cut-outs of a job's pictures: made once, kept as files, and read again in the next stage."""
        views = [view for view in VIEWS if view in task.files]
        kept = {view: f"cutout-{view}.png" for view in views}
        notes = task.result.get("cutouts", {})  # missing where a worker died after writing the files
        if all(view in notes and name in task.files for view, name in kept.items()):
            return {
                view: Cutout(Image.open(io.BytesIO(task.read(name))), *notes[view])
                for view, name in kept.items()
            }
        pictures = {view: self._load(task, view) for view in views}
        cutouts = cut_out_views(pictures, task.job.request["cutout"], task.report)
        for view, cutout in cutouts.items():
            stream = io.BytesIO()
            cutout.rgba.save(stream, "PNG", compress_level=1)
            task.write(kept[view], stream.getvalue(), MEDIA_TYPES["png"], "preview")
        task.result["cutouts"] = {view: (cutout.method, cutout.note) for view, cutout in cutouts.items()}
        return cutouts

    def _load(self, task: Task, view: str) -> Image.Image:
        try:
            return load_picture(task.read(view), max_pixels=self.config.limits.pixels)
        except PictureError as error:
            name = "the picture" if view == "front" else f"the {view} view"
            raise PictureError(error.message.replace("the picture (bytes)", name), error.hint) from error

    def _draw_text(self, task: Task) -> bytes:
        """The picture that the operator's text-to-image function draws."""
        if self._draw is None:
            raise SettingError("this worker has no text-to-image function", "start it with --text-to-image")
        task.report("text", 0, 1)
        picture = self._draw(task.job.request["text"], task.job.request["seed"])
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        return stream.getvalue()

    def _keep(self, task: Task, mesh: trimesh.Trimesh, stem: str) -> None:
        """Write a mesh in the formats asked for, with a preview and how it was made."""
        made = {name: mesh.metadata[name] for name in ("maquette", "notes") if name in mesh.metadata}
        task.result |= made | {"faces": len(mesh.faces), "vertices": len(mesh.vertices)}
        task.report("write", 0, 1)
        formats = dict.fromkeys(["glb", *task.job.request["formats"]] if stem == "model" else ["glb"])
        with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
            for kind in formats:
                export_mesh(mesh, Path(folder) / f"{stem}.{kind}", metadata=made.get("maquette"))
            for path in sorted(Path(folder).iterdir()):
                task.write(path.name, path.read_bytes(), MEDIA_TYPES[path.suffix[1:]])
        task.write(f"{stem}.webp", _picture(mesh, PREVIEW_SIZE), MEDIA_TYPES["webp"], "preview")
        task.report("write", 1, 1)

    def _shape(self, name: str) -> ShapePipeline:
        return self._model(name, lambda: ShapePipeline.from_pretrained(name, device=self.device))

    def _paint(self, name: str) -> PaintPipeline:
        key = f"paint:{name}"
        return self._model(
            key, lambda: PaintPipeline.from_pretrained(name, device=self.device, vram=self.vram)
        )

    def _model(self, key: str, load: Callable[[], Model]) -> Model:
        """A model from memory, else loaded; the one not used for longest makes room."""
        model = self._models.pop(key, None)
        while model is None and len(self._models) >= self.resident:
            self._models.pop(next(iter(self._models)))
        self._models[key] = model = model or load()
        return cast(Model, model)


class _Sketcher:
    """Shows the shape while it is still being drawn, coarsely and seldom enough to cost little."""

    def __init__(self, task: Task, pipeline: ShapePipeline) -> None:
        self.task, self.pipeline = task, pipeline
        self.due = time.monotonic() + SKETCH_AFTER

    def __call__(self, done: int, total: int, latents: torch.Tensor) -> None:
        """After a step: a sketch, if the last one is long ago."""
        if time.monotonic() < self.due or done == total:
            return
        started = time.monotonic()
        with contextlib.suppress(MaquetteError):  # early latents may have no surface yet
            field = self.pipeline.field(latents[:1])
            mesh = extract_surface(self.pipeline.decode(field, VolumeSettings(SKETCH_RESOLUTION)), field)
            self.task.write("sketch.webp", _picture(mesh, PREVIEW_SIZE // 2), MEDIA_TYPES["webp"], "preview")
        self.due = time.monotonic() + SKETCH_AFTER + 10 * (time.monotonic() - started)


def _picture(mesh: trimesh.Trimesh, size: int) -> bytes:
    stream = io.BytesIO()
    turntable(mesh, 1, size)[0].save(stream, "WEBP", quality=85)
    return stream.getvalue()


def _read(task: Task, name: str) -> trimesh.Trimesh:
    data = task.read(name)
    kind = sniff(data)
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        path = Path(folder) / f"mesh.{kind or 'glb'}"
        path.write_bytes(data)
        try:
            return read_mesh(path)
        except MaquetteError as error:
            message = error.message.replace(str(path), "the mesh")
            raise type(error)(message, error.hint) from error


def _hook(name: str) -> Callable[[str, int], Image.Image]:
    """The function `module:function` names.

    Raises:
        SettingError: there is none.
    """
    module, _, function = name.partition(":")
    try:
        return cast("Callable[[str, int], Image.Image]", getattr(import_module(module), function))
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingError(
            f"the text-to-image function {name!r} cannot be imported: {error}", "name it module:function"
        ) from error


@contextlib.contextmanager
def _stoppable(task: Task) -> Iterator[None]:
    """Let every network look before each layer whether the job must end, which is far finer than one step."""
    look = task.check

    def before_layer(_module: torch.nn.Module, _arguments: Any) -> None:
        look()

    handle = torch.nn.modules.module.register_module_forward_pre_hook(before_layer)
    try:
        yield
    finally:
        handle.remove()
