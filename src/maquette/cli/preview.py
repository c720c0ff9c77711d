"""`maquette preview`: look at meshes."""

from __future__ import annotations

from pathlib import Path

import click

from maquette.errors import OutputError


@click.command()
@click.argument("assets", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder. Default: beside the asset.")
@click.option(
    "--size", type=click.IntRange(64, 2048), default=384, show_default=True, help="Pixels of one view."
)
@click.option(
    "--frames", type=click.IntRange(0, 360), default=36, show_default=True, help="Of the turntable; 0: none."
)
def command(assets: tuple[Path, ...], output: Path | None, size: int, frames: int) -> None:
    """Render a contact sheet (PNG) and a turntable (GIF) of one of ASSETS, or several side by side, a row each.

    \b
    maquette preview chair.glb
    maquette preview chair.glb other.glb --size 256
    """
    from maquette.mesh.export import read_mesh
    from maquette.render.preview import contact_sheet, save_turntable, side_by_side, turntable

    meshes = [read_mesh(asset) for asset in assets]
    folder = output or assets[0].parent
    name = assets[0].stem if len(assets) == 1 else f"{assets[0].stem}-and-{len(assets) - 1}-more"
    sheet = folder / f"{name}.preview.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (contact_sheet(meshes[0], tile=size) if len(meshes) == 1 else side_by_side(meshes, size)).save(sheet)
        click.echo(str(sheet))
        if frames and len(meshes) == 1:
            spin = folder / f"{name}.turntable.gif"
            save_turntable(turntable(meshes[0], frames=frames, size=size), spin)
            click.echo(str(spin))
    except OSError as error:
        raise OutputError(
            f"cannot write to '{folder}': {error.strerror}", "choose another --output"
        ) from error
