"""The catalogue and the settings we know by heart are those of the published files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from maquette.errors import CheckpointError
from maquette.zoo import load, published
from maquette.zoo.catalog import CATALOG, find_entry
from maquette.zoo.checkpoint import Stored, TensorFile, check
from maquette.zoo.shape_model import build, components
from parity.cases import parity_folder

MANIFESTS = sorted((parity_folder() / "manifests").glob("manifest_hunyuan3d-*.json"))
needs_manifests = pytest.mark.skipif(not MANIFESTS, reason="the full-size manifests are not here")


@needs_manifests
@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem.removeprefix("manifest_"))
def test_known_settings_are_the_published_ones(file: Path) -> None:
    manifest = json.loads(file.read_text())
    name, config = manifest["name"], manifest["config"]
    if "target" in config:
        assert published.known_vae_settings()[name] == published.shape_vae_file_config(config, name)
    else:
        assert published.known_settings()[name] == published.shape_model_config(config, name)


@needs_manifests
@pytest.mark.parametrize("encoder", [True, False], ids=["with encoder", "decoder only"])
@pytest.mark.parametrize(
    "file", [f for f in MANIFESTS if "-dit-" in f.name], ids=lambda file: file.stem.removeprefix("manifest_")
)
def test_full_size_files_pass_every_check_of_the_loader(file: Path, encoder: bool) -> None:
    manifest = json.loads(file.read_text())
    name = manifest["name"]
    stored = {
        f"{component}.{key}": Stored(tuple(value["shape"]), torch.float16, 0)
        for component, record in manifest["components"].items()
        for key, value in record["keys"].items()
        if encoder or not (component == "vae" and key.startswith(("encoder.", "pre_kl.")))
    }
    tensors = TensorFile(Path(f"{name}.safetensors"), stored)
    config = load.recognise(tensors.path, tensors)
    assert config.name == name
    for prefix, (network, key_map) in components(build(config)).items():
        check(network, key_map, load.network_part(tensors, prefix, config), prefix)


@needs_manifests
def test_the_catalogue_lists_every_published_shape_checkpoint() -> None:
    manifests = {m["name"]: m for m in (json.loads(file.read_text()) for file in MANIFESTS)}
    entries = {e.name: e for e in CATALOG if e.repo and e.kind in ("shape", "autoencoder")}
    assert entries.keys() == manifests.keys()
    for name, entry in entries.items():
        assert entry.repo == manifests[name]["repo"]
        assert set(entry.files) <= {f"{name}/{file}" for file in manifests[name]["files"]}


def test_settings_in_the_catalogue_agree_with_the_networks() -> None:
    for name, settings in published.known_settings().items():
        entry = find_entry(name)
        assert (entry.steps, entry.guidance, entry.resolution, entry.views) == (
            settings.steps,
            settings.guidance,
            settings.resolution,
            settings.multi_view,
        )
        if entry.fast_decoder:
            assert (
                published.known_vae_settings()[entry.fast_decoder].scale_factor == settings.vae.scale_factor
            )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("bundled", "bundled"),
        ("tencent/Hunyuan3D-2.1", "hunyuan3d-dit-v2-1"),
        ("tencent/Hunyuan3D-2", "hunyuan3d-dit-v2-0"),
        ("tencent/Hunyuan3D-2mv/hunyuan3d-dit-v2-mv-turbo", "hunyuan3d-dit-v2-mv-turbo"),
        ("hunyuan3d-vae-v2-0-turbo", "hunyuan3d-vae-v2-0-turbo"),
    ],
)
def test_models_are_found_by_folder_and_repository(name: str, found: str) -> None:
    assert find_entry(name).name == found


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(CheckpointError, match="did you mean hunyuan3d-dit-v2-mini-turbo"):
        find_entry("hunyuan3d-dit-v2-minturbo")


def test_a_configuration_of_another_class_is_refused() -> None:
    with pytest.raises(CheckpointError, match="'SomethingElse'"):
        published.shape_model_config({"model": {"target": "a.b.SomethingElse"}}, "x")
    with pytest.raises(CheckpointError, match=r"cannot be understood.*scheduler"):
        published.shape_model_config({"model": {"target": "Hunyuan3DDiT", "params": {}}}, "x")
