"""Pauses: they stand in the ledger, and end by themselves."""

from datetime import UTC, datetime, timedelta

from analytics_platform.ledger.postgres.pauses import Pause, pause, paused, pauses, resume
from analytics_platform.postgres import connect

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
BIDS = Pause(stream="bids", reason="a bad deploy", by="ada", since=NOW, until=NOW + timedelta(hours=2))


def test_a_pause_survives_a_restart(ledger, ledger_dsn):
    pause(ledger, BIDS)
    with connect(ledger_dsn, application="another process") as again:
        assert paused(again, ["bids", "persons"], NOW) == {"bids"}
        assert pauses(again, NOW) == [BIDS]


def test_a_pause_is_over_at_its_end(ledger):
    pause(ledger, BIDS)
    assert paused(ledger, ["bids"], BIDS.until - timedelta(seconds=1)) == {"bids"}
    assert paused(ledger, ["bids"], BIDS.until) == set()
    assert pauses(ledger, BIDS.until) == []


def test_a_later_pause_replaces_an_earlier_one(ledger):
    longer = Pause(stream="bids", reason="still bad", by="bo", since=NOW, until=NOW + timedelta(days=1))
    pause(ledger, BIDS)
    pause(ledger, longer)
    assert pauses(ledger, NOW) == [longer]


def test_resuming_takes_the_pause_away_once(ledger):
    pause(ledger, BIDS)
    assert resume(ledger, "bids")
    assert not resume(ledger, "bids")
    assert paused(ledger, ["bids"], NOW) == set()
