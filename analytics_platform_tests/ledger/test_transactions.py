from datetime import UTC, datetime, timedelta
from uuid import UUID

from analytics_platform.facts import OffsetRange
from analytics_platform.ledger.postgres.transactions import HANGING_AFTER, watch_transactions

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = NOW + HANGING_AFTER


def standing(at, partition=0):
    return OffsetRange(topic_id=UUID(int=7), partition=partition, start=at, end=at + 5)


def test_a_transaction_that_is_decided_soon_raises_nothing(ledger):
    assert watch_transactions(ledger, "bids", [standing(4)], NOW) == 0
    assert watch_transactions(ledger, "bids", [], LATER) == 0
    assert watch_transactions(ledger, "bids", [standing(4)], LATER) == 0


def test_one_that_hangs_is_told_once_however_often_it_is_seen(ledger):
    watch_transactions(ledger, "bids", [standing(4), standing(9, partition=1)], NOW)
    watch_transactions(ledger, "bids", [standing(4), standing(12, partition=1)], NOW + timedelta(seconds=1))

    assert watch_transactions(ledger, "bids", [standing(4), standing(12, partition=1)], LATER) == 1
    assert watch_transactions(ledger, "bids", [standing(4)], LATER + timedelta(days=1)) == 0
    alarms = ledger.execute("select kind, key, body ->> 'partition', body ->> 'stable_end' from outbox").fetchall()
    assert alarms == [("transaction hanging", "bids", "0", "4")]


def test_a_second_one_in_the_same_partition_is_told_again(ledger):
    watch_transactions(ledger, "bids", [standing(4)], NOW)
    watch_transactions(ledger, "bids", [standing(4)], LATER)
    watch_transactions(ledger, "bids", [standing(30)], LATER)

    assert watch_transactions(ledger, "bids", [standing(30)], LATER + HANGING_AFTER) == 1


def test_streams_do_not_see_each_other(ledger):
    watch_transactions(ledger, "bids", [standing(4)], NOW)
    watch_transactions(ledger, "auctions", [], NOW)

    assert watch_transactions(ledger, "bids", [standing(4)], LATER) == 1
