"""Hierarchical against dense volume decoding of the bundled model: questions asked, time, and whether they agree."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch

from maquette.picture.cutout import cut_out
from maquette.picture.load import load_picture
from maquette.shape.pipeline import ShapePipeline
from maquette.shape.sampler import SamplingSettings
from maquette.shape.surface import marching_cubes
from maquette.shape.volume import VolumeSettings

EXAMPLES = Path(__file__).parents[1] / "examples"
RUNS = 3


def main() -> None:
    """Decode the same latents both ways, alternating."""
    pipeline = ShapePipeline.from_pretrained("bundled")
    cut = cut_out(load_picture(EXAMPLES / "sofa.png"))
    latents = pipeline.draw_latents(cut.rgba, 0, SamplingSettings(steps=20, guidance=2.0))
    print("| resolution | points asked | dense / hierarchical time | same faces |")
    print("| --- | --- | --- | --- |")
    for resolution in (128, 192, 256):
        ratios, logits = [], {}
        for _ in range(RUNS):
            seconds = {}
            for method in ("dense", "hierarchical"):
                started = time.perf_counter()
                logits[method] = pipeline.decode(latents, VolumeSettings(resolution, method=method))
                seconds[method] = time.perf_counter() - started
            ratios.append(seconds["dense"] / seconds["hierarchical"])
        asked = float((~torch.isnan(logits["hierarchical"])).double().mean())
        faces = [len(marching_cubes(grid.numpy()).faces) for grid in logits.values()]
        same = "yes" if faces[0] == faces[1] else f"no: {faces[0]} and {faces[1]}"
        print(f"| {resolution} | {100 * asked:.1f} % | {statistics.median(ratios):.1f} | {same} |")


if __name__ == "__main__":
    main()
