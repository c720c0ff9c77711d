import pytest
import torch
import trimesh

from maquette.errors import MeshError, SettingError
from maquette.paint.texels import lay_out, net_nodes
from maquette.render.shade import face_areas
from paint.unwrapped import ball, box


def test_texels_lie_where_their_uv_says():
    texels = lay_out(box(), 96)
    inner = ~texels.rim
    row, column = texels.index // 96, texels.index % 96
    u, v = (column + 0.5) / 96, 1 - (row + 0.5) / 96
    side = (u * 3).long() + 3 * (v * 2).long()
    assert torch.equal((texels.face_id // 2)[inner], side[inner])
    for axis in range(3):  # sides 2a and 2a + 1 lie across axis a
        across = inner & (side // 2 == axis)
        assert (texels.position[across, axis].abs() - 0.5).abs().max() < 1e-6
    front = inner & (side == 4)
    local = ((u * 3) % 1 - 0.02) / 0.96 - 0.5
    torch.testing.assert_close(texels.position[front, 0], local[front], atol=1e-5, rtol=0)


def test_the_rim_is_one_texel_wide_and_lies_on_the_surface():
    texels = lay_out(box(), 96)
    outside = ~texels.dense(~texels.rim)
    grown = torch.nn.functional.max_pool2d(1 - outside[None, None].float(), 3, 1, 1)[0, 0] > 0
    assert torch.equal(texels.mask, grown)
    assert (texels.position[texels.rim].abs().amax(-1) - 0.5).abs().max() < 1e-5


def test_normals_are_smooth_on_a_ball_and_hard_on_a_box():
    texels = lay_out(ball(), 128)
    towards = torch.nn.functional.normalize(texels.position, dim=-1)
    assert (texels.normal * towards).sum(-1).min() > 0.99
    assert (lay_out(box(), 64).normal.abs().amax(-1) - 1).abs().max() < 1e-5


def test_splitting_long_edges_keeps_the_surface_and_opens_no_crack():
    texels = lay_out(box(), 256)
    assert len(texels.faces) > 5_000
    assert face_areas(texels.vertices, texels.faces).sum().item() == pytest.approx(6, rel=1e-5)
    nodes, count = net_nodes(texels)
    ends = torch.stack([nodes, nodes.roll(-1, 1)], -1).view(-1, 2)
    key = ends.amin(-1) * count + ends.amax(-1)
    assert (torch.unique(key, return_counts=True)[1] == 2).all()
    parent = face_areas(texels.vertices, texels.faces).new_zeros(12)
    parent.index_add_(0, texels.source_face, face_areas(texels.vertices, texels.faces))
    torch.testing.assert_close(parent, torch.full_like(parent, 0.5), atol=1e-4, rtol=0)


def test_values_survive_the_way_to_a_sheet_and_back():
    texels = lay_out(ball(), 64)
    values = torch.rand(len(texels.index), 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(texels.gather(texels.dense(values)), values)
    assert texels.dense(values, empty=7.0)[~texels.mask].eq(7).all()


def test_a_mesh_without_uv_is_refused():
    with pytest.raises(MeshError, match="UV"):
        lay_out(trimesh.creation.box(), 64)
    with pytest.raises(SettingError, match="texture size"):
        lay_out(box(), 0)
    away = box()
    away.visual.uv = away.visual.uv + 5
    with pytest.raises(MeshError, match="texture sheet"):
        lay_out(away, 64)
