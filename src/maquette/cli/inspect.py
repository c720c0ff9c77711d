"""`maquette inspect`: what a mesh file is like, and whether it can be printed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from maquette.mesh.report import MeshReport


@click.command()
@click.argument("mesh", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
@click.option(
    "--print-ready", is_flag=True, help="Exit with 1 unless it is one closed solid with walls thick enough."
)
@click.option(
    "--height", type=float, default=100.0, show_default=True, help="Of the print, in millimetres along y."
)
@click.option(
    "--min-wall",
    type=float,
    default=1.0,
    show_default=True,
    help="Thinnest wall of the print, in millimetres.",
)
@click.pass_context
def command(
    ctx: click.Context, mesh: Path, as_json: bool, print_ready: bool, height: float, min_wall: float
) -> None:
    """Report on a mesh file: closed, manifold, size, thinnest wall, texture sheet, how it was made.

    The Khronos validator's messages are added where node and its package are here (npm install -g gltf-validator).
    """
    from maquette.mesh.report import inspect_file, print_problems

    loaded, report = inspect_file(mesh)
    problems = print_problems(loaded, report, height=height, min_wall=min_wall) if print_ready else []
    if as_json:
        verdict = {"print_ready": not problems, "problems": problems} if print_ready else {}
        click.echo(json.dumps(asdict(report) | verdict))
    else:
        click.echo("\n".join(f"{name:<12}{text}" for name, text in _lines(report)))
        if print_ready:
            click.echo("print       " + ("ready" if not problems else f"not ready: {'; '.join(problems)}"))
    if problems:
        ctx.exit(1)


def _lines(report: MeshReport) -> list[tuple[str, str]]:
    low, high = report.bounds
    sides = " x ".join(f"{top - bottom:.4g}" for bottom, top in zip(low, high, strict=True))
    volume = "not closed" if report.volume is None else f"{report.volume:.4g}"
    thinnest = "-"
    if report.thinnest is not None and report.thinnest_at is not None:
        place = ", ".join(f"{value:.3g}" for value in report.thinnest_at)
        thinnest = f"{report.thinnest:.4g} at ({place})"
    lines = [
        ("faces", f"{report.faces} on {report.vertices} vertices"),
        ("watertight", _yes(report.watertight)),
        ("manifold", _yes(report.manifold)),
        ("components", str(report.components)),
        ("size", f"{sides}, units: {report.units}"),
        ("volume", volume),
        ("thinnest", thinnest),
    ]
    if report.uv_used is not None and report.uv_overlap is not None:
        lines.append(("sheet", f"{report.uv_used:.1%} used, {report.uv_overlap:.1%} of it twice"))
    lines += [("texture", f"{name} {width} x {height}") for name, (width, height) in report.textures.items()]
    if report.texels:
        lines.append(("texels", ", ".join(f"{name} {value}" for name, value in report.texels.items())))
    if report.made:
        lines.append(
            ("made by", ", ".join(f"{key} {value}" for key, value in report.made.items() if key != "paint"))
        )
    if report.validator is None:
        lines.append(("validator", "did not run"))
    else:
        found = [f"{message['code']} at {message.get('pointer', '?')}" for message in report.validator]
        lines.append(("validator", "; ".join(found) or "no messages"))
    return lines


def _yes(value: bool) -> str:
    return "yes" if value else "no"
