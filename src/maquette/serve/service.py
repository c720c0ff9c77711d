"""What every endpoint shares: the parts of one running service, and how a request becomes a job."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from typing import Any

import anyio.to_thread

from maquette.serve.auth import Caller, Keys, RateLimiter
from maquette.serve.config import ServeConfig
from maquette.serve.inputs import collect
from maquette.serve.jobs import FINAL, Job, Jobs, NewJob
from maquette.serve.outside import resolve
from maquette.serve.params import JobRequest, writable_formats
from maquette.serve.problems import Problem
from maquette.serve.store import open_store
from maquette.serve.tables import open_database
from maquette.serve.worker import describe_file
from maquette.zoo.catalog import list_models

NOT_KEPT = {"image", "images", "image_url", "mesh", "webhook_url", "priority"}


class Service:
    """A database, a store, keys and limits; made once for each web process."""

    def __init__(self, config: ServeConfig) -> None:
        self.config = config
        self.engine = open_database(config.database)
        self.store = open_store(config.storage)
        self.jobs = Jobs(self.engine, config.limits)
        self.keys = Keys(self.engine)
        if given := os.environ.get("MAQUETTE_KEY"):
            self.keys.adopt(given)
        self.rates = RateLimiter()
        self.stopping = asyncio.Event()

    async def submit(
        self,
        caller: Caller,
        asked: JobRequest,
        uploads: dict[str, bytes],
        aliases: Mapping[str, str],
        idempotency_key: str | None = None,
    ) -> Job:
        """Check a request, store its inputs and queue it.

        Raises:
            Problem: anything that is wrong with it, or that there is no room.
        """
        fingerprint = _fingerprint(asked, uploads)
        request = self._resolve(asked, caller)
        if asked.webhook_url:
            await anyio.to_thread.run_sync(
                resolve, "webhook_url", asked.webhook_url, self.config.webhook_hosts
            )
        if earlier := await anyio.to_thread.run_sync(
            self.jobs.earlier, caller.id, idempotency_key, fingerprint
        ):
            return earlier
        await anyio.to_thread.run_sync(self.jobs.check_room)
        inputs = await collect(asked, uploads, self.config.image_hosts, self.config.limits.body)
        new = NewJob(
            owner=caller.id,
            stage="paint" if "mesh" in inputs else "shape",
            model=request["model"],
            request=request,
            files={},
            aliases=aliases,
            priority=asked.priority,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint,
            webhook=asked.webhook_url,
        )
        return await anyio.to_thread.run_sync(self._queue, new, inputs, caller)

    def _queue(self, new: NewJob, inputs: dict[str, bytes], caller: Caller) -> Job:
        files = {
            name: describe_file(f"{new.id}/input/{name}", data, "application/octet-stream", "input")
            for name, data in inputs.items()
        }
        try:
            for name, data in inputs.items():
                self.store.put(files[name]["key"], data)
            job = self.jobs.submit(NewJob(**(vars(new) | {"files": files})), caller.quota)
        except BaseException:
            self.store.delete(new.id)
            raise
        if job.id != new.id:  # somebody with the same idempotency key was faster
            self.store.delete(new.id)
        return job

    def _resolve(self, asked: JobRequest, caller: Caller) -> dict[str, Any]:
        """The parameters with the server's choices filled in."""
        config = self.config
        faults = {}
        if asked.model is not None and asked.model not in config.models:
            faults["model"] = f"must be one of {', '.join(config.models)}"
        if asked.painter is not None and asked.painter not in config.painters:
            faults["painter"] = (
                f"must be one of {', '.join(config.painters) or '(this server paints nothing)'}"
            )
        if asked.texture and not config.painters:
            faults["texture"] = "this server paints nothing; send false"
        if asked.text is not None and config.text_to_image is None:
            faults["text"] = "this server has no text-to-image model; send a picture"
        if missing := sorted(set(asked.formats) - set(writable_formats())):
            faults["formats"] = f"this server cannot write {', '.join(missing)}; it lacks their packages"
        if asked.priority > caller.limits.priority:
            faults["priority"] = f"is at most {caller.limits.priority} for this key"
        if faults:
            detail = "; ".join(f"{name}: {message}" for name, message in faults.items())
            raise Problem("invalid", detail, errors=faults)
        request = asked.model_dump(exclude=NOT_KEPT)
        request["model"] = asked.model or self._model_for(asked)
        request["texture"] = bool(config.painters) if asked.texture is None else asked.texture
        request["painter"] = (asked.painter or config.painters[0]) if request["texture"] else None
        request["seed"] = secrets.randbelow(2**32) if asked.seed is None else asked.seed
        return request

    def _model_for(self, asked: JobRequest) -> str:
        """The default model; of several views, the first model that looks at all of them."""
        several = asked.images is not None and len(asked.images.model_dump(exclude_none=True)) > 1
        looks_at_all = {entry.name for entry in list_models() if entry.views}
        fitting = [name for name in self.config.models if name in looks_at_all] if several else []
        return (fitting or self.config.models)[0]

    async def wait(self, job: Job) -> Job:
        """The job once it has ended.

        Raises:
            Problem: not-ready, where the server stops first.
        """
        pause = 0.03
        while job.state not in FINAL:
            if self.stopping.is_set():
                raise Problem("not-ready", f"the server is stopping; job {job.id} is kept", retry_after=5)
            await asyncio.sleep(pause)
            pause = min(0.4, pause * 1.3)
            job = await self.get(job.id)
        return job

    async def get(self, job: str, owner: str | None = None) -> Job:
        """A job by its id.

        Raises:
            Problem: not-found, also where it belongs to somebody else.
        """
        found = await anyio.to_thread.run_sync(self.jobs.get, job, owner)
        if found is None:
            raise Problem("not-found", f"there is no job {job[:40]!r}")
        return found

    def sweep(self) -> None:
        """Delete what is older than it may get."""
        days = self.config.limits.keep_days
        while days and (rows := self.jobs.forget(time.time() - days * 86400)):
            for row in rows:
                self.store.delete(row.id)


def _fingerprint(asked: JobRequest, uploads: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(json.dumps(asked.model_dump(), sort_keys=True).encode())
    for name in sorted(uploads):
        digest.update(name.encode() + hashlib.sha256(uploads[name]).digest())
    return digest.hexdigest()
