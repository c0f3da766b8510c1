"""Values of records: Avro bodies and JSON texts that nearly fit their schemas, decoded a hundred at a time."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from fastavro.schema import SchemaParseException

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Schema, StreamSchemas
from analytics_platform.ingest.decode import decode, decoded_columns, plan_for
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.product import Encoding, FromCoordinates, Stream
from analytics_platform_tests.fuzz.mutate import mutated, noise
from analytics_platform_tests.fuzz.target import Target, WrongAnswerError
from analytics_platform_tests.ingest import avro_samples, json_samples
from analytics_platform_tests.registry.compatibility.generated_avro import Schemas as AvroPairs

AT_ONCE = 250  # what a call costs by itself is shared
PAIRS = 60
TOPIC_ID, NOON = UUID(int=5), datetime(2026, 1, 1, 12, tzinfo=UTC)
HEADER = "__value_schema_id"
Body = Callable[[random.Random], bytes]


def avro_target(seed: int) -> Target:
    """Avro in Confluent's wire format, written in one schema and read in another."""
    pool = list(_avro_pairs(random.Random(seed)))
    return Target("avro", AT_ONCE, lambda chance: _feed(chance, *chance.choice(pool), Encoding.CONFLUENT))


def json_target(seed: int) -> Target:
    """JSON texts, bare."""
    source = json_samples.SAMPLE
    flat = json_samples.thing(["s"], s=json_samples.STRING, i=json_samples.INTEGER, t=json_samples.TIME)
    pool = [(_json_schemas(source), _nested), (_json_schemas(flat), _flat)]
    return Target("json", AT_ONCE, lambda chance: _feed(chance, *chance.choice(pool), Encoding.JSON))


def _feed(chance: random.Random, schemas: StreamSchemas, body: Body, encoding: Encoding) -> str:
    records = _records(chance, [_hostile(chance, body(chance)) for _ in range(AT_ONCE)])
    stream = Stream(
        name="s", topic="s", pipeline="p", description="", owner="team:a", encoding=encoding,
        identity=FromCoordinates(),
    )  # fmt: skip
    found = decode(records, stream, schemas, TOPIC_ID)
    found.validate(full=True)
    if found.num_rows != records.num_rows or found.schema != decoded_columns(schemas.reader):
        raise WrongAnswerError(f"{found.num_rows} rows of {records.num_rows} records, {found.schema}")
    return "some read" if found["reason"].null_count else "none read"


def _hostile(chance: random.Random, body: bytes) -> bytes | None:
    kind = chance.random()
    if kind < 0.2:
        return body
    if kind < 0.96:
        return mutated(chance, body)
    return noise(chance, 60) if kind < 0.99 else None


def _records(chance: random.Random, values: list[bytes | None]) -> pa.Table:
    rows = [
        {"partition": 0, "offset": row, "broker_at": NOON, "value": value, "key": None, "headers": _headers(chance)}
        for row, value in enumerate(values)
    ]
    return pa.Table.from_pylist(rows, schema=RECORDS_SCHEMA)


def _headers(chance: random.Random) -> list[dict[str, Any]]:
    if chance.random() < 0.97:
        return []
    guid = chance.choice((b"", b"\1", b"\1" + UUID(int=1).bytes, b"\2" + UUID(int=1).bytes, noise(chance, 40), None))
    return [{"key": chance.choice((HEADER, "traceparent")), "value": guid}] * chance.choice((1, 1, 2))


def _avro_pairs(chance: random.Random) -> Iterator[tuple[StreamSchemas, Body]]:
    """Pairs that the decoder takes, with what makes bodies in the writer's schema."""
    made = AvroPairs(chance)
    found = 0
    while found < PAIRS:
        pair = [avro_samples.schema(source, version, version) for version, source in enumerate(made.pair(), 1)]
        body = _avro_body(pair[0])
        try:
            plan_for(pair[0], pair[1])
            plan_for(pair[1], pair[1])  # a schema that is refused as such is no input
            body(random.Random(0))
        except (DeclarationError, ValueError, TypeError, SchemaParseException):
            continue  # no schemas, or none that go together
        found += 1
        yield StreamSchemas(stream="s", reader=pair[1], writers={s.id: s for s in pair}), body


def _avro_body(writer: Schema) -> Body:
    source = json.loads(writer.text)

    def body(chance: random.Random) -> bytes:
        prefix = bytes([0, 0, 0, 0, chance.choice((1, 1, 1, 1, 2, 3))])
        return prefix + avro_samples.encoded(source, _avro_value(chance, source, {}, 0))

    return body


