"""Signed distances against shapes whose distance is known."""

from __future__ import annotations

import numpy as np
import torch
import trimesh

from maquette.train.sdf import distance_and_winding, signed_distance, winding_number


def triangles(mesh: trimesh.Trimesh) -> torch.Tensor:
    return torch.from_numpy(np.array(mesh.triangles, dtype=np.float32))


def test_box_is_exact() -> None:
    points = torch.rand(3000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    half = torch.tensor([0.5, 0.3, 0.2])
    outside = points.abs() - half
    expected = -(outside.clamp_min(0).norm(dim=1) + outside.amax(1).clamp_max(0))
    box = triangles(trimesh.creation.box(extents=2 * half.numpy()))
    torch.testing.assert_close(signed_distance(points, box), expected, rtol=0, atol=1e-5)


def test_overlapping_bodies_count_as_one_inside() -> None:
    left, right = trimesh.creation.icosphere(radius=0.5), trimesh.creation.icosphere(radius=0.5)
    right.apply_translation([0.4, 0, 0])
    both = torch.cat([triangles(left), triangles(right)])
    points = torch.tensor([[0.2, 0.0, 0.0], [-0.3, 0.0, 0.0], [0.0, 0.9, 0.0]])
    torch.testing.assert_close(winding_number(points, both), torch.tensor([2.0, 1.0, 0.0]), rtol=0, atol=1e-4)
    assert (signed_distance(points, both) > 0).tolist() == [True, True, False]


def test_open_mesh_has_a_fractional_winding_number() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    bowl = ball.submesh([np.flatnonzero(ball.triangles_center[:, 1] < 0)], append=True)
    assert abs(float(winding_number(torch.zeros(1, 3), triangles(bowl))) - 0.5) < 0.05


def test_degenerate_triangles_change_nothing() -> None:
    ball = triangles(trimesh.creation.icosphere(subdivisions=1))
    points = torch.rand(200, 3) * 2 - 1
    needle = torch.tensor([[[0.0, 0, 0], [0, 0, 0], [0, 0, 0]]]) + ball[0, 0]
    plain, with_needle = (
        distance_and_winding(points, ball),
        distance_and_winding(points, torch.cat([ball, needle])),
    )
    for a, b in zip(plain, with_needle, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
