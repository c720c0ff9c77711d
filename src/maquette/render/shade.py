"""Light on surfaces: crease-aware normals, metallic-roughness reflectance, tone curve for the screen.

All colours are linear unless a name says sRGB. A light of intensity 1 that falls straight onto a white matte
surface gives radiance 1, so intensities read as exposures.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from maquette.render.ragged import even_chunks, expand

_PAIRS_AT_ONCE = 1 << 22
_LARGEST_FAN = 512


def face_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """(F, 3) unit normals by the right-hand rule; zero for faces without area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return F.normalize(torch.linalg.cross(b - a, c - a), dim=-1, eps=1e-20)


def corner_normals(vertices: Tensor, faces: Tensor, crease_degrees: float = 40.0) -> Tensor:
    """Normals at face corners, smooth over gentle edges and hard over creases.

    A corner's normal is the mean of the normals of those faces around its vertex that lie within
    `crease_degrees` of the corner's own face, weighted by each face's area, so that large flat faces stay
    flat beside a bevel, and by its angle at the vertex, so that slicing does not matter. Vertices must be
    merged by position for faces to count as neighbours. Corners on fans of more than 512 faces keep the
    normal of their face.

    Args:
        vertices: (V, 3) float.
        faces: (F, 3) int64.
        crease_degrees: 0 gives flat shading, 180 smooths everything.

    Returns:
        (F, 3, 3) unit normals, one per corner.
    """
    flat = face_normals(vertices, faces)
    if crease_degrees <= 0 or not len(faces):
        return flat[:, None].expand(-1, 3, -1).contiguous()
    corner_vertex = faces.reshape(-1)
    order = corner_vertex.argsort(stable=True)
    fan = torch.bincount(corner_vertex, minlength=len(vertices))
    first = (fan.cumsum(0) - fan)[corner_vertex]
    fan = fan[corner_vertex]
    fan = torch.where(fan > _LARGEST_FAN, 0, fan)
    own = flat.repeat_interleave(3, 0)
    weight = corner_angles(vertices, faces) * face_areas(vertices, faces)[:, None]
    weighted = own * weight.view(-1, 1)
    result = torch.zeros_like(own)
    limit = math.cos(math.radians(crease_degrees)) - 1e-6
    for begin, end, total in even_chunks(fan, _PAIRS_AT_ONCE):
        corner, place = expand(fan[begin:end], total)
        corner = corner + begin
        other = order[first[corner] + place]
        near = (own[corner] * own[other]).sum(-1, keepdim=True) >= limit
        # A segment sum, unlike scattered additions, adds in a fixed order on every device.
        result[begin:end] = torch.segment_reduce(weighted[other] * near, "sum", lengths=fan[begin:end])
    length = result.norm(dim=-1, keepdim=True)
    return torch.where(length > 0, result / length.clamp(min=1e-30), own).view(-1, 3, 3)


