"""Draws lots."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Dice:
    """Random choices, all from one source."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def u(self, low: float, high: float) -> float:
        """A uniform draw."""
        return float(self.rng.uniform(low, high))

    def log(self, low: float, high: float) -> float:
        """A log-uniform draw."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def whole(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """True with the probability given."""
        return bool(self.rng.random() < probability)

    def pick(self, *options: T) -> T:
        """One of the options, all equally likely."""
        return options[int(self.rng.integers(len(options)))]
