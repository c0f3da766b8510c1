"""What still needs a version: offsets that Kafka keeps, files of bronze, batches pinned to it, consumers. Only reads.

Offsets that bronze has are looked up there; Kafka is read where it has none, before its oldest and after its newest.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
import pyarrow as pa

from analytics_platform.facts import OffsetRange, PartitionOffsets, StreamSchemas
from analytics_platform.ingest.records import RECORDS_SCHEMA, RecordReader
from analytics_platform.ingest.wire import written_as
from analytics_platform.lake.duckdb import connect, read_files
from analytics_platform.lake.shapes import DataFile
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres.planning import frontier
from analytics_platform.product import Encoding, Stream

MOST_NAMED = 3
Offsets = Mapping[int, np.ndarray]  # by partition, ascending


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Where rows in one version lie in bronze: by file how many, by partition their offsets; and what bronze has."""

    files: Mapping[str, int]
    offsets: Offsets
    spans: Mapping[int, tuple[int, int]]  # by partition, the first offset that bronze has and the one after its last


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """The version that is looked for: of which stream, under which id."""

    stream: Stream
    schemas: StreamSchemas
    id: int


def written_in(table: Table, sought: Sought) -> Written:
    """What bronze holds in the version, file by file. Bare encodings name none: every row may be in it."""
    files: dict[str, int] = {}
    offsets: dict[int, list[np.ndarray]] = {}
    spans: dict[int, tuple[int, int]] = {}
    query = connect()
    for file in table.files():
        rows = read_files(query, table.uris([file]), table.shape.columns)
        _widen(spans, rows)
        found = rows.filter(pa.array(_is_in(rows, sought)))
        if found.num_rows:
            files[file.path] = found.num_rows
            for partition, some in _by_partition(found):
                offsets.setdefault(partition, []).append(some)
    together = {partition: np.unique(np.concatenate(some)) for partition, some in offsets.items()}
    return Written(files=files, offsets=together, spans=spans)


def of_bronze(written: Written, bronze: str) -> list[str]:
    """The files that need it, in words."""
    named = [f"{rows} rows in {bronze}/{path}" for path, rows in sorted(written.files.items())]
    return _shortened(named, "files of bronze")


def of_kafka(written: Written, reader: RecordReader, ledger: psycopg.Connection, sought: Sought) -> list[str]:
    """The first offset of each partition that Kafka still has and that is in the version, in words."""
    found, stream = [], sought.stream
    for kept in reader.offsets([stream.topic])[stream.topic]:
        planned = frontier(ledger, stream.name, kept.topic_id).get(kept.partition, 0)  # of this topic, not a namesake
        first = _first_kept(written, reader, sought, kept, planned)
        if first is not None:
            found.append(f"offset {first} of {stream.topic}-{kept.partition}, which Kafka keeps from {kept.first} on")
    return _shortened(found, "partitions")


def of_pins(ledger: psycopg.Connection, stream: str, id_: int, files: Sequence[DataFile]) -> list[str]:
    """The batches that would be judged again in that version, while bronze has their rows, in words."""
    rows = ledger.execute(
        "select number from batch where stream = %s and reader_schema_id = %s order by number", [stream, id_]
    ).fetchall()
    pinned = [number for (number,) in rows if any(f.low["batch"] <= number <= f.high["batch"] for f in files)]
    if not pinned:
        return []
    return [f"{len(pinned)} batches that are read with it, from {stream}/{pinned[0]} to {stream}/{pinned[-1]}"]


def _first_kept(
    written: Written, reader: RecordReader, sought: Sought, kept: PartitionOffsets, planned: int
) -> int | None:
    ours = written.offsets.get(kept.partition, np.array([], np.int64))
    in_bronze = ours[ours >= kept.first]
    begin, end = written.spans.get(kept.partition, (kept.stable_end, kept.stable_end))
    before = _first_read(reader, sought, kept, (kept.first, min(begin, kept.stable_end)))
    if before is not None:
        return before
    if in_bronze.size:
        return int(in_bronze[0])
    return _first_read(reader, sought, kept, (max(min(end, planned), kept.first), kept.stable_end))


def _first_read(reader: RecordReader, sought: Sought, kept: PartitionOffsets, span: tuple[int, int]) -> int | None:
    """The first offset of the span that is in the version, read from Kafka."""
    if span[0] >= span[1]:
        return None
    wanted = OffsetRange(topic_id=kept.topic_id, partition=kept.partition, start=span[0], end=span[1])
    for records in reader.fetch(sought.stream.topic, [wanted]):
        hits = np.flatnonzero(_is_in(records, sought))
        if hits.size:
            return int(records["offset"][int(hits[0])].as_py())
    return None


def _is_in(rows: pa.Table, sought: Sought) -> np.ndarray:
    if sought.stream.encoding is not Encoding.CONFLUENT:
        return np.full(rows.num_rows, fill_value=True)
    records = rows.select(RECORDS_SCHEMA.names).cast(RECORDS_SCHEMA)
    return written_as(records, sought.stream.encoding, sought.schemas).ids == sought.id


def _by_partition(rows: pa.Table) -> Iterator[tuple[int, np.ndarray]]:
    partitions, offsets = np.asarray(rows["partition"]), np.asarray(rows["offset"])
    for partition in np.unique(partitions).tolist():
        yield partition, offsets[partitions == partition]


def _widen(spans: dict[int, tuple[int, int]], rows: pa.Table) -> None:
    for partition, offsets in _by_partition(rows):
        low, high = int(offsets.min()), int(offsets.max()) + 1
        begin, end = spans.get(partition, (low, high))
        spans[partition] = (min(begin, low), max(end, high))


def _shortened(named: list[str], what: str) -> list[str]:
    more = len(named) - MOST_NAMED
    return [*named[:MOST_NAMED], f"and {more} more {what}"] if more > 0 else named
