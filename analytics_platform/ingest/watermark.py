"""How far a stream's time has come. Pure.

A watermark decides when timers fire and which windows are over, never which rows count: a row that comes after it is
recomputed, not lost.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta


def active_partitions(moved_at: Mapping[int, datetime], now: datetime, idle_after: timedelta) -> set[int]:
    """The partitions that had news lately; one that is silent for longer does not hold the others back.

    Args:
        moved_at: by partition, when offsets of it were last planned.
        now: by the planner's clock.
        idle_after: how long a partition may be silent.
    """
    return {partition for partition, at in moved_at.items() if now - at <= idle_after}


def watermark(newest_event_at: Mapping[int, datetime], active: Collection[int]) -> datetime | None:
    """The least newest event of the active partitions; None while it is not known.

    `newest_event_at` is by partition the highest event time read so far.
    """
    return min((newest_event_at[p] for p in active if p in newest_event_at), default=None)
