"""Picking rows out of table files in DuckDB: of batches, of ids, of single coordinates. Pure but for the files."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from analytics_platform.lake.fingerprint import row_hashes
from analytics_platform.lake.shapes import COORDINATES

FROM_FILES = "select * from read_parquet($uris, union_by_name = true)"


def rows_between(
    connection: duckdb.DuckDBPyConnection, uris: Sequence[str], columns: pa.Schema, first: int, last: int
) -> pa.Table:
    """The rows of batches `first` to `last`, ordered by batch, partition and offset."""
    where = ' where batch between $first and $last order by batch, partition, "offset"'
    return _read(connection, uris, columns, where, {"first": first, "last": last})


def rows_of_ids(
    connection: duckdb.DuckDBPyConnection, uris: Sequence[str], columns: pa.Schema, ids: pa.Array, outside: range
) -> pa.Table:
    """The rows with one of those ids, in batches that are not in the range `outside`."""
    where = " semi join wanted using (event_id) where batch not between $first and $last"
    bounds = {"first": outside.start, "last": outside.stop - 1}
    return _joined(connection, uris, columns, where, pa.table({"event_id": ids}), bounds)


def rows_at(
    connection: duckdb.DuckDBPyConnection, uris: Sequence[str], columns: pa.Schema, places: pa.Table
) -> pa.Table:
    """The rows with the COORDINATES of `places`, ordered by them."""
    where = ' semi join wanted using (batch, partition, "offset") order by batch, partition, "offset"'
    return _joined(connection, uris, columns, where, places.select(COORDINATES), {})


def place_hashes(rows: pa.Table) -> np.ndarray:
    """One uint64 for the coordinates of each row."""
    return row_hashes(rows.select(COORDINATES))


def sums_by_batch(hashes: np.ndarray, batches: pa.ChunkedArray) -> dict[int, int]:
    """By batch, the fingerprint of its rows, from one hash a row."""
    numbers, group = np.unique(np.asarray(batches), return_inverse=True)
    sums = np.zeros(len(numbers), np.uint64)
    np.add.at(sums, group, hashes)
    return dict(zip(numbers.tolist(), sums.tolist(), strict=True))


def _joined(
    connection: duckdb.DuckDBPyConnection,
    uris: Sequence[str],
    columns: pa.Schema,
    where: str,
    wanted: pa.Table,
    parameters: Mapping[str, Any],
) -> pa.Table:
    connection.register("wanted", wanted)
    try:
        return _read(connection, uris, columns, where, parameters)
    finally:
        connection.unregister("wanted")


def _read(
    connection: duckdb.DuckDBPyConnection,
    uris: Sequence[str],
    columns: pa.Schema,
    where: str,
    parameters: Mapping[str, Any],
) -> pa.Table:
    if not uris:
        return columns.empty_table()
    found = connection.sql(FROM_FILES + where, params={"uris": list(uris), **parameters}).to_arrow_table()
    for name in set(columns.names) - set(found.column_names):  # younger than every one of these files
        found = found.append_column(name, pa.nulls(found.num_rows, columns.field(name).type))
    return found.select(columns.names).cast(columns).combine_chunks()
