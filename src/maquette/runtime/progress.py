"""Telling the caller how far the work is. A callback that raises stops the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Stage = Literal[
    "load",
    "picture",
    "condition",
    "denoise",
    "decode",
    "mesh",
    "unwrap",
    "relight",
    "upscale",
    "paint",
    "write",
]

OnProgress = Callable[[Stage, int, int], None]
"""Called with the stage, units done and units in all (which may grow while decoding)."""


def silent(stage: Stage, done: int, total: int) -> None:
    """The callback that tells nobody."""
    del stage, done, total
