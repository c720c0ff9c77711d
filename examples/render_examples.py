"""Render the example pictures: objects that the bundled model was never trained on, in several styles and lights.

    python examples/render_examples.py ASSETS_FOLDER

ASSETS_FOLDER holds the training meshes (CC0, see SOURCES.md); the objects here are on the held-out list.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from maquette.train.assets import load_assets, read_holdout
from maquette.train.pictures import render_training_pictures

SIZE = 512
HERE = Path(__file__).parent

# File name → object, seed of camera and light, background (None keeps the transparency).
EXAMPLES = {
    "sofa.png": ("kenney_furniture__lounge_sofa", 3, None),
    "chair.png": ("kaykit_dungeon_remastered__chair", 1, None),
    "chest.png": ("quaternius_rpg_items__chest_closed", 12, None),
    "boat.png": ("quaternius_ships__viking_boat", 2, None),
    "vase.jpg": ("quaternius_modular_dungeon_1__vase", 4, ((236, 232, 224), (190, 184, 176))),
    "house.png": ("quaternius_buildings_2__house2", 6, None),
    "barrel.jpg": ("quaternius_real_time_strategy__barrel", 1, ((205, 222, 235), (150, 172, 190))),
    "tent.webp": ("kenney_nature__tent_detailed_closed", 2, ((246, 246, 246), (214, 214, 214))),
    "dog.png": ("quaternius_classic_animal_pack_vol_2_2017__dog", 8, None),
    "pot.png": ("quaternius_survival__pot", 2, None),
}


def main(assets: str) -> None:
    """Write every example beside this file."""
    held_out = read_holdout()
    for name, (object_id, seed, background) in EXAMPLES.items():
        if object_id not in held_out:
            raise SystemExit(f"{object_id} is not held out of training")
        mesh = load_assets(assets, [object_id])[0][1]
        generator = torch.Generator().manual_seed(seed)
        rgba = render_training_pictures([mesh], 1, SIZE, generator, torch.device("cpu")).rgba[0, 0]
        picture = Image.fromarray(rgba.permute(1, 2, 0).numpy(), "RGBA")
        if background is not None:
            picture = _on_gradient(picture, *background)
        picture.save(HERE / name, quality=92)


def _on_gradient(picture: Image.Image, top: tuple[int, ...], bottom: tuple[int, ...]) -> Image.Image:
    """The object before a studio backdrop that darkens towards the floor."""
    blend = np.linspace(0, 1, picture.height)[:, None, None]
    rows = np.array(top) * (1 - blend) + np.array(bottom) * blend
    backdrop = Image.fromarray(np.broadcast_to(rows, (picture.height, picture.width, 3)).astype(np.uint8))
    backdrop.paste(picture, (0, 0), picture)
    return backdrop


if __name__ == "__main__":
    main(sys.argv[1])
