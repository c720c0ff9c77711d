"""The committed benchmark on one small mesh: renders of a known texture, baked back, look like the truth."""

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "bake_truth.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("bake_truth", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_baked_textures_look_true_from_elsewhere_and_truer_than_the_published_blending(benchmark):
    make, pattern = benchmark.MESHES["teapot"]
    figures = benchmark.measure(make(), pattern, 384, 256, None)
    assert figures.ours > 35
    assert figures.ours > figures.published + 6
    assert figures.ours_all > figures.published_all
