"""Real servers for the tests: PostgreSQL from the system, and an S3-compatible one from moto."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from glob import glob

import pytest

PROGRAMS = next(iter(sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True)), "")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL of its own; gives the URL of an empty database."""
    pytest.importorskip("psycopg")
    if not PROGRAMS and not shutil.which("initdb"):
        pytest.skip("PostgreSQL is not installed")
    become: list[str] = []
    if os.getuid() == 0:  # which PostgreSQL refuses to run as
        if subprocess.run(["id", "postgres"], capture_output=True).returncode:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    program = lambda name: f"{PROGRAMS}/{name}" if PROGRAMS else name  # noqa: E731
    # pytest's own folders are closed to other users, and too long for the name of a socket
    with tempfile.TemporaryDirectory(prefix="maquette-pg-") as folder, ExitStack() as ending:
        if become:
            shutil.chown(folder, "postgres", "postgres")
        data, port = f"{folder}/data", free_port()
        made = subprocess.run(
            [*become, program("initdb"), "-D", data, "-A", "trust", "-U", "jobs", "--no-sync"],
            capture_output=True, text=True, cwd="/",
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        options = [
            "-p",
            str(port),
            "-c",
            f"unix_socket_directories={folder}",
            "-c",
            "listen_addresses=127.0.0.1",
        ]
        log = ending.enter_context(open(f"{folder}/log", "wb"))
        server = subprocess.Popen([*become, program("postgres"), "-D", data, *options], stderr=log, cwd="/")
        ending.callback(server.wait, 20)
        ending.callback(server.send_signal, signal.SIGINT)  # the fast way, which does not wait for clients
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"postgresql://jobs@127.0.0.1:{port}/postgres"


@contextmanager
def s3() -> Iterator[str]:
    """An S3-compatible server with one bucket; gives the storage URL."""
    pytest.importorskip("moto.server")
    boto3 = pytest.importorskip("boto3")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        endpoint = f"http://127.0.0.1:{port}"
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
        ).create_bucket(Bucket="assets")  # fmt: skip
        yield f"s3://assets/some/prefix?endpoint={endpoint}&region=us-east-1"
    finally:
        server.terminate()
        server.wait(20)


S3_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
