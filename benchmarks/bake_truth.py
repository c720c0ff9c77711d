"""Pictures baked back onto meshes whose texture is known, against the truth and against the published blending.

Twelve meshes get a procedural texture, six views of each are rendered and baked back, and both textures are rendered
from twenty other directions. The error counts where the surface was seen by a view, and once more everywhere. With a
folder as argument, renders of each mesh are kept there: truth, ours, published.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image
from torch import Tensor

from maquette.mesh.unwrap import unwrap
from maquette.paint import compatible
from maquette.paint.bake import View, bake
from maquette.paint.fill import fill, fill_between_charts
from maquette.paint.texels import Texels, lay_out
from maquette.paint.views import CANDIDATES, normalise
from maquette.render.camera import Camera, clip_positions
from maquette.render.material import sample_texture
from maquette.render.rasterize import interpolate, rasterize
from maquette.train.procedural import build
from maquette.train.procedural.buildings import house
from maquette.train.procedural.creatures import quadruped
from maquette.train.procedural.dishes import FAMILIES as DISHES
from maquette.train.procedural.seats import chair
from maquette.train.procedural.vehicles import car
from maquette.train.procedural.vessels import teapot, vase

TEXTURE, VIEW, UNSEEN = 1024, 512, 20


def checks(p: Tensor) -> Tensor:
    """Soft-edged checks in two colours."""
    wave = (p * 22).sin().prod(-1, keepdim=True)
    return torch.lerp(p.new_tensor([0.15, 0.2, 0.45]), p.new_tensor([0.95, 0.85, 0.6]), (wave * 12).sigmoid())


def marble(p: Tensor) -> Tensor:
    """Bent stripes of many widths."""
    bent = p + 0.08 * (p.roll(1, -1) * 13).sin() + 0.03 * (p.roll(2, -1) * 41).sin()
    vein = (bent.sum(-1, keepdim=True) * 17 + p.new_tensor([0.0, 0.5, 1.1])).sin()
    return 0.5 + 0.35 * vein + 0.1 * (p * 97).sin()


def dots(p: Tensor) -> Tensor:
    """Round dots on a gradient."""
    cell = (p * 9).frac().abs() - 0.5
    inside = ((0.3 - cell.norm(dim=-1, keepdim=True)) * 40).sigmoid()
    return torch.lerp((p + 0.6).clamp(0, 1), p.new_tensor([0.9, 0.15, 0.1]), inside)


def solid(mesh: trimesh.Trimesh) -> Callable[[], trimesh.Trimesh]:
    """A mesh that is there already, as a function."""
    return lambda: mesh


def procedural(family: Callable, seed: int) -> Callable[[], trimesh.Trimesh]:
    """One object of a family of the training set."""

    def make() -> trimesh.Trimesh:
        painted = build(family, np.random.default_rng(seed))
        return trimesh.Trimesh(painted.vertices, painted.faces, process=False)

    return make


def bumpy() -> trimesh.Trimesh:
    """A ball with waves on it."""
    ball = trimesh.creation.icosphere(subdivisions=5)
    ball.vertices *= 1 + 0.12 * np.sin(5 * ball.vertices).sum(1, keepdims=True)
    return ball


MESHES: dict[str, tuple[Callable[[], trimesh.Trimesh], Callable[[Tensor], Tensor]]] = {
    "ball with waves": (bumpy, checks),
    "torus": (solid(trimesh.creation.torus(1, 0.4, major_sections=96, minor_sections=48)), marble),
    "box": (solid(trimesh.creation.box((1.4, 1, 0.8))), dots),
    "capsule": (solid(trimesh.creation.capsule(1.2, 0.5)), checks),
    "cone": (solid(trimesh.creation.cone(0.8, 1.6, sections=96)), marble),
    "vase": (procedural(vase, 1), dots),
    "teapot": (procedural(teapot, 2), checks),
    "chair": (procedural(chair, 3), marble),
    "car": (procedural(car, 4), dots),
    "house": (procedural(house, 5), checks),
    "animal": (procedural(quadruped, 6), marble),
    "dish": (procedural(DISHES[0] if callable(DISHES[0]) else DISHES[0][0], 7), dots),
}


@dataclass(frozen=True)
class Figures:
    """PSNR in dB from unseen directions, where a view saw the surface and everywhere, and processor seconds."""

    ours: float
    published: float
    ours_all: float
    published_all: float
    seconds: float


def render(mesh: trimesh.Trimesh, sheets: list[Tensor], camera: Camera, size: int) -> tuple[Tensor, Tensor]:
    """(K, P, P, C) unlit renders of (S, S, C) textures, white around, and (P, P) where the mesh is."""
    vertices, faces = torch.tensor(mesh.vertices).float(), torch.tensor(np.array(mesh.faces))
    clip = clip_positions(vertices, [camera])[0] * torch.tensor([1.0, -1, 1, 1])
    fragments = rasterize(clip, faces, (size, size))
    uv = interpolate(torch.tensor(np.array(mesh.visual.uv)).float(), faces, fragments)[0]
    mask = fragments.mask[0]
    pictures = torch.ones(len(sheets), size, size, sheets[0].shape[-1])
    for picture, sheet in zip(pictures, sheets, strict=True):
        picture[mask] = sample_texture(sheet.permute(2, 0, 1)[None], uv[mask])
    return pictures, mask


def other_directions(count: int) -> list[Camera]:
    """Cameras spread evenly over the sphere on a spiral, none of them one of the six."""
    heights = [1 - 2 * (i + 0.5) / count for i in range(count)]
    return [
        Camera((17 + i * 137.508) % 360, math.degrees(math.asin(height))) for i, height in enumerate(heights)
    ]


def published_texture(mesh: trimesh.Trimesh, pictures: list[Tensor], size: int) -> Tensor:
    """What the published blending and filling make of the pictures."""
    held = compatible.PublishedMesh(
        torch.tensor(mesh.vertices).float(),
        torch.tensor(np.array(mesh.faces)),
        torch.tensor(mesh.visual.uv).float(),
    )
    kernel = compatible.border_kernel(len(pictures[0]))
    parts = [
        compatible.back_project(held, picture, viewpoint.camera, size, kernel)
        for picture, viewpoint in zip(pictures, CANDIDATES[:6], strict=True)
    ]
    texture, mask = compatible.merge(*zip(*parts, strict=True), CANDIDATES[:6])
    return compatible.inpaint_sheet(*compatible.inpaint_vertices(held, texture, mask[..., 0])).float() / 255


def measure(
    mesh: trimesh.Trimesh,
    pattern: Callable[[Tensor], Tensor],
    texture_size: int,
    view_size: int,
    keep: Path | None,
) -> Figures:
    """Bake a mesh's own renders back and compare."""
    mesh = mesh.copy()
    mesh.vertices = normalise(torch.tensor(mesh.vertices))[0].numpy()
    mesh = unwrap(mesh, texture_size)
    texels = lay_out(mesh, texture_size)
    truth = fill_between_charts(texels.dense(pattern(texels.position).clamp(0, 1)), texels.mask)
    cameras = [viewpoint.camera for viewpoint in CANDIDATES[:6]]
    pictures = [render(mesh, [truth], camera, view_size)[0][0] for camera in cameras]
    started = time.process_time()
    colour, weight = bake(texels, [View(p, c) for p, c in zip(pictures, cameras, strict=True)])
    ours = fill(texels, colour, weight)
    seconds = time.process_time() - started
    theirs = published_texture(mesh, pictures, texture_size)
    return compare(mesh, texels, [truth, ours, theirs], weight, view_size, seconds, keep)


