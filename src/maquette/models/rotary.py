"""Rotary embedding of 3-D positions: tokens that show the same spot of the surface get the same rotation.

Position maps are pooled to one position a token, made whole numbers on a grid of voxels, and turned into the angles of
a rotary embedding (arXiv 2104.09864): of each head's width three eighths go to the first axis, three to the second and
two to the third.
"""

from __future__ import annotations

import torch
from torch import Tensor

Rotary = tuple[Tensor, Tensor]
"""Cosine and sine, each (..., L, head width) float32."""


def voxel_indices(position_maps: Tensor, grid: int, resolution: int, *, compatible: bool = False) -> Tensor:
    """One voxel a token.

    Sums and means are rounded to half precision as published, whatever the maps' precision.

    Args:
        position_maps: (B, V, 3, H, W) in [0, 1]; a pixel with any channel at exactly 1 is background.
        grid: tokens along each side; divides H and W.
        resolution: voxels along each side.
        compatible: count background as position 0, as the published half-precision run does on every level but the
            finest (its background was overwritten in place there). That pulls tokens at outlines towards a corner.

    Returns:
        (B, V · grid · grid, 3) int64.
    """
    b, v, _, height, width = position_maps.shape
    positions = position_maps.half()
    valid = (positions != 1).all(dim=2, keepdim=True)
    positions = positions.where(valid, torch.zeros_like(positions))
    if compatible:
        valid = torch.ones_like(valid)
    patch = (grid, height // grid, grid, width // grid)
    total = positions.unflatten(-1, patch[2:]).unflatten(-3, patch[:2]).sum(dim=(-3, -1))
    count = valid.unflatten(-1, patch[2:]).unflatten(-3, patch[:2]).sum(dim=(-3, -1))
    mean = total / count.clamp(min=1)  # half divided by a whole number stays half
    mean = mean.where(count >= patch[1] * patch[3] // 16, torch.zeros_like(mean))
    voxels = torch.round(mean.clamp(0, 1) * (resolution - 1)).long()
    return voxels.permute(0, 1, 3, 4, 2).reshape(b, v * grid * grid, 3)


def rotary_table(voxels: Tensor, head_width: int, theta: float = 10000.0) -> Rotary:
    """Angles of each token.

    Args:
        voxels: (B, L, 3) whole numbers.
        head_width: a multiple of 16.
        theta: base of the frequencies.

    Returns:
        cosine and sine, each (B, L, head_width) float32.
    """
    eighth = head_width // 8
    angles = []
    for axis, part in enumerate((3 * eighth, 3 * eighth, 2 * eighth)):
        steps = torch.arange(0, part, 2, device=voxels.device, dtype=torch.float32)
        frequencies = theta ** -(steps / part)
        angles.append((voxels[..., axis, None].float() * frequencies).repeat_interleave(2, dim=-1))
    joined = torch.cat(angles, dim=-1)
    return joined.cos(), joined.sin()


def rotate(x: Tensor, rotary: Rotary) -> Tensor:
    """Turn neighbouring pairs of channels of x (..., L, head width); computed in float32."""
    cosine, sine = rotary
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([-odd, even], dim=-1).flatten(-2)
    return (x.float() * cosine + turned * sine).to(x.dtype)