def _avro_value(chance: random.Random, source: Any, named: dict[str, Any], depth: int) -> Any:
    """Some value of the type."""
    if isinstance(source, list):
        branch = chance.choice(source) if depth < 4 else min(source, key=lambda each: each != "null")
        return _avro_value(chance, branch, named, depth + 1)
    if isinstance(source, str):
        return _avro_value(chance, named[source], named, depth + 1) if source in named else SCALARS[source](chance)
    if "name" in source:
        named[source["name"]] = source
    match source["type"]:
        case "record":
            return {f["name"]: _avro_value(chance, f["type"], named, depth + 1) for f in source["fields"]}
        case "array":
            return [_avro_value(chance, source["items"], named, depth + 1) for _ in range(chance.randrange(3))]
        case "map":
            return {
                f"k{n}": _avro_value(chance, source["values"], named, depth + 1) for n in range(chance.randrange(3))
            }
    return _plain_value(chance, source)


def _plain_value(chance: random.Random, source: Mapping[str, Any]) -> Any:
    """Of a type without types in it."""
    match source["type"], source.get("logicalType"):
        case "enum", _:
            return chance.choice(source["symbols"])
        case "fixed", _:
            return chance.randbytes(source["size"])
        case _, "uuid":
            return str(UUID(int=chance.getrandbits(128)))
        case _, "decimal":
            return avro_samples.decimal(chance.randrange(-9999, 9999), source["scale"])
        case kind, None:
            return SCALARS[kind](chance)
    return chance.choice((0, 1, 86_399_999))


SCALARS: dict[str, Callable[[random.Random], Any]] = {
    "null": lambda _: None,
    "boolean": lambda chance: chance.random() < 0.5,
    "int": lambda chance: chance.choice((0, -1, 70, 2**31 - 1, -(2**31))),
    "long": lambda chance: chance.choice((0, -1, 70, 2**63 - 1, -(2**63))),
    "float": lambda chance: chance.choice((0.0, 1.5, float("inf"), float("nan"))),
    "double": lambda chance: chance.choice((0.0, -1.5, 1e300, float("nan"))),
    "string": lambda chance: chance.choice(("", "a", "é€𝄞", "x" * 70)),
    "bytes": lambda chance: noise(chance, 9),
}
TEXTS = ("", "a", "é", "\ud800", "\x00", '"\\', "x" * 80, "2026-01-01T00:00:00Z", "0000-00-00T00:00:00Z")
NUMBERS = (0, -1, 1, 2**53, 2**63 - 1, 2**64, 1e400, 1.5, -0.0, 10**40)


def _json_schemas(source: Any) -> StreamSchemas:
    reader = json_samples.schema(source)
    return StreamSchemas(stream="s", reader=reader, writers={1: reader})


def _flat(chance: random.Random) -> bytes:
    """A record as most producers write it: always alike, so that it goes through the lanes."""
    value = {"s": chance.choice(("a", "b" * 20)), "i": chance.randrange(10**6), "t": "2026-01-01T00:00:00.5Z"}
    return json.dumps(value).encode()


def _nested(chance: random.Random) -> bytes:
    if chance.random() < 0.02:
        depth = chance.choice((10, 500, 5000))
        return chance.choice((b"[", b'{"o":', b'{"any":[')) * depth + chance.choice((b"", b"]" * depth, b"}" * depth))
    inner = {"x": _scalar(chance), "t": _scalar(chance)}
    value = {
        "s": chance.choice(("a", *TEXTS)), "i": chance.choice((1, *NUMBERS)), "n": _scalar(chance), "b": True,
        "t": "2026-01-01T00:00:00Z", "o": chance.choice(({"x": 1}, inner)), "l": [_scalar(chance) for _ in range(3)],
        "p": [{"at": _scalar(chance)}], "m": {"k": [inner]}, "any": _scalar(chance),
    }  # fmt: skip
    for name in chance.sample(sorted(value), chance.randrange(3)):
        del value[name]
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.05:
        text = text.replace('"s"', '"s": 1, "s"', 1)  # the same key twice
    return text.encode("utf-8", "surrogatepass")


def _scalar(chance: random.Random) -> Any:
    return chance.choice((None, True, [], {}, chance.choice(TEXTS), chance.choice(NUMBERS)))
