"""Texture coordinates: every face somewhere, no texel covered twice, little distortion, a well-used sheet."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from maquette.errors import MeshError, SettingError
from maquette.mesh.unwrap import stretch, texel_counts, unwrap, uv_is_usable
from mesh.sample_meshes import ball, textured_ball


def _soup() -> trimesh.Trimesh:
    """Triangles of all sizes in no order, three of them on one edge, one without area, one twice."""
    rng = np.random.default_rng(1)
    corners = rng.normal(size=(60, 1, 3)) + rng.normal(size=(60, 3, 3)) * rng.uniform(0.01, 1, (60, 1, 1))
    vertices = corners.reshape(-1, 3)
    faces = np.arange(180).reshape(-1, 3)
    extra = [[0, 1, 5], [0, 1, 8], [1, 0, 11], [3, 3, 4], [0, 1, 2]]
    return trimesh.Trimesh(vertices, np.vstack([faces, extra]), process=False)


def _star() -> trimesh.Trimesh:
    """A ball with deep dents and sharp tips, which no projection lays flat."""
    mesh = ball(4)
    x, y, z = mesh.vertices.T
    mesh.vertices *= (1 + 0.45 * np.sin(6 * x) * np.sin(5 * y + 1) * np.sin(7 * z))[:, None]
    return mesh


MESHES = {
    "box": trimesh.creation.box,
    "ball": lambda: ball(4),
    "torus": lambda: trimesh.creation.torus(1, 0.3),
    "cone": lambda: trimesh.creation.cone(0.4, 2, sections=48),
    "star": _star,
    "soup": _soup,
    "sheet with its back": lambda: trimesh.Trimesh(np.eye(3), [[0, 1, 2], [0, 2, 1]], process=False),
    "already textured": textured_ball,
    "far away and tiny": lambda: trimesh.creation.box().apply_scale(1e-4).apply_translation([3, 2, 1]),
}


@pytest.mark.parametrize("name", MESHES)
def test_no_texel_is_covered_twice_and_every_face_has_its_share(name: str) -> None:
    mesh = MESHES[name]()
    result = unwrap(mesh, texture_size=512)
    assert texel_counts(result.visual.uv, result.faces, 512).max() == 1
    assert result.visual.uv.min() >= 0 and result.visual.uv.max() <= 1
    corners = result.vertices[result.faces]
    assert np.array_equal(corners, mesh.vertices[mesh.faces])  # the surface is as it was, face by face
    uv = np.dstack([result.visual.uv[result.faces], np.zeros((len(mesh.faces), 3, 1))])
    share = trimesh.triangles.area(uv) / trimesh.triangles.area(uv).sum()
    wanted = mesh.area_faces / mesh.area
    assert np.abs(share - wanted).sum() < 0.05
    assert stretch(result) < 1.02


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("box", 0.7), ("ball", 0.7), ("star", 0.68)])
def test_at_full_size_the_sheet_is_well_used(name: str, least: float) -> None:
    result = unwrap(MESHES[name]())
    counts = texel_counts(result.visual.uv, result.faces, 2048)
    assert counts.max() == 1
    assert (counts > 0).mean() > least


def test_charts_keep_their_distance() -> None:
    from scipy.ndimage import grey_dilation

    result = unwrap(MESHES["torus"](), texture_size=512, padding=4)
    owner = trimesh.graph.connected_component_labels(result.face_adjacency, node_count=len(result.faces))
    charts = np.zeros((512, 512), dtype=np.int32)
    for chart in range(owner.max() + 1):
        charts[texel_counts(result.visual.uv, result.faces[owner == chart], 512) > 0] = chart + 1
    assert owner.max() > 5
    taken = charts > 0
    most = grey_dilation(charts, size=(9, 9))
    least = 1000 - grey_dilation(np.where(taken, 1000 - charts, 0), size=(9, 9))
    assert (most[taken] == charts[taken]).all() and (least[taken] == charts[taken]).all()


def test_the_same_mesh_gives_the_same_coordinates() -> None:
    first, second = (unwrap(_star(), texture_size=256) for _ in range(2))
    assert np.array_equal(first.visual.uv, second.visual.uv)


def test_own_coordinates_are_judged() -> None:
    assert uv_is_usable(ball()) == "it has none"
    assert uv_is_usable(unwrap(ball(), texture_size=512)) is None
    folded = textured_ball()
    folded.visual.uv = folded.visual.uv % 0.5
    assert "several parts" in str(uv_is_usable(folded))
    folded.visual.uv = folded.visual.uv + 2
    assert "leave" in str(uv_is_usable(folded))
    folded.visual.uv = folded.visual.uv * 0
    assert "5 %" in str(uv_is_usable(folded))


def test_bad_input_is_named() -> None:
    with pytest.raises(MeshError, match="no faces"):
        unwrap(trimesh.Trimesh(np.eye(3), np.zeros((0, 3), int), process=False))
    with pytest.raises(MeshError, match="area"):
        unwrap(trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]], process=False))
    with pytest.raises(SettingError, match="texture_size"):
        unwrap(ball(), texture_size=1)
