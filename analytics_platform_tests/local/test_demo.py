"""What a demo says it did. Pure, but for the truth files it is given."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.facts import BatchId, Manifest, Outcome
from analytics_platform.local.demo_figures import content_hash, is_reconciled
from analytics_platform.local.demo_oracle import compare

MINUTE = datetime(2026, 1, 1, 12, tzinfo=UTC)
MS = int(MINUTE.timestamp() * 1000)


def manifest(number: int, rows: int, silver: int, gaps: int = 0) -> Manifest:
    return Manifest(
        batch=BatchId(stream="bids", number=number),
        hour=MINUTE,
        revision=1,
        epoch=1,
        offsets=rows + gaps,
        rows=rows,
        gaps=gaps,
        outcomes={Outcome.PUBLISHED: rows},
        hashes={"silver": silver},
        versions={},
        verdicts=(),
        newest_event_at={},
        reader_schema_id=1,
        metrics={},
        libraries={},
    )


@pytest.fixture
def truth(tmp_path):
    rows = {
        "partition": [0, 0, 0, 0],
        "sequence": [0, 1, 2, 3],
        "fault": ["none", "late", "duplicate", "malformed:rule"],
        "event_id": ["a", "b", "b", "c"],
        "price": [100, 300, 300, 900],
        "auction": [1, 2, 2, 3],
        "bidder": [7, 8, 8, 9],
        "channel": ["web", "web", "web", "web"],
        "dateTime": [MS, MS + 1_000, MS + 1_000, MS + 2_000],
    }
    pq.write_table(pa.table(rows), tmp_path / "bids-00000000.parquet")
    shared = {name: rows[name] for name in ("partition", "sequence", "fault", "event_id", "dateTime")}
    auctions = {"id": [1, 2, 3, 4], "seller": [7] * 4, "category": [10] * 4, "expires": [MS + 60_000] * 4}
    pq.write_table(pa.table({**shared, **auctions}), tmp_path / "auctions-00000000.parquet")
    pq.write_table(pa.table({**shared, "id": [1, 2, 3, 4], "name": ["Ada"] * 4}), tmp_path / "persons-00000000.parquet")
    return tmp_path


def revenue(amount: int) -> pa.Table:
    columns = {"minute": pa.array([MINUTE], pa.timestamp("us", "UTC")), "channel": ["web"], "bids": [2]}
    return pa.table({**columns, "revenue": [amount]})


def test_a_model_that_says_what_the_truth_demands_matches(truth):
    assert compare(truth, {"channel_revenue": revenue(400)}) == {"channel_revenue": True}


def test_a_cent_too_much_does_not_match(truth):
    assert compare(truth, {"channel_revenue": revenue(401)}) == {"channel_revenue": False}


def test_a_missing_row_does_not_match(truth):
    assert compare(truth, {"channel_revenue": revenue(400).slice(0, 0)}) == {"channel_revenue": False}


def test_a_model_without_an_oracle_is_not_judged(truth):
    assert compare(truth, {"mine": revenue(400)}) == {"mine": None}


def test_without_truth_nothing_is_judged(tmp_path):
    assert compare(tmp_path, {"channel_revenue": revenue(400)}) == {"channel_revenue": None}


def test_the_content_hash_does_not_depend_on_how_the_log_was_cut():
    in_one = content_hash([manifest(1, 10, 7)], {})
    in_two = content_hash([manifest(1, 4, 5), manifest(2, 6, 2)], {})
    other = content_hash([manifest(1, 10, 8)], {})
    assert in_one == in_two != other


def test_a_missing_batch_or_an_uncovered_offset_is_not_reconciled():
    assert is_reconciled([manifest(1, 4, 0), manifest(2, 6, 0, gaps=1)], {"bids": 11})
    assert not is_reconciled([manifest(2, 11, 0)], {"bids": 11})
    assert not is_reconciled([manifest(1, 10, 0)], {"bids": 11})
