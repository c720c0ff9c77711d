import pytest
import torch
import trimesh

from maquette.errors import SettingError
from maquette.paint.bake import BakeSettings, View, back_project, bake
from maquette.paint.texels import lay_out
from maquette.render.camera import Camera
from paint.unwrapped import ball, box, picture, waves

SIX = [(0, 0), (90, 0), (180, 0), (270, 0), (0, 90), (180, -90)]


def psnr(one, other):
    return -10 * torch.log10((one - other).square().mean()).item()


@pytest.mark.parametrize("fov", [None, 40.0])
@pytest.mark.parametrize("mesh", [box(), ball()], ids=["box", "ball"])
def test_six_views_give_back_the_colours(mesh, fov):
    texels = lay_out(mesh, 192)
    cameras = [Camera(a, e, distance=2.5, fov_degrees=fov, ortho_scale=1.8) for a, e in SIX]
    colour, weight = bake(texels, [View(picture(mesh, c, 256), c) for c in cameras])
    seen = weight > 0
    assert seen.float().mean() > 0.97
    assert psnr(colour[seen], waves(texels.position)[seen]) > 38
    # No magenta from the background; a single pixel may fall between two faces of a picture.
    assert (colour[seen] - waves(texels.position)[seen]).abs().amax(-1).quantile(0.999) < 0.05


def test_what_another_part_hides_is_not_painted():
    shield = trimesh.creation.box(
        (0.6, 0.6, 0.02), transform=trimesh.transformations.translation_matrix((0, 0, 1))
    )
    shield.visual = trimesh.visual.TextureVisuals(uv=[[0.001 * (i % 3), 0.001 * (i % 2)] for i in range(8)])
    both = trimesh.util.concatenate([box(), shield])
    texels = lay_out(both, 128)
    camera = Camera(distance=3, ortho_scale=1.8)
    chosen, _, weight = back_project(texels, View(picture(both, camera, 128), camera))
    x, y, z = texels.position[chosen].unbind(-1)
    on_box = z < 0.6
    assert on_box.any()
    assert (torch.maximum(x.abs(), y.abs())[on_box] > 0.29).all()
    assert (texels.normal[chosen][:, 2] > 0.1).all()
    assert (weight > 0).all()


def test_alpha_and_weight_scale_a_views_say():
    texels, camera = lay_out(box(), 64), Camera(distance=2.5, ortho_scale=1.8)
    full = View(picture(box(), camera, 64), camera)
    half = View(full.picture, camera, weight=0.5)
    assert torch.allclose(back_project(texels, half)[2], back_project(texels, full)[2] * 0.5)
    nothing = View(full.picture, camera, alpha=torch.zeros(64, 64))
    assert not len(back_project(texels, nothing)[0])


def test_a_view_of_next_to_no_weight_still_says_its_colour():
    texels, camera = lay_out(ball(), 96), Camera()
    white = torch.ones(128, 128, 3)
    colour, weight = bake(texels, [View(white, camera, weight=1e-9)])
    assert (weight > 0).any()
    assert (colour[weight > 0] > 0.999).all()


def test_a_view_hands_over_without_a_step():
    texels = lay_out(ball(64, 128), 256)
    white, black = (torch.full((256, 256, 1), v) for v in (1.0, 0.0))
    views = [View(white, Camera(0)), View(black, Camera(90))]
    colour, weight = bake(texels, views)
    between = (texels.position[:, 0] > 0) & (texels.position[:, 2] > 0) & (weight > 0)
    row = texels.dense(torch.where(between, colour[:, 0], torch.nan), torch.nan)[128]
    row = row[~row.isnan()]
    assert row.diff().abs().max() < 0.1
    assert row.min() == 0
    assert row.max() == 1


def test_bad_settings_are_refused():
    with pytest.raises(SettingError, match="max_angle"):
        BakeSettings(max_angle=95)
    with pytest.raises(SettingError, match="no views"):
        bake(lay_out(box(), 16), [])
