"""`maquette generate`: pictures to meshes."""

from __future__ import annotations

import glob
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maquette.cli.paint_options import PaintChoice, WriteChoice, paint_options, write_options
from maquette.cli.progress import progress_bar
from maquette.cli.shape_options import ModelChoice, cutout_option, model_options, quiet_option, view_options
from maquette.errors import MaquetteError, OutputError, PictureError

if TYPE_CHECKING:
    import trimesh

    from maquette.pipeline import AssetPipeline, AssetSettings

FORMATS = ("glb", "obj", "usdz", "ply", "stl", "3mf")  # of maquette.mesh.export


@dataclass(frozen=True)
class Job:
    """One picture and where its mesh goes."""

    picture: Path
    output: Path
    views: Mapping[str, Path] = field(default_factory=dict)
    """Other sides of the object, where they were given; `picture` is one of them then."""


@click.command()
@click.argument("pictures", nargs=-1)
@view_options
@click.option(
    "-o", "--output", help="File for one picture, folder for several. Default: beside you, named after it."
)
@model_options
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same machine: same mesh.")
@click.option("--steps", type=int, help="Sampling steps, 1 to 1000. Default: the model's own.")
@click.option(
    "--guidance", type=float, help="How closely to follow the picture, 0 to 100. Default: the model's own."
)
@click.option(
    "--guidance-interval", type=(float, float), help="Times, within 0 and 1, of guidance. Default: all."
)
@click.option(
    "--shift", type=float, help="Above 1 spends more steps near the noise. Default: the model's own."
)
@click.option(
    "--variations", type=int, default=1, show_default=True, help="Shapes a picture, from seeds that follow."
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
@cutout_option
@click.option(
    "--decoder",
    type=click.Choice(["hierarchical", "flashvdm", "dense", "flashvdm-mean", "flashvdm-merge"]),
    default="hierarchical",
    show_default=True,
    help="How the field is asked; FlashVDM was made for the turbo models.",
)
@click.option(
    "--memory", type=float, default=2.0, show_default=True, help="GB that decoding may take beside the model."
)
@click.option(
    "--surface",
    type=click.Choice(["marching-cubes", "dual-contouring"]),
    default="marching-cubes",
    show_default=True,
    help="How triangles are made; dual-contouring keeps sharp edges.",
)
@click.option(
    "--outline/--no-outline",
    default=None,
    help="Hold the shape to the picture's outline. Default: as the model needs it; the bundled one does not.",
)
@paint_options("project", "pbr", "none")
@write_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a picture on standard output.")
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    pictures: tuple[str, ...],
    views: dict[str, Path],
    choice: ModelChoice,
    output: str | None,
    seed: int,
    steps: int | None,
    guidance: float | None,
    guidance_interval: tuple[float, float] | None,
    shift: float | None,
    variations: int,
    resolution: int | None,
    faces: int,
    file_format: str | None,
    cutout: Any,
    decoder: Any,
    surface: Any,
    outline: bool | None,
    memory: float,
    paint: PaintChoice,
    write: WriteChoice,
    as_json: bool,
    quiet: bool,
) -> None:
    """Turn PICTURES (files, globs or folders) into painted meshes.

    \b
    maquette generate photo.png
    maquette generate photo.png -o chair.glb --seed 7
    maquette generate pictures/ -o meshes/ --format obj
    maquette generate --front a.png --left b.png --back c.png -o chair.glb
    maquette generate photo.png --variations 4 -o chair.glb
    """
    jobs = plan_views(pictures, views, output, file_format) or plan_jobs(pictures, output, file_format)
    from maquette.mesh.export import make_folder

    write.check()
    for folder in {job.output.parent for job in jobs}:
        make_folder(folder)
    with progress_bar(choice.model or "maquette", quiet=quiet or as_json) as on_progress:
        on_progress("load", 0, 1)
        from maquette.pipeline import AssetPipeline, AssetSettings  # seconds of imports, so behind the bar
        from maquette.shape.pipeline import ShapeSettings

        shape = ShapeSettings(
            seed,
            steps,
            guidance,
            resolution,
            faces or None,
            cutout,
            shift=shift,
            guidance_interval=guidance_interval,
            decoder=decoder,
            surface=surface,
            memory=memory,
            outline=outline,
        )
        settings = AssetSettings(shape, paint.settings(seed=seed))
        painter = paint.load(choice.device)
        pipeline = AssetPipeline(choice.load(list(jobs[0].views) or ["front"], on_progress), painter)
    make = partial(_run, pipeline=pipeline, settings=settings, variations=variations, write=write)
    failures = [code for job in jobs if (code := make(job, as_json, quiet, ctx.obj["debug"]))]
    if failures:
        ctx.exit(failures[0] if len(jobs) == 1 else 1)


