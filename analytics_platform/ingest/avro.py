"""Avro bodies to Arrow columns, written in one schema and read in another; a broken body harms no other. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Schema
from analytics_platform.ingest.avro_columns import Source
from analytics_platform.ingest.avro_lanes import FAULT_TEXTS, PADDING, Fault, Lanes
from analytics_platform.ingest.avro_resolve import is_plain, resolve_record
from analytics_platform.ingest.avro_rows import RowReader, compile_rows
from analytics_platform.ingest.avro_steps import Fields
from analytics_platform.ingest.avro_types import Record, arrow_type, parse_avro

BLOCK_ROWS = 16_384  # a block's arrays, of 128 KB each, and its bytes stay in the processor's caches
BLOCK_BYTES = 4 << 20
NO_OFFSETS = np.zeros(1, dtype=np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlan:
    """How to decode one pair of schemas, all records at once."""

    columns: pa.Schema
    fields: Fields

    def decode(self, bodies: pa.BinaryArray, skip: int = 0) -> tuple[pa.Table, pa.StringArray]:
        """The columns, and the fault of each row or null; a row with a fault is null in every column.

        Args:
            bodies: no nulls; each at least `skip` bytes long.
            skip: bytes before each body: 5 in Confluent's wire format.
        """
        source = source_of(bodies)
        columns = self.fields.columns(source)
        for lanes in blocks_of(source, skip):
            self.fields.read_fields(lanes, columns)
            lanes.finish()
        for column in columns.values():
            column.settle()
        good = source.faults == Fault.NONE
        arrays = [column.finish(good) for column in columns.values()]
        return pa.Table.from_arrays(arrays, schema=self.columns), _texts(source.faults)


AvroPlan = LanePlan | RowReader


def compile_avro(writer: Schema, reader: Schema) -> AvroPlan:
    """The plan for bodies in the writer's schema; raises DeclarationError where the reader cannot read them."""
    where = f"{_where(writer)} read as version {reader.version}"
    written, wanted = _record(writer), _record(reader)
    columns = avro_columns(reader)
    if is_plain(written):
        return LanePlan(columns=columns, fields=resolve_record(written, wanted, where))
    return compile_rows(writer, reader, columns)


def avro_columns(reader: Schema) -> pa.Schema:
    """The columns of a record schema; raises DeclarationError for a type that no column can hold."""
    where = _where(reader)
    return pa.schema([pa.field(f.name, arrow_type(f.type, f"{where}, field {f.name}")) for f in _record(reader).fields])


def _where(schema: Schema) -> str:
    return f"{schema.subject} version {schema.version}"


def _record(schema: Schema) -> Record:
    parsed = parse_avro(schema.text, _where(schema))
    if isinstance(parsed, Record):
        return parsed
    raise DeclarationError(_where(schema), "is no record", "wrap the value in a record: fields become columns")


def source_of(bodies: pa.BinaryArray) -> Source:
    """What lanes and columns of these bodies share."""
    _, offsets, data = bodies.buffers()
    if offsets is None or len(bodies) == 0:
        return Source(data, NO_OFFSETS)
    return Source(data, np.frombuffer(offsets, np.int32, len(bodies) + 1, 4 * bodies.offset))


def blocks_of(source: Source, skip: int) -> Iterator[Lanes]:
    """The records in pieces of bounded size; each piece's bytes are copied once, to be aligned and padded."""
    data = np.frombuffer(source.bytes, np.uint8)
    offsets = source.offsets.astype(np.int64)
    first = 0
    while first < source.rows:
        full = int(np.searchsorted(offsets, offsets[first] + BLOCK_BYTES, side="right")) - 1
        end = min(first + BLOCK_ROWS, max(full, first + 1), source.rows)
        base, stop = int(offsets[first]), int(offsets[end])
        scratch = np.zeros((stop - base + PADDING + 7) // 8, dtype=np.uint64)
        scratch.view(np.uint8)[: stop - base] = data[base:stop]
        bounds = offsets[first : end + 1] - base
        yield Lanes(scratch, base, bounds[:-1] + skip, bounds[1:], slice(first, end), source.faults)
        first = end


def _texts(faults: NDArray[np.uint8]) -> pa.StringArray:
    if not faults.any():
        return pa.nulls(faults.size, pa.string())
    codes = pa.Array.from_buffers(pa.uint8(), faults.size, [None, pa.py_buffer(faults)])
    return pa.array(FAULT_TEXTS, type=pa.string()).take(codes)
