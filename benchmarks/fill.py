"""Filling a sheet of 4096: what no picture saw, and the space between the charts.

Processor time of one thread, which two cores share between them, and wall time as the machine has it."""

from __future__ import annotations

import time

import torch
import trimesh

from maquette.mesh.unwrap import unwrap
from maquette.paint.fill import fill
from maquette.paint.texels import lay_out

SIDE, ROUNDS = 4096, 4


def main() -> None:
    """Print the best of a few rounds for a sheet with small holes and for one that is half unseen."""
    mesh = unwrap(trimesh.creation.torus(1, 0.4, major_sections=160, minor_sections=125), SIDE)
    texels = lay_out(mesh, SIDE)
    colour = texels.position.sin() * 0.5 + 0.5
    print(f"{len(mesh.faces)} faces, {len(texels.index)} texels\n")
    print("| unseen | processor s, one thread | wall s, all threads |")
    print("| --- | --- | --- |")
    threads = torch.get_num_threads()
    spots = (texels.position * 9).sin().prod(-1) > 0.55
    for hole in (spots, texels.normal[:, 2] < 0):
        best = []
        for clock, count in ((time.process_time, 1), (time.perf_counter, threads)):
            torch.set_num_threads(count)
            seconds = []
            for _ in range(ROUNDS):
                started = clock()
                fill(texels, colour, (~hole).float())
                seconds.append(clock() - started)
            best.append(min(seconds))
        print(f"| {100 * hole.float().mean():.0f} % | {best[0]:.2f} | {best[1]:.2f} |")


if __name__ == "__main__":
    main()
