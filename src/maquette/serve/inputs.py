"""From a request's body to the bytes of its pictures and mesh, without decoding any of them.

Only the first bytes are looked at here, so that a web page instead of a picture is refused at once; decoding is the
worker's business.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from maquette.serve.outside import fetch
from maquette.serve.params import VIEWS, JobRequest, parse_json
from maquette.serve.problems import Problem

MAX_FORM_FIELDS = 40
_HEADS = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"II*\0",
    b"MM\0*",
    b"BM",
    b"P1",
    b"P2",
    b"P3",
    b"P4",
    b"P5",
    b"P6",
)


async def read_body(request: Request) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The parameters of a JSON or multipart request, and the files uploaded with it by field name.

    Raises:
        Problem: malformed or wrong-media-type.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "application/json":
        return parse_json(await request.body()), {}
    if kind != "multipart/form-data":
        raise Problem("wrong-media-type", f"the body is {kind}; send application/json or multipart/form-data")
    fields: dict[str, Any] = {}
    uploads: dict[str, bytes] = {}
    try:
        form = await request.form(max_files=6, max_fields=MAX_FORM_FIELDS, max_part_size=1 << 24)
    except Problem:
        raise
    except Exception as error:  # the parser has several exceptions of its own
        raise Problem("malformed", f"the form cannot be read: {error}") from None
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                uploads[name] = await value.read()
            elif name == "formats":
                fields.setdefault(name, []).extend(value.replace(" ", "").split(","))
            elif name == "images":
                fields[name] = parse_json(value.encode())
            else:
                fields[name] = value
    finally:
        await form.close()
    return fields, uploads


def place_uploads(body: dict[str, Any], uploads: dict[str, bytes]) -> dict[str, bytes]:
    """The inputs among the uploads by their names in a job; the body is told that they are there."""
    inputs: dict[str, bytes] = {}
    for field, data in uploads.items():
        name = "front" if field in ("image", "front") else field
        if name not in (*VIEWS, "mesh"):
            known = f"upload image, {', '.join(VIEWS)} or mesh"
            raise Problem("invalid", f"{field} is not a file that is read; {known}", errors={field: known})
        if not data:
            raise Problem("invalid", f"{field} is empty", errors={field: "is empty"})
        inputs[name] = data
    views = [name for name in inputs if name in VIEWS]
    if "mesh" in inputs:
        body["mesh"] = "uploaded"
    if views == ["front"]:
        body["image"] = "uploaded"
    elif views:
        body["images"] = dict.fromkeys(views, "uploaded")
    return inputs


async def collect(
    asked: JobRequest, uploads: dict[str, bytes], allowed: tuple[str, ...], limit: int
) -> dict[str, bytes]:
    """Every input's bytes by its name in a job: front, left, back, right, mesh.

    Raises:
        Problem: invalid, bad-picture or too-large.
    """
    inputs = dict(uploads)
    texts = {"mesh": asked.mesh, "front": asked.image}
    if asked.images:
        texts |= asked.images.model_dump()
    for name, text in texts.items():
        if text is not None and name not in inputs:
            inputs[name] = _decode(_field(asked, name), text)
    if asked.image_url:
        inputs["front"] = await fetch(asked.image_url, allowed, limit)
    for name, data in inputs.items():
        if name in VIEWS:
            _look(_field(asked, name), data)
    return inputs


def _field(asked: JobRequest, view: str) -> str:
    if view == "mesh":
        return view
    return f"images.{view}" if asked.images else "image_url" if asked.image_url else "image"


def _decode(field: str, text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        message = "is not base64"
        raise Problem(
            "invalid", f"{field} {message}; send the file's bytes encoded as base64", errors={field: message}
        ) from None
    if not data:
        raise Problem("invalid", f"{field} is empty", errors={field: "is empty"})
    return data


def _look(field: str, data: bytes) -> None:
    if data.startswith(_HEADS) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
        return
    start = data[:512].lstrip().lower()
    what = (
        "a web page" if start.startswith((b"<!doctype html", b"<html")) else "no picture that is known here"
    )
    if data[4:8] == b"ftyp":
        what = "a HEIC or AVIF picture or a video"
    message = f"holds {what}; use PNG, JPEG, WebP, TIFF, GIF or BMP"
    raise Problem("bad-picture", f"{field} {message}", errors={field: message})
