"""Peak memory and time of drawing the views with a full-size paint model of random weights, under several budgets.

On CUDA it draws and reads `torch.cuda.max_memory_allocated`; anywhere else it prints what the plan computes on the meta
device, and says so.

    python benchmarks/paint_memory.py --vram 8 12 24 0     # 0 is no limit
"""

from __future__ import annotations

import argparse
import time

import torch
from PIL import Image

from maquette.errors import SettingError
from maquette.models.image_encoder import DinoV2, DinoV2Config
from maquette.models.image_vae import ImageVAE, ImageVAEConfig
from maquette.models.paint_unet import PaintUNet, PaintUNetConfig
from maquette.models.upscaler import Upscaler, UpscalerConfig
from maquette.paint.draw import DrawSettings, ViewPainter
from maquette.paint.plan import plan_painting
from maquette.paint.samplers import NoiseSchedule
from maquette.runtime.device import Runtime
from maquette.runtime.memory import budget_bytes
from maquette.zoo.paint_model import PaintModel, PaintModelConfig

CONFIG = PaintModelConfig(
    name="full-size random weights of 2.1",
    license="Apache-2.0",
    unet=PaintUNetConfig(),
    vae=ImageVAEConfig(),
    schedule=NoiseSchedule(),
    sampler="unipc",
    dino=DinoV2Config(width=1536, depth=40, num_heads=24, swiglu=True),
)
UNLIMITED = 10_000.0


def computed(vram: float, views: int, size: int) -> None:
    """Print the plan's own numbers."""
    device = torch.device("cpu")
    try:
        budget = budget_bytes(vram or UNLIMITED, device)
        plan = plan_painting(CONFIG, views, size, torch.float16, budget, upscaler=UpscalerConfig())
    except SettingError as error:
        print(f"{vram:g} GB: {error}")
        return
    stages = ", ".join(f"{name} {peak / 1e9:.2f}" for name, peak in plan.peaks.items())
    rows = "all" if plan.rows is None else plan.rows
    print(
        f"{vram or 'no'} GB: computed peak {plan.peak / 1e9:.2f} GB ({stages}); UNet rows {rows}, "
        f"autoencoder rows {plan.vae_rows}, tiles {plan.tile}, networks {'stay' if plan.stay else 'come and go'}"
    )


def random_model() -> PaintModel:
    """Full size, float16, on the CPU; weights small enough for activations to stay finite."""
    with torch.device("meta"):
        networks = (
            PaintUNet(CONFIG.unet),
            ImageVAE(CONFIG.vae),
            DinoV2(CONFIG.dino or DinoV2Config()),
            Upscaler(UpscalerConfig()),
        )
    for network in networks:
        network.to_empty(device="cuda").half().eval().requires_grad_(False)
        for parameter in network.parameters():
            scale = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 1.0
            parameter.normal_(std=0.5 * scale)
        network.cpu()
    unet, vae, dino, upscaler = networks
    return PaintModel(CONFIG, unet, vae, dino, upscaler)


def measured(model: PaintModel, vram: float, views: int, size: int, steps: int) -> float:
    """Draw once for the kernels and once for the numbers; print them and return the seconds."""
    runtime = Runtime(torch.device("cuda"), torch.float16, "benchmark")
    painter = ViewPainter(model, runtime, vram or UNLIMITED)
    maps = torch.rand(2, views, size, size, 3)
    picture, cameras = Image.effect_noise((512, 512), 60), torch.zeros(views)
    for count in (1, steps):
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        painter.draw([picture], maps[0], maps[1], cameras, DrawSettings(steps=count))
        torch.cuda.synchronize()
    seconds, peak = time.perf_counter() - start, torch.cuda.max_memory_allocated()
    print(f"{vram or 'no'} GB: measured peak {peak / 1e9:.2f} GB, {seconds:.1f} s for {steps} steps")
    return seconds


def main() -> None:
    """Parse the options and run every budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vram", type=float, nargs="+", default=[6, 8, 12, 24, 0], help="GB; 0 is no limit")
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=15)
    options = parser.parse_args()
    print(f"{options.views} views of {options.size}, float16")
    for vram in options.vram:
        computed(vram, options.views, options.size)
    if not torch.cuda.is_available():
        print("no CUDA device: the numbers above are computed, not measured")
        return
    model = random_model()
    times = [measured(model, vram, options.views, options.size, options.steps) for vram in options.vram]
    print("time against the shortest:", ", ".join(f"{seconds / min(times):.2f}" for seconds in times))


if __name__ == "__main__":
    main()
