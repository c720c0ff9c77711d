"""`maquette models`: what there is, under which terms, and what is here; and fetching it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import click

from maquette.cli.shape_options import quiet_option
from maquette.zoo.catalog import find_entry, list_models
from maquette.zoo.files import is_present, missing_files, pull


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the models, their licences and whether their weights are here."""
    if ctx.invoked_subcommand is not None:
        return
    if as_json:
        click.echo(json.dumps([{**asdict(entry), "present": is_present(entry)} for entry in list_models()]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "here", "GB", "memory", "steps", "what it is", "licence")
    terms: dict[str, str] = {}  # licence → where it holds, told once below the table
    for entry in list_models():
        terms[entry.license] = entry.regions
        partly = 0 < len(missing_files(entry)) < len(entry.files)
        table.add_row(
            entry.name,
            "yes" if is_present(entry) else "partly" if partly else "no",
            f"{entry.size_gb:.1f}" if entry.size_gb else "",
            f"{entry.memory_gb:.0f} GB",
            str(entry.steps or ""),
            entry.summary,
            entry.license.partition(" ")[0],
        )
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for license_name, regions in terms.items():
        console.print(f"{license_name}: {regions}", highlight=False)


@command.command("pull")
@click.argument("name")
@quiet_option
def pull_command(name: str, quiet: bool) -> None:
    """Fetch the weights of a model, or go on where an earlier try stopped.

    The cache and the environment variables are those of huggingface_hub: HF_HOME, HF_ENDPOINT, HF_TOKEN,
    HF_HUB_OFFLINE.
    """
    entry = find_entry(name)
    if quiet or not sys.stderr.isatty():
        import os

        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    source = entry.repo or entry.url
    if not quiet and source:
        click.echo(
            f"{entry.name}, {entry.size_gb:.1f} GB, from {source}. Licence: {entry.license}, {entry.regions}.",
            err=True,
        )
    click.echo(pull(entry, lambda file: None if quiet else click.echo(file, err=True)))
