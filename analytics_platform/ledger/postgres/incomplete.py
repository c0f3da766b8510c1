"""Which grains of models lack rows of held batches: what the manifests of these say."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import psycopg

from analytics_platform.facts import BatchId

# of batches that are held, or were at that time: decided about since
LACKING = """
    with known as (
        select stream, number from batch where state = 'held' and stream = any(%(streams)s)
        union select stream, number from rework_batch where done_at > %(at)s and stream = any(%(streams)s))
    select stream, number, body -> 'incomplete' from known cross join lateral (
        select body from manifest m where (m.stream, m.number) = (known.stream, known.number)
        and (%(at)s::timestamptz is null or published_at <= %(at)s) order by revision desc limit 1) latest
    where body -> 'incomplete' <> '{}' order by 1, 2
"""


def lacking(
    connection: psycopg.Connection, streams: Sequence[str], at: datetime | None = None
) -> dict[BatchId, Mapping[str, frozenset[str] | None]]:
    """By held batch (of then), the grains of each model that lack its rows; None: any may."""
    rows = connection.execute(LACKING, {"streams": list(streams), "at": at}).fetchall()
    return {
        BatchId(stream=stream, number=number): {
            model: None if grains is None else frozenset(grains) for model, grains in found.items()
        }
        for stream, number, found in rows
    }
