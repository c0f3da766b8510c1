"""A file that is not what was written is found, whatever happened to it."""

import pyarrow as pa
import pytest

from analytics_platform.lake.parquet import Fault
from analytics_platform.lake.shapes import TableShape
from analytics_platform.lake.tables import Table

COLUMNS = pa.schema([pa.field("batch", pa.int64(), nullable=False), pa.field("x", pa.string())])
SHAPE = TableShape(name="numbers/silver", columns=COLUMNS, bounded_by=("batch",), sorted_by=("x",))


@pytest.fixture
def table(tmp_path):
    opened = Table.open(tmp_path, SHAPE)
    rows = pa.table({"batch": pa.array([1] * 500, pa.int64()), "x": [f"value {n}" for n in range(500)]}, COLUMNS)
    opened.replace([], [rows], decided_on=opened.version, epoch=1)
    return opened


def faults(table, *, deep):
    return [damage.fault for damage in table.damaged(table.files(), deep=deep)]


def path_of(table):
    return table.root / table.files()[0].path


def test_a_good_file_is_found_good(table):
    assert faults(table, deep=False) == faults(table, deep=True) == []


def test_a_missing_file_is_seen_without_reading(table):
    path_of(table).unlink()
    assert faults(table, deep=False) == [Fault.MISSING]


def test_a_cut_file_is_seen_without_reading(table):
    path_of(table).write_bytes(path_of(table).read_bytes()[:-10])
    assert faults(table, deep=False) == [Fault.CUT]


def test_a_broken_footer_is_seen_by_reading(table):
    content = bytearray(path_of(table).read_bytes())
    content[-8:] = bytes(8)
    path_of(table).write_bytes(content)
    assert faults(table, deep=False) == [] and faults(table, deep=True) == [Fault.UNREADABLE]


def test_other_rows_of_the_same_length_are_seen_by_their_fingerprint(table, tmp_path):
    other = Table.open(tmp_path / "other", SHAPE)
    rows = pa.table({"batch": pa.array([1] * 500, pa.int64()), "x": [f"value {n}" for n in range(1, 501)]}, COLUMNS)
    other.replace([], [rows], decided_on=other.version, epoch=1)
    content = path_of(other).read_bytes()
    path_of(table).write_bytes(content)
    found = faults(table, deep=True)
    assert found and found[0] in (Fault.CHANGED, Fault.CUT)


@pytest.mark.parametrize("at", [10, 200, 450])
def test_a_flipped_bit_in_the_data_is_seen_by_reading(table, at):
    content = bytearray(path_of(table).read_bytes())
    content[at] ^= 0x10
    path_of(table).write_bytes(content)
    assert faults(table, deep=True)
