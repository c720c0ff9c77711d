"""Who may do what, and what never happens."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from maquette.serve.auth import KeyLimits, Keys
from maquette.serve.tables import open_database
from serve.conftest import COMMAND, OpenSite, Site, running

MakeKey = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that asks for keys."""
    folder = tmp_path_factory.mktemp("guarded")
    command = [*COMMAND, "keys", "create", "first", "--data", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    with running(folder, "--auth", "--workers", "0") as site:
        headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
        assert site.client.get("/v1/models", headers=headers).status_code == 200
        yield site


@pytest.fixture
def make_key(guarded: Site) -> MakeKey:
    """Make a key with limits; gives the headers that carry it."""

    def make(**limits: int) -> dict[str, str]:
        keys = Keys(open_database(guarded.database))
        return {"Authorization": f"Bearer {keys.create('somebody', KeyLimits(**limits))}"}

    return make


def test_without_a_valid_key_nothing_is_told(guarded: Site, make_key: MakeKey, image: str) -> None:
    site, headers = guarded, make_key()
    for bad in ({}, {"Authorization": "Bearer mq_0_x"}, {"Authorization": headers["Authorization"][:-1]}):
        for method, path in (
            ("GET", "/v1/jobs"),
            ("POST", "/generate"),
            ("GET", "/metrics"),
            ("GET", "/v1/models"),
        ):
            answer = site.client.request(method, path, headers=bad)
            assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer", path
    assert site.client.get("/v1/jobs", headers=headers).status_code == 200
    assert site.client.get("/").status_code == 200  # the page asks for the key itself


def test_quota_and_priority_of_a_key_hold(guarded: Site, make_key: MakeKey, image: str) -> None:
    site, headers = guarded, make_key(active_jobs=2, priority=6)
    post = lambda **more: site.client.post("/v1/jobs", json={"image": image, **more}, headers=headers)  # noqa: E731
    assert post(priority=7).status_code == 422
    assert [post().status_code, post().status_code] == [202, 202]
    full = post()
    assert full.status_code == 429 and int(full.headers["Retry-After"]) > 0
    assert full.json()["type"] == "urn:maquette:quota"


def test_one_key_does_not_see_the_jobs_of_another_and_a_revoked_one_sees_nothing(
    guarded: Site, make_key: MakeKey, image: str
) -> None:
    site, mine, other = guarded, make_key(), make_key()
    job = site.client.post("/v1/jobs", json={"image": image}, headers=mine).json()["id"]
    for path in (f"/v1/jobs/{job}", f"/v1/jobs/{job}/events", f"/status/{job}"):
        assert site.client.get(path, headers=other).status_code == 404
    assert site.client.get("/v1/jobs", headers=other).json()["jobs"] == []
    key = other["Authorization"].split("_")[1]
    revoke = [*COMMAND, "keys", "revoke", key, "--data", str(site.folder)]
    subprocess.run(revoke, check=True)
    assert site.client.get("/v1/jobs", headers=other).status_code == 401


def test_too_many_requests_are_told_when_to_come_back(guarded: Site, make_key: MakeKey) -> None:
    site, headers = guarded, make_key(requests_per_minute=3)
    answers = [site.client.get("/v1/models", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 21


def test_secrets_are_neither_stored_nor_logged(guarded: Site, make_key: MakeKey, image: str) -> None:
    site, headers = guarded, make_key()
    site.client.post("/v1/jobs", json={"image": image}, headers=headers)
    secret = headers["Authorization"].split("_", 2)[2].encode()
    time.sleep(0.2)
    database = site.database.removeprefix("sqlite:///")
    for place in (database, f"{database}-wal", site.folder / "web.log"):
        with open(place, "rb") as stream:
            assert secret not in stream.read(), place


def test_beyond_loopback_there_must_be_a_key(tmp_path: Any) -> None:
    command = [*COMMAND, "serve", "--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "maquette keys create" in done.stderr


def test_pages_of_other_sites_can_do_nothing(site: Site, image: str) -> None:
    evil = {"Origin": "http://evil.example"}
    answer = site.client.post("/v1/jobs", files={"image": b"x"}, headers=evil)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in site.client.get("/v1/jobs", headers=evil).headers
    rebound = httpx.get(f"{site.url}/v1/jobs", headers={"Host": "evil.example"})
    assert rebound.status_code == 403
    own = site.client.post("/v1/jobs", json={"image": image}, headers={"Origin": site.url})
    assert own.status_code == 202


def test_bodies_over_the_limit_are_refused_announced_or_not(open_site: OpenSite) -> None:
    site = open_site("--max-body", "1")
    assert site.client.post("/v1/jobs", content=b"x" * (1 << 21)).status_code == 413
    pieces = (b"x" * 65536 for _ in range(64))
    assert site.client.post("/v1/jobs", content=pieces).status_code == 413
    upload = site.client.post("/v1/jobs", files={"image": b"x" * (1 << 21)})
    assert upload.status_code == 413


def test_answers_carry_security_headers(site: Site) -> None:
    headers = site.client.get("/v1/nowhere").headers
    assert (
        headers["X-Content-Type-Options"] == "nosniff"
        and "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    )
    assert "server" not in headers


def test_the_web_process_never_imports_torch() -> None:
    code = "import sys, maquette.serve.app, maquette.cli.serve; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
