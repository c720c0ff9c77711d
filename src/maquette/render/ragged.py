"""Expansion of items to their parts: each item owns some slots, and work is done on all slots at once."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def even_chunks(counts: Tensor, limit: int) -> Iterator[tuple[int, int, int]]:
    """Cuts items into runs of about `limit` slots; a run exceeds it by less than one item's count.

    Args:
        counts: (n,) int64 slots of each item, n >= 1.
        limit: slots wanted in a run.

    Yields:
        begin and end of the items in the run, and its number of slots; runs without slots are left out.
    """
    ends = counts.cumsum(0)
    total = int(ends[-1])
    if total <= limit:
        cuts, sums = [len(counts)], [total]
    else:
        targets = torch.arange(limit, total + limit, limit, device=counts.device).clamp(max=total)
        index = torch.searchsorted(ends, targets)
        cuts, sums = (index + 1).tolist(), ends[index].tolist()
    begin = done = 0
    for end, reached in zip(cuts, sums, strict=True):
        if reached > done:
            yield begin, end, reached - done
        begin, done = end, reached


def expand(counts: Tensor, total: int) -> tuple[Tensor, Tensor]:
    """The item that owns each slot, and the slot's place within its item; both (total,) int64.

    `total` is the sum of the counts, passed in so that the host need not wait for it.
    """
    item = torch.arange(len(counts), device=counts.device)
    owner = torch.repeat_interleave(item, counts, output_size=total)
    begin = counts.cumsum(0) - counts
    return owner, torch.arange(total, device=counts.device) - begin[owner]
