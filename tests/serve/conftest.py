"""Real servers and workers, as processes of their own, on free ports and in their own folders."""

from __future__ import annotations

import base64
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx")

COMMAND = [sys.executable, "-c", "from maquette.cli import main; main()"]
STAND_IN = Path(__file__).with_name("stand_in.py")


class Site:
    """A running web process, its places, and an HTTP client for it."""

    def __init__(self, folder: Path, arguments: tuple[str, ...] = (), **environment: str) -> None:
        self.folder, self.arguments, self.environment = folder, arguments, environment
        folder.mkdir(parents=True, exist_ok=True)
        self.database = environment.get("MAQUETTE_DATABASE", f"sqlite:///{folder / 'jobs.sqlite'}")
        self.storage = environment.get("MAQUETTE_STORAGE", str(folder / "files"))
        self.workers: list[subprocess.Popen[bytes]] = []
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start the web process, again on the same port if it ran before."""
        self.log = open(self.folder / "web.log", "ab")  # noqa: SIM115 (closed in `stop`)
        begun = self.log.tell()
        command = [*COMMAND, "serve", "--port", str(self.port), "--data", str(self.folder), *self.arguments]
        environment = {**os.environ, **self.environment}
        started = time.monotonic()
        self.process = subprocess.Popen(command, stderr=self.log, env=environment)
        while True:
            text = (self.folder / "web.log").read_bytes()[begun:].decode()
            if found := re.search(r"maquette is at http://\S+?:(\d+),", text):
                self.port = int(found[1])
                break
            assert self.process.poll() is None and time.monotonic() - started < 60, text
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=60)
        while self.client.get("/healthz").status_code != 200:  # the socket already listens
            time.sleep(0.02)
        self.seconds_to_start = time.monotonic() - started

    def work(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a stand-in worker."""
        command = [sys.executable, str(STAND_IN), self.database, self.storage, *arguments]
        with open(self.folder / "worker.log", "ab") as log:
            self.workers.append(subprocess.Popen(command, stderr=log))
        return self.workers[-1]

    def wait(self, job: str, seconds: float = 60) -> dict[str, Any]:
        """A job once it has ended."""
        until = time.monotonic() + seconds
        while (state := self.client.get(f"/v1/jobs/{job}").json())["state"] in ("queued", "running"):
            assert time.monotonic() < until, state
            time.sleep(0.05)
        return state

    def stop(self) -> None:
        """End every process of it."""
        processes = [process for process in (self.process, *self.workers) if process.poll() is None]
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
        self.client.close()
        self.log.close()


OpenSite = Callable[..., Site]


@contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[Site]:
    """A server for as long as the block lasts."""
    site = Site(folder, arguments, **environment)
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server with one stand-in worker, shared by the tests that leave no traces others would trip over."""
    options = ("--workers", "0", "--painter", "project", "--image-host", "127.0.0.1")
    with running(tmp_path_factory.mktemp("site"), *options) as shared:
        shared.work()
        yield shared


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[OpenSite]:
    """Start servers of one's own."""
    sites: list[Site] = []

    def start(*arguments: str, **environment: str) -> Site:
        folder = tmp_path / f"site{len(sites)}"
        sites.append(Site(folder, ("--painter", "project", "--workers", "0", *arguments), **environment))
        return sites[-1]

    yield start
    for each in sites:
        each.stop()


def picture_bytes(side: int = 96) -> bytes:
    """A shaded disc with an alpha channel, as PNG."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    rgba = np.stack([200 + 50 * x, 120 + 50 * y, np.full_like(x, 60), 255 * (x**2 + y**2 < 0.6)], axis=-1)
    stream = io.BytesIO()
    Image.fromarray(rgba.astype(np.uint8), "RGBA").save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def image() -> str:
    """A picture in base64."""
    return base64.b64encode(picture_bytes()).decode()
