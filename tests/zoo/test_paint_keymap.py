"""Key tables of the paint models fit the published full-size files, name by name and shape by shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from maquette.models.clip_text import CLIPText
from maquette.models.image_encoder import DinoV2
from maquette.models.image_vae import ImageVAE
from maquette.models.paint_unet import PaintUNet, PaintUNetConfig
from maquette.models.unet import TextBlock, UNet
from maquette.models.upscaler import Upscaler, UpscalerConfig
from maquette.zoo import keymap, paint_keymap, paint_published
from parity.cases import parity_folder

FOLDER = parity_folder() / "manifests"
FILES = sorted(
    file
    for pattern in ("paint*.json", "delight*.json", "dinov2-giant.json", "realesrgan*.json")
    for file in FOLDER.glob(pattern)
    if not file.stem.endswith("image_encoder")  # in the folders, but no part of the models
)


def build(name: str, params: dict[str, Any]) -> tuple[nn.Module, keymap.KeyMap]:
    """A full-size network on the meta device and its key table."""
    model, _, part = name.rpartition(".")
    if name == "dinov2-giant":
        dino = paint_published.dino_config(params)
        return DinoV2(dino), paint_keymap.dino_keys(dino)
    if name.startswith("realesrgan"):
        upscaler = UpscalerConfig()
        return Upscaler(upscaler), paint_keymap.upscaler_keys(upscaler)
    if part == "vae":
        vae = paint_published.image_vae_config(params)
        return ImageVAE(vae), paint_keymap.image_vae_keys(vae)
    if part == "text_encoder":
        text = paint_published.clip_text_config(params)
        return CLIPText(text), paint_keymap.clip_text_keys(text)
    if model == "delight-v2-0":
        plain = paint_published.unet_config(params, in_channels=8)
        return UNet(plain, TextBlock), paint_keymap.unet_keys(plain, paint_keymap.text_block_keys())
    unet = paint_published.unet_config(params)
    config = (
        PaintUNetConfig(unet)
        if model == "paintpbr-v2-1"
        else PaintUNetConfig(unet, num_materials=1, dino_width=None, num_cameras=49)
    )
    return PaintUNet(config), paint_keymap.paint_unet_keys(config)


@pytest.mark.skipif(not FILES, reason="the full-size manifests are not here; set MAQUETTE_PARITY_DIR")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_published_paint_files_map_one_to_one(file: Any) -> None:
    record = json.loads(file.read_text())
    with torch.device("meta"):
        network, key_map = build(file.stem, record["config"])
    shapes = {
        name: tuple(shape)
        for name, (shape, _) in record["keys"].items()
        if not name.endswith("position_ids")  # a counter, not a weight
    }
    ours = network.state_dict()
    published = keymap.to_published(ours, key_map)
    assert {name: tuple(tensor.shape) for name, tensor in published.items()} == shapes
    back = keymap.to_ours(published, key_map, file.stem)
    assert {name: tensor.shape for name, tensor in back.items()} == {n: t.shape for n, t in ours.items()}
