"""Remembers since when a partition's stable end stands still, and alarms once for each transaction that hangs."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

from analytics_platform.facts import OffsetRange

TRANSACTION_HANGING = "transaction hanging"
# twice what producers ask for unless told otherwise: the broker aborts a transaction of theirs after one minute
HANGING_AFTER = timedelta(minutes=2)
KNOWN = "select topic_id, partition, stable_end, alarmed from standstill where stream = %s"
FORGET = "delete from standstill where stream = %s and topic_id = %s and partition = %s"
BEGIN = """
    insert into standstill (stream, topic_id, partition, stable_end, since) values (%s, %s, %s, %s, %s)
    on conflict (stream, topic_id, partition) do update
    set stable_end = excluded.stable_end, since = excluded.since, alarmed = false
    where standstill.stable_end <> excluded.stable_end
"""
ALARM = """
    with hanging as (
        update standstill set alarmed = true
        where stream = %(stream)s and not alarmed and since <= %(before)s returning *
    )
    insert into outbox (kind, key, body, created_at)
    select %(kind)s, stream,
           json_build_object('partition', partition, 'stable_end', stable_end, 'since', since), %(now)s
    from hanging order by partition
"""


def watch_transactions(
    connection: psycopg.Connection, stream: str, undecided: Sequence[OffsetRange], now: datetime
) -> int:
    """Note where each partition stands before offsets that are not stable; returns how many alarms that raised.

    One alarm for a partition and stand, after HANGING_AFTER. `undecided` is all there is of the stream's topic:
    a partition that it does not name has caught up.
    """
    found = {(r.topic_id, r.partition): r.start for r in undecided}
    known = {row[:2]: row[2:] for row in connection.execute(KNOWN, [stream]).fetchall()}
    if not found and not known:
        return 0
    with connection.transaction():
        for place in known.keys() - found.keys():
            connection.execute(FORGET, [stream, *place])
        for place, stable_end in found.items():
            if place not in known or known[place][0] != stable_end:
                connection.execute(BEGIN, [stream, *place, stable_end, now])
        values = {"stream": stream, "kind": TRANSACTION_HANGING, "before": now - HANGING_AFTER, "now": now}
        return connection.execute(ALARM, values).rowcount
