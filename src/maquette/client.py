"""A small client of the service.

from maquette.client import Client

client = Client("http://127.0.0.1:8080", key="mq_...")
job = client.make("chair.png", seed=7, on_progress=lambda job: print(job["progress"]))
client.download(job, "model.glb", "chair.glb")
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from maquette.errors import MaquetteError

Job = dict[str, Any]
"""A job as the service tells it: id, state, progress, files, error and more."""

FINAL = ("succeeded", "failed", "cancelled")


class ServiceError(MaquetteError):
    """The service refused a request, or a job did not succeed.

    Attributes:
        status: the HTTP status.
        problem: the problem details, a dictionary with type, title, status and detail.
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem["detail"]))
        self.problem = dict(problem)
        self.status = int(problem["status"])


class Client:
    """Talks to one service.

    Args:
        url: where it is.
        key: from `maquette keys create`; by default MAQUETTE_KEY. On one's own machine none is needed.
        patience: seconds to go on trying when the service is full or away.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8080", key: str | None = None, *, patience: float = 60.0
    ) -> None:
        key = key or os.environ.get("MAQUETTE_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60)
        self._patience = patience

    def make(
        self,
        picture: str | Path | Mapping[str, str | Path],
        *,
        mesh: str | Path | None = None,
        on_progress: Callable[[Job], None] | None = None,
        **parameters: Any,
    ) -> Job:
        """Send a job and wait for its end.

        Args:
            picture: a file, or files by the side they show (front, left, back, right).
            mesh: a mesh file to paint instead of making a shape.
            on_progress: called with the job at every change.
            parameters: as in POST /v1/jobs: seed, steps, faces, formats, texture...

        Raises:
            ServiceError: it was refused, failed or was cancelled.
        """
        job = self.submit(picture, mesh=mesh, **parameters)
        for latest in self.follow(job["id"]):
            job = latest
            if on_progress:
                on_progress(job)
        if job["state"] != "succeeded":
            raise ServiceError(job["error"] or {"status": 409, "detail": f"job {job['id']} was cancelled"})
        return job

    def submit(
        self,
        picture: str | Path | Mapping[str, str | Path],
        *,
        mesh: str | Path | None = None,
        **parameters: Any,
    ) -> Job:
        """Send a job and return at once; a full service is asked again.

        Raises:
            ServiceError: it was refused.
        """
        views = picture if isinstance(picture, Mapping) else {"front": picture}
        paths = {**views, **({"mesh": mesh} if mesh else {})}
        form = {name: _text(value) for name, value in parameters.items() if value is not None}
        # One key for all attempts, so that an answer lost on its way does not make two jobs.
        headers = {"Idempotency-Key": os.urandom(16).hex()}
        end = time.monotonic() + self._patience
        while True:
            with ExitStack() as stack:
                files = {name: stack.enter_context(open(path, "rb")) for name, path in paths.items()}
                try:
                    answer = self._http.post("/v1/jobs", data=form, files=files, headers=headers)
                except httpx.TransportError:
                    if time.monotonic() > end:
                        raise
                    answer = None
            if answer is not None and (answer.status_code not in (429, 503) or time.monotonic() > end):
                return _checked(answer)
            time.sleep(min(float(answer.headers.get("Retry-After", 1)) if answer else 1.0, 10.0))

    def job(self, identity: str) -> Job:
        """A job as it is now."""
        return _checked(self._http.get(f"/v1/jobs/{identity}"))

    def jobs(self, **query: Any) -> list[Job]:
        """The latest jobs; `state`, `limit` and `cursor` as in GET /v1/jobs."""
        found: list[Job] = _checked(self._http.get("/v1/jobs", params=query))["jobs"]
        return found

    def cancel(self, identity: str) -> Job:
        """Cancel a job."""
        return _checked(self._http.delete(f"/v1/jobs/{identity}"))

    def follow(self, identity: str) -> Iterator[Job]:
        """A job at every change, until it has ended; a lost connection is made again."""
        failures = 0
        while True:
            try:
                with self._http.stream("GET", f"/v1/jobs/{identity}/events", timeout=60) as answer:
                    if answer.is_error:
                        answer.read()
                        _checked(answer)
                    for line in answer.iter_lines():
                        if line.startswith("data: "):
                            failures = 0
                            yield (job := json.loads(line[6:]))
                            if job["state"] in FINAL:
                                return
            except httpx.TransportError:
                failures += 1
                if failures > self._patience:
                    raise
            time.sleep(1)

    def download(self, job: Job, name: str, path: str | Path) -> Path:
        """Write one of a job's files to a path, complete or not at all."""
        path = Path(path)
        passing = path.with_name(f".{path.name}.part")
        with self._http.stream("GET", f"/v1/jobs/{job['id']}/files/{name}") as answer:
            if answer.is_error:
                answer.read()
                _checked(answer)
            with open(passing, "wb") as stream:
                for piece in answer.iter_bytes():
                    stream.write(piece)
        os.replace(passing, path)
        return path


def _text(value: Any) -> str:
    """A parameter as a form has it."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _checked(answer: httpx.Response) -> Job:
    if answer.is_error:
        try:
            problem = answer.json()
        except ValueError:
            problem = {"status": answer.status_code, "detail": f"the service answered {answer.status_code}"}
        raise ServiceError(problem)
    found: Job = answer.json()
    return found
