"""A shape held to the outline of its picture.

A small model gets the bulk of an object right and its outline wrong, though the outline is there to see. So the camera
is found from which the drawn shape looks most like the picture's matte, and the field is changed in three ways: it
is lifted until the shape fills the outline, cut where the outline ends (as in space carving, Kutulakos and Seitz
2000), and stretched across the view to the picture's proportions. All of it happens inside the field, so decoding and
surface extraction see one field as ever, at any resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.errors import MeshError
from maquette.mesh.clean import clean
from maquette.models.shape_vae import ShapeField
from maquette.render.camera import Camera, rotations, seen_in_plane
from maquette.render.pose import crop_to_object, find_camera, surface_points
from maquette.shape.sparse import SparseVolume
from maquette.shape.surface import extract_surface
from maquette.shape.volume import lattice_points

COARSE = 48
"""Cells along each side of the lattice on which the outline is fitted."""
POINTS_PER_CALL = 32_768
FILLED = 0.96
"""Share of the outline that the shape should fill before it is lifted no further."""
MOST_LIFT = 0.12
"""How far the surface may be moved out for that, in units of the [-1, 1] box."""
LEAST_FIT = 0.2
"""Overlap of shape and picture below which the camera means nothing."""
HALF_SIDE = 0.95
"""Longest half side of a shape, as the models are trained."""


@dataclass(frozen=True)
class Outline:
    """What the picture says of the shape, in the shape's own space.

    Attributes:
        rotation: (3, 3) into camera axes.
        distance: from the origin to the eye; infinite for an orthographic camera.
        centre: (2,) of the shape, in the plane through the origin that faces the camera.
        scale: (2,) pixels of `depth` for each unit in that plane, right and down.
        depth: (1, 1, H, W) how far inside the outline each pixel is, negative outside, in logits.
        lift: added to the logits.
        slope: logits for each unit of length, near the surface.
        to_shape: (3, 4) from where a point is asked to where the model drew it.
    """

    rotation: Tensor
    distance: float
    centre: Tensor
    scale: Tensor
    depth: Tensor
    lift: float
    slope: float
    to_shape: Tensor

    def places(self, points: Tensor) -> Tensor:
        """(Q, 3) points asked → points of the model's space."""
        return points @ self.to_shape[:, :3].T + self.to_shape[:, 3]

    def plane(self, places: Tensor) -> Tensor:
        """(Q, 3) → (Q, 2) where the camera sees them, right and up, from the shape's centre."""
        return seen_in_plane(places @ self.rotation.T, self.distance) - self.centre

    def inside(self, places: Tensor) -> Tensor:
        """(Q,) how far inside outline and box a point is, in logits."""
        height, width = self.depth.shape[-2:]
        flat = self.plane(places) * self.scale / places.new_tensor([width - 1, height - 1]) * 2
        grid = torch.stack([flat[:, 0], -flat[:, 1]], -1)[None, None]
        depth = F.grid_sample(self.depth, grid, padding_mode="border", align_corners=True)[0, 0, 0]
        return torch.minimum(depth, (1.02 - places.abs().amax(-1)) * self.slope)


@dataclass(frozen=True)
class OutlinedField:
    """A field held to an outline: points (Q, 3) → logits (Q,) float32."""

    field: ShapeField
    outline: Outline

    def __call__(self, points: Tensor) -> Tensor:
        places = self.outline.places(points.float())
        return torch.minimum(
            self.field(places.to(points.dtype)) + self.outline.lift, self.outline.inside(places)
        )

    def float(self) -> OutlinedField:
        """The same in float32."""
        return replace(self, field=self.field.float())

    @property
    def bytes_per_point(self) -> int:
        """Memory that answering one point takes."""
        return self.field.bytes_per_point + 128


@torch.inference_mode()
def fit_outline(field: ShapeField, matte: np.ndarray, bounds: float, device: torch.device) -> Outline | None:
    """Find the camera of a picture, and how the field must change to look like it from there.

    Args:
        field: of the shape as drawn, truncated distances positive inside.
        matte: (H, W) float in [0, 1], the picture's object.
        bounds: half side of the box in which the shape is.
        device: where the field wants its points.

    Returns:
        None where the shape looks nothing like the picture from anywhere, or one of them is empty.
    """
    if not (matte > 0.5).any():
        return None
    places = lattice_points(COARSE, bounds, device)
    logits = torch.cat([field(part) for part in places.split(POINTS_PER_CALL)]).view((COARSE + 1,) * 3)
    try:
        drawn, _ = clean(extract_surface(SparseVolume.from_dense(logits, bounds), field))
    except MeshError:
        return None
    pose = find_camera(drawn.vertices, drawn.faces, matte)
    if pose.fit < LEAST_FIT:
        return None
    surface = torch.from_numpy(surface_points(drawn.vertices, drawn.faces))
    outline = _register(pose.camera, surface, matte, _slope(logits, bounds), device)
    inside = outline.inside(places).view_as(logits)
    outline = replace(outline, lift=_lift(outline, places, inside, logits))
    held = SparseVolume.from_dense(torch.minimum(logits + outline.lift, inside), bounds)
    try:
        cut, _ = clean(extract_surface(held, field))
    except MeshError:
        return None
    return replace(outline, to_shape=_proportions(outline, pose.camera, cut.vertices))


