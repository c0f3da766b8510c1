"""Where an event is asked for: batches by name or offset, and the versions that readers see."""

from datetime import datetime
from typing import Any

import psycopg

LIST = """
select b.stream || '/' || b.number as batch, b.state, b.hour, b.planned_at,
       (m.body ->> 'rows')::bigint as rows, m.body -> 'outcomes' as outcomes, m.revision, m.published_at,
       m.body ->> 'resolution' as resolution
  from batch b
  left join lateral (select body, published_at, revision from manifest
                      where (stream, number) = (b.stream, b.number) order by revision desc limit 1) m on true
 where (%(stream)s::text is null or b.stream = %(stream)s) and (%(state)s::text is null or b.state = %(state)s)
 order by b.planned_at desc, b.stream limit %(limit)s
"""


def newest_batches(
    connection: psycopg.Connection, stream: str | None, state: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest batches with their state and, once they are judged, their outcomes."""
    cursor = connection.execute(LIST, {"stream": stream, "state": state, "limit": limit})
    names = [column.name for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def lease_since(connection: psycopg.Connection, pipeline: str) -> datetime | None:
    """The hour of the lease that is open; None while nobody works on the pipeline."""
    row = connection.execute("select hour from pipeline where name = %s and lease_open", [pipeline]).fetchone()
    return row[0] if row else None
