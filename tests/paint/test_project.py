"""The weight-free painter: finds the camera of a picture, and paints what it shows where it shows it."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from PIL import Image

from maquette.paint.bend import bend
from maquette.paint.pipeline import PaintPipeline, PaintSettings
from maquette.paint.project import project
from maquette.paint.ready import with_coordinates
from maquette.picture.cutout import Cutout
from maquette.render.pose import find_camera, framed_camera
from maquette.render.preview import render_views

SMALL = PaintSettings(texture_size=512)


def _house() -> trimesh.Trimesh:
    """A body with a chimney off the middle and a wing: no two of its sides look alike. Colours by direction."""
    parts = [
        trimesh.creation.box((1.6, 1.0, 1.0)),
        trimesh.creation.box((0.3, 0.5, 0.3)).apply_translation((0.5, 0.7, 0.2)),
        trimesh.creation.box((0.5, 0.5, 0.6)).apply_translation((-0.4, -0.25, 0.7)),
    ]
    mesh = trimesh.util.concatenate(parts)
    return mesh.subdivide().subdivide()


def _picture(mesh: trimesh.Trimesh, azimuth: float, elevation: float = 15.0) -> Image.Image:
    low, high = mesh.bounds
    moved = mesh.copy()
    moved.vertices = (moved.vertices - (low + high) / 2) / (np.ptp(mesh.bounds, axis=0).max() / 2)
    return render_views(moved, [framed_camera(moved.vertices, azimuth, elevation, 28.0)], 256)[0]


def _coloured(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Red in front, green behind, blue elsewhere."""
    colours = np.full((len(mesh.faces), 4), (40, 60, 200, 255), np.uint8)
    colours[mesh.face_normals[:, 2] > 0.9] = (200, 40, 40, 255)
    colours[mesh.face_normals[:, 2] < -0.9] = (40, 180, 60, 255)
    mesh.visual = trimesh.visual.ColorVisuals(mesh, face_colors=colours)
    return mesh


