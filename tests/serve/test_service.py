"""Webhooks, retention, fetching of pictures, and what operators read."""

from __future__ import annotations

import asyncio
import http.server
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
from maquette.serve import outside, webhooks
from maquette.serve.config import Limits, ServeConfig
from maquette.serve.jobs import NewJob
from maquette.serve.logs import JsonFormatter
from maquette.serve.metrics import Metrics
from maquette.serve.problems import Problem
from maquette.serve.service import Service
from serve.conftest import Site, picture_bytes


@contextmanager
def receiver(answer: Callable[[http.server.BaseHTTPRequestHandler], tuple[int, bytes]]) -> Iterator[str]:
    """A web server on this machine that answers as told."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def finished_job(service: Service, **values: Any) -> str:
    new = NewJob(owner="me", stage="shape", model="bundled", request={}, files={}, **values)
    service.jobs.submit(new)
    job = service.jobs.claim("w", ("shape",))
    assert job is not None
    service.store.put(f"{job.id}/1/model.glb", b"glTF")
    service.jobs.finish(job, "succeeded", result={})
    return job.id


def test_webhooks_are_signed_and_tried_again_with_the_same_id(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(webhooks, "RETRY_AFTER", (0.0, 0.0))
    seen: list[tuple[Any, bytes]] = []

    def answer(request: Any) -> tuple[int, bytes]:
        seen.append((request.headers, request.rfile.read(int(request.headers["Content-Length"]))))
        return (500 if len(seen) == 1 else 204), b""

    service = Service(ServeConfig.in_folder(tmp_path, webhook_hosts=("127.0.0.1",)))
    with receiver(answer) as url:
        job = finished_job(service, webhook=f"{url}/hook")
        for _ in range(3):
            asyncio.run(webhooks.deliver_due(service, Metrics(service.jobs)))
            time.sleep(0.01)
    assert len(seen) == 2, "it stops once it was delivered"
    (first, body), (second, _) = seen
    assert first["webhook-id"] == second["webhook-id"]
    message = json.loads(body)
    assert message["type"] == "job.succeeded" and message["data"]["id"] == job
    secret = service.keys.webhook_secret("me")
    signature = webhooks.sign(secret, first["webhook-id"], int(first["webhook-timestamp"]), body)
    assert first["webhook-signature"] == signature
    assert service.keys.webhook_secret("you") != secret
    assert "delivered, attempt 2" in service.jobs.get(job).log


def test_a_webhook_that_became_private_is_not_called(tmp_path: Path) -> None:
    called: list[int] = []
    service = Service(ServeConfig.in_folder(tmp_path))
    with receiver(lambda _request: (called.append(1) or 200, b"")) as url:
        job = finished_job(service, webhook=url)
        asyncio.run(webhooks.deliver_due(service, Metrics(service.jobs)))
    assert not called and "private address" in service.jobs.get(job).log


@pytest.mark.parametrize(
    "url", ["http://localhost/", "http://127.1/", "http://[::1]/", "http://10.1.2.3/", "http://0/", "http://2130706433/",
            "http://169.254.169.254/", "http://[fe80::1]/", "http://[::ffff:127.0.0.1]/", "http://100.64.0.1/"]
)  # fmt: skip
def test_every_way_to_name_a_private_host_is_refused(url: str) -> None:
    with pytest.raises(Problem, match=r"private address|cannot be found"):
        outside.resolve("webhook_url", url)


def test_pictures_are_fetched_from_allowed_hosts_without_following_redirects(site: Site) -> None:
    def answer(request: Any) -> tuple[int, bytes]:
        return (302, b"") if request.path == "/moved" else (200, picture_bytes())

    with receiver(answer) as url:
        job = site.client.post("/v1/jobs", json={"image_url": f"{url}/chair.png"})
        assert job.status_code == 202 and "image_url" not in job.text.replace('image_url":null', "")
        assert site.wait(job.json()["id"])["state"] == "succeeded"
        moved = site.client.post("/v1/jobs", json={"image_url": f"{url}/moved"})
        assert moved.status_code == 422 and "302" in moved.json()["detail"]
    other = site.client.post("/v1/jobs", json={"image_url": "http://example.com/x.png"})
    assert other.status_code == 422 and "does not fetch from" in other.json()["detail"]


def test_the_page_is_sent_once_and_names_no_other_host(site: Site) -> None:
    for path in ("/", "/page.js", "/page.css", "/model-viewer.js"):
        first = site.client.get(path)
        assert first.status_code == 200 and len(first.content) > 1000
        again = site.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304 and not again.content
        if path != "/model-viewer.js":
            assert "https://" not in first.text and "http://" not in first.text.replace(
                "http://www.w3.org/2000/svg", ""
            )


def test_retention_deletes_rows_and_files(tmp_path: Path) -> None:
    service = Service(ServeConfig.in_folder(tmp_path, limits=Limits(keep_days=1e-9)))
    job = finished_job(service)
    assert (tmp_path / "files" / job / "1" / "model.glb").exists()
    time.sleep(0.01)
    service.sweep()
    assert service.jobs.get(job) is None and not (tmp_path / "files" / job).exists()


def test_metrics_count_requests_and_jobs(site: Site, image: str) -> None:
    before = site.client.get("/metrics").text
    job = site.client.post("/v1/jobs", json={"image": image}).json()["id"]
    site.wait(job)
    after = site.client.get("/metrics").text
    assert 'maquette_jobs{state="succeeded"}' in after and "maquette_workers 1.0" in after
    assert 'maquette_http_requests_total{method="POST",route="/v1/jobs",status="202"}' in after
    count = lambda text: sum(  # noqa: E731
        float(line.split()[1]) for line in text.splitlines() if line.startswith("maquette_job_seconds_count")
    )
    assert count(after) == count(before) + 1
    assert job not in after, "ids must not become labels"


def test_logs_are_json_with_the_job(site: Site) -> None:
    record = logging.LogRecord("maquette.serve", logging.INFO, "", 0, "started %s", ("x",), None)
    record.job = "abc"
    line = json.loads(JsonFormatter().format(record))
    assert line["message"] == "started x" and line["job"] == "abc" and line["level"] == "info"
    lines = (site.folder / "web.log").read_text().splitlines()
    assert all(json.loads(line) for line in lines if not line.startswith("maquette is at"))
