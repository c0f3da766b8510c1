"""Where the values of JSON bodies are, and other values in their place: side by side, or one body after another. Pure.

Both ways leave the same bytes: all that stands between the values stays as the producer wrote it. Only a body with
something that the schema does not name, or with a name that comes twice, is written anew without it; lanes have none.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from analytics_platform.ingest.json_lanes import Lanes, Template, find_lanes
from analytics_platform.ingest.json_text import JsonPlan
from analytics_platform.ingest.json_types import Kind
from analytics_platform.ingest.protectable import NewValues, Understood
from analytics_platform.ingest.records import int_array
from analytics_platform.ingest.splice import Longs, Span, bounds_of, bytes_at, spliced

SPACES = " \t\n\r"
NULL = pa.scalar(b"null", pa.binary())
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ][0-9:.]{5,20}([Zz]|[+-][0-9:]{2,6})?")
SCALARS = (Kind.STRING, Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.INSTANT)
LONGS = range(-(2**63), 2**63)
TOO_LARGE = "99999999999999999999"  # no long, as what it stands for
READ = json.JSONDecoder()


def understand_json(bodies: pa.BinaryArray, skip: int, plan: JsonPlan, wanted: Sequence[str]) -> Iterator[Understood]:
    """The bodies that are JSON objects, with the fields that are wanted; the others are not understood."""
    left = np.arange(len(bodies))
    template = plan.template(bodies, skip)
    if template is not None:
        lanes = find_lanes(template, bodies, skip)
        yield LaneBodies(bodies, template, lanes, wanted)
        left = np.delete(left, lanes.rows)
    if left.size:
        kinds = {field.name: field.type.kind for field in plan.root.fields}
        yield RowBodies(bodies, left, skip, kinds, wanted)


class LaneBodies:
    """Bodies that are all written alike."""

    def __init__(self, bodies: pa.BinaryArray, template: Template, lanes: Lanes, wanted: Sequence[str]) -> None:
        self.rows = lanes.rows
        self._bodies, self._template, self._lanes = bodies, template, lanes
        self._places = {name: template.names.index(name) for name in wanted if name in template.names}
        self.values: Mapping[str, pa.Array] = {name: self._values(name) for name in wanted}

    def rebuilt(self, new: NewValues) -> pa.BinaryArray:
        """With those values in the place of theirs."""
        starts, ends = (bound[self.rows] for bound in bounds_of(self._bodies))
        changed = sorted((self._places[name], name) for name in new if name in self._places)
        return spliced(self._data, starts, ends, [self._span(place, new[name]) for place, name in changed])

    def _values(self, name: str) -> pa.Array:
        if name not in self._places:
            return pa.nulls(len(self.rows), pa.string())
        place = self._places[name]
        if self._template.kinds[place] is Kind.INTEGER:
            return int_array(self._lanes.numbers[place])
        return bytes_at(self._data, self._lanes.starts[place], self._lanes.ends[place]).view(pa.string())

    def _span(self, place: int, new: pa.Array | None) -> Span:
        starts, ends = self._lanes.starts[place], self._lanes.ends[place]
        if new is None:  # the quotes go, too
            quotes = 0 if self._template.kinds[place] is Kind.INTEGER else 1
            return Span(starts=starts - quotes, ends=ends + quotes, new=NULL)
        return Span(starts=starts, ends=ends, new=new.cast(pa.string()).cast(pa.binary()))

    @property
    def _data(self) -> pa.Buffer:
        return self._bodies.buffers()[2]


class Pair(NamedTuple):
    """A pair of an object, and where in the text its value is."""

    name: str
    value: Any
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonObject:
    """The text of a JSON object, and its pairs by the order in which they stand."""

    text: str
    pairs: list[Pair]

    def text_of(self, pair: Pair) -> str:
        """How the pair's value is written."""
        return self.text[pair.start : pair.end]

    def with_values(self, values: Sequence[str]) -> str:
        """The same text with another one in the place of each pair's value."""
        ends = [0, *(pair.end for pair in self.pairs)]
        between = [self.text[end : pair.start] for end, pair in zip(ends, self.pairs, strict=False)]
        return "".join(piece for both in zip(between, values, strict=True) for piece in both) + self.text[ends[-1] :]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """One body: what stands before the object, and its content."""

    row: int
    prefix: bytes
    content: JsonObject


