"""Grains: which ones rows belong to, and when each is."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.lake.grains import (
    EPOCH,
    grains_touched,
    merged,
    next_gathering,
    over,
    spans_of,
    start_of,
    values_of,
)
from analytics_platform.lake.shapes import INSTANT
from analytics_platform.product import Key, Window

MINUTE = Window(column="minute", size=timedelta(minutes=1))
HOPPING = Window(column="window_start", size=timedelta(minutes=10), every=timedelta(minutes=2))
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
INSTANTS = st.integers(2**40, 2**52).map(lambda micros: EPOCH + timedelta(microseconds=micros))
WINDOWS = st.builds(
    lambda step, overlap: Window(column="w", size=step * overlap, every=step),
    st.sampled_from([timedelta(seconds=1), timedelta(minutes=2), timedelta(hours=1)]),
    st.integers(1, 7),
)


def instants(*found):
    return pa.chunked_array([pa.array(found, INSTANT)])


@given(st.lists(INSTANTS, max_size=20), WINDOWS)
def test_a_row_belongs_to_every_window_that_spans_it_and_to_no_other(found, window):
    touched = {start_of(int(grain), window) for grain in grains_touched(instants(*found), window)}
    overlap = window.size // window.step
    for at in found:
        newest = EPOCH + (at - EPOCH) // window.step * window.step
        assert {newest - back * window.step for back in range(overlap)} <= touched
    assert all(any(start <= at < start + window.size for at in found) for start in touched)


@given(st.lists(INSTANTS, max_size=20), WINDOWS)
def test_every_instant_lies_in_a_span_of_its_windows(found, window):
    spans = spans_of(grains_touched(instants(*found), window), window)
    assert all(any(a <= at < b for a, b in spans) for at in found)
    assert all(a[1] < b[0] for a, b in pairwise(spans))


def test_overlapping_spans_become_one():
    hour = timedelta(hours=1)
    spans = [(NOON + hour, NOON + 3 * hour), (NOON, NOON + 2 * hour), (NOON + 5 * hour, NOON + 6 * hour)]
    assert merged(spans) == [(NOON, NOON + 3 * hour), (NOON + 5 * hour, NOON + 6 * hour)]


def test_keys_are_texts_in_the_ledger_and_themselves_in_the_table():
    numbers = pa.chunked_array([pa.array([9, 10, None, 9], pa.int32())])
    assert grains_touched(numbers, Key(column="k")) == {"9", "10"}
    assert values_of({"9", "10"}, Key(column="k"), pa.int32()) == pa.array([9, 10], pa.int32())
    assert values_of({"b", "a"}, Key(column="k"), pa.string()).to_pylist() == ["a", "b"]


def test_a_window_is_over_when_the_watermark_has_come_to_its_end():
    (grain,) = grains_touched(instants(NOON), MINUTE)
    assert over({grain}, MINUTE, NOON + timedelta(seconds=59)) == set()
    assert over({grain}, MINUTE, NOON + timedelta(seconds=60)) == {grain}
    assert len(over(grains_touched(instants(NOON), HOPPING), HOPPING, NOON + timedelta(minutes=4))) == 2


def test_late_rows_are_gathered_until_the_next_multiple():
    every = timedelta(minutes=1)
    assert next_gathering(NOON, every) == NOON + every
    assert next_gathering(NOON + timedelta(seconds=59), every) == NOON + every
