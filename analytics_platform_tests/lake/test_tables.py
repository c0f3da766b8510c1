"""Delta tables on disk: replace is a no-op for the same content, and a fenced writer commits nowhere."""

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from analytics_platform.errors import FencedError, StaleError
from analytics_platform.facts import Failpoint
from analytics_platform.lake.prune import files_of_batch
from analytics_platform.lake.shapes import TableShape
from analytics_platform.lake.tables import Table

COLUMNS = pa.schema([pa.field("batch", pa.int64(), nullable=False), pa.field("x", pa.string())])
SHAPE = TableShape(name="numbers/silver", columns=COLUMNS, bounded_by=("batch", "x"), sorted_by=("x",))


def rows(batch, *values):
    return pa.table({"batch": pa.array([batch] * len(values), pa.int64()), "x": pa.array(values, pa.string())}, COLUMNS)


def put(table, batch, *values, epoch=1):
    version = table.refresh()
    return table.replace(files_of_batch(table.files(), batch), [rows(batch, *values)], decided_on=version, epoch=epoch)


def content(tmp_path):
    return sorted(DeltaTable(str(tmp_path / SHAPE.name)).to_pyarrow_table().to_pylist(), key=lambda row: row["x"])


def test_what_is_put_is_what_a_stock_reader_finds(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 1, "a", "b")
    put(table, 2, "c")
    assert content(tmp_path) == [{"batch": 1, "x": "a"}, {"batch": 1, "x": "b"}, {"batch": 2, "x": "c"}]


def test_replacing_a_batch_leaves_one_copy_of_it(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 1, "a", "b")
    put(table, 2, "c")
    put(table, 1, "z")
    assert [row["x"] for row in content(tmp_path)] == ["c", "z"]


def test_replacing_a_batch_by_nothing_removes_it(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 1, "a")
    put(table, 1)
    assert content(tmp_path) == []


def test_the_same_content_in_another_order_is_no_commit(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    version, fingerprint = put(table, 1, "a", "b")
    assert put(table, 1, "b", "a") == (version, fingerprint)


def test_a_writer_of_an_older_epoch_is_refused(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 1, "a", epoch=2)
    with pytest.raises(FencedError, match="epoch 2 took over from 1"):
        put(table, 2, "b", epoch=1)


def test_a_stamped_table_refuses_the_zombie_that_had_it_open_before(tmp_path):
    zombie = Table.open(tmp_path, SHAPE)
    before = zombie.version
    Table.open(tmp_path, SHAPE).stamp(2)
    with pytest.raises(FencedError):
        zombie.replace([], [rows(1, "late")], decided_on=before, epoch=1)
    assert content(tmp_path) == []


def test_a_decision_on_an_older_version_is_refused(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    decided_on = table.refresh()
    put(Table.open(tmp_path, SHAPE), 1, "a")
    with pytest.raises(StaleError, match="re-read and decide again"):
        table.replace([], [rows(2, "b")], decided_on=decided_on, epoch=1)


def test_files_know_their_bounds_and_rows(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 7, "b", "a", "c")
    (file,) = table.files()
    assert (file.rows, file.low, file.high) == (3, {"batch": 7, "x": "a"}, {"batch": 7, "x": "c"})
    assert table.rows() == 3


def test_a_killed_writer_leaves_a_file_that_nobody_reads(tmp_path):
    class KilledError(Exception):
        pass

    def kill(point):
        if point is Failpoint.AFTER_PARQUET:
            raise KilledError

    with pytest.raises(KilledError):
        put(Table.open(tmp_path, SHAPE, kill), 1, "a")
    assert content(tmp_path) == []
    put(Table.open(tmp_path, SHAPE), 1, "a")
    assert content(tmp_path) == [{"batch": 1, "x": "a"}]


def test_folding_changes_files_and_nothing_else(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    for batch in range(1, 5):
        put(table, batch, f"{5 - batch}")
    before = content(tmp_path)
    files = [file for file in table.files() if file.high["batch"] < 4]
    table.fold(files, pa.concat_tables([rows(b, f"{5 - b}") for b in (1, 2, 3)]), epoch=1)
    assert content(tmp_path) == before
    assert sorted((file.low["batch"], file.high["batch"]) for file in table.files()) == [(1, 3), (4, 4)]


def test_vacuum_deletes_what_no_recent_version_needs(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 1, "a")
    put(table, 1, "b")
    assert table.vacuum(0, keep_version=table.version) == 1
    assert content(tmp_path) == [{"batch": 1, "x": "b"}]
