"""Each defect, alone and on a known body, is repaired, counted, and leaves the rest as it was."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lattices import surface_of
from maquette.errors import MeshError, SettingError
from maquette.mesh.clean import CleanSettings, clean


def _mesh(vertices: np.ndarray, faces: np.ndarray) -> trimesh.Trimesh:
    return trimesh.Trimesh(np.asarray(vertices, dtype=float), np.asarray(faces), process=False)


def _ball(
    radius: float = 1.0, centre: tuple[float, float, float] = (0, 0, 0), level: int = 3
) -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(level, radius)
    return _mesh(ball.vertices + centre, ball.faces)


def _together(*meshes: trimesh.Trimesh) -> trimesh.Trimesh:
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    faces = [mesh.faces + offset for mesh, offset in zip(meshes, offsets, strict=False)]
    return _mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))


def _noise_body(size: int = 40, seed: int = 0) -> trimesh.Trimesh:
    """A foam with sheets that nearly touch, hundreds of pockets and thousands of slivers."""
    from scipy import ndimage

    noise = np.random.default_rng(seed).standard_normal((size,) * 3).astype(np.float32)
    return surface_of(ndimage.gaussian_filter(noise, 1.5) * 50)


def test_a_good_mesh_comes_out_exactly_as_it_went_in() -> None:
    ball = _ball()
    result, report = clean(ball)
    assert np.array_equal(result.vertices, ball.vertices)
    assert np.array_equal(result.faces, ball.faces)
    assert report.watertight
    assert (report.components, report.faces_before, report.faces) == (1, len(ball.faces), len(ball.faces))


def test_the_input_is_not_changed() -> None:
    soup = _mesh(_ball().triangles.reshape(-1, 3), np.arange(3 * len(_ball().faces)).reshape(-1, 3))
    before = soup.faces.copy()
    clean(soup)
    assert np.array_equal(soup.faces, before)


def test_a_soup_of_triangles_is_sewn_together() -> None:
    ball = _ball()
    result, report = clean(
        _mesh(ball.triangles.reshape(-1, 3), np.arange(3 * len(ball.faces)).reshape(-1, 3))
    )
    assert report.watertight
    assert report.vertices == len(ball.vertices)
    assert report.merged_vertices == 3 * len(ball.faces) - len(ball.vertices)
    assert result.volume == pytest.approx(ball.volume)


def test_a_needle_is_drawn_together_without_a_hole() -> None:
    ball = _ball()
    faces, vertices = ball.faces.copy(), ball.vertices.copy()
    # Split an edge's end point in two at the same place: two faces without area appear.
    a, b, c = faces[0]
    d = next(int(v) for f in faces if {a, b} <= set(f) and c not in f for v in f if v not in (a, b))
    twin = len(vertices)
    vertices = np.vstack([vertices, vertices[a]])
    ring = [i for i, f in enumerate(faces) if a in f]
    mine = _fan_between(faces, ring, a, c, d)
    for i in mine:
        faces[i] = np.where(faces[i] == a, twin, faces[i])
    extra = (
        [[a, c, twin], [a, twin, d]]
        if _closes(faces, [[a, c, twin], [a, twin, d]])
        else [[a, twin, c], [a, d, twin]]
    )
    result, report = clean(_mesh(vertices, np.vstack([faces, extra])))
    assert report.watertight
    assert report.sliver_faces == 2
    assert report.faces == len(ball.faces)
    assert result.volume == pytest.approx(ball.volume)


def _fan_between(faces: np.ndarray, ring: list[int], apex: int, first: int, last: int) -> list[int]:
    """The faces around `apex` from neighbour `first` to neighbour `last`, going one way round."""
    following = {}
    for i in ring:
        k = int(np.flatnonzero(faces[i] == apex)[0])
        following[int(faces[i][(k + 1) % 3])] = (i, int(faces[i][(k + 2) % 3]))
    result, here = [], int(first)
    while here != last:
        index, here = following[here]
        result.append(index)
    return result


def _closes(faces: np.ndarray, extra: list[list[int]]) -> bool:
    return _mesh(np.zeros((faces.max() + 2, 3)), np.vstack([faces, extra])).is_winding_consistent


def test_a_flat_face_with_long_edges_is_turned_and_not_cut_out() -> None:
    box = trimesh.creation.box()
    vertices = np.vstack([box.vertices, box.vertices[box.faces[0]][:2].mean(axis=0)])
    a, b, c = box.faces[0]
    middle = len(vertices) - 1
    # The point on the edge belongs to one side only; a face without area closes the gap to the other.
    faces = np.vstack([box.faces[1:], [[a, middle, c], [middle, b, c], [a, b, middle]]])
    result, report = clean(_mesh(vertices, faces))
    assert report.watertight
    assert result.volume == pytest.approx(1)
    assert result.area_faces.min() > 1e-3


def test_copied_faces_are_dropped() -> None:
    ball = _ball()
    result, report = clean(_mesh(ball.vertices, np.vstack([ball.faces, np.roll(ball.faces[:7], 1, axis=1)])))
    assert report.copied_faces == 7
    assert report.watertight
    assert len(result.faces) == len(ball.faces)


def test_small_floaters_go_and_larger_parts_stay() -> None:
    parts = _together(_ball(1.0), _ball(0.03, (2, 0, 0)), _ball(0.3, (-2, 0, 0)))
    result, report = clean(parts)
    assert report.floaters == 1
    assert report.components == 2
    assert result.bounds[1, 0] == pytest.approx(1)
    assert clean(parts, CleanSettings(min_component=0.0))[1].components == 3
    assert clean(parts, CleanSettings(min_component=0.2))[1].components == 1


def test_bubbles_go_or_stay_facing_inwards() -> None:
    bubble = _ball(0.5)
    hollow = _together(_ball(1.0), _mesh(bubble.vertices, bubble.faces[:, ::-1]))
    solid, report = clean(hollow)
    assert report.cavities == 1
    assert solid.volume == pytest.approx(_ball().volume)
    kept, report = clean(hollow, CleanSettings(remove_cavities=False))
    assert report.cavities == 0
    assert kept.volume == pytest.approx(_ball().volume - bubble.volume)


def test_a_body_inside_out_is_turned() -> None:
    ball, other = _ball(), _ball(0.5, (3, 0, 0))
    result, report = clean(_together(ball, _mesh(other.vertices, other.faces[:, ::-1])))
    assert report.turned_faces == len(other.faces)
    assert result.volume == pytest.approx(ball.volume + other.volume)


def test_a_hollow_body_inside_out_keeps_its_bubble() -> None:
    ball, bubble = _ball(), _ball(0.5)
    result, _ = clean(
        _together(_mesh(ball.vertices, ball.faces[:, ::-1]), bubble), CleanSettings(remove_cavities=False)
    )
    assert result.volume == pytest.approx(ball.volume - bubble.volume)


def test_faces_wound_at_random_are_made_to_agree() -> None:
    ball = _ball()
    turn = np.random.default_rng(0).random(len(ball.faces)) < 0.5
    result, report = clean(_mesh(ball.vertices, np.where(turn[:, None], ball.faces[:, ::-1], ball.faces)))
    assert report.watertight
    assert result.is_winding_consistent
    assert result.volume == pytest.approx(ball.volume)


def _touching_boxes(along: str) -> trimesh.Trimesh:
    """Two unit boxes that share an edge or a corner and nothing else."""
    box = trimesh.creation.box()
    return _together(
        _mesh(box.vertices, box.faces), _mesh(box.vertices + ((1, 1, 0) if along == "edge" else 1), box.faces)
    )


@pytest.mark.parametrize("along", ["edge", "corner"])
def test_bodies_that_touch_come_apart(along: str) -> None:
    boxes = _touching_boxes(along)
    boxes.merge_vertices()
    assert len(boxes.vertices) == (14 if along == "edge" else 15)
    result, report = clean(boxes)
    assert report.watertight
    assert report.components == 2
    assert report.split_vertices == (2 if along == "edge" else 1)
    assert result.volume == pytest.approx(2, rel=0.03)


def test_bodies_that_touch_stay_apart_when_equal_positions_are_merged() -> None:
    boxes = _touching_boxes("edge")
    boxes.merge_vertices()
    result, _ = clean(boxes)
    reread = trimesh.Trimesh(result.vertices.astype(np.float32), result.faces, process=True)
    assert reread.is_watertight
    assert reread.body_count == 2


def test_small_holes_are_filled_and_large_ones_left() -> None:
    ball = _ball()
    ring = np.flatnonzero((ball.faces == ball.faces[0, 0]).any(axis=1))  # a hole of five or six edges
    one = _mesh(ball.vertices, ball.faces[1:])
    for broken, holes in ((one, 1), (_mesh(ball.vertices, np.delete(ball.faces, ring, axis=0)), 1)):
        result, report = clean(broken)
        assert report.filled_holes == holes
        assert report.watertight
        assert result.volume == pytest.approx(ball.volume, rel=0.02)
        assert clean(broken, CleanSettings(max_hole_edges=2))[1].watertight is False
    assert clean(one, CleanSettings(max_hole_edges=0))[1].open_edges == 3


def test_an_open_sheet_stays_an_open_sheet() -> None:
    x, y = np.meshgrid(np.arange(60.0), np.arange(60.0))
    index = np.arange(3600).reshape(60, 60)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    sheet = _mesh(np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1), faces)
    result, report = clean(sheet)
    assert not report.watertight
    assert report.open_edges == 4 * 59
    assert np.array_equal(result.faces, sheet.faces)


def test_a_one_sided_surface_does_not_break_it() -> None:
    strip = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    width = np.array([-0.3, 0.3])[:, None]
    radius = 1 + width * np.cos(strip / 2)
    points = np.stack([radius * np.cos(strip), radius * np.sin(strip), width * np.sin(strip / 2)], axis=-1)
    low, high = np.arange(40), np.arange(40) + 40
    low_next, high_next = np.roll(low, -1), np.roll(high, -1)
    low_next[-1], high_next[-1] = high[0], low[0]  # the twist
    faces = np.concatenate([np.stack([low, low_next, high], -1), np.stack([high, low_next, high_next], -1)])
    result, report = clean(_mesh(points.reshape(-1, 3), faces), CleanSettings(max_hole_edges=0))
    assert not report.watertight
    assert result.area == pytest.approx(_mesh(points.reshape(-1, 3), faces).area, rel=0.01)


def test_a_foam_becomes_a_watertight_manifold_that_survives_a_file() -> None:
    foam = _noise_body()
    result, report = clean(foam, CleanSettings(min_component=0.0, remove_cavities=False))
    assert report.watertight
    assert result.volume == pytest.approx(foam.volume, rel=1e-3)
    assert result.area_faces.min() > 0
    reread = trimesh.Trimesh(result.vertices.astype(np.float32), result.faces, process=True)
    assert reread.is_watertight


def test_cleaning_repeats_exactly_and_again_changes_nothing() -> None:
    foam = _noise_body(24)
    first, second = clean(foam)[0], clean(foam)[0]
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(first.faces, second.faces)
    again, report = clean(first)
    assert report.faces == len(first.faces)
    assert np.array_equal(again.faces, first.faces)


def test_meshes_without_a_surface_are_refused() -> None:
    ball = _ball()
    with pytest.raises(MeshError, match="no faces"):
        clean(_mesh(ball.vertices, np.zeros((0, 3), dtype=int)))
    broken = ball.vertices.copy()
    broken[3, 1] = np.nan
    with pytest.raises(MeshError, match="not finite"):
        clean(_mesh(broken, ball.faces))
    with pytest.raises(MeshError, match="no face with an area"):
        clean(_mesh([[0, 0, 0], [1, 0, 0], [1, 0, 0]], [[0, 1, 2]]))


@pytest.mark.parametrize(
    ("name", "value"),
    [("merge_distance", 0.0), ("min_component", 1.5), ("max_hole_edges", -1), ("merge_distance", 0.5)],
)
def test_settings_are_checked(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"{name} is {value}"):
        CleanSettings(**{name: value})  # type: ignore[arg-type]
