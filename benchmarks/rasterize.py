"""The rasteriser, in torch and in Warp, against a plain z-buffer in numba: 40,000 faces at 1024 by 1024, one thread.

Needs numba, which maquette does not. Processor time; the three draw in turn and each keeps its best round.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numba
import numpy as np
import torch
import trimesh

from maquette.render.camera import Camera, clip_positions
from maquette.render.rasterize import rasterize

SIDE, ROUNDS = 1024, 7


@numba.njit
def z_buffer(clip: np.ndarray, faces: np.ndarray, height: int, width: int) -> tuple:
    """Face ids, perspective-correct barycentrics and depth, one bounding box after the other."""
    screen = np.empty((len(clip), 4), np.float32)
    for i in range(len(clip)):
        w = clip[i, 3]
        screen[i, 0] = (clip[i, 0] / w * np.float32(0.5) + np.float32(0.5)) * (width - 1) + np.float32(0.5)
        screen[i, 1] = (clip[i, 1] / w * np.float32(0.5) + np.float32(0.5)) * (height - 1) + np.float32(0.5)
        screen[i, 2] = clip[i, 2] / w * np.float32(0.49999) + np.float32(0.5)
        screen[i, 3] = w
    face_id = np.full((height, width), -1, np.int64)
    depth = np.ones((height, width), np.float32)
    bary = np.zeros((height, width, 3), np.float32)
    for face in range(len(faces)):
        a, b, c = screen[faces[face, 0]], screen[faces[face, 1]], screen[faces[face, 2]]
        bx, by, cx, cy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
        area = bx * cy - by * cx
        if area == 0:
            continue
        scale = np.float32(1) / area
        rows = max(0, int(min(a[1], b[1], c[1]) - 0.5)), min(height - 1, int(max(a[1], b[1], c[1])))
        columns = max(0, int(min(a[0], b[0], c[0]) - 0.5)), min(width - 1, int(max(a[0], b[0], c[0])))
        for row in range(rows[0], rows[1] + 1):
            dy = np.float32(row) + np.float32(0.5) - a[1]
            for column in range(columns[0], columns[1] + 1):
                dx = np.float32(column) + np.float32(0.5) - a[0]
                beta = (dx * cy - cx * dy) * scale
                gamma = (bx * dy - dx * by) * scale
                alpha = np.float32(1) - beta - gamma
                if beta < 0 or gamma < 0 or alpha < 0:
                    continue
                z = a[2] + beta * (b[2] - a[2]) + gamma * (c[2] - a[2])
                if z < 0 or z >= depth[row, column]:
                    continue
                depth[row, column] = z
                face_id[row, column] = face
                u, v, w = alpha / a[3], beta / b[3], gamma / c[3]
                unit = np.float32(1) / (u + v + w)
                bary[row, column, 0], bary[row, column, 1], bary[row, column, 2] = (
                    u * unit,
                    v * unit,
                    w * unit,
                )
    return face_id, bary, depth


def bumpy_ball() -> tuple[torch.Tensor, torch.Tensor]:
    """40,000 faces of a sphere with waves on it."""
    ball = trimesh.creation.uv_sphere(count=(101, 101))
    points = ball.vertices * (1 + 0.1 * np.sin(9 * ball.vertices).sum(1, keepdims=True))
    return torch.from_numpy(points).float(), torch.from_numpy(np.array(ball.faces, np.int64))


def best_of(draws: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Least processor seconds of each, drawn in turn."""
    seconds = dict.fromkeys(draws, float("inf"))
    for draw in draws.values():
        draw()
    for _ in range(ROUNDS):
        for name, draw in draws.items():
            started = time.process_time()
            draw()
            seconds[name] = min(seconds[name], time.process_time() - started)
    return seconds


def main() -> None:
    """Print processor time, its ratio to the z-buffer's, and how many face ids differ from it."""
    torch.set_num_threads(1)
    vertices, faces = bumpy_ball()
    print(f"{len(faces)} faces at {SIDE} x {SIDE}, one thread\n")
    print("| camera | engine | processor ms | times numba | pixels with another face |")
    print("| --- | --- | --- | --- | --- |")
    for name, camera in (
        ("orthographic", Camera(30, 20, 3, ortho_scale=2.6)),
        ("perspective", Camera(30, 20, 3.2, fov_degrees=45)),
    ):
        clip = clip_positions(vertices, [camera])[0]
        arrays = clip.numpy(), faces.numpy()
        draws: dict[str, Callable[[], object]] = {"numba": lambda a=arrays: z_buffer(*a, SIDE, SIDE)}
        for engine in ("torch", "warp"):
            draws[engine] = lambda c=clip, e=engine: rasterize(c, faces, (SIDE, SIDE), engine=e)
        seconds = best_of(draws)
        truth = torch.from_numpy(z_buffer(*arrays, SIDE, SIDE)[0])
        for engine, spent in seconds.items():
            other = 0 if engine == "numba" else int((draws[engine]().face_id[0] != truth).sum())
            print(f"| {name} | {engine} | {1000 * spent:.1f} | {spent / seconds['numba']:.2f} | {other} |")


if __name__ == "__main__":
    main()
