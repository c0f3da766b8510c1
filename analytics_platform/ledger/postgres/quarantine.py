"""What was decided about quarantined rows, and how often batches were redriven."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from analytics_platform.ledger.redrive import THE_REGISTRY

DISMISS = """
    insert into dismissal (stream, number, reason, rows, by, why, at)
    select %s, g.number, g.reason, g.rows, %s, %s, %s from unnest(%s::bigint[], %s::text[], %s::bigint[])
        as g(number, reason, rows) on conflict do nothing
"""
TRIES = """
    select w.number, count(*) from rework_batch w join rework r using (id)
    where r.kind = 'redrive' and w.stream = %s and w.number = any(%s) and r.state <> 'cancelled'
    and r.requested_by <> %s group by 1
"""
JUDGED_BY = """
    select distinct on (number) number, (body ->> 'reader_schema_id')::int, body ->> 'contract_digest' from manifest
    where stream = %s and number = any(%s) order by number, revision desc
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Quarantined rows of one batch and reason."""

    number: int
    reason: str
    rows: int


def dismissed(connection: psycopg.Connection, stream: str) -> set[tuple[int, str]]:
    """The batches and reasons of rows that were given up."""
    return set(connection.execute("select number, reason from dismissal where stream = %s", [stream]).fetchall())


def dismiss(
    connection: psycopg.Connection, stream: str, groups: Sequence[Group], by: str, why: str, now: datetime
) -> int:
    """Give those rows up; returns how many groups of them were not given up before."""
    columns = [[g.number for g in groups], [g.reason for g in groups], [g.rows for g in groups]]
    return connection.execute(DISMISS, [stream, by, why, now, *columns]).rowcount


def tries(connection: psycopg.Connection, stream: str, numbers: Sequence[int]) -> Mapping[int, int]:
    """By batch, how often people had it redriven; once for each schema that rows waited for does not count."""
    return dict(connection.execute(TRIES, [stream, list(numbers), THE_REGISTRY]).fetchall())


def judged_by(connection: psycopg.Connection, stream: str, numbers: Sequence[int]) -> dict[int, tuple[int, str]]:
    """By batch, the reader schema's id and the contract's digest that it was judged by last."""
    rows = connection.execute(JUDGED_BY, [stream, list(numbers)]).fetchall()
    return {number: (schema, digest) for number, schema, digest in rows}
