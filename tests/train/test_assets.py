"""Reading assets, weighing them and the held-out split, on a small folder made here and on the real one if present."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from maquette.errors import MaquetteError, MeshError, SettingError
from maquette.train.assets import (
    HALF_SIDE,
    AssetRecord,
    load_assets,
    make_holdout,
    name_stem,
    near_copy_groups,
    normalise,
    read_holdout,
    read_index,
    sampling_weights,
    shape_descriptors,
    signed_volume,
    stretch,
)
from maquette.train.meshes import PaintedMesh
from maquette.train.procedural import furniture, nature
from maquette.train.procedural.kit import Kit

ROOT = Path(__file__).parents[2]
ASSETS = Path(os.environ.get("MAQUETTE_ASSETS_DIR", ROOT.parent / "shared" / "assets" / "train"))
needs_assets = pytest.mark.skipif(
    not (ASSETS / "index.json").is_file(), reason="the training assets are not here"
)

CUBE_VERTICES = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float32)
CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)  # fmt: skip


def cube(size: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> PaintedMesh:
    """An upright box with one corner at the origin, facing outwards."""
    faces = CUBE_FACES.astype(np.int64)
    rgb = np.tile(np.arange(36, dtype=np.float32).reshape(12, 3, 1) / 36, (1, 1, 3))
    return PaintedMesh(CUBE_VERTICES * np.float32(size), faces, rgb, np.full((12, 2), 0.5, np.float32))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards with three boxes, the second of them inside out."""
    rows = []
    for shard, sizes in (("a.npz", [(1, 1, 1), (1, 0.5, 0.25)]), ("b.npz", [(0.2, 1, 0.4)])):
        meshes = [cube(size) for size in sizes]
        if shard == "a.npz":
            box = meshes[1]
            meshes[1] = PaintedMesh(box.vertices, box.faces[:, ::-1], box.corner_rgb[:, ::-1], box.face_mr)
        np.savez(
            tmp_path / shard,
            ids=np.array([f"pack__{shard[0]}{i}" for i in range(len(meshes))]),
            vert_start=np.arange(len(meshes) + 1) * 8,
            face_start=np.arange(len(meshes) + 1) * 12,
            verts=np.concatenate([np.round(m.vertices * 65535) for m in meshes]).astype(np.uint16),
            faces=np.concatenate([m.faces for m in meshes]).astype(np.uint16),
            corner_rgb=np.concatenate([np.round(m.corner_rgb * 255) for m in meshes]).astype(np.uint8),
            face_mr=np.concatenate([np.round(m.face_mr * 255) for m in meshes]).astype(np.uint8),
        )
        for i, size in enumerate(sizes):
            rows.append(
                {"id": f"pack__{shard[0]}{i}", "pack": "pack", "category": "structure", "faces": 12,
                 "size": size, "uncoloured": False, "shard": shard, "row": i}
            )  # fmt: skip
    (tmp_path / "index.json").write_text(json.dumps(rows))
    return tmp_path


def test_meshes_come_normalised_in_index_order(folder: Path) -> None:
    loaded = load_assets(folder)
    assert [record.id for record, _ in loaded] == ["pack__a0", "pack__a1", "pack__b0"]
    for record, mesh in loaded:
        np.testing.assert_allclose(mesh.vertices.max(axis=0), 0.95 * np.array(record.size), atol=1e-4)
        np.testing.assert_allclose(mesh.vertices.min(axis=0), -mesh.vertices.max(axis=0), atol=1e-4)


def test_inverted_mesh_is_turned_right_side_out_with_its_colours(folder: Path) -> None:
    upright, flipped, _ = (mesh for _, mesh in load_assets(folder))
    assert signed_volume(flipped.vertices, flipped.faces) > 0
    np.testing.assert_array_equal(flipped.faces, upright.faces)
    np.testing.assert_allclose(flipped.corner_rgb, upright.corner_rgb)


def test_only_the_ids_asked_for_are_read(folder: Path) -> None:
    (folder / "a.npz").unlink()
    assert [record.id for record, _ in load_assets(folder, ["pack__b0"])] == ["pack__b0"]


def test_unknown_id_is_named(folder: Path) -> None:
    with pytest.raises(SettingError, match="pack__zz"):
        load_assets(folder, ["pack__zz", "pack__b0"])


def test_folder_without_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MeshError, match="no index"):
        load_assets(tmp_path)


@pytest.mark.parametrize("text", ["{", "[{}]", '[{"id": 3}]', "7", "[4]"])
def test_damaged_index_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(MaquetteError):
        load_assets(tmp_path)


def test_missing_and_damaged_shards_are_named(folder: Path) -> None:
    (folder / "b.npz").write_bytes(b"not an archive")
    with pytest.raises(MeshError, match=r"b\.npz"):
        load_assets(folder)
    (folder / "b.npz").unlink()
    with pytest.raises(MeshError, match=r"b\.npz.* missing"):
        load_assets(folder)


