"""Random Avro schemas of the kinds that lanes read, and random values for them."""

import io
import json
from decimal import Decimal
from uuid import UUID

import fastavro
from hypothesis import strategies as st

from analytics_platform.facts import Schema, SchemaFormat
from analytics_platform.ingest.avro_rows import UNREADABLE

DAYS = (-719_162, 2_932_896)  # the years 1 to 9999
TIMES = {
    "date": DAYS,
    "timestamp-millis": (DAYS[0] * 86_400_000, DAYS[1] * 86_400_000),
    "timestamp-micros": (DAYS[0] * 86_400_000_000, DAYS[1] * 86_400_000_000),
}
PLAIN = {
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1) | st.integers(-70, 70),
    "long": st.integers(-(2**63), 2**63 - 1) | st.integers(-70, 70),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "string": st.text(max_size=6),
    "bytes": st.binary(max_size=6),
}
SCALARS = [
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "string",
    "bytes",
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "long", "logicalType": "timestamp-micros"},
    {"type": "long", "logicalType": "local-timestamp-millis"},
    {"type": "long", "logicalType": "local-timestamp-micros"},
    {"type": "int", "logicalType": "date"},
]


def schema(source, version=1, id_=1):
    """A registered schema over an Avro source."""
    text = json.dumps(source)
    return Schema(id=id_, guid=UUID(int=id_), subject="s-value", version=version, format=SchemaFormat.AVRO, text=text)


def record(fields, name="Event"):
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields]}


def encoded(source, value):
    """The Avro body of one value."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(source))), value)
    return out.getvalue()


def oracle(body, writer, reader=None):
    """What fastavro reads, or None for what it cannot."""
    written, wanted = (fastavro.parse_schema(json.loads(json.dumps(s))) for s in (writer, reader or writer))
    source = io.BytesIO(body)
    try:
        value = fastavro.schemaless_reader(source, written, wanted)
    except UNREADABLE:
        return None
    return value if source.tell() == len(body) else None


@st.composite
def records(draw, depth=2, names=None):
    """A record type; every name in it is used once."""
    names = iter(range(1000)) if names is None else names
    fields = draw(st.integers(0 if depth < 2 else 1, 4))
    return record([(f"f{i}", draw(types(depth, names))) for i in range(fields)], f"R{next(names)}")


@st.composite
def types(draw, depth, names):
    kind = draw(
        st.sampled_from(["scalar", "scalar", "fixed", "enum", "decimal", "fixed_decimal", "nullable", "record"])
    )
    match kind:
        case "fixed":
            return {"type": "fixed", "name": f"F{next(names)}", "size": draw(st.integers(0, 5))}
        case "enum":
            symbols = [f"S{i}" for i in range(draw(st.integers(1, 3)))]
            return {"type": "enum", "name": f"E{next(names)}", "symbols": symbols}
        case "decimal":
            precision = draw(st.integers(1, 38))
            return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": precision // 2}
        case "fixed_decimal":
            name, precision = f"D{next(names)}", draw(st.integers(1, 18))
            return {
                "type": "fixed",
                "name": name,
                "size": 9,
                "logicalType": "decimal",
                "precision": precision,
                "scale": 0,
            }
        case "nullable" if depth:
            value = draw(types(depth - 1, names).filter(lambda t: not isinstance(t, list)))
            return draw(st.permutations(["null", value]))
        case "record" if depth:
            return draw(records(depth - 1, names))
    return draw(st.sampled_from(SCALARS))


def values(source):
    """Values of a type, as fastavro takes them: times as numbers."""
    if isinstance(source, list):
        return st.none() | values(next(branch for branch in source if branch != "null"))
    if isinstance(source, str):
        return PLAIN[source]
    match source.get("logicalType"), source["type"]:
        case "decimal", _:
            bound = 10 ** source["precision"] - 1
            return st.integers(-bound, bound).map(lambda unscaled: decimal(unscaled, source["scale"]))
        case str(logical), _:
            return st.integers(*TIMES[logical.removeprefix("local-")])
        case _, "fixed":
            return st.binary(min_size=source["size"], max_size=source["size"])
        case _, "enum":
            return st.sampled_from(source["symbols"])
    return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in source["fields"]})


def decimal(unscaled, scale):
    return Decimal((int(unscaled < 0), tuple(int(digit) for digit in str(abs(unscaled))), -scale))
