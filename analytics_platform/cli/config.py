"""`ap config`: settings."""

from dataclasses import asdict

import click

from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.settings import explain_settings


@click.group()
def command() -> None:
    """The settings and where each comes from."""


@command.command(epilog="Example: ap config show --json | jq '.[] | select(.source != \"default\")'")
@as_json
def show(as_json: bool) -> None:
    """Every setting with its value and source; secrets are masked."""
    rows = [asdict(setting) for setting in explain_settings()]
    if as_json:
        say_json(rows)
    else:
        say_table(rows, ["name", "value", "source", "about"])
