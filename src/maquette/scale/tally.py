"""How often each row of a batch on Ray was begun. Apart from the rest, so that its process need not load torch."""

from __future__ import annotations

from collections import Counter

TRIES = 4


class Tally:
    """Counts how often each row was begun, across deaths: Ray itself would give a deadly row out for ever."""

    def __init__(self) -> None:
        self.starts: Counter[str] = Counter()

    def start(self, name: str) -> bool:
        """Count one try; whether it may be made."""
        self.starts[name] += 1
        return self.starts[name] <= TRIES
