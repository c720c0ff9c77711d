"""Hierarchical against dense volume decoding of the bundled model: questions asked, time, and whether they agree."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from maquette.picture.cutout import cut_out
from maquette.picture.load import load_picture
from maquette.shape.pipeline import ShapePipeline
from maquette.shape.sampler import SamplingSettings
from maquette.shape.surface import extract_surface
from maquette.shape.volume import VolumeSettings

EXAMPLES = Path(__file__).parents[1] / "examples"
RUNS = 3


def main() -> None:
    """Decode the same latents both ways, alternating."""
    pipeline = ShapePipeline.from_pretrained("bundled")
    config = pipeline.model.config
    cut = cut_out(load_picture(EXAMPLES / "sofa.png"))
    sampling = SamplingSettings(steps=config.steps, guidance=config.guidance)
    field = pipeline.field(pipeline.draw_latents(cut.rgba, 0, sampling))
    print("| resolution | points kept | dense / hierarchical time | same faces |")
    print("| --- | --- | --- | --- |")
    for resolution in (128, 192, 256):
        ratios, volumes = [], {}
        for _ in range(RUNS):
            seconds = {}
            for method in ("dense", "hierarchical"):
                started = time.process_time()
                volumes[method] = pipeline.decode(field, VolumeSettings(resolution, method=method, memory=4))
                seconds[method] = time.process_time() - started
            ratios.append(seconds["dense"] / seconds["hierarchical"])
        kept = len(volumes["hierarchical"]) / (resolution + 1) ** 3
        faces = [len(extract_surface(volume, field).faces) for volume in volumes.values()]
        same = "yes" if faces[0] == faces[1] else f"no: {faces[0]} and {faces[1]}"
        print(f"| {resolution} | {100 * kept:.1f} % | {statistics.median(ratios):.1f} | {same} |")


if __name__ == "__main__":
    main()
