"""Orders to judge batches again: given and watched by people and Dagster, executed by the lease."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import psycopg

from analytics_platform.facts import OPEN_STATES, BatchId, BatchState
from analytics_platform.ledger.postgres import attempts, planning, publication
from analytics_platform.ledger.rework import Chunk, Kind, Order, OrderRefusedError, OrderState, Progress, refusal

MOST_BATCHES = 500  # of a chunk: each may get a manifest
ADD_ORDER = """
    insert into rework (id, pipeline, kind, requested_by, reason, assets, requested_at)
    values (%s, %s, %s, %s, %s, %s, %s) on conflict (id) do nothing
"""
FREEZE_NAMED = """
    insert into rework_batch (id, stream, number) select %s, b.stream, b.number
    from batch b join unnest(%s::text[], %s::bigint[]) as named(stream, number) using (stream, number)
"""
FREEZE_HOURS = """
    insert into rework_batch (id, stream, number) select %s, stream, number
    from batch where stream = any(%s) and hour = any(%s)
"""
ORDERS = """
    select id, pipeline, kind, requested_by, reason, requested_at, assets from rework
    where pipeline = %s and state = 'open' order by kind not in ('release', 'discard'), requested_at, id
"""
NEXT_BATCHES = """
    select w.stream, w.number, b.hour, m.body ->> 'reader_schema_id', m.body ->> 'contract_digest',
           m.body ->> 'topic_id', (m.body ->> 'rows')::bigint
    from rework_batch w join batch b using (stream, number)
    join lateral (select body from manifest where (stream, number) = (w.stream, w.number)
                  order by revision desc limit 1) m on true
    where w.id = %s and w.done_at is null and b.state <> all(%s) order by 1, 2 limit %s
"""
STATE = """
    select state, exists (select 1 from failing where freezes and (stream, number) = (b.stream, b.number))
    from batch b where stream = %s and number = %s
"""
PROGRESS = """
    select r.id, r.pipeline, r.kind, r.state, r.requested_by, r.reason, r.requested_at, r.ended_at, r.error,
           count(w.id), count(w.done_at), count(*) filter (where w.changed),
           coalesce(sum((w.note ->> 'rows')::bigint) filter (where w.done_at is not null), 0)
    from rework r left join rework_batch w on w.id = r.id where r.id = %s group by r.id
