"""What JSON documents have in common, as a JSON Schema: a draft from a sample. Pure.

What is seen is counted, never kept: the schema says names, kinds and counts, and no value of the sample. Names can be
values too, where an object is a map from users or days to something: such objects become maps, so that no key is told.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from analytics_platform.ingest.json_query import RFC_3339

WIDTH = 110
DEPTH = 20  # what lies deeper is kept as JSON text
ENOUGH = 20  # objects, before what all of them have is called required
MANY_NAMES, SHARE_OF_NAMES = 8, 4  # an object that has a quarter of that many names or less is a map …
MOST_NAMES = 400  # … and so is one with more names than anybody reviews
INT64 = range(-(2**63), 2**63)
MILLIS, SECONDS = range(946_684_800_000, 4_102_444_800_000), range(946_684_800, 4_102_444_800)  # 2000 to 2100
INSTANT_LENGTHS = range(20, 40)
INSTANT = re.compile(RFC_3339)
TIME_NAME = re.compile(r"(time|date|at|ts|stamp|epoch|millis|ms|created|updated)$", re.IGNORECASE)
# Numbers, days, UUIDs, hashes, addresses: nobody names a field like that.
DATA = re.compile(
    r"[\d\W_]*|\d{4}-\d\d.*|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}|.+@.+\..+|.*\s.*\s.*|.{65,}|.*[\x00-\x1f].*",
    re.IGNORECASE | re.DOTALL,
)


class Seen(StrEnum):
    """What a value in a document is."""

    NULL = "null"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    MILLIS = "epoch milliseconds"
    SECONDS = "epoch seconds"
    HUGE = "integer of more than 64 bits"
    NUMBER = "number"
    STRING = "string"
    INSTANT = "date-time"
    OBJECT = "object"
    ARRAY = "array"


INTEGERS = {Seen.INTEGER, Seen.MILLIS, Seen.SECONDS}
TYPES: Sequence[tuple[set[Seen], dict[str, Any]]] = (
    (INTEGERS, {"type": "integer"}),
    ({*INTEGERS, Seen.NUMBER}, {"type": "number"}),
    ({Seen.INSTANT}, {"type": "string", "format": "date-time"}),
    ({Seen.INSTANT, Seen.STRING}, {"type": "string"}),
    ({Seen.BOOLEAN}, {"type": "boolean"}),
)


@dataclass(slots=True)
class Place:
    """One place of the documents: how often which kind of value was there, and what was inside."""

    kinds: Counter[Seen] = field(default_factory=Counter)
    fields: "dict[str, Place]" = field(default_factory=dict)
    items: "Place | None" = None

    @property
    def count(self) -> int:
        """How many values were here, null ones included."""
        return self.kinds.total()

    def add(self, value: Any, depth: int = 0) -> None:
        """Count a value and all that is in it."""
        kind = _kind(value)
        self.kinds[kind] += 1
        if depth == DEPTH:
            return
        if kind is Seen.OBJECT:
            for name, below in value.items():
                self.fields.setdefault(name, Place()).add(below, depth + 1)
        elif kind is Seen.ARRAY:
            self.items = self.items or Place()
            for item in value:
                self.items.add(item, depth + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonDraft:
    """A JSON Schema, and why some fields are not in it: by their path, or only counted where the path is data."""

    source: Mapping[str, Any]
    left_out: Mapping[str, str]
    nameless: int = 0


def infer_json(documents: Iterable[Mapping[str, Any]], taken: Iterable[str] = ()) -> JsonDraft | None:
    """The schema that every document fits; None where their own names are data, or there are none.

    `taken` are names that columns may not have, in lower case.
    """
    root = Place()
    for document in documents:
        root.add(document)
    drafter = _Drafter(frozenset(taken))
    if _is_map(root) or "properties" not in (source := drafter.object_of(root, "")):
        return None
    return JsonDraft(source=source, left_out=drafter.left_out, nameless=drafter.nameless)


@dataclass(slots=True)
class _Drafter:
    """Writes schemas, and notes what it leaves out."""

    taken: frozenset[str]
    left_out: dict[str, str] = field(default_factory=dict)
    nameless: int = 0

    def type_of(self, place: Place, path: str) -> dict[str, Any]:
        """The schema of one place."""
        kinds = set(place.kinds) - {Seen.NULL}
        found = next((dict(type_) for among, type_ in TYPES if kinds and kinds <= among), {})
        if kinds == {Seen.OBJECT}:
            found = self._map_of(place, path) if _is_map(place) else self.object_of(place, path)
        elif kinds == {Seen.ARRAY}:
            items = self.type_of(place.items, f"{path}[]") if place.items and place.items.count else None
            found = {"type": "array", **({"items": items} if items is not None else {})}
        if Seen.NULL in place.kinds and "type" in found:
            found["type"] = [found["type"], "null"]
        text = meaning(place, path.rpartition(".")[2])
        return {**found, "description": text} if text else found

    def object_of(self, place: Place, path: str) -> dict[str, Any]:
        """An object with a property for each name that can be a column's."""
        objects = place.kinds[Seen.OBJECT]
        names = [name for name in place.fields if not self._is_left_out(name, place.fields, path)]
        properties = {name: self.type_of(place.fields[name], f"{path}.{name}".strip(".")) for name in names}
        if not path:
            for name, type_ in properties.items():
                type_["description"] = f"{type_.get('description') or 'Not described yet'}; {seen_in(place, name)}."
        required = [name for name in names if objects >= ENOUGH and place.fields[name].count == objects]
        return {
            "type": "object",
            **({"properties": properties} if properties else {}),
            **({"required": required} if required else {}),
        }

    def _map_of(self, place: Place, path: str) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.type_of(merged(place.fields.values()), f"{path}{{}}")}

    def _is_left_out(self, name: str, fields: Mapping[str, Place], path: str) -> bool:
        where = f"{path}.{name}".strip(".")
        if DATA.fullmatch(name):
            self.nameless += 1
            return True
        if not path and name.lower() in self.taken:
            self.left_out[where] = "tables have a column of that name"
            return True
        alike = [other for other in fields if other.lower() == name.lower()]
        best = max(alike, key=lambda other: fields[other].count)
        if best != name:
            self.left_out[where] = f"SQL does not tell it from {best}"
        return best != name


