"""The queue on SQLite and on a real PostgreSQL: order, leases, limits, and what happens to the dead."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")
from maquette.serve.config import Limits
from maquette.serve.jobs import Job, Jobs, NewJob, Quota
from maquette.serve.problems import Problem
from maquette.serve.tables import metadata, open_database
from serve.databases import postgresql

LIMITS = Limits(queue=1000, attempts=2, lease=20)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('queue') / 'jobs.sqlite'}"
    else:
        with postgresql() as address:
            yield address


@pytest.fixture
def jobs(url: str) -> Jobs:
    engine = open_database(url)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name != "facts":
                connection.execute(table.delete())
    return Jobs(engine, LIMITS)


def new(**values: Any) -> NewJob:
    return NewJob(
        **({"owner": "me", "stage": "shape", "model": "bundled", "request": {}, "files": {}} | values)
    )


def claim(jobs: Jobs, worker: str = "w1", **values: Any) -> Job:
    job = jobs.claim(worker, ("shape", "paint"), **values)
    assert job is not None
    return job


def test_the_next_job_is_the_most_urgent_then_the_oldest(jobs: Jobs) -> None:
    made = [jobs.submit(new(priority=priority)).id for priority in (5, 9, 5, 1)]
    assert jobs.position(jobs.get(made[2])) == 3
    assert [claim(jobs).id for _ in made] == [made[1], made[0], made[2], made[3]]
    assert jobs.claim("w1", ("shape",)) is None


def test_jobs_for_the_loaded_model_go_together_but_nobody_waits_for_ever(jobs: Jobs) -> None:
    small, large, again = (jobs.submit(new(model=model)).id for model in ("small", "large", "small"))
    assert claim(jobs, loaded=["small"]).id == small
    assert claim(jobs, loaded=["small"]).id == again
    assert claim(jobs, loaded=["small"]).id == large


def test_stages_are_claimed_by_workers_that_can_do_them(jobs: Jobs) -> None:
    jobs.submit(new())
    assert jobs.claim("painter", ("paint",)) is None
    shaped = claim(jobs, "shaper")
    assert jobs.pass_on(shaped, "paint", result={"faces": 4}) is not None
    assert jobs.claim("shaper", ("shape",)) is None
    painted = jobs.claim("painter", ("paint",))
    assert painted.result == {"faces": 4} and painted.id == shaped.id


def test_a_silent_workers_job_is_taken_up_again_and_only_the_new_worker_can_finish_it(jobs: Jobs) -> None:
    made = jobs.submit(new()).id
    hasty = Jobs(jobs.engine, replace(LIMITS, lease=0.0))
    dead = claim(hasty, "dead")
    time.sleep(0.01)
    assert jobs.recover() == 1
    alive = claim(jobs, "alive")
    assert alive.id == made and alive.attempts == 2 and "stopped answering" in alive.log
    assert jobs.beat(dead, {}) == "lost"
    assert not jobs.finish(dead, "succeeded")
    assert jobs.finish(alive, "succeeded") and jobs.get(made).state == "succeeded"


def test_a_job_that_kills_its_workers_fails_with_that_reason(jobs: Jobs) -> None:
    made = jobs.submit(new()).id
    hasty = Jobs(jobs.engine, replace(LIMITS, lease=0.0))
    for _ in range(LIMITS.attempts):
        claim(hasty, "doomed")
        time.sleep(0.01)
        jobs.recover()
    job = jobs.get(made)
    assert job.state == "failed" and "attempt 2 of 2" in job.error["detail"] and job.finished


def test_cancelling_ends_queued_jobs_and_tells_running_ones(jobs: Jobs) -> None:
    first, second = jobs.submit(new(priority=9)).id, jobs.submit(new()).id
    running = claim(jobs)
    for job in (first, second):
        jobs.cancel(job)
    assert jobs.get(second).state == "cancelled"
    assert running.id == first and jobs.beat(running, {}) == "cancelled"
    assert jobs.finish(running, "cancelled")
    jobs.cancel(first)
    assert jobs.get(first).state == "cancelled"


def test_a_released_job_has_lost_no_attempt(jobs: Jobs) -> None:
    jobs.submit(new())
    jobs.release(claim(jobs), "stopping\n")
    assert claim(jobs).attempts == 1


def test_a_full_queue_says_when_to_come_back(jobs: Jobs) -> None:
    small = Jobs(jobs.engine, replace(LIMITS, queue=2))
    small.submit(new())
    small.submit(new())
    with pytest.raises(Problem) as full:
        small.submit(new())
    assert full.value.status == 503 and int(full.value.headers["Retry-After"]) > 0
    claim(small)
    small.submit(new())


def test_quotas_count_an_owners_own_jobs(jobs: Jobs) -> None:
    quota = Quota(active=1, per_day=2)
    jobs.submit(new(owner="other"))
    jobs.submit(new(), quota)
    with pytest.raises(Problem, match="under way"):
        jobs.submit(new(), quota)
    for _ in range(2):
        jobs.finish(claim(jobs), "succeeded")
    jobs.submit(new(), quota)
    jobs.finish(claim(jobs), "succeeded")
    with pytest.raises(Problem, match="within a day") as spent:
        jobs.submit(new(), quota)
    assert 80_000 < int(spent.value.headers["Retry-After"]) <= 86_400


def test_old_jobs_are_forgotten_and_young_or_running_ones_kept(jobs: Jobs) -> None:
    done, running, queued = (jobs.submit(new()).id for _ in range(3))
    jobs.finish(claim(jobs), "succeeded")
    claim(jobs)
    assert jobs.forget(time.time() - 60) == []
    assert [row.id for row in jobs.forget(time.time() + 1)] == [done]
    assert jobs.get(done) is None and jobs.get(running) and jobs.get(queued)


def test_idempotent_submissions_at_the_same_moment_make_one_job(jobs: Jobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        same = [pool.submit(jobs.submit, new(idempotency_key="k", fingerprint="f")) for _ in range(16)]
    assert len({future.result().id for future in same}) == 1


def test_workers_at_once_take_every_job_exactly_once(jobs: Jobs) -> None:
    made = {jobs.submit(new()).id for _ in range(60)}

    def work(name: str) -> list[str]:
        taken = []
        while job := jobs.claim(name, ("shape",)):
            taken.append(job.id)
            assert jobs.finish(job, "succeeded")
        return taken

    with ThreadPoolExecutor(6) as pool:
        taken = [job for part in pool.map(work, "abcdef") for job in part]
    assert sorted(taken) == sorted(made)
