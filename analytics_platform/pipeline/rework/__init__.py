"""Rework: batches are judged again in chunks, between live cycles, by the one writer that there is.

A chunk is public as a whole or not at all: one that was begun and not published is undone before anything else.
"""

import logging
import time

import duckdb
import pyarrow as pa

from analytics_platform.errors import DamagedTableError, FencedError, PlatformError
from analytics_platform.facts import Failpoint
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import attempts, publication
from analytics_platform.ledger.postgres import rework as orders
from analytics_platform.ledger.postgres.attempts import Reworked
from analytics_platform.ledger.postgres.lease import Lease, require_epoch
from analytics_platform.ledger.rework import FIRST_ROWS, Chunk, next_rows
from analytics_platform.pipeline.cycle import CycleReport
from analytics_platform.pipeline.freeze import FrozenModelError, frozen_models
from analytics_platform.pipeline.manifests import Circumstances
from analytics_platform.pipeline.models import end_gathering, mark_touched, models_asked
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.recompute import Recomputed, recompute_models
from analytics_platform.pipeline.record import record_manifests
from analytics_platform.pipeline.rework.change import (
    Change,
    cause_of,
    change_of,
    manifests_of,
    models_only,
    notes_of,
)
from analytics_platform.pipeline.rework.elsewhere import elsewhere
from analytics_platform.pipeline.rework.judging import judge_scope
from analytics_platform.pipeline.rework.scope import Scope, bronze_of, scope_of
from analytics_platform.pipeline.rework.write import write_tables

log = logging.getLogger(__name__)
# Then a chunk goes before the next live batch: an order ends, however busy the stream. Two or three live cycles on a
# full machine, so that most live rows wait for no chunk.
PATIENCE_SECONDS = 5.0
# Of whatever hits a chunk only its order fails, and live batches go on; a lost connection ends the lease as always.
FAILURES = (
    PlatformError,
    duckdb.Error,
    pa.ArrowException,
    OSError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)


class Rework:
    """The rework of one lease; remembers how large a chunk may be so that live batches do not wait."""

    def __init__(self, parts: Parts, lease: Lease) -> None:
        self._parts, self._lease = parts, lease
        self._rows = FIRST_ROWS
        self._stepped_at = time.monotonic()

    def is_open(self) -> bool:
        """Whether there is an order to work on."""
        return orders.is_open(self._parts.ledger, self._parts.pipeline.name)

    def can_step(self) -> bool:
        """Whether some of it can be done now: what waits for batches that are still open cannot."""
        return orders.next_chunk(self._parts.ledger, self._parts.pipeline.name, 1) is not None

    def is_starved(self) -> bool:
        """Whether live batches have left no time for it for a while, though some of it can be done."""
        return time.monotonic() - self._stepped_at > PATIENCE_SECONDS and self.can_step()

    def step(self) -> list[CycleReport]:
        """Judge the next chunk again; returns what was published, if anything."""
        chunk = orders.next_chunk(self._parts.ledger, self._parts.pipeline.name, self._rows)
        if chunk is None:  # what is left of the orders waits for batches that are still open
            self._parts.pause(self._parts.limits.quiet_seconds)
            return []
        began = time.monotonic()
        try:
            report = run_chunk(chunk, self._lease, self._parts)
        except FencedError:
            raise
        except FAILURES as error:
            self._give_up(chunk, error)
            return []
        finally:
            self._stepped_at = time.monotonic()
        rows = sum(manifest.rows for manifest in chunk.manifests.values())
        self._rows = next_rows(rows, time.monotonic() - began, self._rows)
        return [report] if report else []

    def _give_up(self, chunk: Chunk, error: Exception) -> None:
        text = str(error) if isinstance(error, PlatformError) else type(error).__name__  # others may quote rows
        batches = [str(batch.id) for batch in (chunk.batches[0], chunk.batches[-1])]
        log.error("rework.failing", exc_info=error, extra={"order": chunk.order.id, "batches": batches})
        undo(self._parts, self._lease, text)


def undo(parts: Parts, lease: Lease, error: str | None = None) -> None:
    """Bring tables back to what is public, where a chunk was begun and not published; to be done before anything else.

    Else live batches would be judged on half of it. Models need nothing: what they must recompute is marked still.
    """
    for order_id in attempts.under_way(parts.ledger, parts.pipeline.name):
        public = publication.published_versions(parts.ledger, parts.pipeline.name)
        for stream in parts.pipeline.streams:
            for layer in (Layer.EXCEPTIONS, Layer.SILVER):
                table = parts.tables.of(stream.name, layer)
                if table.shape.name in public:
                    table.refresh()
                    table.restore(public[table.shape.name], epoch=lease.epoch)
        if attempts.undone(parts.ledger, order_id, error, parts.now()):
            log.error("rework.failed", extra={"order": order_id, "reason": error or "its worker died"})


