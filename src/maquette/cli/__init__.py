"""The `maquette` command: a thin shell over the package, one module a verb."""

from __future__ import annotations

from maquette.cli.main import main

__all__ = ["main"]
