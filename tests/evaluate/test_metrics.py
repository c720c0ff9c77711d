"""Scores of shapes whose overlap and distance are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from maquette.errors import MeshError, SettingError
from maquette.evaluate.metrics import (
    VIEWS,
    SurfaceDistances,
    cell_centres,
    chamfer_l1,
    f_score,
    mask_iou,
    normal_consistency,
    occupancy,
    sample_surface,
    scan_winding,
    score_shapes,
    silhouette_iou,
    silhouettes,
    volume_iou,
)
from maquette.render.camera import Camera, clip_positions
from maquette.render.rasterize import rasterize


def sphere(radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(4, radius)
    mesh.apply_translation(centre)
    return mesh


def open_mesh(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh without its first face."""
    return trimesh.Trimesh(mesh.vertices, mesh.faces[1:], process=False)


def test_identical_meshes_score_best() -> None:
    scores = score_shapes(sphere(0.8), sphere(0.8), camera=Camera(azimuth=30, distance=4, ortho_scale=3))
    assert scores.volume_iou == scores.silhouette_iou == scores.input_view_iou == 1
    assert scores.chamfer_l1 == 0 and scores.normal_consistency == pytest.approx(1)
    assert scores.f_score_05 == scores.f_score_02 == pytest.approx(1)


def test_scores_of_two_spheres_are_those_of_geometry() -> None:
    small, large = sphere(0.6), sphere(0.8)
    assert volume_iou(small, large) == pytest.approx(0.75**3, abs=0.01)
    assert chamfer_l1(small, large) == pytest.approx(0.1, abs=0.002)  # 0.2 apart in a box of side 2
    assert f_score(small, large, 0.05) == 0.0
    assert f_score(small, large, 0.11) == 1.0
    assert normal_consistency(small, large) > 0.99
    assert silhouette_iou(small, large) == pytest.approx(0.75**2, abs=0.01)


def test_f_score_counts_the_share_within_reach() -> None:
    both = trimesh.util.concatenate([sphere(0.2, (-0.7, 0, 0)), sphere(0.2, (0.7, 0, 0))])
    one = sphere(0.2, (0.7, 0, 0))
    assert f_score(both, one, 0.05) == pytest.approx(2 / 3, abs=0.01)  # precision one half, recall one


def test_a_moved_box_overlaps_by_the_share_left() -> None:
    a, b = trimesh.creation.box((1, 1, 1)), trimesh.creation.box((1, 1, 1))
    b.apply_translation((0.5, 0, 0))
    assert volume_iou(a, b) == pytest.approx(1 / 3, abs=0.02)


def test_shapes_that_do_not_meet_score_zero() -> None:
    scores = score_shapes(sphere(0.2, (-0.7, 0, 0)), sphere(0.2, (0.7, 0, 0)))
    assert scores.volume_iou == scores.f_score_05 == 0
    assert scores.input_view_iou is None


def test_scores_are_decided_by_the_seed() -> None:
    a, b = sphere(0.7), trimesh.creation.box((1, 1.2, 1.4))
    assert score_shapes(a, b, seed=3) == score_shapes(a, b, seed=3)
    assert chamfer_l1(a, b, seed=3) != chamfer_l1(a, b, seed=4)
    assert chamfer_l1(a, b) == pytest.approx(chamfer_l1(b, a), abs=2e-3)


def test_distances_go_both_ways() -> None:
    distances = SurfaceDistances.measure(sphere(0.1, (0.5, 0, 0)), sphere(0.5))
    assert distances.to_truth.mean() < 0.05 < distances.to_pred.mean()


def test_occupancy_is_exact_on_boxes_that_cut_the_lattice() -> None:
    grid = occupancy(trimesh.creation.box((1, 0.5, 0.25)), 16)
    x, y, z = (np.abs(a) for a in np.meshgrid(*[cell_centres(16)] * 3, indexing="ij"))
    np.testing.assert_array_equal(grid, (x < 0.5) & (y < 0.25) & (z < 0.125))


