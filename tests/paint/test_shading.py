"""Light taken out of a picture of a ball whose paint and light are known."""

from __future__ import annotations

import numpy as np
import pytest

from maquette.paint.shading import without_shading
from maquette.render.shade import linear_to_srgb

SIDE = 128


def _ball() -> tuple[np.ndarray, np.ndarray]:
    """Normals of a ball that fills the frame, and where it is."""
    row, column = (np.indices((SIDE, SIDE)) + 0.5) / SIDE * 2 - 1
    square = column**2 + row**2
    normal = np.dstack([column, -row, np.sqrt((1 - square).clip(0))])
    return normal.astype(np.float32), square < 0.95


def _shown(paint: np.ndarray, light: np.ndarray) -> np.ndarray:
    import torch

    return linear_to_srgb(torch.from_numpy(paint * light[..., None]).float()).numpy()


@pytest.mark.parametrize("light", [(0.0, 0.8, 0.6), (-0.6, 0.6, 0.5), (0.7, 0.0, 0.7)])
def test_a_plain_ball_becomes_plain(light: tuple[float, float, float]) -> None:
    normal, inside = _ball()
    lambert = (normal @ np.array(light)).clip(0) * 0.7 + 0.3
    paint = np.broadcast_to([0.5, 0.2, 0.1], normal.shape)
    before, truth = _shown(paint, lambert), _shown(paint, np.ones_like(lambert))
    after = without_shading(before, normal, inside)
    assert after[inside].std(0).max() < 0.35 * before[inside].std(0).max()
    assert abs(after[inside].mean(0) - truth[inside].mean(0)).max() < 0.08
    assert np.array_equal(after[~inside], before[~inside])


def test_paint_that_changes_from_top_to_bottom_is_not_taken_for_light() -> None:
    normal, inside = _ball()
    dark = np.where(normal[..., 1:2] > 0.2, [0.08, 0.08, 0.3], [0.7, 0.6, 0.2])
    before = _shown(dark, np.ones(normal.shape[:2]))
    after = without_shading(before, normal, inside)
    assert abs(after - before)[inside].mean() < 0.03


def test_what_shows_next_to_nothing_is_left_alone() -> None:
    normal, inside = _ball()
    picture = np.full(normal.shape, 0.5, np.float32)
    assert np.array_equal(
        without_shading(picture, normal, inside & (np.indices(inside.shape)[0] < 7)), picture
    )
    black = np.zeros(normal.shape, np.float32)
    assert np.array_equal(without_shading(black, normal, inside), black)
