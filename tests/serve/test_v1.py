"""The v1 API against a real server and a stand-in worker."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from serve.conftest import OpenSite, Site, picture_bytes


def submit(site: Site, image: str, **parameters: Any) -> dict[str, Any]:
    answer = site.client.post("/v1/jobs", json={"image": image, **parameters})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    return answer.json()


def test_a_job_goes_through_shape_and_paint_and_its_files_can_be_had(site: Site, image: str) -> None:
    job = site.wait(submit(site, image, seed=7, formats=["obj"])["id"])
    assert job["state"] == "succeeded" and job["stage"] == "paint"
    assert job["parameters"]["seed"] == 7 and job["parameters"]["texture"] is True
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]
    names = {file["name"]: file for file in job["files"]}
    assert set(names) == {"cutout-front.png", "shape.glb", "model.glb", "model.obj"}
    assert site.client.get(names["model.obj"]["url"]).content.startswith(b"obj of ")
    assert "cutout-front.png?" in job["preview"]
    assert [line.split()[1] for line in job["log"]] == ["denoise", "paint"]


def test_spellings_of_other_services_are_taken_and_named(site: Site, image: str) -> None:
    job = submit(
        site, image, num_inference_steps=3, guidance_scale=2, octree_resolution=64, face_count=500,
        output_format="stl", remove_background=False, generate_texture=False, randomize_seed=True,
    )  # fmt: skip
    wanted = {
        "steps": 3,
        "guidance": 2.0,
        "resolution": 64,
        "faces": 500,
        "formats": ["stl"],
        "cutout": "none",
    }
    assert wanted.items() <= job["parameters"].items()
    assert job["parameters"]["texture"] is False
    assert job["aliases"]["face_count"] == "faces" and job["aliases"]["randomize_seed"] == "seed"


def test_a_form_does_what_json_does(site: Site) -> None:
    files = {"image": ("chair.png", picture_bytes(), "image/png")}
    answer = site.client.post(
        "/v1/jobs", files=files, data={"seed": "5", "formats": "obj,stl", "texture": "false"}
    )
    assert answer.status_code == 202, answer.text
    assert (
        answer.json()["parameters"] | {"seed": 5, "formats": ["obj", "stl"], "texture": False}
        == answer.json()["parameters"]
    )
    views = {"front": files["image"], "left": files["image"]}
    job = site.wait(site.client.post("/v1/jobs", files=views).json()["id"])
    assert {"cutout-front.png", "cutout-left.png"} <= {file["name"] for file in job["files"]}


def test_unknown_parameters_are_refused_by_name_with_the_nearest_known(site: Site, image: str) -> None:
    answer = site.client.post("/v1/jobs", json={"image": image, "guidence": 3, "steps": "7"})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:maquette:invalid"
    messages = {error["field"]: error["message"] for error in problem["errors"]}
    assert "guidance" in messages["guidence"] and "integer" in messages["steps"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "body"),
        ({"image": "not base64!"}, 422, "image"),
        ({"image": "PGh0bWw+PC9odG1sPg=="}, 422, "image"),
        ({"image": "eA==", "text": "a chair"}, 422, "body"),
        ({"text": "a chair"}, 422, "text"),
        ({"image": "eA==", "model": "/etc/passwd"}, 422, "model"),
        ({"image_url": "http://169.254.169.254/latest"}, 422, "image_url"),
        ({"image_url": "file:///etc/passwd"}, 422, "image_url"),
        ({"image": "eA==", "webhook_url": "http://127.0.0.1/hook"}, 422, "webhook_url"),
        ({"image": "eA==", "webhook_url": "http://[::ffff:10.0.0.1]/hook"}, 422, "webhook_url"),
        ({"image": "eA==", "steps": 3, "num_inference_steps": 4}, 422, "num_inference_steps"),
        ({"image": "eA==", "seed": -1}, 422, "seed"),
        ({"image": "eA==", "texture_size": 1000}, 422, "texture_size"),
    ],
)  # fmt: skip
def test_bad_requests_name_the_field(site: Site, body: dict[str, Any], status: int, field: str) -> None:
    answer = site.client.post("/v1/jobs", json=body)
    assert answer.status_code == status
    assert field in [error["field"] for error in answer.json()["errors"]], answer.text


def test_bodies_that_cannot_be_read_are_told_apart(site: Site) -> None:
    post = site.client.post
    assert post("/v1/jobs", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert post("/v1/jobs", content=b"[]", headers={"Content-Type": "application/json"}).status_code == 400
    assert post("/v1/jobs", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert site.client.get("/v1/jobs/nothing").status_code == 404
    assert site.client.put("/v1/jobs").status_code == 405
    assert site.client.get("/v1/nowhere").headers["Content-Type"] == "application/problem+json"


def test_the_same_idempotency_key_gives_the_same_job_and_another_request_a_conflict(
    site: Site, image: str
) -> None:
    def post(seed: int) -> Any:
        return site.client.post(
            "/v1/jobs", json={"image": image, "seed": seed}, headers={"Idempotency-Key": "k1"}
        )

    first, again, other = post(1), post(1), post(2)
    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 409


def test_jobs_are_listed_newest_first_in_pages_and_by_state(site: Site, image: str) -> None:
    made = [submit(site, image, texture=False)["id"] for _ in range(3)]
    for job in made:
        site.wait(job)
    first = site.client.get("/v1/jobs", params={"limit": 2, "state": "succeeded"}).json()
    second = site.client.get("/v1/jobs", params={"limit": 2, "cursor": first["next"]}).json()
    assert [job["id"] for job in first["jobs"] + second["jobs"]][:3] == made[::-1]


def test_a_running_job_can_be_cancelled_between_two_steps(site: Site, image: str) -> None:
    job = submit(site, image, steps=1000)["id"]
    while site.client.get(f"/v1/jobs/{job}").json()["state"] != "running":
        time.sleep(0.02)
    site.client.delete(f"/v1/jobs/{job}")
    ended = site.wait(job, 5)
    assert ended["state"] == "cancelled" and ended["progress"]["fraction"] < 0.5
    assert site.client.delete(f"/v1/jobs/{job}").json()["state"] == "cancelled"


def test_a_queued_job_is_cancelled_at_once_and_positions_move_up(open_site: OpenSite, image: str) -> None:
    site = open_site()
    low, normal, high = (submit(site, image, priority=p)["id"] for p in (1, 5, 9))
    place = {job: site.client.get(f"/v1/jobs/{job}").json()["position"] for job in (low, normal, high)}
    assert place == {high: 1, normal: 2, low: 3}
    assert site.client.delete(f"/v1/jobs/{high}").json()["state"] == "cancelled"
    assert site.client.get(f"/v1/jobs/{normal}").json()["position"] == 1


def test_events_tell_every_change_and_end_with_the_job(site: Site, image: str) -> None:
    job = submit(site, image, steps=100, texture=False)["id"]
    events = []
    with site.client.stream("GET", f"/v1/jobs/{job}/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line[6:]))
    fractions = [event["progress"]["fraction"] for event in events if event["progress"]]
    assert events[-1]["state"] == "succeeded" and fractions == sorted(fractions) and fractions[-1] == 1
    running = [
        event
        for event in events
        if event["state"] == "running" and (event["progress"] or {"fraction": 0})["fraction"] > 0.1
    ]
    assert running and "cutout-front.png?" in running[0]["preview"]
    assert all(event["progress"]["seconds_left"] >= 0 for event in running)


def test_a_failed_job_keeps_its_reason_and_a_bug_is_tried_again_first(site: Site, image: str) -> None:
    failed = site.wait(submit(site, image, seed=13)["id"])
    assert failed["state"] == "failed" and failed["attempts"] == 1
    assert failed["error"]["status"] == 422 and "shows nothing" in failed["error"]["detail"]
    bug = site.wait(submit(site, image, seed=14)["id"])
    assert bug["state"] == "failed" and bug["attempts"] == 3
    assert "RuntimeError" in bug["error"]["detail"] and "a bug" not in bug["error"]["detail"]


def test_files_come_in_parts_and_not_at_all_when_known(site: Site, image: str) -> None:
    job = site.wait(submit(site, image, texture=False)["id"])
    url = f"/v1/jobs/{job['id']}/files/model.glb"
    whole = site.client.get(url)
    size, etag = len(whole.content), whole.headers["ETag"]

    def get(**headers: str) -> Any:
        return site.client.get(
            url, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )

    part = get(Range="bytes=10-19")
    assert part.status_code == 206 and part.content == whole.content[10:20]
    assert part.headers["Content-Range"] == f"bytes 10-19/{size}"
    assert get(Range="bytes=-5").content == whole.content[-5:]
    assert get(Range=f"bytes={size - 3}-").content == whole.content[-3:]
    assert get(Range="bytes=5-4").status_code == 200
    beyond = get(Range=f"bytes={size}-")
    assert beyond.status_code == 416 and beyond.headers["Content-Range"] == f"bytes */{size}"
    assert get(If_None_Match=etag).status_code == 304
    head = site.client.head(url)
    assert head.headers["Content-Length"] == str(size) and head.headers["ETag"] == etag and not head.content
    assert get(Range="bytes=0-1", If_Range='"old"').status_code == 200
    assert site.client.get(f"/v1/jobs/{job['id']}/files/..%2f..%2fjobs.sqlite").status_code == 404
    assert site.client.get(f"/v1/jobs/{job['id']}/files/front").status_code == 404


def test_models_name_what_can_be_asked(site: Site) -> None:
    models = site.client.get("/v1/models").json()
    assert models["models"][0]["name"] == "bundled" and models["models"][0]["license"] == "Apache-2.0"
    assert {"glb", "3mf"} <= set(models["formats"])
    assert models["painters"] == ["project"] and models["text_to_image"] is False
