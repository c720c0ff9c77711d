"""Surfaces of known shapes: right size, right way out, closed, and untouched by what was never evaluated."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from maquette.errors import MeshError
from maquette.shape.surface import marching_cubes

BOUNDS = 1.01


def _grid(resolution: int | tuple[int, int, int] = 48) -> np.ndarray:
    """(X, Y, Z, 3) positions of the samples."""
    shape = (resolution,) * 3 if isinstance(resolution, int) else resolution
    axes = [np.linspace(-BOUNDS, BOUNDS, n + 1) for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def _ball(
    radius: float = 0.7, centre: tuple[float, float, float] = (0.0, 0.0, 0.0), resolution: int = 48
) -> np.ndarray:
    return radius - np.linalg.norm(_grid(resolution) - centre, axis=-1)


def test_a_ball_has_its_size_its_place_and_its_outside_outside() -> None:
    mesh = marching_cubes(_ball(0.7, (0.1, -0.1, 0.2)))
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.005)  # positive: the normals point out
    radii = np.linalg.norm(mesh.vertices - (0.1, -0.1, 0.2), axis=1)
    assert np.abs(radii - 0.7).max() < 0.002


def test_axes_are_not_swapped_and_may_have_different_counts() -> None:
    half = np.array([0.6, 0.4, 0.2])
    inside = (half - np.abs(_grid((40, 60, 80)))).min(axis=-1)
    mesh = marching_cubes(inside)
    assert np.abs(mesh.bounds - [-half, half]).max() < 1e-5


def test_the_level_moves_the_surface() -> None:
    assert marching_cubes(_ball(0.7), level=0.2).volume == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.01)


def test_a_body_that_leaves_the_box_is_closed_at_its_wall() -> None:
    mesh = marching_cubes(_ball(0.7, (0.8, 0.0, 0.0)))
    assert mesh.is_watertight
    assert mesh.bounds[1, 0] == pytest.approx(BOUNDS, abs=1e-6)
    cap = 0.7 - (BOUNDS - 0.8)
    whole, cut_away = 4 / 3 * np.pi * 0.7**3, np.pi * cap**2 * (3 * 0.7 - cap) / 3
    assert mesh.volume == pytest.approx(whole - cut_away, rel=0.01)


def test_a_box_full_to_the_brim_is_the_box() -> None:
    field = np.full((9, 9, 9), 3.0)
    field[4, 4, 4] = -1.0
    mesh = marching_cubes(field)
    assert mesh.is_watertight
    assert np.abs(mesh.bounds - [[-BOUNDS] * 3, [BOUNDS] * 3]).max() < 1e-6


def test_unevaluated_voxels_change_nothing() -> None:
    field = _ball()
    band = np.where(np.abs(field) < 0.1, field, np.nan)
    whole, part = marching_cubes(field), marching_cubes(band)
    assert np.array_equal(whole.vertices, part.vertices)
    assert np.array_equal(whole.faces, part.faces)


def test_unevaluated_voxels_in_many_separate_places_change_nothing() -> None:
    centres = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.6, 0.0, 0.6)]
    field = np.max([_ball(0.22, centre) for centre in centres], axis=0)
    band = np.where(np.abs(field) < 0.09, field, np.nan)
    assert np.array_equal(marching_cubes(band).vertices, marching_cubes(field).vertices)


def test_a_stray_known_voxel_does_not_tear_the_surface() -> None:
    field = _ball()
    band = np.where(np.abs(field) < 0.1, field, np.nan)
    band[2, 2, 2] = -1.0
    band[24, 24, 24] = 1.0
    assert np.array_equal(marching_cubes(band).vertices, marching_cubes(field).vertices)


def test_infinite_logits_are_only_very_sure() -> None:
    field = _ball()
    field[field > 0.3], field[field < -0.3] = np.inf, -np.inf
    mesh = marching_cubes(field)
    assert np.isfinite(mesh.vertices).all()
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.005)


def test_compatible_places_vertices_as_the_original_does() -> None:
    right, original = marching_cubes(_ball()), marching_cubes(_ball(), compatible=True)
    lattice = (right.vertices + BOUNDS) / (2 * BOUNDS) * 48
    assert np.abs(original.vertices - (lattice / 49 * 2 * BOUNDS - BOUNDS)).max() < 1e-6
    assert np.array_equal(original.faces, right.faces)
    flash = marching_cubes(_ball(), compatible=True, octree_resolution=50)
    assert np.abs(flash.vertices - (lattice / 51 * 2 * BOUNDS - BOUNDS)).max() < 1e-6


def test_compatible_leaves_the_surface_open_at_the_wall() -> None:
    assert not marching_cubes(_ball(0.7, (0.8, 0.0, 0.0)), compatible=True).is_watertight


def test_the_grid_given_is_not_changed() -> None:
    field = np.where(np.abs(_ball()) < 0.1, _ball(), np.nan).astype(np.float32)
    before = field.copy()
    marching_cubes(field)
    assert np.array_equal(field, before, equal_nan=True)


def test_the_result_is_a_plain_mesh_and_repeats() -> None:
    first, second = marching_cubes(_ball()), marching_cubes(_ball())
    assert isinstance(first, trimesh.Trimesh)
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(first.faces, second.faces)


@pytest.mark.parametrize(
    ("field", "complaint"),
    [
        (np.full((8, 8, 8), -1.0), "everything lies outside"),
        (np.full((8, 8, 8), 1.0), "everything lies inside"),
        (np.full((8, 8, 8), np.nan), "only NaN"),
        (np.zeros((8, 8)), "shape"),
        (np.zeros((1, 8, 8)), "shape"),
    ],
)
def test_a_grid_without_a_surface_is_explained(field: np.ndarray, complaint: str) -> None:
    with pytest.raises(MeshError, match=complaint):
        marching_cubes(field)
