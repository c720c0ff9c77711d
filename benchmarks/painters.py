"""The painter `pbr` with a model of your own (or another) against `project`, on objects that no training saw.

    python benchmarks/painters.py ASSETS MODEL [OBJECTS] [FOLDER]

Each object is painted from one lit picture by both painters on its true shape; both textures and the true colours are
then rendered without light from directions more than 60 degrees away from the picture's. PSNR counts the object's
pixels. The perceptual distance is that of `maquette.train.likeness`, on four scales (256 to 32 pixels): a measure of
our own in the place of LPIPS, which needs a network; models of our recipe have learned by it. With a folder, strips of
picture, truth, project and pbr are kept there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import trimesh
from bake_truth import other_directions, render
from PIL import Image
from torch import Tensor

from maquette.paint.pipeline import PaintPipeline, PaintSettings
from maquette.paint.views import normalise
from maquette.picture.cutout import Cutout
from maquette.render.camera import Camera, clip_positions, view_matrix
from maquette.render.rasterize import interpolate, rasterize
from maquette.train.assets import load_assets, read_holdout
from maquette.train.likeness import structural_distance
from maquette.train.looks import draw_looks, noise_volume
from maquette.train.meshes import PaintedMesh
from maquette.train.paint_views import plain_looks
from maquette.train.pictures import render_training_pictures

PICTURE, VIEW, TEXTURE, DIRECTIONS, LEAST_AWAY = 512, 256, 1024, 12, 60.0


def take_picture(mesh: PaintedMesh, seed: int) -> tuple[Image.Image, Camera]:
    """An RGBA picture in a random light from somewhere in front, and where it was taken."""
    generator = torch.Generator().manual_seed(seed)
    looks = plain_looks(draw_looks(1, generator))
    appearance = (looks, noise_volume(generator, torch.device("cpu")))
    lit = render_training_pictures([mesh], 1, PICTURE, generator, "cpu", appearance=appearance)
    picture = Image.fromarray(lit.rgba[0, 0].permute(1, 2, 0).numpy(), "RGBA")
    return picture, Camera(float(lit.azimuth), float(lit.elevation))


def truth_of(mesh: PaintedMesh, camera: Camera) -> Tensor:
    """(S, S, 3) colours without light on white."""
    vertices, faces = normalise(torch.from_numpy(mesh.vertices))[0], torch.from_numpy(mesh.faces)
    clip = clip_positions(vertices, [camera])[0] * torch.tensor([1.0, -1, 1, 1])
    fragments = rasterize(clip, faces, (VIEW, VIEW))
    corners = torch.arange(faces.numel()).view(-1, 3)
    colours = interpolate(torch.from_numpy(mesh.corner_rgb).flatten(0, 1), corners, fragments)[0]
    return torch.where(fragments.mask[0, ..., None], colours, 1.0)


def measure(
    mesh: PaintedMesh, painters: dict[str, PaintPipeline], seed: int, keep: Path | None
) -> dict[str, tuple[float, float]]:
    """Decibels and structural distance by each painter."""
    picture, taken = take_picture(mesh, seed)
    painted = {}
    for name, painter in painters.items():
        settings = PaintSettings("project" if name == "project" else "pbr", TEXTURE)
        shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
        result = painter.paint(shape, Cutout(picture, "alpha", None), settings)
        result.vertices = normalise(torch.tensor(result.vertices))[0].numpy()
        painted[name] = result
    scores: dict[str, list[tuple[float, float, int]]] = {name: [] for name in painters}
    strips = []
    for camera in other_directions(DIRECTIONS):
        angle = (view_matrix(camera)[2, :3] @ view_matrix(taken)[2, :3]).clamp(-1, 1).acos().rad2deg()
        if angle < LEAST_AWAY:
            continue
        truth = truth_of(mesh, camera)
        strip = [picture_on_white(picture), truth]
        for name, result in painted.items():
            sheet = np.asarray(result.visual.material.baseColorTexture.convert("RGB"), np.float32) / 255
            drawn, mask = render(result, [torch.from_numpy(sheet)], camera, VIEW)
            error = float((drawn[0] - truth)[mask].square().mean())
            guess, right = (part.permute(2, 0, 1)[None] for part in (drawn[0], truth))
            distance = float(structural_distance(guess, right, mask[None, None]))
            scores[name].append((error, distance, int(mask.sum())))
            strip.append(drawn[0])
        strips.append(torch.cat(strip, 1))
    if keep is not None:
        rows = torch.cat(strips[:: max(1, len(strips) // 3)][:3])
        Image.fromarray((rows.clamp(0, 1) * 255).byte().numpy()).save(keep)
    result = {}
    for name, rows_of in scores.items():
        error, distance, weight = np.array(rows_of).T
        mean = np.average(error, weights=weight)
        result[name] = (-10 * np.log10(max(mean, 1e-6)), float(np.average(distance, weights=weight)))
    return result


def picture_on_white(picture: Image.Image) -> Tensor:
    """(S, S, 3) in [0, 1]."""
    small = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).resize((VIEW, VIEW))
    return torch.from_numpy(np.asarray(small.convert("RGB"), np.float32) / 255)


def main() -> None:
    """Print a row for each object and the means."""
    assets, model = Path(sys.argv[1]), sys.argv[2]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 24
    folder = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    painters = {name: PaintPipeline.from_pretrained(name) for name in ("project", model)}
    objects = [(r, mesh) for r, mesh in load_assets(assets, read_holdout()) if not r.uncoloured]
    print(
        "| object | project dB | pbr dB | project distance | pbr distance |\n| --- | --- | --- | --- | --- |"
    )
    rows = []
    for seed, (record, mesh) in enumerate(objects[:: max(1, len(objects) // count)][:count]):
        keep = None if folder is None else folder / f"{record.id}.png"
        (before, before_off), (after, after_off) = measure(mesh, painters, seed, keep).values()
        rows.append((before, after, before_off, after_off))
        print(
            f"| {record.id} | {before:.1f} | {after:.1f} | {before_off:.3f} | {after_off:.3f} |", flush=True
        )
    before, after, before_off, after_off = np.mean(rows, 0)
    print(f"| mean | {before:.2f} | {after:.2f} | {before_off:.3f} | {after_off:.3f} |")
    table = np.array(rows)
    better = (table[:, 1] > table[:, 0]).sum(), (table[:, 3] < table[:, 2]).sum()
    print(f"\npbr is better in PSNR on {better[0]} and in distance on {better[1]} of {len(rows)} objects")


if __name__ == "__main__":
    main()
