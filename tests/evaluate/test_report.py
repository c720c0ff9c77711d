"""Folders of pairs, tables, and the held-out set."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from maquette.errors import MeshError, PictureError, SettingError
from maquette.evaluate.baselines import ExtrudedSilhouette
from maquette.evaluate.metrics import ShapeScores, silhouettes
from maquette.evaluate.report import (
    Pair,
    Result,
    Table,
    evaluate_pairs,
    find_pairs,
    from_silhouette,
    oracle_extrusion,
    write_pair,
)
from maquette.render.camera import Camera
from maquette.train.procedural import generate

ROOT = Path(__file__).parents[2]
ASSETS = Path(os.environ.get("MAQUETTE_ASSETS_DIR", ROOT.parent / "shared" / "assets" / "train"))
CAMERA = {"azimuth": 10.0, "elevation": 20.0, "distance": 4.0, "fov_degrees": None, "ortho_scale": 3.0}
BOX = trimesh.creation.box((3, 6, 3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pairs: a box with a recorded camera, a ball without."""
    ball = trimesh.creation.icosphere(2, 0.5)
    for name, mesh, suffix in (("box", BOX, ".ply"), ("ball", ball, ".obj")):
        mask = silhouettes(mesh.vertices / np.abs(mesh.vertices).max(), mesh.faces, [Camera(**CAMERA)], 64)[0]
        rgba = np.zeros((64, 64, 4), dtype=np.uint8)
        rgba[mask] = (200, 30, 30, 255)
        Image.fromarray(rgba).save(tmp_path / f"{name}.png")
        mesh.export(tmp_path / f"{name}{suffix}")
    (tmp_path / "box.json").write_text(json.dumps(CAMERA))
    return tmp_path


def test_pairs_are_found_with_their_cameras(folder: Path) -> None:
    ball, box = find_pairs(folder)
    assert (ball.name, ball.camera, ball.mesh.suffix) == ("ball", None, ".obj")
    assert box.camera == Camera(**CAMERA)
    assert box.mask.shape == (64, 64) and 0.05 < box.mask.mean() < 0.6


def test_folders_that_are_no_pairs_are_refused(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(SettingError, match="no pairs"):
        find_pairs(tmp_path_factory.mktemp("empty"))
    (folder / "ball.obj").unlink()
    with pytest.raises(MeshError, match=r"ball\.png"):
        find_pairs(folder)


def test_damaged_cameras_and_opaque_pictures_are_named(folder: Path) -> None:
    (folder / "box.json").write_text("{}")
    with pytest.raises(SettingError, match=r"box\.json"):
        find_pairs(folder)
    Image.new("RGB", (8, 8)).save(folder / "plain.png")
    with pytest.raises(PictureError, match="transparent"):
        _ = Pair("plain", folder / "plain.png", folder / "ball.obj").mask


def test_a_perfect_method_beats_a_baseline_whatever_the_scale_of_the_file(folder: Path) -> None:
    def perfect(pair: Pair) -> trimesh.Trimesh:
        scale = 0.95 / 3 if pair.name == "box" else 0.95 / 0.5
        mesh = trimesh.load(pair.mesh, process=False)
        mesh.apply_scale(scale)
        return mesh

    table = evaluate_pairs(
        find_pairs(folder), {"perfect": perfect, "extruded": from_silhouette(ExtrudedSilhouette())}
    )
    means = table.means()
    assert list(means) == ["perfect", "extruded"]
    assert means["perfect"]["volume_iou"] == 1 and means["perfect"]["pairs"] == 2
    assert means["perfect"]["chamfer_l1"] < 0.01 < means["extruded"]["chamfer_l1"]
    assert means["perfect"]["input_view_iou"] == 1  # of the one pair with a camera
    assert means["extruded"]["silhouette_iou"] < 1


def test_predictions_of_other_conventions_can_be_fitted(folder: Path) -> None:
    box = find_pairs(folder)[1:]
    as_is = evaluate_pairs(box, {"box": lambda pair: BOX}).means()["box"]
    fitted = evaluate_pairs(box, {"box": lambda pair: BOX}, fit_predictions=True).means()["box"]
    assert fitted["volume_iou"] == 1 > as_is["volume_iou"]


def test_nothing_to_evaluate_is_refused(folder: Path) -> None:
    with pytest.raises(SettingError, match="at least one"):
        evaluate_pairs([], {"box": lambda pair: BOX})
    with pytest.raises(SettingError, match="at least one"):
        evaluate_pairs(find_pairs(folder), {})


def test_oracle_needs_a_camera(folder: Path) -> None:
    ball, box = find_pairs(folder)
    assert oracle_extrusion(box).is_watertight
    with pytest.raises(SettingError, match="ball"):
        oracle_extrusion(ball)


def test_table_formats() -> None:
    def scores(iou: float, view: float | None) -> ShapeScores:
        return ShapeScores(iou, 0.02, 0.9, 0.5, 0.8, 0.7, view)

    table = Table((
        Result("ours", "a", scores(0.4, None), 1.0),
        Result("ours", "b", scores(0.6, 0.9), 3.0),
        Result("mean", "a", scores(0.1, None), 0.0),
    ))  # fmt: skip
    lines = table.to_markdown().splitlines()
    assert lines[0].startswith("| method | pairs | volume iou | chamfer l1 |")
    assert lines[2] == "| ours | 2 | 0.500 | 0.0200 | 0.900 | 0.500 | 0.800 | 0.700 | 0.900 | 2.00 |"
    assert lines[3].endswith("| n/a | 0.00 |")
    data = json.loads(table.to_json())
    assert data["means"]["mean"]["input_view_iou"] is None
    assert data["results"][1] == {
        "method": "ours", "pair": "b", "seconds": 3.0,
        "scores": {"volume_iou": 0.6, "chamfer_l1": 0.02, "f_score_05": 0.9, "f_score_02": 0.5,
                   "normal_consistency": 0.8, "silhouette_iou": 0.7, "input_view_iou": 0.9},
    }  # fmt: skip


def test_written_pair_shows_its_mesh_from_its_camera(tmp_path: Path) -> None:
    mesh = generate(3)
    pair = write_pair(tmp_path, "thing", mesh, seed=5, size=96)
    (found,) = find_pairs(tmp_path)
    assert found.camera == pair.camera and abs(pair.camera.azimuth) <= 45  # type: ignore[union-attr]
    outline = silhouettes(mesh.vertices, mesh.faces, [found.camera], 96)[0]  # type: ignore[list-item]
    overlap = (outline & found.mask).sum() / (outline | found.mask).sum()
    assert overlap > 0.9
    again = write_pair(tmp_path / ".", "thing", mesh, seed=5, size=96)
    assert again.camera == pair.camera
    assert write_pair(tmp_path, "other", mesh, seed=5, size=96).camera != pair.camera


@pytest.mark.skipif(not (ASSETS / "index.json").is_file(), reason="the training assets are not here")
@pytest.mark.slow
def test_held_out_set_has_a_pair_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from maquette.evaluate import report
    from maquette.train import assets

    few = sorted(assets.read_holdout())[:3]
    monkeypatch.setattr(assets, "read_holdout", lambda: frozenset(few))
    pairs = report.build_holdout_set(ASSETS, tmp_path, seed=1, size=64)
    assert [pair.name for pair in pairs] == few == [pair.name for pair in find_pairs(tmp_path)]
