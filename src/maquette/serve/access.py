"""The dependencies of every route: the service, and who is calling."""

from __future__ import annotations

from typing import Annotated, cast

import anyio.to_thread
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from maquette.serve.auth import Caller
from maquette.serve.service import Service

_bearer = HTTPBearer(auto_error=False, description="A key from `maquette keys create`")


def service_of(request: Request) -> Service:
    """The service behind this application."""
    return cast(Service, request.app.state.service)


async def authenticate(
    request: Request, _credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The caller, counted against its rate.

    Raises:
        Problem: no-key or rate.
    """
    service = service_of(request)
    if not service.config.require_key:
        return Caller()
    header = request.headers.get("authorization")
    caller = await anyio.to_thread.run_sync(service.keys.check, header)
    service.rates.take(caller)
    return caller
