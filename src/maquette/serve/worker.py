"""The worker: claims jobs one at a time, does their work, and keeps the lease alive from a second thread.

The working thread only reads a flag; the pulse writes to the database. So a slow database never slows the work, and a
job can be stopped between any two calls that report progress.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from maquette.errors import MaquetteError
from maquette.serve.jobs import Job, Jobs
from maquette.serve.problems import Problem, as_problem
from maquette.serve.store import Store

PULSE = 0.5
IDLE = 0.2
RECOVER = 1.0
STUCK_AFTER = 30.0
"""Seconds a job that must stop may go on before its worker ends itself; its supervisor starts another."""
STUCK_EXIT = 75

# Rough shares of the time, for a bar that moves evenly; steps that a job has no use for are simply skipped.
SHARES = {
    "text": 10,
    "load": 4,
    "picture": 8,
    "condition": 3,
    "denoise": 30,
    "decode": 20,
    "mesh": 10,
    "unwrap": 10,
    "relight": 3,
    "upscale": 5,
    "paint": 25,
    "write": 3,
}

PAINTING = ("unwrap", "relight", "upscale", "paint")

logger = logging.getLogger("maquette.serve.worker")


class Stopped(BaseException):
    """Raised inside the work to end it; not an Exception, so that no handler on the way swallows it."""


class Task:
    """One claimed job, as the code that does its work sees it."""

    def __init__(self, job: Job, store: Store) -> None:
        self.job = job
        self.store = store
        self.files: dict[str, Any] = dict(job.files)
        self.result: dict[str, Any] = dict(job.result or {})
        self.progress: dict[str, Any] = dict(job.progress or {"step": "start", "fraction": 0.0})
        self.started = time.monotonic()
        self.must_stop: str | None = None
        self.stop_since = 0.0
        self._log: list[str] = []

    def read(self, name: str) -> bytes:
        """The bytes of one of the job's files."""
        return self.store.get(self.files[name]["key"])

    def write(self, name: str, data: bytes, media_type: str, role: str = "output") -> None:
        """Keep a file with the job; clients see it at the next heartbeat."""
        entry = describe_file(f"{self.job.id}/{self.job.attempts}/{name}", data, media_type, role)
        self.store.put(entry["key"], data)
        self.files = {**self.files, name: entry}

    def report(self, step: str, done: int, total: int) -> None:
        """Progress, as the pipelines tell it; raises `Stopped` where the job must end."""
        used = [step for step in SHARES if self.job.request.get("texture") or step not in PAINTING]
        share = SHARES.get(step, 0) * (done / total if total else 0)
        before = sum(SHARES[s] for s in used[: used.index(step)]) if step in used else 0
        fraction = (before + share) / sum(SHARES[s] for s in used)
        if step != self.progress["step"]:
            self.log(step)
        self.progress = {"step": step, "fraction": round(max(fraction, self.progress["fraction"]), 4)}
        self.check()

    def check(self) -> None:
        """Raise `Stopped` where the job must end."""
        if self.must_stop:
            raise Stopped(self.must_stop)

    def stop(self, reason: str) -> None:
        """Ask the work to end: cancelled, lost, timeout or shutdown."""
        if self.must_stop is None:
            self.must_stop, self.stop_since = reason, time.monotonic()

    def log(self, line: str) -> None:
        """A line for the job's log, which its owner can read."""
        self._log.append(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}\n")

    def take_log(self) -> str:
        """The lines since the last call."""
        lines, self._log = self._log, []
        return "".join(lines)


def describe_file(key: str, data: bytes, media_type: str, role: str) -> dict[str, Any]:
    """A file's entry in its job."""
    digest = hashlib.sha256(data).hexdigest()
    return {"key": key, "size": len(data), "sha256": digest, "type": media_type, "role": role}


