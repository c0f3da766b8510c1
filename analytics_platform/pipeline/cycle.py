"""One cycle: at most one batch of each stream, models once, everything public in one transaction."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics_platform.facts import Batch, Failpoint, Manifest, ModelReport
from analytics_platform.ledger.postgres import publication, rework
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline.freeze import frozen_models
from analytics_platform.pipeline.judge import Decided, judge, write
from analytics_platform.pipeline.land import BronzeWriter, land, settled
from analytics_platform.pipeline.manifests import Circumstances, write_manifest
from analytics_platform.pipeline.models import models_asked
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.recompute import Recomputed, recompute_models
from analytics_platform.pipeline.record import record_manifests

log = logging.getLogger(__name__)
FEW_ROWS = 50_000  # in a cycle: with more, what two models hold at once is too much memory
SIDE_BY_SIDE = 2  # models: a cycle without a backlog keeps one core busy, and readers wait for it


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleReport:
    """What a cycle published; `after_kill` if the writer before did not end in order, and may have told nobody."""

    manifests: tuple[Manifest, ...]
    models: Mapping[str, ModelReport]
    published_at: datetime
    seconds: float
    after_kill: bool


def run_cycle(batches: Sequence[Batch], lease: Lease, parts: Parts) -> CycleReport:
    """Land, judge, write, recompute and publish; every step may be repeated after a kill."""
    clock = StageClock()
    with BronzeWriter() as writer:  # judging keeps one core busy, Parquet another
        landed = [(batch, land(batch, parts, lease.epoch, writer)) for batch in batches]
        clock.ended("land")
        judged = [judge(batch, rows, parts) for batch, rows in landed]
        for batch, rows in landed:
            settled(batch, rows, parts)
        clock.ended("judge")
    written = [(decided, write(decided, parts, lease.epoch)) for decided in judged]
    clock.ended("write")
    newest = {decided.batch.id.stream: decided.judged.decision.newest_event_at for decided in judged}
    frozen = frozen_models([decided.judged for decided in judged], parts)
    asked = models_asked(rework.open_orders(parts.ledger, parts.pipeline.name), parts.pipeline)
    at_once = SIDE_BY_SIDE if sum(rows.rows.num_rows for _, rows in landed) <= FEW_ROWS else 1
    models = recompute_models(parts, lease.epoch, newest, frozen, asked, at_once)
    clock.ended("models")
    now = parts.now()
    around = Circumstances(epoch=lease.epoch, now=now, cause="live", versions=parts.tables.versions())
    manifests = tuple(_manifest(decided, hashes, around, parts) for decided, hashes in written)
    _publish(manifests, models, lease, parts, now)
    clock.ended("publish")
    _log(manifests, lease, clock)
    return CycleReport(
        manifests=manifests,
        models=models.reports,
        published_at=now,
        seconds=sum(clock.seconds.values()),
        after_kill=not lease.is_clean,
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
    cycle = publication.Cycle(
        manifests=manifests,
        versions=parts.tables.versions(),
        seen_marks=models.seen_marks,
        published_at=now,
        watermarks=models.watermarks,
        frozen=models.frozen,
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


def _manifest(decided: Decided, hashes: Mapping[str, int], around: Circumstances, parts: Parts) -> Manifest:
    earlier = publication.manifest_of(parts.ledger, decided.batch.id.stream, decided.batch.id.number)
    return write_manifest(decided.batch, decided.judged, hashes, around, earlier, parts)
