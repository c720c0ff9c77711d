"""The painter `project` on held-out objects whose colours are known, from one rendered picture of each.

Each object is lit and drawn from somewhere before it, painted from that one picture, and both colourings are then seen
without light from twelve other directions. PSNR in dB over the surface, for directions in front of the object and
behind it; the second row of figures has a picture without any shading, which tells placing from light. With a folder as
second argument, strips of each object are kept there: picture, truth, paint.

    python benchmarks/paint_truth.py ASSETS [FOLDER]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
import trimesh
from bake_truth import other_directions
from PIL import Image
from torch import Tensor

from maquette.paint.pipeline import PaintPipeline, PaintSettings
from maquette.picture.cutout import Cutout
from maquette.render.camera import Camera, clip_positions
from maquette.render.material import sample_texture
from maquette.render.pose import framed_camera
from maquette.render.preview import render_views
from maquette.render.rasterize import interpolate, rasterize
from maquette.train.assets import load_assets
from maquette.train.meshes import PaintedMesh

NAMES = [
    "kaykit_dungeon_remastered__chair",
    "kaykit_skeleton_characters__skeleton_mage",
    "kaykit_space_base__lander_a",
    "kaykit_medieval_hexagon__building_bridge_a",
    "kenney_furniture__lounge_sofa",
    "kenney_starter_fps__enemy_flying",
    "kenney_space__robot",
    "kenney_tower_defense__weapon_blaster",
    "quaternius_buildings_2__house2",
    "quaternius_cute_fish__cowfish",
    "quaternius_modular_dungeon__barrel",
    "quaternius_spaceships__spitfire",
]
TEXTURE, PICTURE, VIEW, DIRECTIONS = 512, 384, 192, 12


def unmerged(asset: PaintedMesh) -> trimesh.Trimesh:
    """The asset with a vertex for each corner, coloured."""
    colours = np.rint(asset.corner_rgb.reshape(-1, 3) * 255).astype(np.uint8)
    faces = np.arange(3 * len(asset.faces)).reshape(-1, 3)
    return trimesh.Trimesh(
        asset.vertices[asset.faces].reshape(-1, 3), faces, vertex_colors=colours, process=False
    )


def unlit(
    mesh: trimesh.Trimesh, corner_rgb: np.ndarray, camera: Camera, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """(P, P, 3) true and painted colours as a camera sees them, (P, P) where the mesh is."""
    vertices, faces = torch.tensor(mesh.vertices).float(), torch.tensor(np.array(mesh.faces))
    clip = clip_positions(vertices, [camera])[0] * torch.tensor([1.0, -1, 1, 1])
    fragments = rasterize(clip, faces, (size, size))
    mask = fragments.mask[0]
    corners = torch.arange(faces.numel()).view(-1, 3)
    truth = interpolate(torch.tensor(corner_rgb).float().view(-1, 3), corners, fragments)[0]
    painted = torch.zeros_like(truth)
    visual = mesh.visual
    if visual.kind == "texture":
        uv = interpolate(torch.tensor(np.array(visual.uv)).float(), faces, fragments)[0]
        sheet = torch.from_numpy(np.array(visual.material.baseColorTexture.convert("RGB"), np.float32) / 255)
        painted[mask] = sample_texture(sheet.permute(2, 0, 1)[None], uv[mask])
    return truth, painted, mask


def picture_of(asset: PaintedMesh, camera: Camera, lit: bool) -> Image.Image:
    """RGBA, shaded as in previews or not at all."""
    mesh = unmerged(asset)
    picture = render_views(mesh, [camera], PICTURE)[0]
    if lit:
        return picture
    flat, _, mask = unlit(mesh, asset.corner_rgb, camera, 2 * PICTURE)
    planes = torch.cat([flat * mask[..., None], mask[..., None].float()], -1).permute(2, 0, 1)
    planes = torch.nn.functional.avg_pool2d(planes, 2)
    planes = torch.cat([planes[:3] / planes[3:].clamp(min=1e-4), planes[3:]]).permute(1, 2, 0)
    return Image.fromarray((planes.clamp(0, 1) * 255).round().byte().numpy(), "RGBA")


def measure(asset: PaintedMesh, seed: int, lit: bool, keep: Path | None) -> tuple[list[float], float]:
    """PSNR from before and behind, and processor seconds."""
    rng = np.random.default_rng(seed)
    azimuth = float(np.clip(rng.normal(0, 22), -45, 45))
    camera = framed_camera(asset.vertices, azimuth, float(np.clip(rng.normal(15, 12), -8, 45)), 28.0)
    picture = picture_of(asset, camera, lit)
    plain = trimesh.Trimesh(asset.vertices, asset.faces, process=False)
    started = time.process_time()
    painted = PaintPipeline.from_pretrained("project").paint(
        plain, Cutout(picture, "alpha", None), PaintSettings(texture_size=TEXTURE)
    )
    seconds = time.process_time() - started
    errors: list[list[Tensor]] = [[], []]
    for view in other_directions(DIRECTIONS):
        around = framed_camera(asset.vertices, view.azimuth, view.elevation, 28.0)
        truth, paint, mask = unlit(painted, asset.corner_rgb, around, VIEW)
        behind = np.cos(np.radians(view.azimuth - azimuth)) < 0
        errors[int(behind)].append((truth - paint)[mask].square().flatten())
    if keep is not None:
        tiles = [picture.resize((256, 256))]
        for mesh in (unmerged(asset), painted):
            cameras = [framed_camera(asset.vertices, a, 15.0, 28.0) for a in (0, 70, 180, 250)]
            tiles += render_views(mesh, cameras, 256)
        strip = Image.new("RGBA", (256 * len(tiles), 256), (238, 238, 236, 255))
        for index, tile in enumerate(tiles):
            strip.alpha_composite(tile, (256 * index, 0))
        strip.convert("RGB").save(f"{keep}.png")
    return [float(-10 * torch.cat(part).mean().log10()) for part in errors], seconds


def main() -> None:
    """Print a row for each object and the means."""
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    rows = []
    print("| object | shaded: before dB | behind | not shaded: before | behind | s |\n|" + " --- |" * 6)
    for seed, (record, asset) in enumerate(load_assets(sys.argv[1], NAMES)):
        name = record.id.split("__")[1]
        row: list[float] = []
        for lit in (True, False):
            keep = folder / name if folder and lit else None
            decibels, seconds = measure(asset, seed, lit, keep)
            row += decibels
        rows.append([*row, seconds])
        print(f"| {name} | " + " | ".join(f"{value:.1f}" for value in rows[-1]) + " |", flush=True)
    print("| mean | " + " | ".join(f"{value:.1f}" for value in np.mean(rows, 0)) + " |")


if __name__ == "__main__":
    main()
