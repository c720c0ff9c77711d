"""`maquette evaluate`: how good the meshes are."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import trimesh

    from maquette.evaluate.report import Method, Pair


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--model", default="bundled", show_default=True, help="A name from `maquette models`, or a file."
)
@click.option(
    "--assets", type=click.Path(path_type=Path), help="Training meshes: adds the baselines made of them."
)
@click.option("--make-holdout", is_flag=True, help="First fill FOLDER with the held-out objects of --assets.")
@click.option("--limit", type=click.IntRange(1), help="Only so many pairs, evenly spread.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--steps", type=int, help="As for `maquette generate`.")
@click.option("--guidance", type=float, help="As for `maquette generate`.")
@click.option("--resolution", type=int, default=128, show_default=True, help="As for `maquette generate`.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
def command(
    folder: Path,
    model: str,
    assets: Path | None,
    make_holdout: bool,
    limit: int | None,
    seed: int,
    steps: int | None,
    guidance: float | None,
    resolution: int,
    device: str,
    as_json: bool,
) -> None:
    """Measure the meshes that a model makes of the pictures in FOLDER against the true ones beside them.

    FOLDER holds name.png (cut out) with name.glb, .obj, .ply or .stl, and name.json where the camera is known.
    """
    from maquette.errors import SettingError
    from maquette.evaluate.report import build_holdout_set, evaluate_pairs, find_pairs, oracle_extrusion
    from maquette.shape.pipeline import ShapePipeline, ShapeSettings

    logging.getLogger("maquette.evaluate").setLevel(logging.INFO)
    if make_holdout:
        if assets is None:
            raise SettingError("--make-holdout needs --assets", "the folder of training meshes")
        build_holdout_set(assets, folder)
    pairs = find_pairs(folder)
    if limit is not None:
        pairs = [pairs[index * len(pairs) // limit] for index in range(min(limit, len(pairs)))]
    pipeline = ShapePipeline.from_pretrained(model, device=device)
    settings = ShapeSettings(seed, steps, guidance, resolution)

    def generate(pair: Pair) -> trimesh.Trimesh:
        return pipeline.generate(pair.picture, settings)

    methods: dict[str, Method] = {pipeline.model.config.name: generate}
    if assets is not None:
        methods |= _baselines(assets)
        if all(pair.camera is not None for pair in pairs):
            methods["silhouette extruded along the true view (oracle)"] = oracle_extrusion
    table = evaluate_pairs(pairs, methods, seed=seed)
    click.echo(table.to_json() if as_json else table.to_markdown())


def _baselines(assets: Path) -> dict[str, Method]:
    """The three that know only the silhouette and the training objects."""
    from maquette.evaluate.baselines import ExtrudedSilhouette, MeanShape, NearestSilhouette
    from maquette.evaluate.report import from_silhouette
    from maquette.train.assets import load_assets, read_holdout

    held_out = read_holdout()
    training = [mesh for record, mesh in load_assets(assets) if record.id not in held_out]
    return {
        "mean training shape": from_silhouette(MeanShape.fit(training)),
        "nearest training silhouette": from_silhouette(NearestSilhouette.fit(training)),
        "silhouette extruded to its own depth": from_silhouette(ExtrudedSilhouette()),
    }
