"""The v1 API: jobs, their events and files, and the models."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from maquette.serve.access import authenticate, service_of
from maquette.serve.auth import Caller
from maquette.serve.files import file_response
from maquette.serve.inputs import place_uploads, read_body
from maquette.serve.jobs import FINAL, Job
from maquette.serve.params import VIEWS, rename, validate, writable_formats
from maquette.serve.problems import Problem, ProblemDetails, responses
from maquette.serve.service import Service
from maquette.zoo.catalog import list_models

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
JobId = Annotated[str, InPath(max_length=64, description="As answered when the job was made")]
Who = Annotated[Caller, Depends(authenticate)]
_ANY_FILE = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
EVENTS_PAUSE = 0.4
KEEP_ALIVE = 15.0


class Progress(BaseModel):
    """How far a job is."""

    step: str
    fraction: float = Field(ge=0, le=1)
    seconds_left: float | None = None


class File(BaseModel):
    """A file of a job."""

    name: str
    url: str
    size: int
    type: str
    sha256: str
    role: Literal["output", "preview"]


class JobView(BaseModel):
    """A job as clients see it."""

    id: str
    state: State
    position: int | None = Field(None, description="Place in the queue, 1 being the next")
    stage: Literal["shape", "paint"]
    progress: Progress | None = None
    model: str
    priority: int
    parameters: dict[str, Any] = Field(description="As they are used, the server's choices filled in")
    aliases: dict[str, str] = Field(description="Spellings in the request that stand for another name")
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int
    files: list[File]
    preview: str | None = Field(None, description="Address of the latest picture of the work")
    result: dict[str, Any] | None = Field(None, description="How it was made, and notes for people")
    error: ProblemDetails | None = None
    log: list[str]


class JobPage(BaseModel):
    """Some of one's jobs, newest first."""

    jobs: list[JobView]
    next: str | None = Field(None, description="Value of `cursor` for the next page")


class ModelView(BaseModel):
    """A model that may be asked for."""

    name: str
    summary: str
    license: str
    default: bool


class Models(BaseModel):
    """What this server can make."""

    models: list[ModelView]
    painters: list[str]
    formats: list[str]
    text_to_image: bool


router = APIRouter(prefix="/v1", tags=["v1"])
_request_schema = {"$ref": "#/components/schemas/JobRequest"}
_form_schema = {
    "type": "object",
    "description": "The parameters of JobRequest as text, pictures and the mesh as files",
    "properties": {name: {"type": "string", "format": "binary"} for name in ("image", *VIEWS, "mesh")},
    "anyOf": [{"required": ["image"]}, {"required": ["front"]}],
}


@router.post(
    "/jobs",
    status_code=202,
    response_model=JobView,
    responses=responses(
        "malformed",
        "no-key",
        "forbidden",
        "conflict",
        "too-large",
        "wrong-media-type",
        "invalid",
        "quota",
        "queue-full",
        "storage-full",
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _request_schema},
                "multipart/form-data": {"schema": _form_schema},
            },
        }
    },
)
async def create_job(
    request: Request,
    response: Response,
    caller: Who,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=200, description="The same key and request give the same job"),
    ] = None,
) -> Any:
    """Queue a job from JSON or a form."""
    service = service_of(request)
    body, uploads = await read_body(request)
    body, aliases = rename(body)
    uploads = place_uploads(body, uploads)
    asked = validate(body, strict=not _is_form(request))
    job = await service.submit(caller, asked, uploads, aliases, idempotency_key)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return await view(service, job)


@router.get("/jobs", response_model=JobPage, responses=responses("no-key", "invalid", "rate"))
async def list_jobs(
    request: Request,
    caller: Who,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,15}$")] = None,
) -> Any:
    """One's jobs, newest first."""
    service = service_of(request)
    before = int(cursor) if cursor else None
    rows = await anyio.to_thread.run_sync(service.jobs.page, caller.id, state, before, limit)
    following = str(rows[-1].seq) if len(rows) == limit else None
    return {"jobs": [await view(service, row) for row in rows], "next": following}


@router.get(
    "/jobs/{job_id}", response_model=JobView, responses=responses("no-key", "not-found", "invalid", "rate")
)
async def read_job(request: Request, caller: Who, job_id: JobId) -> Any:
    """A job's state, progress, files and error."""
    service = service_of(request)
    return await view(service, await service.get(job_id, caller.id))


