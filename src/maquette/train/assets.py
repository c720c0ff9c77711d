"""Reading the collected assets, weighing them, and choosing the objects that are held out from training.

The assets come as a few shards of concatenated arrays with an `index.json` beside them. Each array of a shard
is read once and sliced, since indexing an open archive decompresses the whole array every time.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from maquette.errors import MeshError, SettingError
from maquette.train.meshes import PaintedMesh

HALF_SIDE = 0.95  # the longest half-side of a normalised mesh; leaves a margin inside [-1, 1]
SHARD_ARRAYS = ("ids", "vert_start", "face_start", "verts", "faces", "corner_rgb", "face_mr")


@dataclass(frozen=True)
class AssetRecord:
    """One line of `index.json`.

    Attributes:
        id: `<pack>__<object>`.
        pack, category: the source pack and a guessed kind of object.
        faces: number of triangles.
        size: sides of the bounding box; the longest is 1.
        uncoloured: true where the source has a single neutral grey: of use for shape only.
        shard, row: the file that holds the mesh and its place there.
    """

    id: str
    pack: str
    category: str
    faces: int
    size: tuple[float, float, float]
    uncoloured: bool
    shard: str
    row: int


def normalise(mesh: PaintedMesh) -> PaintedMesh:
    """Centre the bounding box on the origin and make its longest half-side 0.95.

    Raises:
        MeshError: the mesh is empty, not finite or has no extent.
    """
    if len(mesh.faces) == 0 or not np.isfinite(mesh.vertices).all():
        raise MeshError("the mesh has no faces or has vertices that are not finite")
    used = mesh.vertices[np.unique(mesh.faces)].astype(np.float64)
    low, high = used.min(axis=0), used.max(axis=0)
    half = float((high - low).max()) / 2
    if half <= 0:
        raise MeshError("the mesh has no extent: all its vertices are in one place")
    vertices = (mesh.vertices - (low + high) / 2) * (HALF_SIDE / half)
    return PaintedMesh(vertices.astype(np.float32), mesh.faces, mesh.corner_rgb, mesh.face_mr)


def stretch(mesh: PaintedMesh, generator: np.random.Generator) -> PaintedMesh:
    """A variant with other proportions: each axis by a factor of e^±0.2 or so, height apart from depth and width."""
    factors = np.exp(0.2 * generator.standard_normal(3)).astype(np.float32)
    return normalise(replace(mesh, vertices=mesh.vertices * factors))


def read_index(folder: str | Path) -> list[AssetRecord]:
    """The records of an asset folder in the order of its index.

    Raises:
        MeshError: there is no `index.json`, it is not JSON, or a record lacks a field.
    """
    path = Path(folder) / "index.json"
    if not path.is_file():
        raise MeshError(
            f"no index.json in '{folder}'", "give the folder that holds index.json and the shards"
        )
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [_record(row) for row in rows]
    except json.JSONDecodeError as error:
        raise MeshError(f"'{path}' is not valid JSON: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise MeshError(f"a record of '{path}' is incomplete or of the wrong type: {error!r}") from error


def _record(row: dict[str, Any]) -> AssetRecord:
    x, y, z = (float(side) for side in row["size"])
    return AssetRecord(
        id=str(row["id"]),
        pack=str(row["pack"]),
        category=str(row["category"]),
        faces=int(row["faces"]),
        size=(x, y, z),
        uncoloured=bool(row["uncoloured"]),
        shard=str(row["shard"]),
        row=int(row["row"]),
    )


def load_assets(
    folder: str | Path, ids: Collection[str] | None = None
) -> list[tuple[AssetRecord, PaintedMesh]]:
    """Read assets as normalised meshes, inverted ones turned right side out.

    Args:
        folder: where `index.json` and its shards are.
        ids: the objects wanted; all of them by default. The order is always that of the index.

    Raises:
        MeshError: the index or a shard is missing or damaged.
        SettingError: an id is not in the index.
    """
    records = read_index(folder)
    if ids is not None:
        wanted = set(ids)
        unknown = sorted(wanted - {record.id for record in records})
        if unknown:
            raise SettingError(
                f"{len(unknown)} ids are not in the index of '{folder}', the first is '{unknown[0]}'"
            )
        records = [record for record in records if record.id in wanted]
    by_shard: dict[str, list[AssetRecord]] = defaultdict(list)
    for record in records:
        by_shard[record.shard].append(record)
    meshes: dict[str, PaintedMesh] = {}
    for shard, members in by_shard.items():
        arrays = _read_shard(Path(folder) / shard)
        for record in members:
            meshes[record.id] = _slice_mesh(arrays, record)
    return [(record, meshes[record.id]) for record in records]


def _read_shard(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise MeshError(f"the shard '{path}' named by index.json is missing")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in SHARD_ARRAYS}
    except (KeyError, OSError, ValueError) as error:
        raise MeshError(f"the shard '{path}' cannot be read: {error}") from error


def _slice_mesh(arrays: dict[str, np.ndarray], record: AssetRecord) -> PaintedMesh:
    i = record.row
    if not 0 <= i < len(arrays["ids"]) or str(arrays["ids"][i]) != record.id:
        raise MeshError(
            f"row {i} of '{record.shard}' is not '{record.id}'",
            "index.json and the shards do not belong together",
        )
    v = slice(int(arrays["vert_start"][i]), int(arrays["vert_start"][i + 1]))
    f = slice(int(arrays["face_start"][i]), int(arrays["face_start"][i + 1]))
    vertices = arrays["verts"][v].astype(np.float32) / 65535.0 - 0.5
    faces = arrays["faces"][f].astype(np.int64)
    corner_rgb = arrays["corner_rgb"][f].astype(np.float32) / 255.0
    face_mr = arrays["face_mr"][f].astype(np.float32) / 255.0
    if signed_volume(vertices, faces) < 0:
        faces, corner_rgb = faces[:, ::-1].copy(), corner_rgb[:, ::-1].copy()
    return normalise(PaintedMesh(vertices, faces, corner_rgb, face_mr))


def signed_volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Volume enclosed by triangles that face outwards; negative when they face inwards."""
    corners = vertices[faces].astype(np.float64)
    return float(np.einsum("ij,ij->", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2]) / 6.0)


