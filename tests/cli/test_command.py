"""The command as a whole: quick help, lazy imports, the smaller verbs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cli.conftest import Run
from maquette.cli.main import VERBS

HEAVY = ("torch", "numpy", "cv2", "trimesh", "skimage", "scipy", "rich", "PIL")


@pytest.mark.parametrize("statement", ["import maquette", "import maquette.cli.main"])
def test_importing_loads_nothing_heavy(statement: str) -> None:
    code = f"{statement}, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_verb(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(call: Run, verb: str) -> None:
    assert call(verb, "--help").returncode == 0


def test_models_lists_licences(call: Run) -> None:
    models = {entry["name"]: entry for entry in json.loads(call("models", "--json").stdout)}
    assert models["bundled"]["license"] == "Apache-2.0"
    assert "European Union" in models["hunyuan3d-dit-v2-1"]["regions"]


def test_doctor_reports_the_machine(run: Run) -> None:
    findings = {finding["what"]: finding for finding in json.loads(run("doctor", "--json").stdout)}
    assert findings["cpu"]["verdict"] == "ok" and findings["mesh tools"]["verdict"] == "ok"


def test_preview_draws_a_sheet_and_a_turntable(call: Run, tmp_path: Path) -> None:
    import trimesh

    trimesh.creation.icosphere(subdivisions=2).export(tmp_path / "ball.glb")
    done = call("preview", "ball.glb", "--size", 96, "--frames", 4)
    assert done.returncode == 0, done.stderr
    sheet = Image.open(tmp_path / "ball.preview.png").convert("L")
    low, high = sheet.getextrema()
    assert high - low > 60
    assert Image.open(tmp_path / "ball.turntable.gif").n_frames == 4


def test_preview_of_a_missing_file(call: Run) -> None:
    done = call("preview", "none.glb")
    assert done.returncode == 4 and done.stderr.count("\n") == 1


def test_debug_shows_the_traceback(run: Run) -> None:
    assert "Traceback" in run("--debug", "preview", "none.glb").stderr
