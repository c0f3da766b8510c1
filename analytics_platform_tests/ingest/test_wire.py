from uuid import UUID

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.facts import StreamSchemas
from analytics_platform.ingest.records import HEADER
from analytics_platform.ingest.wire import without_prefix, written_as
from analytics_platform.product import Encoding
from analytics_platform_tests.ingest.avro_samples import record, schema

READER, OLD = schema(record([]), version=2, id_=258), schema(record([]), id_=7)
SCHEMAS = StreamSchemas(stream="s", reader=READER, writers={258: READER, 7: OLD})


def written(rows, encoding=Encoding.CONFLUENT):
    """What `written_as` says of (value, headers) rows, as (id, skip, reason) tuples."""
    values, headers = [value for value, _ in rows], [list(headers) for _, headers in rows]
    columns = [pa.array(values, pa.binary()), pa.array(headers, pa.list_(HEADER))]
    found = written_as(pa.table(columns, names=["value", "headers"]), encoding, SCHEMAS)
    return list(zip(found.ids.tolist(), found.skips.tolist(), found.reasons, strict=True))


def test_the_prefix_names_the_schema():
    rows = [(b"\0\0\0\1\2body", []), (b"\0\0\0\0\7", []), (b"\0\0\0\0\x4d", []), (b"\0\xff\xff\xff\xff", [])]

    assert written(rows) == [
        (258, 5, None),
        (7, 5, None),
        (77, 5, "unknown schema 77"),
        (2**32 - 1, 5, "unknown schema 4294967295"),
    ]


def test_a_value_without_a_prefix_says_so_and_a_missing_value_is_a_tombstone():
    rows = [(b"", []), (b"\0\0\0\1", []), (b"\1\0\0\1\2x", []), (None, []), (b'{"a":1}', [])]

    assert [reason for _, _, reason in written(rows)] == [
        "not confluent wire format",
        "not confluent wire format",
        "not confluent wire format",
        "tombstone",
        "not confluent wire format",
    ]


def test_a_header_names_the_schema_by_guid_or_id_and_then_the_value_has_no_prefix():
    by_guid, by_id = b"\1" + OLD.guid.bytes, b"\0\0\0\1\2"
    stranger = UUID(int=99)
    name = "__value_schema_id"
    rows = [
        (b"body", [(name, by_guid)]),
        (b"body", [("other", b"x"), (name, by_id)]),
        (b"\0\0\0\0\7", [(name, b"\1" + stranger.bytes)]),
        (b"\0\0\0\0\7", [(name, b"junk")]),
        (b"\0\0\0\0\7", [(name, None)]),
        (None, [(name, by_guid)]),
        (b"\0\0\0\0\7", []),
    ]

    assert written(rows) == [
        (7, 0, None),
        (258, 0, None),
        (-1, 0, f"unknown schema {stranger}"),
        (-1, 0, "not confluent wire format"),
        (-1, 0, "not confluent wire format"),
        (-1, 0, "tombstone"),
        (7, 5, None),
    ]


def test_bare_values_are_in_the_readers_schema():
    assert written([(b"\0\0\0\0\7", []), (None, [])], Encoding.AVRO) == [(258, 0, None), (-1, 0, "tombstone")]


@given(st.lists(st.binary(max_size=8), max_size=8), st.integers(0, 2), st.integers(0, 3))
def test_a_prefix_is_cut_off_every_value(values, skip, start):
    values = [bytes(skip) + value for value in values]
    array = pa.array(values, pa.binary()).slice(min(start, len(values)))

    assert without_prefix(array, skip).to_pylist() == [value[skip:] for value in values[start:]]
