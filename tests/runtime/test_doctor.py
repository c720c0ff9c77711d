"""The doctor turns whatever is wrong into a finding, never into a crash."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from maquette.runtime import doctor


def verdicts() -> dict[str, doctor.Finding]:
    return {finding.what: finding for finding in doctor.examine()}


def test_missing_weights_are_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "bundled_file", lambda: tmp_path / "none.safetensors")
    assert verdicts()["bundled model"].verdict == "problem"


def test_a_torchvision_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    finding = verdicts()["torchvision"]
    assert finding.verdict == "problem" and "nms" in finding.detail
