import torch
import trimesh

from maquette.paint.fill import fill, fill_between_charts, fill_texels
from maquette.paint.texels import lay_out
from paint.unwrapped import ball, box


def test_seen_texels_stay_and_no_hole_is_left():
    texels = lay_out(ball(), 128)
    colour = torch.rand(len(texels.index), 3, generator=torch.Generator().manual_seed(0))
    weight = (texels.position[:, 2] > 0).float()
    texture = fill(texels, colour, weight)
    assert torch.equal(texels.gather(texture)[weight > 0], colour[weight > 0])
    assert texture.isfinite().all()
    assert texture.min() >= 0
    assert texture.max() <= 1


def test_a_linear_ramp_is_continued_over_a_hole():
    # On a flat sheet the harmonic continuation of a linear ramp is the ramp.
    mesh = trimesh.Trimesh(
        [[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [[0, 1, 2], [0, 2, 3]], process=False
    )
    mesh.visual = trimesh.visual.TextureVisuals(uv=[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]])
    texels = lay_out(mesh, 256)
    ramp = texels.position[:, :1] * 0.5 + 0.5
    hole = texels.position.norm(dim=-1) < 0.7
    filled = fill_texels(texels, torch.where(hole[:, None], 9.0, ramp), (~hole).float())
    assert (filled - ramp)[hole].abs().max() < 0.03


def test_colour_crosses_seams_and_never_the_sheet():
    # The box's sides: +x is red, and only its neighbours on the surface may take red from it when they are unseen.
    texels = lay_out(box(margin=0.01), 192)
    side = texels.face_id // 2
    red, blue = torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 0, 1])
    colour = torch.where((side == 0)[:, None], red, blue)
    filled = fill_texels(texels, colour, ((side == 0) | (side == 1)).float())
    top = filled[side == 2]
    x = texels.position[side == 2][:, 0]
    assert (top[:, 0] - (x + 0.5)).abs().max() < 0.2  # a ramp from red at +x to blue at -x
    assert top[x > 0.45].mean(0)[0] > 0.9
    # On the sheet, side 1 (-x, blue) lies right beside side 2: its colour must not leak at that border.
    assert top[x > 0.4][:, 2].max() < 0.25


def test_the_two_sides_of_a_thin_wall_do_not_mix():
    wall = box()
    wall.vertices = wall.vertices * [1, 1, 0.004]
    texels = lay_out(wall, 192)
    front = texels.normal[:, 2] > 0.5
    hole = texels.position[:, :2].norm(dim=-1) < 0.15
    colour = torch.where(front[:, None], torch.tensor([1.0]), torch.tensor([0.0]))
    filled = fill_texels(texels, colour, (~hole).float())
    assert filled[front & hole].min() > 0.99
    assert filled[~front & hole & (texels.normal[:, 2] < -0.5)].max() < 0.01


def test_a_part_no_picture_saw_takes_the_colours_nearest_in_space():
    parts = [ball(), ball()]
    parts[1].vertices = parts[1].vertices * 0.2 + [0.8, 0, 0]
    parts[0].visual.uv = parts[0].visual.uv * [0.5, 1]
    parts[1].visual.uv = parts[1].visual.uv * [0.5, 1] + [0.5, 0]
    texels = lay_out(trimesh.util.concatenate(parts), 128)
    small = texels.position[:, 0] > 0.6
    colour = (texels.position[:, :1] > 0).float()
    filled = fill_texels(texels, colour, (~small).float())
    assert filled[small].min() > 0.95
    nothing = fill_texels(texels, colour, torch.zeros(len(colour)), background=0.25)
    torch.testing.assert_close(nothing, torch.full_like(nothing, 0.25))


def test_the_space_between_charts_takes_the_colours_around_it():
    mask = torch.zeros(37, 37, dtype=torch.bool)
    mask[5:15, 5:15] = True
    texture = torch.where(mask[..., None], torch.tensor([0.2, 0.8]), torch.tensor([9.0, 9.0]))
    filled = fill_between_charts(texture, mask)
    torch.testing.assert_close(filled, torch.tensor([0.2, 0.8]).expand(37, 37, 2))
    assert torch.equal(fill_between_charts(texture, torch.zeros_like(mask))[mask], torch.zeros(100, 2))
