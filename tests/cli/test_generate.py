"""`maquette generate`, run as a user runs it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from cli.conftest import Run
from maquette.cli.generate import plan_jobs
from maquette.errors import OutputError, PictureError
from maquette.mesh.export import read_mesh

PLAIN = ("--painter", "none", "--resolution", 16)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_picture_becomes_a_watertight_glb(run: Run, picture: Path, model_file: Path, tmp_path: Path) -> None:
    done = run("generate", picture, "-o", "out.glb", "--model", model_file, *PLAIN, "--faces", 500)
    assert done.returncode == 0, done.stderr
    mesh = read_mesh(tmp_path / "out.glb")
    assert mesh.is_watertight and 0 < len(mesh.faces) <= 510
    assert "Traceback" not in done.stderr


def test_the_mesh_is_painted_with_its_picture(
    run: Run, picture: Path, model_file: Path, tmp_path: Path
) -> None:
    arguments = ("--model", model_file, "--faces", 300, "--texture-size", 512, "--texture-format", "jpeg")
    done = run("generate", picture, "-o", "out.glb", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["watertight"] is True
    assert result["settings"]["paint"]["texels"]["seen"] > 1000
    material = read_mesh(tmp_path / "out.glb").visual.material
    assert material.baseColorTexture.size == (512, 512)
    assert material.metallicRoughnessTexture is not None


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    run: Run, call: Run, picture: Path, model_file: Path, tmp_path: Path
) -> None:
    for start, name, seed in ((run, "a.glb", 3), (call, "b.glb", 3), (call, "c.glb", 4)):
        done = start("generate", picture, "-o", name, "--model", model_file, *PLAIN, "--seed", seed)
        assert done.returncode == 0, done.stderr
    assert digest(tmp_path / "a.glb") == digest(tmp_path / "b.glb") != digest(tmp_path / "c.glb")


@pytest.mark.parametrize("file_format", ["obj", "ply", "stl"])
def test_other_formats(call: Run, picture: Path, model_file: Path, tmp_path: Path, file_format: str) -> None:
    assert call("generate", picture, "--format", file_format, "--model", model_file, *PLAIN).returncode == 0
    assert len(read_mesh(tmp_path / f"disc.{file_format}").faces) > 0


def test_json_tells_settings_seed_and_result(call: Run, picture: Path, model_file: Path) -> None:
    done = call("generate", picture, "-o", "x.glb", "--model", model_file, *PLAIN, "--seed", 9, "--json")
    result = json.loads(done.stdout)
    assert result["settings"]["seed"] == 9 and result["watertight"] is True and result["faces"] > 0


def test_one_bad_picture_does_not_stop_the_others(
    call: Run, picture: Path, model_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_text("not a picture")
    done = call("generate", "bad.png", picture, "-o", "meshes/", "--model", model_file, *PLAIN)
    assert done.returncode == 1
    assert (tmp_path / "meshes" / "disc.glb").exists() and not (tmp_path / "meshes" / "bad.glb").exists()
    assert "bad.png" in done.stderr and "Traceback" not in done.stderr


def bad_pictures(folder: Path) -> dict[str, Path]:
    good = Image.new("RGB", (64, 64), "white")
    made = {
        name: folder / f"{name}.png" for name in ("empty", "text", "truncated", "dot", "clear", "uniform")
    }
    made["empty"].write_bytes(b"")
    made["text"].write_text("hello")
    Image.effect_noise((64, 64), 60).save(made["truncated"])
    made["truncated"].write_bytes(made["truncated"].read_bytes()[:900])
    Image.new("RGB", (1, 1)).save(made["dot"])
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(made["clear"])
    good.save(made["uniform"])
    return {**made, "missing": folder / "missing.png"}


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "dot", "clear", "uniform", "missing"])
def test_bad_pictures_end_with_one_line(call: Run, model_file: Path, tmp_path: Path, kind: str) -> None:
    done = call("generate", bad_pictures(tmp_path)[kind], "-o", "x.glb", "--model", model_file, *PLAIN)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and kind in done.stderr
    assert not (tmp_path / "x.glb").exists()


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--steps", "0", "steps"),
        ("--steps", "5000", "steps"),
        ("--resolution", "4", "resolution"),
        ("--resolution", "9999", "resolution"),
        ("--guidance", "nan", "guidance"),
        ("--faces", "7", "faces"),
        ("--seed", "-1", "seed"),
        ("--device", "tpu", "device"),
    ],
)
def test_settings_out_of_range_are_named(
    call: Run, picture: Path, model_file: Path, option: str, value: str, word: str
) -> None:
    done = call("generate", picture, "-o", "x.glb", "--model", model_file, "--painter", "none", option, value)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {word} is") and done.stderr.count("\n") == 1


def test_unknown_model_is_told_the_known_ones(call: Run, picture: Path) -> None:
    done = call("generate", picture, "-o", "x.glb", "--model", "nobody/nothing")
    assert done.returncode == 5 and "bundled" in done.stderr and "Traceback" not in done.stderr


def test_output_that_cannot_be_written(call: Run, picture: Path, model_file: Path) -> None:
    done = call("generate", picture, "-o", "/proc/nowhere/x.glb", "--model", model_file, *PLAIN)
    assert done.returncode == 6 and done.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk(picture: Path, tmp_path: Path) -> None:
    from maquette.mesh.export import export_mesh

    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        import trimesh

        with pytest.raises(OutputError, match=r"(?i)space|full"):
            export_mesh(trimesh.creation.icosphere(subdivisions=4), small / "x.glb")
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.skipif(os.name == "nt", reason="signals work differently on Windows")
def test_interrupt_leaves_nothing_behind(picture: Path, model_file: Path, tmp_path: Path) -> None:
    command = str(Path(sys.executable).parent / "maquette")
    arguments = ["generate", str(picture), "-o", "x.glb", "--model", str(model_file), "--steps", "1000"]
    process = subprocess.Popen([command, *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("the machine was done before the interrupt")
    assert process.returncode == 130 and "interrupted" in stderr and "Traceback" not in stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["disc.png"]


def test_folders_and_globs_are_expanded_in_order(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "notes.txt"):
        (tmp_path / name).touch()
    names = [job.output.name for job in plan_jobs((str(tmp_path),), str(tmp_path / "out") + "/", None)]
    assert names == ["a.glb", "b.glb"]
    assert len(plan_jobs((str(tmp_path / "*.png"),), None, "obj")) == 1
    with pytest.raises(PictureError, match="nothing matches"):
        plan_jobs((str(tmp_path / "*.gif"),), None, None)


def test_outputs_that_would_overwrite_each_other_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(OutputError, match="would both become"):
        plan_jobs((str(tmp_path),), str(tmp_path), None)
    with pytest.raises(OutputError, match="one file for 2 pictures"):
        plan_jobs((str(tmp_path / "a.png"), str(tmp_path / "a.jpg")), "x.glb", None)


def test_variations_are_written_beside_each_other(
    call: Run, picture: Path, model_file: Path, tmp_path: Path
) -> None:
    options = ("--variations", 2, "--seed", 8, "--steps", 2)
    done = call("generate", picture, "-o", "x.glb", "--model", model_file, *PLAIN, *options)
    assert done.returncode == 0, done.stderr
    assert digest(tmp_path / "x-8.glb") != digest(tmp_path / "x-9.glb") and not (tmp_path / "x.glb").exists()


def test_views_without_a_multi_view_model_end_with_one_line(call: Run, picture: Path, tmp_path: Path) -> None:
    done = call("generate", "--front", picture, "--left", picture, "-o", "x.glb", HF_HUB_CACHE=str(tmp_path))
    assert done.returncode == 5 and done.stderr.count("\n") == 1 and "pull hunyuan3d-dit-v2-mv" in done.stderr
    done = call("generate", "--front", picture, picture, "-o", "x.glb")
    assert done.returncode == 2 and "no place for more pictures" in done.stderr


def test_a_model_of_one_picture_takes_the_front_of_the_views(
    call: Run, picture: Path, model_file: Path, tmp_path: Path
) -> None:
    done = call("generate", picture, "--left", picture, "-o", "x.glb", "--model", model_file, *PLAIN)
    assert done.returncode == 0 and "left had no say" in done.stderr
    assert (tmp_path / "x.glb").exists()
