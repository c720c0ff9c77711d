"""The description of the API, held against what the server does, by Schemathesis with its checks.

`SCHEMATHESIS_EXAMPLES` sets the examples for each operation; 3 here, 250 in a full run of some five thousand requests.
"use after free" is left out: DELETE cancels a job and keeps its row, which that check takes for a fault.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serve.conftest import running

pytest.importorskip("schemathesis")
HERE = Path(__file__).parent


@pytest.mark.slow
def test_the_server_does_what_its_description_says(tmp_path: Path) -> None:
    from maquette.serve.auth import KeyLimits, Keys
    from maquette.serve.tables import open_database

    keys = Keys(open_database(f"sqlite:///{tmp_path / 'jobs.sqlite'}"))
    key = keys.create("schemathesis", KeyLimits(requests_per_minute=None))
    with running(
        tmp_path, "--workers", "0", "--painter", "project", "--auth", "--max-queue", "99999"
    ) as site:
        site.work()
        options = {
            "--checks": "all",
            "--exclude-checks": "use_after_free",
            "--max-examples": os.environ.get("SCHEMATHESIS_EXAMPLES", "3"),
            "--request-timeout": "30",
            "--suppress-health-check": "all",
            "-H": f"Authorization: Bearer {key}",
        }
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")]
        command += ["run", f"{site.url}/openapi.json", "--continue-on-failure"]
        environment = {"SCHEMATHESIS_HOOKS": "serve.schemathesis_hooks", "PYTHONPATH": str(HERE.parent)}
        done = subprocess.run(
            command + [part for pair in options.items() for part in pair],
            env={**os.environ, **environment}, capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
