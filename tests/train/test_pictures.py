import numpy as np
import pytest
import torch
from PIL import Image

from maquette.errors import SettingError
from maquette.picture.recentre import recentre
from maquette.train.meshes import PaintedMesh
from maquette.train.pictures import recentre_batch, render_training_pictures


def box(size=(1.0, 1.0, 1.0), colour=(0.8, 0.3, 0.2)):
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32) / 2
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int64)
    return PaintedMesh(
        vertices=corners * np.asarray(size, np.float32),
        faces=faces,
        corner_rgb=np.broadcast_to(np.asarray(colour, np.float32), (12, 3, 3)).copy(),
        face_mr=np.tile(np.array([[0.0, 0.7]], np.float32), (12, 1)),
    )


MESHES = [box(), box((0.2, 1, 0.2)), box((2, 0.1, 1), (0.5, 0.5, 0.5)), box((0.01, 0.02, 0.03))]


def draw(meshes=MESHES, views=3, size=64, seed=0, **options):
    return render_training_pictures(
        meshes, views, size, torch.Generator().manual_seed(seed), torch.device("cpu"), **options
    )


@pytest.fixture(scope="module")
def pictures():
    return draw(views=12)


def test_shapes_and_types(pictures):
    assert pictures.rgba.shape == (4, 12, 4, 64, 64)
    assert pictures.rgba.dtype == torch.uint8
    for part in (pictures.azimuth, pictures.elevation, pictures.fov, pictures.distance, pictures.ortho_scale):
        assert part.shape == (4, 12)
        assert part.isfinite().all()


def test_the_whole_object_stays_inside_the_frame(pictures):
    alpha = pictures.rgba[:, :, 3]
    for edge in (alpha[..., 0, :], alpha[..., -1, :], alpha[..., 0], alpha[..., -1]):
        assert (edge == 0).all()
    assert (alpha.amax((-1, -2)) > 200).all()


def test_the_object_fills_most_of_the_frame(pictures):
    alpha = pictures.rgba[:3, :, 3] > 0
    tall, wide = alpha.any(-1).sum(-1), alpha.any(-2).sum(-1)
    assert (torch.maximum(tall, wide) > 0.5 * 64).all()


def test_cameras_stay_around_the_front(pictures):
    assert (pictures.azimuth.abs() <= 45).all()
    assert ((pictures.elevation >= -8) & (pictures.elevation <= 45)).all()
    fov = pictures.fov
    assert ((fov == 0) | ((fov >= 15) & (fov <= 50))).all()
    assert (fov == 0).any()
    assert (fov > 0).any()


def test_azimuth_turns_the_object_the_way_cameras_do():
    # From the right (+x) the box's right-hand face comes into view, and it is painted green.
    mesh = box()
    side = (mesh.vertices[mesh.faces][..., 0] > 0.4).all(-1)
    mesh.corner_rgb[:] = [1.0, 0.0, 0.0]
    mesh.corner_rgb[side] = [0.0, 1.0, 0.0]
    taken = draw([mesh], views=40, size=48)
    difference = taken.rgba[0, :, 1].float() - taken.rgba[0, :, 0]
    solid = taken.rgba[0, :, 3] > 250
    # Two colours in a picture spread far; one colour differs only by its shading.
    spread = torch.stack([picture[inside].std() for picture, inside in zip(difference, solid, strict=True)])
    seen, hidden = taken.azimuth[0] > 25, taken.azimuth[0] < 0
    assert spread[seen].median() > 2 * spread[hidden].median()


def test_pictures_differ_and_are_not_black(pictures):
    opaque = pictures.rgba[:, :, 3:] > 250
    mean = (pictures.rgba[:, :, :3] * opaque).float().sum((-1, -2)) / opaque.sum((-1, -2)).clamp(min=1)
    assert mean.mean() > 50
    assert mean.flatten(0, 1).std(0).min() > 15


def test_the_same_seed_gives_the_same_pictures_however_they_are_grouped():
    one, two = draw(), draw(samples_at_once=128 * 128 * 3)
    assert torch.equal(one.rgba, draw().rgba)
    assert torch.equal(one.rgba, two.rgba)
    assert not torch.equal(one.rgba, draw(seed=1).rgba)


@pytest.mark.parametrize("supersample", [1, 2, 3])
def test_every_sampling_rate_gives_about_the_same_picture(supersample):
    fine, other = draw(supersample=4).rgba.float(), draw(supersample=supersample).rgba.float()
    inside = (fine[:, :, 3:] == 255) & (other[:, :, 3:] == 255)
    assert ((fine - other)[:, :, :3].abs() * inside).sum() / inside.sum() / 3 < 6
    assert (fine - other)[:, :, 3].abs().mean() < 8


def test_broken_input_is_refused():
    full = box()
    empty = PaintedMesh(full.vertices, full.faces[:0], full.corner_rgb[:0], full.face_mr[:0])
    with pytest.raises(SettingError, match="no faces"):
        draw([box(), empty])
    with pytest.raises(SettingError, match="at least one mesh"):
        draw([])


def test_recentring_fills_85_percent_and_centres():
    rgba = torch.zeros(3, 4, 100, 100)
    rgba[0, :, 10:30, 40:80] = 1
    rgba[1, :, 5:95, 50:60] = 1
    rgba[2, 3, 90:100, 0:10] = 1
    rgba[:, :3] = 0
    out = recentre_batch(rgba, 200)
    assert out.shape == (3, 3, 200, 200)
    dark = out[:, 0] < 0
    tall, wide = dark.any(2).sum(1).tolist(), dark.any(1).sum(1).tolist()
    assert wide[0] == pytest.approx(170, abs=2)
    assert tall[0] == pytest.approx(85, abs=2)
    assert tall[1] == pytest.approx(170, abs=2)
    assert tall[2] == wide[2] == pytest.approx(170, abs=4)
    for picture in dark:
        rows, columns = picture.nonzero().float().unbind(-1)
        assert rows.mean() == pytest.approx(99.5, abs=1)
        assert columns.mean() == pytest.approx(99.5, abs=1)


def test_recentring_composites_on_white():
    rgba = torch.zeros(1, 4, 32, 32, dtype=torch.uint8)
    rgba[:, 0, 8:24, 8:24] = 255
    rgba[:, 3, 8:24, 8:24] = 128
    out = recentre_batch(rgba, 32)[0, :, 16, 16]
    torch.testing.assert_close(out, torch.tensor([1.0, 1 - 256 / 255, 1 - 256 / 255]), atol=1e-3, rtol=0)


def test_recentring_a_large_picture_averages_instead_of_skipping():
    rgba = torch.zeros(1, 4, 256, 256)
    rgba[:, 3] = 1
    rgba[:, :3, :, ::2] = 1  # stripes of one pixel become an even grey
    out = recentre_batch(rgba, 112)[0, 0, 20:90, 20:90]
    assert out.abs().max() < 0.35


def test_recentring_agrees_with_the_preparation_of_single_pictures(pictures):
    rgba = pictures.rgba[:3, 0]
    batch = recentre_batch(rgba, 56)
    for picture, ours in zip(rgba, batch, strict=True):
        single = recentre(Image.fromarray(picture.permute(1, 2, 0).numpy(), "RGBA"), 56).image[0]
        assert (ours - single).abs().mean() < 0.06  # of a range of 2; the single one crops a pixel tighter


def test_recentring_an_empty_picture_gives_white():
    assert (recentre_batch(torch.zeros(2, 4, 16, 16), 8) == 1).all()
