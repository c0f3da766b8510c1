import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyarrow as pa
import pytest

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import PartitionOffsets, Schema, SchemaFormat
from analytics_platform.ingest.infer import Sample, draft_stream, newest_ranges
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.product import Encoding, FromBroker, FromCoordinates, FromField, FromHeader, Rule, Stream

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
TOPIC_ID = UUID(int=5)
NAMED = Stream(name="orders", topic="shop.orders", pipeline="orders", description="", owner="team:a")
AVRO = '{"type": "record", "name": "R", "fields": [{"name": "id", "type": "string"}]}'


def sample(values, keys=None, headers=None, known=None):
    rows = [
        {
            "partition": 0,
            "offset": n,
            "broker_at": NOON + timedelta(seconds=n),
            "key": keys[n] if keys else None,
            "value": value if isinstance(value, bytes | None) else json.dumps(value).encode(),
            "headers": headers[n] if headers else [],
        }
        for n, value in enumerate(values)
    ]
    records = pa.Table.from_pylist(rows, schema=RECORDS_SCHEMA)
    return Sample(topic="shop.orders", topic_id=TOPIC_ID, partitions=3, records=records, known=known or {})


def draft(values, **more):
    return draft_stream(NAMED, sample(values, **more))


def avro(id_):
    return Schema(id=id_, guid=UUID(int=id_), subject="r-value", version=1, format=SchemaFormat.AVRO, text=AVRO)


def json_schema(id_, text):
    return Schema(id=id_, guid=UUID(int=id_), subject="r-value", version=1, format=SchemaFormat.JSON, text=text)


def confluent(id_, body):
    return b"\0" + id_.to_bytes(4, "big") + body


def at(seconds):
    return (NOON + timedelta(seconds=seconds)).isoformat()


def test_plain_json_is_drafted_with_the_topics_partitions():
    found = draft([{"a": n} for n in range(50)])

    assert (found.stream.encoding, found.stream.partitions, found.format) == (Encoding.JSON, 3, SchemaFormat.JSON)
    assert json.loads(found.schema_text)["properties"]["a"]["type"] == "integer"
    assert (found.stream.name, found.stream.identity, found.stream.event_time) == (
        "orders",
        FromCoordinates(),
        FromBroker(),
    )


def test_json_behind_a_schema_id_keeps_the_id_that_is_on_the_topic():
    found = draft([confluent(70, b'{"a": 1}')] * 30)

    assert (found.stream.encoding, found.schema_ids, found.format) == (Encoding.CONFLUENT, (70,), SchemaFormat.JSON)


def test_json_behind_ids_that_are_known_gets_their_newest_schema():
    text = '{"type": "object", "properties": {"a": {"type": "number", "description": "ours"}}}'
    known = {7: json_schema(7, text.replace("ours", "older")), 8: json_schema(8, text)}

    found = draft([confluent(7 + n % 2, b'{"a": 1}') for n in range(30)], known=known)

    assert (found.schema_text, found.schema_ids) == (text, (7, 8))
    assert any("add a version for each other" in each for each in found.unknown)


def test_an_id_that_is_another_schemas_here_is_said():
    found = draft([confluent(7, b'{"a": 1}')] * 30, known={7: avro(7)})

    assert found.unknown == ("schema id 7 is another schema's in ids.lock: is there another registry?",)


def test_avro_with_an_id_that_is_known_gets_that_schema():
    bodies = [confluent(7, bytes([4]) + f"{n:02d}".encode()) for n in range(30)]

    found = draft(bodies, known={7: avro(7)})

    assert (found.schema_text, found.schema_ids, found.stream.identity) == (AVRO, (7,), FromField("id"))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([], "holds no record with a value"),
        ([None] * 30, "holds no record with a value"),
        ([confluent(9, b"\x02x")] * 30, "schema id 9, which ids.lock does not have"),
        ([b"\x02x"] * 30, "0 of 30 values are JSON objects.* bare Avro, which cannot be inferred"),
        ([b"[1]"] * 30, "0 of 30 values are JSON objects"),
        ([{str(n): n} for n in range(30)], "the names in its documents differ so much"),
    ],
)
def test_what_cannot_be_inferred_is_said_with_what_to_do(values, problem):
    with pytest.raises(DeclarationError, match=problem):
        draft(values)


