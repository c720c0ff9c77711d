"""The count is met, the shape kept, and what was watertight stays so, on friendly meshes and hostile ones."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy import ndimage

from lattices import surface_of
from maquette.errors import MeshError, SettingError
from maquette.mesh.clean import CleanSettings, clean
from maquette.mesh.simplify import simplify


def _bumpy_ball(resolution: int = 64) -> trimesh.Trimesh:
    axis = np.linspace(-1.01, 1.01, resolution + 1)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    return surface_of(
        0.8 - np.sqrt(x * x + y * y + z * z) + 0.03 * np.sin(9 * x) * np.sin(9 * y) * np.sin(8 * z)
    )


def _foam(size: int = 40) -> trimesh.Trimesh:
    noise = np.random.default_rng(1).standard_normal((size,) * 3).astype(np.float32)
    return clean(surface_of(ndimage.gaussian_filter(noise, 1.5) * 50), CleanSettings(min_component=0.0))[0]


@pytest.mark.parametrize("target", [8000, 1000, 100])
def test_the_count_is_met_and_the_surface_closed(target: int) -> None:
    ball = _bumpy_ball()
    result = simplify(ball, target)
    assert 0.98 * target <= len(result.faces) <= target
    assert result.is_watertight
    assert result.is_winding_consistent
    assert result.volume == pytest.approx(ball.volume, rel=0.005 if target > 500 else 0.1)


def test_the_surface_hardly_moves() -> None:
    ball = _bumpy_ball()
    result = simplify(ball, 4000)
    axis = result.vertices
    field = 0.8 - np.linalg.norm(axis, axis=1)
    field += 0.03 * np.sin(9 * axis[:, 0]) * np.sin(9 * axis[:, 1]) * np.sin(8 * axis[:, 2])
    assert np.abs(field).max() < 0.2 * 2.02 / 64  # a fifth of a voxel


@pytest.mark.parametrize("target", [6000, 1500, 400])
def test_a_foam_whose_sheets_nearly_touch_stays_watertight(target: int) -> None:
    foam = _foam()
    assert foam.is_watertight
    result = simplify(foam, target)
    assert len(result.faces) <= target
    assert result.is_watertight
    assert result.is_winding_consistent
    reread = trimesh.Trimesh(result.vertices.astype(np.float32), result.faces, process=True)
    assert reread.is_watertight


def test_faces_without_area_are_no_obstacle() -> None:
    ball = trimesh.creation.icosphere(4)
    faces = ball.faces.copy()
    a, b, c = faces[0]
    middle = len(ball.vertices)
    vertices = np.vstack([ball.vertices, (ball.vertices[a] + ball.vertices[b]) / 2])
    faces = np.vstack([faces[1:], [[a, middle, c], [middle, b, c], [a, b, middle]]])
    result = simplify(trimesh.Trimesh(vertices, faces, process=False), 500)
    assert result.is_watertight
    assert result.area_faces.min() > 0


def test_a_mesh_that_is_small_enough_comes_back_as_a_copy() -> None:
    ball = trimesh.creation.icosphere(2)
    result = simplify(ball, len(ball.faces))
    assert result is not ball
    assert np.array_equal(result.vertices, ball.vertices)
    assert np.array_equal(result.faces, ball.faces)


def test_an_open_sheet_is_simplified_too() -> None:
    dome = trimesh.creation.icosphere(4)
    dome = trimesh.Trimesh(dome.vertices, dome.faces[dome.triangles_center[:, 2] > 0], process=False)
    result = simplify(dome, 600)
    assert len(result.faces) <= 600
    assert result.area == pytest.approx(dome.area, rel=0.02)


def test_very_few_faces_for_many_parts_gives_the_least_there_is() -> None:
    balls = [trimesh.creation.icosphere(2).apply_translation((3 * i, 0, 0)) for i in range(4)]
    result = simplify(trimesh.util.concatenate(balls), 4)
    assert result.is_watertight
    assert 4 <= len(result.faces) <= 16


def test_simplifying_repeats_exactly_and_leaves_the_input() -> None:
    ball = _bumpy_ball(32)
    before = ball.vertices.copy()
    first, second = simplify(ball, 500), simplify(ball, 500)
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(first.faces, second.faces)
    assert np.array_equal(ball.vertices, before)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(SettingError, match="target_faces is 3"):
        simplify(trimesh.creation.icosphere(1), 3)
    with pytest.raises(MeshError, match="no faces"):
        simplify(trimesh.Trimesh(), 100)
    with pytest.raises(MeshError, match="no face with an area"):
        simplify(trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]] * 9, process=False), 8)
