"""The Python client against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from serve.conftest import OpenSite, Site, picture_bytes

pytest.importorskip("httpx")
from maquette.client import Client, ServiceError


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "chair.png"
    path.write_bytes(picture_bytes())
    return path


def test_making_tells_progress_and_gives_the_file(site: Site, picture: Path, tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    job = Client(site.url).make(
        picture, seed=3, steps=200, formats=["obj", "stl"], texture=False, on_progress=told.append
    )
    assert job["state"] == "succeeded" and job["parameters"]["seed"] == 3
    assert any(0 < each["progress"]["fraction"] < 1 for each in told if each["progress"])
    saved = Client(site.url).download(job, "model.stl", tmp_path / "chair.stl")
    assert saved.read_bytes().startswith(b"stl of ")


def test_views_and_refusals(site: Site, picture: Path) -> None:
    client = Client(site.url)
    job = client.make({"front": picture, "back": picture})
    assert {"cutout-front.png", "cutout-back.png"} <= {file["name"] for file in job["files"]}
    assert client.jobs(limit=1)[0]["id"] == job["id"]
    with pytest.raises(ServiceError, match="steps") as refused:
        client.submit(picture, steps=0)
    assert refused.value.status == 422
    with pytest.raises(ServiceError, match="shows nothing"):
        client.make(picture, seed=13)


def test_a_full_service_is_asked_again_until_patience_ends(open_site: OpenSite, picture: Path) -> None:
    site = open_site("--max-queue", "1")
    Client(site.url).submit(picture)
    with pytest.raises(ServiceError) as full:
        Client(site.url, patience=0).submit(picture)
    assert full.value.status == 503
    site.work()
    assert Client(site.url).make(picture)["state"] == "succeeded"
