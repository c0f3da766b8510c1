"""Timers become dirty grains when the watermark reaches them, once, and no watermark goes back."""

from datetime import UTC, datetime, timedelta

from analytics_platform.ledger.postgres import dirty, timers

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_what_is_due_becomes_dirty_and_the_rest_waits(ledger):
    ends = [("1", NOON), ("2", NOON + MINUTE), ("3", NOON + 2 * MINUTE)]
    timers.arm(ledger, {"wins": ends, "other": ends}, "end of its life")
    assert timers.fire(ledger, {"wins": NOON + MINUTE, "other": NOON}) == 3
    assert set(dirty.marks(ledger, "wins")) == {"1", "2"} and set(dirty.marks(ledger, "other")) == {"1"}
    assert timers.first_due(ledger, ["wins", "other"]) == {"wins": NOON + 2 * MINUTE, "other": NOON + MINUTE}
    assert timers.fire(ledger, {"wins": NOON + MINUTE}) == 0


def test_arming_again_changes_nothing(ledger):
    for _ in range(2):
        timers.arm(ledger, {"wins": [("1", NOON)]}, "end of its life")
    assert timers.fire(ledger, {"wins": NOON}) == 1


def test_a_timer_that_fires_on_a_dirty_grain_gives_it_a_newer_mark(ledger):
    dirty.mark(ledger, {"wins": {"1"}}, "bids/1")
    seen = dirty.marks(ledger, "wins")
    timers.arm(ledger, {"wins": [("1", NOON), ("1", NOON + MINUTE)]}, "end of its life")
    timers.fire(ledger, {"wins": NOON + MINUTE})
    dirty.clear(ledger, {"wins": seen})
    assert set(dirty.marks(ledger, "wins")) == {"1"} and dirty.is_any(ledger, ["wins"])


def test_a_watermark_never_goes_back_and_ends_with_its_stream(ledger):
    timers.move_on(ledger, {"bids": NOON, "auctions": NOON})
    timers.move_on(ledger, {"bids": NOON - MINUTE})
    timers.end_stream(ledger, "auctions")
    timers.move_on(ledger, {"auctions": NOON + MINUTE})
    assert timers.watermarks(ledger, ["bids", "auctions"]) == {"bids": NOON, "auctions": timers.END_OF_STREAM}


def test_before_anything_is_published_nothing_is_known(ledger):
    assert timers.newest_event_at(ledger, "bids") == timers.moved_at(ledger, "bids") == {}
    assert timers.open_batches(ledger, "bids") == 0
