"""What an hour of a stream amounts to now: from what was kept of it, and the manifests since then.

A steady stream has thousands of batches an hour, and every run of a minute tells of the hour: to read all of them again
each time would take longer than to judge them.
"""

from datetime import datetime, timedelta

import psycopg

from analytics_platform.definitions.hours import NOTHING, HourOfStream, as_json, from_json, sum_hour
from analytics_platform.ledger.postgres import hour_so_far
from analytics_platform.ledger.postgres.hour_so_far import Kept

KEPT_FOR = timedelta(days=1)  # who tells of older hours reads all of their manifests


def hour_now(ledger: psycopg.Connection, stream: str, hour: datetime) -> HourOfStream:
    """The hour so far; what it amounts to is kept, for the next to ask."""
    place, before = _kept(ledger, stream, hour)
    manifests, now = hour_so_far.manifests_after(ledger, stream, hour, place)
    if not manifests:
        return before
    if place and any(manifest.revision > 1 for manifest in manifests):  # a batch that is in `before` was judged again
        before = NOTHING
        manifests, now = hour_so_far.manifests_after(ledger, stream, hour, 0)
    total = sum_hour(manifests, before)
    hour_so_far.keep(ledger, stream, hour, Kept(place=now, body=as_json(total)), hour - KEPT_FOR)
    return total


def _kept(ledger: psycopg.Connection, stream: str, hour: datetime) -> tuple[int, HourOfStream]:
    found = hour_so_far.kept(ledger, stream, hour)
    if found is None:
        return 0, NOTHING
    try:
        return found.place, from_json(found.body)
    except (KeyError, TypeError, ValueError):  # another version of the platform kept it
        return 0, NOTHING
