"""Checkpoints of the published layout, run from pictures to meshes: views, variations, and the sampler's freedom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from maquette.errors import CancelledError, CheckpointError, SettingError
from maquette.picture.cutout import Cutout
from maquette.runtime.device import choose_runtime
from maquette.shape.flashvdm import decode_flashvdm
from maquette.shape.pipeline import ShapePipeline, ShapeSettings, generate
from maquette.shape.sampler import SamplingSettings
from maquette.shape.volume import VolumeSettings
from maquette.zoo.files import choose_model
from published_layout import published_state, random_model, settings, write

CPU = choose_runtime("cpu")
QUICK = ShapeSettings(steps=3, resolution=24, faces=None)


def pipeline(**variant: Any) -> ShapePipeline:
    return ShapePipeline(random_model(settings(**variant)), CPU)


def cutout(colour: tuple[int, int, int], wide: float = 1.0) -> Cutout:
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    inside = (x / wide) ** 2 + y**2 < 0.6
    rgba = np.stack([np.full_like(x, c) for c in colour] + [255.0 * inside], axis=-1).astype(np.uint8)
    return Cutout(Image.fromarray(rgba, "RGBA"), "alpha", None)


FRONT, LEFT, BACK = cutout((200, 60, 60)), cutout((60, 200, 60), 0.5), cutout((60, 60, 200))


@pytest.mark.parametrize("kind", ["safetensors", "ckpt"])
@pytest.mark.parametrize("variant", [{"v21": True}, {}, {"turbo": True}, {"views": True}])
def test_a_published_checkpoint_makes_a_mesh(tmp_path: Path, variant: dict[str, Any], kind: str) -> None:
    config = settings(**variant)
    file = write(tmp_path / "small", config, published_state(random_model(config)), kind)
    mesh = ShapePipeline.from_pretrained(str(file.parent), device="cpu").generate(FRONT, QUICK)
    assert mesh.is_watertight and len(mesh.faces) > 0
    assert mesh.metadata["maquette"]["model"] == "small"
    assert "Hunyuan" in mesh.metadata["maquette"]["license"]


def test_every_view_has_a_say_and_their_order_has_none() -> None:
    several, sampling = pipeline(views=True), SamplingSettings(steps=2)
    pictures = {"front": FRONT.rgba, "left": LEFT.rgba, "back": BACK.rgba}
    all_three = several.draw_latents(pictures, 0, sampling)
    shuffled = several.draw_latents(dict(reversed(pictures.items())), 0, sampling)
    assert torch.equal(all_three, shuffled)
    for name in ("left", "back"):
        without = several.draw_latents({k: v for k, v in pictures.items() if k != name}, 0, sampling)
        assert not torch.allclose(all_three, without, atol=1e-4)
    as_right = several.draw_latents({**pictures, "right": LEFT.rgba}, 0, sampling)
    assert not torch.allclose(all_three, as_right, atol=1e-4)
    alone = several.draw_latents(FRONT.rgba, 0, sampling)
    assert torch.equal(alone, several.draw_latents({"front": FRONT.rgba}, 0, sampling))


def test_several_views_are_recorded() -> None:
    mesh = pipeline(views=True).generate({"back": BACK, "front": FRONT}, QUICK)
    assert mesh.metadata["maquette"]["views"] == ["front", "back"] and mesh.metadata["notes"] == []


def test_a_model_of_one_picture_takes_the_front_and_says_so() -> None:
    single = pipeline()
    mesh = single.generate({"front": FRONT, "left": LEFT}, QUICK)
    assert np.array_equal(mesh.vertices, single.generate(FRONT, QUICK).vertices)
    assert any("left had no say" in note for note in mesh.metadata["notes"])
    with pytest.raises(SettingError, match=r"one picture and was given left, back.*hunyuan3d-dit-v2-mv"):
        single.generate({"left": LEFT, "back": BACK}, QUICK)


def test_the_model_is_chosen_by_the_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert choose_model(["front"]) == "bundled"
    with pytest.raises(CheckpointError, match=r"multi-view.*pull hunyuan3d-dit-v2-mv"):
        generate({"front": FRONT, "left": LEFT}, device="cpu")
    config = settings(views=True, turbo=True)
    snapshot = tmp_path / "models--tencent--Hunyuan3D-2mv" / "snapshots" / "0"
    write(
        snapshot / "hunyuan3d-dit-v2-mv-turbo", config, published_state(random_model(config)), "safetensors"
    )
    assert choose_model(["front", "left"]) == choose_model(["back"]) == "hunyuan3d-dit-v2-mv-turbo"
    mesh = generate({"front": FRONT, "left": LEFT}, device="cpu", resolution=24)
    assert mesh.metadata["maquette"]["model"] == "hunyuan3d-dit-v2-mv-turbo"


@pytest.mark.parametrize("variant", [{"v21": True}, {}, {"turbo": True}, {"views": True}])
def test_variations_are_what_their_seeds_give_alone(variant: dict[str, Any]) -> None:
    drawn, sampling = pipeline(**variant), SamplingSettings(steps=3, guidance=2.0)
    batch = drawn.draw_latents(FRONT.rgba, [5, 6, 7], sampling)
    for index, seed in enumerate((5, 6, 7)):
        alone = drawn.draw_latents(FRONT.rgba, seed, sampling)
        torch.testing.assert_close(batch[index : index + 1], alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(batch[0], batch[1])


def test_variations_are_meshes_from_seeds_that_follow() -> None:
    meshes = list(pipeline().variations(FRONT, ShapeSettings(seed=3, steps=2, resolution=24), 2))
    assert [mesh.metadata["maquette"]["seed"] for mesh in meshes] == [3, 4]
    with pytest.raises(SettingError, match="variations is 0"):
        next(pipeline().variations(FRONT, QUICK, 0))


def test_intermediate_latents_are_given_and_any_step_may_cancel() -> None:
    seen: list[tuple[int, int, torch.Size]] = []

    def watch(done: int, total: int, latents: torch.Tensor) -> None:
        seen.append((done, total, latents.shape))
        if done == 2:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        pipeline().generate(FRONT, QUICK, on_step=watch)
    assert seen == [(1, 3, (1, 8, 4)), (2, 3, (1, 8, 4))]


def test_shift_and_interval_change_the_shape_and_are_recorded() -> None:
    drawn = pipeline()
    plain = drawn.generate(FRONT, QUICK)
    for change in ({"shift": 3.0}, {"guidance_interval": (0.2, 0.8)}):
        mesh = drawn(FRONT, steps=3, resolution=24, faces=None, **change)
        assert mesh.vertices.shape != plain.vertices.shape or not np.allclose(mesh.vertices, plain.vertices)
        assert {k: mesh.metadata["maquette"][k] for k in change} == {
            k: list(v) if isinstance(v, tuple) else v for k, v in change.items()
        }


def test_settings_a_model_has_no_use_for_are_refused() -> None:
    turbo = pipeline(turbo=True)
    for setting, word in (
        ({"shift": 2.0}, "shift"),
        ({"guidance_interval": (0.0, 0.5)}, "interval"),
        ({"steps": 101}, "1 to 100"),
    ):
        with pytest.raises(SettingError, match=word):
            turbo(FRONT, **setting)


def test_noise_is_that_of_the_seed_in_any_precision() -> None:
    half = ShapePipeline(random_model(settings()), choose_runtime("cpu", "bfloat16"))
    first = []
    half.draw_latents(FRONT.rgba, 4, SamplingSettings(steps=2), on_step=lambda i, n, x: first.append(x))
    assert first[0].dtype == torch.float32


@pytest.mark.parametrize(("decoder", "mode"), [("flashvdm-mean", "mean"), ("flashvdm-merge", "merge")])
def test_published_flashvdm_is_chosen_by_a_setting(decoder: Any, mode: Any) -> None:
    turbo, sampling = pipeline(turbo=True), SamplingSettings(steps=5)
    stages: list[str] = []
    quick = ShapeSettings(resolution=24, faces=None, decoder=decoder)
    mesh = turbo.generate(FRONT, quick, lambda stage, done, total: stages.append(stage))
    assert mesh.is_watertight and mesh.metadata["maquette"]["decoder"] == decoder and "decode" in stages
    field = turbo.field(turbo.draw_latents(FRONT.rgba, 0, sampling))
    decoded = turbo.decode(field, VolumeSettings(24, method=decoder)).dense()
    assert torch.equal(decoded, decode_flashvdm(field, 24, VolumeSettings().bounds, mode=mode))


def test_flashvdm_has_its_limits() -> None:
    with pytest.raises(SettingError, match="at most at 512"):
        ShapeSettings(resolution=768, decoder="flashvdm-mean")
    with pytest.raises(SettingError, match="decoder is 'quick'"):
        ShapeSettings(decoder="quick")  # type: ignore[arg-type]
