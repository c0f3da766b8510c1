"""Recording batches: the frontier moves by compare-and-set, so that whoever plans, nothing is cut twice."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from analytics_platform.facts import OPEN_STATES, Batch, BatchId, BatchState, OffsetRange, Pins

MOVE_FRONTIER = """
    insert into frontier (stream, topic_id, partition, next_offset, moved_at)
    values (%(stream)s, %(topic_id)s, %(partition)s, %(end)s, %(now)s)
    on conflict (stream, topic_id, partition) do update
    set next_offset = excluded.next_offset, moved_at = excluded.moved_at
    where frontier.next_offset = %(start)s
"""
ADD_BATCH = """
    insert into batch (stream, number, hour, state, reader_schema_id, contract_digest, planned_at)
    select %(stream)s, coalesce(max(number), 0) + 1, date_trunc('hour', %(now)s::timestamptz, 'UTC'), 'planned',
           %(schema)s, %(contract)s, %(now)s
    from batch where stream = %(stream)s returning number, hour
"""
ADD_ALARM = "insert into outbox (kind, key, body, created_at) values (%s, %s, %s, %s)"
ADD_ALARM_ONCE = """
    insert into outbox (kind, key, body, created_at) select %(kind)s, %(key)s, %(body)s, %(now)s
    where not exists (select 1 from outbox where kind = %(kind)s and key = %(key)s and body = %(body)s)
"""
ADD_LOST = "insert into lost_range values (%s, %s, %s, %s, %s, %s) on conflict do nothing"
ADD_RANGE = "insert into batch_range values (%s, %s, %s, %s, %s, %s)"
READ_BATCHES = """
    select b.stream, b.number, b.hour, b.state, b.reader_schema_id, b.contract_digest, b.landed_rows,
           coalesce(json_agg(json_build_array(r.topic_id, r.partition, r.start_offset, r.end_offset)
                    order by r.topic_id, r.partition) filter (where r.stream is not null), '[]')
    from batch b left join batch_range r using (stream, number)
"""

# one step into the index of open batches for each stream; the states are spelled out, as the index has them
FIRST_OPEN = """
    select s.name, (select min(number) from batch
                     where stream = s.name and state in ('planned', 'landed', 'judged')) as number
      from unnest(%s::text[]) as s(name)
"""
NAMED = " join unnest(%s::text[], %s::bigint[]) as named(stream, number) using (stream, number)"


class _LostRaceError(Exception):
    """Another planner moved the frontier first; the transaction rolls back."""


def frontier(connection: psycopg.Connection, stream: str, topic_id: UUID) -> dict[int, int]:
    """By partition, the next offset that no batch holds."""
    rows = connection.execute(
        "select partition, next_offset from frontier where stream = %s and topic_id = %s", [stream, topic_id]
    )
    return dict(rows.fetchall())


def record(
    connection: psycopg.Connection, pipeline: str, stream: str, ranges: Sequence[OffsetRange], pins: Pins, now: datetime
) -> Batch | None:
    """Move the frontier over `ranges` and record them as the stream's next batch; None if somebody else was first."""
    try:
        with connection.transaction():
            connection.execute("select 1 from pipeline where name = %s for update", [pipeline])
            for offsets in ranges:
                _move_frontier(connection, stream, offsets, now)
            parameters = {
                "stream": stream,
                "now": now,
                "schema": pins.reader_schema_id,
                "contract": pins.contract_digest,
            }
            number, hour = _one(connection.execute(ADD_BATCH, parameters))
            for r in ranges:
                connection.execute(ADD_RANGE, [stream, number, r.topic_id, r.partition, r.start, r.end])
    except _LostRaceError:
        return None
    return Batch(id=BatchId(stream=stream, number=number), hour=hour, ranges=tuple(ranges), pins=pins)


