"""The networks of one paint model, together, and the folders they are published in.

A published folder holds one folder a part (`unet`, `vae`, `scheduler`), each with its `config.json` and weights. Two
things come from elsewhere: DINOv2-giant, which 2.1 looks at the picture with, has its own repository; and the upscaler
is one file of its own project, RealESRGAN_x4plus.pth.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from maquette.errors import CheckpointError
from maquette.models.clip_text import CLIPText
from maquette.models.image_encoder import DinoV2, DinoV2Config
from maquette.models.image_vae import ImageVAE, ImageVAEConfig
from maquette.models.paint_unet import PaintUNet, PaintUNetConfig
from maquette.models.unet import TextBlock, UNet
from maquette.models.upscaler import Upscaler, UpscalerConfig
from maquette.paint.samplers import NoiseSchedule
from maquette.zoo import paint_keymap, paint_published
from maquette.zoo.catalog import HUNYUAN_LICENSE, find_entry
from maquette.zoo.checkpoint import TensorFile, fill, open_tensors, write_tensors
from maquette.zoo.files import local_folder
from maquette.zoo.keymap import KeyMap, to_published

DINO, LIGHT_REMOVER, UPSCALER = "dinov2-giant", "hunyuan3d-delight-v2-0", "real-esrgan"
OWN_SETTINGS = "maquette.json"
"""In folders of models trained here: what the published files do not say."""
UPSCALER_FILE = find_entry(UPSCALER, "part").files[0]
WEIGHT_FILES = tuple(
    f"{stem}.{kind}"
    for stem in ("diffusion_pytorch_model", "model", "pytorch_model")
    for kind in ("safetensors", "bin")
)
CPU = torch.device("cpu")

Sampler = Literal["unipc", "euler_ancestral", "lcm"]
OnBytes = Callable[[int], None]


@dataclass(frozen=True)
class PaintModelConfig:
    """Everything but the numbers."""

    name: str
    license: str
    unet: PaintUNetConfig
    vae: ImageVAEConfig
    schedule: NoiseSchedule
    sampler: Sampler
    dino: DinoV2Config | None = None
    view_size: int = 512
    steps: int = 15
    guidance: float = 3.0
    corrects: bool = False
    """The model reads what the weight-free painter made of each view (`maquette.paint.hints`) and draws latents
    relative to those: one that has learned nothing yet paints as that painter does."""


@dataclass(frozen=True)
class LightRemover:
    """The networks and the schedule of the light removal; see `paint/delight.py`."""

    unet: UNet
    vae: ImageVAE
    text: CLIPText
    schedule: NoiseSchedule
    size: int = 512
    steps: int = 50


@dataclass(frozen=True)
class PaintModel:
    """The networks, on the CPU; a painter takes each to its device when it is its turn."""

    config: PaintModelConfig
    unet: PaintUNet
    vae: ImageVAE
    dino: DinoV2 | None = None
    upscaler: Upscaler | None = None
    light_remover: LightRemover | None = None

    @property
    def num_parameters(self) -> int:
        """Of all that paints, the upscaler and the light remover apart."""
        networks = [network for network in (self.unet, self.vae, self.dino) if network is not None]
        return sum(p.numel() for network in networks for p in network.parameters())


def load_paint_model(
    folder: Path,
    *,
    dino: Path | None = None,
    upscaler: Path | None = None,
    dtype: torch.dtype = torch.float32,
    on_bytes: OnBytes = lambda count: None,
) -> PaintModel:
    """Read a paint model of the published layout.

    Args:
        folder: as hunyuan3d-paintpbr-v2-1 or hunyuan3d-paint-v2-0; the repository's folder that holds it will do.
        dino: folder of DINOv2-giant; None to look in the hub's cache and beside `folder`. 2.0 needs none.
        upscaler: RealESRGAN_x4plus.pth; None to look in the usual places, and do without where it is not there.
        dtype: what the weights are to live as.
        on_bytes: told the bytes of each tensor that was read; may raise to stop.

    Raises:
        CheckpointError: a part is missing, damaged or of another model; names it.
    """
    folder = _model_folder(folder)
    config, tensors = _config(folder, dino)
    with torch.device("meta"):
        unet, vae = PaintUNet(config.unet), ImageVAE(config.vae)
    read = _Reader(dtype, on_bytes)
    read(unet, paint_keymap.paint_unet_keys(config.unet), tensors, "UNet")
    read(vae, image_vae_keys_of(config.vae, folder / "vae"), _weights(folder / "vae"), "picture autoencoder")
    return PaintModel(
        config,
        unet,
        vae,
        dino=_load_dino(config.dino, _dino_folder(folder, dino), read) if config.dino else None,
        # Corrections are as smooth as they are drawn; the pictures' own detail is not theirs to enlarge.
        upscaler=None if config.corrects else _load_upscaler(folder, upscaler, read),
        light_remover=None if config.dino else _load_light_remover(folder, read),
    )


@dataclass(frozen=True)
class _Reader:
    """Fills networks, all in the same precision."""

    dtype: torch.dtype
    on_bytes: OnBytes

    def __call__(self, network: nn.Module, key_map: KeyMap, tensors: TensorFile, what: str) -> None:
        fill(network, key_map, tensors, what, CPU, self.dtype, self.on_bytes)


def _model_folder(folder: Path) -> Path:
    if (folder / "unet").is_dir():
        return folder
    inside = sorted(path for path in folder.glob("*paint*") if (path / "unet").is_dir())
    if len(inside) == 1:
        return inside[0]
    if inside:
        names = ", ".join(path.name for path in inside)
        raise CheckpointError(f"{folder} holds several paint models", f"give one of its folders: {names}")
    raise CheckpointError(
        f"{folder} holds no paint model", "its parts are the folders unet, vae and scheduler"
    )


def _config(folder: Path, dino: Path | None) -> tuple[PaintModelConfig, TensorFile]:
    """What the folder's settings and the names in its UNet's file say."""
    tensors = _weights(folder / "unet")
    inner = paint_published.unet_config(_settings(folder / "unet" / "config.json"))
    materials = "unet.learned_text_clip_albedo" in tensors.names
    text = "unet.learned_text_clip_albedo" if materials else "unet.learned_text_clip_gen"
    if text not in tensors.names:
        raise CheckpointError(f"{tensors.path} is not the UNet of a paint model", "is it another model's?")
    cameras = tensors.stored.get("unet.class_embedding.weight")
    projection = tensors.stored.get("unet.image_proj_model_dino.proj.weight")
    unet = PaintUNetConfig(
        unet=inner,
        num_materials=2 if materials else 1,
        text_length=tensors.stored[text].shape[-2],
        dino_width=None if projection is None else projection.shape[1],
        tokens_per_dino=4 if projection is None else projection.shape[0] // inner.context_width,
        guide_maps=tensors.stored["unet.conv_in.weight"].shape[1] // inner.in_channels - 1,
        num_cameras=0 if cameras is None else cameras.shape[0],
    )
    eyes = None
    if projection is not None:
        eyes = paint_published.dino_config(_settings(_dino_folder(folder, dino) / "config.json"))
    turbo = "turbo" in folder.name
    sampler: Sampler = "unipc" if materials else "lcm" if turbo else "euler_ancestral"
    config = PaintModelConfig(
        name=folder.name,
        license=HUNYUAN_LICENSE,
        unet=unet,
        vae=paint_published.image_vae_config(_settings(folder / "vae" / "config.json")),
        schedule=paint_published.noise_schedule(
            _settings(folder / "scheduler" / "scheduler_config.json") | {"timestep_spacing": "trailing"}
        ),
        sampler=sampler,
        dino=eyes,
        steps={"unipc": 15, "euler_ancestral": 30, "lcm": 10}[sampler],
        guidance={"unipc": 3.0, "euler_ancestral": 2.0, "lcm": 1.0}[sampler],
    )
    own = folder / OWN_SETTINGS
    return replace(config, **_settings(own)) if own.is_file() else config, tensors


def save_paint_model(model: PaintModel, folder: Path, dtype: torch.dtype = torch.float16) -> None:
    """Write a model without DINOv2 in the published layout, with `OWN_SETTINGS` beside its parts."""
    config = model.config
    inner = config.unet.unet
    unet_settings = {
        "in_channels": inner.in_channels,
        "out_channels": inner.out_channels,
        "block_out_channels": inner.widths,
        "attention_head_dim": inner.num_heads,
        "down_block_types": ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in inner.attention],
        "layers_per_block": inner.blocks_per_level,
        "cross_attention_dim": inner.context_width,
        "norm_num_groups": inner.norm_groups,
        "use_linear_projection": True,
    }
    vae_settings = {
        "block_out_channels": config.vae.widths,
        "layers_per_block": config.vae.blocks_per_level,
        "latent_channels": config.vae.latent_channels,
        "norm_num_groups": config.vae.norm_groups,
        "scaling_factor": config.vae.scale_factor,
    }
    parts: list[tuple[str, nn.Module, KeyMap, dict[str, Any]]] = [
        ("unet", model.unet, paint_keymap.paint_unet_keys(config.unet), unet_settings),
        ("vae", model.vae, paint_keymap.image_vae_keys(config.vae, old_names=False), vae_settings),
    ]
    for name, network, key_map, settings in parts:
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "config.json").write_text(json.dumps(settings))
        published = to_published(network.state_dict(), key_map)
        tensors = {key: tensor.to("cpu", dtype).clone() for key, tensor in published.items()}
        write_tensors(tensors, folder / name / WEIGHT_FILES[0], {})
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(
        json.dumps(paint_published.schedule_settings(config.schedule))
    )
    own = ("name", "license", "sampler", "view_size", "steps", "guidance", "corrects")
    (folder / OWN_SETTINGS).write_text(json.dumps({name: getattr(config, name) for name in own}))


def _load_dino(config: DinoV2Config, folder: Path, read: _Reader) -> DinoV2:
    with torch.device("meta"):
        network = DinoV2(config)
    read(network, paint_keymap.dino_keys(config), _weights(folder), "DINOv2")
    return network


def _dino_folder(folder: Path, given: Path | None) -> Path:
    entry = find_entry(DINO, "part")
    places = [given] if given else [folder / DINO, folder.parent / DINO, local_folder(entry)]
    found = next((place for place in places if place and (place / "config.json").is_file()), None)
    if found is None:
        raise CheckpointError(
            f"{folder.name} looks at the picture with DINOv2-giant, which is not on this machine",
            f"maquette models pull {DINO}, or put it in {folder.parent / DINO}",
        )
    return found


def _load_upscaler(folder: Path, given: Path | None, read: _Reader) -> Upscaler | None:
    fetched = local_folder(find_entry(UPSCALER, "part"))
    places = [folder, folder / "ckpt", folder.parent / "ckpt", Path("ckpt"), *([fetched] if fetched else [])]
    file = given or next((p / UPSCALER_FILE for p in places if (p / UPSCALER_FILE).is_file()), None)
    return None if file is None else load_upscaler(file, read)


def load_upscaler(file: Path, read: Callable[..., None] | None = None) -> Upscaler:
    """Read RealESRGAN_x4plus.pth, or another RRDBNet of the same make; its sizes are told by its tensors.

    Raises:
        CheckpointError: the file is missing, damaged or another network.
    """
    tensors = open_tensors(file)
    for wrapper in ("params_ema.", "params."):
        if any(name.startswith(wrapper) for name in tensors.names):
            tensors = tensors.part(wrapper)
            break
    first, growth = (tensors.stored.get(f"{n}.weight") for n in ("conv_first", "body.0.rdb1.conv1"))
    if first is None or growth is None:
        raise CheckpointError(f"{file} is no Real-ESRGAN upscaler", f"maquette models pull {UPSCALER}")
    depth = 1 + max(int(name.split(".")[1]) for name in tensors.names if name.startswith("body."))
    config = UpscalerConfig(first.shape[0], depth, growth.shape[0])
    with torch.device("meta"):
        network = Upscaler(config)
    read = read or _Reader(torch.float32, lambda count: None)
    read(network, paint_keymap.upscaler_keys(config), tensors, "upscaler")
    return network


def _load_light_remover(folder: Path, read: _Reader) -> LightRemover | None:
    """The light removal of 2.0, where it has been fetched; 2.0 paints without it too."""
    places = [folder.parent / LIGHT_REMOVER, local_folder(find_entry(LIGHT_REMOVER, "part"))]
    place = next((place for place in places if place and (place / "unet").is_dir()), None)
    if place is None:
        return None
    plain = paint_published.unet_config(_settings(place / "unet" / "config.json"))
    vae_config = paint_published.image_vae_config(_settings(place / "vae" / "config.json"))
    text_config = paint_published.clip_text_config(_settings(place / "text_encoder" / "config.json"))
    with torch.device("meta"):
        unet, vae, text = UNet(plain, TextBlock), ImageVAE(vae_config), CLIPText(text_config)
    block = paint_keymap.text_block_keys()
    read(unet, paint_keymap.unet_keys(plain, block), _weights(place / "unet"), "light-removal UNet")
    read(vae, image_vae_keys_of(vae_config, place / "vae"), _weights(place / "vae"), "its autoencoder")
    stored = _weights(place / "text_encoder").without({"text_model.embeddings.position_ids"})
    read(text, paint_keymap.clip_text_keys(text_config), stored, "text encoder")
    schedule = paint_published.noise_schedule(_settings(place / "scheduler" / "scheduler_config.json"))
    return LightRemover(unet, vae, text, schedule)


def image_vae_keys_of(config: ImageVAEConfig, folder: Path) -> KeyMap:
    """The picture autoencoder's table, with its attention's old or new names as the file has them."""
    old = any(".query." in name for name in _weights(folder).names)
    return paint_keymap.image_vae_keys(config, old_names=old)


def _weights(folder: Path) -> TensorFile:
    file = next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)
    if file is None:
        raise CheckpointError(
            f"{folder} holds no weights",
            f"looked for {', '.join(WEIGHT_FILES)}: is the model wholly fetched?",
        )
    return open_tensors(file)


def _settings(file: Path) -> dict[str, Any]:
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{file} is missing", "is the model wholly fetched?") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}", "fetch it again") from error
    if not isinstance(settings, dict):
        raise CheckpointError(f"{file} holds no settings", "fetch it again")
    return settings
