"""A batch against single runs in one process that loads the models for each: `python benchmarks/batch.py --pictures 8`.

Processor seconds, the single runs before and after the batch, since wall time on a busy machine says little. The batch
also reports on every mesh and waits for the disk after every row.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from maquette.mesh.export import export_mesh
from maquette.pipeline import AssetPipeline, AssetSettings
from maquette.scale.batch import run_batch
from maquette.scale.manifest import Plan, Row, read_rows

EXAMPLES = Path(__file__).parents[1] / "examples"


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--painter", default="project", help="or none")
    count, painter = (given := parser.parse_args()).pictures, given.painter
    painter = None if painter == "none" else painter
    names = [name for name in sorted(EXAMPLES.iterdir()) if name.suffix == ".png"]
    plan = Plan(painter=painter, device="cpu")
    plan = plan if painter else Plan(painter=None, device="cpu", settings=AssetSettings(paint=None))
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "rows.csv"
        lines = [f"{names[i % len(names)]},{i}.glb,{i}" for i in range(count)]
        table.write_text("\n".join(["picture,output,seed", *lines]))
        rows = read_rows(str(table), plan)
        AssetPipeline.from_pretrained("bundled", painter, device="cpu").generate(names[0], rows[0].settings)
        singles = [_singly(rows, painter, Path(folder))]
        before = time.process_time()
        summary = run_batch(rows, plan, str(Path(folder) / "batch"))
        batch = time.process_time() - before
        singles.append(_singly(rows, painter, Path(folder)))
        single = sum(singles) / 2
    failed, ratio = summary.failed, batch / single
    print(f"batch of {count}: {batch:.1f} s, {failed} failed; single runs: {single:.1f} s; ratio {ratio:.3f}")


def _singly(rows: list[Row], painter: str | None, folder: Path) -> float:
    """Seconds of processor for the same rows, each with models of its own."""
    before = time.process_time()
    for row in rows:
        pipeline = AssetPipeline.from_pretrained("bundled", painter, device="cpu")
        mesh = pipeline.generate(row.pictures["front"], row.settings)
        export_mesh(mesh, folder / row.output, metadata=mesh.metadata["maquette"])
    return time.process_time() - before


if __name__ == "__main__":
    main()