@router.delete(
    "/jobs/{job_id}", response_model=JobView, responses=responses("no-key", "not-found", "invalid", "rate")
)
async def cancel_job(request: Request, caller: Who, job_id: JobId) -> Any:
    """Cancel a job, queued or running; one that has ended stays as it is."""
    service = service_of(request)
    await service.get(job_id, caller.id)
    await anyio.to_thread.run_sync(service.jobs.cancel, job_id)
    return await view(service, await service.get(job_id, caller.id))


@router.get(
    "/jobs/{job_id}/events",
    response_class=StreamingResponse,
    responses=responses(
        "no-key",
        "not-found",
        "invalid",
        "rate",
        success={200: {"content": {"text/event-stream": {}}}},
    ),
)
async def job_events(request: Request, caller: Who, job_id: JobId) -> Any:
    """Server-sent events, named after the state, each with the whole job as data; ends when the job has ended."""
    service = service_of(request)
    job = await service.get(job_id, caller.id)
    return StreamingResponse(
        _events(service, job),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get(
    "/jobs/{job_id}/files/{name}",
    response_class=Response,
    responses=responses(
        "no-key",
        "not-found",
        "bad-range",
        "invalid",
        "rate",
        success={
            200: {"content": _ANY_FILE},
            206: {"description": "A part", "content": _ANY_FILE},
            304: {"description": "The client has it"},
        },
    ),
)
@router.head("/jobs/{job_id}/files/{name}", include_in_schema=False)
async def job_file(
    request: Request, caller: Who, job_id: JobId, name: Annotated[str, InPath(max_length=100)]
) -> Response:
    """A file of a job, whole or in part."""
    service = service_of(request)
    job = await service.get(job_id, caller.id)
    entry = job.files.get(name)
    if entry is None or entry["role"] == "input":
        there = ", ".join(n for n, e in job.files.items() if e["role"] != "input") or "none yet"
        raise Problem("not-found", f"the job has no file {name!r}; it has: {there}")
    return await anyio.to_thread.run_sync(file_response, request, service.store, name, entry)


@router.get("/models", response_model=Models, responses=responses("no-key", "rate"))
async def read_models(request: Request, caller: Who) -> Any:
    """The models, painters and abilities of this server."""
    del caller
    config = service_of(request).config
    entries = {entry.name: entry for entry in list_models()}
    models = [
        {
            "name": name,
            "summary": entries[name].summary if name in entries else "a model of the operator",
            "license": entries[name].license if name in entries else "see the operator",
            "default": name == config.models[0],
        }
        for name in config.models
    ]
    abilities = {"formats": writable_formats(), "text_to_image": bool(config.text_to_image)}
    return {"models": models, "painters": list(config.painters), **abilities}


async def view(service: Service, job: Job) -> dict[str, Any]:
    """A row as `JobView` has it."""
    files = [
        {
            **{key: entry[key] for key in ("size", "sha256", "type", "role")},
            "name": name,
            "url": f"/v1/jobs/{job.id}/files/{name}",
        }
        for name, entry in job.files.items()
        if entry["role"] != "input"
    ]
    previews = [f"{file['url']}?{file['sha256'][:8]}" for file in files if file["role"] == "preview"]
    position = await anyio.to_thread.run_sync(service.jobs.position, job) if job.state == "queued" else None
    return {
        **{
            name: getattr(job, name)
            for name in ("id", "state", "stage", "model", "priority", "attempts", "error", "aliases")
        },
        "position": position,
        "progress": _progress(job),
        "parameters": job.request,
        "created_at": _time(job.created),
        "started_at": _time(job.started),
        "finished_at": _time(job.finished),
        "files": files,
        "preview": previews[-1] if previews else None,
        "result": job.result,
        "log": job.log.splitlines(),
    }


def _progress(job: Job) -> dict[str, Any] | None:
    if not job.progress:
        return None
    fraction = job.progress["fraction"]
    left = None
    if job.state == "running" and fraction > 0.05:
        left = round((time.time() - job.started) * (1 - fraction) / fraction, 1)
    return {**job.progress, "seconds_left": left}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).isoformat()


async def _events(service: Service, job: Job) -> AsyncIterator[str]:
    sent, quiet_since = None, time.monotonic()
    while True:
        state = await view(service, job)
        if sent != (now := (job.version, state["position"])):
            sent, quiet_since = now, time.monotonic()
            yield f"id: {job.version}\nevent: {job.state}\ndata: {json.dumps(state)}\n\n"
        elif time.monotonic() - quiet_since > KEEP_ALIVE:
            quiet_since = time.monotonic()
            yield ": still here\n\n"
        if job.state in FINAL or service.stopping.is_set():
            return
        await asyncio.sleep(EVENTS_PAUSE)
        try:
            job = await service.get(job.id)
        except Problem:  # deleted by retention meanwhile
            return


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/")
