"""JSON objects that are all written alike, decoded side by side: most producers write every record in one way. Pure.

One record gives the template: the same keys in the same order with the same spaces, and texts without escapes. Where
the quotes stand says where every value is; that all between the values is as in the template is compared byte for
byte. A record that differs in any way is left to DuckDB, which reads every other kind of JSON, so nothing depends on
which of the two has read a record.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics_platform.ingest.json_scalars import MARGIN, WORD, Longs, Marks, Text, instants, whole_numbers
from analytics_platform.ingest.json_types import UTC_MICROS, JsonType, Kind
from analytics_platform.ingest.records import int_array

BLOCK = 16_384  # records at once: their bytes stay in the processor's caches
QUOTE, BACKSLASH, SPACE, BEYOND_ASCII = (np.uint8(code) for code in (0x22, 0x5C, 0x20, 0x80))
PLAIN_KINDS = (Kind.STRING, Kind.INTEGER, Kind.INSTANT)
PAIR = re.compile(rb'[{,] *"([^"\\\x00-\x1f]+)" *: *(?:"([^"\\\x00-\x1f]*)"|(-?\d+)) *')
CLOSING = re.compile(rb"} *\Z")
NO_PLACES = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What stands before each value, and behind the last (`literals`, one more than `names`); which value is what."""

    literals: tuple[bytes, ...]
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]

    @property
    def quotes(self) -> list[int]:
        """How many quotes each literal has."""
        return [literal.count(b'"') for literal in self.literals]


@dataclass(frozen=True, slots=True)
class Lanes:
    """The records that are as in the template: their rows, ascending, and where each of their values is."""

    rows: Longs
    starts: Longs  # (values, rows)
    ends: Longs
    numbers: Mapping[int, Longs]  # by place of the value, those that are no texts


def template_of(body: bytes, root: JsonType) -> Template | None:
    """How this record is written; None if it is not flat, has a key twice, or one that the schema does not name."""
    fields = {field.name: field.type.kind for field in root.fields}
    literals, names, kinds, at, before = [], list[str](), list[Kind](), 0, 0
    while (pair := PAIR.match(body, at)) is not None:
        name = pair[1].decode("utf-8", "surrogateescape")
        kind = fields.get(name)
        if kind not in PLAIN_KINDS or name in names or (kind is Kind.INTEGER) != (pair[3] is not None):
            return None
        group = 3 if kind is Kind.INTEGER else 2
        literals.append(body[before : pair.start(group)])
        names, kinds = [*names, name], [*kinds, kind]
        at, before = pair.end(), pair.end(group)
    absent = [field for field in root.fields if field.name not in names and field.is_required]
    if absent or not names or not body.startswith(b"{") or body.count(b"{") > 1 or not CLOSING.match(body, at):
        return None
    return Template(literals=(*literals, body[before:]), names=tuple(names), kinds=tuple(kinds))


def find_lanes(template: Template, bodies: pa.BinaryArray, skip: int) -> Lanes:
    """The records that are as in the template; `skip` bytes of each are passed over."""
    _, offsets, data = bodies.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(bodies) + 1, 4 * bodies.offset).astype(np.int64)
    source = np.frombuffer(data, np.uint8)
    blocks = []
    for first in range(0, len(bodies), BLOCK):
        cut = bounds[first : first + BLOCK + 1]
        text = _padded(source[cut[0] : cut[-1]], cut[:-1] - cut[0], skip)
        found = _block(template, text, cut[:-1] - cut[0] + skip, cut[1:] - cut[0])
        blocks.append(Lanes(found.rows + first, found.starts + cut[0], found.ends + cut[0], found.numbers))
    return _joined(blocks, template)


def lane_columns(template: Template, lanes: Lanes, bodies: pa.BinaryArray, columns: pa.Schema) -> pa.Table:
    """The values as columns of the schema; fields that the template does not have are null."""
    arrays = []
    for field in columns:
        if field.name not in template.names:
            arrays.append(pa.nulls(len(lanes.rows), field.type))
            continue
        place = template.names.index(field.name)
        if place in lanes.numbers:
            numbers = int_array(lanes.numbers[place])
            arrays.append(numbers.view(UTC_MICROS) if template.kinds[place] is Kind.INSTANT else numbers)
        else:
            arrays.append(_texts(bodies, lanes.starts[place], lanes.ends[place]))
    return pa.Table.from_arrays(arrays, schema=columns)


def _padded(source: NDArray[np.uint8], starts: Longs, skip: int) -> Text:
    """The bytes with room around them, and spaces in the place of what is to be passed over."""
    padded = np.zeros(len(source) + 2 * MARGIN, np.uint8)
    padded[MARGIN : MARGIN + len(source)] = source
    for place in range(skip):
        padded[starts + MARGIN + place] = SPACE
    return Text(padded)