def face_areas(vertices: Tensor, faces: Tensor) -> Tensor:
    """(F,) area of each face."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return torch.linalg.cross(b - a, c - a).norm(dim=-1) / 2


def corner_angles(vertices: Tensor, faces: Tensor) -> Tensor:
    """(F, 3) angle in radians of each face at each of its corners."""
    points = vertices[faces]
    ahead = F.normalize(points.roll(-1, 1) - points, dim=-1, eps=1e-20)
    behind = F.normalize(points.roll(1, 1) - points, dim=-1, eps=1e-20)
    return (ahead * behind).sum(-1).clamp(-1, 1).acos()


def srgb_to_linear(colour: Tensor) -> Tensor:
    """sRGB values in [0, 1] to linear light."""
    return torch.where(colour <= 0.04045, colour / 12.92, ((colour.clamp(min=0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(colour: Tensor) -> Tensor:
    """Linear light to sRGB values in [0, 1]; brighter light is clipped."""
    colour = colour.clamp(0, 1)
    return torch.where(
        colour <= 0.0031308, colour * 12.92, 1.055 * colour.clamp(min=1e-8) ** (1 / 2.4) - 0.055
    )


def filmic(radiance: Tensor) -> Tensor:
    """Rolls bright light off softly and deepens shadows: the rational ACES fit of Narkowicz (2015)."""
    return (radiance * (2.51 * radiance + 0.03) / (radiance * (2.43 * radiance + 0.59) + 0.14)).clamp(0, 1)


def neutral(radiance: Tensor) -> Tensor:
    """Keeps base colours as they are and rolls bright light off softly: Khronos PBR Neutral (2024).

    Args:
        radiance: (..., 3) linear.

    Returns:
        (..., 3) linear in [0, 1].
    """
    least = radiance.amin(-1, keepdim=True)
    # A matte surface's own gloss, which would whiten its colour, is taken off again.
    colour = radiance - torch.where(least < 0.08, least - 6.25 * least * least, 0.04)
    peak = colour.amax(-1, keepdim=True).clamp(min=1e-6)
    start, room = 0.76, 0.24
    rolled = torch.where(peak < start, peak, 1 - room * room / (peak + room - start).clamp(min=room))
    white = 1 - 1 / (0.15 * (peak - rolled) + 1)
    return torch.lerp(colour * (rolled / peak), rolled, white).clamp(0, 1)


def reflect_light(
    normal: Tensor, to_eye: Tensor, to_light: Tensor, base: Tensor, metallic: Tensor, roughness: Tensor
) -> Tensor:
    """Radiance towards the eye under one directional white light of intensity 1.

    Lambert for the matte part, GGX with the height-correlated visibility approximation of Hammon (2017) and
    Schlick's Fresnel term for the gloss, in the metallic-roughness convention of glTF.

    Args:
        normal, to_eye, to_light: (P, 3) unit vectors.
        base: (P, 3) linear base colour.
        metallic, roughness: (P, 1) in [0, 1].

    Returns:
        (P, 3) linear radiance.
    """
    half = F.normalize(to_light + to_eye, dim=-1)
    n_l = (normal * to_light).sum(-1, keepdim=True).clamp(min=0)
    n_v = (normal * to_eye).sum(-1, keepdim=True).clamp(min=1e-3)
    n_h = (normal * half).sum(-1, keepdim=True).clamp(0, 1)
    v_h = (to_eye * half).sum(-1, keepdim=True).clamp(0, 1)
    alpha = roughness.clamp(min=0.05) ** 2
    alpha2 = alpha * alpha
    lobe = alpha2 / (n_h * n_h * (alpha2 - 1) + 1) ** 2  # the factor pi cancels against the light's unit
    visibility = 0.5 / torch.lerp(2 * n_l * n_v, n_l + n_v, alpha).clamp(min=1e-4)
    f0 = torch.lerp(torch.full_like(base, 0.04), base, metallic)
    fresnel = f0 + (1 - f0) * (1 - v_h) ** 5
    return n_l * (base * (1 - metallic) * (1 - fresnel) + fresnel * lobe * visibility)


def reflect_sky(
    normal: Tensor,
    to_eye: Tensor,
    base: Tensor,
    metallic: Tensor,
    roughness: Tensor,
    sky: Tensor,
    ground: Tensor,
) -> Tensor:
    """Radiance towards the eye under a sky above and a bounce from the ground, both broad.

    Args:
        normal, to_eye: (P, 3) unit vectors, y up.
        base: (P, 3) linear base colour.
        metallic, roughness: (P, 1) in [0, 1].
        sky, ground: (P, 3) or (3,) linear radiance from above and below.

    Returns:
        (P, 3) linear radiance.
    """
    n_v = (normal * to_eye).sum(-1, keepdim=True)
    mirrored_up = 2 * n_v * normal[:, 1:2] - to_eye[:, 1:2]
    # A glossy surface sees a sharp horizon, a rough one a gradient.
    sharpness = 1 + 6 * (1 - roughness) ** 2
    around = torch.lerp(ground, sky, normal[:, 1:2] * 0.5 + 0.5)
    ahead = torch.lerp(ground, sky, (mirrored_up * sharpness).clamp(-1, 1) * 0.5 + 0.5)
    f0 = torch.lerp(torch.full_like(base, 0.04), base, metallic)
    fresnel = f0 + ((1 - roughness).maximum(f0) - f0) * (1 - n_v.clamp(0, 1)) ** 5
    return around * base * (1 - metallic) * (1 - fresnel) + ahead * fresnel
