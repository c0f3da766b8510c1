"""Which files a recompute replaces: the neighbourhood of its grains, in files of bounded rows."""

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.lake.rewrite import ROWS_PER_FILE, changed_rows, files_rewritten, parts_of
from analytics_platform.lake.shapes import DataFile


def file(path, low, high, rows=ROWS_PER_FILE):
    return DataFile(path=path, rows=rows, size=rows, low={"k": low}, high={"k": high})


def keys(*found):
    return pa.table({"k": pa.array(found, pa.int64())})


def test_only_files_that_can_hold_the_grains_are_replaced():
    files = [file("a", 0, 9), file("b", 10, 19), file("c", 20, 29)]
    assert [f.path for f in files_rewritten(files, "k", [12, 13])] == ["b"]


def test_a_small_neighbour_rides_along_so_that_small_files_do_not_pile_up():
    files = [file("a", 0, 9), file("b", 10, 19, rows=3)]
    assert [f.path for f in files_rewritten(files, "k", [30])] == ["b"]
    assert files_rewritten([file("a", 0, 9)], "k", [30]) == []


def test_a_new_file_never_spans_one_that_is_kept():
    parts = parts_of(keys(31, 1, 30, 2), "k", [file("b", 10, 19)])
    assert [part["k"].to_pylist() for part in parts] == [[1, 2], [30, 31]]


def test_files_have_bounded_rows():
    parts = parts_of(keys(*range(2 * ROWS_PER_FILE + 1)), "k", [])
    assert len(parts) == 3 and max(part.num_rows for part in parts) <= ROWS_PER_FILE


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), min_size=1, max_size=40))
def test_however_grains_come_the_table_is_right_and_its_files_stay_apart(commits):
    files, rows = [], {}
    for number, (first, count) in enumerate(commits):
        grains = list(range(first, first + count))
        replaced = files_rewritten(files, "k", grains)
        kept = [f for f in files if f not in replaced]
        left = [k for f in replaced for k in rows.pop(f.path) if k not in grains]
        files = kept
        for part, piece in enumerate(parts_of(keys(*left, *grains), "k", kept)):
            found = piece["k"].to_pylist()
            files = [*files, file(f"{number}-{part}", found[0], found[-1], rows=len(found))]
            rows[f"{number}-{part}"] = found
    assert sorted(k for held in rows.values() for k in held) == sorted({k for a, n in commits for k in range(a, a + n)})
    ordered = sorted(files, key=lambda f: f.low["k"])
    assert all(a.high["k"] < b.low["k"] for a, b in pairwise(ordered))


def test_changed_rows_are_those_that_one_side_lacks_or_has_less_often():
    before, after = keys(1, 2, 2, 3), keys(1, 2, 4)
    assert sorted(changed_rows(before, after)["k"].to_pylist()) == [2, 2, 2, 3, 4]
    assert changed_rows(before, keys(3, 2, 1, 2)).num_rows == 0
    assert changed_rows(keys(), keys(7))["k"].to_pylist() == [7]
