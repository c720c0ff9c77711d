"""Both extractors: closed manifolds with their outside outside, and sharp edges where they are promised."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from maquette.errors import MeshError
from maquette.mesh import topology
from maquette.mesh.clean import clean
from maquette.shape.loops import loops_of
from maquette.shape.sparse import SparseVolume
from maquette.shape.surface import Extractor, extract_surface
from maquette.shape.volume import Field, decode_dense, decode_sparse

CPU = torch.device("cpu")
EXTRACTORS: tuple[Extractor, ...] = ("marching-cubes", "dual-contouring")
HALF = torch.tensor([0.6, 0.4, 0.3])
TURN = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3)))[0]
OFF = torch.tensor([0.1, -0.1, 0.2])


def ball(points: Tensor) -> Tensor:
    return ((0.7 - (points - OFF).norm(dim=-1)) / 0.1).clamp(-1, 1)


def turned_box(points: Tensor) -> Tensor:
    return -((points @ TURN).abs() - HALF).amax(-1).div(0.1).clamp(-1, 1)


def at_wall(points: Tensor) -> Tensor:
    return 0.7 - (points - torch.tensor([0.8, 0.0, 0.0])).norm(dim=-1)


def noise(points: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    waves, phases = torch.randn(3, 40, generator=generator) * 60, torch.rand(40, generator=generator) * 6
    return torch.sin(points @ waves + phases).sum(-1)


def extract(field: Field, extractor: Extractor, resolution: int = 48) -> trimesh.Trimesh:
    return extract_surface(decode_sparse(field, resolution, 1.01, CPU), field, extractor)


def assert_closed_manifold(mesh: trimesh.Trimesh) -> None:
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    vertices, _ = topology.split_fans(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    assert len(vertices) == len(mesh.vertices)  # no edge or vertex is shared by two sheets


@pytest.mark.parametrize("extractor", EXTRACTORS)
@pytest.mark.parametrize("resolution", [64, 101])
def test_a_ball_has_its_size_and_its_place(extractor: Extractor, resolution: int) -> None:
    mesh = extract(ball, extractor, resolution)
    assert_closed_manifold(mesh)
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.003)
    radii = np.linalg.norm(mesh.vertices - OFF.numpy(), axis=1)
    assert np.abs(radii - 0.7).max() < 0.05 * 2.02 / resolution


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_a_body_that_leaves_the_box_is_closed_at_its_wall(extractor: Extractor) -> None:
    mesh = extract(at_wall, extractor)
    assert_closed_manifold(mesh)
    assert mesh.bounds[1, 0] == pytest.approx(1.01, abs=1e-3)
    cap = 0.7 - (1.01 - 0.8)
    whole, cut_away = 4 / 3 * np.pi * 0.7**3, np.pi * cap**2 * (3 * 0.7 - cap) / 3
    assert mesh.volume == pytest.approx(whole - cut_away, rel=0.01)


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_noise_gives_a_closed_manifold_too(extractor: Extractor) -> None:
    volume = SparseVolume.from_dense(decode_dense(noise, 24, 1.01, CPU), 1.01)
    assert_closed_manifold(extract_surface(volume, noise, extractor))


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_logits_of_exactly_zero_make_no_flat_triangles(extractor: Extractor) -> None:
    logits = torch.full((20, 20, 20), -1.0)
    logits[5:14, 5:14, 5:14] = 0.0
    logits[6:13, 6:13, 6:13] = 1.0
    mesh = extract_surface(
        SparseVolume.from_dense(logits, 1.01), lambda p: 0.35 - p.abs().amax(-1), extractor
    )
    assert_closed_manifold(mesh)
    assert (mesh.area_faces > 0).all()


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_cells_with_unknown_corners_leave_a_hole_and_nothing_else(extractor: Extractor) -> None:
    logits = decode_dense(ball, 48, 1.01, CPU)
    logits[24:30, 24:30, 24:] = torch.nan
    mesh = extract_surface(SparseVolume.from_dense(logits, 1.01), ball, extractor)
    assert not mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.edges_unique_length.max() < 4 * 2.02 / 48
    assert clean(mesh)[0].is_watertight


def edge_error(mesh: trimesh.Trimesh, step: float) -> float:
    """Mean distance, in cells, of points on the true edges of the box to the mesh."""
    along = np.linspace(-0.9, 0.9, 8)
    edges = []
    for axis in range(3):
        for u in (-1, 1):
            for v in (-1, 1):
                points = np.empty((len(along), 3))
                points[:, axis], points[:, axis - 1], points[:, axis - 2] = along, u, v
                edges.append(points * HALF.numpy())
    places = np.concatenate(edges) @ TURN.numpy().T
    return float(trimesh.proximity.closest_point_naive(mesh, places)[1].mean() / step)


def test_dual_contouring_keeps_sharp_edges_and_marching_cubes_cuts_them() -> None:
    step = 2.02 / 48
    dual, cubes = (edge_error(extract(turned_box, e, 48), step) for e in EXTRACTORS[::-1])
    assert dual < 0.02 and cubes > 0.2


def test_dual_contouring_has_fewer_slivers() -> None:
    narrow = {e: np.mean(extract(ball, e).face_angles.min(axis=1) < np.radians(15)) for e in EXTRACTORS}
    assert narrow["dual-contouring"] < 0.01 < 0.1 < narrow["marching-cubes"]


def test_extraction_repeats() -> None:
    first, again = (extract(turned_box, "dual-contouring", 48) for _ in range(2))
    assert np.array_equal(first.vertices, again.vertices) and np.array_equal(first.faces, again.faces)


@pytest.mark.parametrize(("value", "complaint"), [(-1.0, "everything lies outside"), (torch.nan, "only NaN")])
def test_a_volume_without_a_surface_is_explained(value: float, complaint: str) -> None:
    volume = SparseVolume.from_dense(torch.full((17, 17, 17), value), 1.01)
    with pytest.raises(MeshError, match=complaint):
        extract_surface(volume, ball)


def test_every_kind_of_cell_has_closed_loops_over_all_its_crossed_edges() -> None:
    for code in range(0, 1 << 14, 3):
        loops = loops_of(code)
        inside = [bool(code >> corner & 1) for corner in range(8)]
        crossed = sum(inside[c] != inside[c ^ bit] for c in range(8) for bit in (1, 2, 4)) // 2
        assert sum(edge >= 0 for edge in loops.of_edge) == crossed
        assert len(loops.triangles) == crossed - 2 * loops.count
        sides = Counter(pair for a, b, c in loops.triangles for pair in ((a, b), (b, c), (c, a)))
        assert all(count == 1 for count in sides.values())
