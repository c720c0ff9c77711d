"""Guide pictures of what the weight-free painter made."""

from __future__ import annotations

import numpy as np
import torch
import trimesh

from maquette.mesh.unwrap import unwrap
from maquette.paint.hints import continue_outwards, render_hints
from maquette.paint.texels import lay_out
from maquette.paint.views import CANDIDATES, normalise


def test_pictures_go_on_beyond_the_outline_and_stay_as_they_are_inside() -> None:
    pictures = torch.rand(2, 3, 16, 16)
    mask = torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    mask[0, :, 4:9, 4:9] = True
    pictures[0, :, 4:9, 4:9] = torch.tensor([0.2, 0.5, 0.9])[:, None, None]
    filled = continue_outwards(pictures, mask)
    torch.testing.assert_close(filled[0], torch.tensor([0.2, 0.5, 0.9])[:, None, None].expand(3, 16, 16))
    assert filled[1].eq(0).all()  # nothing is known, nothing breaks
    mask = torch.rand(2, 1, 16, 16) > 0.5
    filled = continue_outwards(pictures, mask)
    torch.testing.assert_close(filled * mask, pictures * mask)


def test_hints_show_the_sheet_on_the_surface() -> None:
    mesh = unwrap(trimesh.creation.box((1, 1, 1)), 256)
    vertices = normalise(torch.from_numpy(np.array(mesh.vertices)))[0]
    upright = mesh.copy()
    upright.vertices = vertices.numpy()
    texels = lay_out(upright, 256)
    values = torch.cat([texels.position + 0.5, (texels.position[:, 2:] > 0).float()], -1)
    cameras = [viewpoint.camera for viewpoint in CANDIDATES[:6]]
    hints = render_hints(mesh, vertices, texels.dense(values), cameras, 64)
    assert hints.colour.shape == (6, 64, 64, 3) and hints.known.shape == (6, 64, 64, 1)
    middle = hints.colour[:, 31:33, 31:33].mean((1, 2))
    reach = float(vertices.max())
    expected = torch.full((6, 3), 0.5)
    for view, (axis, sign) in enumerate(((2, 1), (0, 1), (2, -1), (0, -1), (1, 1), (1, -1))):
        expected[view, axis] += sign * reach
    torch.testing.assert_close(middle, expected, atol=0.02, rtol=0)
    assert hints.known[0, 32, 32] == 1 and hints.known[2, 32, 32] == 0
