"""`maquette doctor`: what this machine can run."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Say what this machine can run, and why not; exits with 1 when something is wrong."""
    from maquette.runtime.doctor import examine

    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            click.echo(f"{MARKS[finding.verdict]} {finding.what}: {finding.detail}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    if any(finding.verdict == "problem" for finding in findings):
        ctx.exit(1)
