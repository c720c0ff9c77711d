"""Shape model files: what is written is what is read, and damage is told plainly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from maquette.errors import CheckpointError
from maquette.zoo.load import load_shape_model
from maquette.zoo.shape_model import save_shape_model
from tiny_model import tiny_model


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_shape_model(tiny_model(), path, torch.float32)
    return path


def rewrite(path: Path, *, tensors: dict | None = None, metadata: dict | None = None) -> None:
    with safe_open(path, framework="pt") as opened:
        kept = opened.metadata()
    save_file(load_file(path) if tensors is None else tensors, path, kept if metadata is None else metadata)


@torch.no_grad()
def test_a_saved_model_computes_the_same(file: Path) -> None:
    original, read = tiny_model(), load_shape_model(file)
    assert read.config == original.config
    picture = torch.randn(1, 3, 28, 28)
    assert torch.equal(read.image_encoder(picture), original.image_encoder(picture))
    latents = torch.randn(1, 8, 4)
    points = torch.rand(1, 5, 3)
    assert torch.equal(
        read.vae.field(points, read.vae.decode(latents)),
        original.vae.field(points, original.vae.decode(latents)),
    )
    context = read.image_encoder(picture)
    assert torch.equal(
        read.dit(latents, torch.tensor([0.5]), context), original.dit(latents, torch.tensor([0.5]), context)
    )


def test_tensors_are_stored_under_the_published_names(file: Path) -> None:
    names = load_file(file).keys()
    assert "model.blocks.0.attn1.to_q.weight" in names
    assert "vae.geo_decoder.cross_attn_decoder.attn.c_kv.weight" in names
    assert "conditioner.main_image_encoder.model.embeddings.cls_token" in names


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a file"):
        load_shape_model(tmp_path / "none.safetensors")


def test_truncated_file(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="damaged or only partly downloaded"):
        load_shape_model(file)


def test_file_of_another_program(file: Path) -> None:
    rewrite(file, metadata={})
    with pytest.raises(CheckpointError, match="not the checkpoint of a shape model"):
        load_shape_model(file)


def test_renamed_tensor_is_named(file: Path) -> None:
    tensors = load_file(file)
    tensors["vae.post_kl.weights"] = tensors.pop("vae.post_kl.weight")
    rewrite(file, tensors=tensors)
    with pytest.raises(CheckpointError, match=r"post_kl\.weight\b.*post_kl\.weights"):
        load_shape_model(file)


def test_configuration_that_contradicts_the_tensors(file: Path) -> None:
    with safe_open(file, framework="pt") as opened:
        config = json.loads(opened.metadata()["maquette"])
    config["dit"]["latent_channels"] = 5
    rewrite(file, metadata={"maquette": json.dumps(config)})
    with pytest.raises(CheckpointError, match="where the configuration asks for"):
        load_shape_model(file)


def test_unknown_setting_is_refused(file: Path) -> None:
    with safe_open(file, framework="pt") as opened:
        config = json.loads(opened.metadata()["maquette"])
    config["vae"]["colour"] = 1
    rewrite(file, metadata={"maquette": json.dumps(config)})
    with pytest.raises(CheckpointError, match="colour"):
        load_shape_model(file)


def test_tensors_of_no_network_are_refused(file: Path) -> None:
    rewrite(file, tensors={**load_file(file), "text.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="belong to no network"):
        load_shape_model(file)
