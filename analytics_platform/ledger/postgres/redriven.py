"""Rows in unknown schemas: up to which change of the registry they were looked for, and what held batches have some."""

import psycopg

from analytics_platform.product import SchemaCheck

REMEMBER = """
    insert into redriven (pipeline, change) values (%s, %s)
    on conflict (pipeline) do update set change = greatest(redriven.change, excluded.change)
"""
HELD = """
    select number from batch b where stream = %(stream)s and state = 'held' and exists (
        select 1 from jsonb_array_elements((
            select body -> 'verdicts' from manifest m where (m.stream, m.number) = (b.stream, b.number)
            order by revision desc limit 1)) verdict
        where verdict ->> 'check' = %(check)s and (verdict -> 'values' ->> 'share')::float > 0)
    order by number
"""


def looked_up_to(connection: psycopg.Connection, pipeline: str) -> int:
    """The change; -1 if they were never looked for."""
    row = connection.execute("select change from redriven where pipeline = %s", [pipeline]).fetchone()
    return row[0] if row else -1


def remember(connection: psycopg.Connection, pipeline: str, change: int) -> None:
    """They were looked for with the schemas of that change."""
    connection.execute(REMEMBER, [pipeline, change])


def held_with_unknown(connection: psycopg.Connection, stream: str) -> list[int]:
    """The held batches that had rows in unknown schemas when they were judged, be it for their sake or not."""
    rows = connection.execute(HELD, {"stream": stream, "check": SchemaCheck.KNOWN.value}).fetchall()
    return [number for (number,) in rows]
