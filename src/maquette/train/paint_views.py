"""Training views of painted meshes: what a correcting paint model reads and what it is to draw, all on one device.

A lit picture of each object is taken from somewhere in front. Its colours are then put where it sees the surface, its
mirror images where they do, and continued over the rest: what `maquette.paint.project` does, in a form that takes
milliseconds on a GPU and needs torch alone. The truth is the colour under the same look (tint, pattern) without light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.paint.hints import MIRRORED, continue_outwards
from maquette.paint.views import BALL_DIAMETER, CANDIDATES, normalise, published_clip, to_published
from maquette.render.camera import view_matrices
from maquette.render.rasterize import Fragments, rasterize
from maquette.render.shade import face_normals, linear_to_srgb, srgb_to_linear
from maquette.train.looks import Looks, base_colours, draw_looks, noise_volume
from maquette.train.meshes import PaintedMesh
from maquette.train.pictures import (
    MeshGroup,
    TrainingPictures,
    pack_meshes,
    recentre_batch,
    render_training_pictures,
)

CAMERAS = [viewpoint.camera for viewpoint in CANDIDATES[:6]]
_LEAST_FACING = 0.19  # the cosine of the steepest look at which a picture still says something
_RIM = 5  # pixels of a square that must all be inside the matte
_TOLD = 512  # places that tell the colours of those that nothing shows
_GREY = 0.04


@dataclass(frozen=True)
class Views:
    """N objects as uint8 pictures (N, views, C, S, S) on one device."""

    reference: Tensor
    """(N, 3, S, S): lit, from somewhere in front, on white."""
    normals: Tensor
    positions: Tensor
    mask: Tensor
    """(N, views, 1, S, S): 1 where the object is."""
    hint: Tensor
    """What projecting the lit picture makes of each view. Here and below colours go on beyond the outline."""
    known: Tensor
    """(N, views, 1, S, S): how well the hint is known, 0 to 255."""
    albedo: Tensor

    def __len__(self) -> int:
        return len(self.reference)

    @staticmethod
    def join(parts: Sequence[Views]) -> Views:
        """All objects of several, in order."""
        return Views(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Views)))


def render_views(
    meshes: Sequence[PaintedMesh],
    size: int,
    generator: torch.Generator,
    device: torch.device,
    *,
    plain: bool = False,
) -> Views:
    """Views of some dozen meshes from the six published cameras.

    Args:
        meshes: N meshes around the origin.
        size: side of the views.
        generator: a CPU generator; the only source of randomness.
        device: where to draw.
        plain: leave the meshes' own colours and materials as they are.
    """
    looks, noise = draw_looks(len(meshes), generator), noise_volume(generator, device)
    if plain:
        looks = plain_looks(looks)
    lit = render_training_pictures(
        meshes, 1, size + size // 4, generator, device, appearance=(looks, noise), with_depth=True
    )
    group, looks = pack_meshes(meshes, device), looks.rows(0, len(meshes), device)
    ball = torch.cat([normalise(torch.from_numpy(mesh.vertices))[0] for mesh in meshes]).to(device)
    fragments, mesh = _draw(group, ball, size)
    inside = fragments.mask
    corners = torch.cat([group.vertices[group.faces], ball[group.faces], group.corner_rgb], -1)
    face = fragments.face_id[inside]
    values = torch.einsum("pi,pic->pc", fragments.bary[inside], corners[face])
    position, place, colour = values.split(3, -1)
    normal = face_normals(group.vertices, group.faces)[face]
    owner = mesh[:, None, None].expand_as(inside)[inside]
    spread = (group.corner_rgb.amax(-1) - group.corner_rgb.amin(-1)).amax(-1)
    colourful = torch.zeros_like(group.radius).scatter_reduce(0, group.face_mesh, spread, "amax")
    base = base_colours(
        owner,
        position / group.radius[owner][:, None],
        srgb_to_linear(colour),
        (colourful < _GREY).float()[owner][:, None],
        looks,
        noise,
    )
    hint, known = _project(lit, group, position, normal, owner, inside)

    def picture(points: Tensor, *, outwards: bool) -> Tensor:
        laid = points.new_zeros(*inside.shape, points.shape[-1])
        laid[inside] = points
        laid = laid.permute(0, 3, 1, 2)
        shown = inside[:, None]
        laid = continue_outwards(laid, shown) if outwards else torch.where(shown, laid, 1.0)
        return _to_bytes(laid).unflatten(0, (-1, len(CAMERAS)))

    return Views(
        reference=_to_bytes((recentre_batch(lit.rgba[:, 0], size) + 1) / 2),
        normals=picture((1 - to_published(normal)) / 2, outwards=False),
        positions=picture(0.5 - to_published(place) / BALL_DIAMETER, outwards=False),
        mask=inside[:, None].to(torch.uint8).unflatten(0, (-1, len(CAMERAS))),
        hint=picture(hint, outwards=True),
        known=picture(known[:, None], outwards=True),
        albedo=picture(linear_to_srgb(base.clamp(0, 1)), outwards=True),
    )


def plain_looks(looks: Looks) -> Looks:
    """The same lights on the meshes' own colours and materials."""
    count = len(looks.tint)
    texture = looks.texture.clone()
    texture[:, 0] = -1
    gloss = looks.gloss * torch.tensor([1.0, 1.0, 0.0])
    return replace(
        looks,
        tint=torch.eye(3).expand(count, 3, 3),
        texture=texture,
        gloss=gloss,
        repaint=torch.zeros(count, 1),
    )


