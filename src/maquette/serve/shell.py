"""The outermost layer: who may talk to us from where, how much they may send, and one log line for each request.

Plain ASGI, because it must see every byte that comes in and every answer that goes out, streams included.
"""

from __future__ import annotations

import logging
import time
import uuid
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maquette.serve.config import ServeConfig
from maquette.serve.metrics import Metrics
from maquette.serve.problems import Problem

LOOPBACK = ("localhost", "127.0.0.1", "::1")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' blob: data:; connect-src 'self' blob: data:; worker-src 'self' blob:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
}

logger = logging.getLogger("maquette.serve.http")


class Shell:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, config: ServeConfig, metrics: Metrics) -> None:
        self.app, self.config, self.metrics = app, config, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        answered = {"status": 500}

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        request_id = uuid.uuid4().hex[:16]
        try:
            self._admit(Headers(scope=scope), scope["method"])
            await self.app(scope, self._limited(receive), send_marked)
        except Problem as problem:  # from `_admit` only: the application answers its own
            await problem_response(problem)(scope, receive, send_marked)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unknown")
            self.metrics.request(scope["method"], route, answered["status"], seconds)
            extra = {"request": request_id, "status": answered["status"], "ms": round(1000 * seconds, 1)}
            logger.info("%s %s", scope["method"], scope["path"][:200], extra=extra)

    def _admit(self, headers: Headers, method: str) -> None:
        """Refuse what a web page of somebody else could send, and bodies that say they are too large."""
        host = urlsplit(f"//{headers.get('host', '')}")
        name = _hostname(headers.get("host", ""))
        if not self.config.require_key and name not in LOOPBACK:
            raise Problem(
                "forbidden", "without keys this server answers only to localhost; start it with --auth"
            )
        origin = headers.get("origin")
        if origin and method not in ("GET", "HEAD", "OPTIONS"):
            same = urlsplit(origin).netloc == host.netloc
            if not same and origin not in self.config.cors:
                raise Problem("forbidden", "this server takes no requests from other sites; see --cors")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.config.limits.body:
            raise self._too_large()

    def _limited(self, receive: Receive) -> Receive:
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.config.limits.body:
                raise self._too_large()
            return message

        return counting

    def _too_large(self) -> Problem:
        return Problem("too-large", f"the request has more than the {self.config.limits.body} bytes allowed")


def problem_response(problem: Problem) -> JSONResponse:
    """A problem as an answer."""
    return JSONResponse(
        problem.as_json(), problem.status, problem.headers, media_type="application/problem+json"
    )


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
