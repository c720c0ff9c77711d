"""Options that several verbs share: the views of an object, and the shape model with how it is run.

Each decorator gathers its options into one argument of the command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from maquette.runtime.progress import OnProgress
    from maquette.shape.pipeline import ShapePipeline

Command = Callable[..., Any]
VIEWS = ("front", "left", "back", "right")  # of maquette.picture.recentre, whose import takes a second


def view_options(command: Command) -> Command:
    """--front, --left, --back and --right as the argument `views`: files by view, those that were given."""
    options = [
        click.option(f"--{view}", type=click.Path(path_type=Path), help=f"Picture of the object's {view}.")
        for view in VIEWS
    ]
    return gathered(command, options, VIEWS, "views", lambda **given: {k: v for k, v in given.items() if v})


cutout_option = click.option(
    "--cutout",
    type=click.Choice(["auto", "alpha", "grabcut", "rembg", "none"]),
    default="auto",
    show_default=True,
    help="How the object is separated from its background.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress and no notes.")


@dataclass(frozen=True)
class ModelChoice:
    """Which shape model, and how it is run."""

    model: str | None
    vae: str | None
    device: str
    dtype: str | None
    compiled: bool

    def load(self, views: list[str], on_progress: OnProgress) -> ShapePipeline:
        """The pipeline; where no model was named, one that can look at `views`."""
        from maquette.shape.pipeline import ShapePipeline
        from maquette.zoo.files import choose_model

        return ShapePipeline.from_pretrained(
            choose_model(views) if self.model is None else self.model,
            vae=self.vae,
            device=self.device,
            dtype=self.dtype,
            compiled=self.compiled,
            on_progress=on_progress,
        )


def model_options(command: Command) -> Command:
    """--model, --vae, --device, --dtype and --compile as the argument `choice`, a `ModelChoice`."""
    options = [
        click.option(
            "--model",
            help="A name from `maquette models`, a weight file or a folder. Default: bundled; for several views, a "
            "multi-view model that is here.",
        ),
        click.option(
            "--vae", help="Another autoencoder in place of the model's own: a name, file or folder."
        ),
        device_option,
        click.option(
            "--dtype",
            type=click.Choice(["float32", "float16", "bfloat16"]),
            help="Precision of the networks. Default: float16 on CUDA, else float32.",
        ),
        click.option(
            "--compile", "compiled", is_flag=True, help="Compile the denoiser; pays for many shapes."
        ),
    ]
    names = ("model", "vae", "device", "dtype", "compiled")
    return gathered(command, options, names, "choice", ModelChoice)


def gathered(
    command: Command,
    options: Sequence[Callable[[Any], Any]],
    names: tuple[str, ...],
    into: str,
    gather: Callable[..., Any],
) -> Command:
    """`command` with `options`, whose values by `names` reach it as one argument."""

    @wraps(command)
    def gathering(*arguments: Any, **values: Any) -> Any:
        gathered = gather(**{name: values.pop(name) for name in names})
        return command(*arguments, **{into: gathered}, **values)

    decorated: Command = gathering
    for option in reversed(options):
        decorated = option(decorated)
    return decorated
