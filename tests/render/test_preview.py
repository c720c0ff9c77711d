import numpy as np
import pytest
import trimesh
from PIL import Image

from maquette.errors import MeshError, OutputError, SettingError
from maquette.render.camera import Camera
from maquette.render.preview import contact_sheet, render_views, save_turntable, turntable


@pytest.fixture(scope="module")
def painted_box():
    """A box with a red right side (+x), so that left and right, front and back differ."""
    mesh = trimesh.creation.box((1, 0.8, 0.6))
    colours = np.full((12, 4), 255, np.uint8)
    colours[mesh.face_normals[:, 0] > 0.5] = [220, 20, 20, 255]
    mesh.visual.face_colors = colours
    return mesh


def redness(picture):
    pixels = np.asarray(picture.convert("RGB"), float)
    return ((pixels[..., 0] - pixels[..., 1]) > 60).mean()


def test_views_show_the_side_that_the_camera_faces(painted_box):
    front, right, left = render_views(painted_box, [Camera(a, 10, ortho_scale=1.5) for a in (0, 90, -90)], 64)
    assert redness(right) > 0.2
    assert redness(front) == redness(left) == 0


def test_pictures_are_upright_and_x_points_right(painted_box):
    (picture,) = render_views(painted_box, [Camera(30, 0, ortho_scale=1.5)], 64)
    pixels = np.asarray(picture, float)
    red = (pixels[..., 0] - pixels[..., 1]) > 60
    assert np.nonzero(red)[1].mean() > 32
    cone = trimesh.creation.cone(
        0.5, 1.0, transform=trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0])
    )
    alpha = np.asarray(render_views(cone, [Camera(ortho_scale=2.2)], 64)[0])[..., 3] > 127
    rows = alpha.sum(1)[alpha.any(1)]
    assert rows[0] < rows[-1]


def test_the_outside_is_transparent_and_edges_are_soft(painted_box):
    (picture,) = render_views(painted_box, [Camera(30, 20, ortho_scale=1.7)], 64)
    alpha = np.asarray(picture)[..., 3]
    assert alpha[0].max() == alpha[:, 0].max() == 0
    assert ((alpha > 0) & (alpha < 255)).any()
    assert (alpha == 255).mean() > 0.2


def test_the_ground_shadow_darkens_below_the_object_only(painted_box):
    camera = [Camera(0, 25, distance=3, fov_degrees=40)]
    plain, shaded = (
        np.asarray(render_views(painted_box, camera, 96, ground=g)[0], int) for g in (False, True)
    )
    extra = shaded[..., 3] - plain[..., 3]
    assert extra[48:].max() > 25
    assert extra[:20].max() <= 8
    solid = plain[..., 3] == 255
    np.testing.assert_array_equal(plain[solid], shaded[solid])


def test_no_shadow_is_seen_from_below(painted_box):
    camera = [Camera(0, -25, distance=3, fov_degrees=40)]
    plain, shaded = (np.asarray(render_views(painted_box, camera, 48, ground=g)[0]) for g in (False, True))
    np.testing.assert_array_equal(plain, shaded)


def test_shading_shows_form():
    (picture,) = render_views(trimesh.creation.icosphere(3), [Camera(ortho_scale=2.4)], 96)
    pixels = np.asarray(picture, float)
    grey = pixels[..., :3].mean(-1)[pixels[..., 3] == 255]
    assert grey.std() > 12
    assert 100 < grey.mean() < 235


def test_a_texture_is_drawn():
    mesh = trimesh.Trimesh(
        [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]], process=False
    )
    picture = Image.new("RGB", (64, 64), (20, 60, 220))
    picture.paste((230, 30, 30), (0, 0, 32, 64))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture, metallicFactor=0.0)
    mesh.visual = trimesh.visual.TextureVisuals(uv=[[0, 0], [1, 0], [1, 1], [0, 1]], material=material)
    drawn = np.asarray(render_views(mesh, [Camera(ortho_scale=2.0)], 32)[0], int)
    assert drawn[16, 6, 0] > drawn[16, 6, 2] + 60
    assert drawn[16, 26, 2] > drawn[16, 26, 0] + 60


def test_views_do_not_depend_on_how_many_are_drawn_at_once(painted_box, monkeypatch):
    cameras = [Camera(a, 20, ortho_scale=1.6) for a in (0, 60, 120)]
    together = render_views(painted_box, cameras, 48)
    monkeypatch.setattr("maquette.render.preview._SAMPLES_AT_ONCE", 1)
    for one, other in zip(together, render_views(painted_box, cameras, 48), strict=True):
        np.testing.assert_allclose(np.asarray(one, int), np.asarray(other, int), atol=1)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_contact_sheet_frames_meshes_of_any_size_and_place(painted_box, scale):
    moved = painted_box.copy()
    moved.apply_scale(scale)
    moved.apply_translation([5 * scale, -2 * scale, 1 * scale])
    sheet = contact_sheet(moved, columns=4, tile=48)
    assert sheet.mode == "RGB"
    assert sheet.size == (4 * 49 + 1, 2 * 49 + 1)
    for row in range(2):
        for column in range(4):
            tile = np.asarray(sheet, float)[1 + row * 49 : 49 + row * 49, 1 + column * 49 : 49 + column * 49]
            assert tile[8:-8, 8:-8].std() > 6
            assert tile[:2].std() < 4  # nothing touches the upper edge
    assert redness(sheet) > 0.02


def test_a_turntable_turns_and_is_written_as_a_looping_gif(painted_box, tmp_path):
    frames = turntable(painted_box, frames=6, size=40)
    assert [frame.size for frame in frames] == [(40, 40)] * 6
    assert redness(frames[0]) == 0
    assert redness(frames[1]) > 0.02
    save_turntable(frames, tmp_path / "turn.gif", duration_ms=50)
    with Image.open(tmp_path / "turn.gif") as gif:
        assert gif.n_frames == 6
        assert gif.info["loop"] == 0
        assert gif.info["duration"] == 50
        gif.seek(1)
        difference = np.abs(np.asarray(gif.convert("RGB"), float) - np.asarray(frames[1], float))
        assert difference.mean() < 4


def test_odd_vertices_do_not_spoil_the_picture(painted_box):
    broken = painted_box.copy()
    broken.vertices = np.vstack([painted_box.vertices, [[np.nan] * 3]])
    assert np.asarray(contact_sheet(broken, tile=32)).std() > 8


def test_wrong_settings_and_paths_are_refused(painted_box, tmp_path):
    with pytest.raises(MeshError):
        contact_sheet(trimesh.Trimesh())
    with pytest.raises(SettingError, match="size"):
        render_views(painted_box, [Camera()], 0)
    with pytest.raises(SettingError, match="frames"):
        turntable(painted_box, frames=0)
    with pytest.raises(SettingError, match="frame"):
        save_turntable([], tmp_path / "a.gif")
    with pytest.raises(OutputError, match="cannot be written"):
        save_turntable([Image.new("RGB", (4, 4))], tmp_path / "missing" / "a.gif")
