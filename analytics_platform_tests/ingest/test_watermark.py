"""How far time has come: the least of the partitions that have news."""

from datetime import UTC, datetime, timedelta

from analytics_platform.ingest.watermark import active_partitions, watermark

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_partition_that_is_silent_for_longer_does_not_hold_the_others_back():
    moved = {0: NOON - 10 * SECOND, 1: NOON - 11 * SECOND, 2: NOON}
    assert active_partitions(moved, NOON, 10 * SECOND) == {0, 2}


def test_time_is_as_far_as_the_active_partition_that_is_furthest_behind():
    newest = {0: NOON, 1: NOON - SECOND, 2: NOON - 9 * SECOND}
    assert watermark(newest, {0, 1}) == NOON - SECOND


def test_time_is_not_known_before_any_event_is():
    assert watermark({}, {0}) is None and watermark({0: NOON}, {1}) is None
