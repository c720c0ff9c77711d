"""Baselines: what they may know, and what they must answer."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from maquette.errors import PictureError, SettingError
from maquette.evaluate.baselines import (
    FRONT_CAMERAS,
    ExtrudedSilhouette,
    MeanShape,
    NearestSilhouette,
    OracleExtrusion,
    fit_box,
    mesh_from_grid,
    quick_occupancy,
    recentre_mask,
)
from maquette.evaluate.metrics import mask_iou, occupancy, silhouettes, volume_iou
from maquette.render.camera import Camera
from maquette.train.meshes import PaintedMesh


def painted(mesh: trimesh.Trimesh) -> PaintedMesh:
    n = len(mesh.faces)
    return PaintedMesh(
        mesh.vertices.astype(np.float32), mesh.faces.astype(np.int64), np.ones((n, 3, 3), np.float32),
        np.zeros((n, 2), np.float32),
    )  # fmt: skip


SPHERE = trimesh.creation.icosphere(3, 0.95)
TALL = trimesh.creation.box((0.5, 1.9, 0.5))
FLAT = trimesh.creation.box((1.9, 0.3, 1.9))


def test_recentred_mask_fills_85_percent_wherever_the_object_was() -> None:
    mask = np.zeros((100, 80), dtype=bool)
    mask[10:30, 50:60] = True
    centred = recentre_mask(mask, 40)
    rows, columns = np.flatnonzero(centred.any(axis=1)), np.flatnonzero(centred.any(axis=0))
    assert (len(rows), len(columns)) == (34, 17)
    assert rows[0] == 3 and columns[0] == 11
    np.testing.assert_array_equal(centred, recentre_mask(np.roll(mask, (40, -30), (0, 1)), 40))


def test_empty_mask_is_refused() -> None:
    with pytest.raises(PictureError, match="empty"):
        recentre_mask(np.zeros((8, 8), dtype=bool))


def test_mean_shape_of_one_object_is_that_object() -> None:
    mean = MeanShape.fit([painted(SPHERE)], 48)
    assert volume_iou(mean.predict(np.ones((4, 4), dtype=bool)), SPHERE, 48) > 0.95


def test_mean_shape_has_the_mean_volume_and_ignores_the_picture() -> None:
    sizes = np.random.default_rng(0).uniform(0.3, 1.9, (40, 3))
    boxes = [trimesh.creation.box(size) for size in sizes]
    mean = MeanShape.fit([painted(mesh) for mesh in boxes], 48)
    assert mean.mesh.is_watertight
    assert mean.mesh.volume == pytest.approx(np.mean([mesh.volume for mesh in boxes]), rel=0.06)
    one, other = np.eye(9, dtype=bool), np.ones((9, 9), dtype=bool)
    np.testing.assert_array_equal(mean.predict(one).vertices, mean.predict(other).vertices)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_nearest_silhouette_finds_the_object_from_a_camera_it_has_not_seen(index: int) -> None:
    library = [painted(mesh) for mesh in (SPHERE, TALL, FLAT)]
    nearest = NearestSilhouette.fit(library, size=32)
    camera = Camera(azimuth=12, elevation=9, distance=6, fov_degrees=30)
    seen = silhouettes(library[index].vertices, library[index].faces, [camera], 128)[0]
    assert nearest.nearest(np.pad(seen, ((30, 0), (0, 77)))) == index
    np.testing.assert_array_equal(nearest.predict(seen).vertices, library[index].vertices)


def test_libraries_may_not_be_empty() -> None:
    for fit in (MeanShape.fit, NearestSilhouette.fit):
        with pytest.raises(SettingError, match="at least one"):
            fit([])


def test_extrusion_shows_the_silhouette_and_is_as_deep_as_its_smaller_side() -> None:
    mask = np.zeros((64, 64), dtype=bool)
    mask[8:56, 20:44] = True
    mask[8:20, 44:50] = True  # a flag at the upper right
    mesh = ExtrudedSilhouette().predict(mask)
    low, high = mesh.bounds
    assert mesh.is_watertight and mesh.volume > 0
    np.testing.assert_allclose(low, -high, atol=1e-6)
    assert (high - low).max() == pytest.approx(1.9)
    assert high[2] - low[2] == pytest.approx(high[0] - low[0], abs=0.06)
    front = silhouettes(mesh.vertices, mesh.faces, [Camera(distance=4, ortho_scale=2.3)], 96)[0]
    assert mask_iou(recentre_mask(front), recentre_mask(mask)) > 0.9


def test_oracle_extrusion_shows_the_silhouette_to_the_true_camera() -> None:
    camera = Camera(azimuth=40, elevation=25, distance=4, ortho_scale=3.4)
    mask = silhouettes(TALL.vertices, TALL.faces, [camera], 96)[0]
    mesh = OracleExtrusion(camera).predict(mask)
    again = silhouettes(mesh.vertices, mesh.faces, [camera], 96)[0]
    assert mask_iou(recentre_mask(again), recentre_mask(mask)) > 0.9
    plain = ExtrudedSilhouette().predict(mask)
    other = silhouettes(plain.vertices, plain.faces, [camera], 96)[0]
    assert mask_iou(recentre_mask(other), recentre_mask(mask)) < 0.9


def test_quick_occupancy_fills_open_meshes() -> None:
    holed = SPHERE.faces[20:]
    assert mask_iou(quick_occupancy(SPHERE.vertices, holed, 32), occupancy(SPHERE, 32)) > 0.97


def test_grid_surface_is_closed_at_the_border_and_of_the_right_size() -> None:
    mesh = mesh_from_grid(np.ones((8, 8, 8)), 0.5)
    assert mesh.is_watertight and mesh.volume > 0
    np.testing.assert_allclose(mesh.bounds, [[-1, -1, -1], [1, 1, 1]], atol=0.13)
    with pytest.raises(SettingError, match="level"):
        mesh_from_grid(np.zeros((4, 4, 4)), 0.5)


def test_fitted_box_is_centred() -> None:
    mesh = trimesh.creation.box((4, 2, 1))
    mesh.apply_translation((5, 0, -3))
    np.testing.assert_allclose(fit_box(mesh).bounds, [[-0.95, -0.475, -0.2375], [0.95, 0.475, 0.2375]])
    assert mesh.bounds[1, 0] == 7  # the original stays


def test_front_cameras_stand_in_front() -> None:
    assert len(FRONT_CAMERAS) == 9
    assert all(abs(camera.azimuth) <= 45 for camera in FRONT_CAMERAS)
