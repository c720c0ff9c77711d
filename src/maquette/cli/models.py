"""`maquette models`: what there is, under which terms, and what is here."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from maquette.zoo.catalog import is_present, list_models


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
def command(as_json: bool) -> None:
    """List the models, their licences and whether their weights are here."""
    if as_json:
        click.echo(json.dumps([{**asdict(entry), "present": is_present(entry)} for entry in list_models()]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "here", "runs", "what it is", "licence", "regions")
    for entry in list_models():
        table.add_row(
            entry.name,
            "yes" if is_present(entry) else "no",
            "yes" if entry.supported else "no",
            entry.summary,
            entry.license,
            entry.regions,
        )
    Console().print(table)
