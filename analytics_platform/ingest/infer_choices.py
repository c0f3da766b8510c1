"""What a stream's identity, event time, key and rules may be, judged by decoded records of a sample. Pure.

Candidates are tried with the very functions that later read the topic. Reasons name fields and counts, never values.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.ingest.avro_types import UTC_MICROS
from analytics_platform.ingest.identity import column_at, event_ids, event_times
from analytics_platform.ingest.infer_json import ENOUGH, MILLIS
from analytics_platform.ingest.records import utf8_or_null
from analytics_platform.ingest.wire import SCHEMA_HEADER
from analytics_platform.product import (
    EventTime,
    FromBroker,
    FromCoordinates,
    FromField,
    FromHeader,
    Identity,
    Rule,
    Stream,
)

ID_NAMES = ("eventid", "messageid", "recordid", "ceid", "uuid", "guid", "id")
TIME_NAMES = (
    *("eventtime", "eventtimestamp", "eventat", "occurredat", "happenedat", "cetime", "timestamp", "time", "ts"),
    *("dt", "datetime", "createdat", "created", "at", "date"),
)
ENVELOPES = ("meta", "metadata", "header", "headers", "event", "envelope", "context")
QUANTITIES = re.compile(r"(amount|price|total|count|quantity|qty|size|length|duration|bytes)$", re.I)
NAMING = re.compile(r"(name|type|kind|status|user|currency|country|channel|wiki)$", re.I)
DISTINCT = 0.9  # of the sample; the rest may be copies, equal byte for byte
CLOSE, AHEAD, MOST = timedelta(hours=1), timedelta(minutes=5), 95  # per cent of the sample
MOST_RULES = 5
DEEPEST = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """What was chosen, and why, in words that hold no value of the sample."""

    value: T
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Records of a sample with their decoded values, row for row; only those that could be decoded."""

    stream: Stream
    topic_id: UUID
    records: pa.Table
    values: pa.Table

    def __len__(self) -> int:
        return self.records.num_rows

    def paths(self, fits: Callable[[pa.DataType], bool]) -> list[str]:
        """The columns of such a type, and those in objects, by their paths."""
        return [path for path, kind in _leaves(self.values.schema) if fits(kind)]

    def headers(self) -> list[str]:
        """The names of headers that the records have."""
        names = pc.call_function("unique", [self.records["headers"].combine_chunks().flatten().field("key")])
        return [name for name in names.to_pylist() if name is not None and name != SCHEMA_HEADER]


def identity(decoded: Decoded) -> Choice[Identity]:
    """A header or field with an id's name that no two different records share; else the coordinates."""
    if len(decoded) < ENOUGH:
        return Choice(FromCoordinates(), f"{len(decoded)} records are too few to tell what is unique")
    candidates = [*_named(decoded.headers(), ID_NAMES, FromHeader), *_fields(decoded, _is_id_type, ID_NAMES)]
    also = [path for path in decoded.paths(_is_id_type) if "." not in path and _is_unique(FromField(path), decoded)]
    for source in [*candidates, *(FromField(path) for path in also if _is_named_after(path, decoded.stream))]:
        if _is_unique(source, decoded):
            why = f"different in all {len(decoded):,} records, but for copies: take coordinates if it names a thing"
            return Choice(source, f"{why} that changes, not an event")
    unique = f"; different in all records, too: {', '.join(also[:5])}" if also else ""
    return Choice(FromCoordinates(), f"no header or field with the name of an id is different in all records{unique}")


def event_time(decoded: Decoded) -> Choice[EventTime]:
    """A header or field that is a time close to the broker's timestamp; else that timestamp."""
    candidates = [*_named(decoded.headers(), TIME_NAMES, FromHeader), *_fields(decoded, _is_time_type, TIME_NAMES)]
    others = (FromField(path) for path in decoded.paths(pa.types.is_timestamp) if "." not in path)
    tried: list[str] = []
    for source in dict.fromkeys([*candidates, *others]):
        behind = _behind_broker(source, decoded)
        if behind is None:
            continue
        if _is_close(behind):
            ahead = "before" if np.median(behind) >= 0 else "after"
            median = timedelta(microseconds=abs(int(np.median(behind))))
            return Choice(source, f"a median of {median} {ahead} the broker's timestamp")
        tried.append(source.name)
    found = f"not within {CLOSE} of the broker's timestamp: {', '.join(tried[:5])}" if tried else "no field is a time"
    return Choice(FromBroker(), f"{found}; choose another if you know better")


def key(decoded: Decoded) -> Choice[str | None]:
    """The field whose text the records' keys are."""
    keys = utf8_or_null(decoded.records["key"].combine_chunks())
    if keys.null_count == len(keys):
        return Choice(None, "no record has a key")
    is_there = keys.is_valid()
    given = keys.filter(is_there)
    if pc.call_function("count_distinct", [given]).as_py() > 1:
        for path in sorted(decoded.paths(_is_id_type), key=lambda path: path.count(".")):
            column = column_at(decoded.values, path).filter(is_there).cast(pa.string())
            if column.null_count == 0 and pc.call_function("all", [pc.call_function("equal", [column, given])]).as_py():
                without = f"; {keys.null_count:,} records have none" if keys.null_count else ""
                return Choice(path, f"what each record's key is the text of{without}")
    return Choice(None, "the records' keys are the text of no field")


