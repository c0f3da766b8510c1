"""Delta tables on disk: replace is a no-op for the same content, and a fenced writer commits nowhere."""

import os
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from analytics_platform.errors import DeclarationError, FencedError, StaleError
from analytics_platform.facts import Failpoint
from analytics_platform.lake.log import forget_versions
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
    table.fold(files, epoch=1)
    assert content(tmp_path) == before
    assert sorted((file.low["batch"], file.high["batch"]) for file in table.files()) == [(1, 3), (4, 4)]


def test_folded_rows_are_in_the_tables_order_whatever_the_order_of_the_files(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    for batch in (1, 2, 3):
        put(table, batch, "b", "a")
    table.fold(table.files()[::-1], epoch=1)
    (folded,) = table.uris(table.files())
    assert pq.read_table(folded)["x"].to_pylist() == ["a"] * 3 + ["b"] * 3


def test_vacuum_deletes_what_no_recent_version_needs(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 1, "a")
    put(table, 1, "b")
    assert table.vacuum(0, keep_version=table.version, epoch=1) == 1
    assert content(tmp_path) == [{"batch": 1, "x": "b"}]


def test_a_removed_file_is_kept_for_readers_after_the_log_has_forgotten_it(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 1, "a")
    removed = table.root / table.files()[0].path
    os.utime(removed, (0, 0))  # it was written long ago
    DeltaTable(str(table.root)).alter.set_table_properties({"delta.deletedFileRetentionDuration": "interval 0 seconds"})
    for number in range(25):  # beyond two checkpoints
        put(table, 1, f"b{number}")
    assert forget_versions(table.root, table.version) > 10
    table = Table.open(tmp_path, SHAPE)
    table.vacuum(2, keep_version=table.version, epoch=1)
    assert removed.exists()
    os.utime(removed, (0, 0))
    table.vacuum(2, keep_version=table.version, epoch=1)
    assert not removed.exists() and [row["x"] for row in content(tmp_path)] == ["b24"]


def test_a_writer_that_was_left_behind_deletes_nothing(tmp_path):
    zombie = Table.open(tmp_path, SHAPE)
    put(zombie, 1, "a")
    newer = Table.open(tmp_path, SHAPE)
    newer.stamp(2)
    newer.replace([], [rows(2, "b")], decided_on=newer.version, epoch=2)
    for file in newer.files():
        os.utime(newer.root / file.path, (0, 0))
    with pytest.raises(FencedError):
        zombie.vacuum(2, keep_version=zombie.version, epoch=1)
    assert not newer.missing(newer.files())


def test_a_file_that_is_missing_is_written_again_though_its_content_is_the_same(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    version, _ = put(table, 1, "a", "b")
    (file,) = table.files()
    (table.root / file.path).unlink()
    assert table.missing(table.files()) == [file]
    assert put(table, 1, "a", "b")[0] == version + 1
    assert table.missing(table.files()) == [] and len(content(tmp_path)) == 2


WIDER = replace(SHAPE, columns=pa.schema([*COLUMNS, pa.field("y", pa.int32())]))


def wider_rows(batch, x, y):
    values = {"batch": pa.array([batch], pa.int64()), "x": pa.array([x]), "y": pa.array([y], pa.int32())}
    return pa.table(values, WIDER.columns)


def test_a_new_column_is_added_by_the_first_commit_and_null_before(tmp_path):
    put(Table.open(tmp_path, SHAPE), 1, "a")
    table = Table.open(tmp_path, WIDER)
    decided_on = table.version
    version, _ = table.replace([], [wider_rows(2, "b", 7)], decided_on=decided_on, epoch=1)
    assert version == decided_on + 2 and table.epoch() == 1
    assert content(tmp_path) == [{"batch": 1, "x": "a", "y": None}, {"batch": 2, "x": "b", "y": 7}]


def test_opening_a_table_writes_nothing_so_that_planners_never_race_with_the_writer(tmp_path):
    writer = Table.open(tmp_path, SHAPE)
    put(writer, 1, "a")
    before = writer.version
    planner = Table.open(tmp_path, WIDER)
    put(writer, 2, "b")
    assert planner.version == before and planner.refresh() == before + 1


def test_a_writer_that_loses_the_race_for_a_new_column_decides_again(tmp_path):
    put(Table.open(tmp_path, SHAPE), 1, "a")
    first, second = Table.open(tmp_path, WIDER), Table.open(tmp_path, WIDER)
    decided_on = second.version
    first.replace([], [wider_rows(2, "b", 7)], decided_on=first.version, epoch=1)
    with pytest.raises(StaleError):
        second.replace([], [wider_rows(3, "c", 8)], decided_on=decided_on, epoch=1)
    second.replace([], [wider_rows(3, "c", 8)], decided_on=second.refresh(), epoch=1)
    assert [row["y"] for row in content(tmp_path)] == [None, 7, 8]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (pa.schema([COLUMNS.field(0)]), "column x is in the table and no longer declared"),
        (pa.schema([COLUMNS.field(0), pa.field("x", pa.int64())]), "column x is string in the table and declared as"),
    ],
)
def test_a_column_that_changed_or_vanished_is_refused(tmp_path, columns, problem):
    Table.open(tmp_path, SHAPE)
    with pytest.raises(DeclarationError, match=problem):
        Table.open(tmp_path, replace(SHAPE, columns=columns))