def schema_text(source: Any, indent: int = 0) -> str:
    """JSON in which whatever fits on a line stands on one."""
    line, inner = json.dumps(source, ensure_ascii=False), " " * (indent + 2)
    if len(line) + indent <= WIDTH or not isinstance(source, dict | list):
        return line
    if isinstance(source, list):
        opening, closing, parts = "[", "]", [schema_text(each, indent + 2) for each in source]
    else:
        names = {name: json.dumps(name, ensure_ascii=False) for name in source}
        opening, closing = "{", "}"
        parts = [f"{names[name]}: {schema_text(value, indent + 2)}" for name, value in source.items()]
    return opening + "\n" + ",\n".join(inner + part for part in parts) + "\n" + " " * indent + closing


def merged(places: Iterable[Place]) -> Place:
    """Several places as if they were one."""
    found = Place()
    for place in places:
        found.kinds.update(place.kinds)
        for name, below in place.fields.items():
            found.fields[name] = merged([found.fields[name], below]) if name in found.fields else below
        if place.items:
            found.items = merged([found.items, place.items]) if found.items else place.items
    return found


def meaning(place: Place, name: str) -> str:
    """What can be said of a place besides its type."""
    kinds = set(place.kinds) - {Seen.NULL}
    if not kinds:
        return "Always null in the sample: kept as JSON text"
    if kinds == {Seen.MILLIS}:
        return "Looks like epoch milliseconds (UTC)"
    if kinds == {Seen.SECONDS} and TIME_NAME.search(name):
        return "Looks like epoch seconds (UTC)"
    if not any(kinds <= among for among, _ in TYPES) and kinds not in ({Seen.OBJECT}, {Seen.ARRAY}):
        return f"Kept as JSON text: {' or '.join(sorted(kinds))}"
    return ""


def seen_in(place: Place, name: str) -> str:
    """In how many of the objects a field was, and how often it was null."""
    field_ = place.fields[name]
    nulls = f", null in {field_.kinds[Seen.NULL]:,}" if Seen.NULL in field_.kinds else ""
    return f"in {field_.count:,} of {place.kinds[Seen.OBJECT]:,}{nulls}"


def _is_map(place: Place) -> bool:
    """Whether the names of an object are data: they look like it, or there are many, each rare, and all alike."""
    names, objects = len(place.fields), place.kinds[Seen.OBJECT]
    if names == 0:
        return False
    if names > MOST_NAMES or 2 * sum(DATA.fullmatch(name) is not None for name in place.fields) >= names:
        return True
    named = sum(below.count for below in place.fields.values())  # names in an object on average, times objects
    return names >= MANY_NAMES and SHARE_OF_NAMES * named <= names * objects and _are_alike(place)


def _are_alike(place: Place) -> bool:
    """Whether all fields are of one type; objects, if most of their names are shared."""
    whole = merged(place.fields.values())
    kinds = set(whole.kinds) - {Seen.NULL}
    if kinds == {Seen.OBJECT}:
        named = sum(below.count for below in whole.fields.values())
        return bool(whole.fields) and 2 * named >= len(whole.fields) * whole.kinds[Seen.OBJECT]
    return kinds == {Seen.ARRAY} or any(kinds <= among for among, _ in TYPES)


def _kind(value: Any) -> Seen:
    match value:
        case None:
            return Seen.NULL
        case bool():
            return Seen.BOOLEAN
        case int():
            return _kind_of_integer(value)
        case float():
            return Seen.NUMBER
        case str():
            return Seen.INSTANT if _is_instant(value) else Seen.STRING
        case Mapping():
            return Seen.OBJECT
    return Seen.ARRAY


def _kind_of_integer(value: int) -> Seen:
    if value not in INT64:
        return Seen.HUGE
    if value in MILLIS:
        return Seen.MILLIS
    return Seen.SECONDS if value in SECONDS else Seen.INTEGER


def _is_instant(text: str) -> bool:
    if len(text) not in INSTANT_LENGTHS or not INSTANT.fullmatch(text):
        return False
    try:
        return datetime.fromisoformat(text.upper()).year > 1  # one before is UTC's year 0
    except ValueError:
        return False
