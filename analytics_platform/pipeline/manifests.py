"""Manifests of judged batches: what became of their rows, and what each check says. Writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import LedgerError
from analytics_platform.facts import Batch, CheckResult, Manifest, Outcome, Verdict
from analytics_platform.lake.incomplete import lacking
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.silver import count_distinct
from analytics_platform.pipeline.judge import Judged
from analytics_platform.pipeline.measures import measures_of
from analytics_platform.pipeline.models import count_too_late
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Severity, Stream

LIBRARIES = ("analytics-platform", "deltalake", "duckdb", "kafka-python", "numpy", "pyarrow")
FRESHNESS, AGE = "freshness", "age_seconds"


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
class Circumstances:
    """What a manifest records besides its batch: who judges it, when, why, and into which versions of the tables."""

    epoch: int
    now: datetime
    cause: str
    versions: Mapping[str, int]

    def versions_of(self, stream: str) -> dict[str, int]:
        """By layer, the version that holds the batch."""
        return {str(layer): self.versions[f"{stream}/{layer}"] for layer in Layer}


def write_manifest(
    batch: Batch,
    judged: Judged,
    hashes: Mapping[str, int],
    around: Circumstances,
    earlier: Manifest | None,
    parts: Parts,
) -> Manifest:
    """A batch's next manifest; UnreconciledError where rows do not add up. Freshness stays that of the first one."""
    number, case = batch.id.number, judged.case
    bronze = _of_bronze(judged, number)
    silver, exceptions = (_of_batch(rows, number, judged) for rows in (judged.silver, judged.exceptions))
    outcomes, schema_ids = judged.decision.counts(case.rows_of(number)), parts.schemas[batch.id.stream].writers
    manifest = Manifest(
        **_about(batch, around, earlier),
        rows=bronze.num_rows,
        gaps=batch.offsets - bronze.num_rows,
        outcomes=outcomes,
        hashes=hashes,
        verdicts=_verdicts(batch, judged, silver, earlier, parts, around.now),
        newest_event_at=newest_after(judged, number),
        reader_schema_id=case.pins.reader_schema_id,
        metrics=_metrics(bronze, outcomes, earlier, around.now) | measures_of(silver, exceptions, schema_ids),
        contract_digest=case.pins.contract_digest,
        topic_id=case.topic_id,
        too_late=count_too_late(batch.id.stream, silver, parts),
        incomplete=_incomplete(batch, judged, parts),
        resolution=case.rulings[number].text if number in case.rulings else None,
    )
    return _require_reconciled(manifest)


def _about(batch: Batch, around: Circumstances, earlier: Manifest | None) -> dict[str, Any]:
    """The fields that say which batch, and how it came to be judged."""
    return {
        "batch": batch.id,
        "hour": batch.hour,
        "offsets": batch.offsets,
        "revision": earlier.revision + 1 if earlier else 1,
        "epoch": around.epoch,
        "cause": around.cause,
        "versions": around.versions_of(batch.id.stream),
        "libraries": _libraries(),
    }


def _require_reconciled(manifest: Manifest) -> Manifest:
    if not manifest.is_reconciled:
        raise UnreconciledError(manifest)
    return manifest


def _of_bronze(judged: Judged, number: int) -> pa.Table:
    place = judged.case.rows_of(number)
    return judged.case.bronze.slice(place.start, place.stop - place.start)


def _incomplete(batch: Batch, judged: Judged, parts: Parts) -> dict[str, tuple[str, ...] | None]:
    """By model, its grains that lack the batch's rows, for it is held."""
    held = _of_batch(judged.held, batch.id.number, judged)
    found = lacking(batch.id.stream, held, parts.pipeline, parts.tables.input_columns)
    return {model: None if grains is None else tuple(sorted(grains)) for model, grains in found.items()}


def _of_batch(rows: pa.Table, number: int, judged: Judged) -> pa.Table:
    """Those rows of a case's tables that are of the batch."""
    return rows if len(judged.case.batches) == 1 else rows.filter(pc.equal(rows["batch"], number))


def newest_after(judged: Judged, number: int) -> dict[int, datetime]:
    """By partition, the highest event time up to and including that batch; one without rows has no news."""
    known = [n for n in judged.decision.newest_by_batch if n <= number]
    return dict(judged.decision.newest_by_batch[known[-1]] if known else judged.newest_before)


