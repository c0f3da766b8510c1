"""What is past its retention goes, with all that was derived from it; what a life that lasts needs stays."""

from dataclasses import replace

import pytest

from analytics_platform.lake.shapes import Layer
from analytics_platform.pipeline.models import mark_touched
from analytics_platform.pipeline.recover_models import mark_everything
from analytics_platform.product import Window
from analytics_platform_tests.pipeline.aging import DAY, at_day, found, in_one_file, kept_by_stream, kept_for_a_day
from analytics_platform_tests.pipeline.house import HOT, HOUSE, MINUTE, auction, bid, finish, model
from analytics_platform_tests.pipeline.orders import lease, rows


@pytest.fixture
def house(ledger_dsn, tmp_path, clock):
    with kept_for_a_day(ledger_dsn, tmp_path, clock) as aging:
        yield aging


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


def test_old_rows_go_though_young_ones_are_in_their_file(house, clock):
    parts, _ = house
    at_day(0, house, clock, bids=[bid("a", 1, at=1)], auctions=[auction(1, 0, 5)])
    at_day(0.9, house, clock, bids=[bid("b", 2, at=0.9 * DAY)], auctions=[auction(2, 0.9 * DAY, 0.9 * DAY + 5)])
    for name in ("bids/silver", "auctions/silver", "hot"):
        in_one_file(parts, name)
    at_day(1.5, house, clock, bids=[bid("c", 3, at=1.5 * DAY)], auctions=[auction(3, 1.5 * DAY, 1.5 * DAY + 5)])
    assert (found(parts, "bids/silver", "auction"), found(parts, "auctions/silver", "id")) == ([2, 3], [2, 3])
    assert found(parts, "hot", "auction") == [2, 2, 3, 3] and 1 not in found(parts, "wins", "id")


def test_a_life_that_lasts_keeps_no_older_rows_of_its_file(house, clock):
    parts, _ = house
    at_day(0, house, clock, bids=[bid("a", 1, at=1)], auctions=[auction(1, 0, 5)])
    at_day(0.1, house, clock, bids=[bid("b", 2, at=0.1 * DAY + 1)], auctions=[auction(2, 0.1 * DAY, 10 * DAY)])
    for name in ("bids/silver", "auctions/silver"):
        in_one_file(parts, name)
    at_day(3, house, clock, bids=[bid("c", 3, at=3 * DAY)], auctions=[auction(3, 3 * DAY, 3 * DAY + 5)])
    assert (found(parts, "bids/silver", "auction"), found(parts, "auctions/silver", "id")) == ([2, 3], [2, 3])


def test_each_stream_keeps_its_rows_for_its_own_time(ledger_dsn, tmp_path, clock):
    apart = replace(HOUSE, models=(HOT,))
    with kept_by_stream(ledger_dsn, tmp_path, clock, apart, auctions=1) as house:
        at_day(0, house, clock, bids=[bid("a", 1, at=1), bid("b", 1, at=9)], auctions=[auction(1, 0, 5)])
        at_day(3, house, clock, bids=[bid("c", 2, at=3 * DAY)], auctions=[auction(2, 3 * DAY, 3 * DAY + 5)])
        parts, _ = house
        assert found(parts, "auctions/silver", "id") == [2]
        assert [rows(parts, f"auctions/{layer}").num_rows for layer in Layer] == [1, 1, 0]
        assert found(parts, "bids/silver", "auction") == [1, 1, 2]
        assert found(parts, "hot", "auction") == [1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("short", ["bids", "auctions"])
def test_streams_that_share_a_life_go_together_with_what_is_computed_of_both(ledger_dsn, tmp_path, clock, short):
    with kept_by_stream(ledger_dsn, tmp_path, clock, **{short: 1}) as house:
        at_day(
            0, house, clock, bids=[bid("a", at=1), bid("z", 9, at=9)], auctions=[auction(1, 0, 5), auction(9, 8, 10)]
        )
        parts, _ = house
        assert found(parts, "wins", "id") == [1]
        at_day(3, house, clock, bids=[bid("b", 2, at=3 * DAY)], auctions=[auction(2, 3 * DAY, 3 * DAY + 5)])
        assert (found(parts, "auctions/silver", "id"), found(parts, "bids/silver", "auction")) == ([2], [2])
        assert found(parts, "wins", "id") == found(parts, "sums", "wins") == []
        assert set(found(parts, "hot", "auction")) == {2}


def test_a_window_over_streams_is_not_computed_again_once_rows_of_one_have_gone(ledger_dsn, tmp_path, clock):
    """Bids come again by a backfill when the auctions beside them are past their retention."""
    both = model(
        "both",
        "select start, count(*) as rows from"
        " (select start from bids union all select start from auctions) as either group by start",
        ("bids", "auctions"),
        Window(column="start", size=60 * MINUTE),
    )
    house_of_both = replace(HOUSE, models=(both,))
    with kept_by_stream(ledger_dsn, tmp_path, clock, house_of_both, auctions=1) as house:
        parts, _ = house
        at_day(0, house, clock, bids=[bid("a", 1, at=1)], auctions=[auction(1, 2, 5)])
        assert found(parts, "both", "rows") == [2]
        at_day(3, house, clock, bids=[bid("b", 2, at=3 * DAY)], auctions=[auction(2, 3 * DAY, 3 * DAY + 5)])
        assert found(parts, "both", "rows") == [2]
        mark_touched("bids", rows(parts, "bids/silver"), "judged again", parts)
        lease(parts, "again")
        assert found(parts, "both", "rows") == [2]
        mark_everything(both, "everything", parts)
        lease(parts, "everything")
        assert found(parts, "both", "rows") == [2]
