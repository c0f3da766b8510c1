"""Content hashes: what they depend on, and what they do not."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.lake.fingerprint import SAMPLE, add, column_hashes, fingerprint, row_hashes

HEADER = pa.struct([("key", pa.string()), ("value", pa.binary())])
COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("n", pa.int64()),
        ("x", pa.float64()),
        ("b", pa.binary()),
        ("ok", pa.bool_()),
        ("headers", pa.list_(HEADER)),
    ]
)
ROW = st.fixed_dictionaries(
    {
        "id": st.none() | st.text(max_size=40),
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "x": st.none() | st.floats(allow_nan=False),
        "b": st.none() | st.binary(max_size=40),
        "ok": st.none() | st.booleans(),
        "headers": st.none()
        | st.lists(st.fixed_dictionaries({"key": st.text(max_size=3), "value": st.binary(max_size=3)})),
    }
)
ROWS = st.lists(ROW, max_size=12)


def table(rows):
    return pa.Table.from_pylist(rows, schema=COLUMNS)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert fingerprint(table(rows)) == fingerprint(table(shuffled))


@given(ROWS, st.integers(0, 12))
def test_the_cut_into_parts_does_not_matter(rows, cut):
    whole = table(rows)
    assert add([fingerprint(whole.slice(0, cut)), fingerprint(whole.slice(cut))]) == fingerprint(whole)


@given(ROWS)
def test_the_chunks_of_a_column_do_not_matter(rows):
    whole = table(rows)
    chunked = pa.concat_tables([whole.slice(i, 1) for i in range(whole.num_rows)] or [whole])
    assert fingerprint(chunked) == fingerprint(whole)


@given(ROW, ROW)
def test_different_rows_have_different_hashes(one, other):
    hashes = row_hashes(table([one, other])).tolist()
    assert (hashes[0] == hashes[1]) == (one == other)


def test_a_value_moved_to_another_column_changes_the_hash():
    left = pa.table({"a": ["x"], "b": ["y"]})
    assert fingerprint(left) != fingerprint(pa.table({"a": ["y"], "b": ["x"]}))


def test_null_is_neither_empty_nor_zero():
    for kind, nothing in ((pa.string(), ""), (pa.binary(), b""), (pa.int64(), 0), (pa.float64(), 0.0)):
        assert fingerprint(pa.table({"a": pa.array([None], kind)})) != fingerprint(pa.table({"a": [nothing]}))


def test_the_hash_of_a_known_table_never_changes():
    known = pa.table({"id": ["a", None, "ü"], "n": pa.array([1, -1, None], pa.int64()), "x": [0.5, -0.0, None]})
    assert f"{fingerprint(known):016x}" == "2bd2f6531b2b6c2f"


def test_a_column_that_repeats_itself_hashes_as_any_other():
    few, rows = ["Google", "", None, "Ä"], 5 * SAMPLE
    column = pa.array([few[n % len(few)] for n in range(rows)])
    one_by_one = [int(column_hashes(column.slice(n, 1))[0]) for n in range(rows)]
    assert column_hashes(column).tolist() == one_by_one
