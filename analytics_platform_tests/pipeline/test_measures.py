"""What manifests say of missing values, lateness and schemas."""

import pyarrow as pa

from analytics_platform.lake.shapes import EXCEPTION_COLUMNS, silver
from analytics_platform.pipeline.measures import measures_of

COLUMNS = silver("s", pa.schema([pa.field("price", pa.int64()), pa.field("city", pa.string())])).columns


def rows(columns, **given):
    size = len(next(iter(given.values())))
    return pa.table({f.name: pa.array(given.get(f.name, [None] * size), f.type) for f in columns})


def test_missing_values_are_counted_by_column_and_ours_are_none():
    table = rows(COLUMNS, price=[1, None, 3], city=["a", "b", "c"], late_micros=[0, 2_500_000, None])
    found = measures_of(table, rows(EXCEPTION_COLUMNS, batch=[1]), [])
    assert found == {"missing.price": 1.0, "late_rows": 1.0, "late_seconds": 2.5}


def test_rows_are_counted_by_published_schema_and_all_other_ids_together():
    good = rows(COLUMNS, schema_id=[3, 3, 4], price=[1, 1, 1], city=["a"] * 3)
    found = measures_of(good, rows(EXCEPTION_COLUMNS, schema_id=[3, 77, 78, None]), [3, 4])
    assert {n: v for n, v in found.items() if n.startswith("schema.")} == {
        "schema.3": 3.0,
        "schema.4": 1.0,
        "schema.unknown": 2.0,
    }


def test_a_batch_without_rows_was_not_late():
    nothing = measures_of(rows(COLUMNS, batch=[]), rows(EXCEPTION_COLUMNS, batch=[]), [])
    assert nothing == {"late_rows": 0.0, "late_seconds": 0.0}