def _painted_colours(painted: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    """Colour in the middle of each face, and the face normals."""
    uv = painted.visual.uv[painted.faces].mean(1)
    pixels = np.asarray(painted.visual.material.baseColorTexture, np.float32)
    side = len(pixels)
    return pixels[((1 - uv[:, 1]) * side).astype(int), (uv[:, 0] * side).astype(int)], painted.face_normals


@pytest.mark.parametrize(("azimuth", "elevation"), [(25, 15), (-30, 20), (5, 30)])
def test_the_camera_is_found_by_the_outline(azimuth: float, elevation: float) -> None:
    mesh = _house()
    mesh.vertices -= mesh.bounds.mean(0)
    alpha = np.asarray(_picture(mesh, azimuth, elevation))[..., 3] / 255
    pose = find_camera(mesh.vertices, mesh.faces, alpha)
    assert abs(pose.camera.azimuth - azimuth) <= 4 and abs(pose.camera.elevation - elevation) <= 6
    assert pose.fit > 0.93


def test_what_the_picture_sees_gets_its_colour_and_the_numbers_add_up() -> None:
    mesh = _coloured(_house())
    painted = PaintPipeline.from_pretrained("project").paint(mesh, _picture(mesh, 20), SMALL)
    colours, normals = _painted_colours(painted)
    front = colours[normals[:, 2] > 0.9]
    assert (front[:, 0] > 1.5 * front[:, 2]).mean() > 0.9  # red
    right = colours[normals[:, 0] > 0.9]
    assert (right[:, 2] > right[:, 0]).mean() > 0.8  # blue, seen from 20 degrees
    left = colours[(normals[:, 0] < -0.9) & (painted.triangles_center[:, 0] < -0.79)]
    assert (left[:, 2] > left[:, 0]).mean() > 0.9  # blue as its mirror image
    texels = painted.metadata["maquette"]["paint"]["texels"]
    assert texels["seen"] > 10_000 and texels["mirrored"] > 1000 and texels["guessed"] > 1000
    rough = np.asarray(painted.visual.material.metallicRoughnessTexture)
    assert (rough[..., 2] == 0).all() and (rough[..., 1] > 60).all() and (rough[..., 0] == 255).all()


def test_sides_of_one_paint_come_out_alike_though_the_light_did_not_fall_on_them_alike() -> None:
    mesh = _house()
    mesh.visual = trimesh.visual.ColorVisuals(mesh, face_colors=np.array([150, 90, 60, 255], np.uint8))
    picture = _picture(mesh, 30, 25)
    painted = PaintPipeline.from_pretrained("project").paint(mesh, picture, SMALL)
    colours, normals = _painted_colours(painted)
    sides = [np.median(colours[normals @ way > 0.9].sum(1)) for way in ([0, 0, 1], [1, 0, 0], [0, 1, 0])]
    shown = np.asarray(picture)[np.asarray(picture)[..., 3] == 255][:, :3].astype(float).sum(1)
    assert max(sides) / min(sides) < 1.15 < np.quantile(shown, 0.9) / np.quantile(shown, 0.1)


def test_colours_can_be_had_with_their_light_too() -> None:
    mesh = _house()
    mesh.visual = trimesh.visual.ColorVisuals(mesh, face_colors=np.array([150, 90, 60, 255], np.uint8))
    ready, _ = with_coordinates(mesh, SMALL)
    pictures = {"front": Cutout(_picture(mesh, 30, 25), "alpha", None)}
    plain, both = (
        project(ready, pictures, 512, lambda *_: None, with_light=with_light) for with_light in (False, True)
    )
    assert plain.lit is None and both.lit is not None
    assert np.allclose(plain.sheet, both.sheet, atol=0.004)
    seen = both.known[..., 0] == 1
    unlit, lit = (sheet[seen][:, :3].sum(1).log().std() for sheet in (both.sheet, both.lit))
    assert unlit < 0.5 * lit


def test_a_picture_of_the_back_paints_the_back() -> None:
    mesh = _coloured(_house())
    pictures = {"front": _picture(mesh, 10), "back": _picture(mesh, 185)}
    painted = PaintPipeline.from_pretrained("project").paint(mesh, pictures, SMALL)
    colours, normals = _painted_colours(painted)
    back = colours[normals[:, 2] < -0.9]
    assert (back[:, 1] > 1.5 * back[:, 0]).mean() > 0.6  # green; a third of the faces lies inside the body


@pytest.mark.parametrize("azimuths", [{"front": 20}, {"front": 10, "back": 185}])
def test_no_black_appears_where_no_picture_has_black(azimuths: dict[str, float]) -> None:
    mesh = _coloured(_house())
    pictures = {name: _picture(mesh, azimuth) for name, azimuth in azimuths.items()}
    painted = PaintPipeline.from_pretrained("project").paint(mesh, pictures, SMALL)
    seen = [np.asarray(p) for p in pictures.values()]
    darkest = min(p[p[..., 3] == 255][:, :3].max(-1).min() for p in seen)
    texture = np.asarray(painted.visual.material.baseColorTexture)
    # Where red, green and blue mix evenly, the brightest channel of the mix is a third to a half of theirs.
    assert texture.max(-1).min() > 0.5 * darkest > 40


def test_the_same_picture_gives_the_same_texture() -> None:
    mesh = trimesh.creation.icosphere(subdivisions=3)
    picture = _picture(_coloured(mesh.copy()), 0)
    first, second = (PaintPipeline.from_pretrained().paint(mesh, picture, SMALL) for _ in range(2))
    assert np.array_equal(*(np.asarray(m.visual.material.baseColorTexture) for m in (first, second)))


def test_a_picture_of_something_else_is_remarked_upon() -> None:
    pole = trimesh.creation.box((0.1, 3, 0.1))
    bar = Image.new("RGBA", (200, 200))
    bar.paste((200, 30, 30, 255), (20, 90, 180, 110))
    painted = PaintPipeline.from_pretrained().paint(pole, Cutout(bar, "alpha", None), SMALL)
    assert any("outline" in note for note in painted.metadata["notes"])


def test_a_bent_picture_has_the_outline_of_the_shape() -> None:
    row, column = np.indices((120, 160))
    disc = ((row - 60) / 55) ** 2 + ((column - 80) / 75) ** 2 < 1
    square = np.zeros((64, 64), bool)
    square[10:50, 20:60] = True
    values = np.dstack([disc, column / 160]).astype(np.float32)
    bent = bend(values, disc, square, 128)
    shown = np.kron(square, np.ones((2, 2), bool))
    assert bent[shown, 0].mean() > 0.92  # the object fills the square nearly into its corners
    across = bent[60, 44:116, 1]
    assert (np.diff(across) > -0.01).all() and across[-1] - across[0] > 0.7  # left stays left
