"""Whole services with real processes: killed, stopped, full, and on PostgreSQL with S3."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from serve.conftest import OpenSite, Site, picture_bytes, running
from serve.databases import S3_KEYS, postgresql, s3


def send_many(site: Site, image: str, count: int, **parameters: Any) -> list[str]:
    bodies = ({"image": image, "seed": seed, **parameters} for seed in range(100, 100 + count))
    return [site.client.post("/v1/jobs", json=body).json()["id"] for body in bodies]


def test_jobs_of_a_killed_worker_are_finished_by_the_next(open_site: OpenSite, image: str) -> None:
    site = open_site()
    first = site.work("shape,paint", "2")
    made = send_many(site, image, 20, steps=5)
    while site.client.get(f"/v1/jobs/{made[4]}").json()["state"] == "queued":
        time.sleep(0.01)
    first.kill()
    site.work("shape,paint", "2")
    ended = [site.wait(job) for job in made]
    assert [job["state"] for job in ended] == ["succeeded"] * 20
    assert sum(job["attempts"] == 2 for job in ended) <= 1


def test_requests_survive_a_killed_web_process(open_site: OpenSite, image: str) -> None:
    site = open_site()
    site.work()
    uids: list[str] = []

    def send(seed: int) -> None:
        body = {"image": image, "seed": seed, "num_inference_steps": 10}
        try:
            uids.append(httpx.post(f"{site.url}/send", json=body, timeout=30).json()["uid"])
            httpx.post(f"{site.url}/generate", json=body, timeout=30)
        except httpx.TransportError:
            pass  # killed under this request: only what was answered was accepted

    threads = [threading.Thread(target=send, args=(seed,)) for seed in range(100, 120)]
    for thread in threads:
        thread.start()
    while len(uids) < 10:
        time.sleep(0.005)
    site.process.kill()
    for thread in threads:
        thread.join()
    site.start()
    assert {site.wait(uid)["state"] for uid in uids} == {"succeeded"}
    jobs = site.client.get("/v1/jobs", params={"limit": 100}).json()["jobs"]
    assert {site.wait(job["id"])["state"] for job in jobs} == {"succeeded"}


def test_a_stopping_worker_gives_its_job_back_and_results_outlive_restarts(
    open_site: OpenSite, image: str
) -> None:
    site = open_site()
    worker = site.work()
    (long,) = send_many(site, image, 1, steps=300, texture=False)
    while site.client.get(f"/v1/jobs/{long}").json()["state"] == "queued":
        time.sleep(0.01)
    worker.terminate()
    assert worker.wait(10) == 0
    job = site.client.get(f"/v1/jobs/{long}").json()
    assert job["state"] == "queued" and job["attempts"] == 0 and "told to stop" in job["log"][-1]
    with site.client.stream("GET", f"/v1/jobs/{long}/events"):  # an open stream must not hold the server up
        site.process.send_signal(signal.SIGTERM)
        assert site.process.wait(10) == 0
    site.start()
    site.work()
    done = site.wait(long)
    assert done["state"] == "succeeded" and done["attempts"] == 1
    assert site.client.get(f"/v1/jobs/{long}/files/model.glb").status_code == 200


def test_with_preload_the_service_is_ready_once_a_worker_is_and_named_origins_may_call(
    open_site: OpenSite,
) -> None:
    site = open_site("--preload", "--cors", "https://studio.example")
    waiting = site.client.get("/readyz")
    assert waiting.status_code == 503 and waiting.headers["Retry-After"] == "2"
    site.work()
    while site.client.get("/readyz").status_code != 200:
        time.sleep(0.05)
    answer = site.client.get("/v1/models", headers={"Origin": "https://studio.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://studio.example"


def test_a_job_may_not_run_for_ever(open_site: OpenSite, image: str) -> None:
    site = open_site()
    site.work("shape,paint", "5", "0.3")
    (job,) = send_many(site, image, 1, steps=500)
    ended = site.wait(job)
    assert ended["state"] == "failed" and ended["error"]["type"] == "urn:maquette:timeout"


def test_a_full_disk_is_told_and_the_queue_stays_whole(tmp_path: Path, image: str) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], capture_output=True
    ).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        with running(tmp_path / "site", "--workers", "0", MAQUETTE_STORAGE=str(small)) as site:
            noise = picture_bytes()[:100] + os.urandom(100_000)
            for _ in range(2):
                full = site.client.post("/v1/jobs", files={"image": noise})
                assert full.status_code == 507 and full.json()["type"] == "urn:maquette:storage-full"
            assert site.client.get("/v1/jobs").json()["jobs"] == []
            assert site.client.post("/v1/jobs", json={"image": image}).status_code == 202
    finally:
        subprocess.run(["umount", "-l", small], check=False)


@pytest.mark.slow
def test_everything_works_on_postgresql_and_s3(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in S3_KEYS.items():
        monkeypatch.setenv(name, value)
    with postgresql() as database, s3() as storage:
        places = {"MAQUETTE_DATABASE": database, "MAQUETTE_STORAGE": storage}
        with running(tmp_path / "site", "--workers", "0", "--painter", "project", **places) as site:
            site.work("shape")
            site.work("paint")
            made = send_many(site, image, 10)
            assert {site.wait(job)["state"] for job in made} == {"succeeded"}
            url = f"/v1/jobs/{made[0]}/files/model.glb"
            whole = site.client.get(url).content
            assert site.client.get(url, headers={"Range": "bytes=3-9"}).content == whole[3:10]
            assert site.client.get("/readyz").json()["workers"] == 2
