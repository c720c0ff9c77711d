"""Surfaces of fields given as plain arrays, for tests that need a mesh of some kind."""

from __future__ import annotations

import numpy as np
import torch
import trimesh

from maquette.shape.sparse import SparseVolume
from maquette.shape.surface import extract_surface


def surface_of(grid: np.ndarray) -> trimesh.Trimesh:
    """Where a cube of values (N, N, N), positive inside, crosses zero, in the box [-1.01, 1.01]³."""
    volume = SparseVolume.from_dense(torch.from_numpy(np.asarray(grid, np.float32)), 1.01)
    return extract_surface(volume, field=lambda points: points[:, 0])
