"""`ap batch`: batches and what became of them."""

import json
from typing import Any

import click

from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.errors import LedgerError
from analytics_platform.ledger.postgres.publication import as_text, manifest_of
from analytics_platform.postgres import connect
from analytics_platform.settings import read_settings

LIST = """
select b.stream || '/' || b.number as batch, b.state, b.hour, b.planned_at,
       (m.body ->> 'rows')::bigint as rows, m.body -> 'outcomes' as outcomes, m.published_at
  from batch b
  left join lateral (select body, published_at from manifest
                      where (stream, number) = (b.stream, b.number) order by revision desc limit 1) m on true
 where %(stream)s::text is null or b.stream = %(stream)s
 order by b.planned_at desc, b.stream limit %(limit)s"""


class BatchName(click.ParamType):
    """A batch as people name it: bids/7."""

    name = "stream/number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Stream and number."""
        stream, _, number = str(value).partition("/")
        if not stream or not number.isdigit():
            self.fail(f"{value!r} names no batch; say bids/7", param, ctx)
        return stream, int(number)


@click.group()
def command() -> None:
    """Batches and what became of them."""


@command.command("list", epilog="Example: ap batch list --stream bids --limit 5")
@click.option("--stream", help="Only this stream's.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@as_json
def list_batches(stream: str | None, limit: int, as_json: bool) -> None:
    """The newest batches with their state and outcomes."""
    with connect(read_settings().ledger_dsn, application="ap batch") as ledger:
        cursor = ledger.execute(LIST, {"stream": stream, "limit": limit})
        names = [column.name for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if as_json:
        say_json(rows)
    else:
        say_table([{**row, "outcomes": _counts(row["outcomes"])} for row in rows], names)


@command.command(epilog="Example: ap batch show bids/7 | jq .verdicts")
@click.argument("batch", type=BatchName())
@click.option("--json", "as_json", is_flag=True, help="On one line, as the ledger keeps it.")
def show(batch: tuple[str, int], as_json: bool) -> None:
    """A batch's manifest: offsets, outcomes, hashes, versions, verdicts."""
    with connect(read_settings().ledger_dsn, application="ap batch") as ledger:
        manifest = manifest_of(ledger, *batch)
    if manifest is None:
        raise LedgerError(f"batch {batch[0]}/{batch[1]} is not published; `ap batch list` shows what is")
    if as_json:
        click.echo(as_text(manifest))
    else:
        say_json(json.loads(as_text(manifest)))


def _counts(outcomes: dict[str, int] | None) -> str:
    return " ".join(f"{outcome}={count}" for outcome, count in (outcomes or {}).items() if count)
