"""The recorded outputs of the original software rasteriser: four meshes, four cameras."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from maquette.render.rasterize import rasterize

ROOT = Path(__file__).resolve().parents[2]
CASE = Path(os.environ.get("MAQUETTE_PARITY_DIR", ROOT.parent / "shared" / "parity")) / "paint" / "rasterizer"
MESHES = ("blob", "box_torus", "flat_dup_degenerate", "cylinder")


@pytest.fixture(scope="module")
def recorded():
    if not (CASE / "tensors.safetensors").is_file():
        pytest.skip(f"no recorded rasteriser case at {CASE}")
    return load_file(CASE / "tensors.safetensors")


@pytest.mark.parametrize("view", range(4))
@pytest.mark.parametrize("mesh", MESHES)
def test_agrees_with_the_recorded_rasteriser(recorded, mesh, view):
    index = recorded[f"outputs/{mesh}/{view}/face_index"].long() - 1
    bary = recorded[f"outputs/{mesh}/{view}/barycentric"]
    fragments = rasterize(
        recorded[f"inputs/{mesh}/{view}/clip_pos"],
        recorded[f"inputs/{mesh}/faces"].long(),
        tuple(index.shape),
    )
    same = fragments.face_id[0] == index
    assert same.float().mean() >= 0.999
    torch.testing.assert_close(fragments.bary[0][same], bary[same], atol=1e-4, rtol=0)