class RowBodies:
    """Bodies one by one, however they are written."""

    def __init__(
        self, bodies: pa.BinaryArray, rows: Longs, skip: int, kinds: Mapping[str, Kind], wanted: Sequence[str]
    ) -> None:
        read = [(row, bodies[row].as_py()) for row in rows.tolist()]
        found = [(row, body[:skip], object_of(body[skip:])) for row, body in read]
        self._found = [_Body(row=row, prefix=prefix, content=read) for row, prefix, read in found if read is not None]
        self._kinds = kinds
        self.rows = np.array([body.row for body in self._found], np.int64)
        self.values: Mapping[str, pa.Array] = {name: self._values(name) for name in wanted}

    def rebuilt(self, new: NewValues) -> pa.BinaryArray:
        """With those values in the place of theirs, whatever is there; and without what the schema does not name."""
        nothing = [None] * len(self._found)
        listed = {name: nothing if values is None else values.to_pylist() for name, values in new.items()}
        bodies = [self._body(place, body, listed) for place, body in enumerate(self._found)]
        return pa.array(bodies, pa.binary())

    def _body(self, place: int, body: _Body, new: Mapping[str, list[Any]]) -> bytes:
        last = {pair.name: pair for pair in body.content.pairs if pair.name in self._kinds}
        texts = {
            name: self._text(name, pair.value, new[name][place])
            if name in new
            else self._kept(name, pair.value, body.content.text_of(pair))
            for name, pair in last.items()
        }
        if len(last) == len(body.content.pairs):
            text = body.content.with_values(list(texts.values()))
        else:
            text = "{" + ",".join(f"{_written(name)}:{text}" for name, text in texts.items()) + "}"
        return body.prefix + text.encode("utf-8", "replace")

    def _values(self, name: str) -> pa.Array:
        is_whole = self._kinds.get(name) is Kind.INTEGER
        found = [{pair.name: pair.value for pair in body.content.pairs}.get(name) for body in self._found]
        if is_whole:
            return pa.array([value if _is_long(value) else None for value in found], pa.int64())
        texts = [value.encode("utf-8", "replace").decode() if isinstance(value, str) else None for value in found]
        return pa.array(texts, pa.string())

    def _kept(self, name: str, value: Any, text: str) -> str:
        """A value that stays, if it is what the schema says: anything may be in one that is not."""
        kind = self._kinds[name]
        if isinstance(value, str) and kind not in (Kind.STRING, Kind.ANY):
            return text if kind is Kind.INSTANT and INSTANT.fullmatch(value) else '""'
        if isinstance(value, dict | list) and kind in SCALARS:
            return "{}" if isinstance(value, dict) else "[]"
        return text

    def _text(self, name: str, value: Any, new: Any) -> str:
        """The new value; where the old one was of a wrong type, another one of that type."""
        is_whole = self._kinds.get(name) is Kind.INTEGER
        if value is None or isinstance(value, bool):
            return json.dumps(value)
        if isinstance(value, str):
            return '""' if is_whole else _written(new)
        if _is_long(value):
            return json.dumps(new) if is_whole else "0"
        if isinstance(value, int | float):
            return "0.5" if isinstance(value, float) else TOO_LARGE
        return "{}" if isinstance(value, dict) else "[]"


def object_of(body: bytes) -> JsonObject | None:
    """A JSON object with its pairs; None for what is no such object."""
    try:
        text = body.decode()
        at = _past_spaces(text, 0)
        if text[at : at + 1] != "{":
            return None
        pairs, at = list[Pair](), _past_spaces(text, at + 1)
        while text[at : at + 1] != "}":
            name, at = READ.raw_decode(text, _before(text, at, '"'))
            start = _past_spaces(text, _past(text, _past_spaces(text, at), ":"))
            value, end = READ.raw_decode(text, start)
            pairs.append(Pair(name, value, start, end))
            at = _past_spaces(text, end)
            at = at if text[at : at + 1] == "}" else _before(text, _past_spaces(text, _past(text, at, ",")), '"')
        return JsonObject(text=text, pairs=pairs) if _past_spaces(text, at + 1) == len(text) else None
    except (RecursionError, ValueError):
        return None


def _written(value: str | None) -> str:
    """As lanes would leave it: no character is escaped that need not be."""
    return json.dumps(value, ensure_ascii=False)


def _past_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] in SPACES:
        at += 1
    return at


def _past(text: str, at: int, wanted: str) -> int:
    return _before(text, at, wanted) + 1


def _before(text: str, at: int, wanted: str) -> int:
    if text[at : at + 1] != wanted:
        raise JSONDecodeError(f"expected {wanted}", "", at)
    return at


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in LONGS
