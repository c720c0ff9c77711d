"""A batch: every row becomes an asset and one line of results, whatever happens to the others or to the machine.

A row is finished when its line stands in `results.jsonl`; its files are in place before. Killed at any moment, a batch
goes on with the first row that has no line, and what it then makes is what it would have made.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

from maquette.errors import CancelledError, MaquetteError, OutputError
from maquette.mesh.export import make_folder, write_files
from maquette.runtime.progress import OnProgress, silent
from maquette.scale.manifest import Plan, Row
from maquette.scale.stages import Draft, Finished, PaintStage, ShapeStage
from maquette.scale.storage import Shelf

LOG = logging.getLogger(__name__)

Outcome = tuple[Row, "Finished | str"]
"""A row, and what became of it: files and a record, or what went wrong."""

Engine = Callable[[list[Row], Plan], Iterable[Outcome]]
"""What makes the rows, in any order."""

OnRow = Callable[[dict[str, Any], int, int, float], None]
"""Called with a row's record, rows done, rows in all, and the seconds left by what rows took so far."""


@dataclass(frozen=True)
class Summary:
    """How a batch ended."""

    made: int
    failed: int
    skipped: int
    """Rows that an earlier run had finished."""


class Journal:
    """`results.jsonl`: one line a finished row, on the disk before the next row begins."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        self.path = path
        try:
            make_folder(path.parent)
            earlier = path.read_bytes().splitlines() if path.exists() else []
            if earlier and not resume:
                raise OutputError(
                    f"'{path}' is of an earlier batch", "go on with --resume, or choose another folder"
                )
            # Failed rows are tried again, and a line cut short by a kill is no line.
            self._done = {
                record["key"]: record for record in map(_parse, earlier) if record.get("status") == "done"
            }
            write_files({path: b"".join(_line(record) for record in self._done.values())})
            self._stream = open(path, "ab")  # noqa: SIM115 (closed on leaving)
        except OSError as error:
            raise OutputError(
                f"'{path}' cannot be written: {error.strerror}", "choose a folder you may write to"
            ) from error

    def done(self, key: str) -> dict[str, Any] | None:
        """The line of a finished row."""
        return self._done.get(key)

    def write(self, record: dict[str, Any]) -> None:
        """Add a line and wait until it is on the disk."""
        try:
            self._stream.write(_line(record))
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise OutputError(
                f"'{self.path}' cannot be written: {error.strerror}",
                "free some space and go on with --resume",
            ) from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()


def _parse(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) and "key" in record else {}


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def run_batch(
    rows: list[Row],
    plan: Plan,
    output: str,
    *,
    results: Path | None = None,
    resume: bool = False,
    engine: Engine | None = None,
    on_row: OnRow | None = None,
) -> Summary:
    """Make every row that is not finished yet.

    Args:
        rows: from `read_rows`.
        plan: what they have in common.
        output: a folder, or s3://bucket/prefix.
        results: the file of results; by default results.jsonl in the output folder.
        resume: go on with an earlier run in the same place; failed rows are tried again.
        engine: who does the work; by default this process, one row after the other.
        on_row: told about every row that ends.

    Raises:
        OutputError: the output cannot be written, or holds an earlier run and `resume` is off.
        CheckpointError, SettingError: a model cannot be loaded. Faults of single rows are in the results instead.
    """
    shelf = Shelf(output)
    if results is None and not shelf.is_local:
        raise OutputError(
            f"'{output}' cannot hold a growing file", "say with --results where results.jsonl goes"
        )
    with Journal(results or Path(output) / "results.jsonl", resume=resume) as journal:
        todo = []
        for row in rows:
            line = journal.done(row.key(plan))
            if row.problem or line is None or not all(shelf.has(name) for name in line["files"]):
                todo.append(row)
        bad: list[Outcome] = [(row, row.problem) for row in todo if row.problem]
        good = [row for row in todo if not row.problem]
        outcomes = (engine or in_process)(good, plan) if good else []
        started, failed = time.monotonic(), 0
        for done, (row, outcome) in enumerate(chain(bad, outcomes), start=1):
            if isinstance(outcome, Finished):
                shelf.put(outcome.files)
            else:
                failed += 1
            record = _record(row, plan, outcome)
            journal.write(record)
            left = (time.monotonic() - started) / max(done - len(bad), 1) * (len(todo) - done)
            if on_row:
                on_row(record, done, len(todo), left)
    return Summary(len(todo) - failed, failed, len(rows) - len(todo))


def _record(row: Row, plan: Plan, outcome: Finished | str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "key": row.key(plan),
        "row": row.place,
        "pictures": row.pictures,
        "output": row.output,
    }
    if isinstance(outcome, str):
        return record | {"status": "failed", "error": outcome}
    return record | {"status": "done", "error": None, "files": list(outcome.files), **outcome.record}


def attempt(work: Callable[..., Any], *arguments: Any) -> Any:
    """What the work returns, or what went wrong as text: one row's fault must not end the others."""
    try:
        return work(*arguments)
    except CancelledError:
        raise
    except MaquetteError as error:
        return str(error)
    except Exception as error:  # a fault of ours or of the machine (memory) on this row
        LOG.debug("a row failed", exc_info=True)
        return f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"


def in_process(rows: list[Row], plan: Plan, on_progress: OnProgress = silent) -> Iterator[Outcome]:
    """Shape and paint row by row, both models loaded."""
    shape, paint = ShapeStage(plan), PaintStage(plan)

    def make(row: Row) -> Finished:
        return paint.run(row, shape.run(row, on_progress), on_progress)

    for row in rows:
        yield row, attempt(make, row)


def in_two_passes(
    rows: list[Row], plan: Plan, folder: Path, on_progress: OnProgress = silent
) -> Iterator[Outcome]:
    """All shapes, then all paint, so that only one model is ever loaded.

    Shapes wait in `folder`, where a run that goes on finds those already made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / f"{row.key(plan)}.npz" for row in rows]
    for left in set(folder.iterdir()) - set(places):
        left.unlink()  # half written, or of a row that was finished just before a kill
    shape: ShapeStage | None = None
    waiting: list[tuple[Row, Path]] = []
    for row, place in zip(rows, places, strict=True):
        if not place.exists():
            shape = shape or ShapeStage(plan)
            draft = attempt(shape.run, row, on_progress)
            if isinstance(draft, str):
                yield row, draft
                continue
            write_files({place: draft.to_bytes()})
        waiting.append((row, place))
    shape = None  # its memory is the painter's now
    paint = PaintStage(plan)
    for row, place in waiting:
        outcome = attempt(paint.run, row, Draft.from_bytes(place.read_bytes()), on_progress)
        yield row, outcome
        if isinstance(outcome, Finished):
            place.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()  # only where nothing waits in it for another try
