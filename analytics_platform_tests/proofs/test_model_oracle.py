"""The oracle of models on truth that was written by hand."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from analytics_platform_tests.proofs.model_oracle import (
    category_prices,
    closing_prices,
    hot_items,
    new_sellers,
    too_late,
    winning_bids,
)
from analytics_platform_tests.proofs.oracle import Expected, instant

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
MINUTE_MS = 60_000


def published(*rows, late_ms=()):
    """A stream of which every row is published."""
    given = [{"event_id": f"event-{n}", "dateTime": NOON_MS, **row} for n, row in enumerate(rows)]
    late = dict(enumerate([*late_ms, *[0] * len(rows)][: len(rows)]))
    table = pa.Table.from_pylist(given)
    return Expected(
        rows=len(rows), outcomes={}, labelled={}, published=list(range(len(rows))), table=table, late_ms=late
    )


def bid(auction=1, minutes=0.0, price=10, **more):
    return {"auction": auction, "dateTime": NOON_MS + int(minutes * MINUTE_MS), "price": price, "bidder": 5, **more}


def auction(number=1, opens=0, closes=10, **more):
    at = {"dateTime": NOON_MS + opens * MINUTE_MS, "expires": NOON_MS + closes * MINUTE_MS}
    return {"id": number, "category": 10, "seller": 7, **at, **more}


def test_all_auctions_that_nothing_outdid_are_hot_in_each_window_that_spans_them():
    found = hot_items(published(bid(1), bid(2, 0.5), bid(2, 2), bid(1, 3)))
    starts = [NOON + timedelta(minutes=m) for m in (-8, -6, -4, -2, 0)]
    assert {row["window_start"] for row in found} == {*starts, NOON + timedelta(minutes=2)}
    assert [row["auction"] for row in found if row["window_start"] == NOON] == [1, 2]
    assert {row["bids"] for row in found if row["window_start"] == NOON} == {2}
    assert [row["bids"] for row in found if row["window_start"] == starts[0]] == [1, 1]


def test_a_bid_counts_as_hot_if_it_is_late_and_not_if_it_is_too_late():
    bids = published(bid(1), bid(2), bid(2), late_ms=[30 * MINUTE_MS, 30 * MINUTE_MS + 1, 30 * MINUTE_MS + 1])
    assert {row["auction"] for row in hot_items(bids)} == {1} and too_late(bids) == 2


def test_the_best_bid_in_time_wins_then_the_earliest_then_the_lowest_id():
    bids = [bid(price=5, minutes=1), bid(price=9, minutes=3), bid(price=9, minutes=2), bid(price=9, minutes=2)]
    outside = [bid(price=99, minutes=-0.1), bid(price=99, minutes=10.1), bid(price=99, auction=8)]
    (won,) = winning_bids(published(auction()), published(*bids, *outside))
    assert (won["price"], won["event_id"]) == (9, "event-2")
    assert won["bid_at"] == NOON + timedelta(minutes=2) and won["closed_at"] == NOON_MS + 10 * MINUTE_MS


def test_of_two_auctions_with_one_number_the_one_that_opened_first_counts():
    auctions = published(auction(opens=1, closes=2), auction(opens=0, closes=9, seller=8))
    (won,) = winning_bids(auctions, published(bid(minutes=5)))
    assert won["seller"] == 8


def test_prices_of_a_category_are_the_mean_over_all_hours():
    won = [
        {"closed_at": NOON_MS + hours * 60 * MINUTE_MS, "category": category, "price": price}
        for hours, category, price in [(0, 10, 1), (0, 10, 2), (1, 10, 7), (1, 11, 5)]
    ]
    closed = closing_prices(won)
    assert {(row["hour"].hour, row["category"]): (row["auctions"], row["revenue"]) for row in closed} == {
        (12, 10): (2, 3),
        (13, 10): (1, 7),
        (13, 11): (1, 5),
    }
    assert {row["category"]: row["average_price"] for row in category_prices(closed)} == {10: 10 / 3, 11: 5.0}


def test_new_sellers_sold_in_the_ten_minutes_in_which_they_registered():
    persons = published(
        {"id": 7, "name": "Ada"}, {"id": 8, "name": "Bo"}, {"id": 9, "name": "Cy", "dateTime": NOON_MS - 1}
    )
    auctions = published(auction(seller=7), auction(opens=9, seller=7), auction(opens=10, seller=8), auction(seller=9))
    assert new_sellers(persons, auctions) == [
        {"window_start": instant(NOON_MS), "person": 7, "name": "Ada", "auctions": 2}
    ]
