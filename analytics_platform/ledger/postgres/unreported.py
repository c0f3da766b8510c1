"""Hours that Dagster perhaps knows nothing of: those a writer published before it was killed, those without data."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

# far above what two leases publish of one stream: a cycle takes one batch of it, and its commits tens of milliseconds;
# without a bound each lease would read the bodies of all manifests there ever were
MOST_BATCHES = 2000
MOST_HOURS = 168  # without data in a row that are told of; after a week somebody knows
# told once an hour: by the lease that publishes first in it
LAST_HOUR = """
    select max(hour) from batch where stream = any(%(streams)s) and hour < %(hour)s
    and not exists (select 1 from manifest where stream = any(%(streams)s) and hour = %(hour)s)
"""
HOURS_OF_EPOCH = """
    select distinct newest.hour from unnest(%(streams)s::text[]) as s(stream) cross join lateral (
        select hour, body from manifest where stream = s.stream order by number desc, revision desc limit %(most)s
    ) as newest where (newest.body ->> 'epoch')::bigint = %(epoch)s order by newest.hour
"""


def hours_of_epoch(connection: psycopg.Connection, streams: Sequence[str], epoch: int) -> list[datetime]:
    """The hours whose batches the writer of that epoch published, oldest first."""
    values = {"streams": list(streams), "most": MOST_BATCHES, "epoch": epoch}
    return [row[0] for row in connection.execute(HOURS_OF_EPOCH, values).fetchall()]


def hours_without_data(connection: psycopg.Connection, streams: Sequence[str], hour: datetime) -> list[datetime]:
    """The hours just before that one in which no batch was planned; [] once something of it is published."""
    row = connection.execute(LAST_HOUR, {"streams": list(streams), "hour": hour}).fetchone()
    if row is None or row[0] is None:
        return []
    count = min((hour - row[0]) // timedelta(hours=1) - 1, MOST_HOURS)
    return [hour - timedelta(hours=back) for back in range(count, 0, -1)]
