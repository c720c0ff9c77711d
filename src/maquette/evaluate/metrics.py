"""How alike two shapes are: volume, surface and silhouette scores.

All meshes live in [-1, 1], as maquette's do. Lengths are reported in the unit box, which is that cube scaled
to side one, so a chamfer distance of 0.01 is one hundredth of the box. Nothing is aligned: a shape that is
turned, moved or scaled against the truth scores worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from maquette.errors import MeshError, SettingError
from maquette.mesh.topology import is_closed
from maquette.render.camera import Camera, clip_positions

if TYPE_CHECKING:
    import trimesh

SURFACE_SAMPLES = 20_000
BOX_SIDE = 2.0  # of [-1, 1]
VIEWS = tuple(
    Camera(azimuth=45.0 * i, elevation=20.0 if i % 2 else 0.0, distance=4.0, ortho_scale=3.4)
    for i in range(8)
)
"""Eight orthographic cameras around the object, level and from above by turns; they take in the whole
cube."""


@dataclass(frozen=True)
class ShapeScores:
    """How well a predicted shape matches the truth; every score but the chamfer distance is best at 1.

    Attributes:
        volume_iou: intersection over union of the solids on a 64³ grid.
        chamfer_l1: mean of the two mean nearest distances between the surfaces, in unit-box lengths.
        f_score_05, f_score_02: harmonic mean of the shares of either surface within 0.05 (0.02) of the other.
        normal_consistency: mean absolute cosine between the normals of nearest surface points.
        silhouette_iou: mean intersection over union of the outlines from eight sides.
        input_view_iou: the same from the camera of the input picture, None where it is not known.
    """

    volume_iou: float
    chamfer_l1: float
    f_score_05: float
    f_score_02: float
    normal_consistency: float
    silhouette_iou: float
    input_view_iou: float | None = None


def score_shapes(
    pred: trimesh.Trimesh, truth: trimesh.Trimesh, *, seed: int = 0, camera: Camera | None = None
) -> ShapeScores:
    """All scores of a predicted mesh against the truth, both in [-1, 1].

    Args:
        seed: decides the surface samples, 20 000 on each mesh.
        camera: where the input picture was taken from, if known.

    Raises:
        MeshError: a mesh has no triangles with an area.
    """
    cameras = VIEWS if camera is None else (*VIEWS, camera)
    return compare(measure(pred, cameras, seed), measure(truth, cameras, seed))


@dataclass(frozen=True)
class Measured:
    """What the scores need to know of one mesh, so that a truth is measured once for many predictions.

    Attributes:
        occupancy: (64, 64, 64) bool.
        surface: its samples.
        outlines: (N, 256, 256) bool; the first are those of `VIEWS`, a further one is the input view.
    """

    occupancy: np.ndarray
    surface: SurfaceSamples
    outlines: np.ndarray


def measure(mesh: trimesh.Trimesh, cameras: Sequence[Camera] = VIEWS, seed: int = 0) -> Measured:
    """Everything that `compare` needs of a mesh; the cameras begin with `VIEWS`."""
    return Measured(
        occupancy(mesh),
        sample_surface(mesh, SURFACE_SAMPLES, np.random.default_rng(seed)),
        silhouettes(np.asarray(mesh.vertices), np.asarray(mesh.faces), cameras),
    )


def compare(pred: Measured, truth: Measured) -> ShapeScores:
    """The scores of a measured prediction against a measured truth."""
    distances = SurfaceDistances.between(pred.surface, truth.surface)
    overlaps = [mask_iou(a, b) for a, b in zip(pred.outlines, truth.outlines, strict=True)]
    return ShapeScores(
        volume_iou=mask_iou(pred.occupancy, truth.occupancy),
        chamfer_l1=distances.chamfer_l1,
        f_score_05=distances.f_score(0.05),
        f_score_02=distances.f_score(0.02),
        normal_consistency=distances.normal_consistency,
        silhouette_iou=float(np.mean(overlaps[: len(VIEWS)])),
        input_view_iou=overlaps[len(VIEWS)] if len(overlaps) > len(VIEWS) else None,
    )


@dataclass(frozen=True)
class SurfaceSamples:
    """Points and unit normals on a surface, (P, 3) float64 each.

    The samples are spread evenly over the whole area of a mesh. On assets with parts inside one another some
    of them lie on surface that cannot be seen; this is the same for every method that is compared.
    """

    points: np.ndarray
    normals: np.ndarray


@dataclass(frozen=True)
class SurfaceDistances:
    """Nearest distances and normal agreement between samples of two surfaces, in unit-box lengths.

    Attributes:
        to_truth: (P,) from samples of the prediction to the nearest sample of the truth.
        to_pred: (P,) the other way round.
        normal_consistency: mean absolute cosine between the normals of nearest samples, both ways.
    """

    to_truth: np.ndarray
    to_pred: np.ndarray
    normal_consistency: float

    @staticmethod
    def between(pred: SurfaceSamples, truth: SurfaceSamples) -> SurfaceDistances:
        """Nearest neighbours both ways."""
        from scipy.spatial import cKDTree

        to_truth, at_truth = cKDTree(truth.points).query(pred.points)
        to_pred, at_pred = cKDTree(pred.points).query(truth.points)
        agreement = [
            np.abs(np.einsum("ij,ij->i", pred.normals, truth.normals[at_truth])).mean(),
            np.abs(np.einsum("ij,ij->i", truth.normals, pred.normals[at_pred])).mean(),
        ]
        return SurfaceDistances(to_truth / BOX_SIDE, to_pred / BOX_SIDE, float(np.mean(agreement)))

    @staticmethod
    def measure(pred: trimesh.Trimesh, truth: trimesh.Trimesh, seed: int = 0) -> SurfaceDistances:
        """Sample two meshes and find nearest neighbours; the samples are independent of each other."""
        rng = np.random.default_rng(seed)
        return SurfaceDistances.between(
            sample_surface(pred, SURFACE_SAMPLES, rng), sample_surface(truth, SURFACE_SAMPLES, rng)
        )

    @property
    def chamfer_l1(self) -> float:
        """Half the mean distance to the truth plus half the mean distance from it."""
        return float(self.to_truth.mean() + self.to_pred.mean()) / 2

    def f_score(self, threshold: float) -> float:
        """Harmonic mean of precision and recall at a distance in unit-box lengths."""
        precision, recall = (self.to_truth <= threshold).mean(), (self.to_pred <= threshold).mean()
        return float(2 * precision * recall / max(precision + recall, 1e-12))


def chamfer_l1(pred: trimesh.Trimesh, truth: trimesh.Trimesh, seed: int = 0) -> float:
    """Symmetric mean nearest distance between the surfaces, in unit-box lengths."""
    return SurfaceDistances.measure(pred, truth, seed).chamfer_l1


def f_score(pred: trimesh.Trimesh, truth: trimesh.Trimesh, threshold: float = 0.05, seed: int = 0) -> float:
    """Harmonic mean of precision and recall of the surfaces at a distance in unit-box lengths."""
    return SurfaceDistances.measure(pred, truth, seed).f_score(threshold)


def normal_consistency(pred: trimesh.Trimesh, truth: trimesh.Trimesh, seed: int = 0) -> float:
    """Mean absolute cosine between the normals of nearest surface points."""
    return SurfaceDistances.measure(pred, truth, seed).normal_consistency


def sample_surface(mesh: trimesh.Trimesh, count: int, rng: np.random.Generator) -> SurfaceSamples:
    """Area-weighted points of a mesh and the normals of their triangles.

    Raises:
        MeshError: no triangle has an area.
    """
    a, b, c = np.asarray(mesh.vertices, dtype=np.float64)[np.asarray(mesh.faces)].transpose(1, 0, 2)
    cross = np.cross(b - a, c - a)
    area = np.linalg.norm(cross, axis=1)
    if not np.isfinite(area).all() or area.sum() <= 0:
        raise MeshError(
            "the mesh has no surface to measure", "it needs triangles with an area and finite vertices"
        )
    face = rng.choice(len(area), size=count, p=area / area.sum())
    root, v = np.sqrt(rng.random((count, 1))), rng.random((count, 1))
    points = (1 - root) * a[face] + root * (1 - v) * b[face] + root * v * c[face]
    return SurfaceSamples(points, cross[face] / area[face, None])


def volume_iou(pred: trimesh.Trimesh, truth: trimesh.Trimesh, resolution: int = 64) -> float:
    """Intersection over union of the solids inside two meshes, counted on a grid over [-1, 1]."""
    return mask_iou(occupancy(pred, resolution), occupancy(truth, resolution))


def mask_iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boolean arrays of one shape; 1 when both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def occupancy(mesh: trimesh.Trimesh, resolution: int = 64) -> np.ndarray:
    """Which cells of a grid over [-1, 1] have their middle inside a mesh, (R, R, R) bool indexed x, y, z.

    Inside is where the winding number exceeds one half, so overlapping closed parts count as their union. Closed
    meshes are scanned exactly, column by column; for meshes with open edges the generalised winding number
    (Jacobson et al. 2013) decides, at a cost of cells times triangles.

    Raises:
        SettingError: the resolution is below 1.
    """
    if resolution < 1:
        raise SettingError(f"the resolution is {resolution}", "it must be at least 1")
    vertices, faces = np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64)
    if is_closed(faces, len(vertices)):
        return scan_winding(vertices, faces, resolution) > 0.5
    from maquette.train.sdf import winding_number

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    low, high = vertices.min(axis=0), vertices.max(axis=0)  # nothing beyond the bounding box can be inside
    centres = cell_centres(resolution)
    inside = [np.flatnonzero((centres > low[i]) & (centres < high[i])) for i in range(3)]
    axes = [torch.from_numpy(centres[index]) for index in inside]
    points = torch.stack(torch.meshgrid(axes, indexing="ij"), -1).reshape(-1, 3)
    grid = np.zeros((resolution,) * 3, dtype=bool)
    if len(points):
        triangles = torch.from_numpy(vertices[faces]).float().to(device)
        winding = winding_number(points.float().to(device), triangles).cpu().numpy()
        grid[np.ix_(*inside)] = (winding > 0.5).reshape([len(index) for index in inside])
    return grid


def cell_centres(resolution: int) -> np.ndarray:
    """Coordinates (R,) of the middles of the cells that divide [-1, 1]."""
    return (np.arange(resolution) + 0.5) * (BOX_SIDE / resolution) - 1.0


def scan_winding(vertices: np.ndarray, faces: np.ndarray, resolution: int, axis: int = 2) -> np.ndarray:
    """Signed count (R, R, R) of the surfaces a ray crosses on its way from a cell's middle to +`axis`.

    For a closed mesh this is its winding number. Columns are moved by a millionth of a cell, so that none of
    them runs along an edge of a mesh that lies on a lattice.
    """
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]
    scale = resolution / BOX_SIDE
    corners = (vertices[:, order][faces] + 1.0) * scale - 0.5  # in cells; middles at whole numbers
    corners[..., :2] += np.array([1.3e-6, 2.9e-6])
    a, b, c = corners.transpose(1, 0, 2)
    low = np.maximum(np.ceil(corners[..., :2].min(axis=1)), 0).astype(np.int64)
    high = np.minimum(np.floor(corners[..., :2].max(axis=1)), resolution - 1).astype(np.int64)
    size = np.maximum(high - low + 1, 0)
    count = size[:, 0] * size[:, 1]
    face = np.repeat(np.arange(len(faces)), count)
    step = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    u, v = low[face, 0] + step // size[face, 1], low[face, 1] + step % size[face, 1]

    def side(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return (q[face, 0] - p[face, 0]) * (v - p[face, 1]) - (q[face, 1] - p[face, 1]) * (u - p[face, 0])

    wc, wa, wb = side(a, b), side(b, c), side(c, a)
    total = wa + wb + wc
    hit = (((wa > 0) & (wb > 0) & (wc > 0)) | ((wa < 0) & (wb < 0) & (wc < 0))) & (total != 0)
    face, u, v, total = face[hit], u[hit], v[hit], total[hit]
    depth = (wa[hit] * a[face, 2] + wb[hit] * b[face, 2] + wc[hit] * c[face, 2]) / total
    below = np.clip(np.ceil(depth), 0, resolution).astype(np.int64)  # cells below this see the face
    crossings = np.zeros((resolution, resolution, resolution + 1))
    np.add.at(crossings, (u, v, below), np.sign(total))
    winding = crossings[..., ::-1].cumsum(axis=2)[..., ::-1][..., 1:]
    return np.moveaxis(winding, (0, 1, 2), order)


def silhouette_iou(
    pred: trimesh.Trimesh, truth: trimesh.Trimesh, cameras: Sequence[Camera] = VIEWS, size: int = 256
) -> float:
    """Mean intersection over union of the outlines of two meshes as seen by the cameras given."""
    one = silhouettes(np.asarray(pred.vertices), np.asarray(pred.faces), cameras, size)
    other = silhouettes(np.asarray(truth.vertices), np.asarray(truth.faces), cameras, size)
    return float(np.mean([mask_iou(a, b) for a, b in zip(one, other, strict=True)]))


def silhouettes(
    vertices: np.ndarray, faces: np.ndarray, cameras: Sequence[Camera], size: int = 256
) -> np.ndarray:
    """Outlines (N, size, size) bool of a mesh seen by N cameras, the top row first.

    Triangles are filled one by one, since on a CPU this is ten times as fast as the general rasteriser, which also
    finds depths and faces. A pixel counts where a triangle touches the middle third of it. Triangles that reach
    behind the eye are left out.

    Raises:
        SettingError: there is no camera.
    """
    import cv2

    if not cameras:
        raise SettingError("silhouettes need at least one camera")
    clip = clip_positions(torch.from_numpy(np.ascontiguousarray(vertices)).float(), list(cameras)).numpy()
    result = np.zeros((len(cameras), size, size), dtype=bool)
    for outline, position in zip(result, clip, strict=True):
        fine = np.zeros((3 * size, 3 * size), dtype=np.uint8)
        w = position[:, 3:]
        screen = (position[:, :2] / np.where(w > 0, w, np.inf) * [1, -1] + 1) * (0.5 * (size - 1)) * 3 + 1
        fixed = np.round(np.clip(screen, -9 * size, 12 * size) * 16).astype(np.int32)
        for triangle in fixed[faces[(w[faces] > 0).all(axis=(1, 2))]]:
            cv2.fillConvexPoly(fine, triangle, 1, shift=4)
        outline[:] = fine[1::3, 1::3]
    return result
