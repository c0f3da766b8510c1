from datetime import UTC, datetime
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import StreamSchemas
from analytics_platform.ingest.decode import decode, decoded_columns, reader_columns
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.product import Encoding, FromBroker, FromCoordinates, FromField, FromHeader, Stream
from analytics_platform_tests.ingest import json_samples
from analytics_platform_tests.ingest.avro_samples import encoded, record, schema

TOPIC_ID = UUID(int=5)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OLD = record([("price", "int")])
NEW = {
    **record([]),
    "fields": [
        {"name": "price", "type": "long"},
        {"name": "note", "type": ["null", "string"], "default": None},
    ],
}
WRITERS = {7: schema(OLD, id_=7), 300: schema(NEW, version=2, id_=300)}
SCHEMAS = StreamSchemas(stream="bids", reader=WRITERS[300], writers=WRITERS)
GOOD_OLD = b"\0\0\0\0\7" + encoded(OLD, {"price": 1})
GOOD_NEW = b"\0\0\0\1\x2c" + encoded(NEW, {"price": 2, "note": "n"})


def stream(**declared):
    return Stream(name="bids", topic="bids", pipeline="p", description="", owner="team:a", **declared)


def landed(values, headers=()):
    """Records of one partition, offsets from 10; `headers` by row."""
    rows = [
        {"partition": 3, "offset": 10 + row, "broker_at": NOON, "value": value, "headers": dict(headers).get(row, [])}
        for row, value in enumerate(values)
    ]
    return pa.Table.from_pylist(rows, schema=RECORDS_SCHEMA)


def decoded(values, declared=None, schemas=SCHEMAS, headers=()):
    found = decode(landed(values, headers), declared or stream(), schemas, TOPIC_ID)
    found.validate(full=True)
    assert found.schema == decoded_columns(schemas.reader)
    return found.to_pylist()


def json_schemas(source):
    reader = json_samples.schema(source)
    return StreamSchemas(stream="bids", reader=reader, writers={1: reader})


def test_versions_are_read_into_the_readers_columns_in_the_records_order():
    rows = decoded([GOOD_NEW, GOOD_OLD, GOOD_NEW])

    assert [(row["offset"], row["schema_id"], row["price"], row["note"]) for row in rows] == [
        (10, 300, 2, "n"),
        (11, 7, 1, None),
        (12, 300, 2, "n"),
    ]
    assert [row["reason"] for row in rows] == [None] * 3


def test_each_row_says_what_is_wrong_with_it_and_harms_no_other():
    rows = decoded([GOOD_NEW, None, b"x", b"\0\0\0\0\x4d", GOOD_OLD[:-1], GOOD_OLD + b"x", GOOD_OLD])

    assert [(row["price"], row["schema_id"], row["reason"]) for row in rows] == [
        (2, 300, None),
        (None, None, "tombstone"),
        (None, None, "not confluent wire format"),
        (None, 77, "unknown schema 77"),
        (None, 7, "malformed: truncated"),
        (None, 7, "malformed: trailing bytes"),
        (1, 7, None),
    ]


@settings(max_examples=40)
@given(st.lists(st.sampled_from([GOOD_OLD, GOOD_NEW, None, b"", b"\0\0\0\0\x4d", GOOD_NEW[:-1]]), max_size=8))
def test_a_row_does_not_depend_on_the_rows_beside_it(values):
    alone = [row for value in values for row in decoded([value], stream(identity=FromHeader("id")))]

    together = decoded(values, stream(identity=FromHeader("id")))

    assert [{**row, "offset": 0} for row in together] == [{**row, "offset": 0} for row in alone]


def test_a_schema_named_in_a_header_is_read_without_a_prefix():
    header = {1: [("__value_schema_id", b"\1" + WRITERS[7].guid.bytes)]}

    rows = decoded([GOOD_OLD, GOOD_OLD[5:], GOOD_NEW], headers=header)

    assert [(row["schema_id"], row["price"], row["reason"]) for row in rows] == [
        (7, 1, None),
        (7, 1, None),
        (300, 2, None),
    ]


def test_bare_avro_is_in_the_readers_schema():
    rows = decoded([GOOD_NEW[5:], None], stream(encoding=Encoding.AVRO))

    assert [(row["schema_id"], row["price"], row["reason"]) for row in rows] == [
        (300, 2, None),
        (None, None, "tombstone"),
    ]


