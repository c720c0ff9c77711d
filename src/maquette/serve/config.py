"""What a service is made of: where things are kept, and every limit, in one frozen object."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one request, one queue and one job may ask for."""

    body: int = 64 * MEGABYTE
    pixels: int = 64_000_000
    queue: int = 1000
    """Most jobs waiting; one more is answered 503."""
    attempts: int = 3
    """How often a job is taken up when workers die under it."""
    lease: float = 20.0
    """Seconds without a heartbeat after which a worker counts as dead."""
    job_seconds: float = 3600.0
    keep_days: float = 7.0
    """Finished jobs and their files are deleted after this; 0 keeps them for ever."""


@dataclass(frozen=True)
class ServeConfig:
    """Everything the web process and the workers have in common."""

    database: str
    """SQLAlchemy URL: sqlite:///file or postgresql://..."""
    storage: str
    """A folder, or s3://bucket/prefix."""
    models: tuple[str, ...] = ("bundled",)
    """Shape models that may be asked for, the default first."""
    painters: tuple[str, ...] = ("project",)
    text_to_image: str | None = None
    """`module:function`, called in the worker with (text, seed), returning a PIL image."""
    require_key: bool = False
    preload: bool = False
    cors: tuple[str, ...] = ()
    """Origins that browsers may call from."""
    image_hosts: tuple[str, ...] = ()
    """Hosts that `image_url` may name; may be private."""
    webhook_hosts: tuple[str, ...] = ()
    """Hosts on private addresses that webhooks may name."""
    limits: Limits = Limits()

    @classmethod
    def in_folder(cls, folder: str | Path, **settings: object) -> ServeConfig:
        """SQLite and files below one folder, which is made."""
        folder = Path(folder).expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True)
        places = {"database": f"sqlite:///{folder / 'jobs.sqlite'}", "storage": str(folder / "files")}
        return cls(**(places | settings))  # type: ignore[arg-type]


def default_folder() -> Path:
    """Where a service without settings keeps its jobs."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "maquette"
