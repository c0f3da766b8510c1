"""Streams that a person has paused: nothing new of them is planned until they are resumed or the pause is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

PAUSE = """
    insert into pause (stream, reason, by, since, until) values (%s, %s, %s, %s, %s)
    on conflict (stream) do update set
        reason = excluded.reason, by = excluded.by, since = excluded.since, until = excluded.until
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Why a stream is not read, who said so, and how long it stays so."""

    stream: str
    reason: str
    by: str
    since: datetime
    until: datetime


def pause(connection: psycopg.Connection, pause: Pause) -> None:
    """Plan nothing new of the stream from now on; a later pause replaces an earlier one."""
    connection.execute(PAUSE, [pause.stream, pause.reason, pause.by, pause.since, pause.until])


def resume(connection: psycopg.Connection, stream: str) -> bool:
    """Take the stream's pause away; False if it had none."""
    return connection.execute("delete from pause where stream = %s", [stream]).rowcount == 1


def paused(connection: psycopg.Connection, streams: Sequence[str], now: datetime) -> set[str]:
    """Which of these streams are paused; a pause that is over counts no more."""
    query = "select stream from pause where stream = any(%s) and until > %s"
    return {row[0] for row in connection.execute(query, [list(streams), now]).fetchall()}


def pauses(connection: psycopg.Connection, now: datetime) -> list[Pause]:
    """Every pause that is not over, by stream."""
    query = "select stream, reason, by, since, until from pause where until > %s order by stream"
    rows = connection.execute(query, [now]).fetchall()
    return [Pause(stream=s, reason=r, by=by, since=since, until=until) for s, r, by, since, until in rows]
