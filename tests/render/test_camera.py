import math

import pytest
import torch

from maquette.errors import SettingError
from maquette.render.camera import (
    Camera,
    clip_positions,
    frame_cameras,
    projection_matrices,
    projection_matrix,
    view_matrices,
    view_matrix,
)

AXES = torch.eye(3)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "eye"),
    [(0, 0, (0, 0, 2)), (90, 0, (2, 0, 0)), (180, 0, (0, 0, -2)), (0, 90, (0, 2, 0)), (0, -90, (0, -2, 0))],
)
def test_the_eye_stands_where_azimuth_and_elevation_say(azimuth, elevation, eye):
    seen = view_matrix(Camera(azimuth, elevation, distance=2)) @ torch.tensor([*eye, 1.0])
    torch.testing.assert_close(seen, torch.tensor([0.0, 0, 0, 1]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("elevation", [-90.0, -30, 0, 45, 90])
def test_views_are_rotations_with_level_horizon(elevation):
    view = view_matrix(Camera(37, elevation))[:3, :3]
    torch.testing.assert_close(view @ view.T, AXES, atol=1e-6, rtol=0)
    assert torch.linalg.det(view) == pytest.approx(1)
    assert view[0, 1] == 0
    assert view[1, 1] >= -1e-6


def test_the_front_view_has_x_right_and_y_up():
    clip = clip_positions(AXES, [Camera(ortho_scale=2.0)])[0]
    torch.testing.assert_close(clip[:2, :2], AXES[:2, :2])
    assert (clip[:, 3] == 1).all()


def test_a_perspective_camera_maps_its_opening_angle_to_the_frame():
    camera = Camera(distance=3, fov_degrees=50)
    top = math.tan(math.radians(25)) * 3
    clip = clip_positions(torch.tensor([[0, top, 0.0], [2 * top, 0, 0]]), [camera], aspect=2.0)[0]
    assert clip[0, 1] / clip[0, 3] == pytest.approx(1, abs=1e-5)
    assert clip[1, 0] / clip[1, 3] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("fov", [None, 40.0])
def test_near_and_far_planes_map_to_minus_one_and_one(fov):
    camera = Camera(distance=5, fov_degrees=fov, near=1, far=9)
    clip = clip_positions(torch.tensor([[0.0, 0, 4], [0, 0, -4]]), [camera])[0]
    torch.testing.assert_close(clip[:, 2] / clip[:, 3], torch.tensor([-1.0, 1.0]), atol=1e-5, rtol=0)


def test_batches_of_cameras_equal_single_cameras():
    cameras = [Camera(10, 20, 2, 30.0), Camera(200, -40, 1.5, None, ortho_scale=0.7)]
    azimuth, elevation, distance = torch.tensor([[10.0, 20, 2], [200, -40, 1.5]]).unbind(-1)
    views = view_matrices(azimuth, elevation, distance)
    projections = projection_matrices(torch.tensor([30.0, 0]), torch.tensor([1.0, 0.7]))
    for i, camera in enumerate(cameras):
        torch.testing.assert_close(views[i], view_matrix(camera))
        torch.testing.assert_close(projections[i], projection_matrix(camera))


@pytest.mark.parametrize(
    "wrong", [{"fov_degrees": 180.0}, {"near": 0.0}, {"distance": -1.0}, {"near": 2.0, "far": 1.0}]
)
def test_impossible_cameras_are_refused(wrong):
    with pytest.raises(SettingError, match="camera"):
        Camera(**wrong)


@pytest.mark.parametrize("fov", [20.0, 60.0])
def test_framing_takes_in_every_vertex_and_wastes_nothing(fov):
    generator = torch.Generator().manual_seed(0)
    vertices = torch.rand(50, 3, generator=generator) * 2 - 1
    cameras = frame_cameras(vertices, [(0, 10), (120, -30), (70, 80)], fov, fill=0.8)
    assert len({camera.distance for camera in cameras}) == 1
    clip = clip_positions(vertices, cameras)
    reach = (clip[..., :2].abs() / clip[..., 3:]).amax()
    assert reach == pytest.approx(0.8, abs=1e-4)
    assert (clip[..., 2].abs() < clip[..., 3]).all()