def sampling_weights(records: Iterable[AssetRecord]) -> np.ndarray:
    """Chances (N,), summing to 1, with which training draws the assets.

    A category counts with the square root of its size, so thin categories are seen more often. Modular pieces
    (`structure`) count 0.4, and objects that are nearly plain boxes or flat tiles count less again.
    """
    rows = list(records)
    if not rows:
        raise SettingError("there are no assets to weigh")
    counts = Counter(record.category for record in rows)
    weights = np.array([_plainness(record) / np.sqrt(counts[record.category]) for record in rows])
    return weights / weights.sum()


def _plainness(record: AssetRecord) -> float:
    weight = 0.4 if record.category == "structure" else 1.0
    if record.category in ("building", "structure", "rock_nature") and record.faces <= 60:
        weight *= 0.35
    if min(record.size) < 0.06:  # cards and tiles teach little about depth
        weight *= 0.5
    return weight


_VARIANT_WORDS = frozenset(
    """small medium large big tiny short tall long high low wide narrow thin thick left right top bottom
    middle center inner outer front back half full empty open closed old new broken damaged detailed simple
    double single snow dead cut red green blue yellow purple orange pink white black grey gray brown dark
    light gold mat color colour level lvl variant alt version first second third age evolved""".split()  # noqa: SIM905
)


def name_stem(record: AssetRecord) -> str:
    """The pack and the object's name without digits, single letters and words that mark a variant."""
    name = record.id.split("__", 1)[-1]
    words = [re.sub(r"\d+$", "", word) for word in re.split(r"[_\W]+", name.lower())]
    kept = [word for word in words if len(word) > 1 and word not in _VARIANT_WORDS]
    return f"{record.pack}__{'_'.join(kept or words)}"


