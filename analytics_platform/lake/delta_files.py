"""What Delta's log says of a table's files, statistics among it: written and read. Pure but for the log."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from analytics_platform.lake.shapes import DataFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a commit does to a table's files; nothing: it only carries the epoch.

    It `is_new` unless other files hold the same rows; a renewal empties the table and gives it its columns anew.
    """

    removed: Collection[DataFile] = ()
    added: Collection[DataFile] = ()
    is_new: bool = True
    is_renewal: bool = False

    def actions(self, now_ms: int) -> list[AddAction | RemoveAction]:
        """As Delta's log has it."""
        gone = [RemoveAction(path, self.is_new, now_ms) for path in sorted(file.path for file in self.removed)]
        here = [AddAction(f.path, f.size, {}, now_ms, self.is_new, _stats(f.rows, f.low, f.high)) for f in self.added]
        return [*gone, *here]

    def applied_to(self, files: Iterable[DataFile]) -> list[DataFile]:
        """The table's files after it."""
        removed = {file.path for file in self.removed}
        return [*(file for file in files if file.path not in removed), *self.added]


def bounds_of(rows: pa.Table, columns: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The lowest and the highest value of each of those columns; None where all are null."""
    extremes = {name: pc.min_max(rows[name]).as_py() for name in columns}
    return {name: found["min"] for name, found in extremes.items()}, {n: found["max"] for n, found in extremes.items()}


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
