"""Judging: a landed batch's rows are decoded, given one outcome each, and written to silver and exceptions."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.facts import Batch, Failpoint, Outcome, StreamSchemas
from analytics_platform.ingest.decode import decode
from analytics_platform.lake import shapes
from analytics_platform.lake.duckdb import failed_rules, winners
from analytics_platform.lake.fingerprint import column_hashes
from analytics_platform.lake.prune import files_of_batch, files_with_any
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.silver import Decision, TimeLimits, decide
from analytics_platform.ledger.postgres import publication
from analytics_platform.pipeline.land import Landed
from analytics_platform.pipeline.models import mark_touched
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Stream

AHEAD_AT_MOST = timedelta(days=1)  # of the hour that the batch was planned in


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A batch with the decision on each of its rows; `decided_on` is silver's version that it rests on."""

    batch: Batch
    landed: Landed
    silver: pa.Table
    exceptions: pa.Table
    decision: Decision
    decided_on: int


def judge(batch: Batch, landed: Landed, parts: Parts) -> Judged:
    """Decide on every row; writes nothing."""
    bronze = landed.rows
    stream = parts.pipeline.stream(batch.id.stream)
    rows = _decoded(batch, bronze, parts)
    table = parts.tables.of(stream.name, Layer.SILVER)
    decided_on = table.version
    ids = _known_ids(rows)
    files = files_with_any(table.files(), "event_id", ids.to_pylist())
    earlier = winners(parts.query, table.uris(files), ids, batch.id.number)
    newest = publication.newest_event_at(parts.ledger, stream.name, batch.id.number, topic_id_of(batch))
    decision = decide(rows, earlier, newest, _time_limits(batch, stream, parts))
    rows = rows.append_column("late_micros", decision.late_micros)
    passed = decision.rows(Outcome.PUBLISHED)
    return Judged(
        batch=batch,
        landed=landed,
        silver=_silver_rows(rows.filter(pa.array(passed)), table.shape.columns),
        exceptions=_exception_rows(rows, bronze, decision, ~passed),
        decision=decision,
        decided_on=decided_on,
    )


def write(judged: Judged, parts: Parts, epoch: int) -> dict[str, int]:
    """Mark the grains it touches dirty, then commit exceptions and silver; returns each table's fingerprint."""
    stream, number = judged.batch.id.stream, judged.batch.id.number
    mark_touched(stream, judged.silver, str(judged.batch.id), parts)
    parts.reached(Failpoint.AFTER_DIRTY)
    exceptions, silver = parts.tables.of(stream, Layer.EXCEPTIONS), parts.tables.of(stream, Layer.SILVER)
    own = files_of_batch(exceptions.files(), number)
    _, held_back = exceptions.replace(own, [judged.exceptions], decided_on=exceptions.version, epoch=epoch)
    _, published = silver.replace(
        files_of_batch(silver.files(), number), [judged.silver], decided_on=judged.decided_on, epoch=epoch
    )
    return {
        str(Layer.BRONZE): judged.landed.fingerprint,
        str(Layer.SILVER): published,
        str(Layer.EXCEPTIONS): held_back,
    }


def topic_id_of(batch: Batch) -> UUID | None:
    """The topic that the batch was planned on; None for an empty batch."""
    return batch.ranges[0].topic_id if batch.ranges else None


def _decoded(batch: Batch, bronze: pa.Table, parts: Parts) -> pa.Table:
    """The rows in the reader schema, with `payload_hash`, and in `reason` the first thing wrong with each."""
    stream = parts.pipeline.stream(batch.id.stream)
    topic_id = batch.ranges[0].topic_id
    rows = decode(bronze.drop_columns(["batch"]), stream, _pinned(batch, parts), topic_id)
    rows = rows.append_column("payload_hash", pa.array(column_hashes(bronze["value"]).view(np.int64)))
    rows = rows.add_column(0, shapes.ROW_COLUMNS[0], bronze["batch"])
    for field in parts.tables.of(stream.name, Layer.SILVER).shape.columns:
        if field.name not in (*rows.column_names, "late_micros"):  # of a later version than the one that was pinned
            rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
    return _judged_by_rules(rows, stream, parts)


def _time_limits(batch: Batch, stream: Stream, parts: Parts) -> TimeLimits:
    return TimeLimits(horizon=parts.horizon(stream), latest=batch.hour + timedelta(hours=1) + AHEAD_AT_MOST)


def _pinned(batch: Batch, parts: Parts) -> StreamSchemas:
    """The stream's schemas with the reader that the planner pinned, whichever is published now."""
    schemas = parts.schemas[batch.id.stream]
    return replace(schemas, reader=schemas.writers[batch.pins.reader_schema_id])


def _judged_by_rules(rows: pa.Table, stream: Stream, parts: Parts) -> pa.Table:
    reason = failed_rules(parts.query, rows, stream)
    return rows.set_column(rows.schema.get_field_index("reason"), "reason", reason)


def _known_ids(rows: pa.Table) -> pa.Array:
    """The distinct ids of rows that pass their rules, ascending."""
    ids = pc.unique(rows["event_id"].filter(pc.is_null(rows["reason"]))).drop_null()
    return ids.take(pc.array_sort_indices(ids))


def _silver_rows(rows: pa.Table, columns: pa.Schema) -> pa.Table:
    """Sorted by id, so that a lookup of an id reads few pages."""
    return rows.select(columns.names).cast(columns).sort_by("event_id").combine_chunks()


def _exception_rows(rows: pa.Table, bronze: pa.Table, decision: Decision, failed: np.ndarray) -> pa.Table:
    everything = {
        **{name: rows[name] for name in rows.column_names},
        "outcome": decision.outcome_names(),
        "reason": decision.reason,
        "winner_partition": decision.winner_partition,
        "winner_offset": decision.winner_offset,
        "key": bronze["key"],
        "value": bronze["value"],
    }
    columns = shapes.EXCEPTION_COLUMNS
    table = pa.table({name: everything[name] for name in columns.names})
    return table.filter(pa.array(failed)).cast(columns).combine_chunks()
