"""How far a stream's time has come. Pure.

A watermark decides when timers fire and which windows are over, never which rows count: a row that comes after it is
recomputed, not lost.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta


def watermark(
    newest_event_at: Mapping[int, datetime], moved_at: Mapping[int, datetime], now: datetime, idle_after: timedelta
) -> datetime | None:
    """The least newest event of the partitions that have news; None while it is not known.

    Args:
        newest_event_at: by partition, the highest event time read so far.
        moved_at: by partition, when offsets of it were last planned.
        now: by the planner's clock. When no partition has had news for `idle_after`, time moves on with this clock.
        idle_after: how long a partition may be silent before it no longer holds the others back.
    """
    active = [partition for partition, at in moved_at.items() if now - at <= idle_after]
    if not active:
        return now - idle_after
    known = [newest_event_at[partition] for partition in active if partition in newest_event_at]
    return min(known, default=None)