def compare(
    mesh: trimesh.Trimesh,
    texels: Texels,
    textures: list[Tensor],
    weight: Tensor,
    view_size: int,
    seconds: float,
    keep: Path | None,
) -> Figures:
    """Mean errors over the other directions."""
    seen = texels.dense((weight > 0).float()[:, None])
    stacked = [torch.cat([texture, seen], -1) for texture in textures]
    sums = torch.zeros(2, 2)
    counts = torch.zeros(2)
    for i, camera in enumerate(other_directions(UNSEEN)):
        pictures, mask = render(mesh, stacked, camera, view_size)
        errors = (pictures[1:, ..., :3] - pictures[:1, ..., :3]).square().mean(-1)
        for j, where in enumerate((mask & (pictures[0, ..., 3] > 0.99), mask)):
            sums[:, j] += errors[:, where].sum(-1)
            counts[j] += where.sum()
        if keep is not None and i in (4, 9, 14):
            strip = torch.cat(list(pictures[..., :3].clamp(0, 1)), 1)
            picture = Image.fromarray((strip * 255).byte().numpy())
            picture.resize((1536, 512), Image.Resampling.LANCZOS).save(f"{keep}_{i}.png")
    decibels = (-10 * torch.log10(sums / counts)).tolist()
    return Figures(decibels[0][0], decibels[1][0], decibels[0][1], decibels[1][1], seconds)


def main() -> None:
    """Print a row for each mesh and the means."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    print("| mesh | ours, seen dB | published | ours, all | published | bake and fill s |")
    print("| --- | --- | --- | --- | --- | --- |")
    rows = []
    for name, (make, pattern) in MESHES.items():
        keep = None if folder is None else folder / name.replace(" ", "_")
        figures = measure(make(), pattern, TEXTURE, VIEW, keep)
        rows.append(list(vars(figures).values()))
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in rows[-1]) + " |", flush=True)
    print("| mean | " + " | ".join(f"{value:.1f}" for value in np.mean(rows, 0)) + " |")


if __name__ == "__main__":
    main()
