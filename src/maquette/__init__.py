"""maquette: one picture in, a finished 3D asset out.

    import maquette

    mesh = maquette.generate("chair.png", seed=7)
    maquette.export_mesh(mesh, "chair.glb")

To make many shapes, load the model once:

    pipeline = maquette.ShapePipeline.from_pretrained("bundled")
    for picture in pictures:
        mesh = pipeline(picture)

Importing the package is cheap: torch and the rest are loaded when something needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maquette._version import __version__
from maquette.errors import MaquetteError

if TYPE_CHECKING:
    from maquette.mesh.export import export_mesh, read_mesh
    from maquette.paint.pipeline import PaintPipeline
    from maquette.picture.load import load_picture
    from maquette.pipeline import AssetPipeline
    from maquette.shape.pipeline import ShapePipeline, generate
    from maquette.zoo.catalog import list_models

__all__ = [
    "AssetPipeline",
    "MaquetteError",
    "PaintPipeline",
    "ShapePipeline",
    "__version__",
    "export_mesh",
    "generate",
    "list_models",
    "load_picture",
    "read_mesh",
]

_HOME = {
    "AssetPipeline": "maquette.pipeline",
    "PaintPipeline": "maquette.paint.pipeline",
    "ShapePipeline": "maquette.shape.pipeline",
    "export_mesh": "maquette.mesh.export",
    "generate": "maquette.shape.pipeline",
    "list_models": "maquette.zoo.catalog",
    "load_picture": "maquette.picture.load",
    "read_mesh": "maquette.mesh.export",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'maquette' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
