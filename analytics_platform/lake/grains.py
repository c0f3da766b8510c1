"""Grains: which ones rows belong to, and what each is in a table and in time. A grain is text in the ledger. Pure.

A window is its number: how many steps of its model lie between 1970 and its start. A key is its value.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.shapes import INSTANT
from analytics_platform.product import Grain, Key, Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Span = tuple[datetime, datetime]


def micros(span: timedelta) -> int:
    """A span of time in microseconds."""
    return span // timedelta(microseconds=1)


def grains_touched(column: pa.ChunkedArray, grain: Grain) -> set[str]:
    """The grains that rows with these values belong to: instants of windows, or keys; nulls belong to none."""
    values = pc.drop_null(column)
    if isinstance(grain, Key):
        return set(pc.unique(values.cast(pa.string())).to_pylist())
    newest = np.unique(np.asarray(values.cast(INSTANT).cast(pa.int64())) // micros(grain.step))
    overlap = grain.size // grain.step
    numbers = np.unique(np.concatenate([newest - back for back in range(overlap)]))
    return {str(number) for number in numbers.tolist()}


def numbers_or_keys(grains: Iterable[str], grain: Grain, kind: pa.DataType) -> pa.Array:
    """The grains as SQL compares them, ascending: numbers of windows, or keys of a column of that kind."""
    if isinstance(grain, Window) or pa.types.is_integer(kind):
        return pa.array(sorted(map(int, grains)), pa.int64())
    return pa.array(sorted(grains), pa.string())


def values_of(grains: Iterable[str], grain: Grain, kind: pa.DataType) -> pa.Array:
    """The values of the model's grain column, ascending: starts of windows, or keys."""
    found = numbers_or_keys(grains, grain, kind)
    if isinstance(grain, Key):
        return found.cast(kind)
    return pa.array([start_of(number, grain) for number in found.to_pylist()], INSTANT)


def spans_of(grains: Iterable[str], window: Window) -> list[Span]:
    """The [start, end) of the windows of those numbers, ascending; those that touch are merged."""
    starts = [start_of(number, window) for number in sorted(map(int, grains))]
    return merged([(start, start + window.size) for start in starts])


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time, ascending, without overlaps."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def start_of(number: int, window: Window) -> datetime:
    """When that window starts."""
    return EPOCH + number * window.step


def over(grains: Collection[str], window: Window, watermark: datetime) -> set[str]:
    """Those of the windows that end before the watermark or at it."""
    last = (watermark - EPOCH - window.size) // window.step
    return {grain for grain in grains if int(grain) <= last}


def next_gathering(watermark: datetime, every: timedelta) -> datetime:
    """The next whole multiple of `every` since 1970 after the watermark: when late rows are recomputed."""
    return EPOCH + ((watermark - EPOCH) // every + 1) * every


def is_key_type(kind: pa.DataType) -> bool:
    """Whether a column of that type can name grains: texts and integers can."""
    return pa.types.is_string(kind) or (pa.types.is_integer(kind) and kind != pa.uint64())


def within(rows: pa.Table, column: str, values: pa.Array) -> Any:
    """A mask of the rows of those grains."""
    return pc.is_in(rows[column], value_set=values.cast(rows.schema.field(column).type))
