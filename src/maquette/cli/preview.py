"""`maquette preview`: look at a mesh."""

from __future__ import annotations

from pathlib import Path

import click

from maquette.errors import OutputError


@click.command()
@click.argument("asset", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder. Default: beside the asset.")
@click.option(
    "--size", type=click.IntRange(64, 2048), default=384, show_default=True, help="Pixels of one view."
)
@click.option(
    "--frames", type=click.IntRange(0, 360), default=36, show_default=True, help="Of the turntable; 0: none."
)
def command(asset: Path, output: Path | None, size: int, frames: int) -> None:
    """Render a contact sheet (PNG) and a turntable (GIF) of ASSET."""
    from maquette.mesh.export import read_mesh
    from maquette.render.preview import contact_sheet, save_turntable, turntable

    mesh = read_mesh(asset)
    folder = output or asset.parent
    sheet = folder / f"{asset.stem}.preview.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        contact_sheet(mesh, tile=size).save(sheet)
        click.echo(str(sheet))
        if frames:
            spin = folder / f"{asset.stem}.turntable.gif"
            save_turntable(turntable(mesh, frames=frames, size=size), spin)
            click.echo(str(spin))
    except OSError as error:
        raise OutputError(
            f"cannot write to '{folder}': {error.strerror}", "choose another --output"
        ) from error
