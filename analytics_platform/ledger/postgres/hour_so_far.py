"""What the batches of an hour amount to so far: whoever tells of an hour reads what is new, and not all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from analytics_platform.facts import Manifest
from analytics_platform.ledger.manifest import from_json

KEEP = """
    insert into hour_so_far (stream, hour, place, body) values (%s, %s, %s, %s) on conflict (stream, hour)
    do update set place = excluded.place, body = excluded.body where hour_so_far.place <= excluded.place
"""
# superseded revisions count for the place and not for what is found
AFTER = """
    select distinct on (number) number, revision, body, max(place) over () from manifest
    where stream = %s and hour = %s and place > %s order by number, revision desc
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was kept of an hour, and the place of the last manifest in it."""

    place: int
    body: Mapping[str, Any]


def kept(connection: psycopg.Connection, stream: str, hour: datetime) -> Kept | None:
    """What was kept last of that hour; None if nothing is."""
    row = connection.execute("select place, body from hour_so_far where stream = %s and hour = %s", [stream, hour])
    found = row.fetchone()
    return Kept(place=found[0], body=found[1]) if found else None


def hours(connection: psycopg.Connection, streams: Sequence[str]) -> set[datetime]:
    """The hours of which something is kept."""
    rows = connection.execute("select distinct hour from hour_so_far where stream = any(%s)", [list(streams)])
    return {row[0] for row in rows.fetchall()}


def manifests_after(
    connection: psycopg.Connection, stream: str, hour: datetime, place: int
) -> tuple[list[Manifest], int]:
    """The hour's manifests published after that place, each batch's latest revision, oldest batch first; the place now.

    At place 0 begins everything.
    """
    rows = connection.execute(AFTER, [stream, hour, place]).fetchall()
    found = [from_json(stream, number, revision, hour, body) for number, revision, body, _ in rows]
    return found, rows[0][3] if rows else place


def keep(connection: psycopg.Connection, stream: str, hour: datetime, so_far: Kept, forget_before: datetime) -> None:
    """Keep that of the hour, unless more is kept already; forget the stream's hours before that instant."""
    connection.execute(KEEP, [stream, hour, so_far.place, Jsonb(dict(so_far.body))])
    connection.execute("delete from hour_so_far where stream = %s and hour < %s", [stream, forget_before])
