"""A dataset of grouped files answers as one of plain files does, and opens few of them."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow.dataset import dataset

from analytics_platform.lake.dataset import FILES_PER_GROUP, dataset_of

COLUMNS = pa.schema([("batch", pa.int64()), ("event_id", pa.string()), ("seen_at", pa.timestamp("us", "UTC"))])
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
BOUNDED = ("batch", "event_id", "seen_at")


def write(folder, contents):
    """Files of (batch, id) pairs, and what the log would say of them."""
    listed = []
    for number, pairs in enumerate(contents):
        rows = [
            {"batch": b, "event_id": i, "seen_at": None if i is None else NOON + timedelta(seconds=b)} for b, i in pairs
        ]
        table = pa.Table.from_pylist(rows, COLUMNS)
        pq.write_table(table, Path(folder) / f"{number}.parquet")
        bounds = {name: pc.min_max(table[name]).as_py() for name in BOUNDED}
        low = {f"min.{name}": found["min"] for name, found in bounds.items()}
        listed.append({"path": f"{number}.parquet", **low, **{f"max.{n}": f["max"] for n, f in bounds.items()}})
    kinds = [(f"{edge}.{name}", COLUMNS.field(name).type) for edge in ("min", "max") for name in BOUNDED]
    return pa.Table.from_pylist(listed, pa.schema([("path", pa.string()), *kinds]))


FILES = st.lists(
    st.lists(st.tuples(st.integers(0, 40), st.none() | st.text("abc", max_size=2)), min_size=1, max_size=4),
    min_size=1,
    max_size=3 * FILES_PER_GROUP,
)
ASKED = [
    "event_id = 'ab'",
    "event_id is null",
    "event_id is not null and batch > 20",
    "event_id in ('a', 'cc', 'b')",
    "event_id <> 'a'",
    "coalesce(event_id, 'none') = 'none'",
    "batch between 10 and 12",
    "seen_at < timestamptz '2026-11-01 12:00:05+00'",
    "seen_at is null or batch = 3",
]


@given(FILES)
@settings(max_examples=15, deadline=None)
def test_whatever_is_asked_the_answer_is_that_of_all_files(contents):
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        files = write(folder, contents)
        uris = [str(Path(folder) / path) for path in files["path"].to_pylist()]
        connection.register("pruned", dataset_of(folder, files, COLUMNS))
        connection.register("plain", dataset(uris, schema=COLUMNS, format="parquet"))
        for asked in ASKED:
            one, other = (
                connection.sql(f"select batch, event_id from {name} where {asked} order by all").fetchall()
                for name in ("pruned", "plain")
            )
            assert one == other, asked


def test_one_id_opens_as_many_files_in_a_table_ten_times_as_large(tmp_path):
    def opened(count, folder):
        folder.mkdir()
        files = write(folder, [[(number, f"{number:04d}"), (number, f"{number:04d}x")] for number in range(count)])
        found = dataset_of(str(folder), files, COLUMNS).get_fragments(pc.field("event_id") == "0007x")
        return len(list(found))

    assert opened(40, tmp_path / "small") == opened(400, tmp_path / "large") <= FILES_PER_GROUP


def test_a_query_in_duckdb_opens_no_file_of_another_group(tmp_path):
    files = write(tmp_path, [[(number, f"{number:04d}")] for number in range(2 * FILES_PER_GROUP)])
    for number in range(FILES_PER_GROUP, 2 * FILES_PER_GROUP):
        (tmp_path / f"{number}.parquet").write_bytes(b"no Parquet")
    with duckdb.connect() as connection:
        connection.register("stored", dataset_of(str(tmp_path), files, COLUMNS))
        connection.execute("create view shown as select * from stored")
        for name in ("stored", "shown"):
            assert connection.sql(f"select batch from {name} where event_id = '0003'").fetchall() == [(3,)]
            assert connection.table(name).filter("event_id = '0004'").project("batch").fetchall() == [(4,)]


def test_a_column_that_no_file_has_yet_is_null_and_one_that_is_not_bounded_prunes_nothing(tmp_path):
    files = write(tmp_path, [[(1, "a")], [(2, "b")]])
    wider = pa.schema([*COLUMNS, ("new", pa.int64())])
    rows = dataset_of(str(tmp_path), files.select(["path"]), wider).to_table()
    assert rows["new"].null_count == rows.num_rows == 2
