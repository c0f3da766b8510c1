"""What Delta's log says of a table's files, statistics among it: written and read. Pure but for the log."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from analytics_platform.lake.shapes import DataFile


def added(file: DataFile, now_ms: int) -> AddAction:
    """The file as part of the table again."""
    return AddAction(file.path, file.size, {}, now_ms, True, _stats(file.rows, file.low, file.high))


def bounds_of(rows: pa.Table, columns: Sequence[str]) -> str:
    """The statistics of a file that holds those rows."""
    extremes = {name: pc.min_max(rows[name]).as_py() for name in columns}
    low, high = ({name: found[end] for name, found in extremes.items()} for end in ("min", "max"))
    return _stats(rows.num_rows, low, high)


def _stats(count: int, low: Mapping[str, Any], high: Mapping[str, Any]) -> str:
    """Delta's file statistics, of those columns only."""
    known = ({name: _as_json(value) for name, value in bound.items() if value is not None} for bound in (low, high))
    return json.dumps({"numRecords": count, "minValues": next(known), "maxValues": next(known), "nullCount": {}})


def _as_json(value: Any) -> Any:
    """A bound as Delta writes it; instants as integers would not be valid, so in ISO with microseconds."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value


def data_files(delta: DeltaTable, columns: Sequence[str]) -> list[DataFile]:
    """The files of the version that is loaded, with their bounds of those columns."""
    actions = pa.table(delta.get_add_actions(flatten=True))
    found = {name: actions[name].to_pylist() for name in actions.column_names}
    count = actions.num_rows
    low = {c: found.get(f"min.{c}", [None] * count) for c in columns}
    high = {c: found.get(f"max.{c}", [None] * count) for c in columns}
    return [
        DataFile(
            path=found["path"][i],
            rows=found["num_records"][i] or 0,
            size=found["size_bytes"][i],
            low={c: low[c][i] for c in columns},
            high={c: high[c][i] for c in columns},
        )
        for i in range(count)
    ]
