"""One picture to one GLB with the bundled model, as a whole process: time and peak memory."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 3
COMMAND = str(Path(sys.executable).parent / "maquette")
EXAMPLES = Path(__file__).parents[1] / "examples"
PICTURES = ("sofa.png", "vase.jpg", "photos/coffee.jpg")


def main() -> None:
    """Run the command on each picture and print what it took."""
    print("| picture | whole process s (median) | of which generation s | faces | watertight |")
    print("| --- | --- | --- | --- | --- |")
    for name in PICTURES:
        whole, inner = [], []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                run = subprocess.run(
                    [COMMAND, "generate", str(EXAMPLES / name), "-o", f"{folder}/out.glb", "--json"],
                    check=True,
                    capture_output=True,
                )
                whole.append(time.perf_counter() - started)
            result = json.loads(run.stdout)
            inner.append(result["seconds"])
        row = (f"{statistics.median(whole):.1f}", f"{statistics.median(inner):.1f}")
        print(f"| {name} | {row[0]} | {row[1]} | {result['faces']} | {result['watertight']} |")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"\nPeak memory of the largest run: {peak:.2f} GB")


if __name__ == "__main__":
    main()
