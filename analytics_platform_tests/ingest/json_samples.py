"""JSON Schemas, texts that fit them more or less, and what is wrong with each, found by hand."""

import json
import math
import re
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as st

from analytics_platform.facts import Schema, SchemaFormat

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def schema(source):
    text = json.dumps(source)
    return Schema(id=1, guid=UUID(int=1), subject="s-value", version=1, format=SchemaFormat.JSON, text=text)


def thing(required=(), **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


STRING, INTEGER, NUMBER, BOOLEAN = ({"type": name} for name in ("string", "integer", "number", "boolean"))
TIME = {"type": "string", "format": "date-time"}


def mapping(values):
    return {"type": "object", "additionalProperties": values}


def listing(items):
    return {"type": "array", "items": items}


SAMPLE = thing(
    ["s", "o"],
    s=STRING,
    i=INTEGER,
    n={"type": ["number", "null"]},
    b=BOOLEAN,
    t=TIME,
    o=thing(["x"], x=INTEGER, t=TIME),
    l=listing(INTEGER),
    p=listing(thing(["at"], at=TIME)),
    m=mapping(listing(thing(x=INTEGER))),
    any={},
)


class Fault(Exception):
    """What is wrong with a value, by hand."""


def by_hand(source, value, name):
    """The value as a column holds it; raises Fault. Written from the rules, not from the query."""
    kind = source.get("type", "any")
    kind = next(each for each in kind if each != "null") if isinstance(kind, list) else kind
    if kind == "any":
        return None if value is None else value
    if kind == "object" and "additionalProperties" in source:
        return by_hand_map(source["additionalProperties"], value, name)
    if kind == "object":
        return by_hand_fields(source, value, f"{name}.")
    if kind == "array":
        if not isinstance(value, list):
            raise Fault(f"wrong type {name}")
        return [None if item is None else by_hand(source["items"], item, f"{name}[]") for item in value]
    if source.get("format"):
        return instant(value, name)
    fits = {
        "string": isinstance(value, str),
        "integer": type(value) is int and -(2**63) <= value < 2**63,
        "number": type(value) in (int, float) and math.isfinite(value),
        "boolean": isinstance(value, bool),
    }
    if not fits[kind]:
        raise Fault(f"wrong type {name}")
    return float(value) if kind == "number" else value


def by_hand_map(below, value, name):
    """The pairs of a map, as Arrow gives them."""
    if not isinstance(value, dict):
        raise Fault(f"wrong type {name}")
    if value.is_repeated:
        raise Fault(f"key twice in {name}")
    return [(key, None if each is None else by_hand(below, each, f"{name}{{}}")) for key, each in value.items()]


def by_hand_fields(source, value, label):
    if not isinstance(value, dict):
        raise Fault("not an object" if label == "." else f"wrong type {label[:-1]}")
    found = {}
    for name, below in source["properties"].items():
        path, given_ = f"{label}{name}".removeprefix("."), value.get(name)
        if name in source["required"] and given_ is None and not (name in value and "null" in below.get("type", "")):
            raise Fault(f"missing {path}")
        found[name] = None if given_ is None else by_hand(below, given_, path)
    return found


def instant(value, name):
    try:
        assert isinstance(value, str) and RFC_3339.fullmatch(value)
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (AssertionError, ValueError, OverflowError) as error:
        raise Fault(f"wrong type {name}") from error


def expected(source, body):
    try:
        value = json.loads(body.decode(), parse_constant=lambda name: json.loads("!"), object_pairs_hook=First)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
        return by_hand_fields(source, value, "."), None
    except UnicodeDecodeError:
        return None, "bad utf-8"
    except ValueError:
        return None, "invalid json"
    except Fault as fault:
        return None, str(fault)


class First(dict):
    """An object in which the first of equal keys counts, and which knows that there were others."""

    def __init__(self, pairs):
        super().__init__()
        for key, value in pairs:
            self.setdefault(key, value)
        self.is_repeated = len(self) < len(pairs)


TIMES = [
    "2026-01-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01t00:00:00.25+01:00",
    "infinity",
    "epoch",
    "2026-01-01",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "0000-01-01T00:00:00Z",
]
CHARACTERS = st.characters(exclude_categories=["Cs"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x != int(x) if math.isfinite(x) else True)
    | st.text(CHARACTERS, max_size=4)
    | st.sampled_from([*TIMES, "5", "NaN", ", ]", "true"])
)


def objects_of(inner):
    return st.dictionaries(st.sampled_from(["s", "x", "at", "t"]), inner, max_size=3)


VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | objects_of(inner), max_leaves=6)


