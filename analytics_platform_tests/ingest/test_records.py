import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.ingest.records import HEADER, header_text, utf8_or_null

BYTES_LIKE_UTF8 = st.lists(st.sampled_from([b"a", b"\0", "é".encode(), "€".encode(), "😀".encode(), b"\xe2", b"\xac"]))
VALUES = st.none() | st.binary(max_size=6) | BYTES_LIKE_UTF8.map(b"".join)
HEADERS = st.lists(st.tuples(st.sampled_from(["event_id", "traceparent", "é"]), VALUES), max_size=4)


def text_or_none(value):
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


@given(st.lists(HEADERS, max_size=12), st.integers(0, 3))
def test_the_last_header_of_a_name_wins_and_is_null_when_absent_or_not_utf8(rows, skipped):
    records = pa.table({"headers": pa.array(rows, pa.list_(HEADER))}).slice(skipped)

    found = header_text(records, "event_id")

    assert found.to_pylist() == [text_or_none(dict(headers).get("event_id")) for headers in rows[skipped:]]


@given(st.lists(VALUES, max_size=12))
def test_bytes_become_text_or_null_exactly_as_python_decodes_them(values):
    assert utf8_or_null(pa.array(values, pa.binary())).to_pylist() == [text_or_none(v) for v in values]


def test_headers_in_several_chunks_keep_their_rows():
    chunk = pa.table({"headers": pa.array([[("a", b"1")], []], pa.list_(HEADER))})

    assert header_text(pa.concat_tables([chunk, chunk]), "a").to_pylist() == ["1", None, "1", None]
