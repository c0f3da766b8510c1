"""What retention has begun to take of streams: what is left would make other windows of it."""

from collections.abc import Sequence
from datetime import datetime

import psycopg

RECORD = """
    insert into expired (stream, until) values (%s, %s)
    on conflict (stream) do update set until = greatest(expired.until, excluded.until)
"""


def record(connection: psycopg.Connection, stream: str, until: datetime) -> None:
    """Rows of the stream that happened before may go from now on."""
    connection.execute(RECORD, [stream, until])


def gone(connection: psycopg.Connection, streams: Sequence[str]) -> dict[str, datetime]:
    """By stream of which anything has gone, the event time from which no row has."""
    query = "select stream, until from expired where stream = any(%s)"
    return dict(connection.execute(query, [list(streams)]).fetchall())
