"""Looking up ids in files sorted by id finds every copy, and reads little else."""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.lake.lookup import SMALL_ROWS, groups_with_any, winners
from analytics_platform.lake.parquet import LOOKED_UP_ROWS, write_rows
from analytics_platform.lake.shapes import silver

SHAPE = silver("bids", pa.schema([pa.field("price", pa.int64())]))
IDS = st.text("abyz\u00e9\ue000\U0001f600", max_size=3)  # Python orders texts by code points, Parquet by bytes


def rows(ids, batch=1):
    columns = {field.name: pa.nulls(len(ids), field.type) for field in SHAPE.columns}
    columns |= {"batch": pa.array([batch] * len(ids), pa.int64()), "event_id": pa.array(ids, pa.string())}
    columns |= {"partition": pa.array([0] * len(ids), pa.int32()), "offset": pa.array(range(len(ids)), pa.int64())}
    return pa.table(columns, schema=SHAPE.columns)


@given(st.lists(st.lists(IDS, max_size=12), max_size=4), st.sets(IDS, max_size=6), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_every_copy_of_every_wanted_id_is_found_whatever_groups_the_files_have(contents, wanted, group):
    with tempfile.TemporaryDirectory() as folder:
        uris = [str(Path(folder) / str(number)) for number in range(len(contents))]
        for uri, ids in zip(uris, contents, strict=True):
            pq.write_table(rows(sorted(ids)), uri, row_group_size=group)
        found = winners(uris, pa.array(sorted(wanted), pa.string()), 2)
    expected = sorted(one for ids in contents for one in ids if one in wanted)
    assert sorted(found["event_id"].to_pylist()) == expected


def test_only_batches_before_the_one_that_asks_count(tmp_path):
    for batch in (3, 4):
        pq.write_table(rows(["a", "b"], batch), tmp_path / str(batch))
    found = winners([str(tmp_path / "3"), str(tmp_path / "4")], pa.array(["a"]), 4)
    assert found.num_rows == 1


def test_one_id_costs_one_group_of_a_file_and_ids_that_are_newer_none(tmp_path):
    write_rows(rows([f"{number:06d}" for number in range(4 * LOOKED_UP_ROWS)]), tmp_path / "f", SHAPE)
    metadata = pq.ParquetFile(tmp_path / "f").metadata
    assert metadata.num_row_groups == 4
    assert groups_with_any(metadata, ["000000", f"{LOOKED_UP_ROWS:06d}", "999999"]) == ([0, 1], 0, 2)
    assert groups_with_any(metadata, ["999998", "999999"])[0] == []


def test_a_group_without_bounds_may_hold_anything(tmp_path):
    pq.write_table(rows(["a", "b"]), tmp_path / "f", write_statistics=False)
    assert winners([str(tmp_path / "f")], pa.array(["b"]), 2)["offset"].to_pylist() == [1]


def test_a_file_that_is_no_parquet_is_an_error(tmp_path):
    (tmp_path / "f").write_bytes(b"no Parquet at all")
    with pytest.raises(pa.ArrowException):
        winners([str(tmp_path / "f")], pa.array(["a"]), 2)


def test_a_small_file_is_read_once_however_often_it_is_asked(tmp_path):
    pq.write_table(rows(["a", "b"]), tmp_path / "f")
    assert winners([str(tmp_path / "f")], pa.array(["b"]), 2)["offset"].to_pylist() == [1]
    (tmp_path / "f").unlink()
    assert winners([str(tmp_path / "f")], pa.array(["a"]), 2)["offset"].to_pylist() == [0]


def test_a_large_file_is_not_held_in_memory(tmp_path):
    pq.write_table(rows([f"{number:06d}" for number in range(SMALL_ROWS + 1)]), tmp_path / "f")
    assert winners([str(tmp_path / "f")], pa.array(["000001"]), 2).num_rows == 1
    (tmp_path / "f").unlink()
    with pytest.raises(FileNotFoundError):
        winners([str(tmp_path / "f")], pa.array(["000001"]), 2)