def moved_manifest(
    earlier: Manifest,
    outcomes: Mapping[Outcome, int],
    hashes: Mapping[str, int],
    too_late: Mapping[str, int],
    around: Circumstances,
) -> Manifest:
    """The next revision for a batch of which only some rows changed place, since a winner elsewhere moved."""
    stream = earlier.batch.stream
    counted = {outcome: count for outcome, count in outcomes.items() if count}
    published = counted.get(Outcome.PUBLISHED, 0)
    sizes = (earlier.rows, published, sum(counted.values()) - published)
    fresh = {v.check: v for v in (reconciled(stream, *sizes), unique_id(stream, published, published))}
    return replace(
        earlier,
        revision=earlier.revision + 1,
        epoch=around.epoch,
        outcomes=counted,
        hashes=hashes,
        versions=around.versions_of(stream),
        verdicts=tuple(fresh.get(verdict.check, verdict) for verdict in earlier.verdicts),
        libraries=_libraries(),
        too_late=too_late,
        cause=around.cause,
    )


def reconciled(stream: str, bronze: int, silver: int, exceptions: int) -> Verdict:
    """Whether every row that was landed is in exactly one of silver and exceptions."""
    return Verdict(
        asset=f"{stream}/{Layer.SILVER}",
        check="reconciled",
        passed=bronze == silver + exceptions,
        severity=Severity.ERROR,
        detail="every offset is a row or a gap, every row has one outcome",
        values={"bronze_rows": bronze, "silver_rows": silver, "exception_rows": exceptions},
    )


def unique_id(stream: str, rows: int, distinct: int) -> Verdict:
    """Whether no event is published twice."""
    return Verdict(
        asset=f"{stream}/{Layer.SILVER}",
        check="unique_id",
        passed=distinct == rows,
        severity=Severity.ERROR,
        detail="no event id is published twice",
        values={"rows": rows, "distinct_ids": distinct},
    )


def check_verdict(stream: str, result: CheckResult) -> Verdict:
    """What a batch check says."""
    return Verdict(
        asset=f"{stream}/{result.layer}",
        check=result.name,
        passed=result.passed,
        severity=result.severity,
        detail=result.detail,
        values=result.values,
        column=result.column,
        on_failure=result.on_failure,
    )


def _verdicts(
    batch: Batch, judged: Judged, silver: pa.Table, earlier: Manifest | None, parts: Parts, now: datetime
) -> tuple[Verdict, ...]:
    name, number = batch.id.stream, batch.id.number
    bronze = _of_bronze(judged, number)
    exceptions = _of_batch(judged.exceptions, number, judged).num_rows
    distinct = count_distinct(silver["event_id"])
    known = next((v for v in earlier.verdicts if v.check == FRESHNESS), None) if earlier else None
    return (
        reconciled(name, bronze.num_rows, silver.num_rows, exceptions),
        unique_id(name, silver.num_rows, distinct),
        known or _freshness(parts.pipeline.stream(name), _age_seconds(bronze["broker_at"], now)),
        *(check_verdict(name, result) for result in judged.checks.get(number, ())),
    )


def _freshness(stream: Stream, age: float) -> Verdict:
    limit = stream.freshness.total_seconds()
    return Verdict(
        asset=f"{stream.name}/{Layer.SILVER}",
        check=FRESHNESS,
        passed=age <= limit,
        severity=Severity.WARN,
        detail=f"its newest row is published within {stream.freshness} of reaching the broker",
        values={"seconds": age, "limit_seconds": limit},
    )


def _metrics(
    bronze: pa.Table, outcomes: Mapping[Outcome, int], earlier: Manifest | None, now: datetime
) -> dict[str, float]:
    age = earlier.metrics.get(AGE) if earlier else None
    return {
        AGE: _age_seconds(bronze["broker_at"], now) if age is None else age,
        "quarantined_share": outcomes.get(Outcome.QUARANTINED, 0) / max(1, bronze.num_rows),
        "bytes": float(sum(bronze[name].nbytes for name in ("key", "value", "headers"))),
    }


def _age_seconds(broker_at: pa.ChunkedArray, now: datetime) -> float:
    """How long ago the newest row reached the broker; 0 where there is none."""
    newest = pc.max(broker_at).as_py()
    return float(np.round(max((now - newest) / timedelta(seconds=1), 0.0), 3)) if newest else 0.0


@cache
def _libraries() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}