def test_json_says_which_field_is_missing_or_of_another_type():
    source = json_samples.thing(["price"], price=json_samples.INTEGER)
    bodies = [b'{"price": 5}', b"{}", b'{"price": "5"}', b"{", b"\xff"]
    wanted = [None, "missing price", "wrong type price", "malformed: invalid json", "malformed: bad utf-8"]

    bare = decoded(bodies, stream(encoding=Encoding.JSON), json_schemas(source))
    prefixed = decoded([b"\0\0\0\0\1" + body for body in bodies], stream(), json_schemas(source))

    assert [row["reason"] for row in bare] == [row["reason"] for row in prefixed] == wanted
    assert [row["price"] for row in bare] == [row["price"] for row in prefixed] == [5, None, None, None, None]


def test_a_row_without_identity_or_event_time_says_so_unless_more_is_wrong():
    declared = stream(identity=FromHeader("id"), event_time=FromHeader("at"))
    known, dated = ("id", b"a"), ("at", b"2026-01-01T12:00:00Z")
    headers = {0: [known, dated], 1: [dated], 2: [known], 3: []}

    rows = decoded([GOOD_OLD, GOOD_OLD, GOOD_OLD, None], declared, headers=headers)

    assert [(row["event_id"], row["event_at"], row["reason"]) for row in rows] == [
        ("a", NOON, None),
        (None, NOON, "missing identity"),
        ("a", None, "missing event time"),
        (None, None, "tombstone"),
    ]


def test_a_plain_topic_needs_neither_headers_nor_ids():
    declared = stream(encoding=Encoding.JSON, identity=FromCoordinates(), event_time=FromBroker())
    schemas = json_schemas(json_samples.thing(note=json_samples.STRING))

    [row] = decoded([b'{"note": "n"}'], declared, schemas)

    assert row == {
        "partition": 3,
        "offset": 10,
        "broker_at": NOON,
        "event_id": f"{TOPIC_ID}/3/10",
        "event_at": NOON,
        "traceparent": None,
        "schema_id": 1,
        "note": "n",
        "reason": None,
    }


@pytest.mark.parametrize("values", [[], [None], [b"x"]])
def test_columns_depend_on_the_reader_schema_alone(values):
    assert len(decoded(values)) == len(values)


def test_records_in_several_chunks_are_read_as_one():
    chunks = pa.concat_tables([landed([GOOD_OLD]), landed([None, GOOD_NEW]), landed([])])

    assert decode(chunks, stream(), SCHEMAS, TOPIC_ID)["price"].to_pylist() == [1, None, 2]


def test_records_read_back_from_a_table_may_have_large_types_and_another_order():
    names = ["value", *(name for name in RECORDS_SCHEMA.names if name != "value")]
    records = landed([GOOD_OLD, None, GOOD_NEW]).select(names)
    large = records.set_column(0, "value", records["value"].cast(pa.large_binary()))

    assert decode(large, stream(), SCHEMAS, TOPIC_ID)["price"].to_pylist() == [1, None, 2]


@pytest.mark.parametrize("name", ["offset", "Batch", "event_id", "reason", "payload_hash"])
def test_a_field_named_like_a_column_of_ours_is_refused(name):
    with pytest.raises(DeclarationError, match=f"field {name} has the name of a column that every table has"):
        reader_columns(schema(record([(name, "long")])))


def test_two_names_that_sql_cannot_tell_apart_are_refused():
    with pytest.raises(DeclarationError, match="two fields are called Price but for upper and lower case"):
        reader_columns(schema(record([("price", "long"), ("Price", "long")])))


@pytest.mark.parametrize(
    ("declared", "schemas", "problem"),
    [
        (stream(encoding=Encoding.JSON), SCHEMAS, "written in AVRO, expected JSON"),
        (stream(encoding=Encoding.AVRO), json_schemas(json_samples.SAMPLE), "written in JSON, expected AVRO"),
        (stream(identity=FromField("nothing")), SCHEMAS, "identity is taken from nothing"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_even_without_records(declared, schemas, problem):
    with pytest.raises(DeclarationError, match=problem):
        decode(RECORDS_SCHEMA.empty_table(), declared, schemas, TOPIC_ID)
