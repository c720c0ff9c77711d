"""`maquette worker`: a process that owns a device and works through the queue."""

from __future__ import annotations

import signal
from typing import Any

import click

from maquette.cli.service import MODELS, PLACES, build_config, model_settings, with_options


@click.command()
@with_options(PLACES, MODELS)
@click.option(
    "--stages",
    type=click.Choice(["shape", "paint", "shape,paint"]),
    default="shape,paint",
    show_default=True,
    help="The work to take; shape and paint may run in different workers.",
)
@click.option("--follow-parent", is_flag=True, hidden=True, help="Stop when the starting process has died.")
@click.pass_context
def command(ctx: click.Context, stages: str, follow_parent: bool, **options: Any) -> None:
    """Work through the queue of a `maquette serve` that shares --database and --storage.

    \b
    maquette worker --database postgresql://jobs@db/maquette --storage s3://assets
    maquette worker --stages paint --device cuda:1
    """
    config = build_config(options, **model_settings(options))
    from maquette.serve.jobs import Jobs
    from maquette.serve.logs import configure_logs
    from maquette.serve.store import open_store
    from maquette.serve.tables import open_database
    from maquette.serve.work import Studio
    from maquette.serve.worker import Worker

    configure_logs(debug=ctx.obj["debug"])
    kinds = tuple(stages.split(","))
    studio = Studio(config, device=options["device"], vram=options["vram"], resident=options["resident"])
    if options["preload"]:
        studio.preload(kinds)
    worker = Worker(
        Jobs(open_database(config.database), config.limits),
        open_store(config.storage),
        studio.perform,
        kinds,
        device=options["device"],
        loaded=studio.loaded,
        grace=options["grace"],
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run(follow_parent=follow_parent)
