"""A batch against the same rows run singly, in turn in one process: `python benchmarks/batch.py --pictures 40`.

After each row of the batch the same row is run singly: pictures to a mesh to a file, with a pipeline that stays
loaded. So both ways meet the same machine, load their models once, and what the ratio shows is the batch itself:
results file, mesh report, memory meter and the wait for the disk. The settings are low, so that these weigh more than
they usually do.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from maquette.mesh.export import export_mesh
from maquette.paint.pipeline import PaintSettings
from maquette.pipeline import AssetPipeline, AssetSettings
from maquette.scale.batch import run_batch
from maquette.scale.manifest import Plan, read_rows
from maquette.shape.pipeline import ShapeSettings

EXAMPLES = Path(__file__).parents[1] / "examples"


class Watch:
    """Wall and processor seconds, given in turn to whoever is at work."""

    def __init__(self) -> None:
        self.spent = {"batch": [0.0, 0.0], "singly": [0.0, 0.0]}
        self._last = self._now()

    def give(self, side: str) -> None:
        """Count what passed since the last call for this side."""
        now = self._now()
        self.spent[side] = [a + b - c for a, b, c in zip(self.spent[side], now, self._last, strict=True)]
        self._last = now

    @staticmethod
    def _now() -> list[float]:
        return [time.perf_counter(), time.process_time()]


def main() -> None:
    """Print both times and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--resolution", type=int, default=96, help="of the decoded field")
    parser.add_argument("--faces", type=int, default=10_000)
    parser.add_argument("--texture", type=int, default=512, help="side of the texture; 0: no paint")
    given = parser.parse_args()
    painter = "project" if given.texture else None
    settings = AssetSettings(
        ShapeSettings(resolution=given.resolution, faces=given.faces),
        PaintSettings(texture_size=given.texture) if painter else None,
    )
    plan = Plan(painter=painter, device="cpu", settings=settings)
    names = [name for name in sorted(EXAMPLES.iterdir()) if name.suffix in (".png", ".webp", ".jpg")]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rows.jsonl"
        lines = [
            {"picture": str(names[i % len(names)]), "output": f"{i}.glb", "seed": i}
            for i in range(given.pictures)
        ]
        table.write_text("".join(json.dumps(line) + "\n" for line in lines))
        rows = {row.place: row for row in read_rows(str(table), plan)}
        first = next(iter(rows.values()))
        AssetPipeline.from_pretrained("bundled", painter, device="cpu").generate(first.pictures, settings)

        watch = Watch()
        pipeline = AssetPipeline.from_pretrained("bundled", painter, device="cpu")
        watch.give("singly")

        def singly(record: dict[str, Any], done: int, total: int, left: float) -> None:
            watch.give("batch")
            row = rows[record["row"]]
            mesh = pipeline.generate(row.pictures, row.settings)
            export_mesh(mesh, Path(folder) / row.output, metadata=mesh.metadata["maquette"])
            watch.give("singly")
            assert (Path(folder) / "batch" / row.output).read_bytes() == (
                Path(folder) / row.output
            ).read_bytes()

        summary = run_batch(read_rows(str(table), plan), plan, str(Path(folder) / "batch"), on_row=singly)
        watch.give("batch")
    batch, single = watch.spent["batch"], watch.spent["singly"]
    print(
        f"{given.pictures} pictures at {given.resolution}, {given.faces} faces, texture {given.texture}; "
        f"{summary.failed} failed; every file the same, byte for byte\n"
    )
    print("| | batch s | singly s | ratio |\n| --- | --- | --- | --- |")
    for name, ours, theirs in zip(("wall", "processor"), batch, single, strict=True):
        print(f"| {name} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.3f} |")


if __name__ == "__main__":
    main()
