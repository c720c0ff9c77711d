"""Make docs/gallery.md and its pictures: every example picture and what the bundled model makes of it.

    python examples/make_gallery.py [NAME ...]

Everything runs on a CPU with the defaults of `maquette generate`, a texture of 1024 apart. With names (chair, boat ...)
only those pictures are made again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from PIL import Image

from maquette.paint.pipeline import PaintSettings
from maquette.picture.load import load_picture
from maquette.pipeline import AssetPipeline, AssetSettings
from maquette.render.camera import frame_cameras
from maquette.render.preview import render_views
from maquette.shape.pipeline import ShapeSettings

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
PICTURES = [
    *sorted(p for p in HERE.iterdir() if p.suffix in (".png", ".jpg", ".webp")),
    *sorted((HERE / "photos").iterdir()),
]
TILE = 224
VIEWS = ((0, 10), (50, 20), (180, 10), (-50, 20))
BACKGROUND = (238, 238, 236, 255)


def main(names: list[str]) -> None:
    """Write the page and a strip for each picture (or only for those named)."""
    pipeline = AssetPipeline.from_pretrained()
    settings = AssetSettings(ShapeSettings(), PaintSettings(texture_size=1024))
    (DOCS / "images" / "gallery").mkdir(parents=True, exist_ok=True)
    for path in PICTURES:
        if names and path.stem not in names:
            continue
        mesh = pipeline.generate(path, settings)
        cameras = frame_cameras(torch.tensor(mesh.vertices), VIEWS, 30.0, fill=0.92)
        tiles = [load_picture(path), *render_views(mesh, cameras, TILE, ground=True)]
        strip = Image.new("RGBA", (TILE * len(tiles), TILE), BACKGROUND)
        for index, tile in enumerate(tiles):
            tile = tile.convert("RGBA")
            tile.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
            strip.alpha_composite(tile, (index * TILE + (TILE - tile.width) // 2, (TILE - tile.height) // 2))
        strip.convert("RGB").save(DOCS / "images" / "gallery" / f"{path.stem}.webp", quality=80, method=6)
    rows = "\n\n".join(f"![{p.stem}](images/gallery/{p.stem}.webp)" for p in PICTURES)
    (DOCS / "gallery.md").write_text(HEAD + rows + "\n")


HEAD = """# Gallery

Twelve pictures, and the painted assets that the bundled model makes of them on a CPU: the picture, then the front, the
right, the back and the left. No other input; one picture each. What no picture shows is mirrored or continued over the
surface (see `texels` in the asset's metadata for how much that is).

Made by `python examples/make_gallery.py`; where the pictures come from is told in `examples/SOURCES.md`.

"""


if __name__ == "__main__":
    main(sys.argv[1:])
