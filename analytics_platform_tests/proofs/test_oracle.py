"""The oracle on truth that was written by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform_tests.proofs.oracle import OracleError, channel_revenue, expect, expect_stream, highest_bid

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)


def bid(sequence: int, event_id: str, **given: Any) -> dict[str, Any]:
    ordinary = {
        "order": sequence,
        "partition": 0,
        "sequence": sequence,
        "event_id": event_id,
        "fault": "none",
        "auction": 1,
        "bidder": 2,
        "price": 100,
        "channel": "Google",
        "dateTime": NOON_MS,
    }
    return {**ordinary, **given}


def write(folder: Path, *files: list[dict[str, Any]], stream: str = "bids") -> Path:
    for number, rows in enumerate(files):
        table = pa.Table.from_pylist(rows)
        encoded = table.set_column(4, "fault", table["fault"].dictionary_encode()) if number % 2 else table
        pq.write_table(encoded, folder / f"{stream}-{number:08}.parquet")
    return folder


def test_a_copy_is_a_duplicate_and_a_changed_copy_a_conflict(tmp_path: Path):
    rows = [
        bid(0, "a"),
        bid(1, "b"),
        bid(2, "a", fault="duplicate"),
        bid(3, "b", fault="conflict", price=101),
        bid(4, "c", fault="late", dateTime=NOON_MS - 60_000),
    ]
    found = expect_stream(write(tmp_path, rows), "bids")
    assert found.outcomes == found.labelled == {"published": 3, "duplicate": 1, "conflict": 1}


def test_the_first_copy_is_the_one_at_the_lower_sequence_wherever_it_is_written(tmp_path: Path):
    found = expect_stream(write(tmp_path, [bid(7, "a", price=5, fault="conflict")], [bid(3, "a", price=4)]), "bids")
    assert [found.table["price"][row].as_py() for row in found.published] == [4]
    assert found.outcomes == {"published": 1, "conflict": 1}


def test_broken_rows_are_quarantined_by_label_and_by_rule_and_claim_no_id(tmp_path: Path):
    rows = [
        bid(0, "a", fault="malformed:truncated"),
        bid(1, "a", fault="malformed:rule", price=-1),
        bid(2, "a"),
    ]
    found = expect_stream(write(tmp_path, rows), "bids")
    assert found.outcomes == found.labelled == {"quarantined": 2, "published": 1}


def test_a_wrong_label_shows_as_a_difference(tmp_path: Path):
    found = expect_stream(write(tmp_path, [bid(0, "a"), bid(1, "a", fault="none")]), "bids")
    assert found.outcomes == {"published": 1, "duplicate": 1}
    assert found.labelled == {"published": 2}


def test_a_row_far_behind_its_partition_is_beyond_the_horizon(tmp_path: Path):
    day_ms = 86_400_000
    rows = [
        bid(0, "a"),
        bid(1, "b", dateTime=NOON_MS - 7 * day_ms),
        bid(2, "c", dateTime=NOON_MS - 7 * day_ms - 1),
        bid(0, "d", partition=1, dateTime=NOON_MS - 9 * day_ms),
    ]
    assert expect_stream(write(tmp_path, rows), "bids").outcomes == {"published": 3, "beyond_horizon": 1}


def test_the_highest_bid_of_a_minute_is_the_earliest_then_the_lowest_id_among_equals(tmp_path: Path):
    rows = [
        bid(0, "c", price=500, dateTime=NOON_MS + 59_999),
        bid(1, "b", price=500, dateTime=NOON_MS + 30_000, auction=7, bidder=8),
        bid(2, "a", price=500, dateTime=NOON_MS + 30_000, auction=9, bidder=9, channel="Apple"),
        bid(3, "d", price=900, dateTime=NOON_MS + 60_000),
        bid(4, "e", price=999, fault="malformed:bad_magic_byte"),
    ]
    found = highest_bid(expect_stream(write(tmp_path, rows), "bids"))
    assert list(found) == [NOON, NOON.replace(minute=1)]
    assert found[NOON] == {
        "price": 500,
        "auction": 9,
        "bidder": 9,
        "channel": "Apple",
        "bid_at": NOON.replace(second=30),
        "event_id": "a",
    }


def test_revenue_counts_and_sums_published_bids_by_minute_and_channel(tmp_path: Path):
    rows = [
        bid(0, "a", price=1),
        bid(1, "b", price=2),
        bid(2, "b", price=2, fault="duplicate"),
        bid(3, "c", price=4, channel="Apple"),
        bid(4, "d", price=8, dateTime=NOON_MS - 1),
    ]
    assert channel_revenue(expect_stream(write(tmp_path, rows[:2], rows[2:]), "bids")) == {
        (NOON.replace(hour=11, minute=59), "Google"): {"bids": 1, "revenue": 8},
        (NOON, "Apple"): {"bids": 1, "revenue": 4},
        (NOON, "Google"): {"bids": 2, "revenue": 3},
    }


def test_two_rows_at_one_place_are_a_contradiction(tmp_path: Path):
    with pytest.raises(OracleError, match="partition 0, sequence 1"):
        expect_stream(write(tmp_path, [bid(1, "a")], [bid(1, "b")]), "bids")


def test_no_truth_means_nothing_is_expected(tmp_path: Path):
    found = expect(tmp_path)
    assert {stream: expected.rows for stream, expected in found.items()} == {"bids": 0, "auctions": 0, "persons": 0}
    assert highest_bid(found["bids"]) == channel_revenue(found["bids"]) == {}


def test_auctions_and_persons_have_rules_of_their_own(tmp_path: Path):
    auction = {"initialBid": 5, "reserve": 6, "expires": NOON_MS + 1, "dateTime": NOON_MS}
    write(tmp_path, [bid(0, "a", **auction), bid(1, "b", **auction | {"reserve": 4})], stream="auctions")
    person = {"name": "Kate Jones", "emailAddress": "kate@example.org"}
    write(tmp_path, [bid(0, "a", **person), bid(1, "b", **person | {"emailAddress": "kate"})], stream="persons")
    found = expect(tmp_path)
    assert found["auctions"].outcomes == found["persons"].outcomes == {"published": 1, "quarantined": 1}
