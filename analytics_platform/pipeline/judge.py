"""Judging: rows of bronze are decoded, given one outcome each, and written to silver and exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import DamagedTableError
from analytics_platform.facts import Batch, CheckResult, Failpoint, Outcome, Pins, StreamSchemas
from analytics_platform.ingest.records import int_array
from analytics_platform.lake import shapes
from analytics_platform.lake.checks import run_checks
from analytics_platform.lake.duckdb import failed_rules
from analytics_platform.lake.fingerprint import column_hashes
from analytics_platform.lake.lookup import winners
from analytics_platform.lake.prune import files_of_batch, files_with_any
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.silver import Decision, Stop, TimeLimits, decide
from analytics_platform.ledger.postgres import publication
from analytics_platform.ledger.rework import Ruling
from analytics_platform.pipeline.land import Landed
from analytics_platform.pipeline.models import mark_touched
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.pinned import under_pins
from analytics_platform.pipeline.protect import decode_landed
from analytics_platform.pipeline.schema_checks import check_schemas
from analytics_platform.product import Stream
from analytics_platform.quality.batch import verify_batches

AHEAD_AT_MOST = timedelta(days=1)  # of the hour that the batch was planned in


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Batches to judge in one pass: of one stream, hour, topic and pins, one after another.

    `bronze` are their rows, ordered by batch, partition and offset; `rulings` what people decided, by batch number;
    `payloads` the hashes of the rows' values where they are known already.
    """

    batches: tuple[Batch, ...]
    bronze: pa.Table
    pins: Pins
    rulings: Mapping[int, Ruling] = field(default_factory=dict)
    payloads: np.ndarray | None = None

    @property
    def stream(self) -> str:
        """The name of the batches' stream."""
        return self.batches[0].id.stream

    @property
    def topic_id(self) -> UUID | None:
        """The topic that they were planned on; None for empty batches."""
        ranges = [r for batch in self.batches for r in batch.ranges]
        return ranges[0].topic_id if ranges else None

    def rows_of(self, number: int) -> slice:
        """Where a batch's rows are."""
        first, end = np.searchsorted(np.asarray(self.bronze["batch"]), [number, number + 1])
        return slice(int(first), int(end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A case with its rows in the reader schema: `reason` is the first thing wrong with each; and its checks."""

    case: Case
    stream: Stream
    rows: pa.Table
    checks: Mapping[int, tuple[CheckResult, ...]]
    stopped: Mapping[int, Stop]

    def ids(self) -> pa.Array:
        """The distinct ids of rows that pass their rules, ascending."""
        ids = self.rows["event_id"].filter(pc.is_null(self.rows["reason"])).combine_chunks().drop_null()
        ordered = ids.take(pc.sort_indices(ids))
        return ordered.filter(pa.array(np.append(True, pc.not_equal(ordered[1:], ordered[:-1]))[: len(ordered)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A case with the decision on each of its rows, as silver and exceptions shall hold them.

    `held` are rows as silver would have them, were their batches not held; copies of others too.
    """

    case: Case
    checks: Mapping[int, tuple[CheckResult, ...]]
    silver: pa.Table
    exceptions: pa.Table
    held: pa.Table
    decision: Decision
    newest_before: Mapping[int, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One batch, judged as it was landed; `decided_on` is silver's version that this rests on."""

    batch: Batch
    landed: Landed
    judged: Judged
    decided_on: int


def judge(batch: Batch, landed: Landed, parts: Parts) -> Decided:
    """Decide on every row of a batch, on what is in silver before it; writes nothing."""
    table = parts.tables.of(batch.id.stream, Layer.SILVER)
    decoded = decode_case(Case(batches=(batch,), bronze=landed.rows, pins=batch.pins, payloads=landed.payloads), parts)
    earlier = earlier_winners(decoded.case, decoded.ids(), parts)
    judged = conclude(decoded, earlier, newest_before(decoded.case, parts), parts)
    return Decided(batch=batch, landed=landed, judged=judged, decided_on=table.version)


def decode_case(case: Case, parts: Parts) -> Decoded:
    """The rows in the reader schema, each judged by its rules; and what the batch checks say, under the pins."""
    stream = under_pins(case.stream, case.pins, parts)
    rows = decode_rows(case.bronze, case, parts)
    reason = failed_rules(parts.query, rows, stream)
    rows = rows.set_column(rows.schema.get_field_index("reason"), "reason", reason)
    checks = _checked(rows, stream, case, parts)
    stopped = {batch.id.number: _stop(batch.id.number, case, checks) for batch in case.batches}
    held = {number: stop for number, stop in stopped.items() if stop}
    return Decoded(case=case, stream=stream, rows=rows, checks=checks, stopped=held)


def _checked(rows: pa.Table, stream: Stream, case: Case, parts: Parts) -> dict[int, tuple[CheckResult, ...]]:
    """By batch, what the stream's own checks say, and then its contract."""
    ours = run_checks(parts.query, rows, stream)
    places = {batch.id.number: case.rows_of(batch.id.number) for batch in case.batches}
    by_batch = {number: rows.slice(place.start, place.stop - place.start) for number, place in places.items()}
    by_contract = verify_batches(stream, by_batch)
    of_schemas = {number: check_schemas(stream, some, parts) for number, some in by_batch.items() if some.num_rows}
    checked = ours | by_contract | of_schemas
    return {n: ours.get(n, ()) + by_contract.get(n, ()) + of_schemas.get(n, ()) for n in checked}


def conclude(decoded: Decoded, earlier: pa.Table, newest: Mapping[int, datetime], parts: Parts) -> Judged:
    """Give each row its outcome, by the published copies in earlier batches and the newest event times before."""
    case, rows = decoded.case, decoded.rows
    limits = _time_limits(case.batches[0], decoded.stream, parts)
    decision = decide(rows, earlier, newest, limits, decoded.stopped)
    rows = rows.append_column("late_micros", decision.late_micros)
    passed = decision.rows(Outcome.PUBLISHED)
    columns = parts.tables.of(case.stream, Layer.SILVER).shape.columns
    return Judged(
        case=case,
        checks=decoded.checks,
        silver=silver_rows(rows, columns, passed),
        exceptions=_exception_rows(rows, case.bronze, decision, ~passed),
        held=_held_rows(rows, columns, decision),
        decision=decision,
        newest_before=newest,
    )


def earlier_winners(case: Case, ids: pa.Array, parts: Parts) -> pa.Table:
    """The published copies of those ids (ascending) in batches before the case."""
    table = parts.tables.of(case.stream, Layer.SILVER)
    files = files_with_any(table.files(), "event_id", ids.to_pylist())
    try:
        return winners(table.uris(files), ids, case.batches[0].id.number)
    except (OSError, pa.ArrowException) as error:  # the latter: it is no Parquet
        problem = "a file that may hold copies of new ids cannot be read, `ap table repair` rebuilds it"
        raise DamagedTableError(table.shape.name, problem) from error


def newest_before(case: Case, parts: Parts) -> dict[int, datetime]:
    """By partition of the case's topic, the highest event time before it."""
    return publication.newest_event_at(parts.ledger, case.stream, case.batches[0].id.number, case.topic_id)


def write(decided: Decided, parts: Parts, epoch: int) -> dict[str, int]:
    """Mark the grains it touches dirty, then commit exceptions and silver; returns each table's fingerprint."""
    stream, number, judged = decided.batch.id.stream, decided.batch.id.number, decided.judged
    mark_touched(stream, judged.silver, str(decided.batch.id), parts)
    parts.reached(Failpoint.AFTER_DIRTY)
    exceptions, silver = parts.tables.of(stream, Layer.EXCEPTIONS), parts.tables.of(stream, Layer.SILVER)
    own = files_of_batch(exceptions.files(), number)
    _, held_back = exceptions.replace(own, [judged.exceptions], decided_on=exceptions.version, epoch=epoch)
    _, published = silver.replace(
        files_of_batch(silver.files(), number), [judged.silver], decided_on=decided.decided_on, epoch=epoch
    )
    return {
        str(Layer.BRONZE): decided.landed.commit.result(),
        str(Layer.SILVER): published,
        str(Layer.EXCEPTIONS): held_back,
    }


def decode_rows(bronze: pa.Table, case: Case, parts: Parts) -> pa.Table:
    """Rows of bronze in the reader schema that the case is pinned to, with `batch` and `payload_hash`."""
    stream = parts.pipeline.stream(case.stream)
    rows = decode_landed(bronze, case.batches, _pinned(case, parts), case.topic_id or UUID(int=0), parts)
    payloads = column_hashes(bronze["value"]) if case.payloads is None else case.payloads
    rows = rows.append_column("payload_hash", int_array(payloads.view(np.int64)))
    rows = rows.add_column(0, shapes.ROW_COLUMNS[0], bronze["batch"])
    for column in parts.tables.of(stream.name, Layer.SILVER).shape.columns:
        if column.name not in (*rows.column_names, "late_micros"):  # of a later version than the one that was pinned
            rows = rows.append_column(column, pa.nulls(rows.num_rows, column.type))
    return rows


def silver_rows(rows: pa.Table, columns: pa.Schema, passed: np.ndarray) -> pa.Table:
    """The rows that passed, sorted by id, so that a lookup of an id reads few pages; each is moved once."""
    places = int_array(np.flatnonzero(passed))
    order = places.take(pc.sort_indices(rows["event_id"].take(places)))
    return rows.select(columns.names).cast(columns).take(order).combine_chunks()


def _held_rows(rows: pa.Table, columns: pa.Schema, decision: Decision) -> pa.Table:
    held = decision.rows(Outcome.HELD)
    if not held.any():
        return columns.empty_table()
    good = rows.filter(pc.and_(pa.array(held), pc.is_null(rows["reason"])))
    return good.select(columns.names).cast(columns)


def _stop(number: int, case: Case, checks: Mapping[int, tuple[CheckResult, ...]]) -> Stop | None:
    """Why nothing of a batch is published, if so: what a person decided goes before what checks say."""
    ruling = case.rulings.get(number)
    if ruling:
        return Stop(outcome=Outcome.DISCARDED, reason=ruling.text) if ruling.is_discarded else None
    failed = [result.name for result in checks.get(number, ()) if result.stops]
    return Stop(outcome=Outcome.HELD, reason=f"check {', '.join(failed)}") if failed else None


def _time_limits(batch: Batch, stream: Stream, parts: Parts) -> TimeLimits:
    return TimeLimits(horizon=parts.horizon(stream), latest=batch.hour + timedelta(hours=1) + AHEAD_AT_MOST)


def _pinned(case: Case, parts: Parts) -> StreamSchemas:
    """The stream's schemas with the reader that is pinned, whichever is published now."""
    schemas = parts.schemas[case.stream]
    return replace(schemas, reader=schemas.writers[case.pins.reader_schema_id])


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
