"""Numbers of the service, on this machine: start, memory, /health beside a real job, and the queue under load.

    python benchmarks/serve.py [--jobs 1000] [--clients 50] [--database postgresql://...]

Jobs of the queue measurement take 10 ms each (tests/serve/stand_in.py); the overhead is what one worker needs beyond
that for each job. /health is measured while the bundled model makes a shape.
"""

from __future__ import annotations

import argparse
import base64
import random
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from serve.conftest import COMMAND, Site, picture_bytes, running  # noqa: E402


def all_jobs(site: Site) -> list[dict]:
    """Every job of the service, in the order of submission."""
    jobs, cursor = [], None
    while True:
        page = site.client.get(
            "/v1/jobs", params={"limit": 100, **({"cursor": cursor} if cursor else {})}
        ).json()
        jobs += page["jobs"]
        if not (cursor := page["next"]):
            return jobs[::-1]


def measure_queue(site: Site, jobs: int, clients: int) -> None:
    """Fill the queue from many clients, then let one worker empty it."""
    image = base64.b64encode(picture_bytes(32)).decode()

    def client(number: int) -> list[str]:
        draw = random.Random(number)
        with httpx.Client(base_url=site.url, timeout=120) as http:
            bodies = (
                {"image": image, "texture": False, "priority": draw.randrange(10)}
                for _ in range(jobs // clients)
            )
            return [http.post("/v1/jobs", json=body).json()["id"] for body in bodies]

    started = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        made = [job for part in pool.map(client, range(clients)) for job in part]
    seconds = time.monotonic() - started
    print(f"{len(made)} jobs from {clients} clients accepted in {seconds:.1f} s")
    worker = site.work()
    while site.client.get("/readyz").json()["jobs"]["queued"]:
        time.sleep(0.5)
    while site.client.get("/readyz").json()["jobs"]["running"]:
        time.sleep(0.05)
    worker.terminate()
    done = all_jobs(site)
    order = sorted(done, key=lambda job: job["started_at"])
    wanted = sorted(done, key=lambda job: -job["priority"])
    spent = (max(job["finished_at"] for job in done), min(job["started_at"] for job in done))
    wall = (_seconds(spent[0]) - _seconds(spent[1])) / len(done)
    print(f"  lost: {len(set(made) - {job['id'] for job in done if job['state'] == 'succeeded'})}")
    print(f"  run more than once: {sum(job['attempts'] != 1 for job in done)}")
    print(f"  in order of priority and age: {[j['id'] for j in order] == [j['id'] for j in wanted]}")
    print(f"  overhead a job: {1000 * wall - 10:.1f} ms")


def measure_health(site: Site) -> None:
    """Ask /health every 10 ms for as long as a real job runs."""
    command = [*COMMAND, "worker", "--data", str(site.folder), "--painter", "none", "--preload"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as worker:
        while site.client.get("/readyz").json()["workers"] == 0:
            time.sleep(0.2)
        picture = (ROOT / "examples" / "chair.png").read_bytes()
        form = {"files": {"image": picture}, "data": {"texture": "false"}}
        job = site.client.post("/v1/jobs", **form).json()["id"]
        times: list[float] = []
        while len(times) % 50 or site.client.get(f"/v1/jobs/{job}").json()["state"] in ("queued", "running"):
            started = time.perf_counter()
            site.client.get("/health")
            times.append(1000 * (time.perf_counter() - started))
            time.sleep(0.01)
        worker.terminate()
    cuts = statistics.quantiles(times, n=100)
    print(f"/health beside a job: median {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, of {len(times)}")


def _seconds(time_text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(time_text).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--database", help="URL of an empty database; default: SQLite")
    options = parser.parse_args()
    environment = {"MAQUETTE_DATABASE": options.database} if options.database else {}
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("--workers", "0", "--painter", "none", "--max-queue", str(2 * options.jobs))
        with running(Path(folder), *arguments, **environment) as site:
            memory = psutil.Process(site.process.pid).memory_info().rss / 1e6
            print(f"ready after {site.seconds_to_start:.2f} s, {memory:.0f} MB idle")
            measure_queue(site, options.jobs, options.clients)
            if not options.database:
                measure_health(site)


if __name__ == "__main__":
    main()
