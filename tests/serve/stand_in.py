"""A worker whose jobs are of fixed length and need no model: everything else about it is the real worker.

A job takes `steps` times 10 ms. `seed` 13 fails as a bad picture does, 14 as a bug does.
"""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import replace

from maquette.errors import PictureError
from maquette.serve.config import Limits
from maquette.serve.files import MEDIA_TYPES
from maquette.serve.jobs import Jobs
from maquette.serve.store import open_store
from maquette.serve.tables import open_database
from maquette.serve.worker import Task, Worker


def perform(task: Task) -> None:
    request = task.job.request
    for view in ("front", "left", "back", "right"):
        if view in task.files:
            task.write(f"cutout-{view}.png", task.read(view), "image/png", "preview")
    steps = request["steps"] or 1
    for step in range(steps):
        time.sleep(0.01)
        task.report("denoise" if task.job.stage == "shape" else "paint", step + 1, steps)
    if request["seed"] == 13:
        raise PictureError("the picture shows nothing", "use another")
    if request["seed"] == 14:
        raise RuntimeError("a bug")
    stem = "shape" if task.job.stage == "shape" and request["texture"] else "model"
    for kind in dict.fromkeys(["glb", *request["formats"]] if stem == "model" else ["glb"]):
        task.write(f"{stem}.{kind}", f"{kind} of {task.job.id} ".encode() * 100, MEDIA_TYPES[kind])
    task.result["made_by"] = [*task.result.get("made_by", []), task.job.worker]


def main(
    database: str, storage: str, stages: str = "shape,paint", lease: str = "3", seconds: str = "60"
) -> None:
    limits = replace(Limits(), lease=float(lease), job_seconds=float(seconds))
    jobs, store = Jobs(open_database(database), limits), open_store(storage)
    worker = Worker(jobs, store, perform, stages.split(","), grace=0.5)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    assert "torch" not in sys.modules, "the machinery of the worker needs no torch"
    worker.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