def test_a_derived_table_of_other_columns_is_renewed(tmp_path):
    put(Table.open(tmp_path, SHAPE), 1, "a", epoch=3)
    narrower = replace(SHAPE, columns=pa.schema([COLUMNS.field(0)]), bounded_by=("batch",), is_derived=True)
    table = Table.open(tmp_path, narrower)
    assert table.is_outdated
    table.renew(4)
    assert not table.is_outdated and table.files() == [] and table.epoch() == 4
    assert DeltaTable(str(tmp_path / SHAPE.name)).schema().to_arrow().field(0).name == "batch"
    assert not Table.open(tmp_path, narrower).is_outdated


def test_a_table_can_be_made_to_hold_again_what_it_held(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    version, _ = put(table, 1, "a")
    put(table, 1, "b", epoch=2)
    put(table, 2, "c", epoch=2)
    assert table.restore(version, epoch=3) == table.version > version
    assert content(tmp_path) == [{"batch": 1, "x": "a"}] and table.epoch() == 3


def test_a_version_is_restored_though_a_file_of_it_is_gone(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 2, "c")
    version, _ = put(table, 1, "a")
    then = table.files()
    for file in files_of_batch(then, 1):
        (table.root / file.path).unlink()
    put(table, 1, "b", epoch=2)
    table.restore(version, epoch=3)
    assert sorted(map(repr, table.files())) == sorted(map(repr, then))
    assert table.missing(table.files()) == files_of_batch(then, 1)


def test_vacuum_deletes_what_a_killed_writer_left_once_it_is_old(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    put(table, 1, "a")
    orphan, young = table.root / "part-0-dead.parquet", table.root / "part-0-young.parquet"
    for path in (orphan, young):
        path.write_bytes(b"written, never committed")
    os.utime(orphan, (0, 0))
    table.vacuum(2, keep_version=table.version, epoch=1)
    assert not orphan.exists() and young.exists() and content(tmp_path) == [{"batch": 1, "x": "a"}]


def test_a_writer_knows_its_files_as_the_log_has_them(tmp_path):
    table = Table.open(tmp_path, SHAPE)
    for number in range(1, 25):  # beyond two checkpoints
        put(table, number, f"a{number}", "b")
    put(table, 3, "c")
    table.fold(files_of_batch(table.files(), 4) + files_of_batch(table.files(), 5), epoch=1)
    table.drop(files_of_batch(table.files(), 6), epoch=1)
    put(table, 7)

    def known(files):
        return sorted((f.path, f.rows, f.size, sorted(f.low.items()), sorted(f.high.items())) for f in files)

    assert known(table.files()) == known(Table.open(tmp_path, SHAPE).files())


def test_a_writer_sees_the_files_of_others_once_it_looks(tmp_path):
    table, other = Table.open(tmp_path, SHAPE), Table.open(tmp_path, SHAPE)
    put(table, 1, "a")
    put(other, 2, "b", epoch=2)
    put(other, 3, "c", epoch=2)
    table.refresh()
    assert {file.path for file in table.files()} == {file.path for file in other.files()}
    assert table.epoch() == 2
