"""Scoring methods on folders of pictures with known shapes, and the table that comes of it.

A folder holds pairs of one name: `chair.png` and `chair.glb` (or obj, ply, stl), and at will `chair.json`
with the camera of the picture: `azimuth`, `elevation`, `distance`, `fov_degrees` (null: orthographic) and
`ortho_scale`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from maquette.errors import MeshError, PictureError, SettingError
from maquette.evaluate.baselines import Baseline, OracleExtrusion, fit_box
from maquette.evaluate.metrics import VIEWS, ShapeScores, compare, measure
from maquette.render.camera import Camera

if TYPE_CHECKING:
    import trimesh

    from maquette.train.meshes import PaintedMesh

logger = logging.getLogger(__name__)

MESH_SUFFIXES = (".glb", ".obj", ".ply", ".stl")
CAMERA_FIELDS = ("azimuth", "elevation", "distance", "fov_degrees", "ortho_scale")


@dataclass(frozen=True)
class Pair:
    """A picture and the shape it shows.

    Attributes:
        camera: where the picture was taken from, None where it is not recorded.
    """

    name: str
    picture: Path
    mesh: Path
    camera: Camera | None = None

    @cached_property
    def mask(self) -> np.ndarray:
        """The silhouette (H, W) bool of the picture, from its alpha channel.

        Raises:
            PictureError: the picture cannot be read or nothing in it is transparent.
        """
        try:
            with Image.open(self.picture) as image:
                alpha = np.asarray(image.convert("RGBA"))[..., 3]
        except OSError as error:
            raise PictureError(f"'{self.picture}' cannot be read as a picture") from error
        if alpha.min() > 127:
            raise PictureError(f"'{self.picture}' has no transparent background", "cut the object out first")
        return alpha > 127


Method = Callable[[Pair], "trimesh.Trimesh"]
"""Anything that makes a mesh in [-1, 1], in canonical pose, out of a pair; it must look at the picture
alone."""


def from_silhouette(baseline: Baseline) -> Method:
    """A method that hands the silhouette, and nothing else, to a baseline."""
    return lambda pair: baseline.predict(pair.mask)


def oracle_extrusion(pair: Pair) -> trimesh.Trimesh:
    """The silhouette extruded along the true viewing direction; knows the camera, so no contender."""
    if pair.camera is None:
        raise SettingError(f"'{pair.name}' has no recorded camera", "the oracle needs one")
    return OracleExtrusion(pair.camera).predict(pair.mask)


def find_pairs(folder: str | Path) -> list[Pair]:
    """The pairs of a folder, by name.

    Raises:
        SettingError: the folder holds no pair.
        MeshError: a picture has no mesh.
    """
    folder = Path(folder)
    pairs = []
    for picture in sorted(folder.glob("*.png")):
        meshes = [picture.with_suffix(suffix) for suffix in MESH_SUFFIXES]
        found = [path for path in meshes if path.is_file()]
        if not found:
            raise MeshError(
                f"'{picture}' has no mesh beside it", f"add {picture.stem}{'|'.join(MESH_SUFFIXES)}"
            )
        pairs.append(Pair(picture.stem, picture, found[0], _read_camera(picture.with_suffix(".json"))))
    if not pairs:
        raise SettingError(f"'{folder}' holds no pairs of a .png and a mesh of the same name")
    return pairs


def _read_camera(path: Path) -> Camera | None:
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Camera(**{name: values[name] for name in CAMERA_FIELDS})
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(
            f"'{path}' is not a camera: {error!r}", f"it needs {', '.join(CAMERA_FIELDS)}"
        ) from error


@dataclass(frozen=True)
class Result:
    """One prediction's scores and the seconds it took to make."""

    method: str
    pair: str
    scores: ShapeScores
    seconds: float


