"""The queue: every change of a job's state is one transaction on its row.

A worker claims a job for a lease and renews it with each heartbeat. When the lease runs out, the job goes back into
the queue, and after too many such attempts it fails with that reason. A worker that lost its lease cannot finish the
job any more, because every write names the worker and the attempt.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, case, delete, func, insert, or_, select, update

from maquette.serve.config import Limits
from maquette.serve.problems import Problem
from maquette.serve.tables import at_once, deliveries, jobs, lock, workers

STATES = ("queued", "running", "succeeded", "failed", "cancelled")
FINAL = ("succeeded", "failed", "cancelled")
LOADED_FIRST_FOR = 60.0
"""Seconds a job may be passed over by jobs whose model is loaded already."""
GUESSED_SECONDS = 15.0
"""How long a job takes, before any has finished."""

Job = Row[Any]
"""One row of the jobs table, its columns as attributes."""


@dataclass(frozen=True)
class NewJob:
    """A job to queue; its inputs are in the store already."""

    owner: str
    stage: str
    model: str
    request: Mapping[str, Any]
    files: Mapping[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    aliases: Mapping[str, str] = field(default_factory=dict)
    priority: int = 5
    idempotency_key: str | None = None
    fingerprint: str | None = None
    webhook: str | None = None


@dataclass(frozen=True)
class Quota:
    """What one owner may have; None is without bound."""

    active: int | None = None
    per_day: int | None = None


class Jobs:
    """The queue of one service."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self.engine = engine
        self.limits = limits

    # What clients do

    def submit(self, new: NewJob, quota: Quota | None = None) -> Job:
        """Queue a job; or, where its idempotency key was used before, give that job back.

        Raises:
            Problem: queue-full, quota, or conflict (the idempotency key belongs to another request).
        """
        with self.engine.begin() as connection:
            lock(connection, 2)  # counting and inserting must not interleave
            if earlier := self._earlier(connection, new.owner, new.idempotency_key, new.fingerprint):
                return earlier
            self._check_room(connection)
            if quota:
                self._check_quota(connection, new.owner, quota)
            row = insert(jobs).values(state="queued", created=time.time(), **vars(new)).returning(jobs)
            return connection.execute(row).one()

    def check_room(self) -> None:
        """Raise queue-full before a client's upload is stored for nothing."""
        with at_once(self.engine) as connection:
            self._check_room(connection)

    def earlier(self, owner: str, idempotency_key: str | None, fingerprint: str) -> Job | None:
        """The job that an idempotency key already stands for.

        Raises:
            Problem: conflict, where the key came with another request.
        """
        with at_once(self.engine) as connection:
            return self._earlier(connection, owner, idempotency_key, fingerprint)

    def get(self, job: str, owner: str | None = None) -> Job | None:
        """A job, if it is there and belongs to the owner (None: anybody's)."""
        mine = jobs.c.owner == owner if owner is not None else jobs.c.owner.is_not(None)
        with at_once(self.engine) as connection:
            return connection.execute(select(jobs).where(jobs.c.id == job, mine)).one_or_none()

    def page(
        self, owner: str, state: str | None = None, before: int | None = None, limit: int = 20
    ) -> list[Job]:
        """An owner's jobs, newest first, older than the place `before`."""
        query = select(jobs).where(jobs.c.owner == owner).order_by(jobs.c.seq.desc()).limit(limit)
        if state:
            query = query.where(jobs.c.state == state)
        if before is not None:
            query = query.where(jobs.c.seq < before)
        with at_once(self.engine) as connection:
            return list(connection.execute(query))

    def position(self, job: Job) -> int:
        """Which place a queued job has, 1 being the next."""
        ahead = or_(
            jobs.c.priority > job.priority, and_(jobs.c.priority == job.priority, jobs.c.seq < job.seq)
        )
        query = select(func.count()).where(jobs.c.state == "queued", jobs.c.stage == job.stage, ahead)
        with at_once(self.engine) as connection:
            return 1 + int(connection.scalar(query) or 0)

    def cancel(self, job: str) -> None:
        """End a queued job at once; ask the worker of a running one to stop. A finished job stays as it is."""
        with self.engine.begin() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job).with_for_update()).one_or_none()
            if row and row.state == "queued":
                self._end(connection, jobs.c.seq == row.seq, "cancelled")
            elif row and row.state == "running":
                change = {"cancel": True, "version": row.version + 1}
                connection.execute(update(jobs).where(jobs.c.seq == row.seq).values(change))

    def usual_seconds(self) -> float:
        """How long the last jobs took."""
        recent = select(jobs.c.finished - jobs.c.started).where(jobs.c.state == "succeeded")
        with at_once(self.engine) as connection:
            return self._usual_seconds(connection, recent)

    # What workers do

    def claim(self, worker: str, stages: Sequence[str], loaded: Sequence[str] = ()) -> Job | None:
        """Take the next job: by priority, then those whose model is loaded, then the oldest."""
        now = time.time()
        at_hand = or_(jobs.c.model.in_(list(loaded)), jobs.c.created < now - LOADED_FIRST_FOR)
        order = (jobs.c.priority.desc(), case((at_hand, 0), else_=1), jobs.c.seq)
        chosen = (
            select(jobs.c.seq)
            .where(jobs.c.state == "queued", jobs.c.stage.in_(list(stages)))
            .order_by(*(order if loaded else (jobs.c.priority.desc(), jobs.c.seq)))
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        values = {
            "state": "running",
            "worker": worker,
            "lease": now + self.limits.lease,
            "started": func.coalesce(jobs.c.started, now),
            "attempts": jobs.c.attempts + 1,
            "version": jobs.c.version + 1,
        }
        with at_once(self.engine) as connection:
            taken = update(jobs).where(jobs.c.seq == chosen).values(values).returning(jobs)
            return connection.execute(taken).one_or_none()

    def beat(
        self, job: Job, progress: Mapping[str, Any], log: str = "", files: Mapping[str, Any] | None = None
    ) -> str | None:
        """Renew the lease and tell how far the work is; returns why it must stop, if it must: cancelled or lost."""
        values = {
            "lease": time.time() + self.limits.lease,
            "progress": dict(progress),
            "log": jobs.c.log + log,
            "version": jobs.c.version + 1,
        } | ({"files": dict(files)} if files is not None else {})
        with at_once(self.engine) as connection:
            row = connection.execute(
                update(jobs).where(_held(job)).values(values).returning(jobs.c.cancel)
            ).one_or_none()
        return "lost" if row is None else "cancelled" if row.cancel else None

    def finish(self, job: Job, state: str, log: str = "", **values: Any) -> bool:
        """End a job; False where the lease was lost meanwhile and nothing was changed."""
        with self.engine.begin() if job.webhook else at_once(self.engine) as connection:
            return self._end(connection, _held(job), state, log=jobs.c.log + log, **values)

    def pass_on(
        self, job: Job, stage: str, log: str = "", *, keep: bool = False, **values: Any
    ) -> Job | None:
        """Send a job to its next stage: kept by this worker, or queued for another."""
        held = {"state": "running"} if keep else {"state": "queued", "worker": None, "lease": None}
        values = {"stage": stage, "log": jobs.c.log + log, "version": jobs.c.version + 1} | held | values
        with at_once(self.engine) as connection:
            changed = update(jobs).where(_held(job)).values(values).returning(jobs)
            return connection.execute(changed).one_or_none()

    def release(self, job: Job, log: str) -> None:
        """Give a job back as if it had never been claimed, because its worker is told to stop."""
        self.pass_on(job, job.stage, log, attempts=jobs.c.attempts - 1, progress=None)

    # What time does

    def recover(self) -> int:
        """Take jobs away from workers whose lease ran out; returns how many."""
        expired = and_(jobs.c.state == "running", jobs.c.lease < time.time())
        with at_once(self.engine) as connection:  # nearly always none, and then nothing is locked
            if connection.scalar(select(jobs.c.seq).where(expired).limit(1)) is None:
                return 0
        with self.engine.begin() as connection:
            rows = connection.execute(select(jobs).where(expired).with_for_update(skip_locked=True)).all()
            for row in rows:
                lost = f"the worker {row.worker} stopped answering in attempt {row.attempts}"
                this = jobs.c.seq == row.seq
                if row.cancel:
                    self._end(connection, this, "cancelled")
                elif row.attempts >= self.limits.attempts:
                    error = Problem("worker-lost", f"{lost} of {self.limits.attempts}").as_json()
                    self._end(connection, this, "failed", error=error)
                else:
                    values = {"state": "queued", "worker": None, "lease": None, "progress": None}
                    values |= {"log": f"{row.log}{lost}; queued again\n", "version": row.version + 1}
                    connection.execute(update(jobs).where(this).values(values))
        return len(rows)

    def forget(self, older_than: float, limit: int = 100) -> list[Job]:
        """Delete the rows of jobs that finished before a time, and return them so that their files can go too."""
        old = and_(jobs.c.state.in_(FINAL), jobs.c.finished < older_than)
        with self.engine.begin() as connection:
            rows = connection.execute(
                select(jobs).where(old).limit(limit).with_for_update(skip_locked=True)
            ).all()
            connection.execute(delete(deliveries).where(deliveries.c.job.in_([row.id for row in rows])))
            connection.execute(delete(jobs).where(jobs.c.seq.in_([row.seq for row in rows])))
        return list(rows)

    # Who works

    def announce(
        self, worker: str, stages: Sequence[str], device: str, *, ready: bool, loaded: Sequence[str]
    ) -> None:
        """Write down that a worker is alive."""
        now = time.time()
        values = {"seen": now, "ready": ready, "loaded": list(loaded), "device": device}
        with self.engine.begin() as connection:
            if not connection.execute(update(workers).where(workers.c.id == worker).values(values)).rowcount:
                connection.execute(
                    insert(workers).values(id=worker, stages=list(stages), started=now, **values)
                )
                connection.execute(delete(workers).where(workers.c.seen < now - 86400))

    def leave(self, worker: str) -> None:
        """Write down that a worker has ended."""
        with self.engine.begin() as connection:
            connection.execute(delete(workers).where(workers.c.id == worker))

    def alive(self) -> list[Job]:
        """The workers heard of within a lease."""
        with at_once(self.engine) as connection:
            seen = workers.c.seen > time.time() - max(self.limits.lease, 5)
            return list(connection.execute(select(workers).where(seen)))

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state."""
        with at_once(self.engine) as connection:
            found = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state))
            return dict.fromkeys(STATES, 0) | {state: count for state, count in found}

    def unfinished(self) -> dict[str, int]:
        """How many jobs wait or run in each stage."""
        active = jobs.c.state.in_(("queued", "running"))
        with at_once(self.engine) as connection:
            found = connection.execute(
                select(jobs.c.stage, func.count()).where(active).group_by(jobs.c.stage)
            )
            return {stage: count for stage, count in found}

    # Inside

    def _earlier(
        self, connection: Connection, owner: str, key: str | None, fingerprint: str | None
    ) -> Job | None:
        if key is None:
            return None
        query = select(jobs).where(jobs.c.owner == owner, jobs.c.idempotency_key == key)
        found = connection.execute(query).one_or_none()
        if found and found.fingerprint != fingerprint:
            raise Problem(
                "conflict", f"Idempotency-Key {key!r} was used with another request; use a new key for each"
            )
        return found

    def _check_room(self, connection: Connection) -> None:
        waiting = connection.scalar(select(func.count()).where(jobs.c.state == "queued")) or 0
        if waiting >= self.limits.queue:
            recent = select(jobs.c.finished - jobs.c.started).where(jobs.c.state == "succeeded")
            retry = self._usual_seconds(connection, recent)
            raise Problem(
                "queue-full",
                f"{waiting} jobs are waiting, which is all this server queues",
                retry_after=retry,
            )

    def _check_quota(self, connection: Connection, owner: str, quota: Quota) -> None:
        mine = select(func.count()).where(jobs.c.owner == owner)
        if quota.active is not None:
            active = connection.scalar(mine.where(jobs.c.state.in_(("queued", "running")))) or 0
            if active >= quota.active:
                raise Problem("quota", f"this key has {active} jobs under way, its quota", retry_after=10)
        if quota.per_day is not None:
            now = time.time()
            today = select(func.count(), func.min(jobs.c.created)).where(
                jobs.c.owner == owner, jobs.c.created > now - 86400
            )
            count, oldest = connection.execute(today).one()
            if count >= quota.per_day:
                raise Problem(
                    "quota",
                    f"this key made {count} jobs within a day, its quota",
                    retry_after=oldest + 86400 - now,
                )

    def _usual_seconds(self, connection: Connection, recent: Any) -> float:
        last = recent.order_by(jobs.c.finished.desc()).limit(10)
        times = [seconds for (seconds,) in connection.execute(last) if seconds]
        return sum(times) / len(times) if times else GUESSED_SECONDS

    def _end(self, connection: Connection, where: Any, state: str, **values: Any) -> bool:
        values |= {"state": state, "finished": time.time(), "version": jobs.c.version + 1, "lease": None}
        ended = update(jobs).where(where).values(values).returning(jobs.c.id, jobs.c.webhook)
        row = connection.execute(ended).one_or_none()
        if row and row.webhook:
            connection.execute(insert(deliveries).values(id=str(uuid.uuid4()), job=row.id, due=time.time()))
        return row is not None


def _held(job: Job) -> Any:
    """True for the row of a job only while this very claim of it stands."""
    return and_(
        jobs.c.seq == job.seq,
        jobs.c.state == "running",
        jobs.c.worker == job.worker,
        jobs.c.attempts == job.attempts,
    )