def test_overlapping_parts_count_as_their_union() -> None:
    parts = trimesh.util.concatenate([sphere(0.5, (-0.2, 0, 0)), sphere(0.5, (0.2, 0, 0))])
    union = occupancy(sphere(0.5, (-0.2, 0, 0))) | occupancy(sphere(0.5, (0.2, 0, 0)))
    assert mask_iou(occupancy(parts), union) > 0.999


def test_winding_is_the_same_along_every_axis_and_counts_nesting() -> None:
    nested = trimesh.util.concatenate([sphere(0.8), sphere(0.4)])
    scans = [scan_winding(nested.vertices, nested.faces, 24, axis) for axis in range(3)]
    for scan in scans:
        np.testing.assert_array_equal(scan, scans[0])
    assert scans[0][12, 12, 12] == 2 and scans[0][12, 12, 5] == 1 and scans[0][0, 0, 0] == 0


def test_open_mesh_is_filled_by_the_generalised_winding_number() -> None:
    mesh = trimesh.creation.icosphere(2, 0.7)
    assert mask_iou(occupancy(open_mesh(mesh), 24), occupancy(mesh, 24)) > 0.98


def test_closed_scan_agrees_with_the_generalised_winding_number() -> None:
    from maquette.train.sdf import winding_number

    mesh = trimesh.creation.torus(0.6, 0.25, major_sections=24, minor_sections=12)
    axis = torch.from_numpy(cell_centres(20)).float()
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    triangles = torch.from_numpy(np.asarray(mesh.vertices)[mesh.faces]).float()
    expected = winding_number(points, triangles).numpy().reshape(20, 20, 20) > 0.5
    np.testing.assert_array_equal(occupancy(mesh, 20), expected)


def test_silhouettes_agree_with_the_rasteriser() -> None:
    mesh = trimesh.creation.torus(0.6, 0.25)
    camera = Camera(azimuth=20, elevation=40, distance=4, fov_degrees=40)
    drawn = silhouettes(mesh.vertices, mesh.faces, [camera], 128)[0]
    clip = clip_positions(torch.from_numpy(mesh.vertices).float(), [camera])[0] * torch.tensor([1, -1, 1, 1])
    expected = rasterize(clip, torch.from_numpy(np.asarray(mesh.faces)).long(), (128, 128)).mask[0].numpy()
    assert mask_iou(drawn, expected) > 0.96


def test_silhouette_rows_run_downwards_and_the_camera_matters() -> None:
    mesh = trimesh.creation.box((0.5, 0.5, 0.5))
    mesh.apply_translation((0.6, 0.6, 0))
    front, left = silhouettes(
        mesh.vertices, mesh.faces, [VIEWS[0], Camera(azimuth=180, distance=4, ortho_scale=3.4)]
    )
    rows, columns = np.nonzero(front)
    assert rows.max() < 128 and columns.min() > 128
    assert np.nonzero(left)[1].max() < 128


def test_views_take_in_the_whole_cube() -> None:
    cube = trimesh.creation.box((2, 2, 2))
    for outline in silhouettes(cube.vertices, cube.faces, VIEWS, 64):
        assert not (outline[0].any() or outline[-1].any() or outline[:, 0].any() or outline[:, -1].any())


def test_samples_lie_on_the_surface_with_their_normals() -> None:
    samples = sample_surface(trimesh.creation.box((1, 1, 1)), 500, np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(samples.points).max(axis=1), 0.5)
    np.testing.assert_allclose(np.einsum("ij,ij->i", samples.points, samples.normals), 0.5)


def test_meshes_without_area_and_empty_settings_are_refused() -> None:
    flat = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], process=False)
    with pytest.raises(MeshError, match="no surface"):
        chamfer_l1(flat, sphere(0.5))
    with pytest.raises(SettingError, match="resolution"):
        occupancy(sphere(0.5), 0)
    with pytest.raises(SettingError, match="camera"):
        silhouettes(flat.vertices, flat.faces, [])
