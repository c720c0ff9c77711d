"""Every recorded case of the original networks is reproduced within its stated tolerance."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest
import torch

from parity import paint_geometry_runners, paint_network_runners
from parity.cases import NOT_YET, Case, find_cases, parity_folder
from parity.runners import RUNNERS

CASES = find_cases()


def test_cases_are_found() -> None:
    assert CASES, f"no recorded cases under {parity_folder()}; set MAQUETTE_PARITY_DIR"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@torch.no_grad()
def test_recorded_outputs_are_reproduced(case: Case) -> None:
    for pattern, reason in NOT_YET.items():
        if fnmatch(case.name, pattern):
            pytest.skip(f"not yet: {reason}")
    kind = case.record.get("upstream_class")
    painting = {**paint_network_runners.RUNNERS, **paint_geometry_runners.RUNNERS}
    runner = RUNNERS.get(kind) or painting.get(case.folder.name)
    assert runner, f"{case.name} is of kind {kind!r}, which is neither supported nor listed as not yet"
    compared = 0
    for what, ours, recorded in runner(case):
        torch.testing.assert_close(
            ours,
            recorded,
            equal_nan=True,
            check_dtype=False,
            msg=lambda m, what=what: f"{what}: {m}",
            **case.tolerance,
        )
        compared += 1
    assert compared, f"{case.name} compared nothing"
