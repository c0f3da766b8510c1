"""Hashes of texts, compared with the same sum in plain Python."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.lake.text_hashes import BLOCK, text_hashes

WORDS = 2**64
VALUES = st.lists(st.none() | st.binary(max_size=70), max_size=30)


def mixed(value):
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % WORDS
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % WORDS
    return value ^ (value >> 31)


def plainly(value):
    state = mixed((len(value) + 0x9E3779B97F4A7C15) % WORDS)
    for at in range(0, len(value), 8):
        state = (state ^ int.from_bytes(value[at : at + 8], "little")) * 0xBF58476D1CE4E5B9 % WORDS
        state ^= state >> 29
    return mixed(state)


@given(VALUES)
def test_hashes_are_those_of_plain_python(values):
    assert text_hashes(pa.array(values, pa.binary())).tolist() == [plainly(value or b"") for value in values]


@given(VALUES, st.integers(0, 10), st.integers(0, 10))
def test_where_a_value_stands_in_its_buffer_does_not_matter(values, start, end):
    part = pa.array(values, pa.binary()).slice(start, max(0, len(values) - start - end))
    assert text_hashes(part).tolist() == [plainly(value.as_py() or b"") for value in part]


@given(VALUES)
def test_one_long_value_among_short_ones_changes_no_hash(values):
    values = [*values, b"long" * 2_000]
    assert text_hashes(pa.array(values, pa.binary())).tolist() == [plainly(value or b"") for value in values]


def test_blocks_follow_one_another():
    values = [b"%d" % number for number in range(2 * BLOCK + 1)]
    assert text_hashes(pa.array(values, pa.binary())).tolist() == [plainly(value) for value in values]


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=30))
def test_bytes_under_a_null_do_not_count(values):
    here = pa.array(values, pa.binary())
    hidden = pa.Array.from_buffers(pa.binary(), len(here), [pa.py_buffer(bytes(8)), *here.buffers()[1:]])
    assert text_hashes(hidden).tolist() == [plainly(b"")] * len(values)
