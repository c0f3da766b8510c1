"""Which schema each record is written in, and where its body starts: Confluent's wire format. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analytics_platform.facts import StreamSchemas
from analytics_platform.ingest.records import int_array
from analytics_platform.product import Encoding

PREFIX_BYTES = 5  # 0x00, then the schema's id as a big-endian int32
GUID_BYTES = 17  # in a header: 0x01, then the schema's GUID
MAGIC_ID, MAGIC_GUID = 0, 1
SCHEMA_HEADER = "__value_schema_id"
NOT_WIRE_FORMAT = "not confluent wire format"
TOMBSTONE = "tombstone"
NO_ID = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """For each record: its schema's id or NO_ID, the bytes before its body, and why it has no body.

    A record without a reason has a body in one of the stream's schemas.
    """

    ids: NDArray[np.int64]
    skips: NDArray[np.int64]
    reasons: list[str | None]


def written_as(records: pa.Table, encoding: Encoding, schemas: StreamSchemas) -> Written:
    """Which schema each record is written in; bare encodings are always in the reader's."""
    values = records["value"].combine_chunks()
    rows = len(values)
    reasons: list[str | None] = [None] * rows
    ids, skips = np.full(rows, schemas.reader.id, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    if encoding is Encoding.CONFLUENT:
        ids, skips = _prefixes(values), np.full(rows, PREFIX_BYTES, dtype=np.int64)
        _apply_headers(records, schemas, Written(ids=ids, skips=skips, reasons=reasons))
        for row in np.flatnonzero(~np.isin(ids, list(schemas.writers))).tolist():
            found = NOT_WIRE_FORMAT if ids[row] == NO_ID else f"unknown schema {ids[row]}"
            reasons[row] = reasons[row] or found
    for row in np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)).tolist():
        ids[row], reasons[row] = NO_ID, TOMBSTONE
    return Written(ids=ids, skips=skips, reasons=reasons)


def without_prefix(bodies: pa.BinaryArray, skip: int) -> pa.BinaryArray:
    """The values from their `skip`th byte on; each, none of them null, must be that long."""
    if skip == 0 or len(bodies) == 0:
        return bodies
    _, offsets, data = bodies.buffers()
    bounds = np.repeat(np.frombuffer(offsets, np.int32, len(bodies) + 1, 4 * bodies.offset), 2)[:-1]
    bounds[1::2] += skip  # prefix, body, prefix, body …; `binary_slice` without an end fails in Arrow 26
    parts = pa.Array.from_buffers(pa.binary(), 2 * len(bodies), [None, pa.py_buffer(bounds), data])
    return parts.take(int_array(np.arange(1, 2 * len(bodies), 2)))


def _prefixes(values: pa.BinaryArray) -> NDArray[np.int64]:
    """The id in front of each value, or NO_ID."""
    _, offsets, data = values.buffers()
    if len(values) == 0 or data is None or data.size < PREFIX_BYTES:
        return np.full(len(values), NO_ID, dtype=np.int64)
    bounds = np.frombuffer(offsets, np.int32, len(values) + 1, 4 * values.offset).astype(np.int64)
    starts, source = bounds[:-1], np.frombuffer(data, np.uint8)
    magic, *digits = (source.take(starts + place, mode="clip") for place in range(PREFIX_BYTES))
    ids = np.zeros(len(values), dtype=np.int64)
    for digit in digits:
        ids = (ids << 8) | digit
    return np.where((magic == MAGIC_ID) & (np.diff(bounds) >= PREFIX_BYTES), ids, NO_ID)


def _apply_headers(records: pa.Table, schemas: StreamSchemas, written: Written) -> None:
    """Records that name their schema in a header have a body without a prefix."""
    headers = records["headers"].combine_chunks()
    flat = headers.flatten()
    hits = np.flatnonzero(pc.equal(flat.field("key"), SCHEMA_HEADER).to_numpy(zero_copy_only=False))
    if hits.size == 0:
        return
    rows = pc.list_parent_indices(headers).to_numpy()[hits]
    named = flat.field("value").take(int_array(hits)).fill_null(b"").dictionary_encode()
    by_guid = {schema.guid: id_ for id_, schema in schemas.writers.items()}
    known = [_named(header, by_guid) for header in named.dictionary.to_pylist()]
    places = named.indices.to_numpy()
    written.skips[rows] = 0
    written.ids[rows] = np.array([id_ for id_, _ in known], dtype=np.int64)[places]
    for row, place in zip(rows.tolist(), places.tolist(), strict=True):
        written.reasons[row] = known[place][1]


def _named(header: bytes, by_guid: Mapping[UUID, int]) -> tuple[int, str | None]:
    """The id that a header stands for, or why it stands for none."""
    if len(header) == GUID_BYTES and header[0] == MAGIC_GUID:
        guid = UUID(bytes=header[1:])
        return (by_guid[guid], None) if guid in by_guid else (NO_ID, f"unknown schema {guid}")
    if len(header) == PREFIX_BYTES and header[0] == MAGIC_ID:
        return int.from_bytes(header[1:], "big"), None
    return NO_ID, NOT_WIRE_FORMAT
