"""What an hour of a stream amounts to, from its manifests: counts, and each check over all of its batches. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from analytics_platform.facts import Manifest, Outcome, Verdict
from analytics_platform.product import Severity

UP_TO_DATE = "up_to_date"
HOUR_FORMAT = "%Y-%m-%d-%H:%M"  # Dagster's, for hourly partitions


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOfHour:
    """A check over the hour so far: passed while each batch passed it, or somebody has decided about the batch.

    `failing` names the batches for which that is not so, `settled` those decided about and how; oldest first. Severity,
    detail and values are those of the last batch.
    """

    asset: str
    check: str
    severity: str
    detail: str
    batches: int
    failing: tuple[str, ...]
    settled: tuple[str, ...]
    values: Mapping[str, float]

    @property
    def passed(self) -> bool:
        """Whether nothing fails that is not settled."""
        return not self.failing


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOfStream:
    """The sums over an hour's manifests, and its checks in the order of their first appearance."""

    batches: int = 0
    offsets: int = 0
    gaps: int = 0
    rows: int = 0
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    too_late: Mapping[str, int] = field(default_factory=dict)  # by model, the rows that silver has and it leaves out
    checks: tuple[CheckOfHour, ...] = ()


NOTHING = HourOfStream()


def partition_of(hour: datetime) -> str:
    """An hour's partition key."""
    return hour.astimezone(UTC).strftime(HOUR_FORMAT)


def sum_hour(manifests: Sequence[Manifest], before: HourOfStream = NOTHING) -> HourOfStream:
    """What the hour amounts to with these manifests, of batches that are not in `before`; oldest first."""
    return HourOfStream(
        batches=before.batches + len(manifests),
        offsets=before.offsets + sum(m.offsets for m in manifests),
        gaps=before.gaps + sum(m.gaps for m in manifests),
        rows=before.rows + sum(m.rows for m in manifests),
        outcomes=_summed([before.outcomes, *(m.outcomes for m in manifests)]),
        too_late=_summed([before.too_late, *(m.too_late for m in manifests)]),
        checks=_checks(manifests, before.checks),
    )


def as_json(hour: HourOfStream) -> dict[str, Any]:
    """The hour as JSON takes it."""
    return asdict(hour)


def from_json(body: Mapping[str, Any]) -> HourOfStream:
    """The hour that `as_json` wrote; KeyError, TypeError or ValueError if another version of it did."""
    if body.keys() != {field.name for field in fields(HourOfStream)}:
        raise KeyError("fields of another version")
    found: dict[str, Any] = {**body}
    found["outcomes"] = {Outcome(name): count for name, count in body["outcomes"].items()}
    found["checks"] = tuple(_check_from(check) for check in body["checks"])
    return HourOfStream(**found)


def model_check(model: str, waits_for: Sequence[str], batches: int) -> CheckOfHour:
    """Whether a model follows what is published; it does not while batches that broke a column of it are undecided."""
    return CheckOfHour(
        asset=model,
        check=UP_TO_DATE,
        severity=Severity.ERROR,
        detail="no column that it reads is broken in a batch that nobody has decided about",
        batches=batches,
        failing=tuple(waits_for),
        settled=(),
        values={},
    )


def _check_from(body: Mapping[str, Any]) -> CheckOfHour:
    found: dict[str, Any] = {**body}
    found |= {name: tuple(body[name]) for name in ("failing", "settled")}
    return CheckOfHour(**found)


def _summed(counts: Iterable[Mapping[Any, int]]) -> dict[Any, int]:
    total: dict[Any, int] = {}
    for of_one in counts:
        for name, count in of_one.items():
            total[name] = total.get(name, 0) + count
    return {name: count for name, count in total.items() if count}


def _checks(manifests: Iterable[Manifest], before: Iterable[CheckOfHour]) -> tuple[CheckOfHour, ...]:
    found = {(check.asset, check.check): check for check in before}
    judged: dict[tuple[str, str], list[tuple[Manifest, Verdict]]] = {}
    for manifest in manifests:
        for verdict in manifest.verdicts:
            judged.setdefault((verdict.asset, verdict.check), []).append((manifest, verdict))
    found.update({key: _check(of_one, found.get(key)) for key, of_one in judged.items()})
    return tuple(found.values())


def _check(judged: Sequence[tuple[Manifest, Verdict]], before: CheckOfHour | None) -> CheckOfHour:
    last = judged[-1][1]
    failed = [manifest for manifest, verdict in judged if not verdict.passed]
    new = CheckOfHour(
        asset=last.asset,
        check=last.check,
        severity=last.severity,
        detail=last.detail,
        batches=len(judged),
        failing=tuple(str(m.batch) for m in failed if m.resolution is None),
        settled=tuple(f"{m.batch}: {m.resolution}" for m in failed if m.resolution is not None),
        values=dict(last.values),
    )
    if before is None:
        return new
    return replace(
        new,
        batches=before.batches + new.batches,
        failing=before.failing + new.failing,
        settled=before.settled + new.settled,
    )
