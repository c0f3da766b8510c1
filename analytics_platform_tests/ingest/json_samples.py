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
SAMPLE = thing(
    ["s", "o"],
    s=STRING,
    i=INTEGER,
    n={"type": ["number", "null"]},
    b=BOOLEAN,
    t=TIME,
    o=thing(["x"], x=INTEGER, t=TIME),
    l={"type": "array", "items": INTEGER},
    p={"type": "array", "items": thing(["at"], at=TIME)},
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
        value = json.loads(body.decode(), parse_constant=lambda name: json.loads("!"), object_pairs_hook=first_of_each)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
        return by_hand_fields(source, value, "."), None
    except UnicodeDecodeError:
        return None, "bad utf-8"
    except ValueError:
        return None, "invalid json"
    except Fault as fault:
        return None, str(fault)


def first_of_each(pairs):
    return dict(reversed(pairs))


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
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: x != int(x) if math.isfinite(x) else True)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    | st.sampled_from([*TIMES, "5", "NaN", ", ]", "true"])
)


def objects_of(inner):
    return st.dictionaries(st.sampled_from(["s", "x", "at", "t"]), inner, max_size=3)


VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | objects_of(inner), max_leaves=6)


FITTING = st.fixed_dictionaries(
    {
        "s": st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
        "o": st.fixed_dictionaries({"x": st.integers(-9, 9)}),
    },
    optional={
        "i": st.integers(-(2**63), 2**63 - 1),
        "n": st.floats(allow_nan=False, allow_infinity=False) | st.none(),
        "b": st.booleans(),
        "t": st.datetimes().map(lambda time: time.isoformat() + "Z"),
        "l": st.lists(st.integers(-9, 9) | st.none(), max_size=3),
        "p": st.lists(st.just({"at": TIMES[0]}), max_size=2),
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
