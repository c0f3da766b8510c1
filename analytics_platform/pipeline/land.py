"""Landing: a batch's offsets are read from Kafka once and committed to bronze; later steps read bronze."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import BronzeLostError, OffsetsLostError, TopicChangedError
from analytics_platform.facts import Batch, BatchState, Failpoint, OffsetRange
from analytics_platform.ingest.plan import lost_since_planned, still_there
from analytics_platform.ingest.records import RECORDS_SCHEMA
from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.lake.prune import files_of_batch
from analytics_platform.lake.shapes import Layer, hashed
from analytics_platform.ledger.postgres import planning
from analytics_platform.pipeline.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A batch's bronze rows, ordered by partition and offset, and their content hash."""

    rows: pa.Table
    fingerprint: int


def land(batch: Batch, parts: Parts, epoch: int) -> Landed:
    """Read the batch from Kafka and commit it to bronze, or read it back where that has been done."""
    bronze = parts.tables.of(batch.id.stream, Layer.BRONZE)
    if batch.state is not BatchState.PLANNED:
        return landed(batch, parts)
    if files_of_batch(bronze.files(), batch.id.number):  # the commit was made, its note was not: Kafka is read once
        found = landed(batch, parts)
        planning.mark_landed(parts.ledger, batch, found.rows.num_rows)
        return found
    records = _fetch(batch, parts)
    parts.reached(Failpoint.AFTER_FETCH)
    rows = with_batch(_ordered(records), batch.id.number)
    _, content = bronze.replace([], [rows], decided_on=bronze.version, epoch=epoch)
    planning.mark_landed(parts.ledger, batch, rows.num_rows)
    return Landed(rows=rows, fingerprint=content)


def landed(batch: Batch, parts: Parts) -> Landed:
    """The batch as bronze holds it."""
    bronze = parts.tables.of(batch.id.stream, Layer.BRONZE)
    files = files_of_batch(bronze.files(), batch.id.number)
    rows = read_files(parts.query, bronze.uris(files), bronze.shape.columns)
    rows = _ordered(rows.filter(pc.equal(rows["batch"], batch.id.number)))
    if batch.landed_rows not in (None, rows.num_rows):
        raise BronzeLostError(str(batch.id), batch.landed_rows or 0, rows.num_rows)
    return Landed(rows=rows, fingerprint=fingerprint(hashed(rows)))


def with_batch(rows: pa.Table, number: int) -> pa.Table:
    """The rows, each carrying its batch's number as first column."""
    return rows.add_column(0, pa.field("batch", pa.int64(), nullable=False), pa.repeat(number, rows.num_rows))


def _fetch(batch: Batch, parts: Parts) -> pa.Table:
    if not batch.ranges:
        return RECORDS_SCHEMA.empty_table()
    topic = parts.pipeline.stream(batch.id.stream).topic
    try:
        return _read(parts, topic, batch.ranges)
    except (OffsetsLostError, TopicChangedError):
        lost = lost_since_planned(batch.ranges, parts.reader.offsets([topic])[topic])
        if not lost:
            raise
        planning.record_lost(parts.ledger, batch.id.stream, lost, parts.now())
        return _read(parts, topic, still_there(batch.ranges, lost))


def _read(parts: Parts, topic: str, ranges: Sequence[OffsetRange]) -> pa.Table:
    chunks = list(parts.reader.fetch(topic, ranges)) if ranges else []
    return pa.concat_tables(chunks) if chunks else RECORDS_SCHEMA.empty_table()


def _ordered(rows: pa.Table) -> pa.Table:
    partitions, offsets = np.asarray(rows["partition"]), np.asarray(rows["offset"])
    order = np.lexsort((offsets, partitions))
    if np.array_equal(order, np.arange(len(order))):
        return rows.combine_chunks()
    return rows.take(pa.array(order)).combine_chunks()
