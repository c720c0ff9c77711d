"""What a CUDA machine makes of it: the full-size 2.1 shape model, the rasterisers, and the bundled model end to end.

The full-size networks have random weights: their time and memory are those of the published ones, their shapes are not.

    python benchmarks/on_cuda.py
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from PIL import Image

from maquette.mesh.export import export_mesh
from maquette.models.dit_v21 import DiTV21, DiTV21Config
from maquette.models.image_encoder import ImageEncoder
from maquette.models.shape_vae import ShapeVAE
from maquette.pipeline import AssetPipeline, AssetSettings
from maquette.render.camera import Camera, clip_positions
from maquette.render.rasterize import Engine, Fragments, rasterize
from maquette.runtime.device import choose_runtime
from maquette.shape.pipeline import ShapePipeline
from maquette.shape.sampler import SamplingSettings
from maquette.shape.volume import VolumeSettings
from maquette.zoo.published import known_settings
from maquette.zoo.shape_model import ShapeModel

CUDA = torch.device("cuda")
EXAMPLES = Path(__file__).parents[1] / "examples"
SIDE, RINGS = 1024, 142


def timed(work: Callable[[], object], rounds: int = 1) -> float:
    """Median seconds, the device's work included."""
    seconds = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def full_size() -> ShapeModel:
    """The published 2.1 configuration with random weights small enough to stay finite."""
    config = known_settings()["hunyuan3d-dit-v2-1"]
    assert isinstance(config.dit, DiTV21Config)
    with CUDA:
        model = ShapeModel(
            config, DiTV21(config.dit), ShapeVAE(config.vae), ImageEncoder(config.image_encoder)
        )
    for network in (model.dit, model.vae, model.image_encoder):
        network.eval().requires_grad_(False)
    return model


def shape_model() -> None:
    """Time a sampling step and the decoder, and print the peak of memory."""
    pipeline = ShapePipeline(full_size(), choose_runtime("cuda", "float16"))
    picture = Image.effect_noise((512, 512), 60).convert("RGBA")

    def draw(steps: int) -> torch.Tensor:
        return pipeline.draw_latents(picture, 0, SamplingSettings(steps=steps, guidance=5.0))

    torch.cuda.reset_peak_memory_stats()
    latents = draw(3)
    short, long = timed(lambda: draw(3), 3), timed(lambda: draw(13), 3)
    print(f"full-size 2.1, float16: {100 * (long - short):.0f} ms a guided step", end="")
    print(f"; peak while drawing {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")
    torch.cuda.reset_peak_memory_stats()
    field, volume = pipeline.field(latents), VolumeSettings(128, method="dense", memory=1)
    pipeline.decode(field, volume)
    seconds = timed(lambda: pipeline.decode(field, volume), 3)
    print(f"decoder: {129**3 / seconds / 1e6:.2f} million points a second", end="")
    print(f"; peak while decoding {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")


def rasterisers() -> None:
    """40,000 faces at 1024 by 1024: each engine on CUDA, and where it differs from the CPU."""
    around = torch.linspace(0, 2 * torch.pi, RINGS + 1)[None, :-1]
    down = torch.linspace(0, torch.pi, RINGS + 1)[:, None]
    ball = torch.stack(
        [down.sin() * around.cos(), down.cos().expand(-1, RINGS), down.sin() * around.sin()], -1
    )
    vertices = (ball * (1 + 0.1 * (9 * ball).sin().sum(-1, keepdim=True))).view(-1, 3)
    at = torch.arange(RINGS * RINGS).view(RINGS, RINGS)
    right = at.roll(-1, 1)
    faces = torch.stack([at, right, at + RINGS, right, right + RINGS, at + RINGS], -1).view(-1, 3)
    clip = clip_positions(vertices, [Camera(30, 20, 3, ortho_scale=2.6)])[0]
    truth = rasterize(clip, faces, (SIDE, SIDE), engine="torch")
    engines: tuple[Engine, ...] = ("torch", "warp") if find_spec("warp") else ("torch",)
    for engine in engines:

        def draw(engine: Engine = engine) -> Fragments:
            return rasterize(clip.to(CUDA), faces.to(CUDA), (SIDE, SIDE), engine=engine)

        seen = draw()
        other = int((seen.face_id.cpu() != truth.face_id).sum())
        again = torch.equal(draw().bary, seen.bary)
        print(
            f"{engine} on CUDA: {len(faces)} faces in {1000 * timed(draw, 9):.2f} ms, {other} pixels unlike the CPU's,"
            f" {'the same' if again else 'NOT the same'} when drawn again"
        )


def bundled() -> None:
    """A painted asset, twice from the same seed."""
    pipeline = AssetPipeline.from_pretrained("bundled", device="cuda")
    sums = []

    def make() -> None:
        mesh = pipeline.generate(EXAMPLES / "sofa.png", AssetSettings())
        export_mesh(mesh, "/tmp/cuda.glb")
        sums.append(hashlib.sha256(Path("/tmp/cuda.glb").read_bytes()).hexdigest())

    make()
    torch.cuda.reset_peak_memory_stats()
    seconds = timed(make)
    same = "the same" if sums[0] == sums[1] else "NOT the same"
    peak = torch.cuda.max_memory_allocated() / 1e9
    print(f"bundled, painted: {seconds:.1f} s, {same} bytes from the same seed, peak {peak:.2f} GB")


def main() -> None:
    """Run all on the first CUDA device."""
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device here")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    shape_model()
    rasterisers()
    bundled()


if __name__ == "__main__":
    main()
