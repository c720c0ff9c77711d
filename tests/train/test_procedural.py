"""Procedural shapes: closed, outward, deterministic, varied. Primitives against analytic volumes."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from maquette.train.assets import signed_volume
from maquette.train.meshes import PaintedMesh
from maquette.train.procedural import GROUPS, build, draw, families, generate
from maquette.train.procedural.balls import ball, ellipsoid, lumpy, superellipsoid
from maquette.train.procedural.boxes import box, extrude, rectangle, tapered_box
from maquette.train.procedural.implicit import block, mesh_field, ring, round_cone, smooth_min, sphere
from maquette.train.procedural.kit import Kit
from maquette.train.procedural.materials import Material
from maquette.train.procedural.part import Part, oriented
from maquette.train.procedural.swept import limb, rod, tube
from maquette.train.procedural.turned import disc, dome, frustum, hollow, lathe, torus


def is_manifold(faces: np.ndarray) -> bool:
    """Whether every edge is used exactly twice, once in each direction."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    size = int(faces.max()) + 1
    forward, uses = np.unique(start * size + end, return_counts=True)
    return bool((uses == 1).all()) and np.array_equal(forward, np.unique(end * size + start))


def check(mesh: PaintedMesh) -> None:
    assert mesh.vertices.dtype == np.float32 and mesh.faces.dtype == np.int64
    assert np.isfinite(mesh.vertices).all()
    assert np.abs(mesh.vertices).max() <= 1.0
    assert np.ptp(mesh.vertices, axis=0).max() == pytest.approx(1.9, abs=1e-4)
    np.testing.assert_allclose(mesh.vertices.max(axis=0) + mesh.vertices.min(axis=0), 0, atol=1e-4)
    assert is_manifold(mesh.faces)
    assert signed_volume(mesh.vertices, mesh.faces) > 0
    assert 4 <= len(mesh.faces) <= 14_000
    assert mesh.corner_rgb.shape == (len(mesh.faces), 3, 3) and mesh.corner_rgb.dtype == np.float32
    assert mesh.face_mr.shape == (len(mesh.faces), 2) and mesh.face_mr.dtype == np.float32
    for values in (mesh.corner_rgb, mesh.face_mr):
        assert values.min() >= 0 and values.max() <= 1


@pytest.mark.parametrize("family", families(), ids=lambda family: family.__name__)
def test_family_makes_closed_normalised_meshes(family: Callable[[Kit], None]) -> None:
    for seed in (0, 1):
        check(build(family, np.random.default_rng(seed)))


def test_drawn_shapes_are_valid_and_varied() -> None:
    meshes = [generate(seed) for seed in range(300)]
    for mesh in meshes:
        check(mesh)
    assert len({(len(mesh.vertices), len(mesh.faces)) for mesh in meshes}) > 200
    assert 300 < np.median([len(mesh.faces) for mesh in meshes]) < 2000


def test_draws_cover_the_families_and_keep_the_weights_of_the_groups() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(draw(rng) for _ in range(30_000))
    assert set(drawn) == set(families())
    weight, choice = GROUPS[-1]
    assert isinstance(choice, tuple)
    share = sum(drawn[family] for family in set(choice)) / 30_000  # type: ignore[index]
    assert share == pytest.approx(weight / sum(w for w, _ in GROUPS), abs=0.015)


def test_300_seeds_reach_most_families() -> None:
    drawn = {draw(np.random.default_rng(seed)) for seed in range(300)}
    assert len(drawn) > 0.4 * len(families())


