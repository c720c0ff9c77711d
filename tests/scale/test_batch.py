"""Batches: each row once, each the same wherever it stands, and on with it after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run
from maquette.errors import OutputError
from maquette.mesh.export import export_mesh
from maquette.paint.pipeline import PaintSettings
from maquette.pipeline import AssetPipeline, AssetSettings
from maquette.scale.batch import in_two_passes, run_batch
from maquette.scale.manifest import Plan, read_rows
from maquette.shape.pipeline import ShapeSettings

SETTINGS = AssetSettings(ShapeSettings(faces=500, resolution=16), None)


@pytest.fixture
def plan(model_file: Path) -> Plan:
    return Plan(str(model_file), None, "cpu", settings=SETTINGS)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_a_batch_makes_what_the_pipeline_makes(plan: Plan, pictures: Path, tmp_path: Path) -> None:
    summary = run_batch(read_rows(str(pictures), plan), plan, str(tmp_path / "out"))
    assert (summary.made, summary.failed, summary.skipped) == (3, 0, 0)
    pipeline = AssetPipeline.from_pretrained(plan.model, None, device="cpu")
    for name in ("c", "a", "b"):  # another order
        mesh = pipeline.generate(pictures / f"{name}.png", SETTINGS)
        single = export_mesh(mesh, tmp_path / f"{name}.glb", metadata=mesh.metadata["maquette"])
        assert single.read_bytes() == (tmp_path / "out" / f"{name}.glb").read_bytes()
    first = lines(tmp_path / "out")[0]
    assert first["status"] == "done" and first["made"]["seed"] == 0 and first["report"]["watertight"]
    assert first["costs"]["shape"]["memory_mb"] > 50 and first["costs"]["shape"]["seconds"] > 0


@pytest.mark.parametrize("painter", [None, "project"])
def test_two_passes_make_the_same_files(
    model_file: Path, pictures: Path, tmp_path: Path, painter: str | None
) -> None:
    paint = PaintSettings(texture_size=512) if painter else None
    plan = Plan(str(model_file), painter, "cpu", settings=AssetSettings(SETTINGS.shape, paint))
    rows, drafts = read_rows(str(pictures), plan)[:2], tmp_path / "two" / ".drafts"
    run_batch(rows, plan, str(tmp_path / "one"))
    run_batch(rows, plan, str(tmp_path / "two"), engine=partial(in_two_passes, folder=drafts))
    for name in ("a.glb", "b.glb"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert not drafts.exists()
    assert [line["report"]["texels"] is None for line in lines(tmp_path / "two")] == [painter is None] * 2


def test_one_bad_picture_and_one_bad_row_end_nothing(call: Run, pictures: Path, model_file: Path) -> None:
    (pictures / "broken.png").write_bytes(b"\x89PNG broken")
    table = pictures / "rows.csv"
    table.write_text("picture,seed\na.png,1\nbroken.png,\nb.png,minus\nc.png,2\nsub/a.png,\n")
    done = call("batch", table, "out", "--model", model_file, "--painter", "none", "--set", "faces=500")
    assert done.returncode == 1 and done.stderr.count("error:") == 3
    assert "rows.csv line 3: " in done.stderr and "line 4: seed is 'minus'" in done.stderr
    assert "line 6: its output 'a.glb' is already that of rows.csv line 2" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("2 made, 3 failed")
    out = pictures.parent / "out"
    assert sorted(path.name for path in out.glob("*.glb")) == ["a.glb", "c.glb"]
    assert [line["status"] for line in lines(out)].count("failed") == 3
    table.write_text("picture,seed\na.png,1\nb.png,3\nc.png,2\n")
    again = call(
        "batch", table, "out", "--model", model_file, "--painter", "none", "--set", "faces=500", "--resume"
    )
    assert again.returncode == 0 and "1 made, 0 failed, 2 made before" in again.stdout
    assert [line["output"] for line in lines(out)] == ["a.glb", "c.glb", "b.glb"]


@pytest.mark.slow
@pytest.mark.parametrize("two_pass", [False, True])
def test_killed_and_resumed_it_repeats_and_loses_nothing(
    plan: Plan, pictures: Path, tmp_path: Path, two_pass: bool
) -> None:
    rows = [{"picture": f"{'abc'[i % 3]}.png", "output": f"{i}.glb", "seed": i} for i in range(6)]
    table = pictures / "rows.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    whole = tmp_path / "whole"
    run_batch(read_rows(str(table), plan), plan, str(whole))
    out = tmp_path / "out"
    command = [str(Path(sys.executable).parent / "maquette"), "batch", str(table), str(out), "--resume"]
    command += ["--model", plan.model, "--device", "cpu", "--painter", "none"]
    command += ["--set", "faces=500", "--set", "resolution=16"]
    command += ["--two-pass"] * two_pass
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not (out / "results.jsonl").exists() or len(lines(out)) < 2:
        assert killed.poll() is None
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    before = (out / "results.jsonl").read_bytes()
    with open(out / "results.jsonl", "ab") as stream:
        stream.write(b'{"key": "cut sho')  # what a kill in the middle of a write leaves
    stamps = {
        line["output"]: (out / line["output"]).stat().st_mtime_ns
        for line in map(json.loads, before.splitlines())
    }
    if two_pass:  # as after a kill between a row's line and the end of its draft
        (out / ".drafts" / "0123456789abcdef.npz").write_bytes(b"")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert (out / "results.jsonl").read_bytes().startswith(before)
    assert sorted(line["output"] for line in lines(out)) == [f"{i}.glb" for i in range(6)]
    assert all((out / name).stat().st_mtime_ns == stamp for name, stamp in stamps.items())
    for path in whole.glob("*.glb"):
        assert path.read_bytes() == (out / path.name).read_bytes()
    assert not list(out.glob(".*"))


def test_an_earlier_batch_is_not_overwritten(plan: Plan, pictures: Path, tmp_path: Path) -> None:
    rows = read_rows(str(pictures), plan)[:1]
    run_batch(rows, plan, str(tmp_path / "out"))
    with pytest.raises(OutputError, match="--resume"):
        run_batch(rows, plan, str(tmp_path / "out"))
    (tmp_path / "out" / "a.glb").unlink()  # a file that went missing is made again
    assert run_batch(rows, plan, str(tmp_path / "out"), resume=True).made == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_output_is_refused_before_any_work(call: Run, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    done = call("batch", pictures, "locked")
    assert done.returncode == 6 and done.stderr.count("\n") == 1 and "not writable" in done.stderr


def test_an_output_that_cannot_be_a_folder(call: Run, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("batch", pictures, "file")
    assert done.returncode == 6 and done.stderr.count("\n") == 1, done.stderr
