"""`ap quarantine`: rows that silver does not hold, why, their bytes, and what is decided about them."""

import click

from analytics_platform.cli import quarantine_orders
from analytics_platform.cli.asking import ask, in_words
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.cli.quarantine_rows import Asked, filtered, opened
from analytics_platform.security.roles import Action

COLUMNS = ["stream", "outcome", "reason", "rows", "batches", "first", "last"]
PLACE = ("stream", "batch", "partition", "offset")


@click.group()
def command() -> None:
    """Rows that silver does not hold: counts, bytes, and what you decide about them."""


@command.command("list", epilog="Example: ap quarantine list --stream bids --since 2026-11-20T14:00")
@filtered
@click.option("--all", "all_", is_flag=True, help="Also rows that were given up.")
@as_json
def list_groups(asked: Asked, all_: bool, as_json: bool) -> None:
    """How many rows there are by stream and reason, and in which batches; every row counts, none is sampled."""
    with opened() as exceptions:
        found = exceptions.by_reason(asked, all_=all_)
    if as_json:
        say_json(found)
    else:
        say_table(found, COLUMNS)


@command.command(epilog="Example: ap quarantine show --stream bids --reason-like 'unknown schema' --limit 3")
@filtered
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many of each stream.")
@as_json
def show(asked: Asked, limit: int, as_json: bool) -> None:
    """Rows with their coordinates, reason, rule, schema id and bytes; oldest first."""
    ask(Action.READ_PROTECTED, f"exceptions of {in_words(asked.streams) or 'every stream'}")
    with opened() as exceptions:
        found = [row for stream in exceptions.streams(asked) for row in exceptions.shown(stream, asked, limit)]
    if as_json:
        say_json(found)
        return
    for row in found:
        click.echo("{}/{} {}:{}".format(*(row[name] for name in PLACE)))
        for name, value in row.items():
            if name not in PLACE:
                click.echo(f"    {name}: {value}")


for verb in (quarantine_orders.redrive, quarantine_orders.discard):
    command.add_command(verb)
