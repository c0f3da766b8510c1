"""Pruning never loses a file that holds what is looked for."""

from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.lake.prune import files_of_batch, files_overlapping, files_with_any
from analytics_platform.lake.shapes import DataFile

CONTENTS = st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=5), max_size=8)


def files_holding(contents):
    bounds = [(min(values), max(values)) for values in contents]
    return [
        DataFile(
            path=str(i), rows=len(contents[i]), size=1, low={"v": low, "batch": low}, high={"v": high, "batch": high}
        )
        for i, (low, high) in enumerate(bounds)
    ]


@given(CONTENTS, st.sets(st.integers(0, 50), max_size=6))
def test_every_file_that_holds_a_wanted_value_is_found(contents, wanted):
    found = {file.path for file in files_with_any(files_holding(contents), "v", sorted(wanted))}
    assert {str(i) for i, values in enumerate(contents) if wanted & set(values)} <= found


@given(CONTENTS, st.integers(0, 50))
def test_files_outside_the_wanted_bounds_are_left_out(contents, wanted):
    found = {file.path for file in files_of_batch(files_holding(contents), wanted)}
    assert found == {str(i) for i, values in enumerate(contents) if min(values) <= wanted <= max(values)}


@given(CONTENTS, st.lists(st.tuples(st.integers(0, 50), st.integers(1, 5)), max_size=4))
def test_every_file_with_a_value_in_a_span_is_found(contents, drawn):
    spans, end = [], -1
    for start, length in sorted(drawn):
        if start > end:
            spans.append((start, start + length))
            end = start + length
    found = {file.path for file in files_overlapping(files_holding(contents), "v", spans)}
    held = {str(i) for i, values in enumerate(contents) if any(a <= v < b for v in values for a, b in spans)}
    assert held <= found


def test_a_file_without_bounds_is_always_read():
    file = DataFile(path="x", rows=1, size=1, low={"v": None}, high={"v": None})
    assert files_with_any([file], "v", [1]) == [file] == files_overlapping([file], "v", [(1, 2)])