def test_index_that_belongs_to_other_shards_is_refused(folder: Path) -> None:
    rows = json.loads((folder / "index.json").read_text())
    rows[0]["row"] = 1
    (folder / "index.json").write_text(json.dumps(rows))
    with pytest.raises(MeshError, match="pack__a0"):
        load_assets(folder)


def test_normalise_refuses_what_has_no_extent() -> None:
    mesh = cube()
    with pytest.raises(MeshError, match="no extent"):
        normalise(PaintedMesh(mesh.vertices * 0, mesh.faces, mesh.corner_rgb, mesh.face_mr))
    with pytest.raises(MeshError, match="not finite"):
        normalise(PaintedMesh(mesh.vertices * np.float32(np.nan), mesh.faces, mesh.corner_rgb, mesh.face_mr))


def record(
    name: str, category: str = "plant", pack: str = "p", faces: int = 500, row: int = 0
) -> AssetRecord:
    return AssetRecord(f"{pack}__{name}", pack, category, faces, (1.0, 0.8, 0.6), False, "s", row)


def test_thin_categories_are_drawn_more_often_and_plain_structure_less() -> None:
    rows = [record(f"a{i}") for i in range(100)] + [record(f"b{i}", "animal") for i in range(25)]
    rows += [record(f"c{i}", "structure", faces=12) for i in range(100)]
    weights = sampling_weights(rows)
    assert weights.sum() == pytest.approx(1)
    assert weights[100] / weights[0] == pytest.approx(2)
    assert weights[200] < 0.2 * weights[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tree_1", "tree_12"),
        ("rock_large_a", "rock_small_c"),
        ("potion3_red", "potion1"),
        ("house_level2", "house"),
    ],
)
def test_variants_share_a_stem(one: str, other: str) -> None:
    assert name_stem(record(one)) == name_stem(record(other))


@pytest.mark.parametrize(("one", "other"), [("tree_pine", "tree_palm"), ("a_1", "b_1")])
def test_different_names_do_not_share_a_stem(one: str, other: str) -> None:
    assert name_stem(record(one)) != name_stem(record(other))
    assert name_stem(record(one)) != name_stem(record(one, pack="q"))


def built(family, seed: int) -> PaintedMesh:  # type: ignore[no-untyped-def]
    kit = Kit(np.random.default_rng(seed))
    family(kit)
    return normalise(kit.finish())


def test_turned_copies_are_grouped_and_other_shapes_are_not() -> None:
    chair, tree = built(furniture.desk, 3), built(nature.conifer, 1)
    turned = PaintedMesh(
        chair.vertices[:, [2, 1, 0]] * np.float32([1, 1, -1]), chair.faces, chair.corner_rgb, chair.face_mr
    )
    records = [record("desk"), record("conifer"), record("bureau", pack="q")]
    groups = near_copy_groups(records, shape_descriptors([chair, tree, turned]))
    assert sorted(map(sorted, groups)) == [[0, 2], [1]]


def test_holdout_takes_whole_groups_of_every_category_and_is_deterministic() -> None:
    assets = []
    for i in range(60):
        category = "plant" if i % 2 else "furniture"
        family = nature.conifer if i % 2 else furniture.desk
        assets.append(
            (record(f"thing{chr(97 + i // 4)}{chr(97 + i % 4)}x_{i % 2}", category), built(family, i))
        )
    chosen = make_holdout(assets, seed=1)
    assert chosen == make_holdout(assets, seed=1) != make_holdout(assets, seed=2)
    groups = near_copy_groups([r for r, _ in assets], shape_descriptors([m for _, m in assets]))
    for group in groups:
        assert len({assets[i][0].id in chosen for i in group}) == 1
    counts = Counter(r.category for r, _ in assets if r.id in chosen)
    assert 0 < max(counts.values()) <= 6


def test_committed_holdout_is_sorted_and_has_the_size_promised() -> None:
    held_out = read_holdout()
    assert 150 <= len(held_out) <= 180
    assert all("__" in name for name in held_out)


@needs_assets
def test_committed_holdout_is_what_the_assets_give() -> None:
    assets = load_assets(ASSETS)
    assert frozenset(make_holdout(assets)) == read_holdout()


@needs_assets
def test_every_category_is_held_out_in_part() -> None:
    records = read_index(ASSETS)
    held_out = read_holdout()
    total = Counter(r.category for r in records)
    taken = Counter(r.category for r in records if r.id in held_out)
    for category, count in total.items():
        assert 0.04 * count <= taken[category] <= max(0.08 * count, 7), category


def test_stretching_changes_proportions_and_keeps_the_size() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    plain = normalise(
        PaintedMesh(corners, faces, np.zeros((4, 3, 3), np.float32), np.zeros((4, 2), np.float32))
    )
    varied = stretch(plain, np.random.default_rng(0))
    sides = np.ptp(varied.vertices, axis=0)
    assert sides.max() == np.float32(2 * HALF_SIDE) and sides.min() < 0.95 * sides.max()
