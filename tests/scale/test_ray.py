"""Batches and the service on a real Ray on this machine. What dies and what scales there: ray_trials.py beside this."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Run
from maquette.errors import SettingError
from maquette.mesh.read import read_mesh
from maquette.paint.pipeline import PaintSettings
from maquette.pipeline import AssetSettings
from maquette.scale import ray_batch
from maquette.scale.batch import run_batch
from maquette.scale.manifest import Plan, read_rows
from maquette.scale.ray_batch import LOST, connect
from maquette.scale.tally import TRIES, Tally
from maquette.serve.config import ServeConfig
from maquette.shape.pipeline import ShapeSettings

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'maquette[ray]'")
httpx = pytest.importorskip("httpx")


def test_a_cluster_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_batch, "PATIENCE", 0.5)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(SettingError, match=r"no Ray cluster answers at 127\.0\.0\.1:9"):
        connect("127.0.0.1:9")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(SettingError, match=r"no Ray cluster answers at 127\.0\.0\.1:9"):
        connect(None)


def test_the_note_of_a_cluster_that_was_killed_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:9")
    monkeypatch.setattr(ray_batch, "PATIENCE", 0.5)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(SettingError, match="no Ray cluster answers on this machine"):
        connect("auto")
    assert "the Ray cluster at 127.0.0.1:9, which was started here, is gone" in caplog.text


def test_a_row_that_kills_its_actor_is_given_up() -> None:
    tally = Tally()
    assert [tally.start("shape 0") for _ in range(TRIES + 1)] == [True] * TRIES + [False]
    assert tally.start("shape 1") and "died" in LOST


@pytest.fixture(scope="module")
def on_ray() -> Iterator[None]:
    """Ray on this machine, for the tests from here on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        patch.setenv("RAY_worker_niceness", "0")  # other tests run beside these
        connect(None)
    yield
    ray.shutdown()


@pytest.mark.slow
def test_a_painted_batch_on_ray_makes_the_same_files(
    on_ray: None, call: Run, pictures: Path, model_file: Path, tmp_path: Path
) -> None:
    (pictures / "c.png").write_bytes(b"no picture")
    settings = AssetSettings(ShapeSettings(faces=500, resolution=16), PaintSettings(texture_size=512))
    plan = Plan(str(model_file), "project", "cpu", settings=settings)
    run_batch(read_rows(str(pictures), plan), plan, str(tmp_path / "here"))
    options = [f"--set={name}" for name in ("faces=500", "resolution=16", "texture_size=512")]
    done = call("batch", pictures, "there", "--ray", "--model", model_file, "--device", "cpu", *options)
    assert done.returncode == 1 and "2 made, 1 failed" in done.stdout and "c.png" in done.stderr
    for name in ("a.glb", "b.glb"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray Serve's own code
def test_the_service_on_ray_paints(on_ray: None, model_file: Path, pictures: Path, tmp_path: Path) -> None:
    from ray import serve

    from maquette.scale.serve_ray import build

    config = ServeConfig.in_folder(tmp_path / "service", models=(str(model_file),))
    serve.start(http_options={"host": "127.0.0.1", "port": 8077})
    serve.run(build(config, "cpu"), name="maquette")
    picture = base64.b64encode((pictures / "a.png").read_bytes()).decode()
    asked = {"image": picture, "texture": True, "texture_size": 512, "resolution": 16, "faces": 500}
    with httpx.Client(base_url="http://127.0.0.1:8077", timeout=60) as client:
        job, end = client.post("/v1/jobs", json=asked).json(), time.monotonic() + 120
        while job["state"] in ("queued", "running") and time.monotonic() < end:
            time.sleep(0.1)
            job = client.get(f"/v1/jobs/{job['id']}").json()
        assert job["state"] == "succeeded", job
        (tmp_path / "made.glb").write_bytes(client.get(f"/v1/jobs/{job['id']}/files/model.glb").content)
    serve.shutdown()
    assert read_mesh(tmp_path / "made.glb").visual.material.baseColorTexture.size == (512, 512)