def test_a_field_with_an_ids_name_that_no_two_records_share_is_the_identity():
    values = [{"order_id": f"o{n}", "customer_id": n % 3, "note": f"text {n}"} for n in range(40)]

    assert draft(values).stream.identity == FromField("order_id")
    assert draft([{**v, "meta": {"id": f"m{n}"}} for n, v in enumerate(values)]).stream.identity == FromField("meta.id")
    assert draft([{"customer_id": v["customer_id"], "note": v["note"]} for v in values]).stream.identity == (
        FromCoordinates()
    )


def test_copies_are_no_reason_against_an_identity_and_conflicts_are():
    values = [{"id": n, "x": n} for n in range(40)]

    assert draft([*values, values[3], values[4]]).stream.identity == FromField("id")
    assert draft([*values, {"id": 3, "x": 99}]).stream.identity == FromCoordinates()


def test_a_header_with_an_ids_name_comes_first():
    headers = [[("ce_id", b"%d" % n), ("kind", b"x")] for n in range(30)]

    assert draft([{"id": n} for n in range(30)], headers=headers).stream.identity == FromHeader("ce_id")


def test_a_time_close_to_the_brokers_is_the_event_time_and_another_is_not():
    values = [{"born_at": "1990-01-01T00:00:00Z", "created_at": at(n - 2), "n": n} for n in range(30)]
    millis = [{"ts": NOON_MS + 1000 * n - 400, "n": n} for n in range(30)]

    assert draft(values).stream.event_time == FromField("created_at")
    assert draft(millis).stream.event_time == FromField("ts")
    only_birth = draft([{"born_at": v["born_at"]} for v in values])
    assert only_birth.stream.event_time == FromBroker()
    assert "born_at" in only_birth.why["event_time"]


def test_a_time_that_some_records_lack_is_no_event_time():
    values = [{"at": at(n)} if n else {} for n in range(30)]

    assert draft(values).stream.event_time == FromBroker()


def test_the_key_is_the_field_whose_text_it_is():
    values = [{"n": n, "customer": {"id": n % 7}} for n in range(30)]
    keys = [str(n % 7).encode() for n in range(30)]

    assert draft(values, keys=keys).stream.key == "customer.id"
    assert draft(values).why["key"] == "no record has a key"
    assert draft(values, keys=[b"other%d" % n for n in range(30)]).stream.key is None


def test_rules_are_few_and_hold_for_the_whole_sample():
    values = [{"amount": n, "balance_total": n - 3, "userName": "x", "comment": "y"} for n in range(30)]

    assert draft(values).stream.rules == (
        Rule(name="amount_is_not_negative", holds='"amount" >= 0'),
        Rule(name="user_name_is_given", holds="\"userName\" <> ''"),
    )


def test_records_that_do_not_fit_are_counted():
    found = draft([*({"a": n} for n in range(95)), b"no json", None])

    assert found.unknown == ("1 records do not fit: malformed: invalid json", "1 records do not fit: tombstone")


def test_the_newest_offsets_are_shared_among_partitions():
    offsets = [
        PartitionOffsets(topic_id=TOPIC_ID, partition=p, first=first, stable_end=end, end=end)
        for p, (first, end) in enumerate([(0, 1000), (5, 5), (10, 20), (0, 500)])
    ]

    assert {r.partition: (r.start, r.end) for r in newest_ranges(offsets, 110)} == {
        0: (950, 1000),
        2: (10, 20),
        3: (450, 500),
    }
    assert newest_ranges(offsets[1:2], 10) == ()
    assert sum(r.offsets for r in newest_ranges(offsets, 1)) == 1
