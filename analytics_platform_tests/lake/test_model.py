"""SQL that recomputes just the dirty grains, over rows on disk."""

import random
import signal
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.lake.duckdb import connect, lives_of, model_columns, recompute
from analytics_platform.lake.grains import numbers_or_keys
from analytics_platform.lake.model import Slice, bounds_wanted
from analytics_platform.lake.shapes import INSTANT
from analytics_platform.product import Key, Life, Model, Pipeline, Stream, Window

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OURS = [("event_at", INSTANT), ("late_micros", pa.int64())]
INPUTS = {
    "bids": pa.schema([*OURS, ("auction", pa.int64()), ("price", pa.int64())]),
    "auctions": pa.schema([*OURS, ("id", pa.int64()), ("opens", INSTANT), ("closes", INSTANT)]),
    "sums": pa.schema([("hour", INSTANT), ("city", pa.string()), ("total", pa.int64())]),
}


def model(sql, grain, *inputs, **given):
    return Model(
        name="m",
        pipeline="p",
        description="",
        owner="team:x",
        sql=sql,
        inputs=inputs or ("bids",),
        grain=grain,
        **given,
    )


HIGHEST = model("select minute, max(price) as price from bids group by minute", Window(column="minute", size=MINUTE))
BEST = model(
    "select id, max(price) as price from auctions join bids on auction = id where closes <= watermark() group by id",
    Key(column="id", life=Life(input="auctions", starts="opens", ends="closes")),
    "bids",
    "auctions",
    touches={"bids": "auction", "auctions": "id"},
)


def bid(minutes, price, auction=1, late=timedelta(0)):
    late_micros = late // timedelta(microseconds=1)
    return {"event_at": NOON + minutes * MINUTE, "late_micros": late_micros, "auction": auction, "price": price}


def auction(number, opens, closes):
    at = {"event_at": NOON + opens * MINUTE, "opens": NOON + opens * MINUTE, "closes": NOON + closes * MINUTE}
    return {"id": number, "late_micros": 0, **at}


@pytest.fixture
def computed(tmp_path):
    """Rows of a model for those grains, from rows of its inputs."""

    def compute(declared, grains, watermark=NOON, **rows):
        files = {}
        for name, found in rows.items():
            path = tmp_path / f"{name}.parquet"
            pq.write_table(pa.Table.from_pylist(found, INPUTS[name]), path)
            files[name] = [str(path)]
        kind = pa.string() if declared.touches.get("sums") == "city" else pa.int64()
        values = numbers_or_keys(grains, declared.grain, kind)
        read = Slice(grains=values, files=files, columns=INPUTS, watermark=watermark)
        connection = connect()
        if isinstance(declared.grain, Key) and declared.grain.life is not None:
            read = replace(read, lives=lives_of(connection, declared, declared.grain.life, read))
        return recompute(connection, declared, read).to_pylist()

    return compute