def skip_lost(
    connection: psycopg.Connection, pipeline: str, stream: str, ranges: Sequence[OffsetRange], now: datetime
) -> bool:
    """Move the frontier over offsets that the broker no longer has; recorded, with an alarm. False: lost a race."""
    try:
        with connection.transaction():
            connection.execute("select 1 from pipeline where name = %s for update", [pipeline])
            for r in ranges:
                _move_frontier(connection, stream, r, now)
            record_lost(connection, stream, ranges, now)
    except _LostRaceError:
        return False
    return True


def record_lost(connection: psycopg.Connection, stream: str, ranges: Sequence[OffsetRange], now: datetime) -> None:
    """Record offsets that nobody can read any more, with an alarm each; once, however often it is found."""
    with connection.transaction():
        for r in ranges:
            row = [stream, r.topic_id, r.partition, r.start, r.end, now]
            if connection.execute(ADD_LOST, row).rowcount:
                note = Jsonb({"partition": r.partition, "start": r.start, "end": r.end})
                connection.execute(ADD_ALARM, ["offsets lost", stream, note, now])


def alarm_shortened(connection: psycopg.Connection, stream: str, ranges: Sequence[OffsetRange], now: datetime) -> None:
    """Leave an alarm for a log that ends before what was planned of it; one, however its end moves on."""
    for r in ranges:
        note = Jsonb({"partition": r.partition, "planned_to": r.end})
        connection.execute(ADD_ALARM_ONCE, {"kind": "log shortened", "key": stream, "body": note, "now": now})


def _move_frontier(connection: psycopg.Connection, stream: str, offsets: OffsetRange, now: datetime) -> None:
    moved = connection.execute(
        MOVE_FRONTIER,
        {
            "stream": stream,
            "topic_id": offsets.topic_id,
            "partition": offsets.partition,
            "start": offsets.start,
            "end": offsets.end,
            "now": now,
        },
    )
    if moved.rowcount != 1:
        raise _LostRaceError


def open_batches(connection: psycopg.Connection, streams: Sequence[str]) -> list[Batch]:
    """Batches that are neither published, held nor discarded, in order of stream and number."""
    query = READ_BATCHES + " where b.stream = any(%s) and b.state = any(%s) group by b.stream, b.number order by 1, 2"
    return _batches(connection, query, [list(streams), list(OPEN_STATES)])


def next_batches(connection: psycopg.Connection, streams: Sequence[str]) -> list[Batch]:
    """The first open batch of each stream: what one cycle takes, however many more are open."""
    first = dict(connection.execute(FIRST_OPEN, [list(streams)]).fetchall())
    found = {stream: number for stream, number in first.items() if number is not None}
    query = READ_BATCHES + NAMED + " group by b.stream, b.number order by 1, 2"
    return _batches(connection, query, [list(found), list(found.values())]) if found else []


def batches_of_run(connection: psycopg.Connection, run_id: str) -> list[Batch]:
    """What a run executed, in order of stream and number."""
    query = (
        READ_BATCHES
        + " join batch_run u using (stream, number) where u.run_id = %s group by b.stream, b.number order by 1, 2"
    )
    return _batches(connection, query, [run_id])


def batches_of_hours(connection: psycopg.Connection, streams: Sequence[str], hours: Sequence[datetime]) -> list[Batch]:
    """Every batch planned in those hours, in order of stream and number."""
    query = READ_BATCHES + " where b.stream = any(%s) and b.hour = any(%s) group by b.stream, b.number order by 1, 2"
    return _batches(connection, query, [list(streams), list(hours)])


def batches_between(connection: psycopg.Connection, stream: str, first: int, last: int) -> list[Batch]:
    """The batches of those numbers, both ends included, in order."""
    return batches_numbered(connection, stream, range(first, last + 1))


def batches_numbered(connection: psycopg.Connection, stream: str, numbers: Sequence[int]) -> list[Batch]:
    """Those batches of a stream, in order of number."""
    query = READ_BATCHES + " where b.stream = %s and b.number = any(%s) group by b.stream, b.number order by 1, 2"
    return _batches(connection, query, [stream, list(numbers)])


