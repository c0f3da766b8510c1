from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyarrow as pa
import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.identity import check_identity, event_ids, event_times, trace_parents
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.product import FromBroker, FromCoordinates, FromField, FromHeader, FromKey, Stream

TOPIC_ID = UUID(int=5)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def stream(**declared):
    return Stream(name="s", topic="s", pipeline="p", description="", owner="team:a", **declared)


def records(keys, headers=None):
    rows = range(len(keys))
    return pa.Table.from_pylist(
        [
            {
                "partition": 3,
                "offset": 10 + row,
                "broker_at": NOON,
                "key": keys[row],
                "headers": (headers or {}).get(row, []),
            }
            for row in rows
        ],
        schema=RECORDS_SCHEMA,
    )


def values(kind, *column):
    return pa.table({"f": pa.array(column, kind)})


def ids(identity, found, decoded=None):
    decoded = pa.table({}) if decoded is None else decoded
    return event_ids(found, decoded, stream(identity=identity), TOPIC_ID).to_pylist()


def times(event_time, found, decoded=None):
    decoded = pa.table({}) if decoded is None else decoded
    column = event_times(found, decoded, stream(event_time=event_time))
    assert column.type == pa.timestamp("us", "UTC")
    return column.to_pylist()


def test_an_id_from_a_header_is_missing_when_absent_empty_or_no_text():
    headers = {0: [("id", b"x")], 1: [("id", b"")], 2: [("id", b"\xff")]}

    assert ids(FromHeader("id"), records([None] * 4, headers)) == ["x", None, None, None]


def test_dots_lead_into_objects_unless_a_field_has_that_name():
    meta = pa.table({"meta": [{"id": {"text": "a"}}, None, {"id": None}], "meta.at": [1, 2, 3]})
    declared = stream(identity=FromField("meta.id.text"), event_time=FromField("meta.at"))

    check_identity(declared, meta.schema)

    assert ids(declared.identity, records([None] * 3), meta) == ["a", None, None]
    assert times(declared.event_time, records([None] * 3), meta)[2] == datetime(1970, 1, 1, 0, 0, 0, 3000, tzinfo=UTC)
    with pytest.raises(DeclarationError, match=r"identity is taken from meta\.id\.no"):
        check_identity(stream(identity=FromField("meta.id.no")), meta.schema)


def test_an_id_from_a_field_is_its_text():
    assert ids(FromField("f"), records([None] * 3), values(pa.string(), "a", "", None)) == ["a", None, None]
    assert ids(FromField("f"), records([None] * 2), values(pa.int64(), 7, None)) == ["7", None]


def test_an_id_from_the_key_is_missing_when_the_key_is():
    assert ids(FromKey(), records(["é".encode(), None, b"", b"\xff"])) == ["é", None, None, None]


def test_coordinates_identify_every_record():
    topic = "00000000-0000-0000-0000-000000000005"

    assert ids(FromCoordinates(), records([None, None])) == [f"{topic}/3/10", f"{topic}/3/11"]


def test_the_brokers_time_is_the_records():
    assert times(FromBroker(), records([None])) == [NOON]


def test_a_time_from_a_field_is_a_timestamp_or_epoch_milliseconds():
    late = 2**62
    noon_ms = int(NOON.timestamp() * 1000)

    assert times(FromField("f"), records([None] * 2), values(pa.timestamp("us", "UTC"), NOON, None)) == [NOON, None]
    assert times(FromField("f"), records([None] * 3), values(pa.int64(), noon_ms, None, late)) == [NOON, None, None]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"2026-01-01T12:00:00Z", NOON),
        (b"2026-01-01T13:00:00.5+01:00", NOON + timedelta(milliseconds=500)),
        (b"1767268800000", NOON),
        (b"-1", datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        (b"2026-01-01T12:00:00", None),
        (b"yesterday", None),
        (b"9" * 5000, None),
        (b"0001-01-01T00:00:00+05:00", None),
        ("²".encode(), None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_a_time_from_a_header_is_iso_8601_with_a_zone_or_epoch_milliseconds(text, time):
    assert times(FromHeader("at"), records([None] * 2, {0: [("at", text)]})) == [time, None]


def test_the_trace_is_taken_along():
    assert trace_parents(records([None] * 2, {1: [("traceparent", b"00-1-2-01")]})).to_pylist() == [None, "00-1-2-01"]


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"identity": FromField("g")}, "identity is taken from g, which the reader schema does not have"),
        ({"identity": FromField("f")}, "identity f is double"),
        ({"event_time": FromField("g")}, "event_time is taken from g"),
        ({"event_time": FromField("f")}, "event_time f is double"),
    ],
)
def test_a_field_that_cannot_identify_or_date_an_event_is_refused(declared, problem):
    with pytest.raises(DeclarationError, match=problem):
        check_identity(stream(**declared), pa.schema({"f": pa.float64()}))