def number_of(at, step=MINUTE):
    return str((at - datetime(1970, 1, 1, tzinfo=UTC)) // step)


def test_only_dirty_windows_are_recomputed(computed):
    rows = [bid(0, 1), bid(0.99, 9), bid(1, 5)]
    assert computed(HIGHEST, {number_of(NOON)}, bids=rows) == [{"minute": NOON, "price": 9}]


def test_a_row_counts_in_every_window_that_spans_it(computed):
    hopping = replace(HIGHEST, grain=Window(column="minute", size=3 * MINUTE, every=MINUTE))
    grains = {number_of(NOON + minutes * MINUTE) for minutes in (-2, -1, 0, 1)}
    found = {row["minute"]: row["price"] for row in computed(hopping, grains, bids=[bid(0, 7), bid(1, 9)])}
    assert found == {NOON - 2 * MINUTE: 7, NOON - MINUTE: 9, NOON: 9, NOON + MINUTE: 9}


def test_a_model_does_not_see_what_comes_too_late_for_it(computed):
    strict = replace(HIGHEST, lateness=timedelta(minutes=30))
    rows = [bid(0, 1), bid(0, 5, late=timedelta(minutes=30)), bid(0, 9, late=timedelta(minutes=30, microseconds=1))]
    assert computed(strict, {number_of(NOON)}, bids=rows) == [{"minute": NOON, "price": 5}]


def test_a_key_sees_what_happened_in_its_life_both_ends_included(computed):
    bids = [bid(0, 9), bid(1, 2), bid(3, 4), bid(3.01, 8), bid(2, 7, auction=2)]
    found = computed(BEST, {"1"}, NOON + 5 * MINUTE, bids=bids, auctions=[auction(1, 1, 3), auction(2, 1, 3)])
    assert found == [{"id": 1, "price": 4}]


def test_time_in_sql_is_the_watermark(computed):
    rows = {"bids": [bid(2, 7)], "auctions": [auction(1, 1, 3)]}
    assert computed(BEST, {"1"}, NOON + 2.99 * MINUTE, **rows) == []
    assert computed(BEST, {"1"}, NOON + 3 * MINUTE, **rows) == [{"id": 1, "price": 7}]


def test_keys_of_a_model_over_models_may_be_texts(computed):
    sums = model(
        "select city, sum(total)::bigint as total from sums group by city",
        Key(column="city"),
        "sums",
        touches={"sums": "city"},
    )
    rows = [{"hour": NOON, "city": city, "total": total} for city, total in [("Graz", 1), ("Graz", 2), ("Wien", 4)]]
    assert computed(sums, {"Graz"}, sums=rows) == [{"city": "Graz", "total": 3}]


def test_a_column_that_older_files_lack_is_null_in_their_rows(tmp_path):
    path = tmp_path / "old.parquet"
    pq.write_table(pa.Table.from_pylist([bid(0, 3)], INPUTS["bids"].remove(3)), path)
    read = Slice(grains=pa.array([int(number_of(NOON))]), files={"bids": [str(path)]}, columns=INPUTS)
    assert recompute(connect(), HIGHEST, read).to_pylist() == [{"minute": NOON, "price": None}]


def test_columns_of_a_model_are_known_before_there_are_rows():
    assert model_columns(connect(), HIGHEST, INPUTS) == pa.schema([("minute", INSTANT), ("price", pa.int64())])
    assert model_columns(connect(), BEST, INPUTS) == pa.schema([("id", pa.int64()), ("price", pa.int64())])


def test_files_record_the_bounds_that_models_find_their_rows_by():
    streams = tuple(Stream(name=n, topic=n, pipeline="p", description="", owner="x") for n in ("auctions", "bids"))
    over = model("", Window(column="hour", size=60 * MINUTE), "m", touches={"m": "at"})
    pipeline = Pipeline(name="p", streams=streams, models=(BEST, over))
    assert bounds_wanted(pipeline, "auctions") == ["closes", "id", "opens"]
    assert bounds_wanted(pipeline, "bids") == ["auction"]
    assert bounds_wanted(pipeline, "m") == ["at"]


class Stopped(BaseException):
    """What a signal raises here, as Dagster has it."""


def test_a_signal_in_the_middle_is_never_told_as_a_fault_of_the_sql():
    """DuckDB swallows what a signal raised while it read what we registered, and says that the query was invalid."""

    def stop(*_):
        raise Stopped

    read = Slice(grains=pa.array([int(number_of(NOON))]), files={"bids": []}, columns=INPUTS)
    before, chance, seen = signal.signal(signal.SIGALRM, stop), random.Random(1), Counter()
    connection = connect()
    try:
        for _ in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.01))
                while True:
                    recompute(connection, HIGHEST, read)
            except (Stopped, RuntimeError) as error:
                seen[str(error)] += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert set(seen) <= {"", "Query interrupted", "query interrupted"} and seen["query interrupted"]