def assign(connection: psycopg.Connection, run_id: str, batches: Sequence[Batch]) -> None:
    """Remember that a run executes these batches."""
    for batch in batches:
        connection.execute(
            "insert into batch_run values (%s, %s, %s) on conflict do nothing",
            [run_id, batch.id.stream, batch.id.number],
        )


def mark_landed(connection: psycopg.Connection, batch: Batch, rows: int) -> None:
    """Record that bronze holds the batch: from here on Kafka is not read again for it."""
    connection.execute(
        "update batch set state = 'landed', landed_rows = %s where stream = %s and number = %s and state = 'planned'",
        [rows, batch.id.stream, batch.id.number],
    )


def held(connection: psycopg.Connection, streams: Sequence[str]) -> dict[str, int]:
    """By stream that has a held batch, the first one's number."""
    if not streams:
        return {}
    query = "select stream, min(number) from batch where state = 'held' and stream = any(%s) group by 1"
    return dict(connection.execute(query, [list(streams)]).fetchall())


def is_on_hold(connection: psycopg.Connection) -> list[str]:
    """Why nothing new may be planned; empty if it may."""
    return [row[0] for row in connection.execute("select reason from ingestion_hold order by since").fetchall()]


def hold_ingestion(connection: psycopg.Connection, reason: str) -> None:
    """Plan nothing new until that reason is released; what is planned is finished."""
    connection.execute("insert into ingestion_hold (reason) values (%s) on conflict do nothing", [reason])


def release_ingestion(connection: psycopg.Connection, reason: str) -> None:
    """Take that reason away; planning goes on when none is left."""
    connection.execute("delete from ingestion_hold where reason = %s", [reason])


def _batches(connection: psycopg.Connection, query: str, parameters: Sequence[object]) -> list[Batch]:
    return [_batch(row) for row in connection.execute(query.encode(), parameters).fetchall()]


def _batch(row: tuple) -> Batch:
    stream, number, hour, state, schema, contract, landed_rows, ranges = row
    return Batch(
        id=BatchId(stream=stream, number=number),
        hour=hour,
        ranges=tuple(OffsetRange(topic_id=UUID(t), partition=p, start=s, end=e) for t, p, s, e in ranges),
        pins=Pins(reader_schema_id=schema, contract_digest=contract),
        state=BatchState(state),
        landed_rows=landed_rows,
    )


def _one(cursor: psycopg.Cursor) -> tuple:
    row = cursor.fetchone()
    assert row is not None, "the statement returns a row by construction"
    return row


def backlog(connection: psycopg.Connection) -> Mapping[str, int]:
    """By stream, how many batches are open."""
    rows = connection.execute(
        "select stream, count(*) from batch where state = any(%s) group by 1", [list(OPEN_STATES)]
    )
    return dict(rows.fetchall())


def open_since(connection: psycopg.Connection, streams: Sequence[str]) -> dict[str, datetime]:
    """By stream that has an open batch, when the first one was planned."""
    query = (
        f"select name, planned_at from ({FIRST_OPEN}) first join batch b on (stream, b.number) = (name, first.number)"
    )
    return dict(connection.execute(query.encode(), [list(streams)]).fetchall())


def first_unpublished(connection: psycopg.Connection, stream: str) -> int:
    """The number of the first batch that is still open, or else of the next one to come."""
    # each half is one step into an index; together in one aggregate they would read every batch there ever was
    row = connection.execute(
        "select coalesce((select min(number) from batch where stream = %(stream)s"
        " and state in ('planned', 'landed', 'judged')),"
        " (select coalesce(max(number), 0) + 1 from batch where stream = %(stream)s))",
        {"stream": stream},
    )
    return _one(row)[0]


def first_of_hour(connection: psycopg.Connection, stream: str, at: datetime) -> int:
    """The number of the first batch planned in the hour of `at` or later; of the next one to come if there is none."""
    row = connection.execute(
        "select coalesce(min(number) filter (where hour >= date_trunc('hour', %s::timestamptz, 'UTC')),"
        " coalesce(max(number), 0) + 1) from batch where stream = %s",
        [at, stream],
    )
    return _one(row)[0]
