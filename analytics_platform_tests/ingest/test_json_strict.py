import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.ingest.json_strict import BLOCK_BYTES, falsely_accepted


def refused(*texts):
    return falsely_accepted(pa.array(texts, pa.string())).tolist()


@pytest.mark.parametrize(
    "text", ['{"a":NaN}', '{"a": -inf}', "[1, Infinity]", "[1,]", '{"a":1 , }', '{"a":1,\n\t}', "[nan]", "[1,\r\n\n]"]
)
def test_what_only_duckdb_takes_is_refused(text):
    assert refused("{}", None, text, "{}") == [False, False, True, False]


@pytest.mark.parametrize(
    "text", ['{"name":"Fernandez"}', '{"a":":nan"}', '{"a":",]"}', '{"info": [ ] }', '{"a":"[inf, ]"}']
)
def test_json_that_only_looks_like_it_passes(text):
    assert refused("{}", text) == [False, False]


@given(st.integers(-3, 3), st.sampled_from(["[NaN]", "[1,]"]))
def test_a_fault_across_two_blocks_is_found(shift, text):
    filler = json.dumps("x" * (BLOCK_BYTES + shift - 6))

    assert refused(filler, text, "[]") == [False, True, False]


@given(st.lists(st.none() | st.text("naif,]} :[1", max_size=8), max_size=6), st.integers(0, 2))
def test_nothing_that_python_reads_is_refused(texts, start):
    array = pa.array(texts, pa.string()).slice(start)

    for text, is_refused in zip(array.to_pylist(), falsely_accepted(array).tolist(), strict=True):
        if is_refused:
            with pytest.raises(ValueError):
                json.loads(text, parse_constant=int)
