"""How long a user waits before anything happens: importing the package, and the command's help."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 7
COMMAND = str(Path(sys.executable).parent / "maquette")
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import maquette": [sys.executable, "-c", "import maquette"],
    "import maquette.shape.pipeline": [sys.executable, "-c", "import maquette.shape.pipeline"],
    "maquette --help": [COMMAND, "--help"],
}


def main() -> None:
    """Alternate the cases and print the medians."""
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(RUNS):
        for name, command in CASES.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - started)
    floor = statistics.median(seconds["python -c pass"])
    print("| process | median s | times bare Python |")
    print("| --- | --- | --- |")
    for name, runs in seconds.items():
        print(f"| `{name}` | {statistics.median(runs):.2f} | {statistics.median(runs) / floor:.1f} |")


if __name__ == "__main__":
    main()
