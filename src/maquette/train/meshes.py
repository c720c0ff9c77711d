"""The painted mesh: the plain-array form in which training handles objects, free of any mesh library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PaintedMesh:
    """A triangle mesh with a colour at every face corner and one material value pair per face.

    Attributes:
        vertices: (V, 3) float32 positions, y up, right-handed, front towards +z.
        faces: (F, 3) int64 vertex indices.
        corner_rgb: (F, 3, 3) float32 sRGB base colour in [0, 1] at the three corners of each face.
        face_mr: (F, 2) float32 metallic and roughness in [0, 1].
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]
    corner_rgb: NDArray[np.float32]
    face_mr: NDArray[np.float32]
