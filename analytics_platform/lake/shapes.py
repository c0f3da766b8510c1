"""What the tables look like: columns, names and where each lives. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa

INSTANT = pa.timestamp("us", "UTC")
HEADERS = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))


class Layer(StrEnum):
    """The three tables of a stream."""

    BRONZE = "bronze"
    SILVER = "silver"
    EXCEPTIONS = "exceptions"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """A table's name, columns, the columns whose bounds each file records, and how rows are sorted in a file.

    A derived table can be computed again from others: its columns may change, which empties it. In one that is looked
    up, single rows are found by what it is sorted by.
    """

    name: str
    columns: pa.Schema
    bounded_by: tuple[str, ...]
    sorted_by: tuple[str, ...]
    is_derived: bool = False
    is_looked_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file of a table version, with the bounds of the columns that its shape records."""

    path: str
    rows: int
    size: int  # bytes
    low: dict[str, Any]
    high: dict[str, Any]


BRONZE_COLUMNS = pa.schema(
    [
        pa.field("batch", pa.int64(), nullable=False),
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("broker_at", INSTANT),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", HEADERS),
    ]
)

ROW_COLUMNS = [
    pa.field("batch", pa.int64(), nullable=False),
    pa.field("partition", pa.int32(), nullable=False),
    pa.field("offset", pa.int64(), nullable=False),
    pa.field("event_id", pa.string()),
    pa.field("event_at", INSTANT),
    pa.field("broker_at", INSTANT),
    pa.field("traceparent", pa.string()),
    pa.field("schema_id", pa.int32()),
    pa.field("payload_hash", pa.int64()),
    pa.field("late_micros", pa.int64()),
]

EXCEPTION_COLUMNS = pa.schema(
    [
        *ROW_COLUMNS,
        pa.field("outcome", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("winner_partition", pa.int32()),
        pa.field("winner_offset", pa.int64()),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
    ]
)

# One row per manifest, and one without a batch for each cycle that published models only; documents are JSON.
MANIFEST_COLUMNS = pa.schema(
    [
        pa.field("published_at", INSTANT, nullable=False),
        pa.field("epoch", pa.int64(), nullable=False),
        pa.field("run_id", pa.string()),
        pa.field("stream", pa.string()),
        pa.field("batch", pa.int64()),
        pa.field("revision", pa.int32()),
        pa.field("state", pa.string()),
        pa.field("hour", INSTANT),
        pa.field("planned_at", INSTANT),
        pa.field("ranges", pa.string()),
        pa.field("reader_schema_id", pa.int32()),
        pa.field("contract_digest", pa.string()),
        pa.field("contracts", pa.string()),
        pa.field("body", pa.string()),
        pa.field("versions", pa.string(), nullable=False),
        pa.field("watermarks", pa.string(), nullable=False),
    ]
)

COORDINATES = ("batch", "partition", "offset")

# Where a row came from and when our machines saw it: facts of the delivery, not of the content.
UNHASHED = ("batch", "broker_at", "payload_hash", "winner_partition", "winner_offset")


def bronze(stream: str) -> TableShape:
    """Every record as it was read."""
    return TableShape(
        name=f"{stream}/{Layer.BRONZE}", columns=BRONZE_COLUMNS, bounded_by=("batch",), sorted_by=COORDINATES
    )


def silver(stream: str, reader: pa.Schema) -> TableShape:
    """The rows that passed, in the reader schema."""
    columns = pa.schema([*ROW_COLUMNS, *reader])
    return TableShape(
        name=f"{stream}/{Layer.SILVER}",
        columns=columns,
        bounded_by=("batch", "event_id", "event_at", "broker_at"),
        sorted_by=("event_id",),
        is_looked_up=True,
    )


def exceptions(stream: str) -> TableShape:
    """Every row that silver does not hold, and why."""
    return TableShape(
        name=f"{stream}/{Layer.EXCEPTIONS}", columns=EXCEPTION_COLUMNS, bounded_by=("batch",), sorted_by=COORDINATES
    )


def manifests(pipeline: str) -> TableShape:
    """What the ledger must know of every batch, kept beside the tables: it can be rebuilt from here."""
    in_time = ("published_at",)
    return TableShape(
        name=f"{pipeline}/manifests", columns=MANIFEST_COLUMNS, bounded_by=in_time, sorted_by=(*in_time, "stream")
    )


def hashed(rows: pa.Table) -> pa.Table:
    """The columns that make up a table's content hash."""
    return rows.select([name for name in rows.column_names if name not in UNHASHED])
