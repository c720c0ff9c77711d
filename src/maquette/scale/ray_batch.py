"""A batch on a Ray cluster: the same rows, the same results, with shape actors and paint actors on many machines.

Ray Data does the scheduling: it keeps as many rows in flight as the object store holds, starts lost actors anew and
gives their rows to others. Every row is a block of its own, so what a lost machine costs is the rows it was at. Files
come back to the process that started the batch, which alone writes; nodes need no shared folder for results.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maquette.errors import SettingError
from maquette.scale.batch import Outcome, attempt
from maquette.scale.manifest import Plan, Row
from maquette.scale.stages import Draft, Finished, PaintStage, ShapeStage
from maquette.scale.tally import Tally

LOG = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that the head of a cluster may take to answer."""
LOST = "the process that made it died again and again (see Ray's logs; the memory of its machine may be too small)"


@dataclass(frozen=True)
class Crew:
    """The actors of one stage. Each loads the stage's model once."""

    actors: int | None = None
    """Most of them; None for as many as the cluster has room for."""
    gpus: float = 0.0
    """Of each; a fraction shares a card."""
    cpus: float = 1.0

    def options(self) -> dict[str, Any]:
        """As Ray Data takes them."""
        from ray.data import ActorPoolStrategy

        # No more than one row waits beside the one in work: rows are long, and an idle actor elsewhere may take it.
        pool = ActorPoolStrategy(min_size=1, max_size=self.actors, max_tasks_in_flight_per_actor=2)
        return {"compute": pool, "num_gpus": self.gpus, "num_cpus": self.cpus}


class ShapeActor:
    """Rows to drafts."""

    def __init__(self, plan: Plan, tally: Any) -> None:
        self.stage, self.tally = ShapeStage(plan), tally

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """One row; what goes wrong travels on in place of the draft."""
        draft = _attempt(self.tally, f"shape {item['index']}", self.stage.run, pickle.loads(item["row"]))
        failed = isinstance(draft, str)
        return item | {"draft": b"" if failed else draft.to_bytes(), "error": draft if failed else ""}


class PaintActor:
    """Drafts to files."""

    def __init__(self, plan: Plan, tally: Any) -> None:
        self.stage, self.tally = PaintStage(plan), tally

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """One draft."""
        outcome: Any = item["error"]
        if not outcome:
            row, draft = pickle.loads(item["row"]), Draft.from_bytes(item["draft"])
            outcome = _attempt(self.tally, f"paint {item['index']}", self.stage.run, row, draft)
        return {"index": item["index"], "outcome": pickle.dumps(outcome)}


def _attempt(tally: Any, name: str, work: Callable[..., Any], *arguments: Any) -> Any:
    import ray

    return attempt(work, *arguments) if ray.get(tally.start.remote(name)) else LOST


def connect(address: str | None) -> None:
    """Join a cluster, or start Ray on this machine where there is none and no address was given.

    Args:
        address: host:port of the head; "auto" for the cluster at hand (RAY_ADDRESS, or the one that `ray start` noted
            here); None for the same, and for Ray on this machine alone where there is none.

    Raises:
        SettingError: Ray is not installed, nothing answers, or the cluster runs another version.
    """
    try:
        import ray
    except ImportError as error:
        raise SettingError("--ray needs the package ray", 'pip install "ray[serve,data]"') from error
    if ray.is_initialized():
        return
    place = (os.environ.get("RAY_ADDRESS") or _noted()) if address in (None, "auto") else address
    if not _answers(place) if place else address == "auto":  # Ray itself would try for minutes
        raise SettingError(
            f"no Ray cluster answers {f'at {place}' if place else 'on this machine'}",
            "check the address and that `ray start` ran there",
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray started here tells its makers nothing unasked
    try:
        ray.init(
            address=place or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            include_dashboard=False,
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        told = " ".join(str(error).split())
        if "Version mismatch" in told:
            raise SettingError(
                f"the Ray cluster at {place} differs: {told}",
                "install the same versions of Ray and Python on both sides",
            ) from error
        if place and isinstance(error, OSError):
            raise SettingError(
                f"the Ray cluster at {place} does not let us in: {told}",
                "give this side the token of its head, as RAY_AUTH_TOKEN or in ~/.ray/auth_token",
            ) from error
        raise SettingError(f"Ray cannot be started: {told}", "see Ray's logs") from error


def _noted() -> str | None:
    """The cluster that `ray start` wrote down on this machine, unless only the note is left of it."""
    from ray._common.utils import get_ray_address_file

    try:
        place = Path(get_ray_address_file(None)).read_text().strip()
    except OSError:
        return None
    if place and _answers(place):
        return place
    LOG.warning("the Ray cluster at %s, which was started here, is gone", place)
    return None


def _answers(place: str) -> bool:
    """Whether something that speaks gRPC, as the head of a cluster does, is at host:port; ray:// is left to Ray."""
    import grpc

    if "://" in place or ":" not in place:
        return True
    with grpc.insecure_channel(place) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=PATIENCE)
        except grpc.FutureTimeoutError:
            return False
    return True


def on_ray(
    rows: list[Row],
    plan: Plan,
    address: str | None = None,
    shape: Crew | None = None,
    paint: Crew | None = None,
) -> Iterator[Outcome]:
    """Make rows on a cluster; an engine for `run_batch`, in the order in which rows are finished.

    Args:
        rows: what to make.
        plan: their models and common settings.
        address: host:port of the cluster's head; None for the one at hand.
        shape: the actors that make shapes.
        paint: the actors that paint and write.

    Raises:
        SettingError: see `connect`.
    """
    connect(address)
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    shape, paint = shape or Crew(), paint or Crew()
    _warn_of_too_little({"CPU": shape.cpus + paint.cpus, "GPU": shape.gpus + paint.gpus})
    tally = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Tally).remote()
    items = [{"index": index, "row": pickle.dumps(row)} for index, row in enumerate(rows)]
    dataset: Any = ray.data.from_items(items, override_num_blocks=len(items))
    for actor, crew in ((ShapeActor, shape), (PaintActor, paint)):
        dataset = dataset.map(actor, fn_constructor_args=(plan, tally), **crew.options())
    for item in dataset.iter_rows():
        outcome: Finished | str = pickle.loads(item["outcome"])
        yield rows[item["index"]], outcome


def _warn_of_too_little(wanted: dict[str, float]) -> None:
    """One line where Ray would wait in silence, since a cluster may yet grow."""
    import ray

    there = ray.cluster_resources()
    for kind, amount in wanted.items():
        if there.get(kind, 0.0) < amount:
            LOG.warning(
                "the cluster has %g %s and the stages ask for %g: waiting for it to grow",
                there.get(kind, 0.0),
                kind,
                amount,
            )
