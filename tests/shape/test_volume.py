"""The hierarchical decoder finds the same surface as the dense one, with far fewer questions and no dense grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from maquette.errors import SettingError
from maquette.picture.cutout import cut_out
from maquette.picture.load import load_picture
from maquette.shape.pipeline import ShapePipeline
from maquette.shape.sampler import SamplingSettings
from maquette.shape.sparse import SparseVolume
from maquette.shape.surface import extract_surface
from maquette.shape.volume import Field, VolumeSettings, decode_dense, decode_sparse, decode_volume

CPU = torch.device("cpu")
EXAMPLES = Path(__file__).parents[2] / "examples"


def rounded_boxes(points: Tensor) -> Tensor:
    """A truncated distance field like the trained ones: a box, a thin plate and a small distant ball."""
    box = (points.abs() - points.new_tensor([0.5, 0.3, 0.4])).amax(-1)
    plate = ((points - points.new_tensor([0.0, 0.6, 0.0])).abs() - points.new_tensor([0.8, 0.02, 0.6])).amax(
        -1
    )
    ball = (points - points.new_tensor([0.7, -0.7, 0.7])).norm(dim=-1) - 0.12
    return (-torch.minimum(torch.minimum(box, plate), ball) / 0.1).clamp(-1, 1)


def thin_card(points: Tensor) -> Tensor:
    """A tilted card, thinner than half a cell of the coarsest lattice."""
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    return (-((points @ turn).abs() - points.new_tensor([0.006, 0.6, 0.5])).amax(-1) / 0.1).clamp(-1, 1)


def off_centre_ball(points: Tensor) -> Tensor:
    """A ball that leaves the box on one side."""
    return ((0.7 - (points - points.new_tensor([0.8, 0.0, 0.0])).norm(dim=-1)) / 0.1).clamp(-1, 1)


class Counting:
    """A field that knows how many points it was asked."""

    def __init__(self, field: Field) -> None:
        self.field, self.asked = field, 0

    def __call__(self, points: Tensor) -> Tensor:
        self.asked += len(points)
        return self.field(points)


def crossing_cells(logits: Tensor) -> Tensor:
    """Cells (n, n, n) with corners on both sides."""
    inside = (logits > 0).float()[None, None]
    highest = torch.nn.functional.max_pool3d(inside, 2, stride=1)
    lowest = -torch.nn.functional.max_pool3d(-inside, 2, stride=1)
    return (highest != lowest)[0, 0]


@pytest.mark.parametrize("field", [rounded_boxes, thin_card, off_centre_ball])
@pytest.mark.parametrize("resolution", [128, 143])
def test_hierarchical_gives_the_same_surface_as_dense(field: Field, resolution: int) -> None:
    dense = decode_dense(field, resolution, 1.01, CPU)
    sparse = decode_sparse(field, resolution, 1.01, CPU).dense()
    known = ~sparse.isnan()
    torch.testing.assert_close(dense[known], sparse[known], rtol=0, atol=2e-5)
    corners_missing = torch.nn.functional.max_pool3d((~known).float()[None, None], 2, stride=1)[0, 0] > 0
    assert not (crossing_cells(dense) & corners_missing).any()


def test_hierarchical_asks_under_6_percent_of_a_distance_field_at_resolution_256() -> None:
    field = Counting(rounded_boxes)
    decode_sparse(field, 256, 1.01, CPU)
    assert field.asked < 0.06 * 257**3


@pytest.mark.slow
def test_hierarchical_asks_under_15_percent_of_the_bundled_model_at_resolution_256() -> None:
    pipeline = ShapePipeline.from_pretrained("bundled", device="cpu")
    config = pipeline.model.config
    cut = cut_out(load_picture(EXAMPLES / "sofa.png"))
    latents = pipeline.draw_latents(cut.rgba, 0, SamplingSettings(config.steps, config.guidance))
    field = Counting(pipeline.field(latents))
    with torch.inference_mode():
        decode_volume(field, VolumeSettings(256), CPU)
    assert field.asked < 0.15 * 257**3


@pytest.mark.slow
def test_resolution_1024_needs_no_dense_grid() -> None:
    def field(points: Tensor) -> Tensor:
        return 0.25 - points.norm(dim=-1)

    volume = decode_volume(field, VolumeSettings(1024, memory=0.5), CPU)
    assert volume.bricks.numel() < 0.005 * 1025**3
    assert extract_surface(volume, field).area == pytest.approx(4 * np.pi * 0.25**2, rel=1e-3)


def test_progress_counts_every_point_and_ends_complete() -> None:
    seen: list[tuple[int, int]] = []
    decode_volume(rounded_boxes, VolumeSettings(64), CPU, lambda done, known: seen.append((done, known)))
    assert seen[-1][0] == seen[-1][1] and len(seen) > 1


def test_memory_decides_the_block_size_and_nothing_else() -> None:
    blocks: list[int] = []

    def watched(points: Tensor) -> Tensor:
        blocks.append(len(points))
        return rounded_boxes(points)

    small = decode_volume(watched, VolumeSettings(64, memory=0.05), CPU, bytes_per_point=50_000)
    assert 64 <= max(blocks) <= 1000
    large = decode_volume(rounded_boxes, VolumeSettings(64), CPU)
    assert torch.equal(small.dense().nan_to_num(9.0), large.dense().nan_to_num(9.0))


def test_a_surface_that_does_not_fit_the_memory_is_refused() -> None:
    with pytest.raises(SettingError, match=r"resolution 256 needs .* GB"):
        decode_volume(rounded_boxes, VolumeSettings(256, memory=0.02), CPU)
    with pytest.raises(SettingError, match="needs"):
        decode_volume(rounded_boxes, VolumeSettings(256, method="dense", memory=0.1), CPU)


@pytest.mark.parametrize("settings", [{"resolution": 0}, {"resolution": 1025}, {"memory": 0.0}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        VolumeSettings(**settings)


def test_a_sparse_volume_gives_back_what_it_was_given() -> None:
    logits = torch.randn(20, 20, 20, generator=torch.Generator().manual_seed(0))
    logits[5:12, 3:, :9] = torch.nan
    volume = SparseVolume.from_dense(logits, 1.01)
    assert torch.equal(volume.dense().nan_to_num(9.0), logits.nan_to_num(9.0))
    assert len(volume) == int((~logits.isnan()).sum())
    beyond = volume.get(torch.tensor([[-1, 4, 4], [4, 20, 4], [6, 4, 2], [4, 4, 4]]))
    assert (beyond[:2] < -1e29).all() and beyond[2].isnan() and beyond[3] == logits[4, 4, 4]
