"""What orders have changed, batch by batch, and how fast they went."""

import psycopg

from analytics_platform.ledger.changes import JudgedAgain

JUDGED = """
    select r.stream, r.number, b.hour, coalesce(r.changed, false), coalesce(r.note, '{}')
      from rework_batch r join batch b using (stream, number)
     where r.id = %s and r.done_at is not null order by 1, 2
"""
# of the newest orders that were worked on: rows judged, and the seconds from the order until its last batch was done
RATE = """
    select sum(rows), sum(seconds) from (
        select sum((m.body ->> 'rows')::bigint) as rows, extract(epoch from max(b.done_at) - o.requested_at) as seconds
          from rework o join rework_batch b using (id)
          join lateral (select body from manifest where (stream, number) = (b.stream, b.number)
                         order by revision desc limit 1) m on true
         where o.pipeline = %s and b.done_at is not null
         group by o.id, o.requested_at order by o.requested_at desc limit 5) recent
"""


def judged_again(connection: psycopg.Connection, order_id: str) -> list[JudgedAgain]:
    """The order's batches that are done, in order of stream and number."""
    rows = connection.execute(JUDGED, [order_id]).fetchall()
    return [JudgedAgain(stream=s, number=n, hour=h, changed=changed, note=note) for s, n, h, changed, note in rows]


def batches_of_order(connection: psycopg.Connection, order_id: str) -> list[tuple[str, int]]:
    """Every batch of the order, in order of stream and number."""
    query = "select stream, number from rework_batch where id = %s order by 1, 2"
    return [(stream, number) for stream, number in connection.execute(query, [order_id]).fetchall()]


def rows_per_second(connection: psycopg.Connection, pipeline: str) -> float | None:
    """How fast the pipeline's newest orders went, waiting included; None before the first."""
    row = connection.execute(RATE, [pipeline]).fetchone()
    if row is None or not row[0] or not row[1]:
        return None
    return float(row[0]) / float(row[1])
