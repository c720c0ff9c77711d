"""Key tables fit the published full-size checkpoints, name by name and shape by shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from maquette.errors import CheckpointError
from maquette.models.dit_v20 import DiTV20
from maquette.models.dit_v21 import DiTV21
from maquette.models.image_encoder import ImageEncoder
from maquette.models.shape_vae import ShapeVAE
from maquette.zoo import keymap, published
from parity.cases import parity_folder

MANIFESTS = sorted((parity_folder() / "manifests").glob("manifest_hunyuan3d-*.json"))
COMPONENTS = [
    pytest.param(file, component, id=f"{file.stem.removeprefix('manifest_')}-{component}")
    for file in MANIFESTS
    for component in json.loads(file.read_text())["components"]
]


def build(component: str, record: dict[str, Any]) -> tuple[torch.nn.Module, keymap.KeyMap]:
    """A full-size network on the meta device and its key table."""
    params = record["params"]
    with torch.device("meta"):
        if record["upstream_class"] == "Hunyuan3DDiT":
            config = published.dit_v20_config(params)
            return DiTV20(config), keymap.dit_v20_keys(config)
        if component == "model":
            config_v21 = published.dit_v21_config(params)
            return DiTV21(config_v21), keymap.dit_v21_keys(config_v21)
        if component == "vae":
            has_encoder = any(name.startswith("encoder.") for name in record["keys"])
            vae = published.shape_vae_config(params, has_encoder=has_encoder)
            return ShapeVAE(vae), keymap.shape_vae_keys(vae)
        encoder = published.image_encoder_config(params["main_image_encoder"]["kwargs"])
        return ImageEncoder(encoder), keymap.prefixed(
            keymap.image_encoder_keys(encoder), "", "main_image_encoder."
        )


@pytest.mark.skipif(not MANIFESTS, reason="the full-size manifests are not here; set MAQUETTE_PARITY_DIR")
@pytest.mark.parametrize(("file", "component"), COMPONENTS)
def test_published_checkpoints_map_one_to_one(file: Path, component: str) -> None:
    record = json.loads(file.read_text())["components"][component]
    network, key_map = build(component, record)
    recorded = {
        name: (tuple(value["shape"]), getattr(torch, value["dtype"]))
        for name, value in record["keys"].items()
    }
    ours = network.state_dict()
    published_state = keymap.to_published(ours, key_map)
    assert {name: (tuple(t.shape), t.dtype) for name, t in published_state.items()} == recorded
    back = keymap.to_ours(published_state, key_map, component)
    assert {n: (t.shape, t.dtype) for n, t in back.items()} == {
        n: (t.shape, t.dtype) for n, t in ours.items()
    }


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
