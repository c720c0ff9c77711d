"""What the paint networks promise beyond the recorded cases: chunks, tiles, masks and shortcuts change nothing."""

from __future__ import annotations

import pytest
import torch

from maquette.models.clip_text import CLIPText, CLIPTextConfig
from maquette.models.rotary import rotary_table, rotate, voxel_indices
from maquette.models.unet import in_chunks
from maquette.models.upscaler import Upscaler, UpscalerConfig
from maquette.paint import denoise
from tiny_painter import tiny_painter


@torch.no_grad()
def test_the_branch_left_out_cancels_out() -> None:
    unet = tiny_painter().unet
    torch.manual_seed(1)
    features = unet.reference_features(torch.randn(1, 2, 4, 8, 8))
    dino, guides, maps = torch.randn(1, 257, 32), torch.randn(1, 3, 8, 8, 8), torch.rand(3, 3, 64, 64)
    latents = torch.randn(1, 2, 3, 4, 8, 8)
    default, published = (
        denoise.conditions_by_position(unet, features, dino, guides, maps, 3.0, compatible=compatible)
        for compatible in (False, True)
    )
    assert (len(default.branches), len(published.branches)) == (2, 3)
    expected = denoise.predictor(unet, published)(latents, 500)
    torch.testing.assert_close(denoise.predictor(unet, default)(latents, 500), expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_one_zero_token_stands_for_all() -> None:
    """No picture is told by 257 zero tokens; attention to one of them is the same."""
    unet = tiny_painter().unet
    attention = unet.blocks()[0].dino_attention
    x = torch.randn(1, 10, 16)
    answers = [
        attention(x, *attention.project_context(unet.project_dino(torch.zeros(1, count, 32))))
        for count in (1, 257)
    ]
    torch.testing.assert_close(*answers)


@torch.no_grad()
@pytest.mark.parametrize("tile", [16, 24, 100])
def test_tiles_of_the_upscaler_show_no_seam(tile: int) -> None:
    torch.manual_seed(0)
    network, picture = Upscaler(UpscalerConfig(4, 1, 2)).eval(), torch.rand(2, 3, 40, 56)
    whole = network.upscale(picture)
    assert whole.shape == (2, 3, 160, 224)
    torch.testing.assert_close(network.upscale(picture, tile=tile), whole, rtol=0, atol=1e-5)


def test_chunks_along_any_axis_are_put_back_in_place() -> None:
    x, y = torch.randn(2, 7, 3), torch.randn(2, 7, 3)
    for size in (None, 1, 3, 7, 20):
        assert torch.equal(in_chunks(torch.add, size, x, y, dim=1), x + y)


def test_tokens_at_one_place_are_turned_alike() -> None:
    places = torch.tensor([[[3, 40, 7], [3, 40, 7], [9, 9, 9]]])
    x = torch.randn(1, 1, 1, 32).expand(1, 1, 3, 32)
    turned = rotate(x, tuple(table[:, None] for table in rotary_table(places, 32)))
    assert torch.equal(turned[..., 0, :], turned[..., 1, :])
    assert not torch.allclose(turned[..., 0, :], turned[..., 2, :])
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))


def test_background_pulls_outlines_only_in_the_published_way() -> None:
    maps = torch.full((1, 1, 3, 8, 8), 0.5)
    maps[..., 4:] = 1  # half of every token in the middle is background
    assert voxel_indices(maps, 1, 101).tolist() == [[[50, 50, 50]]]
    assert voxel_indices(maps, 1, 101, compatible=True).tolist() == [[[25, 25, 25]]]


@torch.no_grad()
def test_text_tokens_see_only_what_came_before() -> None:
    torch.manual_seed(0)
    network = CLIPText(CLIPTextConfig(width=32, depth=2, num_heads=2, length=6, vocabulary=50)).eval()
    tokens = torch.tensor([[1, 2, 3, 4, 5, 6]])
    changed = tokens.clone()
    changed[0, 4] = 30
    before, after = network(tokens), network(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])
