"""`maquette paint --painter pbr` with a tiny model in a folder of the published layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trimesh

from cli.conftest import Run
from maquette.mesh.export import read_mesh
from tiny_painter import tiny_painter
from zoo.test_paint_model import write_model


@pytest.fixture
def box(tmp_path: Path) -> Path:
    trimesh.creation.box((0.3, 0.2, 0.1)).export(tmp_path / "box.obj")
    return tmp_path / "box.obj"


@pytest.mark.slow
def test_a_mesh_is_painted_with_colour_and_metal(run: Run, box: Path, picture: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "hunyuan3d-paintpbr-v2-1", tiny_painter())
    done = run(
        "paint", box, "--image", picture, "--painter", "pbr", "--paint-model", "hunyuan3d-paintpbr-v2-1",
        "--texture-size", 512, "--paint-view-size", 64, "--paint-steps", 2, "--paint-guidance", 2,
        "--vram", 8, "--seed", 3, "--json", HF_HUB_CACHE=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    about = json.loads(done.stdout)["settings"]["paint"]
    assert (about["model"], about["steps"], about["guidance"], about["seed"]) == (
        "hunyuan3d-paintpbr-v2-1",
        2,
        2.0,
        3,
    )
    assert read_mesh(tmp_path / "box.painted.glb").visual.material.metallicRoughnessTexture is not None


@pytest.mark.slow
def test_the_bundled_painter_paints_where_nothing_was_pulled(
    run: Run, box: Path, picture: Path, tmp_path: Path
) -> None:
    done = run(
        "paint", box, "--image", picture, "--painter", "pbr", "--texture-size", 512, "--json",
        HF_HUB_CACHE=str(tmp_path / "empty"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["settings"]["paint"]["model"] == "bundled-painter"
    assert read_mesh(tmp_path / "box.painted.glb").visual.material.baseColorTexture.size == (512, 512)


def test_weights_that_are_not_here_are_named_with_what_fetches_them(
    call: Run, box: Path, picture: Path, tmp_path: Path
) -> None:
    options = ("--painter", "pbr", "--paint-model", "tencent/Hunyuan3D-2.1")
    done = call("paint", box, "--image", picture, *options, HF_HUB_CACHE=str(tmp_path / "empty"))
    assert done.returncode == 5
    assert "maquette models pull hunyuan3d-paintpbr-v2-1" in done.stderr


def test_settings_out_of_range_are_named(call: Run, box: Path, picture: Path) -> None:
    done = call("paint", box, "--image", picture, "--painter", "pbr", "--paint-views", 0)
    assert done.returncode == 2
    assert "views is 0 (it must be from 6 to 12)" in done.stderr