@dataclass(frozen=True)
class Table:
    """The results of some methods on some pairs."""

    results: tuple[Result, ...]

    def means(self) -> dict[str, dict[str, float | None]]:
        """Mean of every score for every method, in the order the methods were given; None where never
        known."""
        means: dict[str, dict[str, float | None]] = {}
        for method in dict.fromkeys(result.method for result in self.results):
            mine = [result for result in self.results if result.method == method]
            row: dict[str, float | None] = {"pairs": float(len(mine))}
            for field in fields(ShapeScores):
                known = [v for r in mine if (v := getattr(r.scores, field.name)) is not None]
                row[field.name] = float(np.mean(known)) if known else None
            row["seconds"] = float(np.mean([result.seconds for result in mine]))
            means[method] = row
        return means

    def to_markdown(self) -> str:
        """The means as a Markdown table, one method a row."""
        means = self.means()
        columns = list(next(iter(means.values()))) if means else []
        lines = ["| method | " + " | ".join(name.replace("_", " ") for name in columns) + " |"]
        lines.append("| --- |" + " ---: |" * len(columns))
        for method, row in means.items():
            cells = ["n/a" if (v := row[name]) is None else _cell(name, v) for name in columns]
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"

    def to_json(self) -> str:
        """Means and single results as JSON."""
        return json.dumps({"means": self.means(), "results": [asdict(r) for r in self.results]}, indent=1)


def _cell(name: str, value: float) -> str:
    if name == "pairs":
        return f"{value:.0f}"
    return f"{value:.4f}" if name == "chamfer_l1" else f"{value:.3f}" if name != "seconds" else f"{value:.2f}"


def evaluate_pairs(
    pairs: Sequence[Pair], methods: Mapping[str, Method], *, seed: int = 0, fit_predictions: bool = False
) -> Table:
    """Score methods on pairs.

    The truth is centred and scaled so that its longest half-side is 0.95, which is how maquette's shapes lie.

    Args:
        methods: by the name that the table shows.
        seed: decides the surface samples.
        fit_predictions: centre and scale predictions in the same way, for models with other conventions.

    Raises:
        SettingError: there are no pairs or no methods.
    """
    if not pairs or not methods:
        raise SettingError("an evaluation needs at least one pair and one method")
    return Table(tuple(_evaluate(pairs, methods, seed, fit_predictions)))


def _evaluate(pairs: Sequence[Pair], methods: Mapping[str, Method], seed: int, fit: bool) -> Iterator[Result]:
    from maquette.mesh.read import read_mesh

    for number, pair in enumerate(pairs):
        cameras = VIEWS if pair.camera is None else (*VIEWS, pair.camera)
        truth = measure(fit_box(read_mesh(pair.mesh)), cameras, seed)
        for name, method in methods.items():
            start = time.perf_counter()
            mesh = method(pair)
            seconds = time.perf_counter() - start
            scores = compare(measure(fit_box(mesh) if fit else mesh, cameras, seed + 1), truth)
            yield Result(name, pair.name, scores, seconds)
        logger.info("evaluated %d of %d: %s", number + 1, len(pairs), pair.name)


def build_holdout_set(
    assets_folder: str | Path, out_folder: str | Path, seed: int = 0, size: int = 512
) -> list[Pair]:
    """Render one input picture of every held-out object, with its mesh and camera, as a folder of pairs.

    The camera and the light are drawn as in training, each object's from a seed of its own, so that the set
    does not depend on the order or the number of objects.
    """
    from maquette.train.assets import load_assets, read_holdout

    folder = Path(out_folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_pair(folder, record.id, mesh, seed, size)
        for record, mesh in load_assets(assets_folder, read_holdout())
    ]


def write_pair(folder: Path, name: str, mesh: PaintedMesh, seed: int, size: int) -> Pair:
    """Render a mesh from a random camera in front of it, and write picture, mesh and camera into a folder."""
    import torch
    import trimesh

    from maquette.train.pictures import render_training_pictures

    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    shot = render_training_pictures([mesh], 1, size, generator, "cpu")
    fov = float(shot.fov[0, 0])
    camera = Camera(
        azimuth=float(shot.azimuth[0, 0]),
        elevation=float(shot.elevation[0, 0]),
        distance=float(shot.distance[0, 0]),
        fov_degrees=fov if fov > 0 else None,
        ortho_scale=max(float(shot.ortho_scale[0, 0]), 1e-3),
    )
    rgba = shot.rgba[0, 0].permute(1, 2, 0).cpu().numpy()
    pair = Pair(name, folder / f"{name}.png", folder / f"{name}.ply", camera)
    Image.fromarray(rgba).save(pair.picture)
    trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(pair.mesh)
    recorded = {key: getattr(camera, key) for key in CAMERA_FIELDS}
    (folder / f"{name}.json").write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
    return pair