def shape_descriptors(meshes: list[PaintedMesh], points: int = 4096, cells: int = 14) -> np.ndarray:
    """Blurred occupancy of area-weighted surface points, one unit vector (N, cells**3) float32 a mesh.

    The dot product of two descriptors is near 1 for near copies. The points follow a fixed sequence.
    """
    from scipy.ndimage import gaussian_filter

    result = np.empty((len(meshes), cells**3), dtype=np.float32)
    shares = (np.arange(points) + 0.5) / points
    golden = (np.arange(points)[:, None] * [0.7548776662466927, 0.5698402909980532]) % 1.0  # an R2 sequence
    for i, mesh in enumerate(meshes):
        a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
        area = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
        face = np.searchsorted(area, shares * area[-1])
        face = np.minimum(face, len(mesh.faces) - 1)
        root = np.sqrt(golden[:, :1])
        surface = (1 - root) * a[face] + root * (1 - golden[:, 1:]) * b[face] + root * golden[:, 1:] * c[face]
        index = np.clip(((surface + 1) / 2 * cells).astype(int), 0, cells - 1)
        grid = np.zeros((cells, cells, cells))
        np.add.at(grid, tuple(index.T), 1.0)
        flat = gaussian_filter(np.sqrt(grid), 0.7).ravel()
        result[i] = flat / np.linalg.norm(flat)
    return result


def _turned(descriptors: np.ndarray, quarter_turns: int, mirrored: bool) -> np.ndarray:
    cells = round(descriptors.shape[1] ** (1 / 3))
    grids = descriptors.reshape(-1, cells, cells, cells)
    if mirrored:
        grids = grids[:, ::-1]
    return np.rot90(grids, quarter_turns, axes=(1, 3)).reshape(len(descriptors), -1)


def near_copy_groups(
    records: list[AssetRecord], descriptors: np.ndarray, threshold: float = 0.96
) -> list[list[int]]:
    """Groups of objects that share a pack and a name stem, or a shape up to quarter turns and mirroring.

    The relation is closed transitively, so plain sticks and slabs gather in one large group.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(records)
    stems = np.unique([name_stem(record) for record in records], return_inverse=True)[1]
    linked = stems[:, None] == stems[None]
    for turns in range(4):
        for mirrored in (False, True):
            linked |= descriptors @ _turned(descriptors, turns, mirrored).T > threshold
    count, label = connected_components(coo_matrix(linked), directed=False)
    groups: list[list[int]] = [[] for _ in range(count)]
    for i in range(n):
        groups[label[i]].append(i)
    return groups


def make_holdout(
    assets: list[tuple[AssetRecord, PaintedMesh]], seed: int = 0, share: float = 0.05, largest_group: int = 4
) -> list[str]:
    """Choose the ids held out from training: whole groups of near copies, about `share` of every category.

    Groups larger than `largest_group` always stay in training. A group counts for the category of most of its
    members; every category gets at least six objects where it has enough small groups. Deterministic for a
    seed.
    """
    records = [record for record, _ in assets]
    groups = near_copy_groups(records, shape_descriptors([mesh for _, mesh in assets]))
    totals = Counter(record.category for record in records)
    by_category: dict[str, list[list[int]]] = defaultdict(list)
    for group in sorted(groups, key=lambda members: records[members[0]].id):
        if len(group) <= largest_group:
            category = Counter(sorted(records[i].category for i in group)).most_common(1)[0][0]
            by_category[category].append(group)
    rng = np.random.default_rng(seed)
    chosen: list[str] = []
    for category in sorted(by_category):
        wanted = max(round(share * totals[category]), 6)
        taken = 0
        for j in rng.permutation(len(by_category[category])):
            group = by_category[category][j]
            if taken + len(group) <= wanted:
                chosen.extend(records[i].id for i in group)
                taken += len(group)
    return sorted(chosen)


def holdout_header(assets: int, chosen: int) -> str:
    """The comment lines that open the committed list."""
    return (
        f"# Objects never seen in training: {chosen} of {assets} assets, about 5 % of each category.\n"
        "# Made by maquette.train.assets.make_holdout(assets, seed=0): objects are grouped when they share\n"
        "# a pack and a name stem, or nearly a shape (up to quarter turns and mirroring), and whole groups\n"
        "# are held out, so that no near copy of a held-out object is trained on. Groups of more than four\n"
        "# stay in training. One id a line.\n"
    )


def read_holdout() -> frozenset[str]:
    """The committed ids that training must leave out."""
    text = files("maquette.evaluate").joinpath("holdout.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
