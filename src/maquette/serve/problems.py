"""Everything that may go wrong for a client, as RFC 9457 problem details.

One table names every kind; the code raises `Problem("queue-full", ...)` and never a bare status. Jobs that fail keep
the same object in their row, so a client reads one shape of error everywhere.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy.exc import InterfaceError, OperationalError

from maquette.errors import MaquetteError, MeshError, OutputError, PictureError, SettingError

KINDS: dict[str, tuple[int, str]] = {
    "malformed": (400, "The request cannot be read"),
    "no-key": (401, "A valid API key is needed"),
    "forbidden": (403, "This may not be done from here"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "This method is not known here"),
    "conflict": (409, "The request contradicts an earlier one"),
    "too-large": (413, "The request is too large"),
    "wrong-media-type": (415, "This kind of content is not read here"),
    "bad-range": (416, "The range lies outside the file"),
    "invalid": (422, "The request is not valid"),
    "bad-picture": (422, "The picture cannot be used"),
    "bad-mesh": (422, "The mesh cannot be used"),
    "quota": (429, "The quota of this key is used up"),
    "rate": (429, "Too many requests"),
    "internal": (500, "The server failed"),
    "worker-lost": (500, "The worker stopped answering"),
    "queue-full": (503, "The queue is full"),
    "not-ready": (503, "The service is not ready"),
    "timeout": (504, "The job took too long"),
    "storage-full": (507, "There is no space left"),
}


class FieldError(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    message: str


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str = Field(description="A stable name of the kind of error", examples=["urn:maquette:queue-full"])
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = Field(None, description="One entry for each field that is wrong")


class Problem(MaquetteError):  # noqa: N818  (the word of RFC 9457)
    """An error a client should see.

    Args:
        kind: a key of `KINDS`.
        detail: what was wrong and what would be right.
        errors: field → what is wrong with it.
        retry_after: seconds after which the request may succeed.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        errors: dict[str, str] | None = None,
        retry_after: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.errors = kind, detail, errors
        self.status, self.title = KINDS[kind]
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
        if kind == "no-key":
            self.headers["WWW-Authenticate"] = "Bearer"

    def as_json(self) -> dict[str, Any]:
        """The problem details object."""
        body = {"type": f"urn:maquette:{self.kind}", "title": self.title, "status": self.status}
        fields = [{"field": name, "message": text} for name, text in (self.errors or {}).items()]
        return body | {"detail": self.detail} | ({"errors": fields} if fields else {})


def as_problem(error: BaseException) -> Problem:
    """What to tell a client about any error; the unexpected ones give away nothing but their kind."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, (OperationalError, InterfaceError)):
        return Problem("not-ready", "the database is away for a moment", retry_after=2)
    if isinstance(error, OSError) and error.errno in (28, 122):  # ENOSPC, EDQUOT
        return Problem("storage-full", "the server's storage is full; nothing was queued", retry_after=60)
    known = {PictureError: "bad-picture", MeshError: "bad-mesh", SettingError: "invalid"}
    kind = next((name for cls, name in known.items() if isinstance(error, cls)), None)
    if kind:
        return Problem(kind, str(error))
    if isinstance(error, OutputError) and "disk is full" in str(error):
        return Problem("storage-full", str(error))
    if isinstance(error, MaquetteError):
        return Problem("internal", str(error))
    return Problem("internal", f"an unexpected {type(error).__name__}; the server's log says more")


Responses = dict[int | str, dict[str, Any]]


def responses(*kinds: str, success: Responses | None = None) -> Responses:
    """OpenAPI responses for the problems a route may answer, beside its successes."""
    grouped: Responses = dict(success or {})
    for kind in (*kinds, "not-ready"):
        status, title = KINDS[kind]
        schema = {"$ref": "#/components/schemas/ProblemDetails"}
        entry = grouped.setdefault(
            status, {"description": title, "content": {"application/problem+json": {"schema": schema}}}
        )
        if title not in entry["description"]:
            entry["description"] += f"; {title.lower()}"
    return grouped
