"""`maquette paint`: a texture for any mesh, from pictures of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maquette.cli.paint_options import PaintChoice, WriteChoice, paint_options, write_options
from maquette.cli.progress import progress_bar
from maquette.cli.shape_options import cutout_option, device_option, quiet_option, view_options

if TYPE_CHECKING:
    import trimesh


@click.command()
@click.argument("mesh", type=click.Path(path_type=Path))
@click.option("--image", type=click.Path(path_type=Path), help="Picture of the object; the same as --front.")
@view_options
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Default: MESH.painted.glb beside you.")
@paint_options("project", "pbr")
@click.option(
    "--keep-uv", is_flag=True, help="Paint on the mesh's own texture coordinates, if they are usable."
)
@click.option("--simplify", type=int, help="Reduce the mesh to this many faces first.")
@click.option(
    "--up", type=click.Choice(["y", "z"]), default="y", show_default=True, help="The mesh's upward axis."
)
@cutout_option
@click.option("--seed", type=int, default=0, show_default=True, help="For pbr; project draws no lots.")
@write_options
@device_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@quiet_option
def command(
    mesh: Path,
    image: Path | None,
    views: dict[str, Path],
    output: Path | None,
    paint: PaintChoice,
    keep_uv: bool,
    simplify: int | None,
    up: str,
    cutout: Any,
    seed: int,
    write: WriteChoice,
    device: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Paint MESH (OBJ, GLB, glTF, PLY, STL or OFF) with pictures of it. Its place, units and axes stay as they are.

    \b
    maquette paint chair.obj --image photo.png
    maquette paint chair.glb --front a.png --back b.png -o painted.usdz
    """
    if image and "front" in views:
        raise click.UsageError("--image and --front are the same view: give one")
    pictures = {"front": image, **views} if image else views
    if not pictures:
        raise click.UsageError("give a picture by --image, or several by --front, --left, --back, --right")
    output = output or Path(f"{mesh.stem}.painted.glb")
    started = time.monotonic()
    with progress_bar(mesh.name, quiet=quiet or as_json) as on_progress:
        on_progress("load", 0, 1)
        from maquette.mesh.export import make_folder, output_format, read_mesh
        from maquette.mesh.printing import Z_UP

        output_format(output)
        write.check()
        make_folder(output.parent)
        settings = paint.settings(keep_uv=keep_uv, cutout=cutout, seed=seed)
        surface = prepare(read_mesh(mesh), simplify, up)
        painter = paint.load(device)
        assert painter is not None
        painted = painter.paint(surface, pictures, settings, on_progress)
        if up == "z":
            painted.vertices = painted.vertices @ Z_UP
        on_progress("write", 0, 1)
        write.write(painted, output)
    notes = painted.metadata["notes"]
    if not quiet:
        for note in notes:
            click.echo(f"note: {note}", err=True)
    result = {
        "mesh": str(mesh),
        "output": str(output),
        "faces": len(painted.faces),
        "seconds": round(time.monotonic() - started, 2),
        "notes": notes,
        "settings": painted.metadata["maquette"],
    }
    if as_json:
        click.echo(json.dumps(result))
    elif not quiet:
        click.echo(f"{output}  {result['faces']} faces, {result['seconds']:.1f} s")


def prepare(mesh: trimesh.Trimesh, simplify: int | None, up: str) -> trimesh.Trimesh:
    """A user's mesh as the painters want it: few enough faces, y up."""
    if simplify is not None:
        from maquette.errors import SettingError
        from maquette.mesh.simplify import simplify as reduce

        if simplify < 4:
            raise SettingError(f"simplify is {simplify}", "it must be 4 or more")
        mesh = reduce(mesh, simplify)
    if up == "z":
        from maquette.mesh.printing import Z_UP

        mesh = mesh.copy()
        mesh.vertices = mesh.vertices @ Z_UP.T
    return mesh
