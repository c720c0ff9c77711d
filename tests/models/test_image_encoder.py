"""The image conditioner beyond its recorded cases."""

from __future__ import annotations

import torch

from maquette.models.image_encoder import DinoV2Config, ImageEncoder, ImageEncoderConfig

SMALL = ImageEncoderConfig(dino=DinoV2Config(width=16, depth=1, num_heads=2, image_size=28), image_size=28)


@torch.no_grad()
def test_token_count_does_not_depend_on_the_size_of_the_picture() -> None:
    encoder = ImageEncoder(SMALL).eval()
    for size in ((28, 28), (64, 64), (50, 80)):
        assert encoder(torch.zeros(1, 3, *size)).shape == (1, SMALL.num_tokens, 16)


@torch.no_grad()
def test_pixels_are_normalised_by_imagenet_statistics() -> None:
    white = ImageEncoder(SMALL).pixels(torch.ones(1, 3, 28, 28))
    torch.testing.assert_close(
        white[0, :, 0, 0], torch.tensor([2.2489083, 2.4285715, 2.64]), rtol=1e-4, atol=1e-4
    )


def test_no_picture_is_zeros_of_the_same_shape() -> None:
    encoder = ImageEncoder(SMALL)
    assert encoder.unconditional(3).shape == (3, SMALL.num_tokens, 16)
    assert not encoder.unconditional(3).any()
