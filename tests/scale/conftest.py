"""Pictures of different things, the small model, and the real command."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from cli.conftest import call, model_file, run

__all__ = ["call", "model_file", "run"]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures."""
    folder = tmp_path / "in"
    folder.mkdir()
    for index, name in enumerate(("a.png", "b.png", "c.png")):
        picture = Image.new("RGBA", (96, 96))
        draw = ImageDraw.Draw(picture)
        draw.ellipse((12 + 10 * index, 16, 80, 80), fill=(200 - 60 * index, 120, 60, 255))
        draw.rectangle((30, 40, 60, 50), fill=(10, 20, 200, 255))
        picture.save(folder / name)
    return folder
