"""Batches between buckets, against moto's S3 server on a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run
from maquette.errors import PictureError
from maquette.scale.storage import fetch

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed: pip install 'maquette[s3]'")
server = pytest.importorskip("moto.server", reason="moto is not installed")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    running = server.ThreadedMotoServer(port=0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def client(endpoint: str, pictures: Path) -> Any:
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="assets")
    for path in pictures.iterdir():
        client.put_object(Bucket="assets", Key=f"in/{path.name}", Body=path.read_bytes())
    return client


def test_from_bucket_to_bucket(
    call: Run, client: Any, endpoint: str, model_file: Path, tmp_path: Path
) -> None:
    options = ("--model", model_file, "--painter", "none", "--set", "faces=500", "--results", "results.jsonl")
    query = f"?endpoint={endpoint}"
    done = call("batch", f"s3://assets/in/{query}", f"s3://assets/out{query}", *options)
    assert done.returncode == 0, done.stderr
    assert client.get_object(Bucket="assets", Key="out/b.glb")["Body"].read(4) == b"glTF"
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [line["output"] for line in lines] == ["a.glb", "b.glb", "c.glb"]
    again = call("batch", f"s3://assets/in/{query}", f"s3://assets/out{query}", *options, "--resume")
    assert "0 made, 0 failed, 3 made before" in again.stdout


def test_what_cannot_be_fetched_is_named(client: Any, endpoint: str) -> None:
    assert fetch("local.png") == "local.png"
    signed = client.generate_presigned_url("get_object", {"Bucket": "assets", "Key": "in/a.png"})
    data = fetch(signed)
    assert isinstance(data, bytes) and data[1:4] == b"PNG"
    with pytest.raises(PictureError, match="s3://assets/in/none"):
        fetch(f"s3://assets/in/none.png?endpoint={endpoint}")
    with pytest.raises(PictureError, match="cannot be fetched"):
        fetch("http://127.0.0.1:9/a.png")


def test_a_bucket_needs_a_place_for_results(call: Run, client: Any, endpoint: str, pictures: Path) -> None:
    done = call("batch", pictures, f"s3://assets/out?endpoint={endpoint}")
    assert done.returncode == 6 and "--results" in done.stderr and done.stderr.count("\n") == 1
    gone = call("batch", pictures, f"s3://gone?endpoint={endpoint}", "--results", "r.jsonl")
    assert gone.returncode == 2 and "s3://gone" in gone.stderr and gone.stderr.count("\n") == 1
