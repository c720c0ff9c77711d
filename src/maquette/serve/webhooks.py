"""Telling a client's server that a job has ended.

Signed as the Standard Webhooks describe: `webhook-signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body>`. The
id stays the same over retries, so a receiver can ignore what it has seen.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from typing import Any

import anyio.to_thread
import httpx
from sqlalchemy import Row, select, update

from maquette.serve.metrics import Metrics
from maquette.serve.outside import TIMEOUT, call, resolve
from maquette.serve.problems import Problem
from maquette.serve.service import Service
from maquette.serve.tables import at_once, deliveries, jobs
from maquette.serve.v1 import view

RETRY_AFTER = (5.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds until the next attempt, after each that failed; then it is given up."""
_IN_FLIGHT = 60.0

logger = logging.getLogger("maquette.serve.webhooks")


def sign(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`; the whole secret, `whsec_` included, is the key."""
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


async def deliver_due(service: Service, metrics: Metrics) -> None:
    """Send every webhook whose time has come."""
    for row in await anyio.to_thread.run_sync(_take_due, service):
        outcome = await _send(service, row)
        metrics.webhook("delivered" if outcome is None else "failed")
        await anyio.to_thread.run_sync(_note, service, row, outcome)


def _take_due(service: Service) -> list[Row[Any]]:
    """Deliveries to make now; no other web process takes them meanwhile."""
    due = select(deliveries.c.id).where(deliveries.c.due < time.time())
    with at_once(service.engine) as connection:
        if connection.scalar(due.limit(1)) is None:
            return []
        chosen = due.limit(20).with_for_update(skip_locked=True)
        change = (
            update(deliveries)
            .where(deliveries.c.id.in_(chosen))
            .values(due=time.time() + _IN_FLIGHT, attempts=deliveries.c.attempts + 1)
        )
        return list(connection.execute(change.returning(deliveries)))


async def _send(service: Service, row: Row[Any]) -> str | None:
    """Make one call; returns what went wrong, if anything did."""
    job = await service.get(row.job)
    body = json.dumps({"type": f"job.{job.state}", "data": await view(service, job)}).encode()
    now = int(time.time())
    secret = service.keys.webhook_secret(job.owner)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "maquette",
        "webhook-id": row.id,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(secret, row.id, now, body),
    }
    try:
        address = await anyio.to_thread.run_sync(
            resolve, "webhook_url", job.webhook, service.config.webhook_hosts
        )
        async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
            answer = await call(client, "POST", job.webhook, address, headers, body)
        return None if answer.is_success else f"answered {answer.status_code}"
    except (httpx.HTTPError, Problem) as error:
        return str(error) or type(error).__name__


def _note(service: Service, row: Row[Any], outcome: str | None) -> None:
    again = RETRY_AFTER[row.attempts - 1] if outcome and row.attempts <= len(RETRY_AFTER) else None
    line = f"webhook {'delivered' if outcome is None else 'failed: ' + outcome}, attempt {row.attempts}\n"
    logger.info(line.strip(), extra={"job": row.job})
    with service.engine.begin() as connection:
        due = None if again is None else time.time() + again
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id == row.id)
            .values(due=due, outcome=outcome or "delivered")
        )
        connection.execute(update(jobs).where(jobs.c.id == row.job).values(log=jobs.c.log + line))
