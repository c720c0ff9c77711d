"""Trials of batches and the service on a real Ray on this machine. Run by hand, since each takes minutes.

python tests/scale/ray_trials.py batch     two nodes, one killed in the middle: every row once, the same bytes
python tests/scale/ray_trials.py serve     a Shape and a Paint replica killed under load: no job is lost
python tests/scale/ray_trials.py deploy    deploy/ray-serve.yaml: from no replica to a painted asset and back to none,
                                           and a rolling update under requests
python tests/scale/ray_trials.py version   a cluster of another version of Ray: one clear line
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import yaml

from maquette.pipeline import AssetSettings
from maquette.scale.batch import run_batch
from maquette.scale.manifest import Plan, read_rows
from maquette.shape.pipeline import ShapeSettings

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = [sys.executable, "-c", "from maquette.cli import main; main()"]


def batch(folder: Path) -> None:
    """A head without room for actors and two workers; one worker dies after the second finished row."""
    import ray
    from ray.cluster_utils import Cluster

    from maquette.scale.ray_batch import Crew, on_ray

    table = folder / "rows.jsonl"
    pictures = [EXAMPLES / name for name in ("chair.png", "sofa.png", "pot.png")]
    rows = [{"picture": str(pictures[i % 3]), "output": f"{i}.glb", "seed": i} for i in range(8)]
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = Plan(
        "bundled", None, "cpu", settings=AssetSettings(ShapeSettings(resolution=32, faces=2000), None)
    )
    run_batch(read_rows(str(table), plan), plan, str(folder / "alone"))

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = [cluster.add_node(num_cpus=2) for _ in range(2)]
    cluster.wait_for_nodes()
    killed = []

    def watch(record: dict[str, Any], done: int, total: int, left: float) -> None:
        print(f"{done}/{total} {record['output']} {record['status']} {record['error'] or ''}", flush=True)
        if done == 2:
            cluster.remove_node(nodes[0], allow_graceful=False)
            killed.append(nodes[0])

    engine = partial(on_ray, address=cluster.address, shape=Crew(2), paint=Crew(2))
    summary = run_batch(read_rows(str(table), plan), plan, str(folder / "ray"), engine=engine, on_row=watch)
    assert killed and (summary.made, summary.failed) == (8, 0), summary
    for path in (folder / "alone").glob("*.glb"):
        assert path.read_bytes() == (folder / "ray" / path.name).read_bytes(), path
    lines = (folder / "ray" / "results.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["output"] for line in lines) == sorted(f"{i}.glb" for i in range(8))
    print("every row once, the same bytes as on one machine", flush=True)
    ray.shutdown()
    cluster.shutdown()


def serve(folder: Path) -> None:
    """`maquette serve --ray`; the Shape replica is killed while it works on one of six jobs, then the Paint replica."""
    port = 18080
    command = [*COMMAND, "serve", "--ray", "--port", str(port), "--data", str(folder)]
    server = subprocess.Popen([*command, "--lease", "5", "--device", "cpu"])
    try:
        wait_for(lambda: ask(port, "/readyz"), 180)
        picture = {
            "image": _base64(EXAMPLES / "chair.png"),
            "texture_size": 512,
            "resolution": 32,
            "faces": 1000,
        }
        jobs = [ask(port, "/v1/jobs", {**picture, "seed": seed})["id"] for seed in range(6)]
        stages = {"Shape": ("condition", "denoise", "decode", "mesh"), "Paint": ("unwrap", "paint")}
        for stage, steps in stages.items():

            def at_work(steps: tuple[str, ...] = steps) -> bool:
                views = [ask(port, f"/v1/jobs/{job}") for job in jobs]
                return any(view["state"] == "running" and view["progress"]["step"] in steps for view in views)

            wait_for(at_work, 300, 0.2)
            replica = next(
                process
                for process in psutil.Process(server.pid).children(recursive=True)
                if any(f"ServeReplica:maquette:{stage}" in part for part in process.cmdline())
            )
            os.kill(replica.pid, signal.SIGKILL)
            print(f"killed the {stage} replica", replica.pid, flush=True)
        states: list[str] = []

        def ended() -> bool:
            states[:] = [ask(port, f"/v1/jobs/{job}")["state"] for job in jobs]
            print(states, flush=True)
            return all(state in ("succeeded", "failed", "cancelled") for state in states)

        wait_for(ended, 600, 3.0)
        assert states == ["succeeded"] * len(jobs)
        print("no job was lost")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)


def deploy(folder: Path) -> None:
    """The committed file with database, storage, ports and devices of this machine, deployed twice."""
    port, dashboard = 8089, 8299
    os.environ["RAY_AUTH_MODE"] = "disabled"  # the trial reads the dashboard itself; it listens here alone
    bin_folder = Path(sys.executable).parent
    config = yaml.safe_load((EXAMPLES.parent / "deploy" / "ray-serve.yaml").read_text())
    config["http_options"] = {"host": "127.0.0.1", "port": port}
    application = config["applications"][0]
    application["args"] |= {"database": f"sqlite:///{folder}/jobs.sqlite", "storage": f"{folder}/files"}
    application["args"] |= {"require_key": False, "device": "cpu"}
    for deployment in application["deployments"]:
        if deployment["name"] in ("Shape", "Paint"):
            deployment["ray_actor_options"] = {"num_cpus": 1}
            deployment["autoscaling_config"] |= {"max_replicas": 1, "downscale_delay_s": 10}
    file = folder / "serve.yaml"

    def apply(**arguments: Any) -> None:
        application["args"] |= arguments
        file.write_text(yaml.safe_dump(config))
        address = f"http://127.0.0.1:{dashboard}"
        subprocess.run([bin_folder / "serve", "deploy", file, "--address", address], check=True)

    def status() -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{dashboard}/api/serve/applications/") as answer:
            return json.load(answer)["applications"]["maquette"]

    def replicas(*names: str) -> int:
        found = status()["deployments"]
        return sum(len(found[name]["replicas"]) for name in names if name in found)

    def make(seed: int) -> str:
        picture = {"image": _base64(EXAMPLES / "chair.png"), "texture": True, "texture_size": 512}
        return ask(port, "/v1/jobs", {**picture, "resolution": 48, "faces": 2000, "seed": seed})["id"]

    def state(job: str) -> str:
        return ask(port, f"/v1/jobs/{job}")["state"]

    def since(started: float) -> str:
        return f"{time.monotonic() - started:.1f} s"

    head = [bin_folder / "ray", "start", "--head", "--port", "6390", "--num-cpus", "6"]
    head += [
        "--dashboard-port",
        str(dashboard),
        "--disable-usage-stats",
        "--temp-dir",
        folder / "ray",
        "--block",
    ]
    cluster = subprocess.Popen(head, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{dashboard}/api/version"), 120)
        started = time.monotonic()
        apply()
        wait_for(lambda: status()["status"] == "RUNNING" and ask(port, "/readyz"), 300)
        print("deployed after", since(started), "with", replicas("Shape", "Paint"), "replicas", flush=True)
        assert replicas("Shape", "Paint") == 0
        for what in ("from no replica", "at once again"):
            started, job = time.monotonic(), make(0)
            wait_for(lambda job=job: state(job) != "queued", 300, 0.1)
            print(what, "taken up after", since(started), flush=True)
            wait_for(lambda job=job: state(job) in ("succeeded", "failed"), 600, 0.1)
            print(what, state(job), "after", since(started), flush=True)
            assert state(job) == "succeeded"
        started = time.monotonic()
        wait_for(lambda: replicas("Shape", "Paint") == 0, 300)
        print("no replica again after", since(started), flush=True)

        jobs = [make(seed) for seed in range(4)]
        failures: list[str] = []
        answers, ended = [0], threading.Event()

        def keep_asking() -> None:
            while not ended.wait(0.1):
                try:
                    ask(port, "/readyz")
                    answers[0] += 1
                except OSError as error:
                    failures.append(str(error))

        asking = threading.Thread(target=keep_asking, daemon=True)
        asking.start()
        before = {each["replica_id"] for each in status()["deployments"]["Web"]["replicas"]}
        started = time.monotonic()
        apply(cors=["https://example.org"])

        def rolled() -> bool:
            now = status()
            web = now["deployments"].get("Web", {"replicas": []})
            new = {each["replica_id"] for each in web["replicas"]}
            return now["status"] == "RUNNING" and not new & before and len(new) == len(before)

        wait_for(rolled, 300)
        print("rolled over after", since(started), flush=True)
        jobs.append(make(9))
        wait_for(lambda: all(state(job) in ("succeeded", "failed") for job in jobs), 600)
        print("jobs", [state(job) for job in jobs], "after", since(started), flush=True)
        ended.set()
        asking.join()
        print(answers[0], "requests answered,", len(failures), "not", failures[:3], flush=True)
        assert {state(job) for job in jobs} == {"succeeded"}
    finally:
        cluster.send_signal(signal.SIGTERM)
        cluster.wait(60)


def version(folder: Path) -> None:
    """A driver that claims to be another version of Ray than the cluster."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    code = "import ray; ray.__version__ = '1.0.0'; from maquette.cli import main; main()"
    arguments = ["batch", str(EXAMPLES), str(folder / "out"), f"--ray={cluster.address}"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300
    )
    print(done.returncode, done.stderr)
    assert done.returncode == 2 and "install the same versions" in done.stderr
    cluster.shutdown()


def ask(port: int, path: str, body: dict[str, Any] | None = None) -> Any:
    """GET, or POST where there is a body."""
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def wait_for(check: Any, seconds: float, pause: float = 1.0) -> None:
    """Until the check is true; what it raises means not yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            if check():
                return
        except OSError:
            pass
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(pause)


def _base64(path: Path) -> str:
    import base64

    return base64.b64encode(path.read_bytes()).decode()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        {"batch": batch, "serve": serve, "deploy": deploy, "version": version}[sys.argv[1]](Path(name))
