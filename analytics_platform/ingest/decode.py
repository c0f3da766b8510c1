"""Landed records to typed rows in the reader schema, each with what is wrong with it, if anything. Pure."""

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Schema, SchemaFormat, StreamSchemas
from analytics_platform.ingest.avro import AvroPlan, avro_columns, compile_avro
from analytics_platform.ingest.avro_types import UTC_MICROS
from analytics_platform.ingest.identity import check_identity, event_ids, event_times, trace_parents
from analytics_platform.ingest.json_text import JsonPlan, compile_json, json_columns
from analytics_platform.ingest.records import RECORDS_SCHEMA, int_array
from analytics_platform.ingest.wire import NO_ID, Written, written_as
from analytics_platform.product import Encoding, Stream

ROW_COLUMNS = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("broker_at", UTC_MICROS),
        pa.field("event_id", pa.string()),
        pa.field("event_at", UTC_MICROS),
        pa.field("traceparent", pa.string()),
        pa.field("schema_id", pa.int32()),
    ]
)
REASON = pa.field("reason", pa.string())
# Names that tables give to columns of their own, in lower case: SQL does not tell Batch from batch.
TAKEN = {
    "batch",
    "payload_hash",
    "late_micros",
    "outcome",
    "winner_partition",
    "winner_offset",
    "reason",
    *ROW_COLUMNS.names,
}
FIELD_FAULTS = ("missing ", "wrong type ")
MALFORMED = "malformed: "
MISSING_IDENTITY, MISSING_EVENT_TIME = "missing identity", "missing event time"
MOST_IDS = 2**31 - 1


def reader_columns(schema: Schema) -> pa.Schema:
    """The columns that a reader schema gives to its stream's tables; raises DeclarationError for a clash of names."""
    columns = avro_columns(schema) if schema.format is SchemaFormat.AVRO else json_columns(schema)
    where = f"{schema.subject} version {schema.version}"
    seen: set[str] = set()
    for name in columns.names:
        if name.lower() in TAKEN:
            problem = f"field {name} has the name of a column that every table has"
            raise DeclarationError(where, problem, "rename the field, in Avro with the old name among its `aliases`")
        if name.lower() in seen:
            raise DeclarationError(where, f"two fields are called {name} but for upper and lower case", "rename one")
        seen.add(name.lower())
    return columns


def decoded_columns(schema: Schema) -> pa.Schema:
    """The columns of what `decode` returns."""
    return pa.schema([*ROW_COLUMNS, *reader_columns(schema), REASON])


def decode(records: pa.Table, stream: Stream, schemas: StreamSchemas, topic_id: UUID) -> pa.Table:
    """One row per record, in the records' order, with the columns of `decoded_columns(schemas.reader)`.

    `records` is of RECORDS_SCHEMA. `reason` is null for a good row, else the first thing wrong: `tombstone`,
    `not confluent wire format`, `unknown schema 7`, `malformed: …`, `missing <field>`, `wrong type <field>`,
    `missing identity`, `missing event time`. A row whose value cannot be read has nulls for the reader's columns.

    Raises DeclarationError where a writer's schema cannot be read with the reader's.
    """
    columns = reader_columns(schemas.reader)
    check_encoding(stream, schemas)
    check_identity(stream, columns)
    records = records.select(RECORDS_SCHEMA.names).cast(RECORDS_SCHEMA)  # tables read back may have large types
    written = written_as(records, stream.encoding, schemas)
    values, reasons = _values(records, written, schemas, columns)
    ids, times = event_ids(records, values, stream, topic_id), event_times(records, values, stream)
    _add_missing(reasons, ids, MISSING_IDENTITY)
    _add_missing(reasons, times, MISSING_EVENT_TIME)
    arrays = [
        *(records[name].combine_chunks() for name in ("partition", "offset", "broker_at")),
        ids,
        times,
        trace_parents(records),
        _schema_ids(written.ids),
        *(values[name].combine_chunks() for name in columns.names),
        pa.array(reasons, type=pa.string()),
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema([*ROW_COLUMNS, *columns, REASON]))


def check_encoding(stream: Stream, schemas: StreamSchemas) -> None:
    """Refuse an encoding that the reader schema is not written for, and writers in another language."""
    reader = schemas.reader
    wanted = {Encoding.AVRO: SchemaFormat.AVRO, Encoding.JSON: SchemaFormat.JSON}.get(stream.encoding, reader.format)
    for schema in (reader, *schemas.writers.values()):
        if schema.format is not wanted:
            problem = f"version {schema.version} is written in {schema.format}, expected {wanted}"
            raise DeclarationError(f"stream {stream.name}", problem, "start a new stream for another format")


@lru_cache(maxsize=256)
def plan_for(writer: Schema, reader: Schema) -> AvroPlan | JsonPlan:
    """How bodies in the writer's schema are decoded; compiled once per pair."""
    return compile_avro(writer, reader) if reader.format is SchemaFormat.AVRO else compile_json(reader)


def _values(
    records: pa.Table, written: Written, schemas: StreamSchemas, columns: pa.Schema
) -> tuple[pa.Table, list[str | None]]:
    """The reader's columns and the reasons, row for row: decoded schema by schema, then put back in order."""
    bodies = records["value"].combine_chunks()
    reasons = list(written.reasons)
    tables, places, done = [], np.full(len(bodies), NO_ID, dtype=np.int64), 0
    for group in groups_of(written):
        plan = plan_for(schemas.writers.get(group.schema_id, schemas.reader), schemas.reader)
        chosen = bodies if group.rows.size == len(bodies) else bodies.take(int_array(group.rows))
        table, faults = plan.decode(chosen, group.skip)
        _add_faults(reasons, group.rows, faults)
        places[group.rows] = np.arange(done, done + group.rows.size)
        tables, done = [*tables, table], done + group.rows.size
    if len(tables) == 1 and done == len(bodies):
        return tables[0], reasons
    together = pa.concat_tables([columns.empty_table(), *tables]).combine_chunks()
    return together.take(int_array(places, absent=places == NO_ID)), reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The rows, ascending, that are written in one schema with one length of prefix."""

    schema_id: int
    skip: int
    rows: NDArray[np.int64]


def groups_of(written: Written) -> list[Group]:
    """The records that have a body, by how it is written."""
    readable = np.array([reason is None for reason in written.reasons], dtype=np.bool_)
    marks = written.ids * 2 + (written.skips > 0)
    return [
        Group(schema_id=int(mark) // 2, skip=int(written.skips[rows[0]]), rows=rows)
        for mark in np.unique(marks[readable])
        for rows in [np.flatnonzero(readable & (marks == mark))]
    ]


def _add_faults(reasons: list[str | None], rows: NDArray[np.int64], faults: pa.StringArray) -> None:
    if faults.null_count == len(faults):
        return
    for row, fault in zip(rows.tolist(), faults.to_pylist(), strict=True):
        if fault is not None:
            reasons[row] = fault if fault.startswith(FIELD_FAULTS) else MALFORMED + fault


def _add_missing(reasons: list[str | None], values: pa.Array, reason: str) -> None:
    for row in np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)).tolist():
        reasons[row] = reasons[row] or reason


def _schema_ids(ids: NDArray[np.int64]) -> pa.Int32Array:
    absent = (ids == NO_ID) | (ids > MOST_IDS)
    return int_array(np.where(absent, 0, ids), absent=absent).cast(pa.int32())
