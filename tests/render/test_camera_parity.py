"""The recorded cameras of the original renderer are ours, but for its axes and its pictures' first row.

It turns (x, y, z) into (-x, z, -y) when it loads a mesh and lets the view's second axis point down, so that its
rasteriser, whose rows grow with that axis, needs no flip.
"""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from maquette.render.camera import Camera, projection_matrix, view_matrix

ROOT = Path(__file__).resolve().parents[2]
CASE = Path(os.environ.get("MAQUETTE_PARITY_DIR", ROOT.parent / "shared" / "parity")) / "paint" / "camera"
LOADED = torch.tensor([[-1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
DOWNWARDS = torch.diag(torch.tensor([1.0, -1, 1, 1]))


@pytest.fixture(scope="module")
def recorded():
    if not (CASE / "tensors.safetensors").is_file():
        pytest.skip(f"no recorded camera case at {CASE}")
    return load_file(CASE / "tensors.safetensors")


def test_views_agree(recorded):
    angles = zip(recorded["inputs/azims"].tolist(), recorded["inputs/elevs"].tolist(), strict=True)
    ours = torch.stack([view_matrix(Camera(azimuth, elevation)) for azimuth, elevation in angles])
    torch.testing.assert_close(DOWNWARDS @ ours, recorded["outputs/modelview"] @ LOADED, atol=1e-5, rtol=0)


def test_projections_agree(recorded):
    # The original puts the near plane at 0.01 in perspective, whatever the setting says.
    for name, camera in (("ortho", Camera()), ("perspective_49.13", Camera(fov_degrees=49.13, near=0.01))):
        ours = projection_matrix(camera)
        torch.testing.assert_close(ours, recorded[f"outputs/{name}"], atol=1e-5, rtol=0)
