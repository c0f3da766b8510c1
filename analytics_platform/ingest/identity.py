"""Which event a record is, and when it happened, as its stream declares. Pure."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import DeclarationError
from analytics_platform.ingest.avro_types import UTC_MICROS
from analytics_platform.ingest.records import FIRST_MS, LAST_MS, header_text, int_array, utf8_or_null
from analytics_platform.product import FromBroker, FromCoordinates, FromField, FromHeader, FromKey, Stream

TRACE_HEADER = "traceparent"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_identity(stream: Stream, columns: pa.Schema) -> None:
    """Refuse an identity or event time that names a column which is not there, or cannot be one."""
    if isinstance(stream.identity, FromField):
        kind = _require_column(stream, columns, stream.identity.name, "identity")
        if not (pa.types.is_string(kind) or pa.types.is_integer(kind)):
            problem = f"identity {stream.identity.name} is {kind}"
            raise DeclarationError(f"stream {stream.name}", problem, "take a field of text or whole numbers")
    if isinstance(stream.event_time, FromField):
        kind = _require_column(stream, columns, stream.event_time.name, "event_time")
        if kind != UTC_MICROS and not pa.types.is_integer(kind):
            problem = f"event_time {stream.event_time.name} is {kind}"
            raise DeclarationError(f"stream {stream.name}", problem, "take a UTC timestamp, or a number of epoch ms")


def event_ids(records: pa.Table, values: pa.Table, stream: Stream, topic_id: UUID) -> pa.StringArray:
    """The id of each event as text; null where it is missing, empty or not UTF-8.

    `records` is of RECORDS_SCHEMA; `values` are the decoded columns, row for row.
    """
    match stream.identity:
        case FromHeader(name):
            ids = header_text(records, name)
        case FromField(name):
            ids = column_at(values, name).cast(pa.string())
        case FromKey():
            ids = utf8_or_null(_flat(records["key"]))
        case FromCoordinates():
            ids = _coordinates(records, topic_id)
    return pc.if_else(pc.equal(ids, ""), pa.scalar(None, pa.string()), ids)


def event_times(records: pa.Table, values: pa.Table, stream: Stream) -> pa.TimestampArray:
    """When each event happened, UTC in microseconds; null where that is missing or no time of the years 1 to 9999."""
    match stream.event_time:
        case FromHeader(name):
            return _times_from_text(header_text(records, name))
        case FromBroker():
            return _flat(records["broker_at"])
        case FromField(name):
            column = column_at(values, name)
    return column.cast(UTC_MICROS) if pa.types.is_timestamp(column.type) else _from_millis(column.cast(pa.int64()))


def trace_parents(records: pa.Table) -> pa.StringArray:
    """The W3C trace context that the producer sent along, or null."""
    return header_text(records, TRACE_HEADER)


def column_at(values: pa.Table, path: str) -> pa.Array:
    """The column of that name; where there is none, dots lead into objects: `meta.id`."""
    if path in values.column_names:
        return _flat(values[path])
    name, *inner = path.split(".")
    column = _flat(values[name])
    for part in inner:
        column = pc.call_function("struct_field", [column], pc.StructFieldOptions([column.type.get_field_index(part)]))
    return column


def _coordinates(records: pa.Table, topic_id: UUID) -> pa.StringArray:
    partition, offset = (_flat(records[name]).cast(pa.string()) for name in ("partition", "offset"))
    return pc.binary_join_element_wise(str(topic_id), partition, offset, "/")


def _times_from_text(texts: pa.StringArray) -> pa.TimestampArray:
    """Epoch milliseconds, or ISO 8601 with a zone."""
    distinct = pc.dictionary_encode(texts)
    times = pa.array([None if text is None else _time(text) for text in distinct.dictionary.to_pylist()], UTC_MICROS)
    return times.take(distinct.indices)


def _time(text: str) -> datetime | None:
    try:
        if text.lstrip("-").isdecimal():
            return EPOCH + timedelta(milliseconds=int(text))
        time = datetime.fromisoformat(text)
        return None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _from_millis(millis: pa.Int64Array) -> pa.TimestampArray:
    values = millis.fill_null(0).to_numpy()
    there = millis.is_valid().to_numpy(zero_copy_only=False) & (values >= FIRST_MS) & (values <= LAST_MS)
    return int_array(np.where(there, values, 0) * 1000, absent=~there).view(UTC_MICROS)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _require_column(stream: Stream, columns: pa.Schema, name: str, setting: str) -> pa.DataType:
    found = _type_at(columns, name)
    if found is not None:
        return found
    problem = f"{setting} is taken from {name}, which the reader schema does not have"
    raise DeclarationError(f"stream {stream.name}", problem, f"choose one of {', '.join(columns.names)}")


def _type_at(columns: pa.Schema, path: str) -> pa.DataType | None:
    """The type of what `column_at` finds; None where the path leads nowhere."""
    if path in columns.names:
        return columns.field(path).type
    name, *inner = path.split(".")
    found = columns.field(name).type if name in columns.names else None
    for part in inner:
        if found is None or not pa.types.is_struct(found) or found.get_field_index(part) < 0:
            return None
        found = found.field(part).type
    return found
