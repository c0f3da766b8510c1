"""`ap sql`: ask the published tables."""

from datetime import datetime

import click

from analytics_platform.cli.asking import command_name
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.products import catalog
from analytics_platform.published import sql
from analytics_platform.reader import reader_here
from analytics_platform.settings import read_settings

SHOWN_ROWS = 200


@click.command(epilog='Example: ap sql "select channel, sum(revenue) from channel_revenue group by 1 order by 2 desc"')
@click.argument("query")
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="The cut of then: 2026-05-01T12:00:00+00:00.")
@as_json
def command(query: str, at: datetime | None, as_json: bool) -> None:
    """Ask the published tables: bids, bids.bronze, bids.exceptions, and each model by name."""
    settings = read_settings()
    answer = sql(settings, catalog(), query, at, reader_here(settings, command_name()))
    rows = answer.slice(0, answer.num_rows if as_json else SHOWN_ROWS).to_pylist()
    if as_json:
        say_json(rows)
        return
    say_table(rows, answer.column_names)
    if answer.num_rows > SHOWN_ROWS:
        click.echo(f"… {answer.num_rows - SHOWN_ROWS:,} more rows; --json gives all")
