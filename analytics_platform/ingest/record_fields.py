"""Decodes the records inside decompressed record batches to Arrow, all batches at once. Pure.

Where each record starts is found first (`record_starts`), then each field is read for all records at once. No length
is believed: a cursor never leaves its record, and one that would is marked as broken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from analytics_platform.errors import MalformedBatchError
from analytics_platform.ingest.record_starts import LANES_IN_STEP, PADDING, Cursor, read_varint, record_starts
from analytics_platform.ingest.records import FIRST_MS, HEADER, LAST_MS, RECORDS_SCHEMA, int_array

LEAST_RECORD_BYTES = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The decompressed records of one batch; `append_ms` is set when the broker's clock counts."""

    base_offset: int
    last_delta: int
    count: int
    first_ms: int
    append_ms: int | None
    body: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Spans:
    """Where keys and values are in the buffer; a negative size is null."""

    key_at: np.ndarray
    key_size: np.ndarray
    value_at: np.ndarray
    value_size: np.ndarray


def decode_records(topic: str, partition: int, payloads: Sequence[Payload]) -> pa.Table:
    """Every record of the payloads, as RECORDS_SCHEMA, in order; raises MalformedBatchError."""
    buffer, starts, ends = _join(payloads)
    counts = _column(payloads, "count")
    lane = np.repeat(np.arange(len(payloads)), counts)
    cursor = Cursor(buffer, record_starts(buffer, starts, ends, counts), ends[lane])
    _enclose(cursor, lane)
    cursor.skip(1)  # attributes: unused by Kafka
    milliseconds, delta = cursor.varint(10), cursor.varint()
    spans = _spans(cursor)
    header_counts = cursor.varint()
    cursor.broken |= (header_counts < 0) | (header_counts > (cursor.end - cursor.at) // 2)
    cursor.broken |= (delta < 0) | (delta > _column(payloads, "last_delta")[lane])
    cursor.broken[1:] |= (lane[1:] == lane[:-1]) & (delta[1:] <= delta[:-1])
    header_counts = np.where(cursor.broken, 0, header_counts)
    header_spans = _header_spans(cursor, header_counts)
    cursor.broken |= cursor.at != cursor.end
    if cursor.broken.any():
        offset = payloads[lane[cursor.broken.argmax()]].base_offset
        raise MalformedBatchError(topic, partition, offset, "a record's lengths contradict each other")
    columns = [
        pa.repeat(pa.scalar(partition, pa.int32()), len(lane)),
        int_array(_column(payloads, "base_offset")[lane] + delta),
        _times(payloads, lane, milliseconds),
        *binary_arrays(buffer, spans),
        _header_lists(buffer, header_counts, header_spans),
    ]
    return pa.Table.from_arrays(columns, schema=RECORDS_SCHEMA)


def binary_arrays(buffer: np.ndarray, spans: Spans) -> tuple[pa.BinaryArray, pa.BinaryArray]:
    """Keys and values as Arrow; one array over the whole buffer, cut at every edge, of which both are taken."""
    count = len(spans.key_at)
    if not count:
        return pa.array([], pa.binary()), pa.array([], pa.binary())
    edges = np.empty((count, 4), np.int32)
    edges[:, 0], edges[:, 1] = spans.key_at, spans.key_at + np.maximum(spans.key_size, 0)
    edges[:, 2], edges[:, 3] = spans.value_at, spans.value_at + np.maximum(spans.value_size, 0)
    cut = pa.Array.from_buffers(pa.binary(), 4 * count - 1, [None, pa.py_buffer(edges), pa.py_buffer(buffer)])
    rows = np.arange(count) * 4
    return cut.take(_rows(rows, spans.key_size)), cut.take(_rows(rows + 2, spans.value_size))


def _rows(rows: np.ndarray, sizes: np.ndarray) -> pa.Int64Array:
    absent = sizes < 0
    return int_array(rows, absent=absent if absent.any() else None)


def _join(payloads: Sequence[Payload]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sizes = np.fromiter((len(p.body) for p in payloads), np.int64, len(payloads))
    ends = np.cumsum(sizes)
    buffer = np.empty(int(sizes.sum()) + PADDING, np.uint8)
    buffer[-PADDING:] = 0
    for payload, end in zip(payloads, ends.tolist(), strict=True):
        buffer[end - len(payload.body) : end] = np.frombuffer(payload.body, np.uint8)
    return buffer, ends - sizes, ends


def _column(payloads: Sequence[Payload], name: str) -> np.ndarray:
    return np.fromiter((getattr(p, name) for p in payloads), np.int64, len(payloads))


def _enclose(cursor: Cursor, lane: np.ndarray) -> None:
    """Set each record's end to the next one's start, and hold its own length against that."""
    ends = cursor.end.copy()
    same = lane[1:] == lane[:-1]
    ends[:-1][same] = cursor.at[1:][same]
    sizes = cursor.varint()
    cursor.broken |= cursor.at + sizes != ends
    cursor.end = ends
    np.minimum(cursor.at, ends, out=cursor.at)


def _spans(cursor: Cursor) -> Spans:
    key_size = cursor.varint()
    key_at = cursor.skip(key_size)
    value_size = cursor.varint()
    return Spans(key_at, key_size, cursor.skip(value_size), value_size)


def _header_spans(cursor: Cursor, counts: np.ndarray) -> Spans:
    """Where every header is: the n-th header of all records in one step, the last few records one by one."""
    slots, total = np.cumsum(counts) - counts, int(counts.sum())
    places = np.zeros((4, total), np.int64)
    rows, index = np.flatnonzero(counts), 0
    while len(rows) >= LANES_IN_STEP:
        part = Cursor(cursor.buffer, cursor.at[rows], cursor.end[rows])
        spans = _spans(part)
        part.broken |= spans.key_size < 0
        places[:, slots[rows] + index] = spans.key_at, spans.key_size, spans.value_at, spans.value_size
        cursor.at[rows] = part.at
        cursor.broken[rows] |= part.broken
        index += 1
        rows = rows[(counts[rows] > index) & ~part.broken]
    data = cursor.buffer.data
    for row in rows.tolist():
        slot = slice(slots[row] + index, slots[row] + counts[row])
        found, at = _walk_headers(data, int(cursor.at[row]), int(cursor.end[row]), slot.stop - slot.start)
        cursor.at[row] = at
        cursor.broken[row] |= at < 0
        places[:, slot] = np.array(found, np.int64).T if at >= 0 else 0
    return Spans(*places)


def _walk_headers(data: memoryview, at: int, end: int, count: int) -> tuple[list[tuple[int, int, int, int]], int]:
    """Where the headers of one record are, and the place behind them; -1 if they leave the record."""
    found = []
    for _ in range(count):
        key_size, key_at = read_varint(data, at)
        if key_size < 0 or key_at + key_size > end:
            return [], -1
        value_size, value_at = read_varint(data, key_at + key_size)
        at = value_at + max(value_size, 0)
        if at > end:
            return [], -1
        found.append((key_at, key_size, value_at, value_size))
    return found, at


def _header_lists(buffer: np.ndarray, counts: np.ndarray, spans: Spans) -> pa.ListArray:
    keys, values = binary_arrays(buffer, spans)
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    structs = pa.StructArray.from_arrays([_text(keys), values], fields=list(HEADER))
    return pa.Array.from_buffers(pa.list_(HEADER), len(counts), [None, pa.py_buffer(offsets)], children=[structs])


def _text(keys: pa.BinaryArray) -> pa.StringArray:
    try:
        return keys.cast(pa.string())
    except pa.ArrowInvalid:  # Kafka promises UTF-8; whoever breaks it gets what Java's client would show
        return pa.array([key.decode("utf-8", "replace") for key in keys.to_pylist()], pa.string())


def _times(payloads: Sequence[Payload], lane: np.ndarray, deltas: np.ndarray) -> pa.TimestampArray:
    milliseconds = _column(payloads, "first_ms")[lane] + deltas
    stamped = np.array([p.append_ms is not None for p in payloads], bool)[lane]
    if stamped.any():
        append_ms = np.array([p.append_ms or 0 for p in payloads], np.int64)[lane]
        milliseconds = np.where(stamped, append_ms, milliseconds)
    micros = np.clip(milliseconds, FIRST_MS, LAST_MS) * 1000
    return pa.Array.from_buffers(pa.timestamp("us", "UTC"), len(micros), [None, pa.py_buffer(micros)])
