"""The training bank: where samples lie, and that turns and mirrors of pictures and shapes agree."""

from __future__ import annotations

import numpy as np
import torch
import trimesh

from maquette.train.bank import (
    NUM_FRONTS,
    BankSettings,
    build_picture_bank,
    build_shape_bank,
    is_closed,
    sample_outside_surface,
    turn_matrix,
    turn_mesh,
)
from maquette.train.meshes import PaintedMesh
from maquette.train.vae import pose_surface

SETTINGS = BankSettings(surface_points=256, queries=512, views_per_front=1, picture_size=48)
CPU = torch.device("cpu")


def painted(mesh: trimesh.Trimesh) -> PaintedMesh:
    faces = np.asarray(mesh.faces, np.int64)
    colours = np.full((len(faces), 3, 3), 0.6, np.float32)
    material = np.tile(np.array([0.0, 0.7], np.float32), (len(faces), 1))
    return PaintedMesh(np.asarray(mesh.vertices, np.float32), faces, colours, material)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_targets_are_truncated_signed_distances() -> None:
    ball = painted(trimesh.creation.icosphere(subdivisions=3, radius=0.6))
    bank = build_shape_bank([ball], SETTINGS, generator(), CPU)
    queries = bank.queries[0].float()
    expected = ((0.6 - queries.norm(dim=1)) / SETTINGS.truncation).clamp(-1, 1)
    torch.testing.assert_close(bank.targets[0].float(), expected, rtol=0, atol=0.05)


def test_open_meshes_get_a_thickness() -> None:
    sheet = trimesh.Trimesh(
        [[-0.5, 0, -0.5], [0.5, 0, -0.5], [0.5, 0, 0.5], [-0.5, 0, 0.5]], [[0, 1, 2], [0, 2, 3]]
    )
    bank = build_shape_bank([painted(sheet)], SETTINGS, generator(), CPU)
    height = bank.queries[0, :, 1].float().abs()
    over_sheet = (bank.queries[0, :, [0, 2]].abs() < 0.45).all(1)
    inside = bank.targets[0] > 0
    assert inside[over_sheet & (height < 0.9 * SETTINGS.shell)].all()
    assert not inside[height > 1.1 * SETTINGS.shell].any()


def test_buried_surface_is_not_sampled() -> None:
    outer, inner = trimesh.creation.box(extents=[1, 1, 1]), trimesh.creation.box(extents=[0.4, 0.4, 0.4])
    both = torch.from_numpy(np.concatenate([outer.triangles, inner.triangles]).astype(np.float32))
    samples = sample_outside_surface(both, 500, generator())
    assert (samples[:, :3].abs().amax(1) > 0.45).all()


def test_closedness() -> None:
    ball = trimesh.creation.icosphere(subdivisions=1)
    assert is_closed(np.asarray(ball.faces)) and not is_closed(np.asarray(ball.faces)[1:])


def test_four_quarter_turns_bring_everything_back() -> None:
    assert torch.equal(torch.linalg.matrix_power(turn_matrix(1), NUM_FRONTS), torch.eye(3))


def test_turning_a_mesh_and_turning_its_samples_agree() -> None:
    mesh = painted(trimesh.creation.box(extents=[1, 0.5, 0.2]))
    for front in range(NUM_FRONTS):
        points = torch.from_numpy(mesh.vertices)
        surface = torch.cat([points, points], dim=1)[None]
        turned = pose_surface(surface, turn_matrix(front)[None])[0, :, :3]
        np.testing.assert_allclose(turned.numpy(), turn_mesh(mesh, front).vertices, atol=1e-6)


def test_pictures_show_each_front_and_mirroring_matches() -> None:
    # A tall post on the object's +x side: seen from +z it stands on the right, mirrored on the left.
    post = trimesh.creation.box(extents=[0.2, 1.6, 0.2])
    post.apply_translation([0.7, 0, 0])
    base = trimesh.creation.box(extents=[1.8, 0.2, 1.8])
    base.apply_translation([0, -0.8, 0])
    mesh = painted(trimesh.util.concatenate([base, post]))
    bank = build_picture_bank([mesh], SETTINGS, generator(3), CPU)
    assert bank.pictures.shape == (1, NUM_FRONTS, 3, 48, 48)
    dark = (bank.pictures[0, 0].float().mean(0) < 250)[:24]  # above the base only the post is seen
    columns = dark.nonzero()[:, 1].float()
    post_side = turn_matrix(0)[0, 0]  # +x of the front's frame is the right of its picture
    assert post_side > 0 and columns.mean() > 24


def test_banks_are_a_function_of_the_seed() -> None:
    mesh = painted(trimesh.creation.icosphere(subdivisions=1))
    first, second = (build_shape_bank([mesh], SETTINGS, generator(5), CPU) for _ in range(2))
    assert torch.equal(first.surface, second.surface) and torch.equal(first.targets, second.targets)
