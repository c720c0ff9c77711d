"""Folders and manifests: what is read, and what is said about what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from maquette.errors import MaquetteError
from maquette.paint.pipeline import PaintSettings
from maquette.pipeline import AssetSettings
from maquette.scale.manifest import Plan, Row, read_rows
from maquette.shape.pipeline import ShapeSettings

PLAN = Plan(painter=None, settings=AssetSettings(ShapeSettings(seed=3), None))


def manifest(tmp_path: Path, text: str, name: str = "rows.csv") -> list[Row]:
    (tmp_path / name).write_text(text)
    return read_rows(str(tmp_path / name), PLAN)


def test_a_folder_is_read_in_the_order_of_names(pictures: Path) -> None:
    (pictures / "notes.txt").write_text("not a picture")
    rows = read_rows(str(pictures), PLAN, "ply")
    assert [row.output for row in rows] == ["a.ply", "b.ply", "c.ply"]
    assert all(row.settings == PLAN.settings and row.problem is None for row in rows)


def test_rows_of_a_csv_change_the_settings(tmp_path: Path) -> None:
    one, two = manifest(
        tmp_path, "picture,output,faces,guidance,cutout\nx.png,sub/y.obj,0,2,none\nz.jpg,,,,\n"
    )
    assert one.settings == AssetSettings(ShapeSettings(3, None, 2.0, None, None, "none"), None)
    assert one.pictures == {"front": str(tmp_path / "x.png")} and one.output == "sub/y.obj"
    assert two.settings == PLAN.settings and two.output == "z.glb"


def test_rows_of_jsonl_may_have_views_and_urls(tmp_path: Path) -> None:
    text = '{"front": "s3://bucket/f.png", "back": "b.png", "seed": 9, "painter": "none"}\n\n'
    (row,) = manifest(tmp_path, text, "rows.jsonl")
    assert row.pictures == {"front": "s3://bucket/f.png", "back": str(tmp_path / "b.png")}
    assert row.settings is not None and row.settings.shape.seed == 9 and row.output == "f.glb"


def test_paint_settings_reach_the_painter(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("picture,texture_size,seed,keep_uv\nx.png,1024,5,true\ny.png,,,\n")
    one, two = read_rows(str(tmp_path / "rows.csv"), Plan(painter="project"))
    assert one.settings is not None and one.settings.paint == PaintSettings(
        texture_size=1024, seed=5, keep_uv=True
    )
    assert one.settings.shape.seed == 5
    assert two.settings is not None and two.settings.paint == PaintSettings()


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ('{"picture": "x.png", "seed": "seven"}', "seed is 'seven' (it must be of type int)"),
        ('{"picture": "x.png", "seed": 1.5}', "seed is 1.5"),
        ('{"picture": "x.png", "seed": true}', "seed is True"),
        ('{"picture": "x.png", "resolution": 5}', "resolution is 5"),
        ('{"picture": "x.png", "colour": "red"}', "unknown column 'colour'"),
        ('{"picture": "x.png", "painter": "pbr"}', "painter is 'pbr'"),
        ('{"picture": "x.png", "output": "../x.glb"}', "below the output folder"),
        ('{"picture": "x.png", "output": "/x.glb"}', "below the output folder"),
        ('{"picture": "x.png", "output": "x.fbx"}', "must end in .glb"),
        ('{"seed": 1}', "no picture"),
        ("[1]", "not a JSON object"),
        ("{", "not JSON"),
    ],
)
def test_a_bad_row_is_kept_with_its_problem(tmp_path: Path, line: str, part: str) -> None:
    bad, good = manifest(tmp_path, f'{line}\n{{"picture": "good.png"}}\n', "rows.jsonl")
    assert bad.problem is not None and part in bad.problem and bad.place == "rows.jsonl line 1"
    assert good.problem is None


def test_the_second_of_two_equal_outputs_is_bad(tmp_path: Path) -> None:
    rows = manifest(tmp_path, "picture\na/x.png\nb/X.jpg\nc/y.png\n")
    assert rows[1].problem is not None and "already that of rows.csv line 2" in rows[1].problem
    assert rows[0].problem is None and rows[2].problem is None


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("rows.csv", "photo,seed\nx.png,1\n", "columns are ['photo', 'seed']"),
        ("rows.csv", "picture\n", "no rows"),
        ("rows.txt", "x.png", "no folder and no manifest"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, name: str, text: str, part: str) -> None:
    with pytest.raises(MaquetteError) as caught:
        manifest(tmp_path, text, name)
    assert part in str(caught.value)


def test_a_missing_manifest_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(MaquetteError, match="none"):
        read_rows(str(tmp_path / "none.csv"), PLAN)
    with pytest.raises(MaquetteError, match="holds no picture"):
        read_rows(str(tmp_path), PLAN)


def test_the_key_of_a_row_is_the_work_it_asks_for(tmp_path: Path) -> None:
    one, two, three = manifest(tmp_path, "picture,output,seed\nx.png,a.glb,1\nx.png,b.glb,1\nx.png,c.glb,2\n")
    again = manifest(tmp_path, "picture,output,seed\nx.png,a.glb,1\n")[0]
    assert len({row.key(PLAN) for row in (one, two, three)}) == 3 and again.key(PLAN) == one.key(PLAN)
    assert again.key(Plan(model="other", painter=None)) != one.key(PLAN)
