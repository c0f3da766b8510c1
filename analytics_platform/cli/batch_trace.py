"""`ap batch trace`: every copy of an event, what became of each, and which grains of which models it touches."""

from typing import Any

import click
import pyarrow as pa

from analytics_platform.cli.asking import ask
from analytics_platform.cli.output import as_json, say_json, say_table
from analytics_platform.errors import LedgerError
from analytics_platform.facts import Outcome
from analytics_platform.lake.grains import grains_touched, start_of
from analytics_platform.lake.model import text, touched_by
from analytics_platform.lake.shapes import Layer
from analytics_platform.product import Model, Stream, Window
from analytics_platform.products import catalog
from analytics_platform.published import read_table
from analytics_platform.security.roles import Action
from analytics_platform.settings import Settings, read_settings

COPY = ["batch", "partition", "offset", "event_id", "event_at"]
LOST = ["outcome", "reason", "winner_partition", "winner_offset"]
COLUMNS = [*COPY, *LOST]


class Place(click.ParamType):
    """A record's place as people name it: 2:1234."""

    name = "partition:offset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Partition and offset."""
        partition, _, offset = str(value).partition(":")
        if not partition.isdigit() or not offset.isdigit():
            self.fail(f"{value!r} is no place; say 2:1234", param, ctx)
        return int(partition), int(offset)


@click.command(epilog="Example: ap batch trace bids 018f-6a…, or: ap batch trace bids/7 --offset 2:1234")
@click.argument("stream")
@click.argument("event_id", required=False)
@click.option("--offset", "place", type=Place(), help="Instead of an id: the record's place, in the batch named.")
@as_json
def trace(stream: str, event_id: str | None, place: tuple[int, int] | None, as_json: bool) -> None:
    """Every copy of an event in the published tables: batch, place, outcome, reason, winner, and what it touches."""
    name, _, number = stream.partition("/")
    declared = catalog().streams
    if name not in declared or (event_id is None) == (place is None):
        raise click.BadParameter("name a declared stream, and an event id or --offset")
    settings = read_settings()
    ask(Action.READ_PROTECTED, f"copies of an event of {name}")
    found = _copies(settings, name, _where(event_id, place, number))
    ids = {copy["event_id"] for copy in found} - {None}
    if place and ids:  # the other copies of what is there
        found = _copies(settings, name, f"event_id in ({', '.join(text(one) for one in sorted(ids))})")
    if not found:
        remedy = f"`ap batch list --stream {name}` shows which batches are open"
        raise LedgerError(f"no such record in what is published of {name}; {remedy}")
    touched = _touched(settings, declared[name], sorted(ids))
    if as_json:
        say_json({"copies": found, "touches": touched})
        return
    say_table(found, COLUMNS)
    for model, grains in touched.items():
        click.echo(f"touches {model}: {', '.join(grains)}")


def _where(event_id: str | None, place: tuple[int, int] | None, number: str) -> str:
    if place is None:
        return f"event_id = {text(event_id or '')}"
    batch = f" and batch = {int(number)}" if number.isdigit() else ""
    return f'partition = {place[0]} and "offset" = {place[1]}{batch}'


def _copies(settings: Settings, stream: str, where: str) -> list[dict[str, Any]]:
    """The rows that silver and exceptions have, in the order in which they were planned."""
    declared = catalog()
    silver = read_table(settings, declared, stream).filter(where).project(_list(COPY)).to_arrow_table()
    others = read_table(settings, declared, f"{stream}/{Layer.EXCEPTIONS}").filter(where).project(_list(COLUMNS))
    published = [{**row, "outcome": str(Outcome.PUBLISHED)} for row in silver.to_pylist()]
    found = [dict.fromkeys(COLUMNS) | row for row in (*published, *others.to_arrow_table().to_pylist())]
    return sorted(found, key=lambda row: (row["batch"], row["partition"], row["offset"]))


def _touched(settings: Settings, stream: Stream, ids: list[str]) -> dict[str, list[str]]:
    """By model that reads the stream, the grains that the published copies belong to."""
    if not ids:
        return {}
    where = f"event_id in ({', '.join(text(one) for one in ids)})"
    rows = read_table(settings, catalog(), stream.name).filter(where).to_arrow_table()
    readers = catalog().pipelines[stream.pipeline].readers(stream.name)
    return {model.name: _grains(rows, model, stream.name) for model in readers if rows.num_rows}


def _grains(rows: pa.Table, model: Model, stream: str) -> list[str]:
    found = sorted(grains_touched(rows[touched_by(model, stream)], model.grain))
    if isinstance(model.grain, Window):
        window = model.grain
        return [f"{window.column} {start_of(int(grain), window):%Y-%m-%d %H:%M:%S}" for grain in found]
    return [f"{model.grain.column} {grain}" for grain in found]


def _list(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