def _block(template: Template, text: Text, starts: Longs, ends: Longs) -> Lanes:
    rows, quotes = _with_quotes(text, starts, ends, sum(template.quotes))
    if not rows.size:
        return _no_lanes(template)
    begins = _literal_places(template, quotes, starts[rows], ends[rows])
    sizes = np.array([len(literal) for literal in template.literals], np.int64)
    froms, tos = begins[:-1] + sizes[:-1, None], begins[1:]
    fits = (froms <= tos).all(axis=0) & (begins[-1] + sizes[-1] == ends[rows])
    for literal, places in zip(template.literals, begins, strict=True):
        fits &= _stands(text, literal, places)
    numbers = {}
    for place, kind in enumerate(template.kinds):
        if kind is not Kind.STRING:
            read = instants if kind is Kind.INSTANT else whole_numbers
            numbers[place], is_plain = read(text, froms[place], tos[place])
            fits &= is_plain
    if fits.all():
        return Lanes(rows, froms, tos, numbers)
    return Lanes(rows[fits], froms[:, fits], tos[:, fits], {place: found[fits] for place, found in numbers.items()})


def _with_quotes(text: Text, starts: Longs, ends: Longs, count: int) -> tuple[Longs, Longs]:
    """The rows of plain text that have so many quotes, and where those are, shape (count, rows)."""
    is_plain = _plain_rows(text, starts, ends)
    quotes = np.flatnonzero(text.bytes == QUOTE)
    first = np.searchsorted(quotes, starts)
    rows = np.flatnonzero(is_plain & (np.searchsorted(quotes, ends) - first == count))
    if len(rows) * count == len(quotes):
        return rows, np.ascontiguousarray(quotes.reshape(len(rows), count).T)
    return rows, quotes[first[rows] + np.arange(count)[:, None]] if rows.size else NO_PLACES


def _plain_rows(text: Text, starts: Longs, ends: Longs) -> Marks:
    """The rows without a control character, an escape, or bytes that are not UTF-8."""
    is_plain = np.ones(len(starts), np.bool_)
    special = np.flatnonzero((text.bytes < SPACE) | (text.bytes == BACKSLASH))
    if text.bytes.size and text.bytes.max() >= BEYOND_ASCII and not _is_utf_8(text):
        special = np.flatnonzero((text.bytes < SPACE) | (text.bytes == BACKSLASH) | (text.bytes >= BEYOND_ASCII))
    is_plain[np.searchsorted(ends, special, side="right")] = False
    return is_plain & (starts <= ends)


def _is_utf_8(text: Text) -> bool:
    try:
        text.bytes.tobytes().decode()
    except UnicodeDecodeError:
        return False
    return True


def _literal_places(template: Template, quotes: Longs, starts: Longs, ends: Longs) -> Longs:
    """Where each literal of each row begins, if the row is as in the template; shape (literals, rows)."""
    places, seen = [starts], template.quotes[0]
    for literal, count in zip(template.literals[1:], template.quotes[1:], strict=True):
        places.append(quotes[seen] - literal.index(b'"') if count else ends - len(literal))
        seen += count
    return np.stack(places)


def _stands(text: Text, literal: bytes, places: Longs) -> Marks:
    """Whether the literal stands at each place."""
    found = np.ones(len(places), np.bool_)
    for at in range(0, len(literal), WORD):
        part = literal[at : at + WORD]
        wanted = np.uint64(int.from_bytes(part, "little"))
        mask = np.uint64((1 << 8 * len(part)) - 1)
        found &= (text.words_at(places + at) & mask) == wanted
    return found


def _texts(bodies: pa.BinaryArray, starts: Longs, ends: Longs) -> pa.StringArray:
    """The slices of the bodies' bytes as texts: one array over the whole buffer, cut at every edge."""
    if not starts.size:
        return pa.array([], pa.string())
    edges = np.empty(2 * len(starts), np.int32)
    edges[0::2], edges[1::2] = starts, ends
    cut = pa.Array.from_buffers(pa.string(), len(edges) - 1, [None, pa.py_buffer(edges), bodies.buffers()[2]])
    return cut.take(int_array(np.arange(0, len(edges), 2)))


def _no_lanes(template: Template) -> Lanes:
    nowhere = np.zeros((len(template.names), 0), np.int64)
    numbers = {place: NO_PLACES for place, kind in enumerate(template.kinds) if kind is not Kind.STRING}
    return Lanes(NO_PLACES, nowhere, nowhere, numbers)


def _joined(blocks: Sequence[Lanes], template: Template) -> Lanes:
    blocks = [*blocks, _no_lanes(template)]
    return Lanes(
        np.concatenate([block.rows for block in blocks]),
        np.concatenate([block.starts for block in blocks], axis=1),
        np.concatenate([block.ends for block in blocks], axis=1),
        {place: np.concatenate([block.numbers[place] for block in blocks]) for place in blocks[-1].numbers},
    )
