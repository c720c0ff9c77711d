"""The service on a Ray cluster: the same HTTP API and the same table of jobs, workers that come and go by demand.

Four deployments: `Web` answers requests, `Shape` and `Paint` own devices, and `Dispatcher` keeps one call to them in
flight for each job that waits or runs, so that Ray Serve's autoscaling sees the queue as it is. A call claims a job in
the table. So the truth stays in the table: a replica that dies takes no job with it, since the lease of its job runs
out and the next call claims it again.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import fields
from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from maquette.errors import SettingError
from maquette.serve.config import ServeConfig
from maquette.serve.jobs import Jobs
from maquette.serve.tables import open_database

BEAT = 0.2
MOST_CALLS = 100
"""Calls in flight for one stage; a longer queue does not make it scale further."""

logger = logging.getLogger("maquette.scale")


class Stage:
    """One replica: a worker that takes a job from the table each time it is called."""

    def __init__(self, config: ServeConfig, stages: tuple[str, ...], device: str, vram: float | None) -> None:
        from maquette.serve.store import open_store
        from maquette.serve.work import Studio
        from maquette.serve.worker import Worker

        studio = Studio(config, device=device, vram=vram, resident=1)
        if config.preload:
            studio.preload(stages)
        jobs = Jobs(open_database(config.database), config.limits)
        self.worker = Worker(
            jobs, open_store(config.storage), studio.perform, stages, device=device, loaded=studio.loaded
        )
        self._beating = self.worker.beating()
        self._beating.__enter__()

    async def work(self) -> bool:
        """Do the next job of this stage, where one waits."""
        return await asyncio.to_thread(self.worker.work_once)

    async def check_health(self) -> None:
        """Called by Serve; a replica that cannot see the table is replaced."""
        await asyncio.to_thread(self.worker.jobs.alive)

    def __del__(self) -> None:
        if hasattr(self, "_beating"):
            self._beating.__exit__(None, None, None)


class Dispatcher:
    """Keeps as many calls in flight as there are jobs to do."""

    def __init__(self, config: ServeConfig, **stages: DeploymentHandle) -> None:
        self.jobs = Jobs(open_database(config.database), config.limits)
        self.stages = stages
        self.calls: dict[str, set[asyncio.Task[None]]] = {stage: set() for stage in stages}
        self.task: asyncio.Task[None] | None = None

    async def check_health(self) -> None:
        """Called by Serve, the first time right after the start."""
        if self.task is None:
            self.task = asyncio.create_task(self._dispatch())
        elif self.task.done():
            self.task.result()
            raise RuntimeError("the dispatcher has ended")

    async def _dispatch(self) -> None:
        while True:
            try:
                wanted = await asyncio.to_thread(self.jobs.unfinished)
            except Exception:  # the database may be away for a moment
                logger.exception("the jobs cannot be counted; trying again")
                wanted = {}
            for stage, calls in self.calls.items():
                calls -= {call for call in calls if call.done()}
                for _ in range(min(wanted.get(stage, 0), MOST_CALLS) - len(calls)):
                    calls.add(asyncio.create_task(self._call(stage)))
            await asyncio.sleep(BEAT)

    async def _call(self, stage: str) -> None:
        try:
            await self.stages[stage].work.remote()
        except Exception as error:  # a replica that died; its job comes back when the lease runs out
            logger.warning("a %s replica was lost: %s", stage, " ".join(str(error).split())[:200])


def app(args: dict[str, Any]) -> Application:
    """The application that `serve deploy` builds; see deploy/ray-serve.yaml.

    Args:
        args: fields of `ServeConfig`, and `device`, `vram`. Database and storage must be reachable from every node; by
            default they are MAQUETTE_DATABASE and MAQUETTE_STORAGE.

    Raises:
        SettingError: a name is unknown, or database or storage is missing.
    """
    given = {name: os.environ.get(f"MAQUETTE_{name.upper()}") for name in ("database", "storage")}
    options = {name: value for name, value in given.items() if value} | args
    device, vram = str(options.pop("device", "auto")), options.pop("vram", None)
    known = {each.name for each in fields(ServeConfig)} - {"limits"}
    if unknown := sorted(set(options) - known):
        raise SettingError(
            f"unknown argument {unknown[0]!r}", f"the arguments are {', '.join(sorted(known))}"
        )
    if not {"database", "storage"} <= set(options):
        raise SettingError(
            "the arguments lack database or storage", "name a PostgreSQL database and a bucket"
        )
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    return build(ServeConfig(**options), device, vram)


def build(config: ServeConfig, device: str = "auto", vram: float | None = None) -> Application:
    """Web, dispatcher and one deployment for each stage; a configuration file may change their scale and resources."""
    stage_options = {
        "max_ongoing_requests": 1,
        "autoscaling_config": {"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": 1},
        "health_check_period_s": 5,
        "graceful_shutdown_timeout_s": 60,
    }
    stages = {"shape": "Shape", "paint": "Paint"} if config.painters else {"shape": "Shape"}
    handles = {
        stage: _deployment(Stage, name=name, **stage_options).bind(config, (stage,), device, vram)
        for stage, name in stages.items()
    }
    dispatcher = _deployment(
        Dispatcher, name="Dispatcher", ray_actor_options={"num_cpus": 0}, health_check_period_s=2
    ).bind(config, **handles)

    def web() -> FastAPI:
        from maquette.serve.app import create_app

        return create_app(config)

    @serve.ingress(web)
    class Web:
        def __init__(self, dispatcher: DeploymentHandle) -> None:
            self.dispatcher = dispatcher  # holds it in the application

    # It waits most of the time; and two cores have room for a replica of each stage.
    return _deployment(Web, name="Web", max_ongoing_requests=200, ray_actor_options={"num_cpus": 0}).bind(
        dispatcher
    )


def _deployment(target: type, **options: Any) -> Any:
    """Serve's own types of it are those of a decorator."""
    return serve.deployment(target, **options)


def run_service(
    config: ServeConfig, address: str | None, host: str, port: int, device: str, vram: float | None
) -> None:
    """Serve on a cluster, or on this machine alone, until interrupted.

    Raises:
        SettingError: the cluster cannot be had.
    """
    from maquette.scale.ray_batch import connect

    connect(address)
    serve.start(http_options={"host": host, "port": port})
    serve.run(build(config, device, vram), name="maquette", blocking=True)
