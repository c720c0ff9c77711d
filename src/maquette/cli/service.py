"""The options that `serve`, `worker` and `keys` have in common, and the configuration they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from maquette.cli.shape_options import device_option
from maquette.errors import SettingError

if TYPE_CHECKING:
    from maquette.serve.config import ServeConfig

Command = TypeVar("Command", bound=Callable[..., Any])

PLACES = (
    click.option(
        "--data", envvar="MAQUETTE_DATA", help="Folder for jobs and files. Default: in your home folder."
    ),
    click.option(
        "--database",
        envvar="MAQUETTE_DATABASE",
        help="sqlite:///file or postgresql://user@host/name. Default: SQLite in --data.",
    ),
    click.option(
        "--storage",
        envvar="MAQUETTE_STORAGE",
        help="A folder, or s3://bucket/prefix?endpoint=URL. Default: in --data.",
    ),
)
MODELS = (
    click.option(
        "--model", "models", multiple=True, default=("bundled",), help="A shape model to offer; repeatable."
    ),
    click.option(
        "--painter",
        "painters",
        multiple=True,
        default=("project",),
        help="A painter to offer, or none; repeatable.",
    ),
    device_option,
    click.option("--vram", type=float, help="GB of the device's memory to keep within."),
    click.option(
        "--resident",
        type=click.IntRange(1),
        default=2,
        show_default=True,
        help="Models kept in memory; 1 runs shape and paint in turn.",
    ),
    click.option("--text-to-image", metavar="MODULE:FUNCTION", help="Draws the picture for a text."),
    click.option("--preload", is_flag=True, help="Load the models before the first job."),
    click.option(
        "--job-seconds", type=float, default=3600, show_default=True, help="Longest that a job may run."
    ),
    click.option(
        "--lease",
        type=click.FloatRange(2),
        default=20,
        show_default=True,
        help="Seconds until a silent worker's job is given to another.",
    ),
    click.option(
        "--grace", type=float, default=20, show_default=True, help="Seconds a job may finish in at shutdown."
    ),
)


def with_options(*groups: tuple[Any, ...]) -> Callable[[Command], Command]:
    """Add groups of options to a command."""

    def add(command: Command) -> Command:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return add


def build_config(options: dict[str, Any], **settings: Any) -> ServeConfig:
    """The configuration that the options ask for.

    Raises:
        SettingError: the packages of the service are not installed.
    """
    try:
        import fastapi
        import prometheus_client
        import sqlalchemy
    except ImportError as error:
        raise SettingError(
            f"the service needs the package {error.name}",
            "in maquette's folder: pip install -c constraints.txt '.[serve]'",
        ) from error
    del fastapi, prometheus_client, sqlalchemy
    from maquette.serve.config import ServeConfig, default_folder

    places = {name: options[name] for name in ("database", "storage") if options[name]}
    if len(places) == 2:
        return ServeConfig(**places, **settings)
    return ServeConfig.in_folder(options["data"] or default_folder(), **places, **settings)


def model_settings(options: dict[str, Any]) -> dict[str, Any]:
    """The part of the configuration that says what can be made."""
    from maquette.serve.config import Limits

    return {
        "models": tuple(options["models"]),
        "painters": tuple(name for name in options["painters"] if name != "none"),
        "text_to_image": options["text_to_image"],
        "preload": options["preload"],
        "limits": Limits(job_seconds=options["job_seconds"], lease=options["lease"]),
    }


def worker_arguments(options: dict[str, Any]) -> list[str]:
    """The arguments that give a worker the same models as its server."""
    arguments = [f"--{name}={options[key]}" for name, key in _SCALARS.items() if options[key] is not None]
    arguments += [f"--model={name}" for name in options["models"]]
    arguments += [f"--painter={name}" for name in options["painters"]]
    return arguments + (["--preload"] if options["preload"] else [])


_SCALARS = {
    "device": "device",
    "vram": "vram",
    "resident": "resident",
    "text-to-image": "text_to_image",
    "job-seconds": "job_seconds",
    "lease": "lease",
    "grace": "grace",
}