def test_a_seed_decides_the_shape() -> None:
    for seed in (0, 1, 2, 3, 46):
        one, other = generate(seed), generate(seed)
        for name in ("vertices", "faces", "corner_rgb", "face_mr"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert generate(0).vertices.shape != generate(5).vertices.shape


def test_import_needs_no_mesh_library() -> None:
    code = (
        "import sys; import maquette.train.procedural as p; p.generate(1);"
        "heavy = {'trimesh', 'torch', 'cv2', 'skimage'} & set(sys.modules); sys.exit(str(heavy) if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def volume(part: Part) -> float:
    return signed_volume(part.vertices, part.faces)


@pytest.mark.parametrize(
    ("part", "expected", "tolerance"),
    [
        (box(1, 2, 3), 6.0, 1e-9),
        (tapered_box((2, 2), (1, 1), 3), 7.0, 1e-9),
        (frustum(1, 1, 2, 96), 2 * np.pi, 2e-3),
        (frustum(1, 0, 3, 96), np.pi, 2e-3),
        (ellipsoid(1, 2, 3, 128), 8 * np.pi, 5e-3),
        (dome(1, 1, 96, 48), 2 / 3 * np.pi, 5e-3),
        (ball(1, 4), 4 / 3 * np.pi, 5e-3),
        (torus(2, 0.5, 96, 48), np.pi**2, 5e-3),
        (limb((0, 0, 0), (1, 2, 2), 0.5, sides=64), np.pi * 0.25 * 3 + np.pi / 6, 1e-2),
        (rod((0, 0, 0), (2, 3, 6), 0.5, 96), np.pi * 0.25 * 7, 2e-3),
        (superellipsoid(1, 1, 1, 1.0, 64), 4 / 3 * np.pi, 5e-3),
        (extrude([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)], 2), 6.0, 1e-9),
        (extrude(rectangle(2, 3, 0.5, 32), 1), 6 - (4 - np.pi) * 0.25, 1e-3),
        (hollow([(1.0, 0.0), (1.0, 1.0)], 0.5, 0.5, 96), np.pi * (1 - 0.125), 2e-3),
        (lathe([(2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 0.0)], 96, closed=True), 3 * np.pi, 2e-3),
    ],
)
def test_primitive_has_its_volume(part: Part, expected: float, tolerance: float) -> None:
    part = oriented(part)
    assert is_manifold(part.faces)
    assert volume(part) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(
    "part",
    [
        box(1, 2, 3, 0.2),
        box(1, 2, 3, 0.2, 3),
        disc(1, 0.5, 12, 0.1),
        extrude([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)], 1, 0.1),
        tube([(0, 0, 0), (0, 1, 0), (1, 2, 0.5)], np.array([0.3, 0.2, 0.1]), 7),
        tube(
            [(np.cos(a), 0, np.sin(a)) for a in np.arange(8) * np.pi / 4], 0.2, 5, closed=True, up=(0, 1, 0)
        ),
        lumpy(1.0, np.random.default_rng(0), 2, 0.4, 5),
    ],
)
def test_part_is_closed_and_can_face_outwards(part: Part) -> None:
    assert is_manifold(part.faces)
    assert volume(oriented(part)) > 0
    assert volume(oriented(part.mirror())) == pytest.approx(volume(oriented(part)))


def test_turning_and_moving_keep_volume() -> None:
    part = oriented(extrude([(0, 0), (2, 0), (0, 1)], 1))
    assert volume(part.turn("x", 33).turn("y", -70).turn("z", 12).move(3, -2, 1)) == pytest.approx(
        volume(part)
    )
    turned = box(1, 1, 1).move(1).turn("y", 90).vertices.mean(axis=0)
    np.testing.assert_allclose(turned, [0, 0, -1], atol=1e-9)


def test_implicit_ball_is_meshed_onto_its_surface() -> None:
    part = mesh_field(sphere(0.7), np.full(3, -1.0), np.full(3, 1.0), 3000)
    assert part is not None and is_manifold(part.faces)
    np.testing.assert_allclose(np.linalg.norm(part.vertices, axis=1), 0.7, atol=1e-3)
    assert volume(oriented(part)) == pytest.approx(4 / 3 * np.pi * 0.343, rel=0.02)
    assert 1500 < len(part.faces) < 4500


def test_implicit_mesh_keeps_only_the_largest_piece() -> None:
    far = round_cone(np.array([0.8, 0.8, 0.8]), np.array([0.8, 0.8, 0.8]), 0.1, 0.1)
    part = mesh_field(lambda p: np.minimum(sphere(0.4)(p), far(p)), np.full(3, -1.0), np.full(3, 1.0))
    assert part is not None and part.vertices.max() < 0.5


def test_empty_field_gives_no_mesh() -> None:
    assert mesh_field(lambda p: p[:, 0] * 0 + 1, np.full(3, -1.0), np.full(3, 1.0)) is None


def test_distances_and_their_blend() -> None:
    points = np.array([[2, 0, 0], [0, 0, 0], [0, 3, 0]], dtype=np.float32)
    np.testing.assert_allclose(block((1, 1, 1), 0.0)(points), [1, -1, 2], atol=1e-6)
    np.testing.assert_allclose(ring(2, 0.5)(points), [-0.5, 1.5, np.hypot(2, 3) - 0.5], atol=1e-6)
    a, b = np.array([1.0, 0.3]), np.array([0.2, 0.3])
    np.testing.assert_allclose(smooth_min(a, b, 0.0), [0.2, 0.3])
    np.testing.assert_allclose(smooth_min(a, b, 0.4), [0.2, 0.3 - 0.1])


def test_material_bands_and_gradient_colour_a_part() -> None:
    kit = Kit(np.random.default_rng(0))
    kit.add(disc(1, 4, 8), Material((1.0, 0.0, 0.0), 0.25, 0.75))
    kit.add(
        lathe([(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)], 8),
        Material((1, 1, 1), band=(0, 0, 0), bands=4, gradient=0.0),
    )
    mesh = kit.finish()
    np.testing.assert_allclose(
        mesh.corner_rgb[: len(disc(1, 4, 8).faces)], [[[1, 0, 0]] * 3] * len(disc(1, 4, 8).faces)
    )
    np.testing.assert_allclose(mesh.face_mr[0], [0.25, 0.75])
    striped = mesh.corner_rgb[len(disc(1, 4, 8).faces) :].mean(axis=(1, 2))
    assert set(np.round(striped, 6)) == {0.0, 1.0}
