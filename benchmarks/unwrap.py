"""Laying meshes flat: ours beside xatlas with its defaults. Needs `pip install xatlas`.

Processor time of one thread, best of two; how much of a sheet of 2048 is covered, how many of its texels are covered
twice, and the area-weighted L2 stretch (1 is none). The last mesh comes from the bundled model.

    python benchmarks/unwrap.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh
import xatlas

from maquette.mesh.simplify import simplify
from maquette.mesh.unwrap import stretch, texel_counts, unwrap
from maquette.shape.pipeline import ShapePipeline

EXAMPLE = Path(__file__).parents[1] / "examples" / "sofa.png"


def bumpy() -> trimesh.Trimesh:
    """A ball with dents and tips, reduced to 40,000 faces."""
    mesh = trimesh.creation.icosphere(subdivisions=6)
    x, y, z = mesh.vertices.T
    mesh.vertices *= (1 + 0.35 * np.sin(5 * x) * np.sin(4 * y + 1) * np.sin(6 * z))[:, None]
    return simplify(mesh, 40_000)


MESHES: dict[str, Callable[[], trimesh.Trimesh]] = {
    "box": trimesh.creation.box,
    "ball": lambda: trimesh.creation.icosphere(subdivisions=6),
    "torus": lambda: trimesh.creation.torus(1, 0.35, major_sections=200, minor_sections=100),
    "dents and tips": bumpy,
    "generated sofa": lambda: ShapePipeline.from_pretrained("bundled")(EXAMPLE),
}


def by_xatlas(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """xatlas.parametrize with its defaults."""
    source, faces, uv = xatlas.parametrize(mesh.vertices, mesh.faces)
    visual = trimesh.visual.TextureVisuals(uv=uv)
    return trimesh.Trimesh(mesh.vertices[source], faces.astype(np.int64), visual=visual, process=False)


def main() -> None:
    """Print one row a mesh and method."""
    print("| mesh | faces | method | s | sheet used | texels twice | stretch |\n|" + " --- |" * 7)
    for name, make in MESHES.items():
        mesh = make()
        for method, run in (("ours", unwrap), ("xatlas", by_xatlas)):
            seconds = []
            for _ in range(2):
                started = time.process_time()
                result = run(mesh)
                seconds.append(time.process_time() - started)
            counts = texel_counts(result.visual.uv, result.faces, 2048)
            print(
                f"| {name} | {len(mesh.faces)} | {method} | {min(seconds):.1f} | {100 * (counts > 0).mean():.0f} % "
                f"| {(counts > 1).sum()} | {stretch(result):.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
