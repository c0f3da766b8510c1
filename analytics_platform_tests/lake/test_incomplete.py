"""Which grains lack held rows: those that would hear of them, through other models too, or any where nobody can say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.lake.grains import EPOCH, grains_touched
from analytics_platform.lake.incomplete import MOST_GRAINS, complete_sql, lacking, of_all, values_lacking
from analytics_platform.lake.shapes import INSTANT
from analytics_platform.product import Key
from analytics_platform_tests.pipeline.house import HOT, HOUSE, KINDS, MINUTE, SUMS, WINS

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
COLUMNS = {
    "wins": pa.schema([("id", pa.int64()), ("closes", INSTANT)]),
    "sums": pa.schema([("hour", INSTANT), ("kind", pa.int64())]),
}
MINUTES = st.lists(st.integers(0, 200), min_size=1, max_size=20)


def bids(minutes, auctions=None, late=None):
    count = len(minutes)
    return pa.table(
        {
            "event_at": pa.array([NOON + m * MINUTE for m in minutes], INSTANT),
            "auction": pa.array(auctions or [1] * count, pa.int64()),
            "late_micros": pa.array(late or [None] * count, pa.int64()),
        }
    )


@given(MINUTES)
def test_who_reads_the_stream_lacks_what_its_rows_touch(minutes):
    rows = bids(minutes, auctions=minutes)
    found = lacking("bids", rows, HOUSE, COLUMNS)
    assert found["hot"] == grains_touched(rows["event_at"], HOT.grain)
    assert found["wins"] == {str(minute) for minute in minutes}


def test_of_a_model_over_a_model_any_grain_may_lack_them_unless_it_is_told_by_the_same_column():
    found = lacking("bids", bids([3]), HOUSE, COLUMNS)
    assert found["sums"] is None and found["kinds"] is None  # told by when an auction closes, and by its kind
    assert SUMS.touches["wins"] != WINS.grain.column and KINDS.touches["sums"] != SUMS.grain.column


def test_a_coarser_window_over_a_window_is_known():
    hours = replace(SUMS, name="hours", inputs=("hot",), touches={"hot": "start"})
    house = replace(HOUSE, models=(HOT, hours))
    found = lacking("bids", bids([61]), house, {"hot": pa.schema([("start", INSTANT)])})
    noon = (NOON - EPOCH) // timedelta(hours=1)
    assert found["hours"] == {str(noon), str(noon + 1)}  # its hopping windows begin before one o'clock and at it


def test_rows_that_a_model_leaves_out_do_not_count():
    late = HOT.lateness // timedelta(microseconds=1) + 1
    assert "hot" not in lacking("bids", bids([3], late=[late]), HOUSE, COLUMNS)
    assert not lacking("bids", bids([]), HOUSE, COLUMNS)
    assert "hot" not in lacking("auctions", pa.table({"id": pa.array([1]), "late_micros": [0]}), HOUSE, COLUMNS)


def test_too_many_grains_are_any():
    many = list(range(MOST_GRAINS + 1))
    assert lacking("bids", bids(many, auctions=many), HOUSE, COLUMNS)["wins"] is None


def test_what_several_batches_hold_adds_up():
    parts = [{"hot": frozenset({"1"})}, {"hot": frozenset({"2"}), "wins": None}, {"wins": frozenset({"3"})}]
    assert of_all(parts) == {"hot": {"1", "2"}, "wins": None} and of_all([]) == {}


def test_readers_are_told_by_the_grains_value():
    assert complete_sql(HOT.grain, None, "r") == "false" and complete_sql(HOT.grain, frozenset(), "r") == "true"
    assert '"start" not in (select grain from "r")' in complete_sql(HOT.grain, frozenset({"1"}), "r")
    texts = values_lacking(Key(column="k"), frozenset({"b", "a"}), pa.schema([("k", pa.string())]))
    assert texts["grain"].to_pylist() == ["a", "b"]
