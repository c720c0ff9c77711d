"""Everything the documents show works: commands parse or run, Python runs, the site builds without a warning."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from cli.conftest import Run, call, model_file, picture  # noqa: F401
from maquette.cli.main import VERBS, maquette

ROOT = Path(__file__).parents[2]
PAGES = [
    page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "design.md"
]  # it plans ahead, too
PAGES += [ROOT / "README.md", ROOT / "deploy" / "README.md"]


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for language, text in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.M | re.S):
        if language in languages:
            yield text


def shown_commands() -> Iterator[tuple[str, str, bool]]:
    """The page, the command, and whether it is whole: between backticks in prose, arguments may be left out."""
    for page in PAGES:
        for text in blocks(page, "", "sh", "bash", "console"):
            for line in text.splitlines():
                for part in re.split(r"\s+(?:&&|;|\|)\s+", line.split(" #")[0].strip()):
                    words = re.sub(r"^(\$ |\w+=\S+ )+", "", part)
                    if words.startswith("maquette "):
                        yield page.name, words, True
        for words in re.findall(r"`(maquette [a-z]\w+[^`]*)`", page.read_text()):
            if "..." not in words and "/" not in words.split()[1]:
                yield page.name, " ".join(words.split()), False


COARSE = {
    "generate": "--resolution 64 --faces 2000 --texture-size 512",
    "preview": "--size 96 --frames 4",
}
"""What makes a command quick."""
SHOWN = sorted(set(shown_commands()))


@pytest.mark.parametrize(("page", "line", "whole"), SHOWN, ids=[f"{page}: {line}" for page, line, _ in SHOWN])
def test_a_shown_command_is_understood(page: str, line: str, whole: bool) -> None:
    """By the command line's own parser; values written as upper-case words, [choices] or 1..9 are stand-ins."""
    words = [re.sub(r"[\[\]]|(?<=\d)\.\.\d+", "", word).split("|")[0] for word in shlex.split(line)[1:]]
    words = [word for word in words if word != "..."]
    command: click.Command = maquette
    context = command.make_context("maquette", words)
    while isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest and command is not maquette:  # a group that does something by itself
            return
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        try:
            command, context = found, found.make_context(found.name, rest, parent=context)
        except click.MissingParameter:
            if whole:
                raise
            return


def test_every_verb_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    assert [verb for verb in VERBS if f"maquette {verb}" not in text] == []


@pytest.mark.slow
def test_the_first_asset(call: Run, tmp_path: Path) -> None:  # noqa: F811
    """The page's commands for real, decoded coarsely."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for text in blocks(ROOT / "docs" / "first-asset.md", ""):
        for line in text.splitlines():
            words = shlex.split(line)[1:]
            done = call(*words, *shlex.split(COARSE.get(words[0], "")))
            assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert (tmp_path / "sofa.preview.png").exists()


@pytest.mark.slow
def test_the_command_line_page(call: Run, model_file: Path, picture: Path, tmp_path: Path) -> None:  # noqa: F811
    """The commands of the page for real, in turn, with a tiny model; not those that never end or train."""
    (tmp_path / "pictures").mkdir()
    for place in ("photo.png", "pictures/disc.png"):
        shutil.copy(picture, tmp_path / place)
    (tmp_path / "table.csv").write_text("picture,output\npictures/disc.png,disc.glb\nphoto.png,photo.glb\n")
    small = f"--model {model_file} --device cpu"
    extra = {
        "generate": f"{small} --resolution 16 --faces 500",
        "batch": f"{small} --set resolution=16 --set faces=500 --set texture_size=512",
        "paint": "--device cpu --texture-size 512",
        "preview": "--size 96",
    }
    options = shlex.split(extra["generate"])
    assert call("generate", "photo.png", "-o", "chair.stl", "--painter", "none", *options).returncode == 0
    ran = []
    for line in next(blocks(ROOT / "docs" / "cli.md", "")).splitlines():
        verb, *words = shlex.split(line)[1:] or [""]
        if verb in ("", "serve", "worker", "train", "evaluate"):
            continue
        if verb == "batch" and "--resume" not in words:
            shutil.rmtree(tmp_path / "assets", ignore_errors=True)
        if verb in ("generate", "batch") and not {"--seed", "--two-pass"} & set(words):
            words += ["--painter", "none"]
        done = call(verb, *words, *shlex.split(extra.get(verb, "")), HOME=str(tmp_path), XDG_DATA_HOME="")
        allowed = (0, 1) if verb == "doctor" or "--print-ready" in words else (0,)
        assert done.returncode in allowed, (line, done.stdout, done.stderr)
        ran.append(verb)
    assert set(ran) >= {"generate", "paint", "batch", "inspect", "preview", "models", "doctor", "keys"}
    assert (tmp_path / "meshes" / "disc.obj").exists() and (tmp_path / "painted.glb").exists()


@pytest.mark.slow
def test_the_python_page(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    code = "\n".join(blocks(ROOT / "docs" / "python.md", "python"))
    code = code.replace("resolution=64", "resolution=48, steps=4")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("True 1 ") and (tmp_path / "pot.ply").exists()


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_shown_python_compiles(page: Path) -> None:
    for text in blocks(page, "python"):
        compile(text, page.name, "exec")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("material") is None, reason="mkdocs-material is not installed")
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scaling" / "index.html").exists()
    assert "replay.sh" in (tmp_path / "deployment" / "index.html").read_text()  # the snippet was taken in