def _draw(group: MeshGroup, ball: Tensor, size: int) -> tuple[Fragments, Tensor]:
    """Fragments of meshes x cameras pictures, face ids those of the group; and (pictures,) mesh of each."""
    views, count = len(CAMERAS), len(group.faces)
    clip = torch.cat([published_clip(ball, camera) for camera in CAMERAS])
    view = torch.arange(views, device=ball.device)[:, None]
    faces = (group.faces[None] + view[..., None] * len(ball)).reshape(-1, 3)
    image = (group.face_mesh[None] * views + view).reshape(-1)
    pairs = 1 << 20 if ball.device.type == "cpu" else 1 << 24
    pictures = len(group.radius) * views
    drawn = rasterize(clip, faces, (size, size), face_image=image, image_count=pictures, max_pairs=pairs)
    own = torch.where(drawn.mask, drawn.face_id % count, -1)
    return replace(drawn, face_id=own), torch.arange(pictures, device=ball.device) // views


def _project(
    lit: TrainingPictures, group: MeshGroup, position: Tensor, normal: Tensor, owner: Tensor, inside: Tensor
) -> tuple[Tensor, Tensor]:
    """(P, 3) colours of surface points as the lit pictures tell them, (P,) how well they are known."""
    alike = _alike_behind(position, owner, inside, len(group.radius))
    colour = torch.zeros_like(position)
    known = torch.zeros_like(position[:, 0])
    # As it is seen; mirrored left for right; and where front and back are alike, both of these from behind.
    for flip, degree, where in (
        ((1, 1, 1), 1.0, None),
        ((-1, 1, 1), MIRRORED, None),
        ((1, 1, -1), MIRRORED, alike),
        ((-1, 1, -1), MIRRORED, alike),
    ):
        turned = position.new_tensor(flip)
        found, sure = _look_up(lit, group, position * turned, normal * turned, owner)
        fresh = sure & (known == 0)
        if where is not None:
            fresh = fresh & where[owner]
        colour = torch.where(fresh[:, None], found, colour)
        known = torch.where(fresh, degree, known)
    for mesh in range(len(group.radius)):
        own = owner == mesh
        told = (own & (known > 0)).nonzero()[:, 0]
        told = told[:: max(1, len(told) // _TOLD)]
        untold = (own & (known == 0)).nonzero()[:, 0]
        if len(told):
            for part in untold.split(1 << 16):
                weight = (torch.cdist(position[part], position[told]) + 0.01) ** -4
                colour[part] = weight / weight.sum(-1, keepdim=True) @ colour[told]
        else:
            colour[untold] = 0.5
    return colour, known


def _look_up(
    lit: TrainingPictures, group: MeshGroup, position: Tensor, normal: Tensor, owner: Tensor
) -> tuple[Tensor, Tensor]:
    """(P, 3) colours of the pictures at places in space, and (P,) whether that is what they show there."""
    view = view_matrices(lit.azimuth[:, 0], lit.elevation[:, 0], torch.zeros_like(lit.azimuth[:, 0]))
    view = view[:, :3, :3][owner]
    fov, back, scale = lit.fov[owner, 0], lit.distance[owner, 0], lit.ortho_scale[owner, 0]
    seen = torch.einsum("pij,pj->pi", view, position)
    away = back - seen[:, 2]
    flat = fov <= 0
    focal = torch.where(flat, 2 / scale, 1 / ((fov.deg2rad() / 2).tan() * away).where(~flat, 1.0))
    at = seen[:, :2] * focal[:, None] * torch.tensor([1.0, -1.0], device=seen.device)
    to_eye = F.normalize(torch.where(flat, 1e4, back)[:, None] * view[:, 2] - position, dim=-1)
    facing = (normal * to_eye).sum(-1)
    alpha = lit.rgba[:, 0, 3:].float() / 255
    sure = -F.max_pool2d(-(alpha > 0.9).float(), _RIM, 1, _RIM // 2)
    pages = torch.cat([lit.rgba[:, 0, :3].float() / 255, sure, lit.depth[:, 0, None]], 1)  # type: ignore[index]
    side = pages.shape[-1]
    column, row = (((at + 1) / 2 * (side - 1)).round().long().clamp(0, side - 1)).unbind(-1)
    found = pages[owner, :, row, column]
    radius = group.radius[owner]
    slack = radius * (0.01 + 0.01 / facing.clamp(min=_LEAST_FACING))
    within = (at.abs() <= 1).all(-1)
    shown = within & (facing > _LEAST_FACING) & (found[:, 3] > 0) & ((found[:, 4] - away).abs() < slack)
    return found[:, :3], shown


def _alike_behind(position: Tensor, owner: Tensor, inside: Tensor, count: int) -> Tensor:
    """(count,) bool: whether each mesh looks alike from the front and, mirrored, from behind."""
    depth = position.new_zeros(inside.shape)
    depth[inside] = position[:, 2]
    depth, there = depth.unflatten(0, (count, -1)), inside.unflatten(0, (count, -1))
    front, behind = depth[:, 0], -depth[:, 2].flip(-1)
    both, either = there[:, 0] & there[:, 2].flip(-1), there[:, 0] | there[:, 2].flip(-1)
    radius = position.new_zeros(count).scatter_reduce(0, owner, position.norm(dim=-1), "amax")
    same = both & ((front - behind).abs() < 0.1 * radius[:, None, None])
    return same.sum((1, 2)) > 0.9 * either.sum((1, 2))


def _to_bytes(pictures: Tensor) -> Tensor:
    return (pictures * 255).round().clamp(0, 255).to(torch.uint8)
