"""`maquette generate`: pictures to meshes."""

from __future__ import annotations

import glob
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maquette.cli.progress import progress_bar
from maquette.errors import MaquetteError, OutputError, PictureError

if TYPE_CHECKING:
    from maquette.shape.pipeline import ShapePipeline, ShapeSettings

FORMATS = ("glb", "obj", "ply", "stl")


@dataclass(frozen=True)
class Job:
    """One picture and where its mesh goes."""

    picture: Path
    output: Path


@click.command()
@click.argument("pictures", nargs=-1, required=True)
@click.option(
    "-o", "--output", help="File for one picture, folder for several. Default: beside you, named after it."
)
@click.option(
    "--model", default="bundled", show_default=True, help="A name from `maquette models`, or a file."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same machine: same mesh.")
@click.option("--steps", type=int, help="Sampling steps, 1 to 1000. Default: the model's own.")
@click.option(
    "--guidance", type=float, help="How closely to follow the picture, 0 to 100. Default: the model's own."
)
@click.option(
    "--resolution", type=int, help="Cells along each side when decoding, 16 to 1024. Default: the model's."
)
@click.option(
    "--faces", type=int, default=40_000, show_default=True, help="Most faces of the mesh; 0 keeps all."
)
@click.option(
    "--format", "file_format", type=click.Choice(FORMATS), help="Default: by the name of OUTPUT, else glb."
)
@click.option(
    "--cutout",
    type=click.Choice(["auto", "alpha", "grabcut", "rembg", "none"]),
    default="auto",
    show_default=True,
    help="How the object is separated from its background.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a picture on standard output.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no notes.")
@click.pass_context
def command(
    ctx: click.Context,
    pictures: tuple[str, ...],
    output: str | None,
    model: str,
    seed: int,
    steps: int | None,
    guidance: float | None,
    resolution: int | None,
    faces: int,
    file_format: str | None,
    cutout: Any,
    device: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Turn PICTURES (files, globs or folders) into meshes.

    \b
    maquette generate photo.png
    maquette generate photo.png -o chair.glb --seed 7
    maquette generate pictures/ -o meshes/ --format obj
    """
    jobs = plan_jobs(pictures, output, file_format)
    from maquette.mesh.export import make_folder

    for folder in {job.output.parent for job in jobs}:
        make_folder(folder)
    with progress_bar(model, quiet=quiet or as_json) as on_progress:
        on_progress("load", 0, 1)
        from maquette.shape.pipeline import (  # seconds of imports, so behind the bar
            ShapePipeline,
            ShapeSettings,
        )

        settings = ShapeSettings(seed, steps, guidance, resolution, faces or None, cutout)
        pipeline = ShapePipeline.from_pretrained(model, device=device)
    failures = [
        code for job in jobs if (code := _run(job, pipeline, settings, as_json, quiet, ctx.obj["debug"]))
    ]
    if failures:
        ctx.exit(failures[0] if len(jobs) == 1 else 1)


def plan_jobs(arguments: tuple[str, ...], output: str | None, file_format: str | None) -> list[Job]:
    """Expand globs and folders, and name the outputs.

    Raises:
        PictureError: an argument matches nothing.
        OutputError: the outputs would have no valid or no distinct names.
    """
    pictures = [picture for argument in arguments for picture in _expand(argument)]
    target = Path(output) if output else Path()
    to_file = output is not None and not target.is_dir() and not output.endswith(("/", "\\"))
    if to_file and len(pictures) == 1 and (target.suffix or file_format):
        suffix = file_format or target.suffix[1:].lower()
        if suffix not in FORMATS:
            raise OutputError(
                f"'{target}' has no known format", f"end it in .{', .'.join(FORMATS)}, or give --format"
            )
        return [Job(pictures[0], target if target.suffix else target.with_suffix(f".{suffix}"))]
    if to_file and target.suffix[1:].lower() in FORMATS:
        raise OutputError(f"'{target}' is one file for {len(pictures)} pictures", "give a folder as --output")
    jobs = [Job(picture, target / f"{picture.stem}.{file_format or 'glb'}") for picture in pictures]
    taken: dict[Path, Path] = {}
    for job in jobs:
        other = taken.setdefault(job.output, job.picture)
        if other != job.picture:
            raise OutputError(f"'{other}' and '{job.picture}' would both become '{job.output}'", "rename one")
    return list({job.output: job for job in jobs}.values())


def _expand(argument: str) -> list[Path]:
    from maquette.picture.load import PICTURE_SUFFIXES

    path = Path(argument)
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES)
        if not found:
            raise PictureError(
                f"the folder '{path}' holds no picture", "PNG, JPEG, WebP, TIFF, GIF or BMP files"
            )
        return found
    if not path.exists() and glob.has_magic(argument):
        found = sorted(Path(name) for name in glob.glob(argument, recursive=True))
        if not found:
            raise PictureError(f"nothing matches '{argument}'", "check the pattern")
        return found
    return [path]


def _run(
    job: Job, pipeline: ShapePipeline, settings: ShapeSettings, as_json: bool, quiet: bool, debug: bool
) -> int:
    """Make one mesh; returns an exit code and never lets one picture's fault end the others."""
    from maquette.mesh.export import export_mesh

    started = time.monotonic()
    try:
        with progress_bar(job.picture.name, quiet=quiet or as_json) as on_progress:
            mesh = pipeline.generate(job.picture, settings, on_progress)
            on_progress("write", 0, 1)
            export_mesh(mesh, job.output, metadata=mesh.metadata["maquette"])
    except MaquetteError as error:
        _report(as_json, {"picture": str(job.picture), "error": str(error)})
        if debug:
            raise
        if not as_json:
            click.echo(f"error: {error}", err=True)
        return error.exit_code
    notes = mesh.metadata["notes"]
    if not quiet:
        for note in notes:
            click.echo(f"note: {job.picture.name}: {note}", err=True)
    result = {
        "picture": str(job.picture),
        "output": str(job.output),
        "faces": len(mesh.faces),
        "vertices": len(mesh.vertices),
        "watertight": bool(mesh.is_watertight),
        "seconds": round(time.monotonic() - started, 2),
        "notes": notes,
        "settings": mesh.metadata["maquette"],
    }
    _report(as_json, result)
    if not as_json and not quiet:
        click.echo(f"{job.output}  {len(mesh.faces)} faces, {result['seconds']:.1f} s")
    return 0


def _report(as_json: bool, result: dict[str, Any]) -> None:
    if as_json:
        click.echo(json.dumps(result))
