"""A chunk of rework from its beginning to its end: what is under way, what failed, and what it changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

MOST_FAILURES = 3  # of one chunk, then its order has failed
MOST_BEGUN = 5  # of one chunk: a worker that dies over it says nothing
REMEMBER = """
    update rework_batch w set note = noted.note from unnest(%s::bigint[], %s::jsonb[]) as noted(number, note)
    where w.id = %s and w.stream = %s and w.number = noted.number and w.note is null
"""
DONE = """
    update rework_batch set done_at = %s, changed = coalesce((note ->> 'changed')::boolean, false)
    where id = %s and stream = %s and number = any(%s)
"""
CLOSE = """
    update rework r set state = 'done', ended_at = %s where id = %s and state in ('open', 'cancelled')
    and not exists (select 1 from rework_batch where id = r.id and done_at is null)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reworked:
    """The batches of an order that a chunk has judged again."""

    order_id: str
    stream: str
    numbers: tuple[int, ...]


def begin(connection: psycopg.Connection, order_id: str) -> None:
    """A chunk of that order is under way from here on, until it is published or undone."""
    connection.execute("update rework set under_way = true, begun = begun + 1 where id = %s", [order_id])


def remember(
    connection: psycopg.Connection, order_id: str, stream: str, notes: Mapping[int, Mapping[str, Any]]
) -> None:
    """Keep what is about to change, by batch; what was noted before stays: a repeated chunk may find it done."""
    bodies = [Jsonb(dict(note)) for note in notes.values()]
    connection.execute(REMEMBER, [list(notes), bodies, order_id, stream])


def finish(connection: psycopg.Connection, done: Reworked, now: datetime) -> None:
    """The chunk is done, and with its last one the order; to be called in the transaction that publishes it."""
    connection.execute(DONE, [now, done.order_id, done.stream, list(done.numbers)])
    connection.execute("update rework set under_way = false, begun = 0, failures = 0 where id = %s", [done.order_id])
    close(connection, done.order_id, now)


def close(connection: psycopg.Connection, order_id: str, now: datetime) -> None:
    """The order is done if nothing of it is left, even where somebody cancelled it during its last chunk."""
    connection.execute(CLOSE, [now, order_id])


def under_way(connection: psycopg.Connection, pipeline: str) -> list[str]:
    """The orders of which a writer has begun a chunk and neither published nor undone it."""
    rows = connection.execute("select id from rework where pipeline = %s and under_way order by id", [pipeline])
    return [row[0] for row in rows.fetchall()]


def undone(connection: psycopg.Connection, order_id: str, error: str | None, now: datetime) -> bool:
    """The chunk left no trace in the tables; True if its order has failed thereby.

    `error` is why it was given up; None where its worker died, which may be anybody's fault for a while.
    """
    row = connection.execute(
        "update rework set under_way = false, failures = failures + %s where id = %s returning failures, begun",
        [0 if error is None else 1, order_id],
    ).fetchone()
    failures, begun = row or (0, 0)
    if failures < MOST_FAILURES and begun < MOST_BEGUN:
        return False
    text = error or f"its worker died {begun} times over the same batches; see its log, then `ap backfill resume`"
    failed = connection.execute(
        "update rework set state = 'failed', ended_at = %s, error = %s where id = %s and state = 'open'",
        [now, text, order_id],
    )
    return failed.rowcount == 1
