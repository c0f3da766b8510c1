"""What is past its retention goes, with all that was derived from it; what a life that lasts needs stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from analytics_platform.ledger.postgres.lease import taken
from analytics_platform.pipeline import upkeep
from analytics_platform_tests.pipeline.house import NOON, Clock, auction, bid, finish, kafka_with, opened
from analytics_platform_tests.pipeline.orders import lease, rows

DAY = 24 * 60.0  # minutes


@pytest.fixture
def clock():
    return Clock(NOON)


@pytest.fixture
def house(ledger_dsn, tmp_path, clock):
    """A house whose tables keep rows for a day, and its broker."""
    kafka = kafka_with()
    with opened(ledger_dsn, tmp_path, kafka, now=clock) as parts:
        yield replace(parts, limits=replace(parts.limits, retention=timedelta(days=1))), kafka


def at_day(day, house, clock, *, bids=(), auctions=()):
    """Read what comes on that day, drop what is past its retention, and let models follow."""
    parts, kafka = house
    clock.at = NOON + timedelta(days=day)
    kafka.append("bids", 0, bids)
    kafka.append("auctions", 0, auctions)
    lease(parts, f"day {day}")
    with taken(parts.ledger, "house", f"upkeep of day {day}", clock.at) as held:
        upkeep.clean(parts, held)
    lease(parts, f"day {day} again")


def found(parts, name, column):
    return sorted(row[column] for row in rows(parts, name).to_pylist())


def test_a_key_goes_with_the_row_that_bounds_its_life(house, clock):
    parts, _ = house
    at_day(0, house, clock, bids=[bid("a", at=1), bid("z", 9, at=9)], auctions=[auction(1, 0, 5), auction(9, 8, 10)])
    assert found(parts, "wins", "id") == [1]
    at_day(3, house, clock, bids=[bid("b", 2, at=3 * DAY)], auctions=[auction(2, 3 * DAY, 3 * DAY + 5)])
    assert found(parts, "auctions/silver", "id") == [2]
    assert found(parts, "wins", "id") == found(parts, "sums", "wins") == []


def test_a_bid_for_an_auction_that_is_gone_changes_nothing(house, clock):
    parts, _ = house
    at_day(0, house, clock, bids=[bid("a", at=1)], auctions=[auction(1, 0, 5)])
    at_day(3, house, clock, bids=[bid("b", 1, at=3 * DAY)], auctions=[auction(2, 3 * DAY, 3 * DAY + 5)])
    at_day(3.1, house, clock, bids=[bid("c", 1, at=3 * DAY - 60)])
    finish(parts)
    assert found(parts, "wins", "id") == []


def test_a_life_longer_than_the_retention_keeps_its_rows(house, clock):
    parts, _ = house
    at_day(0, house, clock, bids=[bid("a", at=1, price=50)], auctions=[auction(1, 0, 10 * DAY), auction(2, 0, 5)])
    at_day(3, house, clock, bids=[bid("b", at=3 * DAY, price=7)], auctions=[auction(3, 3 * DAY, 3 * DAY + 5)])
    assert found(parts, "auctions/silver", "id") == [1, 2, 3]
    finish(parts)
    assert [row["price"] for row in rows(parts, "wins").to_pylist() if row["id"] == 1] == [50]


def test_a_window_past_its_retention_is_not_computed_from_what_is_left_of_it(house, clock):
    parts, _ = house
    early = [auction(1, 0, 5), auction(2, 0, 50)]
    at_day(0, house, clock, bids=[bid("a", 1, at=1), bid("b", 2, at=2), bid("z", 9, at=70)], auctions=early)
    at_day(0.05, house, clock, auctions=[auction(9, 71, 72)])
    assert found(parts, "sums", "wins") == [2]
    at_day(1.03, house, clock, bids=[bid("c", 3, at=1.03 * DAY)], auctions=[auction(3, 1.03 * DAY, 1.03 * DAY + 1)])
    assert found(parts, "sums", "wins") in ([2], [])
