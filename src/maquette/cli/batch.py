"""`maquette batch`: many pictures to many assets, whatever happens on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maquette.cli.paint_options import PaintChoice, paint_options
from maquette.cli.progress import progress_bar
from maquette.cli.shape_options import ModelChoice, model_options
from maquette.errors import SettingError

if TYPE_CHECKING:
    from maquette.runtime.progress import OnProgress
    from maquette.scale.batch import Engine
    from maquette.scale.manifest import Plan


@click.command()
@click.argument("source", metavar="IN")
@click.argument("output", metavar="OUT")
@click.option("--resume", is_flag=True, help="Go on with the batch in OUT; failed rows are tried again.")
@click.option("--two-pass", is_flag=True, help="All shapes, then all paint: never both models in memory.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Default: results.jsonl in OUT, where that is a folder.",
)
@model_options
@paint_options("project", "pbr", "none")
@click.option(
    "--format", "file_format", default="glb", show_default=True, help="Of outputs that a row does not name."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting for all rows, e.g. --set seed=7.",
)
@click.option(
    "--ray",
    is_flag=False,
    flag_value="here",
    metavar="[ADDRESS]",
    help="On a Ray cluster: the one at hand, or --ray=HOST:PORT.",
)
@click.option(
    "--shape-actors", type=click.IntRange(1), help="Most of them; default: all that Ray has room for."
)
@click.option(
    "--paint-actors", type=click.IntRange(1), help="Most of them; default: all that Ray has room for."
)
@click.option("--shape-gpus", type=click.FloatRange(0), default=0, help="Of each shape actor, e.g. 0.5.")
@click.option("--paint-gpus", type=click.FloatRange(0), default=0, help="Of each paint actor, e.g. 0.5.")
@click.option("--json", "as_json", is_flag=True, help="The lines of results on standard output, too.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no lines.")
@click.pass_context
def command(
    ctx: click.Context,
    source: str,
    output: str,
    resume: bool,
    two_pass: bool,
    results: Path | None,
    choice: ModelChoice,
    paint: PaintChoice,
    file_format: str,
    settings: tuple[str, ...],
    ray: str | None,
    as_json: bool,
    quiet: bool,
    **crews: Any,
) -> None:
    """Turn every row of IN into an asset in OUT and a line of OUT/results.jsonl.

    IN is a folder of pictures, s3://bucket/prefix/, or a manifest: a .csv or .jsonl file with the column `picture`
    (or front, left, back, right), and, where wanted, `output` and any setting by name. OUT is a folder or
    s3://bucket/prefix. Exits with 1 when rows failed.

    \b
    maquette batch pictures/ assets/
    maquette batch table.csv assets/ --resume --set faces=20000
    maquette batch s3://pictures/chairs/ s3://assets --results chairs.jsonl --ray=head:6379
    """
    if ray and two_pass:
        raise SettingError(
            "--two-pass and --ray exclude each other", "on Ray, the stages have processes of their own"
        )
    with progress_bar("batch", quiet=quiet or as_json) as on_progress:
        on_progress("load", 0, 1)
        from maquette.scale.batch import run_batch  # seconds of imports
        from maquette.scale.manifest import read_rows

        plan = _plan(choice, paint, settings)
        rows = read_rows(source, plan, file_format)
    place = results or Path(output) / "results.jsonl"
    with progress_bar(f"{len(rows)} rows", quiet=quiet or as_json) as on_progress:
        drafts = place.parent / ".drafts" if two_pass else None
        engine = _on_ray(ray, crews) if ray else _here(drafts, on_progress)
        summary = run_batch(
            rows,
            plan,
            output,
            results=results,
            resume=resume,
            engine=engine,
            on_row=partial(_tell, as_json=as_json, quiet=quiet),
        )
    if not quiet and not as_json:
        earlier = f", {summary.skipped} made before" if summary.skipped else ""
        click.echo(f"{summary.made} made, {summary.failed} failed{earlier}; see {place}")
    if summary.failed:
        ctx.exit(1)


def _plan(choice: ModelChoice, paint: PaintChoice, settings: Iterable[str]) -> Plan:
    """What is made, and with which models."""
    from maquette.pipeline import AssetSettings
    from maquette.scale.manifest import Plan, settings_of

    plan = Plan(
        choice.model or "bundled",
        paint.model,
        choice.device,
        choice.dtype,
        paint.vram,
        choice.vae,
        choice.compiled,
        AssetSettings(paint=paint.settings()),
    )
    return replace(plan, settings=settings_of(_pairs(settings), plan))


def _here(drafts: Path | None, on_progress: OnProgress) -> Engine:
    """The rows one after another in this process; with a folder for drafts, first all shapes, then all paint."""
    from maquette.scale.batch import in_process, in_two_passes

    if drafts is None:
        return partial(in_process, on_progress=on_progress)
    return partial(in_two_passes, folder=drafts, on_progress=on_progress)


def _on_ray(address: str, crews: Mapping[str, Any]) -> Engine:
    """The rows on a Ray cluster, or on one that is started "here"."""
    from maquette.scale.ray_batch import Crew, on_ray

    shape, paint = (Crew(crews[f"{stage}_actors"], crews[f"{stage}_gpus"]) for stage in ("shape", "paint"))
    return partial(on_ray, address=None if address == "here" else address, shape=shape, paint=paint)


def _pairs(settings: Iterable[str]) -> dict[str, str]:
    pairs = dict(setting.partition("=")[::2] for setting in settings)
    for name, value in pairs.items():
        if not value:
            raise SettingError(f"--set {name} has no value", "write --set NAME=VALUE, e.g. --set seed=7")
    return pairs


def _tell(record: dict[str, Any], done: int, total: int, left: float, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        click.echo(json.dumps(record))
    elif record["status"] == "failed":
        click.echo(f"error: {record['row']}: {record['error']}", err=True)
    elif not quiet:
        seconds = sum(cost["seconds"] for cost in record["costs"].values())
        minutes = (
            f", {left / 60:.0f} min left" if left >= 90 else f", {left:.0f} s left" if done < total else ""
        )
        click.echo(f"[{done}/{total}] {record['output']}  {seconds:.1f} s{minutes}")