class Worker:
    """Works through the queue until it is told to stop.

    Args:
        jobs: the queue.
        store: where files are.
        perform: does the work of one stage of a job.
        stages: the stages it can do.
        device: what it runs on, for people.
        loaded: the models it has in memory at the moment.
        grace: seconds a running job may take to finish once the worker is told to stop.
    """

    def __init__(
        self,
        jobs: Jobs,
        store: Store,
        perform: Callable[[Task], None],
        stages: Sequence[str] = ("shape", "paint"),
        *,
        device: str = "",
        loaded: Callable[[], list[str]] = list,
        grace: float = 20.0,
    ) -> None:
        self.id = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self.jobs, self.store, self.perform = jobs, store, perform
        self.stages, self.device, self.loaded, self.grace = tuple(stages), device, loaded, grace
        self.task: Task | None = None
        self.stopping = threading.Event()
        self._stop_by = float("inf")
        self._recovered = float("-inf")
        self._parent = os.getppid()

    def stop(self) -> None:
        """Take no more jobs; end the running one within the grace."""
        self._stop_by = time.monotonic() + self.grace
        self.stopping.set()

    def run(self, *, follow_parent: bool = False) -> None:
        """Work until told to stop.

        Args:
            follow_parent: stop when the process that started this one has died.
        """
        with self.beating(follow_parent=follow_parent):
            while not self.stopping.is_set():
                if not self.work_once():
                    self.stopping.wait(IDLE)

    def work_once(self) -> bool:
        """Do one job's stages that are this worker's, where a job waits; whether there was one. Within `beating`."""
        if time.monotonic() - self._recovered > RECOVER:
            self.jobs.recover()
            self._recovered = time.monotonic()
        job = self.jobs.claim(self.id, self.stages, self.loaded())
        found = job is not None
        while job is not None:
            job = self._work(job)
        return found

    @contextmanager
    def beating(self, *, follow_parent: bool = False) -> Iterator[None]:
        """Keep the lease of the running job alive, and say that this worker is."""
        ended = threading.Event()
        pulse = threading.Thread(target=self._pulse, args=(ended, follow_parent), daemon=True)
        pulse.start()
        try:
            yield
        finally:
            ended.set()
            pulse.join(5)
            self.jobs.leave(self.id)

    def _work(self, job: Job) -> Job | None:
        """Do one stage of one job; returns the job where its next stage is this worker's too."""
        task = Task(job, self.store)
        extra = {"job": job.id}
        logger.info("%s started, attempt %d", job.stage, job.attempts, extra=extra)
        self.task = task
        try:
            self.perform(task)
            task.check()
        except Stopped as stopped:
            self._conclude(task, str(stopped))
            logger.info("%s %s", job.stage, stopped, extra=extra)
            return None
        except Exception as error:
            self._fail(task, error)
            return None
        finally:
            self.task = None
        logger.info("%s done in %.2f s", job.stage, time.monotonic() - task.started, extra=extra)
        values = {"files": task.files, "result": task.result}
        if job.stage == "shape" and job.request.get("texture"):
            keep = "paint" in self.stages and not self.stopping.is_set()
            after = self.jobs.pass_on(
                job, "paint", task.take_log(), keep=keep, progress=task.progress, **values
            )
            return after if keep else None
        progress = {"step": "done", "fraction": 1.0}
        self.jobs.finish(job, "succeeded", task.take_log(), progress=progress, **values)
        return None

    def _conclude(self, task: Task, reason: str) -> None:
        """Write down why a job was stopped."""
        if reason == "cancelled":
            self.jobs.finish(task.job, "cancelled", task.take_log())
        elif reason == "timeout":
            seconds = self.jobs.limits.job_seconds
            error = Problem("timeout", f"the job ran longer than the {seconds:g} s allowed").as_json()
            self.jobs.finish(task.job, "failed", task.take_log(), error=error)
        elif reason == "shutdown":
            self.jobs.release(task.job, task.take_log() + "the worker was told to stop; queued again\n")

    def _fail(self, task: Task, error: Exception) -> None:
        job, problem = task.job, as_problem(error)
        logger.warning(
            "%s failed: %s", job.stage, error, extra={"job": job.id}, exc_info=problem.status == 500
        )
        task.log(problem.detail)
        if (
            not isinstance(error, MaquetteError)
            and problem.status == 500
            and job.attempts < self.jobs.limits.attempts
        ):
            again = f"queued again after attempt {job.attempts} of {self.jobs.limits.attempts}"
            task.log(again)
            self.jobs.pass_on(job, job.stage, task.take_log(), progress=None)
            return
        self.jobs.finish(job, "failed", task.take_log(), error=problem.as_json(), files=task.files)

    def _pulse(self, ended: threading.Event, follow_parent: bool) -> None:
        announced = 0.0
        while not ended.wait(PULSE if announced else 0):
            try:
                if follow_parent and os.getppid() != self._parent and not self.stopping.is_set():
                    self.stop()
                if time.monotonic() - announced > 2.0:
                    self.jobs.announce(self.id, self.stages, self.device, ready=True, loaded=self.loaded())
                    announced = time.monotonic()
                if task := self.task:
                    self._beat(task)
            except Exception:  # a database that is away for a moment must not end the work
                logger.exception("the heartbeat failed")

    def _beat(self, task: Task) -> None:
        reason = self.jobs.beat(task.job, task.progress, task.take_log(), task.files)
        now = time.monotonic()
        if now - task.started > self.jobs.limits.job_seconds:
            reason = reason or "timeout"
        if now > self._stop_by:
            reason = reason or "shutdown"
        if reason and self.task is task:
            task.stop(reason)
        if task.must_stop and now - task.stop_since > STUCK_AFTER and self.task is task:
            logger.error("stuck; ending the process", extra={"job": task.job.id})
            self._conclude(task, task.must_stop)
            self.jobs.leave(self.id)
            os._exit(STUCK_EXIT)
