"""A key that comes from a secret store by way of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'maquette[serve]'")

from maquette.errors import SettingError
from maquette.serve.config import ServeConfig
from maquette.serve.problems import Problem
from maquette.serve.service import Service

GIVEN = "mq_abc_" + "x" * 40


def test_a_given_key_is_accepted_and_stays_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAQUETTE_KEY", GIVEN)
    service = Service(ServeConfig.in_folder(tmp_path))
    assert service.keys.check(f"Bearer {GIVEN}").id == "abc"
    service.keys.revoke("abc")
    again = Service(ServeConfig.in_folder(tmp_path))
    assert len(again.keys.list()) == 1
    with pytest.raises(Problem, match="revoked"):
        again.keys.check(f"Bearer {GIVEN}")


@pytest.mark.parametrize("given", ["secret", "mq_abc_short", "mq__" + "x" * 40])
def test_what_is_no_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("MAQUETTE_KEY", given)
    with pytest.raises(SettingError, match="mq_ID_SECRET"):
        Service(ServeConfig.in_folder(tmp_path))
