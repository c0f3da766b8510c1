"""Grains: which rows touch which, and SQL that recomputes just those."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.errors import DeclarationError
from analytics_platform.lake.duckdb import connect, model_columns, recompute
from analytics_platform.lake.model import WINDOWS_PER_FILE, by_bucket, grains_touched, spans_of, starts_of
from analytics_platform.lake.shapes import INSTANT
from analytics_platform.product import Model, Window

MINUTE = Window(column="minute", size=timedelta(minutes=1))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INPUTS = {"bids": pa.schema([("event_at", INSTANT), ("price", pa.int64())])}
INSTANTS = st.integers(0, 2**52).map(lambda micros: EPOCH + timedelta(microseconds=micros))


def model(sql):
    return Model(name="m", pipeline="p", description="", owner="team:x", sql=sql, inputs=("bids",), grain=MINUTE)


HIGHEST = model("select minute, max(price) as price from bids group by minute")


@given(st.lists(INSTANTS, max_size=20))
def test_every_instant_lies_in_a_span_of_its_grain(instants):
    grains = grains_touched(pa.chunked_array([pa.array(instants, INSTANT)]), MINUTE)
    spans = spans_of(grains, MINUTE)
    assert all(any(a <= at < b for a, b in spans) for at in instants)
    assert sum((b - a) // MINUTE.size for a, b in spans) == len(grains)
    assert [a for a, _ in spans] == sorted(a for a, _ in spans)


@given(st.sets(st.integers(0, 5000), max_size=40))
def test_a_file_never_holds_two_buckets(grains):
    rows = pa.table({"minute": pa.array(starts_of(grains, MINUTE), INSTANT)})
    parts = by_bucket(rows, MINUTE)
    found = [{(at - EPOCH) // MINUTE.size for at in part["minute"].to_pylist()} for part in parts]
    assert all(len({grain // WINDOWS_PER_FILE for grain in part}) == 1 for part in found)
    assert set().union(*found) == grains


def test_only_dirty_grains_are_recomputed(tmp_path):
    rows = pa.table(
        {"event_at": [EPOCH, EPOCH + timedelta(seconds=59), EPOCH + timedelta(minutes=1)], "price": [1, 9, 5]}
    )
    path = tmp_path / "a.parquet"
    pq.write_table(rows.cast(INPUTS["bids"]), path)
    found = recompute(connect(), HIGHEST, {"bids": [str(path)]}, [0], INPUTS)
    assert found.to_pylist() == [{"minute": EPOCH, "price": 9}]


def test_columns_of_a_model_are_known_before_there_are_rows():
    assert model_columns(HIGHEST, INPUTS) == pa.schema([("minute", INSTANT), ("price", pa.int64())])


def test_a_model_that_cannot_run_is_refused_by_name():
    with pytest.raises(DeclarationError, match="model m: its SQL cannot run"):
        model_columns(model("select minute, max(prize) from bids group by minute"), INPUTS)


def test_a_model_without_its_grain_is_refused():
    with pytest.raises(DeclarationError, match="does not select the grain column minute"):
        model_columns(model("select max(price) as price from bids"), INPUTS)
