import math

import pytest
import torch
import torch.nn.functional as F
import trimesh

from maquette.render.shade import (
    corner_normals,
    face_areas,
    filmic,
    linear_to_srgb,
    neutral,
    reflect_light,
    reflect_sky,
    srgb_to_linear,
)


def tensors(mesh):
    return torch.tensor(mesh.vertices, dtype=torch.float32), torch.tensor(mesh.faces)


def test_a_box_keeps_hard_edges():
    box = trimesh.creation.box((1, 2, 3))
    expected = torch.tensor(box.face_normals, dtype=torch.float32)[:, None].expand(-1, 3, -1)
    torch.testing.assert_close(corner_normals(*tensors(box)), expected)


def test_a_sphere_becomes_smooth():
    vertices, faces = tensors(trimesh.creation.icosphere(3))
    error = (corner_normals(vertices, faces) * vertices[faces]).sum(-1)
    assert error.min() > 0.999
    flat = (corner_normals(vertices, faces, 0) * vertices[faces]).sum(-1)
    assert flat.min() < 0.997


def test_a_cylinder_is_smooth_around_and_hard_at_the_caps():
    vertices, faces = tensors(trimesh.creation.cylinder(1.0, 2.0, sections=24))
    normals = corner_normals(vertices, faces)
    cap = (normals[..., 2].abs() > 0.999).all(-1)
    assert cap.sum() == 48
    side = vertices[faces[~cap]] * torch.tensor([1.0, 1, 0])
    torch.testing.assert_close(normals[~cap], F.normalize(side, dim=-1), atol=1e-4, rtol=0)


def test_chunks_and_wide_fans_are_handled(monkeypatch):
    vertices, faces = tensors(trimesh.creation.cylinder(1.0, 2.0, sections=700))
    whole = corner_normals(vertices, faces)
    assert whole.isfinite().all()
    torch.testing.assert_close(whole.norm(dim=-1), torch.ones(whole.shape[:2]))
    monkeypatch.setattr("maquette.render.shade._PAIRS_AT_ONCE", 500)
    assert torch.equal(corner_normals(vertices, faces), whole)


def test_faces_without_area_get_zero_normals_and_no_nan():
    normals = corner_normals(torch.eye(3), torch.tensor([[0, 1, 1], [0, 1, 2]]))
    assert normals.isfinite().all()
    assert (normals[0] == 0).all()
    assert face_areas(torch.eye(3), torch.tensor([[0, 1, 1], [0, 1, 2]]))[1] == pytest.approx(
        math.sqrt(3) / 2
    )


def test_srgb_round_trip_and_known_value():
    values = torch.linspace(0, 1, 50)
    torch.testing.assert_close(linear_to_srgb(srgb_to_linear(values)), values, atol=1e-5, rtol=0)
    assert srgb_to_linear(torch.tensor(0.5)) == pytest.approx(0.21404, abs=1e-4)


def test_the_film_curve_rises_from_black_and_never_leaves_the_range():
    curve = filmic(torch.linspace(0, 50, 500))
    assert curve[0] == 0
    assert (curve.diff() >= -1e-6).all()
    assert curve.max() <= 1


def test_the_preview_curve_keeps_base_colours_and_ends_at_white():
    base = torch.tensor([[0.6, 0.2, 0.05], [0.3, 0.3, 0.3], [0.02, 0.1, 0.5]])
    # A dielectric's own gloss of four hundredths comes on top of its colour and is taken off again.
    torch.testing.assert_close(neutral(base + 0.04), base, atol=0.02, rtol=0)
    grey = neutral(torch.linspace(0, 50, 500)[:, None].expand(-1, 3))
    assert (grey.diff(dim=0) >= -1e-6).all()
    assert grey.max() <= 1
    assert grey[-1].min() > 0.97


def light(angle, metallic=0.0, roughness=1.0, base=1.0):
    up, tilt = torch.tensor([[0.0, 1, 0]]), math.radians(angle)
    to_light = torch.tensor([[math.sin(tilt), math.cos(tilt), 0]])
    return reflect_light(
        up,
        up,
        to_light,
        torch.full((1, 3), base),
        torch.tensor([[float(metallic)]]),
        torch.tensor([[roughness]]),
    )[0, 0].item()


def test_matte_white_reflects_about_all_light_and_follows_the_cosine():
    assert light(0) == pytest.approx(1, abs=0.06)
    assert light(60) == pytest.approx(0.5, abs=0.04)
    assert light(100) == 0


def test_a_smooth_metal_shines_only_near_the_mirror_direction():
    assert light(0, metallic=1, roughness=0.2) > 5
    assert light(50, metallic=1, roughness=0.2) < 0.05


def sky(height, metallic=0.0, roughness=1.0):
    normal = torch.tensor([[0.0, height, math.sqrt(1 - height**2)]])
    one = torch.ones(1, 1)
    return reflect_sky(
        normal,
        torch.tensor([[0.0, 0, 1]]),
        torch.full((1, 3), 0.5),
        one * metallic,
        one * roughness,
        torch.tensor([1.0, 1, 1]),
        torch.tensor([0.1, 0.1, 0.1]),
    )[0, 0].item()


def test_surfaces_that_face_the_sky_are_brighter():
    assert sky(0.9) > sky(0.0) > sky(-0.9) > 0


def test_polished_metal_shows_a_sharper_horizon_than_rough_metal():
    assert sky(0.3, 1.0, 0.1) - sky(-0.3, 1.0, 0.1) > sky(0.3, 1.0, 1.0) - sky(-0.3, 1.0, 1.0)
