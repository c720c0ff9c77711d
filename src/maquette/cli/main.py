"""The command's entry: finds the verb, and turns errors into one line and an exit code."""

from __future__ import annotations

import logging
import sys
from importlib import import_module

import click

from maquette._version import __version__
from maquette.errors import MaquetteError

# Verb → what it does. The module of a verb is imported when it is used, so that help is instant.
VERBS = {
    "generate": "Turn pictures into painted meshes.",
    "paint": "Paint a mesh with pictures of it.",
    "batch": "Turn a folder or a table of pictures into assets; goes on where it was stopped.",
    "inspect": "Say whether a mesh is closed, how thin, how textured, and whether it prints.",
    "preview": "Render contact sheets and turntables of meshes, or several side by side.",
    "models": "List the models and their licences.",
    "doctor": "Say what this machine can run, and why not.",
    "evaluate": "Measure generated meshes against true ones.",
    "serve": "Serve the page and the API.",
    "worker": "Work through the queue of a service.",
    "keys": "Create, list and revoke API keys.",
    "train": "Train the bundled model from scratch.",
}
INTERRUPTED = 130


class Verbs(click.Group):
    """Imports the module of a verb only when that verb is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `VERBS`."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb."""
        return import_module(f"maquette.cli.{cmd_name}").command if cmd_name in VERBS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="maquette")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error, and what is being done.")
@click.pass_context
def maquette(ctx: click.Context, debug: bool) -> None:
    """One picture in, a finished 3D asset out."""
    ctx.obj = {"debug": debug}
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )


def main() -> None:
    """Run the command line; never shows a traceback unless asked."""
    debug = "--debug" in sys.argv
    try:
        code = maquette.main(standalone_mode=False)
    except MaquetteError as error:
        code = _fail(str(error), error.exit_code, debug)
    except click.exceptions.Abort:
        code = _fail("interrupted; nothing half-written was left behind", INTERRUPTED, debug)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except Exception as error:
        code = _fail(
            f"unexpected {type(error).__name__}: {error} (run again with --debug to see where)", 70, debug
        )
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        logging.exception("the error")
    click.echo(f"error: {message}", err=True)
    return code
