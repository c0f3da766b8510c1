"""Grains of a model: which ones rows touch, and the SQL that recomputes just those. Pure."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.shapes import TableShape
from analytics_platform.product import Model, Window

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS_PER_FILE = 60


def micros(window: Window) -> int:
    """A window's size in microseconds."""
    return window.size // timedelta(microseconds=1)


def grains_touched(event_at: pa.ChunkedArray, window: Window) -> set[int]:
    """The windows that those instants fall into, each as its number since 1970."""
    instants = np.asarray(pc.drop_null(event_at).cast(pa.int64()))
    return set(np.unique(instants // micros(window)).tolist())


def spans_of(grains: Collection[int], window: Window) -> list[tuple[datetime, datetime]]:
    """The [start, end) of each grain, ascending; neighbours merged."""
    size = micros(window)
    merged: list[list[int]] = []
    for grain in sorted(grains):
        if merged and merged[-1][1] == grain:
            merged[-1][1] = grain + 1
        else:
            merged.append([grain, grain + 1])
    return [(_instant(start * size), _instant(end * size)) for start, end in merged]


def starts_of(grains: Iterable[int], window: Window) -> list[datetime]:
    """The start of each grain, ascending: the value of the model's grain column."""
    return [_instant(grain * micros(window)) for grain in sorted(grains)]


def recompute_sql(model: Model) -> str:
    """The model's SELECT over its inputs cut down to the dirty grains.

    It expects relations `<input>__rows` and a relation `dirty_grains` with the column `grain`.
    """
    size = micros(model.grain)
    inputs = ",\n".join(_input(name, model.grain.column, size) for name in model.inputs)
    return f"with {inputs}\nselect * from (\n{model.sql.strip().rstrip(';')}\n)"


def _input(name: str, column: str, size: int) -> str:
    grain = f"(epoch_us(event_at) // {size})"
    return (
        f'"{name}" as (select *, make_timestamptz({grain} * {size}) as "{column}" from "{name}__rows"\n'
        f"  where {grain} in (select grain from dirty_grains))"
    )


def shape_of(model: Model, columns: pa.Schema) -> TableShape:
    """The model's table."""
    grain = (model.grain.column,)
    return TableShape(name=model.name, columns=columns, bounded_by=grain, sorted_by=grain)


def outside(rows: pa.Table, column: str, starts: Collection[datetime]) -> pa.Table:
    """The rows of other grains than those."""
    return rows.filter(pc.invert(_in(rows, column, starts)))


def inside(rows: pa.Table, column: str, starts: Collection[datetime]) -> pa.Table:
    """The rows of those grains."""
    return rows.filter(_in(rows, column, starts))


def concatenated(kept: pa.Table, recomputed: pa.Table) -> pa.Table:
    """Both, in the columns of the first."""
    return pa.concat_tables([kept, recomputed.select(kept.column_names)])


def by_bucket(rows: pa.Table, window: Window) -> list[pa.Table]:
    """The rows cut into one part per sixty windows, each sorted by grain.

    A file then holds one bucket only, so that a late row rewrites its own bucket and never the whole table.
    """
    ordered = rows.sort_by(window.column)
    starts = np.asarray(ordered[window.column].combine_chunks().cast(pa.int64()))
    buckets = starts // (micros(window) * WINDOWS_PER_FILE)
    cuts = [0, *(np.flatnonzero(np.diff(buckets)) + 1).tolist(), len(starts)]
    return [ordered.slice(a, b - a) for a, b in pairwise(cuts) if b > a]


def _in(rows: pa.Table, column: str, starts: Collection[datetime]) -> pa.ChunkedArray:
    return pc.is_in(rows[column], value_set=pa.array(sorted(starts), rows[column].type))


def _instant(micros_since_1970: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros_since_1970)
