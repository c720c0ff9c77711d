"""Paint models are read from folders of the published layout, and what is wrong with one is named."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from maquette.errors import CheckpointError
from maquette.models.clip_text import CLIPText, CLIPTextConfig
from maquette.models.unet import TextBlock, UNet
from maquette.zoo import paint_keymap
from maquette.zoo.keymap import KeyMap, to_published
from maquette.zoo.paint_model import PaintModel, PaintModelConfig, load_paint_model, load_upscaler
from tiny_painter import COLOUR, EYES, INNER, PBR, VAE, tiny_painter

UNET_JSON = {
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [16, 16, 32, 32],
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "layers_per_block": 1,
    "attention_head_dim": [1, 1, 2, 2],
    "norm_num_groups": 8,
    "cross_attention_dim": 32,
    "use_linear_projection": True,
}
VAE_JSON = {
    "block_out_channels": [8, 8, 16, 16],
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 4,
}
SCHEDULER_JSON = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "rescale_betas_zero_snr": True,
}
EYES_JSON = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "patch_size": 14,
    "image_size": 518,
    "mlp_ratio": 4,
    "use_swiglu_ffn": True,
}
TEXT = CLIPTextConfig(width=32, depth=1, num_heads=2, vocabulary=49408)
TEXT_JSON = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 128}


def write(
    folder: Path, network: torch.nn.Module, key_map: KeyMap, settings: dict[str, Any], file: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings))
    tensors = {name: t.clone() for name, t in to_published(network.state_dict(), key_map).items()}
    if file.endswith(".bin"):
        torch.save(tensors, folder / file)
    else:
        save_file(tensors, folder / file)


def write_model(folder: Path, model: PaintModel, kind: str = "bin") -> None:
    weights = f"diffusion_pytorch_model.{kind}"
    config = model.config
    write(folder / "unet", model.unet, paint_keymap.paint_unet_keys(config.unet), UNET_JSON, weights)
    write(folder / "vae", model.vae, paint_keymap.image_vae_keys(VAE), VAE_JSON, weights)
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER_JSON))
    if model.dino is not None:
        keys = paint_keymap.dino_keys(EYES)
        write(folder.parent / "dinov2-giant", model.dino, keys, EYES_JSON, "model.safetensors")


def assert_same(ours: torch.nn.Module | None, theirs: torch.nn.Module | None) -> None:
    assert ours is not None and theirs is not None
    expected = theirs.state_dict()
    assert ours.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in ours.state_dict().items())


@pytest.mark.parametrize(
    ("name", "config", "kind"),
    [
        ("hunyuan3d-paintpbr-v2-1", PBR, "bin"),
        ("hunyuan3d-paint-v2-0", COLOUR, "safetensors"),
        ("hunyuan3d-paint-v2-0-turbo", dataclasses.replace(COLOUR, sampler="lcm"), "bin"),
    ],
)
def test_published_folders_are_read(tmp_path: Path, name: str, config: PaintModelConfig, kind: str) -> None:
    model = tiny_painter(config)
    write_model(tmp_path / name, model, kind)
    for folder in (tmp_path / name, tmp_path):
        read = load_paint_model(folder)
        assert read.config.unet == config.unet and read.config.vae == config.vae
        assert read.config.sampler == config.sampler and read.config.schedule.spacing == "trailing"
        assert_same(read.unet, model.unet)
        assert_same(read.vae, model.vae)
    if model.dino is not None:
        assert_same(read.dino, model.dino)


def test_light_removal_beside_a_colour_model_is_found(tmp_path: Path) -> None:
    write_model(tmp_path / "hunyuan3d-paint-v2-0", tiny_painter(COLOUR))
    place, weights = tmp_path / "hunyuan3d-delight-v2-0", "diffusion_pytorch_model.safetensors"
    plain = dataclasses.replace(INNER, in_channels=8)
    keys = paint_keymap.unet_keys(plain, paint_keymap.text_block_keys())
    write(place / "unet", UNet(plain, TextBlock), keys, UNET_JSON | {"in_channels": 8}, weights)
    write(
        place / "vae",
        tiny_painter().vae,
        paint_keymap.image_vae_keys(VAE, old_names=False),
        VAE_JSON,
        weights,
    )
    text = CLIPText(TEXT)
    write(place / "text_encoder", text, paint_keymap.clip_text_keys(TEXT), TEXT_JSON, "model.safetensors")
    (place / "scheduler").mkdir()
    (place / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER_JSON))
    read = load_paint_model(tmp_path / "hunyuan3d-paint-v2-0").light_remover
    assert read is not None
    assert_same(read.text, text)
    assert read.schedule.spacing == "leading"


@pytest.mark.parametrize("wrapper", ["params_ema", "params", None])
def test_the_upscaler_file_is_read_by_its_published_names(tmp_path: Path, wrapper: str | None) -> None:
    upscaler = tiny_painter(enlarges=True).upscaler
    assert upscaler is not None
    tensors = to_published(upscaler.state_dict(), paint_keymap.upscaler_keys(upscaler.config))
    file = tmp_path / "hunyuan3d-paint-v2-0" / "RealESRGAN_x4plus.pth"
    write_model(file.parent, tiny_painter(COLOUR))
    torch.save({wrapper: tensors} if wrapper else tensors, file)
    assert_same(load_upscaler(file), upscaler)
    assert_same(load_paint_model(file.parent).upscaler, upscaler)


def test_an_upscaler_that_was_pulled_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    upscaler = tiny_painter(enlarges=True).upscaler
    assert upscaler is not None
    write_model(tmp_path / "hunyuan3d-paint-v2-0", tiny_painter(COLOUR))
    (tmp_path / "maquette").mkdir()
    tensors = to_published(upscaler.state_dict(), paint_keymap.upscaler_keys(upscaler.config))
    torch.save(tensors, tmp_path / "maquette" / "RealESRGAN_x4plus.pth")
    assert_same(load_paint_model(tmp_path / "hunyuan3d-paint-v2-0").upscaler, upscaler)


def test_a_file_that_is_no_upscaler_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "RealESRGAN_x4plus.pth")
    with pytest.raises(CheckpointError, match="no Real-ESRGAN upscaler"):
        load_upscaler(tmp_path / "RealESRGAN_x4plus.pth")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("vae/diffusion_pytorch_model.bin", "vae holds no weights"),
        ("vae/config.json", "config.json is missing"),
        ("unet/diffusion_pytorch_model.bin", "unet holds no weights"),
        ("unet/config.json", "config.json is missing"),
        ("scheduler/scheduler_config.json", "scheduler_config.json is missing"),
        ("../dinov2-giant/config.json", "DINOv2-giant, which is not on this machine"),
        ("../dinov2-giant/model.safetensors", "dinov2-giant holds no weights"),
    ],
)
def test_a_missing_part_is_named(tmp_path: Path, monkeypatch: Any, missing: str, message: str) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    folder = tmp_path / "hunyuan3d-paintpbr-v2-1"
    write_model(folder, tiny_painter())
    (folder / missing).unlink()
    with pytest.raises(CheckpointError, match=message):
        load_paint_model(folder)


def test_another_models_folder_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "a", tiny_painter(COLOUR))
    with pytest.raises(CheckpointError, match="holds no paint model"):
        load_paint_model(tmp_path / "a" / "vae")
    write_model(tmp_path / "paint-b", tiny_painter(COLOUR))
    write_model(tmp_path / "paint-c", tiny_painter(COLOUR))
    with pytest.raises(CheckpointError, match="several paint models"):
        load_paint_model(tmp_path)


def test_a_damaged_settings_file_is_named(tmp_path: Path) -> None:
    write_model(tmp_path / "a", tiny_painter(COLOUR))
    (tmp_path / "a" / "vae" / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        load_paint_model(tmp_path / "a")
