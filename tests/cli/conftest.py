"""A small model file and pictures for running the real command."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maquette.cli import main
from maquette.zoo.shape_model import save_shape_model
from tiny_model import tiny_model

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_shape_model(tiny_model(), path, torch.float32)
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A shaded disc with an alpha channel."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    inside = x**2 + y**2 < 0.6
    rgba = np.stack([200 + 50 * x, 120 + 50 * y, np.full_like(x, 60), 255 * inside], axis=-1)
    path = tmp_path / "disc.png"
    Image.fromarray(rgba.astype(np.uint8), "RGBA").save(path)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the real command in `tmp_path`, as a user would."""

    def run_command(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = str(Path(sys.executable).parent / "maquette")
        return subprocess.run(
            [command, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=120,
        )

    return run_command


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """As `run`, within this process: without the seconds that a new one takes to import everything."""
    monkeypatch.chdir(tmp_path)

    def call_command(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        words = ["maquette", *map(str, arguments)]
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", words)
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        return subprocess.CompletedProcess(words, int(ended.value.code or 0), out.getvalue(), err.getvalue())

    return call_command
