"""Files are read one after the other, as they are named, in the table's columns."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_platform.lake.parquet import read_in_turn

COLUMNS = pa.schema([pa.field("x", pa.int64(), nullable=False), pa.field("y", pa.string())])


def written(folder, name, rows):
    path = folder / f"{name}.parquet"
    pq.write_table(rows, path)
    return str(path)


def test_rows_come_in_the_order_of_the_files_and_null_where_a_column_is_younger(tmp_path):
    young = written(tmp_path, "a", pa.table({"x": [3], "y": ["q"]}, COLUMNS))
    old = written(tmp_path, "b", pa.table({"x": [1, 2]}, pa.schema([COLUMNS.field("x")])))
    (folder := tmp_path / "x=7").mkdir()
    beside = written(folder, "c", pa.table({"x": [5], "y": [None]}, COLUMNS))
    found = read_in_turn([young, old, beside], COLUMNS)
    assert found.schema == COLUMNS
    assert list(zip(*found.to_pydict().values(), strict=True)) == [(3, "q"), (1, None), (2, None), (5, None)]


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.parquet"):
        read_in_turn([str(tmp_path / "gone.parquet")], COLUMNS)
