"""The original's endpoints."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from serve.conftest import OpenSite, Site


def test_send_and_status_give_the_model_in_base64(site: Site, image: str) -> None:
    uid = site.client.post("/send", json={"image": image, "texture": True}).json()["uid"]
    site.wait(uid)
    status = site.client.get(f"/status/{uid}").json()
    assert status["status"] == "completed" and set(status) == {"status", "model_base64"}
    assert base64.b64decode(status["model_base64"]).startswith(b"glb of ")


def test_status_says_processing_then_texturing(open_site: OpenSite, image: str) -> None:
    site = open_site()
    uid = site.client.post(
        "/send", json={"image": image, "texture": True, "num_inference_steps": 100}
    ).json()["uid"]
    assert site.client.get(f"/status/{uid}").json() == {"status": "processing"}
    site.work("shape")
    seen = set()
    while (status := site.client.get(f"/status/{uid}").json()["status"]) != "texturing":
        seen.add(status)
        time.sleep(0.02)
    assert seen == {"processing"}
    site.work("paint")
    job = site.wait(uid)
    assert job["state"] == "succeeded" and len(set(job["result"]["made_by"])) == 2


@pytest.mark.parametrize("kind", ["glb", "obj", "ply", "stl"])
def test_generate_answers_with_the_type_asked_for(site: Site, image: str, kind: str) -> None:
    answer = site.client.post("/generate", json={"image": image, "type": kind})
    assert answer.status_code == 200 and answer.content.startswith(f"{kind} of ".encode())


def test_every_documented_parameter_reaches_the_job(site: Site, image: str) -> None:
    asked = {
        "remove_background": False, "texture": True, "seed": 77, "octree_resolution": 96,
        "num_inference_steps": 3, "guidance_scale": 4.5, "num_chunks": 4000, "face_count": 1234, "type": "ply",
    }  # fmt: skip
    answer = site.client.post("/generate", json={"images": {"front": image, "back": image}, **asked})
    assert answer.headers["X-Seed"] == "77"
    job = site.client.get(f"/v1/jobs/{answer.headers['X-Job-Id']}").json()
    wanted: dict[str, Any] = {
        "cutout": "none", "texture": True, "seed": 77, "resolution": 96, "steps": 3, "guidance": 4.5,
        "chunk": 4000, "faces": 1234, "formats": ["ply"],
    }  # fmt: skip
    assert wanted.items() <= job["parameters"].items()
    assert {"cutout-front.png", "cutout-back.png"} <= {file["name"] for file in job["files"]}


def test_randomize_seed_overrules_the_seed(site: Site, image: str) -> None:
    seeds = [
        site.client.post("/generate", json={"image": image, "seed": 5, "randomize_seed": True}).headers[
            "X-Seed"
        ]
        for _ in range(2)
    ]
    assert seeds[0] != seeds[1]


def test_a_mesh_is_painted_and_not_made(site: Site, image: str) -> None:
    mesh = base64.b64encode(b"solid").decode()
    answer = site.client.post("/generate", json={"image": image, "mesh": mesh})
    job = site.client.get(f"/v1/jobs/{answer.headers['X-Job-Id']}").json()
    assert job["stage"] == "paint" and not any(file["name"] == "shape.glb" for file in job["files"])


def test_unknown_parameters_are_reported_and_ignored(site: Site, image: str) -> None:
    answer = site.client.post("/generate", json={"image": image, "shiny": 1, 'a"\r\nX-Evil: 1': 2})
    assert answer.status_code == 200
    assert "shiny" in answer.headers["Warning"] and "X-Evil" not in answer.headers


def test_failures_are_told_as_what_they_are(site: Site, image: str) -> None:
    answer = site.client.post("/generate", json={"image": image, "seed": 13})
    assert answer.status_code == 422 and "shows nothing" in answer.json()["detail"]
    uid = site.client.post("/send", json={"image": image, "seed": 13}).json()["uid"]
    site.wait(uid)
    status = site.client.get(f"/status/{uid}").json()
    assert status["status"] == "error" and "shows nothing" in status["message"]
    assert site.client.get("/status/00000000-0000-0000-0000-000000000000").status_code == 404
    text = site.client.post("/generate", json={"text": "a chair"})
    assert text.status_code == 422 and "text-to-image" in text.json()["detail"]


def test_health_names_the_worker(site: Site) -> None:
    assert site.client.get("/health").json()["status"] == "healthy"