def rules(decoded: Decoded, required: Sequence[str]) -> Choice[tuple[Rule, ...]]:
    """A few row rules that every record of the sample keeps: quantities not negative, names not empty."""
    drafted = [rule for name in required if (rule := _rule(name, decoded.values[name])) is not None]
    found = {rule.name: rule for rule in reversed(drafted)}
    why = "what all records of the sample keep; say what must hold, and leave out the rest"
    return Choice(
        tuple(reversed(found.values()))[:MOST_RULES],
        why if found else "say what must hold: SQL over the schema's columns",
    )


def _rule(name: str, column: pa.ChunkedArray) -> Rule | None:
    label, quoted = _snake(name), '"' + name.replace('"', '""') + '"'
    if column.null_count or not len(column) or not label:
        return None
    if QUANTITIES.search(name) and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        least = pc.call_function("min", [column]).as_py()
        return Rule(name=f"{label}_is_not_negative", holds=f"{quoted} >= 0") if least >= 0 else None
    if NAMING.search(name) and pa.types.is_string(column.type):
        is_given = pc.call_function("all", [pc.call_function("not_equal", [column, pa.scalar("")])]).as_py()
        return Rule(name=f"{label}_is_given", holds=f"{quoted} <> ''") if is_given else None
    return None


def _leaves(
    fields: Sequence[pa.Field] | pa.Schema, above: str = "", depth: int = 1
) -> Iterator[tuple[str, pa.DataType]]:
    for field in fields:
        path = f"{above}{field.name}"
        if pa.types.is_struct(field.type):
            if depth < DEEPEST:
                yield from _leaves([field.type.field(i) for i in range(field.type.num_fields)], f"{path}.", depth + 1)
        elif not above or "." not in field.name:
            yield path, field.type


def _named(names: Sequence[str], known: Sequence[str], of: Callable[[str], T]) -> list[T]:
    """Those with a known name, the best first."""
    plain = {name: re.sub(r"[^a-z0-9]", "", name.rpartition(".")[2].lower()) for name in names}
    ranked = [name for name in names if plain[name] in known]
    return [of(name) for name in sorted(ranked, key=lambda name: (name.count("."), known.index(plain[name])))]


def _fields(decoded: Decoded, fits: Callable[[pa.DataType], bool], known: Sequence[str]) -> list[FromField]:
    """Fields of such a type with a known name: at the top, or in what is about the event and not its subject."""
    paths = [path for path in decoded.paths(fits) if path.rpartition(".")[0].lower() in ("", *ENVELOPES)]
    return _named(paths, known, FromField)


def _is_named_after(path: str, stream: Stream) -> bool:
    """Whether a field is the id of what the stream is about: order_id, orderId or order in orders."""
    stem = re.sub(r"(_?id|_?uuid)$", "", _snake(path))
    about = {_snake(stream.name), _snake(stream.topic)}
    return len(stem) > 2 and any(stem in (name, name.rstrip("s"), name.split("_")[-1].rstrip("s")) for name in about)


def _is_unique(source: Identity, decoded: Decoded) -> bool:
    declared = replace(decoded.stream, identity=source)
    ids = event_ids(decoded.records, decoded.values, declared, decoded.topic_id)
    if ids.null_count:
        return False
    texts = ids.to_pylist()
    distinct = len(set(texts))
    different = len(set(zip(texts, decoded.records["value"].to_pylist(), strict=True)))
    return distinct == different and distinct >= DISTINCT * len(texts)


def _behind_broker(source: EventTime, decoded: Decoded) -> np.ndarray | None:
    """By record, microseconds from its time to the broker's; None where some record has no time."""
    if isinstance(source, FromField):
        column = column_at(decoded.values, source.name)
        if pa.types.is_integer(column.type) and not _are_millis(column):
            return None
    times = event_times(decoded.records, decoded.values, replace(decoded.stream, event_time=source))
    if times.null_count or not len(times):
        return None
    broker = decoded.records["broker_at"].combine_chunks()
    return np.asarray(broker.cast(pa.int64())) - np.asarray(times.cast(pa.int64()))


def _are_millis(column: pa.Array) -> bool:
    bounds = pc.call_function("min_max", [column]).as_py()
    return bounds["min"] is not None and bounds["min"] in MILLIS and bounds["max"] in MILLIS


def _is_close(behind: np.ndarray) -> bool:
    nearest, furthest = np.percentile(behind, 100 - MOST), np.percentile(behind, MOST)
    return bool(nearest >= -AHEAD / timedelta(microseconds=1) and furthest <= CLOSE / timedelta(microseconds=1))


def _is_id_type(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_integer(kind)


def _is_time_type(kind: pa.DataType) -> bool:
    return kind == UTC_MICROS or pa.types.is_integer(kind)


def _snake(name: str) -> str:
    """A name in lower case with underscores: initialBid is initial_bid."""
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").lower()
