"""One cycle: at most one batch of each stream, models once, everything public in one transaction."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import LedgerError
from analytics_platform.facts import Batch, Failpoint, Manifest, ModelReport, Outcome, Verdict
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import publication
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline.judge import Judged, judge, topic_id_of, write
from analytics_platform.pipeline.land import land
from analytics_platform.pipeline.models import Recomputed, count_too_late, recompute_models
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.record import record_manifests
from analytics_platform.product import Severity, Stream

log = logging.getLogger(__name__)
LIBRARIES = ("analytics-platform", "deltalake", "duckdb", "kafka-python", "numpy", "pyarrow")


class UnreconciledError(LedgerError):
    """Rows were lost or invented between Kafka and the tables; nothing of the batch is published."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self.manifest = manifest

    def __str__(self) -> str:
        m = self.manifest
        outcomes = {str(outcome): count for outcome, count in m.outcomes.items()}
        return (
            f"batch {m.batch}: {m.offsets} offsets, {m.rows} rows, {m.gaps} gaps, outcomes {outcomes} do not add up; "
            f"it stays unpublished: compare bronze with `ap batch show {m.batch}` and report it"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleReport:
    """What a cycle published."""

    manifests: tuple[Manifest, ...]
    models: Mapping[str, ModelReport]
    published_at: datetime
    seconds: float


def run_cycle(batches: Sequence[Batch], lease: Lease, parts: Parts) -> CycleReport:
    """Land, judge, write, recompute and publish; every step may be repeated after a kill."""
    clock = StageClock()
    landed = [(batch, land(batch, parts, lease.epoch)) for batch in batches]
    clock.ended("land")
    judged = [judge(batch, rows, parts) for batch, rows in landed]
    clock.ended("judge")
    written = [(decided, write(decided, parts, lease.epoch)) for decided in judged]
    clock.ended("write")
    newest = {decided.batch.id.stream: decided.decision.newest_event_at for decided in judged}
    models = recompute_models(parts, lease.epoch, newest)
    clock.ended("models")
    now = parts.now()
    manifests = tuple(_manifest(decided, hashes, lease, parts, now) for decided, hashes in written)
    _publish(manifests, models, lease, parts, now)
    clock.ended("publish")
    _log(manifests, lease, clock)
    return CycleReport(
        manifests=manifests, models=models.reports, published_at=now, seconds=sum(clock.seconds.values())
    )


class StageClock:
    """Wall seconds by stage of a cycle."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def ended(self, stage: str) -> None:
        """The stage ends now, and the next begins."""
        now = time.monotonic()
        self.seconds[stage], self._since = now - self._since, now


def _publish(manifests: tuple[Manifest, ...], models: Recomputed, lease: Lease, parts: Parts, now: datetime) -> None:
    for manifest in manifests:
        if not manifest.is_reconciled:
            raise UnreconciledError(manifest)
    cycle = publication.Cycle(
        manifests=manifests,
        versions=parts.tables.versions(),
        seen_marks=models.seen_marks,
        published_at=now,
        watermarks=models.watermarks,
    )
    publication.publish(parts.ledger, lease, record_manifests(cycle, lease, parts))
    parts.reached(Failpoint.AFTER_PUBLISH)


def _log(manifests: tuple[Manifest, ...], lease: Lease, clock: StageClock) -> None:
    cycle = {"run": lease.run_id, "pipeline": lease.pipeline, "epoch": lease.epoch}
    for manifest in manifests:
        batch = {"stream": manifest.batch.stream, "batch": manifest.batch.number, "rows": manifest.rows}
        outcomes = {str(outcome): count for outcome, count in manifest.outcomes.items()}
        log.info("batch.published", extra={**cycle, **batch, "outcomes": outcomes})
    seconds = {stage: round(spent, 3) for stage, spent in clock.seconds.items()}
    log.info("cycle.published", extra={**cycle, "batches": [str(m.batch) for m in manifests], "seconds": seconds})


def _manifest(judged: Judged, hashes: Mapping[str, int], lease: Lease, parts: Parts, now: datetime) -> Manifest:
    batch = judged.batch
    earlier = publication.manifest_of(parts.ledger, batch.id.stream, batch.id.number)
    stream = parts.pipeline.stream(batch.id.stream)
    rows = judged.landed.rows.num_rows
    tables = {layer: parts.tables.of(stream.name, layer) for layer in Layer}
    return Manifest(
        batch=batch.id,
        hour=batch.hour,
        revision=earlier.revision + 1 if earlier else 1,
        epoch=lease.epoch,
        offsets=batch.offsets,
        rows=rows,
        gaps=batch.offsets - rows,
        outcomes=judged.decision.counts(),
        hashes=hashes,
        versions={str(layer): table.version for layer, table in tables.items()},
        verdicts=_verdicts(judged, stream, now),
        newest_event_at=judged.decision.newest_event_at,
        reader_schema_id=batch.pins.reader_schema_id,
        metrics=_metrics(judged, now),
        libraries={name: version(name) for name in LIBRARIES},
        contract_digest=batch.pins.contract_digest,
        topic_id=topic_id_of(batch),
        too_late=count_too_late(stream.name, judged.silver, parts),
    )


def _verdicts(judged: Judged, stream: Stream, now: datetime) -> tuple[Verdict, ...]:
    asset = f"{stream.name}/{Layer.SILVER}"
    return (_reconciled(judged, asset), _unique_id(judged, asset), _freshness(judged, asset, stream, now))


def _reconciled(judged: Judged, asset: str) -> Verdict:
    rows = {
        "bronze_rows": judged.landed.rows.num_rows,
        "silver_rows": judged.silver.num_rows,
        "exception_rows": judged.exceptions.num_rows,
    }
    decided = sum(judged.decision.counts().values())
    return Verdict(
        asset=asset,
        check="reconciled",
        passed=rows["bronze_rows"] == rows["silver_rows"] + rows["exception_rows"] == decided,
        severity=Severity.ERROR,
        detail="every offset is a row or a gap, every row has one outcome",
        values=rows,
    )


def _unique_id(judged: Judged, asset: str) -> Verdict:
    distinct = pc.count_distinct(judged.silver["event_id"]).as_py()
    return Verdict(
        asset=asset,
        check="unique_id",
        passed=distinct == judged.silver.num_rows,
        severity=Severity.ERROR,
        detail="no event id is published twice",
        values={"rows": judged.silver.num_rows, "distinct_ids": distinct},
    )


def _freshness(judged: Judged, asset: str, stream: Stream, now: datetime) -> Verdict:
    age, limit = _age_seconds(judged.landed.rows["broker_at"], now), stream.freshness.total_seconds()
    return Verdict(
        asset=asset,
        check="freshness",
        passed=age <= limit,
        severity=Severity.WARN,
        detail=f"its newest row is published within {stream.freshness} of reaching the broker",
        values={"seconds": age, "limit_seconds": limit},
    )


def _metrics(judged: Judged, now: datetime) -> dict[str, float]:
    counts = judged.decision.counts()
    rows = max(1, judged.landed.rows.num_rows)
    quarantined = counts.get(Outcome.QUARANTINED, 0)
    return {"age_seconds": _age_seconds(judged.landed.rows["broker_at"], now), "quarantined_share": quarantined / rows}


def _age_seconds(broker_at: pa.ChunkedArray, now: datetime) -> float:
    """How long ago the newest row reached the broker; 0 where there is none."""
    newest = pc.max(broker_at).as_py()
    return float(np.round(max((now - newest) / timedelta(seconds=1), 0.0), 3)) if newest else 0.0
