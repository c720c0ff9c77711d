"""The web application: routes, errors, and what goes on in the background of a web process."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from maquette._version import __version__
from maquette.errors import MaquetteError
from maquette.serve import compat, v1
from maquette.serve.access import authenticate, service_of
from maquette.serve.config import ServeConfig
from maquette.serve.metrics import Metrics
from maquette.serve.params import JobRequest
from maquette.serve.problems import Problem, ProblemDetails, as_problem
from maquette.serve.service import Service
from maquette.serve.shell import Shell, problem_response
from maquette.serve.webhooks import deliver_due

BEAT = 1.0
SWEEP = 60.0
PAGE = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "model-viewer.js": ("model-viewer.min.js.gz", "text/javascript; charset=utf-8"),
}

logger = logging.getLogger("maquette.serve")


def create_app(config: ServeConfig) -> FastAPI:
    """The application of one web process."""
    service = Service(config)
    metrics = Metrics(service.jobs)
    app = FastAPI(title="maquette", version=__version__, lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.service, app.state.metrics = service, metrics
    app.state.name = socket.gethostname()
    app.include_router(compat.router)
    app.include_router(v1.router)
    _add_operations(app)
    _add_page(app)
    for kind in (MaquetteError, OSError, SQLAlchemyError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _answer)
    if config.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=config.cors,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Location", "Retry-After", "ETag", "X-Job-Id", "X-Seed"],
        )
    app.add_middleware(Shell, config=config, metrics=metrics)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(_background(app))
    yield
    task.cancel()


async def _background(app: FastAPI) -> None:
    """Recover jobs of dead workers, call webhooks, delete what is old."""
    service: Service = app.state.service
    swept = 0.0
    while True:
        try:
            await anyio.to_thread.run_sync(service.jobs.recover)
            await deliver_due(service, app.state.metrics)
            if time.monotonic() - swept > SWEEP:
                swept = time.monotonic()
                await anyio.to_thread.run_sync(service.sweep)
        except Exception:  # the database may be away for a moment
            logger.exception("the background work failed; trying again")
        await asyncio.sleep(BEAT)


async def _answer(request: Request, error: Exception) -> Response:
    """Any error as problem details."""
    if isinstance(error, RequestValidationError):
        faults = {".".join(map(str, fault["loc"][1:])) or "body": fault["msg"] for fault in error.errors()}
        detail = "; ".join(f"{name}: {message}" for name, message in faults.items())
        return problem_response(Problem("invalid", detail, errors=faults))
    if isinstance(error, HTTPException):
        kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "malformed")
        problem = Problem(kind, f"{request.method} {request.url.path[:200]} is not known here")
        if error.status_code == 405:
            problem.headers["Allow"] = ", ".join(_allowed(request))
        return problem_response(problem)
    problem = as_problem(error)
    if problem.status == 500:
        logger.error("unexpected %s", type(error).__name__, exc_info=error)
    return problem_response(problem)


def _allowed(request: Request) -> list[str]:
    """Every method of the path, over all of its routes."""
    path = request.url.path
    fitting = [
        route for route in request.app.routes if isinstance(route, Route) and route.path_regex.match(path)
    ]
    return sorted({method for route in fitting for method in route.methods or ()})


def _add_operations(app: FastAPI) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    def readyz(request: Request) -> dict[str, Any]:
        service = service_of(request)
        try:
            alive = service.jobs.alive()
            service.store.check()
        except Exception as error:
            raise Problem(
                "not-ready", f"{type(error).__name__}: the database or the storage is away"
            ) from error
        if service.config.preload and not any(worker.ready for worker in alive):
            raise Problem("not-ready", "no worker has loaded its models yet", retry_after=2)
        return {"status": "ready", "workers": len(alive), "jobs": service.jobs.counts()}

    @app.get("/metrics", include_in_schema=False)
    def metrics(request: Request, _caller: Annotated[Any, Depends(authenticate)]) -> Response:
        return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4")


def _add_page(app: FastAPI) -> None:
    """The page's few files, from memory; browsers keep them and ask whether they have changed."""
    folder = files("maquette.serve") / "page"

    def add(path: str, name: str, media_type: str) -> None:
        data = (folder / name).read_bytes()
        etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
        headers = {"Cache-Control": "no-cache", "ETag": etag}
        if name.endswith(".gz"):
            headers["Content-Encoding"] = "gzip"

        async def answer(request: Request) -> Response:
            if request.headers.get("if-none-match") == etag:
                return Response(status_code=304, headers={"ETag": etag})
            return Response(data, headers=headers, media_type=media_type)

        app.add_api_route(f"/{path}", answer, include_in_schema=False)

    for path, (name, media_type) in PAGE.items():
        add(path, name, media_type)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description, with the models that routes read by hand."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, routes=app.routes, summary="Pictures in, 3D assets out"
        )
        place = "#/components/schemas/{model}"
        asked = JobRequest.model_json_schema(ref_template=place)
        models = schema["components"]["schemas"]
        models |= asked.pop("$defs", {}) | {"JobRequest": asked}
        models["ProblemDetails"] = ProblemDetails.model_json_schema(ref_template=place)
        models |= models["ProblemDetails"].pop("$defs", {})
        models["GenerationRequest"] = compat.generation_schema(asked)
        for path in schema["paths"].values():
            for operation in path.values():
                if not app.state.service.config.require_key:
                    operation.pop("security", None)
                    operation["responses"].pop("401", None)
                wrong = operation["responses"].get("422", {}).get("content", {})
                if "application/json" in wrong:  # FastAPI's own, which we never send
                    del wrong["application/json"]
        app.openapi_schema = schema
    return app.openapi_schema
