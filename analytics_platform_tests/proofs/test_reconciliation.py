"""The comparison behind live-3 is silent on what is right and names each thing that is not."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from analytics_platform_tests.proofs.oracle import Expected
from analytics_platform_tests.proofs.reconciliation import (
    StreamFound,
    model_differences,
    read_rows,
    stream_differences,
)

MINUTE = datetime(2026, 11, 1, 12, tzinfo=UTC)
AT_MS = int(MINUTE.timestamp() * 1000)
TRUTH = pa.table(
    {
        "partition": [0, 0, 1],
        "sequence": [0, 1, 0],
        "event_id": ["a", "a", "b"],
        "price": [5, 5, 7],
        "auction": [1, 1, 2],
        "bidder": [3, 3, 4],
        "channel": ["web", "web", "app"],
        "dateTime": [AT_MS] * 3,
    }
)
OUTCOMES = {"published": 2, "duplicate": 1}
EXPECTED = Expected(rows=3, outcomes=OUTCOMES, labelled=OUTCOMES, published=[0, 2], table=TRUTH)
FOUND = StreamFound(
    stream="bids",
    spans={0: (0, 2), 1: (0, 1)},
    gaps=0,
    bronze=pa.table({"partition": [0, 0, 1], "offset": [0, 1, 0]}),
    silver=pa.table({"partition": [0, 1], "offset": [0, 0], "event_id": ["a", "b"]}),
    exceptions=pa.table({"partition": [0], "offset": [1], "outcome": ["duplicate"]}),
)
MODELS = {
    "highest_bid": pa.Table.from_pylist(
        [
            {
                "minute": MINUTE,
                "price": 7,
                "auction": 2,
                "bidder": 4,
                "channel": "app",
                "bid_at": MINUTE,
                "event_id": "b",
            }
        ]
    ),
    "channel_revenue": pa.Table.from_pylist(
        [
            {"minute": MINUTE, "channel": "app", "bids": 1, "revenue": 7},
            {"minute": MINUTE, "channel": "web", "bids": 1, "revenue": 5},
        ]
    ),
}


def twice(table):
    return pa.concat_tables([table, table.slice(0, 1)])


def test_what_is_as_the_truth_says_makes_no_difference():
    assert stream_differences(FOUND, EXPECTED) == []
    assert model_differences(EXPECTED, MODELS) == []


@pytest.mark.parametrize("change", [lambda table: table.slice(1), twice])
@pytest.mark.parametrize("layer", ["bronze", "silver", "exceptions"])
def test_a_row_lost_or_doubled_in_any_table_is_named(layer, change):
    found = replace(FOUND, **{layer: change(getattr(FOUND, layer))})
    assert any("missing" in problem or "too many" in problem for problem in stream_differences(found, EXPECTED))


def test_an_event_published_from_the_wrong_copy_is_named():
    silver = FOUND.silver.set_column(1, "offset", pa.array([1, 0]))
    exceptions = FOUND.exceptions.set_column(1, "offset", pa.array([0]))
    (problem,) = stream_differences(replace(FOUND, silver=silver, exceptions=exceptions), EXPECTED)
    assert "silver has other events than the oracle" in problem


def test_an_offset_that_nobody_read_is_named():
    problems = stream_differences(replace(FOUND, spans={0: (0, 3), 1: (0, 1)}), EXPECTED)
    assert problems == ["bids: the broker's offsets, bronze rows + gaps: 4 and 3"]


@pytest.mark.parametrize("model", [*MODELS])
def test_a_model_with_another_row_is_named(model):
    assert model_differences(EXPECTED, {**MODELS, model: MODELS[model].slice(1)})[0].startswith(model)


def test_a_table_is_read_at_the_version_asked_for(tmp_path):
    write_deltalake(tmp_path, pa.table({"offset": [1]}))
    write_deltalake(tmp_path, pa.table({"offset": [2]}), mode="append")
    assert read_rows(tmp_path, ("offset",), 0)["offset"].to_pylist() == [1]
    assert sorted(read_rows(tmp_path, ("offset",))["offset"].to_pylist()) == [1, 2]
