"""What a batch's rows come to, for its manifest: missing values, lateness, which schemas they were written in. Pure."""

from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.shapes import ROW_COLUMNS
from analytics_platform.quality.metrics import LATE_ROWS, MISSING, SCHEMA

OURS = frozenset(column.name for column in ROW_COLUMNS)
UNKNOWN = "unknown"  # every id that is not published, for there may be as many as there are broken records
MICROS = 1_000_000


def measures_of(silver: pa.Table, exceptions: pa.Table, schema_ids: Collection[int]) -> dict[str, float]:
    """By name; what is zero is left out, but for lateness.

    Args:
        silver: the published rows.
        exceptions: the other rows.
        schema_ids: those of the stream's published versions.
    """
    late = pc.max(silver["late_micros"]).as_py() or 0
    missing = {name: silver[name].null_count for name in silver.column_names if name not in OURS}
    return {
        "late_seconds": late / MICROS,
        LATE_ROWS: float(pc.sum(pc.greater(silver["late_micros"], 0)).as_py() or 0),
        **{f"{MISSING}{name}": float(count) for name, count in missing.items() if count},
        **{f"{SCHEMA}{id_}": float(rows) for id_, rows in _by_schema(silver, exceptions, schema_ids).items()},
    }


def _by_schema(silver: pa.Table, exceptions: pa.Table, schema_ids: Collection[int]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for table in (silver, exceptions):
        for counted in pc.value_counts(table["schema_id"].drop_null()).to_pylist():
            name = str(counted["values"]) if counted["values"] in schema_ids else UNKNOWN
            found[name] = found.get(name, 0) + counted["counts"]
    return found
