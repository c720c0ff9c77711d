import torch

from maquette.train.looks import draw_looks, noise_volume


def looks(count=400, seed=0):
    return draw_looks(count, torch.Generator().manual_seed(seed))


def test_the_same_seed_gives_the_same_looks():
    one, two = looks(), looks()
    assert all(torch.equal(getattr(one, name), getattr(two, name)) for name in vars(one))


def test_values_stay_in_their_ranges():
    drawn = looks()
    assert all(value.isfinite().all() for value in vars(drawn).values())
    torch.testing.assert_close(drawn.light_direction.norm(dim=-1), torch.ones(400, 3))
    for values in (drawn.palette, drawn.backdrop, drawn.gloss, drawn.occlusion):
        assert values.min() >= 0
        assert values.max() <= 1
    assert drawn.light_colour.min() >= 0
    assert (drawn.light_colour[:, 0].sum(-1) > 0).all()  # the first light is always on


def test_about_a_third_is_textured_with_every_kind():
    kind = looks().texture[:, 0]
    assert 0.25 < (kind >= 0).float().mean() < 0.42
    assert set(kind.tolist()) == {-1, 0, 1, 2, 3, 4}


def test_tints_keep_grey_grey():
    grey = looks().tint.sum(-1)
    torch.testing.assert_close(grey, grey[:, :1].expand(-1, 3))


def test_rows_are_the_rows_asked_for():
    part = looks().rows(10, 13, torch.device("cpu"))
    assert torch.equal(part.exposure, looks().exposure[10:13])


def test_noise_is_periodic_and_smooth():
    noise = noise_volume(torch.Generator().manual_seed(0), torch.device("cpu"))
    assert noise.shape == (1, 2, 65, 65, 65)
    assert torch.equal(noise[..., 0], noise[..., 64])
    assert torch.equal(noise[:, :, 0], noise[:, :, 64])
    assert noise.diff(dim=-1).std() < 0.9 * noise.std()
