"""What hierarchical and FlashVDM decoding cost in attention work, and how far their surfaces lie from the dense one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from maquette.models import attention
from maquette.models.fourier import FourierConfig
from maquette.models.shape_vae import FieldDecoder, ShapeField, ShapeVAEConfig
from maquette.shape.flashvdm import SAMPLE_STRIDE, SparingField
from maquette.shape.surface import extract_surface
from maquette.shape.volume import Field, VolumeSettings, decode_volume
from parity import runners
from parity.cases import Case, parity_folder

CPU = torch.device("cpu")
DENSE_RESOLUTION = 96


@pytest.fixture(scope="module")
def recorded() -> ShapeField:
    case = Case(parity_folder() / "shape" / "volume_hierarchical_single")
    if not case.folder.is_dir():
        pytest.skip("the recorded volume case is not at hand")
    vae = runners._decoder(case, case.record["constructor_kwargs"], case.group("weights/"))
    with torch.inference_mode():
        return vae.field.of(vae.decode(case.tensors["inputs/latents"]))


def local_field(sharpness: float = 60.0) -> ShapeField:
    """A ball known at 512 places; every point believes those near it, with weights that fall off as a Gaussian does."""
    config = ShapeVAEConfig(
        width=8, num_heads=1, fourier=FourierConfig(num_frequencies=0), qk_norm=False, query_norm_out=False
    )
    decoder = FieldDecoder(config).requires_grad_(False)
    for parameter in decoder.parameters():
        parameter.zero_()
    decoder.cross.norm1 = torch.nn.Identity()
    decoder.query_in.weight[:3] = torch.eye(3)
    decoder.query_in.bias[3] = 1.0
    decoder.cross.attention.q.weight.copy_(torch.eye(8) * 8**0.5)  # undoes the scale of the attention
    decoder.cross.attention.out.weight.copy_(torch.eye(8))
    decoder.logit.weight[0, 4] = 1.0
    axis = torch.linspace(-0.9, 0.9, 8)
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).view(-1, 3)
    keys, values = torch.zeros(2, 1, 1, len(places), 8)
    keys[0, 0, :, :3], keys[0, 0, :, 3] = 2 * sharpness * places, -sharpness * places.square().sum(1)
    values[0, 0, :, 4] = 0.6 - places.norm(dim=1)
    return ShapeField(decoder, keys, values)


class Work:
    """Counts the floating-point operations of all attention while it is active: the two products of each head."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flops, self.points = 0.0, 0
        plain = attention.scaled_dot_product_attention

        def counting(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            _, heads, length, width = queries.shape
            self.points += length
            self.flops += 4.0 * heads * length * width * keys.shape[2]
            return plain(queries, keys, values)

        monkeypatch.setattr(attention, "scaled_dot_product_attention", counting)


def dense_flops(field: ShapeField, resolution: int) -> float:
    _, heads, latents, width = field.keys.shape
    return 4.0 * heads * width * latents * (resolution + 1) ** 3


def decoded(field: Field, resolution: int) -> np.ndarray:
    with torch.inference_mode():
        volume = decode_volume(field, VolumeSettings(resolution), CPU)
        return np.asarray(extract_surface(volume, field).vertices)


def hausdorff(one: np.ndarray, other: np.ndarray) -> float:
    return float(max(cKDTree(one).query(other)[0].max(), cKDTree(other).query(one)[0].max()))


@pytest.mark.slow
def test_at_384_hierarchical_takes_under_8_and_flashvdm_under_4_percent_of_the_dense_attention_work(
    recorded: ShapeField, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(monkeypatch)
    plain = decoded(recorded, 384)
    dense = dense_flops(recorded, 384)
    assert work.flops < 0.08 * dense
    work.flops, work.points = 0.0, 0
    sparing = decoded(SparingField(recorded), 384)
    _, heads, latents, width = recorded.keys.shape
    choosing = 2.0 * heads * width * latents * work.points / SAMPLE_STRIDE
    assert work.flops + choosing < 0.04 * dense
    assert hausdorff(plain, sparing) < 2.02 / 384


def test_both_lie_within_a_cell_of_the_dense_surface(recorded: ShapeField) -> None:
    with torch.inference_mode():
        volume = decode_volume(
            lambda points: torch.cat([recorded(block) for block in points.split(16384)]),
            VolumeSettings(DENSE_RESOLUTION, method="dense"),
            CPU,
        )
        dense = np.asarray(extract_surface(volume, recorded).vertices)
    assert hausdorff(dense, decoded(recorded, DENSE_RESOLUTION)) < 0.01 * 2.02 / DENSE_RESOLUTION
    assert hausdorff(dense, decoded(SparingField(recorded), DENSE_RESOLUTION)) < 2.02 / DENSE_RESOLUTION


def test_local_attention_is_spared_most_of_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latents that lie in space, each point looking at the nearest: a third of the work is more than enough."""
    field = local_field()
    with torch.inference_mode():
        plain = decode_volume(field, VolumeSettings(48), CPU)
        work = Work(monkeypatch)
        sparing = decode_volume(SparingField(field), VolumeSettings(48), CPU)
    share = work.flops / (4.0 * field.keys.shape[1] * field.keys.shape[3] * field.keys.shape[2] * work.points)
    assert share < 0.35
    torch.testing.assert_close(sparing.dense(), plain.dense(), rtol=0, atol=0.05, equal_nan=True)
