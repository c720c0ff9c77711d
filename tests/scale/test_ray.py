"""Batches on Ray: the same files as without it. Killed nodes and replicas: see ray_trials.py beside this file."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Run
from maquette.errors import SettingError
from maquette.pipeline import AssetSettings
from maquette.scale.batch import run_batch
from maquette.scale.manifest import Plan, read_rows
from maquette.scale.ray_batch import LOST, TRIES, Tally, connect
from maquette.shape.pipeline import ShapeSettings

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'maquette[ray]'")


@pytest.mark.slow
def test_a_batch_on_ray_makes_the_same_files(
    run: Run, pictures: Path, model_file: Path, tmp_path: Path
) -> None:
    (pictures / "broken.png").write_bytes(b"no picture")
    plan = Plan(str(model_file), None, settings=AssetSettings(ShapeSettings(faces=500, resolution=16), None))
    run_batch(read_rows(str(pictures), plan), plan, str(tmp_path / "here"))
    options = ("--model", model_file, "--painter", "none", "--set", "faces=500", "--set", "resolution=16")
    done = run("batch", pictures, "there", "--ray", *options)
    assert done.returncode == 1 and "3 made, 1 failed" in done.stdout and "broken.png" in done.stderr
    for name in ("a.glb", "b.glb", "c.glb"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingError, match="no Ray cluster answers at"):
        connect("127.0.0.1:9")


def test_a_row_that_kills_its_actor_is_given_up() -> None:
    tally = Tally()
    assert [tally.start("shape 0") for _ in range(TRIES + 1)] == [True] * TRIES + [False]
    assert tally.start("shape 1") and "died" in LOST
