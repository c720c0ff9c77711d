import pytest
import torch

from maquette.render.ragged import even_chunks, expand


@pytest.mark.parametrize("limit", [1, 3, 4, 100])
@pytest.mark.parametrize("counts", [[2, 0, 5, 1, 0], [0, 0], [7], [0, 9, 9, 0, 1]])
def test_chunks_cover_every_slot_once_and_stay_near_the_limit(counts, limit):
    tensor = torch.tensor(counts)
    seen = []
    for begin, end, total in even_chunks(tensor, limit):
        assert total == sum(counts[begin:end])
        assert 0 < total < limit + max(counts)
        owner, place = expand(tensor[begin:end], total)
        seen += zip((owner + begin).tolist(), place.tolist(), strict=True)
    assert seen == [(item, place) for item, count in enumerate(counts) for place in range(count)]
