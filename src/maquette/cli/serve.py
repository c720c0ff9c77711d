"""`maquette serve`: the web process, and workers beside it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import FrameType
from typing import Any

import click

from maquette.cli.service import MODELS, PLACES, build_config, model_settings, with_options, worker_arguments
from maquette.errors import SettingError
from maquette.zoo.files import resolve_model

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Beyond this machine a key is needed.")
@click.option("--port", type=int, default=8080, show_default=True, help="0 takes a free one.")
@click.option(
    "--workers", type=click.IntRange(0), default=1, show_default=True, help="Worker processes to run beside."
)
@click.option("--auth", is_flag=True, help="Ask for keys on this machine too, as behind a proxy.")
@click.option("--cors", multiple=True, metavar="ORIGIN", help="A site whose pages may call; repeatable.")
@click.option(
    "--image-host", "image_hosts", multiple=True, help="A host that image_url may name; .host for all below."
)
@click.option("--webhook-host", "webhook_hosts", multiple=True, help="A private host that webhooks may name.")
@click.option("--max-body", type=int, default=64, show_default=True, help="Largest request in MB.")
@click.option("--max-queue", type=int, default=1000, show_default=True, help="Most jobs waiting.")
@click.option(
    "--keep-days", type=float, default=7, show_default=True, help="Then jobs and files go; 0: never."
)
@click.option(
    "--ray",
    is_flag=False,
    flag_value="here",
    metavar="[ADDRESS]",
    help="On a Ray cluster, --ray=HOST:PORT, or on Ray on this machine; replicas instead of --workers.",
)
@with_options(PLACES, MODELS)
@click.pass_context
def command(ctx: click.Context, host: str, port: int, workers: int, ray: str | None, **options: Any) -> None:
    """Serve the page, the API and the original's endpoints.

    \b
    maquette serve                          then open http://127.0.0.1:8080
    maquette keys create me && maquette serve --host 0.0.0.0
    """
    settings = model_settings(options)
    settings["limits"] = replace(
        settings["limits"],
        body=options["max_body"] << 20,
        queue=options["max_queue"],
        keep_days=options["keep_days"],
    )
    names = ("cors", "image_hosts", "webhook_hosts")
    settings |= {name: tuple(options[name]) for name in names}
    require_key = options["auth"] or host not in LOOPBACK
    config = build_config(options, require_key=require_key, **settings)
    for name in config.models:
        resolve_model(name)  # fail here rather than in every job
    import uvicorn

    from maquette.serve.app import create_app
    from maquette.serve.logs import configure_logs
    from maquette.serve.service import Service

    configure_logs(debug=ctx.obj["debug"])
    app = create_app(config)
    service: Service = app.state.service
    if require_key and not any(row.revoked is None for row in service.keys.list()):
        raise SettingError(
            f"serving on {host} needs an API key, and there is none",
            "make one with `maquette keys create NAME`",
        )
    if ray:
        from maquette.scale.serve_ray import run_service

        run_service(config, None if ray == "here" else ray, host, port, options["device"], options["vram"])
        return

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            service.stopping.set()  # lets streams and waiting requests end
            super().handle_exit(sig, frame)

    listener = _listen(host, port)
    address = f"http://{'localhost' if host == '::1' else host}:{listener.getsockname()[1]}"
    click.echo(f"maquette is at {address}, jobs in {config.storage}", err=True)
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
    ):  # uvicorn raises them again when it has ended, but we go on
        signal.signal(number, lambda *_: None)
    team = Team(workers, config.database, config.storage, worker_arguments(options), options["grace"])
    try:
        Server(
            uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=10
            )
        ).run(sockets=[listener])
    finally:
        team.stop()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise SettingError(
            f"cannot listen on {host} port {port}: {error.strerror}", "choose another --port"
        ) from error
    # Connections inherit it. asyncio sets it only on sockets that name their protocol, and these do not; without it
    # every answer on a kept connection waits 40 ms for the client to acknowledge its first half.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class Team:
    """The worker processes beside a web process: started, started again when they die, ended with it."""

    def __init__(self, count: int, database: str, storage: str, arguments: list[str], grace: float) -> None:
        self._command = [sys.executable, "-c", "from maquette.cli import main; main()", "worker"]
        self._command += ["--follow-parent", *arguments]
        # Not as arguments, which any user of the machine can list: the database's address may hold a password.
        self._environment = {**os.environ, "MAQUETTE_DATABASE": database, "MAQUETTE_STORAGE": storage}
        self._grace = grace
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._keep_one, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all workers; their jobs finish within the grace or go back into the queue."""
        self._ended.set()
        for thread in self._threads:
            thread.join(self._grace + 15)

    def _keep_one(self) -> None:
        pause = 1.0
        while not self._ended.is_set():
            started = time.monotonic()
            # A session of its own, so that Ctrl-C reaches the web process alone, which then ends the workers.
            process = subprocess.Popen(self._command, env=self._environment, start_new_session=True)
            while process.poll() is None and not self._ended.wait(0.2):
                pass
            if self._ended.is_set():
                process.terminate()
                try:
                    process.wait(self._grace + 10)
                except subprocess.TimeoutExpired:
                    process.kill()
                return
            pause = 1.0 if time.monotonic() - started > 60 else min(30.0, 2 * pause)
            self._ended.wait(pause)
