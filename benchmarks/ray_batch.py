"""`maquette batch --ray` against `maquette batch` on one machine, in turn: `python benchmarks/ray_batch.py --rounds 3`.

Both are whole commands on the same rows, one thread a stage. Starting is told apart from working, which is from the
moment the first row is begun until the last is done. On Ray one row is shaped while another is painted, so that on two
cores it may well take less time than without; what Ray itself costs while working is seen in the processor seconds of
all processes that are not spent inside the stages, which hold on a busy machine, too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import psutil

EXAMPLES = Path(__file__).parents[1] / "examples"
COMMAND = [sys.executable, "-c", "from maquette.cli import main; main()", "batch"]
ON_RAY = ["--ray", "--shape-actors", "1", "--paint-actors", "1"]


def main() -> None:
    """Print seconds of both ways in each round, and what Ray added."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--resolution", type=int, default=96)
    parser.add_argument("--faces", type=int, default=10_000)
    parser.add_argument("--texture", type=int, default=512)
    given = parser.parse_args()
    settings = {"resolution": given.resolution, "faces": given.faces, "texture_size": given.texture}
    names = [name for name in sorted(EXAMPLES.iterdir()) if name.suffix == ".png"]
    rows = [
        {"picture": str(names[i % len(names)]), "output": f"{i}.glb", "seed": i} | settings
        for i in range(given.pictures)
    ]
    print("| | start s | work s | processor s: start | stages | besides |")
    print("| --- | --- | --- | --- | --- | --- |")
    ratios, besides = [], []
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "rows.jsonl"
        table.write_text("".join(json.dumps(row) + "\n" for row in rows))
        for number in range(given.rounds):
            ours, theirs = Path(name) / f"plain{number}", Path(name) / f"ray{number}"
            plain, ray = _timed([str(table), str(ours)]), _timed([str(table), str(theirs), *ON_RAY])
            for path in ours.glob("*.glb"):
                assert path.read_bytes() == (theirs / path.name).read_bytes(), path.name
            for way, seconds in (("here", plain), ("on Ray", ray)):
                print(f"| {way} | " + " | ".join(f"{each:.1f}" for each in seconds) + " |", flush=True)
            ratios.append(ray[1] / plain[1])
            besides.append((ray[4] - plain[4]) / plain[3])
    print(
        f"\n{given.pictures} pictures, {settings}, the same bytes both ways. Medians of {given.rounds} rounds: "
        f"working took {median(ratios):.2f} times as long on Ray, "
        f"which added {median(besides):.1%} to the processor time of the stages."
    )


def _timed(arguments: list[str]) -> tuple[float, float, float, float, float]:
    """Seconds of starting and of working; processor seconds of starting, inside the stages and besides."""
    started = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [*COMMAND, *arguments, "--device", "cpu", "--json"]
    work = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    used: list[tuple[float, float]] = []
    watcher = threading.Thread(target=_watch, args=(work.pid, used))
    watcher.start()
    assert work.stdout is not None
    ends, costs = [], []
    for line in work.stdout:
        ends.append(time.perf_counter())
        costs.append(list(json.loads(line)["costs"].values()))
    assert work.wait() == 0
    watcher.join()
    begun = ends[0] - sum(cost["seconds"] for cost in costs[0])
    inside = sum(cost["cpu_seconds"] for row in costs for cost in row)
    before, after = (max(cpu for at, cpu in used if at <= moment) for moment in (begun, ends[-1]))
    return begun - started, ends[-1] - begun, before, inside, after - before - inside


def _watch(root: int, used: list[tuple[float, float]]) -> None:
    """Until a process ends: the time, and the processor seconds that it and all below it have used."""
    seconds: dict[int, float] = {}
    while psutil.pid_exists(root):
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in [psutil.Process(root), *psutil.Process(root).children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    seconds[process.pid] = max(times.user + times.system, seconds.get(process.pid, 0.0))
        used.append((time.perf_counter(), sum(seconds.values())))
        time.sleep(0.2)


if __name__ == "__main__":
    main()
