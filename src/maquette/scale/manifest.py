"""What a batch is to make: a folder of pictures, or a table with one row an asset.

A CSV or JSONL manifest has the column `picture` (or `front`, `left`, `back`, `right` for several views of one object),
optionally `output`, and any setting of `ShapeSettings` and `PaintSettings`. A bad row is kept with what is wrong with
it, so that it is reported among the results and never stops the others.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any, get_args, get_type_hints

from maquette.errors import MaquetteError, PictureError, SettingError
from maquette.mesh.export import FORMATS
from maquette.paint.pipeline import PaintSettings
from maquette.picture.recentre import VIEWS
from maquette.pipeline import AssetSettings
from maquette.scale.storage import file_name, is_url, list_pictures
from maquette.shape.pipeline import ShapeSettings

_HINTS = get_type_hints(PaintSettings) | get_type_hints(ShapeSettings)


@dataclass(frozen=True)
class Plan:
    """What all rows have in common: the models, where they run, and the settings that a row may change."""

    model: str = "bundled"
    painter: str | None = "project"
    """`project`, or the name of a paint model; None where nothing is painted."""
    device: str = "auto"
    dtype: str | None = None
    vram: float | None = None
    vae: str | None = None
    compiled: bool = False
    settings: AssetSettings = field(default_factory=AssetSettings)


@dataclass(frozen=True)
class Row:
    """One asset to make.

    Attributes:
        place: what a person calls the row: the file, or the line of the manifest.
        pictures: path or URL by the name of the view.
        output: file name below the output folder.
        settings: what to make; None where the row is bad.
        problem: what is wrong with the row.
    """

    place: str
    pictures: dict[str, str]
    output: str
    settings: AssetSettings | None = None
    problem: str | None = None

    def key(self, plan: Plan) -> str:
        """The same for the same work: pictures, output, models and settings; what resuming goes by."""
        asked = [self.pictures, self.output, plan.model, plan.vae, plan.painter, plan.dtype]
        asked.append(asdict(self.settings) if self.settings else None)
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def read_rows(source: str, plan: Plan, file_format: str = "glb") -> list[Row]:
    """The rows of a folder (or s3://bucket/prefix/), or of a .csv or .jsonl manifest.

    Args:
        source: where the pictures or the manifest are. Paths in a manifest are relative to its folder.
        plan: the settings that rows start from.
        file_format: of outputs that a row does not name.

    Raises:
        PictureError: there is no such folder or manifest, or nothing in it.
        SettingError: the manifest has no column of pictures, or is not text of its kind.
    """
    path = Path(source)
    kind = path.suffix.lower()
    if is_url(source) or path.is_dir():
        pictures = list_pictures(source)
        rows = [_row(file_name(p), {"picture": p}, plan, file_format, Path()) for p in pictures]
    elif kind in (".csv", ".jsonl"):
        try:
            with open(path, newline="", encoding="utf-8-sig") as stream:
                table = list((_csv_lines if kind == ".csv" else _jsonl_lines)(stream))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise PictureError(f"the manifest '{path}' cannot be read: {reason}", "check its path") from error
        rows = [_row(f"{path.name} line {n}", v, plan, file_format, path.parent) for n, v in table]
    else:
        raise PictureError(
            f"'{source}' is no folder and no manifest", "name a folder, a .csv or a .jsonl file"
        )
    if not rows:
        raise PictureError(f"'{source}' has no rows", "a column `picture` and one line for each asset")
    return _without_duplicates(rows)


def _csv_lines(stream: Iterable[str]) -> Iterable[tuple[int, Any]]:
    reader = csv.DictReader(stream, restkey="too many cells", strict=True)
    if not {"picture", *VIEWS} & set(reader.fieldnames or ()):
        raise SettingError(f"the manifest's columns are {reader.fieldnames}", "one of them must be `picture`")
    for line in reader:
        yield reader.line_num, {name: cell for name, cell in line.items() if cell not in ("", None)}


def _jsonl_lines(stream: Iterable[str]) -> Iterable[tuple[int, Any]]:
    for number, text in enumerate(stream, start=1):
        if text.strip():
            try:
                yield number, json.loads(text)
            except ValueError as error:
                yield number, f"not JSON: {error}"


def _row(place: str, values: Any, plan: Plan, file_format: str, folder: Path) -> Row:
    """One row; whatever is wrong with it becomes its problem."""
    if not isinstance(values, dict):
        return Row(place, {}, "", problem=values if isinstance(values, str) else "not a JSON object")
    values = {("front" if name == "picture" else name): value for name, value in values.items()}
    pictures = {view: _located(str(values.pop(view)), folder) for view in VIEWS if view in values}
    stem = PurePosixPath(file_name(next(iter(pictures.values()), "asset"))).stem
    output = str(values.pop("output", f"{stem}.{file_format}"))
    try:
        if not pictures:
            raise SettingError("it has no picture", "fill the column `picture`")
        _check_output(output)
        return Row(place, pictures, output, settings_of(values, plan))
    except MaquetteError as error:
        return Row(place, pictures, output, problem=str(error))


def _located(picture: str, folder: Path) -> str:
    return picture if is_url(picture) else str(folder / picture)


def _check_output(output: str) -> None:
    path = PurePosixPath(output)
    if path.is_absolute() or ".." in path.parts:
        raise SettingError(f"output is {output!r}", "it must stay below the output folder")
    if path.suffix[1:].lower() not in FORMATS:
        raise SettingError(f"output is {output!r}", f"it must end in .{', .'.join(FORMATS)}")


def settings_of(values: Mapping[str, Any], plan: Plan) -> AssetSettings:
    """The plan's settings with a row's own in their place.

    Raises:
        SettingError: a name is unknown, or a value is of the wrong kind or out of its range.
    """
    given = {name: _value(name, value) for name, value in values.items() if name != "painter"}
    paint = plan.settings.paint
    usual = paint.painter if paint else "none"
    painter = values.get("painter", usual)
    if painter not in (usual, "none"):
        raise SettingError(f"painter is {painter!r}", f"in this batch it is {usual} or none")
    mine = {each.name for each in fields(ShapeSettings)}
    theirs = {each.name for each in fields(PaintSettings)}
    shape = replace(plan.settings.shape, **{k: v for k, v in given.items() if k in mine})
    if paint is None or painter == "none":
        return AssetSettings(shape, None)
    return AssetSettings(shape, replace(paint, **{k: v for k, v in given.items() if k in theirs}))


def _value(name: str, value: Any) -> Any:
    """A setting's value, from a cell of text or from JSON, checked against its type."""
    if name not in _HINTS:
        raise SettingError(f"unknown column {name!r}", f"the settings are {', '.join(sorted(_HINTS))}")
    kinds = get_args(_HINTS[name]) or (_HINTS[name],)
    checks: dict[Any, Callable[[Any], Any]] = {bool: _boolean, int: _integer, float: float}
    if value is None or (name == "faces" and value in (0, "0")):
        return None
    for kind in kinds:
        try:
            return checks[kind](value)
        except (KeyError, TypeError, ValueError):
            continue
    if any(kind in checks for kind in kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds if kind in checks)
        raise SettingError(f"{name} is {value!r}", f"it must be of type {wanted}")
    return value


def _integer(value: Any) -> int:
    number = int(value)
    if isinstance(value, bool) or (isinstance(value, float) and value != number):
        raise ValueError(value)
    return number


def _boolean(value: Any) -> bool:
    return {True: True, False: False, "true": True, "false": False, "1": True, "0": False}[
        value.lower() if isinstance(value, str) else value
    ]


def _without_duplicates(rows: list[Row]) -> list[Row]:
    """The first row of an output is made; a later one is a bad row."""
    taken: dict[str, Row] = {}
    result = []
    for row in rows:
        first = taken.setdefault(row.output.casefold(), row)
        if first is not row and row.problem is None:
            problem = f"its output {row.output!r} is already that of {first.place} (name another output)"
            row = replace(row, problem=problem)
        result.append(row)
    return result
