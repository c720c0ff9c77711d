import logging
import threading

import pytest
import torch

from maquette.errors import SettingError
from maquette.render import rasterize as module
from maquette.render.rasterize import rasterize

pytest.importorskip("warp", reason="the fast rasteriser is the optional part maquette[warp]")


def soup(count, seed, spread):
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 1, 3, generator=generator) * 2 - 1
    corners = corners + torch.randn(count, 3, 3, generator=generator) * spread
    w = torch.rand(3 * count, 1, generator=generator) + 0.5
    return torch.cat([corners.view(-1, 3), w], -1), torch.arange(3 * count).view(-1, 3)


def assert_same(one, other):
    assert torch.equal(one.face_id, other.face_id)
    assert torch.equal(one.bary, other.bary)
    assert torch.equal(one.depth, other.depth)


@pytest.mark.parametrize(
    ("count", "size", "spread"), [(300, (64, 48), 1.0), (3000, (150, 200), 0.1), (40, (256, 256), 3.0)]
)
def test_the_kernels_give_the_bits_of_the_reference(count, size, spread):
    clip, faces = soup(count, count, spread)
    assert_same(rasterize(clip, faces, size, engine="torch"), rasterize(clip, faces, size, engine="warp"))


def test_slivers_and_broken_faces_are_drawn_alike():
    clip, faces = soup(400, 1, 1.0)
    clip[1::3] = clip[0::3] + (clip[2::3] - clip[0::3]) * 0.5 + 1e-5  # nearly without area
    clip[30, 0], clip[31, 3], clip[60] = torch.nan, -1.0, torch.inf
    faces = torch.cat([faces, faces[:5], faces[:3, [0, 0, 1]]])
    assert_same(
        rasterize(clip, faces, (97, 131), engine="torch"), rasterize(clip, faces, (97, 131), engine="warp")
    )


def test_pictures_packed_together_are_drawn_alike():
    clip, faces = soup(500, 2, 0.3)
    image = torch.arange(500) % 4
    ours = [
        rasterize(clip, faces, (40, 60), face_image=image, image_count=5, engine=engine)
        for engine in ("torch", "warp")
    ]
    assert_same(*ours)
    assert not ours[1].mask[4].any()


def test_threads_do_not_disturb_each_other():
    clip, faces = soup(2000, 3, 0.2)
    truth, drawn = rasterize(clip, faces, (128, 128), engine="torch"), []
    threads = [
        threading.Thread(target=lambda: drawn.append(rasterize(clip, faces, (128, 128), engine="warp")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 4
    for fragments in drawn:
        assert_same(truth, fragments)


def test_the_choice_is_logged_with_its_reason(caplog):
    module._choose.cache_clear()
    clip, faces = soup(3, 4, 1.0)
    with caplog.at_level(logging.INFO, logger="maquette.render.rasterize"):
        rasterize(clip, faces, (8, 8))
        rasterize(clip, faces, (8, 8))
    assert [record.getMessage() for record in caplog.records] == [
        "rasterising on cpu with warp: it is installed and faster"
    ]


def test_without_the_package_the_reference_draws_and_says_so(caplog, monkeypatch):
    module._choose.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "maquette.render.rasterize_warp", None)
    monkeypatch.delattr("maquette.render.rasterize_warp", raising=False)
    clip, faces = soup(3, 4, 1.0)
    with caplog.at_level(logging.INFO, logger="maquette.render.rasterize"):
        rasterize(clip, faces, (8, 8))
    assert "with torch: warp is not installed" in caplog.text
    with pytest.raises(SettingError, match="engine warp"):
        rasterize(clip, faces, (8, 8), engine="warp")
    module._choose.cache_clear()


def test_a_folder_that_cannot_hold_kernels_is_a_reason_and_no_failure(monkeypatch):
    from maquette.render import rasterize_warp

    def refuse(*_args, **_options):
        raise OSError("read-only file system")

    monkeypatch.setattr(rasterize_warp.wp, "load_module", refuse)
    assert "read-only file system" in rasterize_warp.unusable("cpu")
