"""The real work of a worker on a tiny model, in this process: shape, sketches, stopping, memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("fastapi")
from maquette.errors import SettingError
from maquette.serve import work
from maquette.serve.config import ServeConfig
from maquette.serve.jobs import NewJob
from maquette.serve.params import validate
from maquette.serve.service import NOT_KEPT, Service
from maquette.serve.worker import Stopped, Task, describe_file
from maquette.zoo.shape_model import save_shape_model
from serve.conftest import picture_bytes
from tiny_model import tiny_model

MakeTask = Callable[..., tuple[work.Studio, Task]]


@pytest.fixture
def make_task(tmp_path: Path) -> MakeTask:
    """A claimed job and a studio for it."""

    def make(hook: str | None = None, **parameters: Any) -> tuple[work.Studio, Task]:
        model = tmp_path / "tiny.safetensors"
        if not model.exists():
            save_shape_model(tiny_model(), model, torch.float32)
        config = ServeConfig.in_folder(
            tmp_path / "data", models=(str(model),), painters=(), text_to_image=hook
        )
        service = Service(config)
        source = {} if "text" in parameters else {"image": "x"}
        asked = validate({**source, **parameters}, strict=True)
        request = asked.model_dump(exclude=NOT_KEPT) | {"model": str(model), "seed": 1, "texture": False}
        files = (
            {} if "text" in parameters else {"front": describe_file("in/front", picture_bytes(), "", "input")}
        )
        service.store.put("in/front", picture_bytes())
        service.jobs.submit(NewJob("me", "shape", str(model), request, files))
        job = service.jobs.claim("w", ("shape",))
        assert job is not None
        return work.Studio(config), Task(job, service.store)

    return make


def test_a_shape_comes_with_its_cutout_preview_and_how_it_was_made(make_task: MakeTask) -> None:
    studio, task = make_task(steps=2, resolution=24, formats=["stl"])
    studio.perform(task)
    assert set(task.files) == {"front", "cutout-front.png", "model.glb", "model.stl", "model.webp"}
    assert task.read("model.glb").startswith(b"glTF")
    assert task.result["maquette"]["steps"] == 2 and task.result["maquette"]["resolution"] == 24
    assert task.result["faces"] > 0 and studio.loaded() == [task.job.model]


def test_a_long_sampling_shows_sketches(make_task: MakeTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SKETCH_AFTER", 0.0)
    studio, task = make_task(steps=3)
    studio.perform(task)
    assert task.files["sketch.webp"]["role"] == "preview"


def test_stopping_takes_effect_within_a_step(make_task: MakeTask) -> None:
    studio, task = make_task(steps=1000, resolution=16)
    report = task.report

    def stop_in_the_first_step(step: str, done: int, total: int) -> None:
        report(step, done, total)
        if (step, done) == ("condition", 1):
            task.stop("cancelled")  # after the last report before the first step ends

    task.report = stop_in_the_first_step  # type: ignore[method-assign]
    started = time.monotonic()
    with pytest.raises(Stopped, match="cancelled"):
        studio.perform(task)
    assert time.monotonic() - started < 5 and task.progress["step"] == "condition"


def test_text_goes_through_the_operators_function(make_task: MakeTask) -> None:
    studio, task = make_task(hook="serve.test_work:draw", text="a disc", steps=1, resolution=16)
    studio.perform(task)
    assert task.read("front").startswith(b"\x89PNG") and "model.glb" in task.files
    with pytest.raises(SettingError, match="cannot be imported"):
        make_task(hook="serve.nowhere:draw")


def draw(text: str, seed: int) -> Any:
    """A text-to-image function as an operator might write it."""
    from io import BytesIO

    from PIL import Image

    assert text == "a disc" and seed == 1
    return Image.open(BytesIO(picture_bytes()))


def test_the_model_used_longest_ago_makes_room(make_task: MakeTask, monkeypatch: pytest.MonkeyPatch) -> None:
    studio, _ = make_task()
    studio.resident = 2
    loaded = []
    for name in ("a", "b", "a", "c", "a"):
        studio._model(name, lambda name=name: loaded.append(name) or name)  # type: ignore[misc, type-var]
    assert loaded == ["a", "b", "c"] and studio.loaded() == ["c", "a"]
