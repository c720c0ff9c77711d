"""Key tables fit the published full-size checkpoints, name by name and shape by shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from maquette.errors import CheckpointError
from maquette.models.dit_v21 import DiTV21
from maquette.models.image_encoder import ImageEncoder
from maquette.models.shape_vae import ShapeVAE
from maquette.zoo import keymap, published
from parity.cases import parity_folder

MANIFEST = parity_folder() / "manifests" / "manifest_hunyuan3d-dit-v2-1.json"


def components() -> dict[str, tuple[torch.nn.Module, keymap.KeyMap]]:
    record = json.loads(MANIFEST.read_text())["components"]
    dit = published.dit_v21_config(record["model"]["params"])
    vae = published.shape_vae_config(record["vae"]["params"], has_encoder=True)
    encoder = published.image_encoder_config(record["conditioner"]["params"]["main_image_encoder"]["kwargs"])
    prefix = "main_image_encoder."
    with torch.device("meta"):
        return {
            "model": (DiTV21(dit), keymap.dit_v21_keys(dit)),
            "vae": (ShapeVAE(vae), keymap.shape_vae_keys(vae)),
            "conditioner": (
                ImageEncoder(encoder),
                keymap.prefixed(keymap.image_encoder_keys(encoder), "", prefix),
            ),
        }


@pytest.mark.skipif(
    not MANIFEST.exists(), reason="the full-size manifests are not here; set MAQUETTE_PARITY_DIR"
)
@pytest.mark.parametrize("component", ["model", "vae", "conditioner"])
def test_the_published_2_1_checkpoint_maps_one_to_one(component: str) -> None:
    network, key_map = components()[component]
    keys: dict[str, Any] = json.loads(MANIFEST.read_text())["components"][component]["keys"]
    shapes = {
        name: tuple(value["shape"] if isinstance(value, dict) else value[0]) for name, value in keys.items()
    }
    ours = network.state_dict()
    published_state = keymap.to_published(ours, key_map)
    assert {name: tuple(t.shape) for name, t in published_state.items()} == shapes
    back = keymap.to_ours(published_state, key_map, component)
    assert {name: t.shape for name, t in back.items()} == {name: t.shape for name, t in ours.items()}


def small_table() -> tuple[keymap.KeyMap, dict[str, Tensor]]:
    key_map = [
        keymap.Entry("qkv", ("q", "k", "v"), interleaved_heads=2, parts=3),
        keymap.Entry("out", ("o",)),
    ]
    return key_map, {
        "q": torch.randn(4, 3),
        "k": torch.randn(4, 3),
        "v": torch.randn(4, 3),
        "o": torch.randn(2),
    }


def test_interleaved_heads_are_put_in_plain_order() -> None:
    key_map, state = small_table()
    rows = torch.cat([state["q"], state["k"], state["v"]])  # two heads of width 2, each (q, k, v)
    expected = torch.cat([rows[[0, 1, 6, 7]], rows[[2, 3, 8, 9]], rows[[4, 5, 10, 11]]])
    assert torch.equal(keymap.to_ours(state, key_map, "test")["qkv"], expected)


def test_round_trip_loses_nothing() -> None:
    key_map, state = small_table()
    back = keymap.to_published(keymap.to_ours(state, key_map, "test"), key_map)
    assert all(torch.equal(back[name], state[name]) for name in state)


def test_missing_and_unexpected_tensors_are_named() -> None:
    key_map, state = small_table()
    state["renamed"] = state.pop("v")
    with pytest.raises(CheckpointError, match=r"1 missing \(v\); 1 unexpected \(renamed\)"):
        keymap.to_ours(state, key_map, "file.safetensors")