def run_chunk(chunk: Chunk, lease: Lease, parts: Parts) -> CycleReport | None:
    """Judge a chunk again and publish what changed, in one transaction; None if nothing did."""
    began = time.monotonic()
    attempts.begin(parts.ledger, chunk.order.id)
    scope = scope_of(chunk, parts)
    change = _change(scope, parts)
    attempts.remember(parts.ledger, chunk.order.id, scope.stream, notes_of(scope, change))
    asked = models_asked([chunk.order], parts.pipeline)
    mark_touched(scope.stream, scope.silver.rows, cause_of(chunk), parts, only=asked)
    mark_touched(scope.stream, change.touched, cause_of(chunk), parts)
    is_something = bool(asked or change.is_any or change.touched.num_rows)
    if (is_something or orders.has_changed(parts.ledger, chunk.order.id)) and _is_last(chunk, parts):
        is_something = end_gathering(parts) or is_something
    if not is_something:
        _done(chunk, lease, parts)
        return None
    parts.reached(Failpoint.AFTER_DIRTY)
    write_tables(change, parts, lease.epoch)
    return _publish(change, asked, lease, parts, began)


def _change(scope: Scope, parts: Parts) -> Change:
    """What the order's assets ask for: tables of the stream are judged, models alone are only recomputed."""
    assets, stream = scope.chunk.order.assets, scope.stream
    if not assets or {f"{stream}/{layer}" for layer in (Layer.SILVER, Layer.EXCEPTIONS)} & set(assets):
        rejudged = judge_scope(scope, parts)
        return change_of(scope, rejudged, elsewhere(scope, rejudged.silver, parts))
    if f"{stream}/{Layer.BRONZE}" in assets:
        bronze_of(scope, parts)
    return models_only(scope, parts)


def _done(chunk: Chunk, lease: Lease, parts: Parts) -> None:
    with parts.ledger.transaction():
        require_epoch(parts.ledger, lease)
        attempts.finish(parts.ledger, _reworked(chunk), parts.now())


def _publish(change: Change, asked: set[str], lease: Lease, parts: Parts, began: float) -> CycleReport:
    frozen = frozen_models(change.rejudged.cases if change.rejudged else (), parts)
    models = recompute_models(parts, lease.epoch, {}, frozen, asked)
    now, chunk = parts.now(), change.scope.chunk
    _require_asked(models, asked, chunk, parts)
    around = Circumstances(epoch=lease.epoch, now=now, cause=cause_of(chunk), versions=parts.tables.versions())
    manifests = manifests_of(change, around, parts)
    cycle = publication.Cycle(
        manifests=manifests,
        versions=parts.tables.versions(),
        seen_marks=models.seen_marks,
        published_at=now,
        watermarks=models.watermarks,
        reworked=_reworked(chunk),
        frozen=models.frozen,
    )
    is_same = not manifests and cycle.versions == publication.published_versions(parts.ledger, parts.pipeline.name)
    publication.publish(parts.ledger, lease, cycle if is_same else record_manifests(cycle, lease, parts))
    parts.reached(Failpoint.AFTER_PUBLISH)
    seconds = time.monotonic() - began
    batches = [str(manifest.batch) for manifest in manifests]
    log.info("rework.published", extra={"order": chunk.order.id, "batches": batches, "seconds": round(seconds, 3)})
    return CycleReport(
        manifests=manifests,
        models=models.reports,
        published_at=now,
        seconds=seconds,
        after_kill=not lease.is_clean,
    )


def _is_last(chunk: Chunk, parts: Parts) -> bool:
    """Whether nothing is left of the order but this."""
    return not set(orders.batches_left(parts.ledger, chunk.order.id)) - {batch.id for batch in chunk.batches}


def _require_asked(models: Recomputed, asked: set[str], chunk: Chunk, parts: Parts) -> None:
    """Raise what kept a model back that was asked for by name.

    Not where its input is damaged and batches of the order are left: one of the next chunks may mend that table, and
    the model's grains stay marked until then.
    """
    failed = models.failed
    for name in chunk.order.assets:
        if name in models.frozen:
            raise FrozenModelError(name, models.frozen[name])
    for name in sorted(failed.keys() & asked if chunk.order.assets else ()):
        if not isinstance(failed[name], DamagedTableError) or _is_last(chunk, parts):
            raise failed[name]


def _reworked(chunk: Chunk) -> Reworked:
    numbers = tuple(batch.id.number for batch in chunk.batches)
    return Reworked(order_id=chunk.order.id, stream=chunk.batches[0].id.stream, numbers=numbers)