"""


def give(connection: psycopg.Connection, order: Order) -> str:
    """Freeze which batches are meant and have the lease judge them again; returns the order's id.

    An order of an id that is known changes nothing. Raises OrderRefusedError for batches that cannot be so treated.
    """
    order_id = order.id or f"{order.kind}-{uuid4().hex[:8]}"
    row = [order_id, order.pipeline, order.kind, order.requested_by, order.reason, list(order.assets)]
    with connection.transaction():
        connection.execute("select 1 from pipeline where name = %s for update", [order.pipeline])
        if connection.execute(ADD_ORDER, [*row, order.requested_at]).rowcount:
            _refuse(connection, order)
            _freeze(connection, order_id, order)
    return order_id


def open_orders(connection: psycopg.Connection, pipeline: str) -> list[Order]:
    """What is to be done, in this order: what people decided about batches first, then by age."""
    rows = connection.execute(ORDERS, [pipeline]).fetchall()
    return [
        Order(id=i, pipeline=p, kind=Kind(k), requested_by=by, reason=why, requested_at=at, assets=tuple(assets))
        for i, p, k, by, why, at, assets in rows
    ]


def is_open(connection: psycopg.Connection, pipeline: str) -> bool:
    """Whether an order waits to be executed, or is."""
    row = connection.execute(
        "select exists (select 1 from rework where pipeline = %s and state = 'open')", [pipeline]
    ).fetchone()
    return bool(row and row[0])


def next_chunk(connection: psycopg.Connection, pipeline: str, most_rows: int) -> Chunk | None:
    """The first batches left of the first order that has some which are not open; None if there are none.

    They follow one another and were judged alike, and are at least one, whatever its rows.
    """
    for order in open_orders(connection, pipeline):
        found = connection.execute(NEXT_BATCHES, [order.id, list(OPEN_STATES), MOST_BATCHES]).fetchall()
        if found:
            stream, numbers = found[0][0], _first_run(found, most_rows)
            batches = planning.batches_numbered(connection, stream, numbers)
            manifests = publication.manifests_of(connection, stream, numbers)
            return Chunk(order=order, batches=tuple(batches), manifests=manifests)
    return None


def progress(connection: psycopg.Connection, order_id: str) -> Progress | None:
    """How far that order is; None if there is no such order."""
    row = connection.execute(PROGRESS, [order_id]).fetchone()
    if row is None:
        return None
    i, pipeline, kind, state, by, why, at, ended_at, error, batches, done, changed, rows = row
    return Progress(
        id=i,
        pipeline=pipeline,
        kind=Kind(kind),
        state=OrderState(state),
        requested_by=by,
        reason=why,
        requested_at=at,
        ended_at=ended_at,
        batches=batches,
        done=done,
        changed=changed,
        rows=int(rows),
        changes=_sum(connection, order_id),
        error=error,
    )


def recent(connection: psycopg.Connection, most: int) -> list[Progress]:
    """The newest orders of all pipelines."""
    rows = connection.execute("select id from rework order by requested_at desc, id limit %s", [most]).fetchall()
    return [found for row in rows if (found := progress(connection, row[0]))]


def cancel(connection: psycopg.Connection, order_id: str, now: datetime) -> bool:
    """Stop after the chunk that is under way; False if the order was not open."""
    cancelled = connection.execute(
        "update rework set state = 'cancelled', ended_at = %s where id = %s and state = 'open'", [now, order_id]
    )
    return cancelled.rowcount == 1


def resume(connection: psycopg.Connection, order_id: str, now: datetime) -> bool:
    """Go on with an order that was cancelled or failed; False if it was neither. One with nothing left is done."""
    with connection.transaction():
        resumed = connection.execute(
            "update rework set state = 'open', ended_at = null, error = null, begun = 0, failures = 0"
            " where id = %s and state in ('cancelled', 'failed')",
            [order_id],
        )
        attempts.close(connection, order_id, now)
    return resumed.rowcount == 1


def _refuse(connection: psycopg.Connection, order: Order) -> None:
    for batch in order.batches:
        row = connection.execute(STATE, [batch.stream, batch.number]).fetchone()
        state, freezes = (BatchState(row[0]), row[1]) if row else (None, False)
        if problem := refusal(order.kind, state, freezes=freezes):
            raise OrderRefusedError(order.kind, str(batch), problem)


def _freeze(connection: psycopg.Connection, order_id: str, order: Order) -> None:
    if order.batches:
        names, numbers = [b.stream for b in order.batches], [b.number for b in order.batches]
        frozen = connection.execute(FREEZE_NAMED, [order_id, names, numbers])
    else:
        frozen = connection.execute(FREEZE_HOURS, [order_id, list(order.streams), list(order.hours)])
    if not frozen.rowcount:  # hours without data: nothing to wait for
        connection.execute(
            "update rework set state = 'done', ended_at = %s where id = %s", [order.requested_at, order_id]
        )


def _first_run(found: Sequence[tuple], most_rows: int) -> list[int]:
    """The numbers of the batches, from the first on, that follow one another and share stream, hour, pins and topic."""
    numbers, rows = [found[0][1]], found[0][6]
    for before, row in pairwise(found):
        rows += row[6]
        is_next = row[1] == before[1] + 1 and (row[0], *row[2:6]) == (before[0], *before[2:6])
        if not is_next or rows > most_rows:
            break
        numbers.append(row[1])
    return numbers


def _sum(connection: psycopg.Connection, order_id: str) -> dict[str, Any]:
    """What the done batches' notes add up to."""
    rows = connection.execute(
        "select note from rework_batch where id = %s and done_at is not null and changed", [order_id]
    ).fetchall()
    notes: list[Mapping[str, Any]] = [row[0] for row in rows]
    total: dict[str, Any] = {name: sum(note.get(name, 0) for note in notes) for name in ("added", "removed")}
    for name in ("before", "after"):
        outcomes: Counter[str] = Counter()
        for note in notes:
            outcomes.update(note.get(name, {}))
        total[name] = dict(outcomes)
    return total


def has_changed(connection: psycopg.Connection, order_id: str) -> bool:
    """Whether some batch of the order came out otherwise than before, as far as it is done."""
    row = connection.execute(
        "select exists (select 1 from rework_batch where id = %s and done_at is not null and changed)", [order_id]
    ).fetchone()
    return bool(row and row[0])


def batches_left(connection: psycopg.Connection, order_id: str) -> list[BatchId]:
    """The batches of an order that are still to be judged."""
    rows = connection.execute(
        "select stream, number from rework_batch where id = %s and done_at is null order by 1, 2", [order_id]
    ).fetchall()
    return [BatchId(stream=stream, number=number) for stream, number in rows]