def _register(
    camera: Camera, surface: Tensor, matte: np.ndarray, slope: float, device: torch.device
) -> Outline:
    """Lay the matte's box over the box of the shape's points (P, 3), as the camera sees them."""
    object_only = crop_to_object(matte > 0.5)
    height, width = object_only.shape
    rotation = rotations(torch.tensor([camera.azimuth]), torch.tensor([camera.elevation]))[0]
    distance = camera.distance if camera.fov_degrees else math.inf
    flat = seen_in_plane(surface @ rotation.T, distance)
    low, high = flat.amin(0), flat.amax(0)
    scale = torch.tensor([width, height]) / (high - low).clamp_min(1e-6)
    depth = _signed_distance(np.pad(object_only, max(height, width) // 2)) / scale.mean() * slope
    return Outline(
        rotation=rotation.to(device),
        distance=distance,
        centre=((low + high) / 2).to(device),
        scale=scale.to(device),
        depth=depth[None, None].to(device),
        lift=0.0,
        slope=slope,
        to_shape=torch.eye(3, 4, device=device),
    )


def _signed_distance(mask: np.ndarray) -> Tensor:
    """(H, W) bool → pixels to the edge, positive inside."""
    from scipy.ndimage import distance_transform_edt

    distance = distance_transform_edt(mask) - distance_transform_edt(~mask)
    return torch.from_numpy(distance.astype(np.float32))


def _slope(logits: Tensor, bounds: float) -> float:
    """Median steepness of the field where its sign changes, in logits for each unit."""
    along_x = logits[1:] - logits[:-1]
    crossing = (logits[1:] > 0) != (logits[:-1] > 0)
    steps = torch.stack(
        [
            along_x[:, :-1, :-1],
            logits[:-1, 1:, :-1] - logits[:-1, :-1, :-1],
            logits[:-1, :-1, 1:] - logits[:-1, :-1, :-1],
        ]
    )
    steepness = steps.norm(dim=0)[crossing[:, :-1, :-1]]
    return float(steepness.median() * COARSE / (2 * bounds)) if steepness.numel() else 1.0


def _lift(outline: Outline, places: Tensor, inside: Tensor, logits: Tensor) -> float:
    """The least lift with which the shape fills the outline, within bounds."""
    # Cells about as wide as the lattice's, so that a filled column of points leaves none empty.
    spacing = float(places[1, 2] - places[0, 2]) * 1.5
    cell = (outline.plane(places) * outline.scale / outline.scale.mean() / spacing).round().long()
    # Not a matrix product: CUDA has none of integers.
    cell = ((cell - cell.amin(0)) * cell.new_tensor([1, 4 * COARSE])).sum(-1)
    allowed = inside.flatten() > 0
    whole = len(cell[allowed].unique())
    lift = 0.0
    for share in np.linspace(0, 1, 9):
        lift = float(share) * MOST_LIFT * outline.slope
        if len(cell[allowed & (logits.flatten() + lift > 0)].unique()) >= FILLED * whole:
            break
    return lift


def _proportions(outline: Outline, camera: Camera, vertices: np.ndarray) -> Tensor:
    """(3, 4) from where points are asked to the model's space: stretched to square pixels, then fitted to the box."""
    across = math.sqrt(float(outline.scale[0] / outline.scale[1]))
    yaw = rotations(torch.tensor([camera.azimuth]), torch.zeros(1))[0]
    stretch = yaw.T @ torch.diag(torch.tensor([across, 1 / across, 1.0])) @ yaw
    stretched = torch.from_numpy(np.asarray(vertices, np.float32)) @ stretch.T
    low, high = stretched.amin(0), stretched.amax(0)
    size = float((high - low).max()) / 2 / HALF_SIDE
    back = torch.linalg.inv(stretch)
    return torch.cat([back * size, (back @ (low + high) / 2)[:, None]], 1).to(outline.scale.device)
