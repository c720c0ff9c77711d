"""Drawing views with a tiny random model: seeds, budgets, cancelling, overflow and bad input."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from maquette.errors import CheckpointError, SettingError
from maquette.paint.draw import DrawnViews, DrawSettings, ViewPainter
from maquette.paint.plan import PaintPlan
from maquette.runtime.device import Runtime
from maquette.zoo.paint_model import PaintModel
from tiny_painter import COLOUR, PBR, tiny_painter

CPU = Runtime(torch.device("cpu"), torch.float32, "test")
VIEWS, SIZE = 2, 64


def draw(model: PaintModel, runtime: Runtime = CPU, vram: float | None = None, **settings: Any) -> DrawnViews:
    maps = torch.rand(2, VIEWS, SIZE, SIZE, 3, generator=torch.Generator().manual_seed(1))
    maps[:, :, :, :20] = 1  # background
    picture = Image.linear_gradient("L").convert("RGB")
    on_progress = settings.pop("on_progress", lambda *_: None)
    pictures = settings.pop("pictures", [picture])
    return ViewPainter(model, runtime, vram).draw(
        pictures, maps[0], maps[1], torch.tensor([21, 12]), DrawSettings(**settings), on_progress
    )


def test_every_material_gets_every_view() -> None:
    assert draw(tiny_painter()).pictures.shape == (2, VIEWS, 3, SIZE, SIZE)
    assert draw(tiny_painter(COLOUR)).pictures.shape == (1, VIEWS, 3, SIZE, SIZE)


def test_turbo_draws_in_its_ten_steps() -> None:
    seen: list[tuple[int, int]] = []
    model = tiny_painter(dataclasses.replace(COLOUR, sampler="lcm", guidance=1.0))
    draw(
        model,
        on_progress=lambda stage, done, total: seen.append((done, total)) if stage == "denoise" else None,
    )
    assert seen == [(step, 10) for step in range(1, 11)]


def test_upscaler_makes_views_four_times_larger() -> None:
    assert draw(tiny_painter(enlarges=True)).pictures.shape[-1] == 4 * SIZE
    assert draw(tiny_painter(enlarges=True), enlarge=False).pictures.shape[-1] == SIZE
    assert "not enlarged" in draw(tiny_painter()).notes[0]


def test_seed_decides_the_noise() -> None:
    first, again, other = (draw(tiny_painter(), seed=seed).pictures for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.01)


def test_several_references_are_all_looked_at() -> None:
    one, other = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    alone, both = (draw(tiny_painter(), pictures=pictures).pictures for pictures in ([one], [one, other]))
    assert not torch.equal(alone, both)


@pytest.mark.parametrize("config", [PBR, COLOUR], ids=lambda config: config.name)
def test_cutting_the_work_up_does_not_change_the_numbers(config: Any, monkeypatch: Any) -> None:
    model = tiny_painter(config, enlarges=True)
    whole = draw(model).pictures
    plan = PaintPlan(rows=1, vae_rows=1, tile=24, stay=False)
    monkeypatch.setattr(ViewPainter, "plan", lambda *_: plan)
    torch.testing.assert_close(draw(model).pictures, whole, rtol=0, atol=2e-3)


@pytest.mark.slow
def test_two_budgets_give_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    painter, size = ViewPainter(tiny_painter(), CPU, 8), 128
    maps = torch.rand(4, size, size, 3, generator=torch.Generator().manual_seed(1))
    drawn, plans = [], []
    for budget in (8_000_000_000, 6_600_000):
        # The lower one is far below the least that users may give: it is to a tiny model what 4 GB are to a large one.
        monkeypatch.setattr("maquette.paint.draw.budget_bytes", lambda *_, budget=budget: budget)
        plans.append(painter.plan(4, size, torch.float32, DrawSettings(enlarge=False)))
        monkeypatch.setattr(painter, "plan", lambda *_, plan=plans[-1]: plan)
        picture, settings = Image.new("RGB", (64, 64), "red"), DrawSettings(enlarge=False, steps=2)
        drawn.append(painter.draw([picture], maps, maps, torch.zeros(4), settings).pictures)
        monkeypatch.undo()
    assert plans[0].stay and plans[0].rows is None
    assert not plans[1].stay and plans[1].rows == 2 and plans[1].vae_rows == 1 and plans[1].peak <= 6_600_000
    torch.testing.assert_close(drawn[1], drawn[0], rtol=0, atol=2e-3)


def test_a_budget_too_small_for_the_smallest_pieces_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maquette.paint.draw.budget_bytes", lambda *_: 1_000_000)
    with pytest.raises(SettingError, match=r"the stage 'denoise' of painting 2 views of 64 needs"):
        draw(tiny_painter(COLOUR))


def test_networks_go_back_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ViewPainter, "plan", lambda *_: PaintPlan(stay=False))
    model = tiny_painter()
    before = {name: (p.data_ptr(), p.dtype) for name, p in model.unet.named_parameters()}
    draw(model, Runtime(torch.device("cpu"), torch.bfloat16, "test"))
    assert {name: (p.data_ptr(), p.dtype) for name, p in model.unet.named_parameters()} == before


@pytest.mark.parametrize("stage", ["condition", "denoise", "decode", "upscale"])
def test_an_exception_from_the_callback_stops_the_work(stage: str) -> None:
    class StopError(Exception):
        pass

    def stop(name: str, done: int, total: int) -> None:
        if name == stage:
            raise StopError

    with pytest.raises(StopError):
        draw(tiny_painter(enlarges=True), on_progress=stop)


def test_overflow_in_half_precision_is_done_again_in_a_wider_type() -> None:
    model = tiny_painter()
    with torch.no_grad():
        model.unet.painting.conv_out.weight.mul_(3e5)
    drawn = draw(model, Runtime(torch.device("cpu"), torch.float16, "test"), steps=1, guidance=1.0)
    assert "float16 and was done again in float32" in drawn.notes[0]
    assert bool(torch.isfinite(drawn.pictures).all())


def test_damaged_weights_are_reported() -> None:
    model = tiny_painter()
    with torch.no_grad():
        model.unet.painting.conv_in.bias[0] = torch.nan
    with pytest.raises(CheckpointError, match="not finite, in float32"):
        draw(model, steps=1)


@pytest.mark.parametrize(
    ("normals", "positions", "message"),
    [
        ((0, 64, 64, 3), (0, 64, 64, 3), "no views"),
        ((2, 64, 64, 3), (2, 128, 128, 3), "multiple of 64"),
        ((2, 60, 60, 3), (2, 60, 60, 3), "multiple of 64"),
        ((2, 64, 128, 3), (2, 64, 128, 3), "multiple of 64"),
        ((2, 64, 64, 4), (2, 64, 64, 4), "multiple of 64"),
    ],
)
def test_bad_guide_maps_are_refused(normals: Any, positions: Any, message: str) -> None:
    painter, picture = ViewPainter(tiny_painter(), CPU), Image.new("RGB", (64, 64))
    cameras: Tensor = torch.zeros(2, dtype=torch.long)
    with pytest.raises(SettingError, match=message):
        painter.draw([picture], torch.rand(normals), torch.rand(positions), cameras)


def test_no_picture_is_refused() -> None:
    with pytest.raises(SettingError, match="no picture"):
        draw(tiny_painter(), pictures=[])


@pytest.mark.parametrize("vram", [0, -1, float("nan"), 0.5])
def test_bad_budgets_are_refused(vram: float) -> None:
    with pytest.raises(SettingError, match="vram"):
        ViewPainter(tiny_painter(), CPU, vram)


@pytest.mark.parametrize("settings", [{"steps": 0}, {"guidance": float("nan")}, {"guidance": -1}])
def test_bad_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="paint"):
        DrawSettings(**settings)
