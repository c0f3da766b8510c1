"""`ap batch`: batches, what became of them, and what a person decides about them."""

import json

import click

from analytics_platform.cli import batch_orders, batch_trace
from analytics_platform.cli.batch_name import BatchName
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.errors import LedgerError
from analytics_platform.facts import BatchId, BatchState
from analytics_platform.ledger.postgres.publication import as_text, manifest_of
from analytics_platform.ledger.postgres.tracing import newest_batches
from analytics_platform.postgres import connect
from analytics_platform.settings import read_settings

COLUMNS = ["batch", "state", "hour", "planned_at", "rows", "outcomes", "revision", "published_at", "resolution"]


@click.group()
def command() -> None:
    """Batches: what became of them, and what you decide about them."""


@command.command("list", epilog="Example: ap batch list --stream bids --state held")
@click.option("--stream", help="Only this stream's.")
@click.option("--state", type=click.Choice([str(state) for state in BatchState]), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@as_json
def list_batches(stream: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """The newest batches with their state and outcomes."""
    with connect(read_settings().ledger_dsn, application="ap batch") as ledger:
        rows = newest_batches(ledger, stream, state, limit)
    if as_json:
        say_json(rows)
    else:
        say_table([{**row, "outcomes": _counts(row["outcomes"])} for row in rows], COLUMNS)


@command.command(epilog="Example: ap batch show bids/7 | jq .verdicts")
@click.argument("batch", type=BatchName())
@click.option("--json", "as_json", is_flag=True, help="On one line, as the ledger keeps it.")
def show(batch: BatchId, as_json: bool) -> None:
    """A batch's manifest: offsets, outcomes, hashes, versions, verdicts."""
    with connect(read_settings().ledger_dsn, application="ap batch") as ledger:
        manifest = manifest_of(ledger, batch.stream, batch.number)
    if manifest is None:
        raise LedgerError(f"batch {batch} is not published; `ap batch list` shows what is")
    if as_json:
        click.echo(as_text(manifest))
    else:
        say_json(json.loads(as_text(manifest)))


def _counts(outcomes: dict[str, int] | None) -> str:
    return " ".join(f"{outcome}={count}" for outcome, count in (outcomes or {}).items() if count)


ORDERS = (batch_orders.rerun, batch_orders.release, batch_orders.discard, batch_orders.retract, batch_orders.rejudge)
for verb in (batch_trace.trace, *ORDERS):
    command.add_command(verb)
