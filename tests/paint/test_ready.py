"""Meshes that are not fit to be painted as they come: repaired or reduced, and said so with numbers."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from maquette.errors import MeshError
from maquette.paint import ready
from maquette.paint.pipeline import PaintSettings
from maquette.paint.ready import repaired, with_coordinates

SMALL = PaintSettings(texture_size=512)


def test_faces_that_show_nothing_go_and_crowded_edges_are_told() -> None:
    box = trimesh.creation.box()
    vertices = np.vstack([box.vertices, [np.nan, 0, 0], [2, 0, 0], [0, 3, 0]])
    faces = np.vstack([box.faces, [0, 1, 8], [2, 2, 3], [0, 1, 9], box.faces[0]])
    assert any(set(box.faces[i]) >= {0, 1} for i in range(12))  # the fin's edge is one of the box
    mesh, notes = repaired(trimesh.Trimesh(vertices, faces, process=False))
    assert len(mesh.faces) == 14 and np.isfinite(mesh.vertices).all()
    assert notes[0].startswith("1 faces with corners that are not finite") and notes[1].startswith(
        "1 faces without"
    )
    assert notes[2].startswith("1 faces lie exactly upon another")
    assert "edges carry more than two faces" in notes[3]


def test_a_sound_mesh_is_left_as_it_is() -> None:
    box = trimesh.creation.box()
    mesh, notes = repaired(box)
    assert mesh is box and not notes


def test_more_faces_than_can_be_laid_flat_are_reduced_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "MOST_FACES", 4000)
    monkeypatch.setattr(ready, "REDUCED_TO", 1000)
    mesh = trimesh.creation.icosphere(subdivisions=4)  # 5,120 faces
    result, kept = with_coordinates(mesh, SMALL)
    assert not kept and len(result.faces) <= 1000
    assert "5,120 faces" in result.metadata["notes"][0] and "--simplify" in result.metadata["notes"][0]
    assert result.volume == pytest.approx(mesh.volume, rel=0.02)


def test_nothing_to_paint_is_an_error() -> None:
    with pytest.raises(MeshError, match="area"):
        with_coordinates(trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]], process=False), SMALL)
    with pytest.raises(MeshError, match="no face"):
        with_coordinates(trimesh.Trimesh(np.eye(3), np.zeros((0, 3), int), process=False), SMALL)
