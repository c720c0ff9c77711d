"""A shape held to the outline of its picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maquette.shape.outline import HALF_SIDE, OutlinedField, fit_outline
from maquette.shape.sparse import SparseVolume
from maquette.shape.surface import extract_surface
from maquette.shape.volume import decode_dense

CPU = torch.device("cpu")


class Ball:
    """Truncated distance to a ball, as a model's field would give it."""

    bytes_per_point = 64

    def __init__(self, radius: float) -> None:
        self.radius = radius

    def __call__(self, points: Tensor) -> Tensor:
        return ((self.radius - points.norm(dim=-1)) / 0.3).clamp(-1, 1)


def bottle() -> np.ndarray:
    """The matte of a bottle: a wide body with a narrow neck."""
    matte = np.zeros((120, 90), np.float32)
    matte[50:110, 20:70] = 1
    matte[10:50, 38:52] = 1
    return matte


def held(field: Any, matte: np.ndarray) -> Any:
    outline = fit_outline(field, matte, 1.01, CPU)
    assert outline is not None
    outlined = OutlinedField(field, outline)
    return extract_surface(SparseVolume.from_dense(decode_dense(outlined, 48, 1.01, CPU), 1.01), outlined)


@pytest.fixture(scope="module")
def mesh() -> Any:
    return held(Ball(0.7), bottle())


def test_a_ball_becomes_a_bottle(mesh: Any) -> None:
    neck = np.abs(mesh.vertices[mesh.vertices[:, 1] > 0.4][:, 0]).max()
    body = np.abs(mesh.vertices[mesh.vertices[:, 1] < -0.2][:, 0]).max()
    assert body / neck > 2


def test_the_result_is_closed_and_fills_the_box(mesh: Any) -> None:
    assert mesh.is_watertight
    np.testing.assert_allclose(np.abs(mesh.bounds).max(), HALF_SIDE, atol=0.05)
    np.testing.assert_allclose(mesh.bounds.mean(0), 0, atol=0.05)


def test_proportions_are_the_pictures(mesh: Any) -> None:
    size = np.ptp(mesh.bounds, axis=0)
    assert size[1] / size[0] == pytest.approx(100 / 50, rel=0.15)


def test_nothing_is_fitted_to_an_empty_field() -> None:
    assert fit_outline(Ball(-1.0), bottle(), 1.01, CPU) is None  # type: ignore[arg-type]


def test_a_matte_with_nothing_opaque_says_nothing() -> None:
    assert fit_outline(Ball(0.7), bottle() * 0.3, 1.01, CPU) is None  # type: ignore[arg-type]
