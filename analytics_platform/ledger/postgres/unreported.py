"""What a writer published and perhaps never told Dagster: the hours that its successor reports again."""

from collections.abc import Sequence
from datetime import datetime

import psycopg

# far above what two leases publish of one stream: a cycle takes one batch of it, and its commits tens of milliseconds;
# without a bound each lease would read the bodies of all manifests there ever were
MOST_BATCHES = 2000
HOURS_OF_EPOCH = """
    select distinct newest.hour from unnest(%(streams)s::text[]) as s(stream) cross join lateral (
        select hour, body from manifest where stream = s.stream order by number desc, revision desc limit %(most)s
    ) as newest where (newest.body ->> 'epoch')::bigint = %(epoch)s order by newest.hour
"""


def hours_of_epoch(connection: psycopg.Connection, streams: Sequence[str], epoch: int) -> list[datetime]:
    """The hours whose batches the writer of that epoch published, oldest first."""
    values = {"streams": list(streams), "most": MOST_BATCHES, "epoch": epoch}
    return [row[0] for row in connection.execute(HOURS_OF_EPOCH, values).fetchall()]
