"""`maquette keys`: who may use the service."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from maquette.cli.service import PLACES, build_config, with_options
from maquette.errors import SettingError

if TYPE_CHECKING:
    from maquette.serve.auth import Keys


@click.group()
def command() -> None:
    """Create, list and revoke the API keys of a service."""


@command.command()
@click.argument("name")
@click.option("--active-jobs", type=click.IntRange(1), help="Most jobs queued or running at once.")
@click.option("--jobs-per-day", type=click.IntRange(1), help="Most jobs within 24 hours.")
@click.option("--requests-per-minute", type=click.IntRange(1), default=600, show_default=True)
@click.option("--priority", type=click.IntRange(0, 9), default=9, show_default=True, help="Highest allowed.")
@with_options(PLACES)
def create(name: str, **options: Any) -> None:
    """Make a key for NAME and print it, with the secret that signs its webhooks. It is shown only once."""
    from maquette.serve.auth import KeyLimits

    keys = _keys(options)
    names = ("active_jobs", "jobs_per_day", "requests_per_minute", "priority")
    key = keys.create(name, KeyLimits(**{limit: options[limit] for limit in names}))
    click.echo(key)
    click.echo(f"webhook secret: {keys.webhook_secret(key.split('_')[1])}", err=True)


@command.command("list")
@with_options(PLACES)
def list_keys(**options: Any) -> None:
    """One line for each key: id, date, state, limits, name."""
    for row in _keys(options).list():
        state = "revoked" if row.revoked else "valid"
        made = time.strftime("%Y-%m-%d", time.gmtime(row.created))
        click.echo(f"{row.id}  {made}  {state:7}  {json.dumps(row.limits)}  {row.name}")


@command.command()
@click.argument("key_id")
@with_options(PLACES)
def revoke(key_id: str, **options: Any) -> None:
    """Make the key with KEY_ID worthless at once."""
    if not _keys(options).revoke(key_id):
        raise SettingError(f"there is no key with the id {key_id!r}", "see `maquette keys list`")
    click.echo(f"{key_id} is revoked")


@command.command("webhook-secret")
@click.argument("key_id", default="local")
@with_options(PLACES)
def webhook_secret(key_id: str, **options: Any) -> None:
    """Print what webhooks about the jobs of KEY_ID are signed with (without keys: `local`)."""
    click.echo(_keys(options).webhook_secret(key_id))


def _keys(options: dict[str, Any]) -> Keys:
    config = build_config(options)
    from maquette.serve.auth import Keys
    from maquette.serve.tables import open_database

    return Keys(open_database(config.database))
