"""What can be had without learning: baselines that see the picture's silhouette and the training set, nothing
else.

None of the first three is told the camera. Each takes the recentred silhouette that the model would get and
returns a mesh in [-1, 1] in canonical pose. `OracleExtrusion` is told the camera; it is reported for honesty
and is not part of the contest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from maquette.errors import PictureError, SettingError
from maquette.evaluate.metrics import cell_centres, scan_winding, silhouettes
from maquette.mesh.topology import is_closed
from maquette.render.camera import Camera, view_matrix
from maquette.render.pose import crop_to_object
from maquette.shape.sparse import SparseVolume
from maquette.shape.surface import extract_surface
from maquette.train.assets import HALF_SIDE
from maquette.train.meshes import PaintedMesh

if TYPE_CHECKING:
    import trimesh

BORDER_RATIO = 0.15
FRONT_CAMERAS = tuple(
    Camera(azimuth=azimuth, elevation=elevation, distance=4.5, fov_degrees=45.0)
    for azimuth in (-30.0, 0.0, 30.0)
    for elevation in (0.0, 20.0, 40.0)
)


class Baseline(Protocol):
    """Anything that turns a silhouette into a mesh."""

    def predict(self, mask: np.ndarray) -> trimesh.Trimesh:
        """A mesh in [-1, 1] for a silhouette (H, W) bool."""
        ...


def recentre_mask(mask: np.ndarray, size: int = 64) -> np.ndarray:
    """A silhouette (H, W) moved to the middle of a square (size, size) bool, its longer side filling 85 % of
    it.

    Raises:
        PictureError: the mask is empty.
    """
    from PIL import Image

    if not mask.any():
        raise PictureError("the silhouette is empty", "give a picture that shows an object")
    cut = crop_to_object(mask)
    scale = size * (1 - BORDER_RATIO) / max(cut.shape)
    height, width = (max(round(n * scale), 1) for n in cut.shape)
    small = Image.fromarray(cut.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)
    result = np.zeros((size, size), dtype=bool)
    top, left = (size - height) // 2, (size - width) // 2
    result[top : top + height, left : left + width] = np.asarray(small) > 127
    return result


@dataclass(frozen=True)
class MeanShape:
    """The same mesh for every picture: where the training objects are on average.

    The mean occupancy is cut at the level that encloses as much volume as a training object does on average.
    """

    mesh: trimesh.Trimesh

    @staticmethod
    def fit(meshes: Sequence[PaintedMesh], resolution: int = 64) -> MeanShape:
        """Average the occupancies of training meshes; scanned along three axes, so that open ones count as
        well."""
        if not meshes:
            raise SettingError("the mean shape needs at least one training mesh")
        mean = np.zeros((resolution,) * 3)
        for mesh in meshes:
            mean += quick_occupancy(mesh.vertices, mesh.faces, resolution)
        mean /= len(meshes)
        falling = np.sort(mean.ravel())[::-1]
        last = min(
            max(round(float(mean.sum())), 1), mean.size - 1
        )  # as many cells as an object fills on average
        level = float(falling[last - 1] + falling[last]) / 2
        return MeanShape(mesh_from_grid(mean, level * (1 - 1e-6)))

    def predict(self, mask: np.ndarray) -> trimesh.Trimesh:
        """The mean shape; the silhouette is not looked at."""
        return self.mesh.copy()


@dataclass(frozen=True)
class NearestSilhouette:
    """The training object whose outline, from any of nine cameras in front of it, is most like the picture's.

    Attributes:
        meshes: the training meshes, in canonical pose.
        outlines: (N, 9, size * size / 8) uint8, recentred outlines, packed to bits.
    """

    meshes: Sequence[PaintedMesh]
    outlines: np.ndarray
    size: int

    @staticmethod
    def fit(
        meshes: Sequence[PaintedMesh], cameras: Sequence[Camera] = FRONT_CAMERAS, size: int = 64
    ) -> NearestSilhouette:
        """Draw the outlines of all training meshes."""
        if not meshes:
            raise SettingError("the nearest silhouette needs at least one training mesh")
        packed = np.empty((len(meshes), len(cameras), size * size // 8), dtype=np.uint8)
        for i, mesh in enumerate(meshes):
            drawn = silhouettes(mesh.vertices, mesh.faces, cameras, 2 * size)
            for j, outline in enumerate(drawn):
                packed[i, j] = np.packbits(recentre_mask(outline, size)) if outline.any() else 0
        return NearestSilhouette(meshes, packed, size)

    def nearest(self, mask: np.ndarray) -> int:
        """Index of the training mesh with the best intersection over union."""
        wanted = np.packbits(recentre_mask(mask, self.size))
        ones = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)
        both = ones[self.outlines & wanted].sum(axis=2)
        either = ones[self.outlines | wanted].sum(axis=2)
        return int((both / np.maximum(either, 1)).max(axis=1).argmax())

    def predict(self, mask: np.ndarray) -> trimesh.Trimesh:
        """The nearest training object in its own canonical pose."""
        import trimesh

        mesh = self.meshes[self.nearest(mask)]
        return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


@dataclass(frozen=True)
class ExtrudedSilhouette:
    """The silhouette taken for the front view and extruded along z.

    Its depth is the smaller of its width and height: objects are rarely much deeper than they are wide or
    tall.
    """

    resolution: int = 64

    def predict(self, mask: np.ndarray) -> trimesh.Trimesh:
        """The extrusion, scaled so that its longest half-side is 0.95."""
        return fit_box(_extrude(mask, self.resolution))


@dataclass(frozen=True)
class OracleExtrusion:
    """The silhouette extruded along the true viewing direction: needs the camera, so it is no contender."""

    camera: Camera
    resolution: int = 64

    def predict(self, mask: np.ndarray) -> trimesh.Trimesh:
        """The extrusion turned from the camera's axes into the world, scaled so that its longest half-side is
        0.95."""
        mesh = _extrude(mask, self.resolution)
        rotation = view_matrix(self.camera)[:3, :3].double().numpy()
        mesh.vertices = mesh.vertices @ rotation  # rows of the view matrix are the camera's axes in the world
        return fit_box(mesh)


def fit_box(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """A copy with its bounding box centred and its longest half-side 0.95, as training shapes lie."""
    low, high = mesh.bounds
    fitted = mesh.copy()
    fitted.vertices = (mesh.vertices - (low + high) / 2) * (
        2 * HALF_SIDE / max(float(np.ptp(mesh.bounds, axis=0).max()), 1e-12)
    )
    return fitted


def quick_occupancy(vertices: np.ndarray, faces: np.ndarray, resolution: int) -> np.ndarray:
    """Like `metrics.occupancy`, but open meshes are scanned both ways along three axes and the majority
    decides."""
    vertices = np.asarray(vertices, dtype=np.float64)
    if is_closed(faces, len(vertices)):
        return scan_winding(vertices, faces, resolution) > 0.5
    total = np.zeros((resolution,) * 3)
    for axis in range(3):
        ahead = scan_winding(vertices, faces, resolution, axis)
        total += 2 * ahead - np.take(ahead, [0], axis=axis)  # plus what the opposite ray crosses
    return total / 6 > 0.5


def _extrude(mask: np.ndarray, resolution: int) -> trimesh.Trimesh:
    centred = recentre_mask(mask, resolution)
    height, width = (int(centred.any(axis=axis).sum()) for axis in (1, 0))
    depth = max(min(height, width), 2)
    start = (resolution - depth) // 2
    grid = np.zeros((resolution,) * 3)
    grid[:, :, start : start + depth] = centred[::-1].T[:, :, None]  # columns are x, rows run down
    return mesh_from_grid(grid, 0.5)


def mesh_from_grid(values: np.ndarray, level: float) -> trimesh.Trimesh:
    """The surface of a grid over [-1, 1] at a level, closed at the border of the cube."""
    if values.max() <= level:
        raise SettingError(f"no value of the grid exceeds the level {level:.3g}")
    low = min(float(values.min()), 2 * level - float(values.max())) - 1e-6
    padded = torch.from_numpy(np.pad(values, 1, constant_values=low) - level).float()
    bounds = float(cell_centres(values.shape[0])[-1]) + 2 / values.shape[0]
    return extract_surface(SparseVolume.from_dense(padded, bounds), field=lambda points: points[:, 0])
