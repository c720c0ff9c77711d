"""API keys and what each may do. Only a hash of a key is kept.

A key is `mq_<id>_<secret>`; its secret has 256 random bits, so one SHA-256 is as good as a slow hash and costs nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from maquette.errors import SettingError
from maquette.serve.jobs import Quota
from maquette.serve.problems import Problem
from maquette.serve.tables import at_once, fact, keys

ANYBODY = "local"
"""Owner of all jobs where no key is asked for."""


@dataclass(frozen=True)
class KeyLimits:
    """What one key may do; None is without bound."""

    active_jobs: int | None = None
    jobs_per_day: int | None = None
    requests_per_minute: int | None = 600
    priority: int = 9
    """Highest priority its jobs may have."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    id: str = ANYBODY
    limits: KeyLimits = field(default_factory=lambda: KeyLimits(requests_per_minute=None))

    @property
    def quota(self) -> Quota:
        """Of jobs."""
        return Quota(self.limits.active_jobs, self.limits.jobs_per_day)


class Keys:
    """The keys of one service."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._secret = fact(engine, "webhook_secret")

    def create(self, name: str, limits: KeyLimits | None = None) -> str:
        """Make a key and return it; it cannot be had again."""
        key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = {"id": key, "name": name, "hash": _hash(secret), "created": time.time()}
        with self.engine.begin() as connection:
            connection.execute(insert(keys).values(limits=asdict(limits or KeyLimits()), **row))
        return f"mq_{key}_{secret}"

    def adopt(self, given: str) -> None:
        """Accept a key that was made elsewhere, as by `create` for another database and then kept in a secret store.

        Raises:
            SettingError: it does not look like a key.
        """
        prefix, _, rest = given.strip().partition("_")
        key, _, secret = rest.partition("_")
        if prefix != "mq" or not key or len(secret) < 32:
            raise SettingError(
                "MAQUETTE_KEY is not a key", "it must look like mq_ID_SECRET; see `maquette keys create`"
            )
        row = {"id": key, "name": "MAQUETTE_KEY", "hash": _hash(secret), "created": time.time()}
        with suppress(IntegrityError), self.engine.begin() as connection:  # there already, or revoked
            connection.execute(insert(keys).values(limits=asdict(KeyLimits()), **row))

    def revoke(self, key: str) -> bool:
        """Make a key worthless at once; False where there is none of that id."""
        with self.engine.begin() as connection:
            change = update(keys).where(keys.c.id == key).values(revoked=time.time())
            return connection.execute(change).rowcount > 0

    def list(self) -> list[Row[Any]]:
        """All keys, the revoked ones too."""
        with at_once(self.engine) as connection:
            return list(connection.execute(select(keys).order_by(keys.c.created)))

    def check(self, header: str | None) -> Caller:
        """The caller behind an Authorization header.

        Raises:
            Problem: no-key.
        """
        scheme, _, token = (header or "").partition(" ")
        prefix, _, rest = token.strip().partition("_")
        key, _, secret = rest.partition("_")
        row = None
        if scheme.lower() == "bearer" and prefix == "mq":
            with at_once(self.engine) as connection:
                row = connection.execute(select(keys).where(keys.c.id == key)).one_or_none()
        # Hashed and compared whether or not the key exists, so that time tells nothing.
        matches = hmac.compare_digest(_hash(secret), row.hash if row else _hash(""))
        if row is None or row.revoked or not matches:
            given = "the key is not valid or was revoked" if header else "there is no key"
            raise Problem("no-key", f"{given}; send Authorization: Bearer mq_...")
        return Caller(row.id, KeyLimits(**row.limits))

    def webhook_secret(self, key: str = ANYBODY) -> str:
        """What webhooks about a key's jobs are signed with."""
        return "whsec_" + hmac.new(self._secret.encode(), key.encode(), hashlib.sha256).hexdigest()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class RateLimiter:
    """A bucket of requests for each caller, which fills evenly. Counts within one web process."""

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def take(self, caller: Caller) -> None:
        """Count one request.

        Raises:
            Problem: rate.
        """
        per_minute = caller.limits.requests_per_minute
        if per_minute is None:
            return
        now = time.monotonic()
        with self._lock:
            level, last = self._levels.get(caller.id, (float(per_minute), now))
            level = min(per_minute, level + (now - last) * per_minute / 60)
            self._levels[caller.id] = (max(level - 1, 0) if level >= 1 else level, now)
        if level < 1:
            raise Problem(
                "rate",
                f"this key may send {per_minute} requests a minute",
                retry_after=(1 - level) * 60 / per_minute,
            )
