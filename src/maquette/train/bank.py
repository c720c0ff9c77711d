"""The training data on the device: surface samples, signed distances and pictures of every object.

Everything is computed once from the meshes. An object has four fronts (quarter turns about the vertical axis): the
pictures of a front are taken from around it, so that the shape's frame can be read off the picture whatever the object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from maquette.train.meshes import PaintedMesh
from maquette.train.pictures import recentre_batch, render_training_pictures
from maquette.train.sdf import distance_and_winding

NUM_FRONTS = 4
NEAR_SIGMAS = (0.01, 0.04, 0.12)
"""Spread of the near-surface queries, in units of the [-1, 1] box; each serves a third of them."""


@dataclass(frozen=True)
class BankSettings:
    """How much is sampled of each object."""

    surface_points: int = 16384
    queries: int = 32768
    """Half near the surface, half anywhere in the box."""
    views_per_front: int = 4
    picture_size: int = 224
    truncation: float = 0.1
    """Signed distances are divided by it and clamped to [-1, 1]. A short training does better with a wide one: the
    field is smoother and says something everywhere."""
    shell: float = 0.012
    """Half thickness given to meshes that are not closed, so that cards and cloth have an inside."""


@dataclass(frozen=True)
class ShapeBank:
    """Geometry of M objects on one device.

    Args:
        surface: (M, P, 6) half positions and normals of the outside surface.
        queries: (M, Q, 3) half; even rows lie near the surface, odd rows anywhere.
        targets: (M, Q) half truncated signed distances in [-1, 1], positive inside.
    """

    surface: Tensor
    queries: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.surface)

    def select(self, objects: Tensor) -> ShapeBank:
        """Only these objects, by index."""
        return ShapeBank(self.surface[objects], self.queries[objects], self.targets[objects])


@dataclass(frozen=True)
class PictureBank:
    """Pictures of M objects: (M, NUM_FRONTS · views, 3, S, S) uint8, recentred on white; front-major."""

    pictures: Tensor

    @property
    def views_per_front(self) -> int:
        """Pictures of each front."""
        return self.pictures.shape[1] // NUM_FRONTS


def build_shape_bank(
    meshes: list[PaintedMesh], settings: BankSettings, generator: torch.Generator, device: torch.device
) -> ShapeBank:
    """Sample the surfaces and signed distances of meshes that fill [-1, 1]; `generator` lives on `device`."""
    count = len(meshes)
    bank = ShapeBank(
        torch.empty(count, settings.surface_points, 6, dtype=torch.half, device=device),
        torch.empty(count, settings.queries, 3, dtype=torch.half, device=device),
        torch.empty(count, settings.queries, dtype=torch.half, device=device),
    )
    for index, mesh in enumerate(meshes):
        triangles = torch.from_numpy(mesh.vertices[mesh.faces]).to(device, torch.float32)
        surface = sample_outside_surface(triangles, settings.surface_points, generator)
        queries = _queries(surface[:, :3], settings.queries, generator).half()
        squared, winding = distance_and_winding(queries.float(), triangles)
        distance = squared.sqrt()
        signed = torch.where(winding > 0.5, distance, -distance)
        if not is_closed(mesh.faces):
            signed = torch.maximum(signed, settings.shell - distance)
        bank.surface[index] = surface
        bank.queries[index] = queries
        bank.targets[index] = (signed / settings.truncation).clamp(-1, 1)
    return bank


def sample_outside_surface(triangles: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Area-weighted samples (count, 6) of positions and normals, leaving out surface buried in other parts."""
    ab, ac = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    cross = torch.linalg.cross(ab, ac)
    area = cross.norm(dim=1)
    face = torch.multinomial(area.clamp_min(1e-12), 2 * count, replacement=True, generator=generator)
    u, v = torch.rand(2, 2 * count, 1, device=triangles.device, generator=generator)
    u, v = torch.where(u + v > 1, 1 - u, u), torch.where(u + v > 1, 1 - v, v)
    position = triangles[face, 0] + u * ab[face] + v * ac[face]
    normal = cross[face] / area[face, None].clamp_min(1e-12)
    _, winding = distance_and_winding(position + 0.01 * normal, triangles)
    # Visible samples first, in their random order; buried ones only fill up what is missing.
    order = (winding > 0.5).to(torch.int8).argsort(stable=True)[:count]
    return torch.cat([position, normal], dim=1)[order][
        torch.randperm(count, device=face.device, generator=generator)
    ]


def is_closed(faces: np.ndarray) -> bool:
    """Whether every edge of (F, 3) faces belongs to exactly two of them."""
    edges = np.sort(
        np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64), axis=1
    )
    _, uses = np.unique(edges[:, 0] * (int(faces.max()) + 1) + edges[:, 1], return_counts=True)
    return bool((uses == 2).all())


def _queries(surface: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(count, 3) query points: even rows near the surface, odd rows uniform in a slightly larger box."""
    half = count // 2
    sigma = surface.new_tensor(NEAR_SIGMAS)[
        torch.arange(half, device=surface.device) % len(NEAR_SIGMAS), None
    ]
    chosen = torch.randint(len(surface), (half,), device=surface.device, generator=generator)
    noise = torch.randn(half, 3, device=surface.device, generator=generator)
    near = (surface[chosen] + noise * sigma).clamp(-1.05, 1.05)
    anywhere = (torch.rand(half, 3, device=surface.device, generator=generator) * 2 - 1) * 1.05
    return torch.stack([near, anywhere], dim=1).reshape(2 * half, 3)


def build_picture_bank(
    meshes: list[PaintedMesh],
    settings: BankSettings,
    generator: torch.Generator,
    device: torch.device,
    *,
    meshes_per_call: int = 256,
) -> PictureBank:
    """Render every object from around each of its four fronts; `generator` is a CPU generator."""
    views, size = settings.views_per_front, settings.picture_size
    bank = torch.empty(len(meshes), NUM_FRONTS * views, 3, size, size, dtype=torch.uint8, device=device)
    for first, last in pairwise([*range(0, len(meshes), meshes_per_call), len(meshes)]):
        for front in range(NUM_FRONTS):
            turned = [turn_mesh(mesh, front) for mesh in meshes[first:last]]
            rendered = render_training_pictures(turned, views, size, generator, device)
            centred = recentre_batch(rendered.rgba.flatten(0, 1), size)
            bank[first:last, front * views : (front + 1) * views] = _to_bytes(centred).unflatten(
                0, (-1, views)
            )
    return PictureBank(bank)


def turn_mesh(mesh: PaintedMesh, front: int) -> PaintedMesh:
    """The mesh turned so that its side number `front` faces +z."""
    return replace(mesh, vertices=(mesh.vertices @ turn_matrix(front).numpy().T).astype(np.float32))


def turn_matrix(front: int, *, mirrored: bool = False) -> Tensor:
    """Rotation (3, 3) by `front` quarter turns about y, followed by a mirror of x where asked; exact integers."""
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[front % NUM_FRONTS]
    sign = -1 if mirrored else 1
    return torch.tensor([[sign * cosine, 0, sign * sine], [0, 1, 0], [-sine, 0, cosine]], dtype=torch.float32)


def _to_bytes(pictures: Tensor) -> Tensor:
    """[-1, 1] → uint8."""
    return ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
