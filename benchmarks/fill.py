"""Filling a sheet of 4096: what no picture saw, and the space between the charts. Wall time, all cores."""

from __future__ import annotations

import time

import torch
import trimesh

from maquette.mesh.unwrap import unwrap
from maquette.paint.fill import fill
from maquette.paint.texels import lay_out

SIDE, ROUNDS = 4096, 3


def main() -> None:
    """Print the best of a few rounds for a sheet with small holes and for one that is half unseen."""
    mesh = unwrap(trimesh.creation.torus(1, 0.4, major_sections=160, minor_sections=125), SIDE)
    texels = lay_out(mesh, SIDE)
    colour = texels.position.sin() * 0.5 + 0.5
    print(f"{len(mesh.faces)} faces, {len(texels.index)} texels, {torch.get_num_threads()} threads\n")
    print("| unseen | seconds |")
    print("| --- | --- |")
    spots = (texels.position * 9).sin().prod(-1) > 0.55
    for hole in (spots, texels.normal[:, 2] < 0):
        seconds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            fill(texels, colour, (~hole).float())
            seconds.append(time.perf_counter() - started)
        print(f"| {100 * hole.float().mean():.0f} % | {min(seconds):.2f} |")


if __name__ == "__main__":
    main()
