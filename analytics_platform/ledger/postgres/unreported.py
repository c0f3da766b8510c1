"""Hours that Dagster perhaps knows nothing of: those a writer published before it was killed, those without data."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

# far above what two leases publish of one stream: a cycle takes one batch of it, and its commits tens of milliseconds;
# without a bound each lease would read the bodies of all manifests there ever were
MOST_BATCHES = 2000
PAGE = 200  # a lease of a minute publishes fewer of a stream, and a body is dear to read
MOST_HOURS = 168  # without data in a row that are told of; after a week somebody knows
# told once an hour: by the lease that publishes first in it
LAST_HOUR = """
    select max(hour) from batch where stream = any(%(streams)s) and hour < %(hour)s
    and not exists (select 1 from manifest where stream = any(%(streams)s) and hour = %(hour)s)
"""
NEWEST_PAGE = """
    select place, hour, (body ->> 'epoch')::bigint from manifest where stream = %s and place < %s
    order by place desc limit %s
"""
END = 2**63 - 1


def hours_of_epoch(connection: psycopg.Connection, streams: Sequence[str], epoch: int) -> list[datetime]:
    """The hours whose batches the writer of that epoch published, oldest first."""
    return sorted(set().union(*(_hours_of_epoch(connection, stream, epoch) for stream in streams)))


def _hours_of_epoch(connection: psycopg.Connection, stream: str, epoch: int) -> set[datetime]:
    """Back from the newest manifest to the first of an earlier writer: none publishes after the one that follows it."""
    found: set[datetime] = set()
    place = END
    for _ in range(MOST_BATCHES // PAGE):
        page = connection.execute(NEWEST_PAGE, [stream, place, PAGE]).fetchall()
        found |= {hour for _, hour, of in page if of == epoch}
        if len(page) < PAGE or page[-1][2] < epoch:
            break
        place = page[-1][0]
    return found


def hours_without_data(connection: psycopg.Connection, streams: Sequence[str], hour: datetime) -> list[datetime]:
    """The hours just before that one in which no batch was planned; [] once something of it is published."""
    row = connection.execute(LAST_HOUR, {"streams": list(streams), "hour": hour}).fetchone()
    if row is None or row[0] is None:
        return []
    count = min((hour - row[0]) // timedelta(hours=1) - 1, MOST_HOURS)
    return [hour - timedelta(hours=back) for back in range(count, 0, -1)]
