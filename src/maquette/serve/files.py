"""Answering with a job's file: whole, in part, or not at all when the client has it already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from maquette.serve.problems import Problem
from maquette.serve.store import Store

MEDIA_TYPES = {
    "glb": "model/gltf-binary",
    "obj": "model/obj",
    "mtl": "model/mtl",
    "ply": "model/ply",
    "stl": "model/stl",
    "usdz": "model/vnd.usdz+zip",
    "3mf": "model/3mf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
}


def file_response(
    request: Request,
    store: Store,
    name: str,
    entry: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to a GET or HEAD of a file, with ETag, conditions and one byte range.

    Raises:
        Problem: bad-range.
    """
    size, etag = entry["size"], f'"{entry["sha256"][:32]}"'
    common = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'attachment; filename="{name}"',
        **(headers or {}),
    }
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or etag in [part.strip().removeprefix("W/") for part in known.split(",")]:
        return Response(status_code=304, headers=common)
    start, end, status = 0, size, 200
    condition = request.headers.get("if-range", etag)
    if condition == etag and (span := _span(request.headers.get("range", ""), size)):
        (start, end), status = span, 206
        common["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    common["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=common, media_type=entry["type"])
    body = store.read(entry["key"], start, end)
    return StreamingResponse(body, status_code=status, headers=common, media_type=entry["type"])


def _span(header: str, size: int) -> tuple[int, int] | None:
    """Start and end of the one range asked for; None where the whole file should be sent."""
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", header.strip())
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if last and first and int(last) < int(first):
        return None
    if start >= size or (not first and int(last) == 0):
        raise Problem("bad-range", f"the file has {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return start, end