FITTING = st.fixed_dictionaries(
    {
        "s": st.text(CHARACTERS, max_size=4),
        "o": st.fixed_dictionaries({"x": st.integers(-9, 9)}),
    },
    optional={
        "i": st.integers(-(2**63), 2**63 - 1),
        "n": st.floats(allow_nan=False, allow_infinity=False) | st.none(),
        "b": st.booleans(),
        "t": st.datetimes().map(lambda time: time.isoformat() + "Z"),
        "l": st.lists(st.integers(-9, 9) | st.none(), max_size=3),
        "p": st.lists(st.just({"at": TIMES[0]}), max_size=2),
        "m": st.dictionaries(
            st.text(CHARACTERS, max_size=2), st.lists(st.just({"x": 1}) | st.none(), max_size=2), max_size=3
        ),
    },
)
SPOILT = st.tuples(FITTING, st.dictionaries(st.sampled_from([*SAMPLE["properties"], "more"]), VALUES, max_size=2)).map(
    lambda pair: {**pair[0], **pair[1]}
)
"""An object that fits, with some properties replaced by anything."""


@st.composite
def spoilt_text(draw):
    """JSON text with a few bytes changed: no longer UTF-8, JSON or what it was."""
    text = bytearray(json.dumps(draw(FITTING), ensure_ascii=draw(st.booleans())).encode())
    text[draw(st.integers(0, len(text) - 1))] = draw(st.integers(0, 255))
    return bytes(text)


NAMES = st.sampled_from(["a", "b", "c'", 'd"', "e/f", "g~h", "$i", "j.k", "select"])
SCALARS = {
    "string": st.text(CHARACTERS, max_size=5),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "instant": st.datetimes().map(lambda time: time.isoformat() + "Z"),
}


def field_of(scalar, is_nullable):
    """A scalar's schema, and the values that fit it."""
    source = TIME if scalar == "instant" else {"type": scalar}
    if not is_nullable:
        return source, SCALARS[scalar]
    return {**source, "type": [source["type"], "null"]}, SCALARS[scalar] | st.none()


def object_of(fields):
    """An object's schema, and its values: about half of its properties are optional, and may be null too."""
    required = [name for name in fields if len(name) == 1]
    given_ = {name: fields[name][1] for name in required}
    optional = {name: values | st.none() for name, (_, values) in fields.items() if name not in required}
    source = thing(required, **{name: below for name, (below, _) in fields.items()})
    return source, st.fixed_dictionaries(given_, optional=optional)


def list_of(items):
    return listing(items[0]), st.lists(items[1] | st.none(), max_size=3)


def map_of(values):
    return mapping(values[0]), st.dictionaries(st.text(CHARACTERS, max_size=3), values[1] | st.none(), max_size=3)


SHAPES = st.recursive(
    st.builds(field_of, st.sampled_from([*SCALARS]), st.booleans()),
    lambda inner: (
        inner.map(list_of) | inner.map(map_of) | st.dictionaries(NAMES, inner, min_size=1, max_size=4).map(object_of)
    ),
    max_leaves=12,
)
"""Schemas of any depth, each with the values that fit it."""
DOCUMENTS = st.dictionaries(NAMES, SHAPES, min_size=1, max_size=5).map(object_of)
