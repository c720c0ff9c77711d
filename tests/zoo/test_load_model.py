"""Published checkpoints are read from every layout, and whatever is wrong with one is said plainly."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from maquette.errors import CheckpointError
from maquette.zoo.checkpoint import open_tensors
from maquette.zoo.files import resolve_model
from maquette.zoo.load import load_shape_model
from maquette.zoo.shape_model import ShapeModel, components, save_shape_model
from published_layout import published_state, random_model, settings, vae_params, write

VARIANTS: dict[str, dict[str, Any]] = {
    "2.1": {"v21": True},
    "2.0": {},
    "fast": {"guidance_embed": True},
    "turbo": {"turbo": True},
    "several views": {"views": True},
}


def assert_same(read: ShapeModel, original: ShapeModel) -> None:
    for prefix, (network, _) in components(original).items():
        state = components(read)[prefix][0].state_dict()
        for name, tensor in network.state_dict().items():
            assert torch.equal(state[name], tensor.half().float()), prefix + name


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    config = settings()
    return write(tmp_path / "small", config, published_state(random_model(config)), "safetensors")


def rewrite(file: Path, change: Any) -> None:
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)


@pytest.mark.parametrize("kind", ["safetensors", "ckpt"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_published_folder_is_read(tmp_path: Path, variant: str, kind: str) -> None:
    config = settings(**VARIANTS[variant])
    original = random_model(config)
    write(tmp_path / "small", config, published_state(original), kind)
    read = load_shape_model(tmp_path / "small")
    assert_same(read, original)
    assert read.config.multi_view == (variant == "several views")
    assert (read.config.steps, read.config.consistency_grid) == (
        (5, 100) if variant == "turbo" else (50, None)
    )
    assert load_shape_model(tmp_path).config == read.config  # the folder above, with one model in it


def test_weights_are_read_as_the_type_asked_for(checkpoint: Path) -> None:
    model = load_shape_model(checkpoint, dtype=torch.bfloat16)
    assert {p.dtype for p in model.dit.parameters()} == {torch.bfloat16}


def test_encoder_tensors_are_left_unread_and_strangers_among_them_are_not(checkpoint: Path) -> None:
    from maquette.zoo.keymap import shape_encoder_keys
    from maquette.zoo.published import shape_vae_config

    names = [
        name
        for e in shape_encoder_keys(shape_vae_config(vae_params(), has_encoder=True))
        for name in e.published
    ]
    rewrite(checkpoint, lambda t: t.update({f"vae.{name}": torch.zeros(1) for name in names}))
    load_shape_model(checkpoint)
    rewrite(checkpoint, lambda t: t.update({"vae.encoder.odd": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match=r"vae do not match.*1 unexpected \(encoder\.odd\)"):
        load_shape_model(checkpoint)


def test_a_file_alone_is_recognised_by_its_tensors() -> None:
    from maquette.zoo import load, published
    from maquette.zoo.checkpoint import Stored, TensorFile
    from maquette.zoo.shape_model import dit_keys

    def recognise(name: str, file: str) -> str:
        keys = dit_keys(published.known_settings()[name].dit)
        stored = {f"model.{n}": Stored((1,), torch.float16, 0) for e in keys for n in e.published}
        return load.recognise(Path(file), TensorFile(Path(file), stored)).name

    assert recognise("hunyuan3d-dit-v2-1", "a/model.ckpt") == "hunyuan3d-dit-v2-1"
    assert recognise("hunyuan3d-dit-v2-mini", "a/x.safetensors") == "hunyuan3d-dit-v2-mini"
    turbo = "hunyuan3d-dit-v2-mv-turbo"
    assert recognise(turbo, f"models/{turbo}.safetensors") == recognise(turbo, f"{turbo}/model.ckpt") == turbo
    with pytest.raises(CheckpointError, match="may be any of hunyuan3d-dit-v2-0, hunyuan3d-dit-v2-mv"):
        recognise("hunyuan3d-dit-v2-0", "a/x.safetensors")


@pytest.mark.parametrize("flat", [True, False])
def test_another_autoencoder_takes_the_place_of_the_models_own(
    checkpoint: Path, tmp_path: Path, flat: bool
) -> None:
    turbo = {
        "geo_decoder_mlp_expand_ratio": 1,
        "geo_decoder_downsample_ratio": 2,
        "geo_decoder_ln_post": False,
    }
    config = settings()
    config["vae"]["params"] = {**vae_params(), **turbo}
    state = published_state(random_model(config))
    folder = tmp_path / "turbo"
    if flat:
        folder.mkdir()
        save_file(state["vae"], folder / "model.fp16.safetensors")
        (folder / "config.yaml").write_text(yaml.safe_dump(config["vae"]))
    else:
        write(folder, config, state, "safetensors")
    model = load_shape_model(checkpoint, vae=folder)
    assert model.vae.config.query_reduction == 2 and model.config.vae == model.vae.config
    config["vae"]["params"]["scale_factor"] = 2.0
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(CheckpointError, match="another generation's autoencoder"):
        load_shape_model(checkpoint, vae=folder)


def test_our_own_files_hold_either_generation(tmp_path: Path) -> None:
    original = random_model(settings(turbo=True, views=True))
    save_shape_model(original, tmp_path / "ours.safetensors")
    read = load_shape_model(tmp_path / "ours.safetensors")
    assert read.config == original.config
    assert_same(read, original)


def test_renamed_key_is_named(checkpoint: Path) -> None:
    rewrite(checkpoint, lambda t: t.update({"model.cond_inn.bias": t.pop("model.cond_in.bias")}))
    with pytest.raises(
        CheckpointError, match=r"1 missing \(cond_in\.bias\); 1 unexpected \(cond_inn\.bias\)"
    ):
        load_shape_model(checkpoint)


def test_configuration_that_contradicts_the_tensors(checkpoint: Path) -> None:
    config = settings()
    config["model"]["params"]["in_channels"] = 5
    checkpoint.with_name("config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(
        CheckpointError, match=r"latent_in\.weight is \[32, 4\] where the configuration asks for \[32, 5\]"
    ):
        load_shape_model(checkpoint)


def test_checkpoint_of_another_model(tmp_path: Path) -> None:
    state = published_state(random_model(settings(v21=True)))
    file = write(tmp_path / "small", settings(), state, "safetensors")
    with pytest.raises(CheckpointError, match=r"model do not match.*missing.*unexpected.*another model"):
        load_shape_model(file)
    rewrite(file, lambda t: t.update({"text_encoder.weight": torch.zeros(1)}))
    with pytest.raises(CheckpointError, match=r"belong to no network.*text_encoder\.weight"):
        load_shape_model(file)


@pytest.mark.parametrize("kind", ["safetensors", "ckpt"])
@pytest.mark.parametrize("keep", [0, 5, 700, -200])
def test_truncated_checkpoint(tmp_path: Path, kind: str, keep: int) -> None:
    config = settings()
    file = write(tmp_path / "small", config, published_state(random_model(config)), kind)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=f"{file.name}.*fetch it again"):
        load_shape_model(file)


def test_other_things_in_place_of_weights(tmp_path: Path) -> None:
    for name, content, reason in (
        ("lfs.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        ("page.ckpt", b"<html>404</html>", "no zip file"),
        ("page.safetensors", b"<html>404 not found</html>", "no safetensors file"),
        ("header.safetensors", (4).to_bytes(8, "little") + b'{"a"0000000000', "header cannot be read"),
        ("chair.glb", b"glTF", "no weight file"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=reason):
            open_tensors(tmp_path / name)
    with pytest.raises(CheckpointError, match="is not a file"):
        open_tensors(tmp_path / "none.ckpt")
    with pytest.raises(CheckpointError, match="holds no weights"):
        load_shape_model(tmp_path)
    with pytest.raises(CheckpointError, match="does not exist"):
        resolve_model("./nowhere/model.ckpt")


class Evil:
    def __reduce__(self) -> Any:
        return print, ("this code must never run",)


def test_a_pickle_that_wants_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "model.ckpt"
    torch.save({"model": Evil()}, file)
    with pytest.raises(CheckpointError, match="wants to run code"):
        open_tensors(file)
    assert "never run" not in capsys.readouterr().out


def test_pickled_tensors_of_any_layout_are_read_right(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float32).view(4, 6)
    content = OrderedDict(
        a={
            "transposed": base.t(),
            "rows": base[1:3],
            "scalar": torch.tensor(5.0),
            "empty": torch.zeros(0, 3),
        },
        b=base.bfloat16(),
        step=7,
    )
    torch.save(content, tmp_path / "odd.pt")
    tensors = open_tensors(tmp_path / "odd.pt")
    assert tensors.names == {"a.transposed", "a.rows", "a.scalar", "a.empty", "b"}
    with tensors.path.open("rb", buffering=0) as file:
        for name in ("transposed", "rows", "scalar", "empty"):
            assert torch.equal(tensors.read(f"a.{name}", file), content["a"][name])  # type: ignore[index]
        assert torch.equal(tensors.read("b", file), content["b"])


def test_folder_of_several_models_must_be_narrowed(tmp_path: Path) -> None:
    config = settings()
    state = published_state(random_model(config))
    for name in ("hunyuan3d-dit-v2-0", "hunyuan3d-dit-v2-0-turbo", "hunyuan3d-vae-v2-0"):
        write(tmp_path / name, config, state, "safetensors")
    with pytest.raises(
        CheckpointError, match=r"several models.*hunyuan3d-dit-v2-0, hunyuan3d-dit-v2-0-turbo"
    ):
        load_shape_model(tmp_path)


def test_an_autoencoder_is_no_shape_model(tmp_path: Path) -> None:
    save_file(published_state(random_model(settings()))["vae"], tmp_path / "model.fp16.safetensors")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings()["vae"]))
    with pytest.raises(CheckpointError, match="give it as --vae"):
        load_shape_model(tmp_path)
