"""The endpoints of the original server, so that its clients work as they are.

They take the original's parameters and more, ignore what they do not know and say so in a Warning header. Unlike the
original they honour every parameter, answer while work is going on, and tell failed, unknown and running jobs apart.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from maquette.serve.access import authenticate, service_of
from maquette.serve.auth import Caller
from maquette.serve.files import MEDIA_TYPES, file_response
from maquette.serve.jobs import Job
from maquette.serve.params import FORMATS, parse_json, rename, split_unknown, validate
from maquette.serve.problems import Problem, responses

router = APIRouter(tags=["compatible"])
Who = Annotated[Caller, Depends(authenticate)]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_MODEL_TYPES = [MEDIA_TYPES[name] for name in FORMATS]
_body = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/GenerationRequest"}}},
    }
}
_PROBLEMS = (
    *("malformed", "no-key", "forbidden", "conflict", "too-large", "invalid", "quota", "internal"),
    *("queue-full", "timeout", "storage-full"),
)


class Sent(BaseModel):
    """The answer to /send."""

    uid: str


class Status(BaseModel):
    """The answer to /status."""

    status: Literal["processing", "texturing", "completed", "error"]
    model_base64: str | None = None
    message: str | None = None


class Health(BaseModel):
    """The answer to /health."""

    status: Literal["healthy"]
    worker_id: str


def generation_schema(job_request: Mapping[str, Any]) -> dict[str, Any]:
    """The original's names with the bounds of ours, for the API's description."""
    ours = job_request["properties"]
    names = {
        "octree_resolution": "resolution",
        "num_inference_steps": "steps",
        "guidance_scale": "guidance",
        "num_chunks": "chunk",
        "face_count": "faces",
    }
    same = ("image", "images", "mesh", "text", "texture", "seed")
    properties = {name: ours[name] for name in same} | {name: ours[ours_] for name, ours_ in names.items()}
    properties |= {
        "remove_background": {"type": "boolean", "default": True},
        "randomize_seed": {"type": "boolean", "default": False},
        "type": {"enum": list(FORMATS), "default": "glb"},
    }
    properties = {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in properties.items()}
    return {"type": "object", "title": "GenerationRequest", "properties": properties, "minProperties": 1}


@router.post(
    "/generate",
    response_class=Response,
    responses=responses(
        *_PROBLEMS,
        success={200: {"description": "The file", "content": dict.fromkeys(_MODEL_TYPES, _BINARY)}},
    ),
    openapi_extra=_body,
)
async def generate(request: Request, caller: Who) -> Response:
    """Make a model and answer with its file."""
    job, headers = await _submit(request, caller)
    service = service_of(request)
    job = await service.wait(job)
    if job.state != "succeeded":
        raise _failure(job)
    name = _file_name(job)
    entry = job.files[name]
    return await anyio.to_thread.run_sync(file_response, request, service.store, name, entry, headers)


@router.post("/send", response_model=Sent, responses=responses(*_PROBLEMS), openapi_extra=_body)
async def send(request: Request, response: Response, caller: Who) -> Any:
    """Queue a model and answer at once."""
    job, headers = await _submit(request, caller)
    response.headers.update(headers)
    return {"uid": job.id}


@router.get(
    "/status/{uid}",
    response_model=Status,
    response_model_exclude_none=True,
    responses=responses("no-key", "not-found", "invalid", "rate"),
)
async def status(request: Request, caller: Who, uid: str) -> Any:
    """How far a job is, and its file once it is done."""
    service = service_of(request)
    job = await service.get(uid, caller.id)
    if job.state == "succeeded":
        data = await anyio.to_thread.run_sync(service.store.get, job.files[_file_name(job)]["key"])
        return {"status": "completed", "model_base64": base64.b64encode(data).decode()}
    if job.state in ("failed", "cancelled"):
        return {"status": "error", "message": _failure(job).detail}
    return {"status": "texturing" if job.stage == "paint" else "processing"}


@router.get("/health", response_model=Health)
async def health(request: Request) -> Any:
    """Whether the web process answers; asks nothing else."""
    return {"status": "healthy", "worker_id": request.app.state.name}


async def _submit(request: Request, caller: Caller) -> tuple[Job, dict[str, str]]:
    body, aliases = rename(parse_json(await request.body()))
    if isinstance(body.get("image"), dict):
        body["images"] = body.pop("image")
    known, unknown = split_unknown({name: value for name, value in body.items() if value is not None})
    known = {name: _number(value) for name, value in known.items()}
    asked = validate(
        {"texture": False, **known} | ({"texture": True} if "mesh" in known else {}), strict=True
    )
    job = await service_of(request).submit(caller, asked, {}, aliases)
    headers = {"X-Job-Id": job.id, "X-Seed": str(job.request["seed"])}
    if unknown:
        names = ", ".join(unknown).encode("ascii", "replace").decode()
        names = "".join(letter for letter in names if letter.isprintable() and letter not in '"\\')[:500]
        headers["Warning"] = f'299 maquette "unknown parameters were ignored: {names}"'
    return job, headers


def _number(value: Any) -> Any:
    """Numbers sent as text, as some clients do."""
    if isinstance(value, str) and len(value) < 20 and value.replace(".", "", 1).isdecimal():
        return float(value) if "." in value else int(value)
    return value


def _file_name(job: Job) -> str:
    return f"model.{job.request['formats'][0]}"


def _failure(job: Job) -> Problem:
    """The error a job ended with."""
    if job.state == "cancelled":
        return Problem("conflict", f"job {job.id} was cancelled")
    kind = job.error["type"].rpartition(":")[2]
    return Problem(kind, job.error["detail"], headers={"X-Job-Id": job.id})
