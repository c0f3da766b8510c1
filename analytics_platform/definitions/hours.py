"""What an hour of a stream amounts to, from its manifests: counts, and each check over all of its batches. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from analytics_platform.facts import Manifest, Outcome, Verdict
from analytics_platform.product import Severity

UP_TO_DATE = "up_to_date"
HOUR_FORMAT = "%Y-%m-%d-%H:%M"  # Dagster's, for hourly partitions


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOfStream:
    """The sums over an hour's manifests."""

    batches: int
    offsets: int
    gaps: int
    rows: int
    outcomes: dict[Outcome, int]
    too_late: dict[str, int]  # by model, the rows that silver has and it leaves out


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOfHour:
    """A check over the hour so far: passed while each batch passed it, or somebody has decided about the batch.

    `failing` names the batches for which that is not so, `settled` those decided about and how; oldest first.
    """

    asset: str
    check: str
    passed: bool
    severity: str
    detail: str
    batches: int
    failing: tuple[str, ...]
    settled: tuple[str, ...]
    values: dict[str, float]


def partition_of(hour: datetime) -> str:
    """An hour's partition key."""
    return hour.astimezone(UTC).strftime(HOUR_FORMAT)


def sum_hour(manifests: Sequence[Manifest]) -> HourOfStream:
    """Counts over the hour."""
    outcomes = {o: sum(m.outcomes.get(o, 0) for m in manifests) for o in Outcome}
    models = sorted({model for manifest in manifests for model in manifest.too_late})
    return HourOfStream(
        batches=len(manifests),
        offsets=sum(m.offsets for m in manifests),
        gaps=sum(m.gaps for m in manifests),
        rows=sum(m.rows for m in manifests),
        outcomes={outcome: count for outcome, count in outcomes.items() if count},
        too_late={model: sum(m.too_late.get(model, 0) for m in manifests) for model in models},
    )


def checks_of_hour(manifests: Sequence[Manifest]) -> list[CheckOfHour]:
    """Each check of those manifests, in the order of first appearance."""
    by_check: dict[tuple[str, str], list[tuple[Manifest, Verdict]]] = {}
    for manifest in manifests:
        for verdict in manifest.verdicts:
            by_check.setdefault((verdict.asset, verdict.check), []).append((manifest, verdict))
    return [_check(found) for found in by_check.values()]


def model_check(model: str, waits_for: Sequence[str], batches: int) -> CheckOfHour:
    """Whether a model follows what is published; it does not while batches that broke a column of it are undecided."""
    return CheckOfHour(
        asset=model,
        check=UP_TO_DATE,
        passed=not waits_for,
        severity=Severity.ERROR,
        detail="no column that it reads is broken in a batch that nobody has decided about",
        batches=batches,
        failing=tuple(waits_for),
        settled=(),
        values={},
    )


def _check(found: Sequence[tuple[Manifest, Verdict]]) -> CheckOfHour:
    last = found[-1][1]
    failed = [manifest for manifest, verdict in found if not verdict.passed]
    failing = tuple(str(manifest.batch) for manifest in failed if manifest.resolution is None)
    return CheckOfHour(
        asset=last.asset,
        check=last.check,
        passed=not failing,
        severity=last.severity,
        detail=last.detail,
        batches=len(found),
        failing=failing,
        settled=tuple(f"{m.batch}: {m.resolution}" for m in failed if m.resolution is not None),
        values=dict(last.values),
    )
