"""Small checkpoints in the layout of the published ones: config.yaml beside model.fp16.safetensors or .ckpt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor, nn

from maquette.zoo import keymap, published
from maquette.zoo.shape_model import ShapeModel, build, components

SMALL = {"width": 32, "double": 1, "single": 2, "context": 24, "latents": 8}


def settings(
    *,
    v21: bool = False,
    guidance_embed: bool = False,
    turbo: bool = False,
    views: bool = False,
    sizes: dict[str, int] = SMALL,
) -> dict[str, Any]:
    """A `config.yaml` as published, with small numbers."""
    width, context = sizes["width"], sizes["context"]
    dit_v20 = {
        "in_channels": 4,
        "context_in_dim": context,
        "hidden_size": width,
        "mlp_ratio": 4.0,
        "num_heads": 4,
        "depth": sizes["double"],
        "depth_single_blocks": sizes["single"],
        "axes_dim": [width // 4],
        "theta": 10000,
        "qkv_bias": True,
        "guidance_embed": guidance_embed or turbo,
    }
    dit_v21 = {
        "input_size": sizes["latents"],
        "in_channels": 4,
        "hidden_size": width,
        "context_dim": context,
        "depth": 3,
        "num_heads": 4,
        "qk_norm": True,
        "text_len": 5,
        "qkv_bias": False,
        "num_moe_layers": 1,
        "num_experts": 4,
        "moe_top_k": 2,
    }
    dino = {
        "hidden_size": context,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "patch_size": 14,
        "image_size": 28,
        "mlp_ratio": 4,
        "use_swiglu_ffn": True,
    }
    kind = "DinoImageEncoderMV" if views else "DinoImageEncoder"
    package = "hy3dshape" if v21 else "hy3dgen.shapegen"
    consistency = {"num_train_timesteps": 1000, "pcm_timesteps": 100}
    return {
        "model": {
            "target": f"{package}.models.{'HunYuanDiTPlain' if v21 else 'Hunyuan3DDiT'}",
            "params": dit_v21 if v21 else dit_v20,
        },
        "vae": {"target": f"{package}.models.ShapeVAE", "params": vae_params(sizes)},
        "conditioner": {
            "target": f"{package}.models.SingleImageEncoder",
            "params": {"main_image_encoder": {"type": kind, "kwargs": {"config": dino, "image_size": 28}}},
        },
        "scheduler": {
            "target": f"{package}.schedulers."
            f"{'ConsistencyFlowMatch' if turbo else 'FlowMatch'}EulerDiscreteScheduler",
            "params": consistency if turbo else {"num_train_timesteps": 1000},
        },
        "image_processor": {
            "target": f"{package}.preprocessors.{'MV' if views else ''}ImageProcessorV2",
            "params": {"size": 64},
        },
        "pipeline": {"target": f"{package}.pipelines.Hunyuan3DDiTFlowMatchingPipeline"},
    }


def vae_params(sizes: dict[str, int] = SMALL) -> dict[str, Any]:
    """Parameters of the autoencoder."""
    return {
        "num_latents": sizes["latents"],
        "embed_dim": 4,
        "num_freqs": 8,
        "include_pi": False,
        "heads": 4,
        "width": sizes["width"],
        "num_decoder_layers": 1,
        "qkv_bias": False,
        "qk_norm": True,
        "scale_factor": 0.99,
    }


def random_model(config: dict[str, Any], name: str = "small") -> ShapeModel:
    """Networks of a `config.yaml` with random weights that make a surface."""
    generator = torch.Generator().manual_seed(0)
    model = build(published.shape_model_config(config, name))
    for network, _ in components(model).values():
        network.to_empty(device="cpu")
        for name, parameter in network.named_parameters():
            deviation = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.05
            parameter.data.normal_(0, deviation, generator=generator)
            if name.endswith("weight") and parameter.ndim == 1:
                parameter.data += 1
        for module in network.modules():
            for buffer in dict(module.named_buffers(recurse=False)):
                setattr(module, buffer, type(module)(module.config).get_buffer(buffer))  # type: ignore[operator]
        network.eval().requires_grad_(False)
    return model


def published_state(model: ShapeModel, dtype: torch.dtype = torch.float16) -> dict[str, dict[str, Tensor]]:
    """State dicts by component, under the published names, as a .ckpt nests them."""

    def state(network: nn.Module, key_map: keymap.KeyMap, prefix: str) -> dict[str, Tensor]:
        tensors = keymap.to_published(network.state_dict(), key_map)
        return {prefix + name: tensor.to(dtype).clone() for name, tensor in tensors.items()}

    parts = {
        prefix.partition(".")[0]: state(network, key_map, prefix.partition(".")[2])
        for prefix, (network, key_map) in components(model).items()
    }
    return {name: parts[name] for name in ("model", "vae", "conditioner")}


def write(folder: Path, config: dict[str, Any], state: dict[str, dict[str, Tensor]], kind: str) -> Path:
    """Write a checkpoint of `kind` "safetensors" or "ckpt"; returns the weight file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    file = folder / f"model.fp16.{kind}"
    if kind == "ckpt":
        torch.save(state, file)
    else:
        flat = {
            f"{part}.{name}": tensor for part, tensors in state.items() for name, tensor in tensors.items()
        }
        save_file(flat, file)
    return file