def plan_views(
    pictures: tuple[str, ...], views: Mapping[str, Path], output: str | None, file_format: str | None
) -> list[Job]:
    """The one job of several views, or none where no view was named; a picture beside them is the front.

    Raises:
        click.UsageError: there are no pictures at all, or more than one beside the views.
    """
    if not views and not pictures:
        raise click.UsageError("give pictures, or views by --front, --left, --back, --right")
    if not views:
        return []
    if len(pictures) > 1 or (pictures and "front" in views):
        raise click.UsageError(
            "beside --front, --left, --back and --right there is no place for more pictures"
        )
    views = {"front": Path(pictures[0]), **views} if pictures else views
    return [
        replace(job, views=views)
        for job in plan_jobs((str(next(iter(views.values()))),), output, file_format)
    ]


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
    job: Job,
    as_json: bool,
    quiet: bool,
    debug: bool,
    *,
    pipeline: AssetPipeline,
    settings: AssetSettings,
    variations: int,
    write: WriteChoice,
) -> int:
    """Make one object's meshes; returns an exit code and never lets one picture's fault end the others."""
    started = time.monotonic()
    code, made = 0, []
    try:
        with progress_bar(job.picture.name, quiet=quiet or as_json) as on_progress:
            pictures = job.views or job.picture
            for index, mesh in enumerate(pipeline.variations(pictures, settings, variations, on_progress)):
                on_progress("write", 0, 1)
                number = "" if variations == 1 else f"-{settings.shape.seed + index}"
                output = job.output.with_stem(job.output.stem + number)
                write.write(mesh, output)
                made.append((mesh, output, time.monotonic() - started))
    except MaquetteError as error:
        if debug:
            raise
        code = error.exit_code
        _report(as_json, {"picture": str(job.picture), "error": str(error)})
        if not as_json:
            click.echo(f"error: {error}", err=True)
    for mesh, output, seconds in made:
        _tell(job, mesh, output, seconds, as_json, quiet)
    return code


def _tell(job: Job, mesh: trimesh.Trimesh, output: Path, seconds: float, as_json: bool, quiet: bool) -> None:
    """Say what was made."""
    from maquette.mesh import topology

    joined = topology.same_position(mesh.vertices, 0.0)[mesh.faces]  # texture seams are no holes
    notes = mesh.metadata["notes"]
    if not quiet:
        for note in notes:
            click.echo(f"note: {job.picture.name}: {note}", err=True)
    result = {
        "picture": str(job.picture),
        "output": str(output),
        "faces": len(mesh.faces),
        "vertices": len(mesh.vertices),
        "watertight": topology.is_watertight(joined, len(mesh.vertices)),
        "seconds": round(seconds, 2),
        "notes": notes,
        "settings": mesh.metadata["maquette"],
    }
    _report(as_json, result)
    if not as_json and not quiet:
        click.echo(f"{output}  {len(mesh.faces)} faces, {seconds:.1f} s")


def _report(as_json: bool, result: dict[str, Any]) -> None:
    if as_json:
        click.echo(json.dumps(result))
