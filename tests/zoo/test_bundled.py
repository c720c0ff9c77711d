"""The models in the package: found by name, loadable, and small; published painters that are here come first."""

from __future__ import annotations

from pathlib import Path

import pytest

from maquette.errors import CheckpointError
from maquette.zoo.catalog import BUNDLED_PAINTER, bundled_file, find_entry
from maquette.zoo.files import choose_painter, is_present, resolve_model
from maquette.zoo.paint_model import load_paint_model
from tiny_painter import tiny_painter
from zoo.test_paint_model import write_model


def test_the_bundled_painter_is_found_by_name_and_loads() -> None:
    assert is_present(find_entry(BUNDLED_PAINTER, "paint"))
    model = load_paint_model(resolve_model(BUNDLED_PAINTER, "paint"))
    assert model.config.name == BUNDLED_PAINTER
    assert model.config.license == "Apache-2.0"
    assert model.config.corrects and model.config.steps == 1


def test_the_bundled_painter_is_no_shape_model() -> None:
    with pytest.raises(CheckpointError, match="not a shape model"):
        resolve_model(BUNDLED_PAINTER)


def test_all_that_is_bundled_stays_below_80_megabytes() -> None:
    files = [path for path in bundled_file().parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 80e6


def test_a_published_painter_that_is_here_is_chosen_before_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert choose_painter() == BUNDLED_PAINTER
    name = "hunyuan3d-paintpbr-v2-1"
    write_model(tmp_path / "models--tencent--Hunyuan3D-2.1" / "snapshots" / "a" / name, tiny_painter())
    assert choose_painter() == name
