"""Everything after the shape: simplify to 40,000 faces, lay flat, bake 6 views of 1024 into 2048, fill, write a GLB.

Processor time of one thread and the share of each part, and the peak of memory. Aims: 15 s and 2 GB on two cores. The
last rows are the whole `project` painter on the same mesh.

    OMP_NUM_THREADS=1 python benchmarks/asset.py
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image

from maquette.mesh.export import export_mesh
from maquette.mesh.simplify import simplify
from maquette.mesh.unwrap import unwrap
from maquette.paint.bake import View, bake
from maquette.paint.fill import fill
from maquette.paint.pipeline import PaintPipeline, PaintSettings
from maquette.paint.texels import lay_out
from maquette.render.camera import Camera
from maquette.render.preview import render_views

DIRECTIONS = [(0, 0), (90, 0), (180, 0), (270, 0), (0, 89), (180, -89)]


def main() -> None:
    """Print the table."""
    mesh = trimesh.creation.icosphere(subdivisions=7)
    x, y, z = mesh.vertices.T
    mesh.vertices *= (0.8 * (1 + 0.2 * np.sin(5 * x) * np.sin(4 * y + 1) * np.sin(6 * z)))[:, None]
    cameras = [Camera(azimuth, elevation, 3.0, None, 2.2) for azimuth, elevation in DIRECTIONS]
    coloured = mesh.copy()
    coloured.visual.vertex_colors = np.rint(
        np.c_[(np.sin(9 * mesh.vertices) + 1) * 127, np.full(len(x), 255)]
    )
    pictures = render_views(coloured, cameras, 1024, supersample=1)
    views = [
        View(torch.from_numpy(np.asarray(picture.convert("RGB"), np.float32) / 255), camera)
        for picture, camera in zip(pictures, cameras, strict=True)
    ]
    parts: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        clock = time.process_time()

        def lap(name: str) -> None:
            nonlocal clock
            parts[name], clock = time.process_time() - clock, time.process_time()

        small = simplify(mesh, 40_000)
        lap("simplify")
        flat = unwrap(small)
        lap("lay flat")
        texels = lay_out(flat, 2048)
        lap("find texels")
        colour, weight = bake(texels, views)
        lap("bake 6 views")
        texture = fill(texels, colour, weight)
        lap("fill")
        flat.visual.material.baseColorTexture = Image.fromarray(
            (texture.clamp(0, 1) * 255).round().byte().numpy()
        )
        export_mesh(flat, Path(folder, "asset.glb"))
        lap("write the GLB")
    total = sum(parts.values())
    print("| part | s | share |\n| --- | --- | --- |")
    for name, seconds in parts.items():
        print(f"| {name} | {seconds:.2f} | {100 * seconds / total:.0f} % |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"| all | {total:.2f} | peak {peak:.2f} GB |")
    started = time.process_time()
    PaintPipeline.from_pretrained("project").paint(small, pictures[0], PaintSettings())
    print(f"| the painter `project` on it | {time.process_time() - started:.2f} | |")


if __name__ == "__main__":
    main()
