"""`maquette train`: the bundled model from scratch."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click


@click.command()
@click.option("--assets", type=click.Path(path_type=Path), required=True, help="Folder of training meshes.")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--recipe", type=click.Choice(["cpu", "gpu"]), help="Default: gpu where there is one.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--only",
    type=click.Choice(["shapes", "pictures", "vae", "dit"]),
    multiple=True,
    help="Do only these parts; by default all, in order. May be given several times.",
)
@click.option(
    "--keep-banks/--no-keep-banks", default=True, help="Keep samples and pictures in the run's folder."
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="End the networks' training by the clock: each stage's schedule is made to fit its share of it.",
)
def command(
    assets: Path,
    output: Path,
    recipe: str | None,
    seed: int,
    device: str,
    only: tuple[str, ...],
    keep_banks: bool,
    minutes: float | None,
) -> None:
    """Train the bundled model; run it again after a stop to go on.

    Losses go to log.jsonl and sample renders to samples/ in the run's folder; the finished model is shape.safetensors.
    """
    from maquette.runtime.device import choose_runtime
    from maquette.train.bundled import PARTS, train_bundled
    from maquette.train.recipe import RECIPES, within

    logging.getLogger("maquette.train").setLevel(logging.INFO)
    runtime = choose_runtime(device)
    chosen = recipe or ("gpu" if runtime.device.type == "cuda" else "cpu")
    path = train_bundled(
        assets,
        output,
        RECIPES[chosen] if minutes is None else within(RECIPES[chosen], 60 * minutes),
        seed=seed,
        device=runtime.device,
        processes=os.cpu_count() or 1,
        parts=[part for part in PARTS if part in only] if only else PARTS,
        keep_banks=keep_banks,
    )
    if path.exists():
        click.echo(str(path))
