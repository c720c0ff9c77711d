"""What Prometheus reads: requests of this web process, and the state of the whole service from its tables."""

from __future__ import annotations

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from maquette.serve.jobs import FINAL, Jobs
from maquette.serve.tables import at_once
from maquette.serve.tables import jobs as table


class Metrics(Collector):
    """The metrics of one web process."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.registry = CollectorRegistry()
        names = ["method", "route", "status"]
        self._requests = Counter("maquette_http_requests", "Requests answered", names, registry=self.registry)
        self._seconds = Histogram(
            "maquette_http_request_seconds",
            "Time to the end of the answer",
            ["route"],
            registry=self.registry,
        )
        self._job_seconds = Histogram(
            "maquette_job_seconds",
            "Time from start to end of jobs",
            ["state", "model"],
            buckets=(1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280),
            registry=self.registry,
        )
        self._webhooks = Counter("maquette_webhooks", "Webhook calls", ["outcome"], registry=self.registry)
        self._seen = time.time()
        self.registry.register(self)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def webhook(self, outcome: str) -> None:
        """Count one webhook call."""
        self._webhooks.labels(outcome).inc()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The service's own numbers, read when Prometheus asks."""
        states = GaugeMetricFamily("maquette_jobs", "Jobs kept, by state", labels=["state"])
        for state, count in self.jobs.counts().items():
            states.add_metric([state], count)
        yield states
        with at_once(self.jobs.engine) as connection:
            oldest = connection.scalar(select(func.min(table.c.created)).where(table.c.state == "queued"))
        waited = time.time() - oldest if oldest else 0
        yield GaugeMetricFamily("maquette_oldest_queued_seconds", "Age of the oldest waiting job", waited)
        yield GaugeMetricFamily("maquette_workers", "Workers alive", len(self.jobs.alive()))

    def text(self) -> bytes:
        """All of it in Prometheus' format."""
        self._observe_finished()
        return generate_latest(self.registry)

    def _observe_finished(self) -> None:
        since, self._seen = self._seen, time.time()
        query = select(table.c.state, table.c.model, table.c.finished - table.c.started).where(
            table.c.state.in_(FINAL), table.c.finished >= since, table.c.finished < self._seen
        )
        with at_once(self.jobs.engine) as connection:
            for state, model, seconds in connection.execute(query):
                self._job_seconds.labels(state, model).observe(seconds or 0)
