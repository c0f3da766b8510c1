"""Timers of models, and the watermarks that make them fire: what becomes dirty when time passes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import psycopg

from analytics_platform.facts import OPEN_STATES

END_OF_STREAM = datetime(9999, 12, 31, tzinfo=UTC)
ARM = """
    insert into timer (model, grain, due_at, cause)
    select model, grain, due_at, %s
    from unnest(%s::text[], %s::text[], %s::timestamptz[]) as armed(model, grain, due_at)
    on conflict do nothing
"""
FIRE = """
    with come as (select * from unnest(%s::text[], %s::timestamptz[]) as c(model, at)),
    fired as (delete from timer t using come where t.model = come.model and t.due_at <= come.at
              returning t.model, t.grain, t.cause)
    insert into dirty (model, grain, cause) select model, grain, min(cause) from fired group by model, grain
    on conflict (model, grain) do update set mark = nextval('dirty_mark'), cause = excluded.cause
"""
MOVE_ON = """
    insert into watermark (stream, at) values (%s, %s)
    on conflict (stream) do update set at = greatest(watermark.at, excluded.at)
"""

OPEN_BATCHES = """
    select count(*) from (select 1 from batch where stream = %s and state = any(%s) limit 2) as open
"""
NEWEST_EVENT_AT = """
    select body -> 'newest_event_at' from manifest where stream = %s order by number desc, revision desc limit 1
"""


def arm(connection: psycopg.Connection, due: Mapping[str, Collection[tuple[str, datetime]]], cause: str) -> None:
    """Have each grain of a model become dirty when the watermark reaches its instant; one armed stays as it is."""
    if armed := sorted((model, grain, at) for model, of_model in due.items() for grain, at in of_model):
        connection.execute(ARM, [cause, *(list(column) for column in zip(*armed, strict=True))])


def fire(connection: psycopg.Connection, watermarks: Mapping[str, datetime]) -> int:
    """Turn the timers that are due at each model's watermark into dirty grains, in one statement; returns how many."""
    return connection.execute(FIRE, [list(watermarks), list(watermarks.values())]).rowcount


def first_due(connection: psycopg.Connection, models: Sequence[str]) -> dict[str, datetime]:
    """By model that has timers, when the first is due."""
    rows = connection.execute("select model, min(due_at) from timer where model = any(%s) group by 1", [list(models)])
    return dict(rows.fetchall())


def watermarks(connection: psycopg.Connection, streams: Sequence[str]) -> dict[str, datetime]:
    """By stream, the watermark that was recorded last."""
    rows = connection.execute("select stream, at from watermark where stream = any(%s)", [list(streams)])
    return dict(rows.fetchall())


def move_on(connection: psycopg.Connection, watermarks: Mapping[str, datetime]) -> None:
    """Record how far each stream's time has come; what was recorded later stays."""
    for stream in sorted(watermarks):
        connection.execute(MOVE_ON, [stream, watermarks[stream]])


def end_stream(connection: psycopg.Connection, stream: str) -> None:
    """Record that nothing more will come: every window is over, every timer due."""
    move_on(connection, {stream: END_OF_STREAM})


def moved_at(connection: psycopg.Connection, stream: str) -> dict[int, datetime]:
    """By partition, when offsets of it were last planned."""
    rows = connection.execute("select partition, max(moved_at) from frontier where stream = %s group by 1", [stream])
    return dict(rows.fetchall())


def open_batches(connection: psycopg.Connection, stream: str) -> int:
    """How many batches of the stream are open: 0, 1, or 2 for any more."""
    row = connection.execute(OPEN_BATCHES, [stream, list(OPEN_STATES)]).fetchone()
    return row[0] if row else 0


def newest_event_at(connection: psycopg.Connection, stream: str) -> dict[int, datetime]:
    """By partition, the highest event time of everything published of the topic that was read last."""
    row = connection.execute(NEWEST_EVENT_AT, [stream]).fetchone()
    return {int(partition): datetime.fromisoformat(at) for partition, at in row[0].items()} if row else {}
