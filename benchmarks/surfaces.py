"""Triangle quality, fidelity and time of each surface extractor, on a sharp bracket, a ball and the bundled sofa.

Times are processor seconds of one thread for the extraction alone, the questions that dual contouring asks included.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maquette.picture.cutout import cut_out
from maquette.picture.load import load_picture
from maquette.shape.pipeline import ShapePipeline
from maquette.shape.sampler import SamplingSettings
from maquette.shape.surface import Extractor, extract_surface
from maquette.shape.volume import DEFAULT_BOUNDS, VolumeSettings, decode_volume

EXAMPLES = Path(__file__).parents[1] / "examples"
EXTRACTORS: tuple[Extractor, ...] = ("marching-cubes", "dual-contouring")
CPU = torch.device("cpu")
TURN = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(3)))[0]
HALF = torch.tensor([0.6, 0.45, 0.35])
NOTCH = torch.tensor([0.25, 0.1, -1.0])
"""The bracket is a turned box less the corner region beyond these planes: an L, with inner and outer edges."""


def bracket(points: Tensor) -> Tensor:
    """Truncated signed distance of the bracket, exact near its faces."""
    local = points @ TURN
    box = (local.abs() - HALF).amax(-1)
    notch = (NOTCH[:2] - local[:, :2]).amax(-1)
    return (-torch.maximum(box, -notch) / 0.1).clamp(-1, 1)


def ball(points: Tensor) -> Tensor:
    """Truncated signed distance of a ball."""
    return ((0.7 - points.norm(dim=-1)) / 0.1).clamp(-1, 1)


def sofa() -> Callable[[Tensor], Tensor]:
    """The field that the bundled model makes of the sofa."""
    pipeline = ShapePipeline.from_pretrained("bundled", device="cpu")
    config = pipeline.model.config
    cut = cut_out(load_picture(EXAMPLES / "sofa.png"))
    return pipeline.field(pipeline.draw_latents(cut.rgba, 0, SamplingSettings(config.steps, config.guidance)))


def edge_points() -> np.ndarray:
    """Places (N, 3) along the bracket's outer edges that the notch leaves and its inner edge."""
    x, y, z = HALF.tolist()
    u, v = NOTCH[:2].tolist()
    ends = [((-x, s * y, t * z), (x if s < 0 else u, s * y, t * z)) for s in (-1, 1) for t in (-1, 1)]
    ends += [((s * x, -y, t * z), (s * x, y if s < 0 else v, t * z)) for s in (-1, 1) for t in (-1, 1)]
    ends += [((-x, s * y, -z), (-x, s * y, z)) for s in (-1, 1)] + [
        ((x, -y, -z), (x, -y, z)),
        ((u, v, -z), (u, v, z)),
    ]
    along = np.linspace(0.05, 0.95, 40)[:, None]
    return (
        np.concatenate([np.array(a) + along * (np.array(b) - np.array(a)) for a, b in ends]) @ TURN.numpy().T
    )


def edge_error(mesh, cell: float) -> str:
    """Mean distance of the bracket's true edges to the mesh, in cells."""
    import trimesh
    from scipy.spatial import cKDTree

    places, triangles = edge_points(), mesh.triangles
    near = cKDTree(triangles.mean(axis=1)).query(places, k=32)[1]
    nearest = np.min(
        [
            np.linalg.norm(trimesh.triangles.closest_point(triangles[n], places) - places, axis=1)
            for n in near.T
        ],
        axis=0,
    )
    return f"{nearest.mean() / cell:.3f}"


def main() -> None:
    """Print one row for each shape, resolution and extractor."""
    torch.set_num_threads(1)
    print(
        "| shape | resolution | extractor | faces | s | smallest angle, mean | under 15° | edge error, cells |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, field in (("bracket", bracket), ("ball", ball), ("sofa", sofa())):
        for resolution in (256, 384, 512):
            with torch.inference_mode():
                volume = decode_volume(field, VolumeSettings(resolution), CPU)
            for extractor in EXTRACTORS:
                started = time.process_time()
                mesh = extract_surface(volume, field, extractor)
                seconds = time.process_time() - started
                assert mesh.is_watertight and mesh.is_winding_consistent
                smallest = np.degrees(mesh.face_angles.min(axis=1))
                edges = edge_error(mesh, 2 * DEFAULT_BOUNDS / resolution) if name == "bracket" else ""
                print(
                    f"| {name} | {resolution} | {extractor} | {len(mesh.faces)} | {seconds:.1f} | "
                    f"{smallest.mean():.0f}° | {100 * (smallest < 15).mean():.1f} % | {edges} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
