"""Where the values of JSON bodies are, and other values in their place: side by side, or one body after another. Pure.

What the schema does not name is left out of bodies that are taken one by one; those taken side by side have none.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """One body: what stands before the object, and each pair of it, by the order in which they stand."""

    row: int
    prefix: bytes
    pairs: list[tuple[str, Any, str]]  # name, value, and its text


class RowBodies:
    """Bodies one by one, however they are written."""

    def __init__(
        self, bodies: pa.BinaryArray, rows: Longs, skip: int, kinds: Mapping[str, Kind], wanted: Sequence[str]
    ) -> None:
        read = [(row, bodies[row].as_py()) for row in rows.tolist()]
        found = [(row, body[:skip], pairs_of(body[skip:])) for row, body in read]
        self._found = [_Body(row=row, prefix=prefix, pairs=pairs) for row, prefix, pairs in found if pairs is not None]
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
        last = {name: (value, text) for name, value, text in body.pairs if name in self._kinds}
        texts = [
            f"{json.dumps(name)}:"
            + (self._text(name, value, new[name][place]) if name in new else self._kept(name, value, text))
            for name, (value, text) in last.items()
        ]
        return body.prefix + ("{" + ",".join(texts) + "}").encode("utf-8", "replace")

    def _values(self, name: str) -> pa.Array:
        is_whole = self._kinds.get(name) is Kind.INTEGER
        found = [{pair: value for pair, value, _ in body.pairs}.get(name) for body in self._found]
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
            return '""' if is_whole else json.dumps(new)
        if _is_long(value):
            return json.dumps(new) if is_whole else "0"
        if isinstance(value, int | float):
            return "0.5" if isinstance(value, float) else TOO_LARGE
        return "{}" if isinstance(value, dict) else "[]"


def pairs_of(body: bytes) -> list[tuple[str, Any, str]] | None:
    """The pairs of a JSON object: name, value, and the text of the value; None for what is no such object."""
    try:
        text = body.decode()
        at = _past_spaces(text, 0)
        if text[at : at + 1] != "{":
            return None
        pairs, at = list[tuple[str, Any, str]](), _past_spaces(text, at + 1)
        while text[at : at + 1] != "}":
            name, at = READ.raw_decode(text, _before(text, at, '"'))
            start = _past_spaces(text, _past(text, _past_spaces(text, at), ":"))
            value, end = READ.raw_decode(text, start)
            pairs.append((name, value, text[start:end]))
            at = _past_spaces(text, end)
            at = at if text[at : at + 1] == "}" else _before(text, _past_spaces(text, _past(text, at, ",")), '"')
        return pairs if _past_spaces(text, at + 1) == len(text) else None
    except (RecursionError, ValueError):
        return None


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
