"""Cameras that look at the origin: view and projection matrices in float64, handed out as float32.

Conventions: y up, azimuth 0° looks from +z, azimuth 90° from +x, elevation is positive above, angles in
degrees. View space looks along -z; clip space is OpenGL's (x right, y up, z and w such that z / w lies in
[-1, 1]). The right-hand vector comes from the azimuth alone, so cameras straight above and below are well
defined. Everything is computed for whole batches of cameras at once; a single `Camera` is a batch of one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maquette.errors import SettingError


@dataclass(frozen=True)
class Camera:
    """One camera that looks at the origin."""

    azimuth: float = 0.0
    """Degrees; 0 looks from +z, 90 from +x."""
    elevation: float = 0.0
    """Degrees; positive looks from above."""
    distance: float = 1.45
    """From the origin to the eye."""
    fov_degrees: float | None = None
    """Full vertical opening angle; None is orthographic."""
    ortho_scale: float = 1.2
    """Height of the view of an orthographic camera, in world units; unused by a perspective one."""
    near: float = 0.1
    far: float = 100.0

    def __post_init__(self) -> None:
        if self.fov_degrees is not None and not 0 < self.fov_degrees < 180:
            raise SettingError(f"camera fov_degrees is {self.fov_degrees}", "between 0 and 180, or None")
        if not 0 < self.near < self.far:
            raise SettingError(f"camera near {self.near} and far {self.far}", "0 < near < far")
        if self.distance <= 0 or self.ortho_scale <= 0:
            raise SettingError(
                f"camera distance {self.distance} and ortho_scale {self.ortho_scale}", "both must be positive"
            )


def view_matrices(azimuth: Tensor, elevation: Tensor, distance: Tensor) -> Tensor:
    """World-to-view matrices of N cameras on spheres around the origin.

    Args:
        azimuth, elevation: (N,) degrees.
        distance: (N,) from the origin to the eye.

    Returns:
        (N, 4, 4) float32; apply as `positions @ matrix.T`.
    """
    azim, elev = azimuth.double().deg2rad(), elevation.double().deg2rad()
    zero, one = torch.zeros_like(azim), torch.ones_like(azim)
    cos_a, sin_a, cos_e, sin_e = azim.cos(), azim.sin(), elev.cos(), elev.sin()
    right = torch.stack([cos_a, zero, -sin_a, zero], -1)
    up = torch.stack([-sin_e * sin_a, cos_e, -sin_e * cos_a, zero], -1)
    back = torch.stack([cos_e * sin_a, sin_e, cos_e * cos_a, -distance.double()], -1)
    return torch.stack([right, up, back, torch.stack([zero, zero, zero, one], -1)], -2).float()


def rotations(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """World-to-view rotations (N, 3, 3) float32 of N directions in degrees; apply as `positions @ matrix.T`."""
    return view_matrices(azimuth, elevation, torch.zeros(len(azimuth)))[:, :3, :3]


def projection_matrices(
    fov: Tensor,
    ortho_scale: Tensor,
    near: float | Tensor = 0.1,
    far: float | Tensor = 100.0,
    aspect: float = 1.0,
) -> Tensor:
    """View-to-clip matrices of N cameras, perspective and orthographic mixed.

    Args:
        fov: (N,) full vertical opening angle in degrees; 0 makes that camera orthographic.
        ortho_scale: (N,) height of the view in world units; used where fov is 0.
        near, far: clip distances, numbers or (N,) tensors.
        aspect: width over height of the picture.

    Returns:
        (N, 4, 4) float32.
    """
    fov = fov.double()
    flat = fov <= 0
    zero, one = torch.zeros_like(fov), torch.ones_like(fov)
    near, far = near * one, far * one
    focal = torch.where(flat, 2.0 / ortho_scale.double(), 1.0 / (fov.deg2rad() / 2).tan())
    depth = far - near
    z_scale = torch.where(flat, -2.0 / depth, -(far + near) / depth)
    z_shift = torch.where(flat, -(far + near) / depth, -2.0 * far * near / depth)
    rows = [
        [focal / aspect, zero, zero, zero],
        [zero, focal, zero, zero],
        [zero, zero, z_scale, z_shift],
        [zero, zero, torch.where(flat, zero, -one), torch.where(flat, one, zero)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2).float()


def view_matrix(camera: Camera) -> Tensor:
    """(4, 4) float32 world-to-view matrix of one camera."""
    return _view_of([camera])[0]


def projection_matrix(camera: Camera, aspect: float = 1.0) -> Tensor:
    """(4, 4) float32 view-to-clip matrix of one camera; `aspect` is width over height."""
    return _projection_of([camera], aspect)[0]


def clip_positions(vertices: Tensor, cameras: Sequence[Camera], aspect: float = 1.0) -> Tensor:
    """Takes vertices to the clip space of each camera.

    Args:
        vertices: (V, 3) float positions, on any device.
        cameras: N cameras.
        aspect: width over height of the pictures.

    Returns:
        (N, V, 4) float32 on the device of the vertices.
    """
    matrices = _projection_of(cameras, aspect).double() @ _view_of(cameras).double()
    matrices = matrices.to(vertices.device, torch.float32)
    return project(vertices.float().expand(len(cameras), -1, -1), matrices)


def project(positions: Tensor, matrices: Tensor) -> Tensor:
    """Applies (N, 4, 4) matrices to (N, V, 3) positions; returns homogeneous (N, V, 4)."""
    return positions @ matrices[:, :, :3].transpose(1, 2) + matrices[:, None, :, 3]


def _view_of(cameras: Sequence[Camera]) -> Tensor:
    columns = [[c.azimuth, c.elevation, c.distance] for c in cameras]
    return view_matrices(*torch.tensor(columns, dtype=torch.float64).reshape(-1, 3).unbind(-1))


def _projection_of(cameras: Sequence[Camera], aspect: float) -> Tensor:
    columns = [[c.fov_degrees or 0.0, c.ortho_scale, c.near, c.far] for c in cameras]
    fov, scale, near, far = torch.tensor(columns, dtype=torch.float64).reshape(-1, 4).unbind(-1)
    return projection_matrices(fov, scale, near, far, aspect)


def seen_in_plane(turned: Tensor, distance: Tensor | float) -> Tensor:
    """Where an eye sees points, in the plane through the origin that faces it.

    Args:
        turned: (..., 3) positions turned into camera axes, the origin unmoved.
        distance: from the origin to the eye, infinite for an orthographic camera; broadcasts against (..., 1).

    Returns:
        (..., 2) right and up.
    """
    return turned[..., :2] / (1 - turned[..., 2:] / distance)


def distance_to_fit(turned: Tensor, slope: Tensor | float) -> Tensor:
    """How far from the origin an eye must stand to take in each point.

    Args:
        turned: (..., 3) positions turned into camera axes, the origin unmoved.
        slope: 1 / (tan(fov / 2) * fill), where fill is the share of the frame's half that points may reach;
            broadcasts against (...).

    Returns:
        (...) distances; the greatest of them takes in all points.
    """
    return turned[..., 2] + turned[..., :2].abs().amax(-1) * slope


def frame_cameras(
    vertices: Tensor, views: Sequence[tuple[float, float]], fov: float, fill: float
) -> list[Camera]:
    """Perspective cameras at one common distance from which every view takes in all vertices.

    Args:
        vertices: (V, 3) float, centred near the origin; V >= 1.
        views: azimuth and elevation of each camera in degrees.
        fov: opening angle in degrees.
        fill: share of the frame that the object may take in its widest view.
    """
    directions = torch.tensor(views, dtype=torch.float64)
    rotation = rotations(directions[:, 0], directions[:, 1])
    vertices = vertices.detach().cpu().float()
    slope = 1 / (math.tan(math.radians(fov) / 2) * fill)
    radius = max(float(vertices.norm(dim=-1).max()), 1e-6)
    needed = float(distance_to_fit(vertices @ rotation.transpose(1, 2), slope).max())
    distance = max(needed, 1.5 * radius)
    near, far = distance - 1.01 * radius, distance + 1.01 * radius
    return [Camera(azimuth, elevation, distance, fov, near=near, far=far) for azimuth, elevation in views]
