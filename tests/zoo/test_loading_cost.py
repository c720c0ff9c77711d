"""Loading a checkpoint of 120 MB: each byte is read once, and memory is little more than the weights'."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from maquette.runtime.device import choose_runtime
from maquette.shape.pipeline import ShapePipeline
from maquette.shape.sampler import SamplingSettings
from maquette.zoo.shape_model import components
from published_layout import SMALL, published_state, random_model, settings, write

SIZES = {"width": 512, "double": 3, "single": 6, "context": 384, "latents": 64}

LOAD = """
import json, sys
from pathlib import Path
import torch
from maquette.zoo.load import load_shape_model

def status(field):
    return int(Path("/proc/self/status").read_text().partition(field + ":")[2].split()[0]) * 1024

def read_bytes():
    return int(Path("/proc/self/io").read_text().partition("rchar:")[2].split()[0])

warm_up, file, dtype = sys.argv[1:]
load_shape_model(Path(warm_up), dtype=getattr(torch, dtype))  # imports and first allocations are not the file's doing
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
before, read = status("VmRSS"), read_bytes()
model = load_shape_model(Path(file), dtype=getattr(torch, dtype))
print(json.dumps({"peak": status("VmHWM") - before, "read": read_bytes() - read,
                  "weights": model.num_parameters * getattr(torch, dtype).itemsize}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures memory as Linux counts it")
@pytest.mark.parametrize(("kind", "dtype"), [("safetensors", "float16"), ("ckpt", "float32")])
def test_a_mid_size_checkpoint_is_loaded_in_little_memory_and_runs(
    tmp_path: Path, kind: str, dtype: str
) -> None:
    small, config = settings(sizes=SMALL), settings(sizes=SIZES)
    warm_up = write(tmp_path / "warm", small, published_state(random_model(small)), kind)
    original = random_model(config)
    file = write(tmp_path / "medium", config, published_state(original), kind)
    size = file.stat().st_size
    assert 90e6 < size < 130e6
    command = [sys.executable, "-c", LOAD, str(warm_up), str(file), dtype]
    cost = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert cost["peak"] < 1.3 * cost["weights"]
    assert 0.99 * size < cost["read"] < 1.02 * size

    picture, sampling = Image.radial_gradient("L").convert("RGBA"), SamplingSettings(steps=2)
    read = ShapePipeline.from_pretrained(str(file), device="cpu").draw_latents(picture, 0, sampling)
    for network, _ in components(
        original
    ).values():  # what the file holds: the same numbers in half precision
        network.half().float()
    expected = ShapePipeline(original, choose_runtime("cpu")).draw_latents(picture, 0, sampling)
    assert (read - expected).abs().max() < 1e-4 * expected.abs().max()
