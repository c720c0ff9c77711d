"""Progress on standard error, for people only: silent when it is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from maquette.runtime.progress import OnProgress, Stage, silent

LABELS: dict[Stage, str] = {
    "load": "loading the model",
    "picture": "cutting out",
    "condition": "looking",
    "denoise": "drawing the shape",
    "decode": "decoding",
    "mesh": "making the mesh",
    "unwrap": "laying the surface flat",
    "paint": "painting",
    "write": "writing",
}


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[OnProgress]:
    """A bar that names the stage and the time left, as a progress callback.

    Args:
        title: what is being worked on; shown before the stage.
        quiet: show nothing.
    """
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[title]}"),
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("starting", title=title, total=None)
        current: Stage | None = None

        def show(stage: Stage, done: int, total: int) -> None:
            nonlocal current
            if stage != current:
                current = stage
                bars.reset(task, description=LABELS[stage])
            bars.update(task, completed=done, total=total)

        yield show
