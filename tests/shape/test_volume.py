"""The hierarchical decoder finds the same surface as the dense one, with far fewer questions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from maquette.errors import SettingError
from maquette.shape.volume import VolumeSettings, decode_dense, decode_hierarchical, decode_volume

CPU = torch.device("cpu")


def rounded_boxes(points: Tensor) -> Tensor:
    """A truncated distance field like the trained ones: a box, a thin plate and a small distant ball."""
    box = (points.abs() - points.new_tensor([0.5, 0.3, 0.4])).amax(-1)
    plate = ((points - points.new_tensor([0.0, 0.6, 0.0])).abs() - points.new_tensor([0.8, 0.02, 0.6])).amax(
        -1
    )
    ball = (points - points.new_tensor([0.7, -0.7, 0.7])).norm(dim=-1) - 0.12
    return (-torch.minimum(torch.minimum(box, plate), ball) / 0.1).clamp(-1, 1)


def crossing_cells(logits: Tensor) -> Tensor:
    """Cells (n, n, n) with corners on both sides."""
    inside = (logits > 0).float()[None, None]
    highest = torch.nn.functional.max_pool3d(inside, 2, stride=1)
    lowest = -torch.nn.functional.max_pool3d(-inside, 2, stride=1)
    return (highest != lowest)[0, 0]


@pytest.mark.parametrize("resolution", [128, 192, 256])
def test_hierarchical_gives_the_same_surface_as_dense(resolution: int) -> None:
    dense = decode_dense(rounded_boxes, resolution, 1.01, CPU)
    sparse = decode_hierarchical(rounded_boxes, resolution, 1.01, CPU)
    known = ~sparse.isnan()
    torch.testing.assert_close(dense[known], sparse[known], rtol=0, atol=1e-5)
    corners_missing = torch.nn.functional.max_pool3d((~known).float()[None, None], 2, stride=1)[0, 0] > 0
    assert not (crossing_cells(dense) & corners_missing).any()


def test_hierarchical_asks_under_15_percent_at_resolution_256() -> None:
    asked = 0

    def counting(points: Tensor) -> Tensor:
        nonlocal asked
        asked += len(points)
        return rounded_boxes(points)

    decode_hierarchical(counting, 256, 1.01, CPU)
    assert asked < 0.15 * 257**3


def test_progress_counts_every_point_and_ends_complete() -> None:
    seen: list[tuple[int, int]] = []
    settings = VolumeSettings(resolution=64, points_per_call=50_000)
    decode_volume(rounded_boxes, settings, CPU, lambda done, known: seen.append((done, known)))
    assert seen[-1][0] == seen[-1][1] and len(seen) > 1


def test_block_size_does_not_change_the_result() -> None:
    small = decode_volume(rounded_boxes, VolumeSettings(64, points_per_call=1000), CPU)
    large = decode_volume(rounded_boxes, VolumeSettings(64), CPU)
    assert torch.equal(small, large)


@pytest.mark.parametrize("resolution", [0, 15, 1025])
def test_resolution_out_of_range_is_refused(resolution: int) -> None:
    with pytest.raises(SettingError, match="resolution"):
        VolumeSettings(resolution=resolution)
