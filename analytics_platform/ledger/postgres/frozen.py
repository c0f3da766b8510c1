"""Models that keep their last version: kept in the transaction that publishes what made or thawed them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

THAW = """
    update frozen set thawed_at = %(now)s, thawed_epoch = %(epoch)s
    where pipeline = %(pipeline)s and thawed_at is null
    and (model, asset, column_name) not in (
        select * from unnest(%(models)s::text[], %(assets)s::text[], %(columns)s::text[]))
"""
FREEZE = """
    insert into frozen (model, asset, column_name, pipeline, since)
    select model, asset, column_name, %(pipeline)s, %(now)s
    from unnest(%(models)s::text[], %(assets)s::text[], %(columns)s::text[]) as found(model, asset, column_name)
    on conflict (model, asset, column_name) do update
    set since = excluded.since, thawed_at = null, thawed_epoch = null where frozen.thawed_at is not null
"""
NOW = "select model, asset, column_name, since from frozen where thawed_at is null order by asset, column_name, model"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Frozen:
    """A model that keeps its last version, and the broken column for which it does; none: a table's rows as a whole."""

    model: str
    asset: str
    column: str | None
    since: datetime


def keep(
    connection: psycopg.Connection,
    pipeline: str,
    frozen: Mapping[str, Iterable[tuple[str, str | None]]],
    epoch: int,
    now: datetime,
) -> None:
    """Have just these models of the pipeline be frozen, each for those columns of tables."""
    rows = [(model, asset, column or "") for model, causes in frozen.items() for asset, column in causes]
    models, assets, columns = (list(part) for part in zip(*rows, strict=True)) if rows else ([], [], [])
    values = {"pipeline": pipeline, "models": models, "assets": assets, "columns": columns, "epoch": epoch, "now": now}
    connection.execute(THAW, values)
    if rows:
        connection.execute(FREEZE, values)


def frozen_now(connection: psycopg.Connection) -> list[Frozen]:
    """Every model that is frozen, by cause."""
    rows = connection.execute(NOW).fetchall()
    return [Frozen(model=model, asset=asset, column=column or None, since=at) for model, asset, column, at in rows]


def thawed_since(connection: psycopg.Connection, pipeline: str, epochs: Collection[int]) -> datetime | None:
    """Since when the models were frozen that writers of those epochs thawed; None if they thawed none."""
    row = connection.execute(
        "select min(since) from frozen where pipeline = %s and thawed_epoch = any(%s)", [pipeline, list(epochs)]
    ).fetchone()
    return row[0] if row else None
