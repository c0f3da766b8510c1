"""What an alert is, and which alerts follow from the checks that fail now: one for each cause. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType

from analytics_platform.product import Severity
from analytics_platform.product.severity import Freshness, Impact, Readers, severity_of

MOST_NAMED = 20
CHECK_FAILING = "CheckFailing"
FRESHNESS = "freshness"  # the check of each stream that compares with what is promised
DOCS = "docs/alerts.md"

Column = tuple[str, str | None]  # an asset and its column; None: its rows as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A check that fails now, of one batch (`number`) or of a published table (0)."""

    asset: str
    check: str
    stream: str
    number: int
    severity: str
    column: str | None
    detail: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing that somebody should hear of. Equal labels are the same alert, however often it is sent."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None = None

    @property
    def key(self) -> str:
        """The deduplication key: a hash of the labels, which never change while the alert stands."""
        text = json.dumps(dict(self.labels), sort_keys=True, separators=(",", ":"))
        return sha256(text.encode()).hexdigest()[:32]

    def is_firing(self, now: datetime) -> bool:
        """Whether it has not ended."""
        return self.ends_at is None or self.ends_at > now


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is declared that alerts need: by asset its pipeline and owner, and by column where its values come from.

    `origins` are direct: of a model's column, the columns of the tables that it reads.
    """

    pipelines: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[Column, Sequence[Column]] = field(default_factory=dict)


def alerts_of(
    failing: Iterable[Failing], known: Known, frozen: Mapping[Column, Sequence[str]] = MappingProxyType({})
) -> dict[str, Alert]:
    """By key, one alert for each cause. What fails further down a column's lineage belongs to the cause above it.

    `frozen` are the models that wait for somebody to decide, by the column that is broken.
    """
    found = list(failing)
    columns = {(f.asset, f.column) for f in found}
    by_cause: dict[Column, list[Failing]] = {}
    for each in found:
        by_cause.setdefault(_cause(each, columns, known), []).append(each)
    alerts = [_alert(cause, group, known, frozen) for cause, group in by_cause.items()]
    return {alert.key: alert for alert in alerts}


def _cause(failing: Failing, columns: set[Column], known: Known) -> Column:
    """The furthest column up the lineage that fails too, of several the first by name; else what the check is about.

    A check of rows as a whole is about every column, and a cause of its own under its name.
    """
    here: Column = (failing.asset, failing.column or f"check {failing.check}")
    edge = [here] if failing.column else _columns_of(failing.asset, known)
    best, seen = here, set(edge)
    while edge:
        edge = sorted({origin for place in edge for origin in known.origins.get(place, ())} - seen, key=str)
        seen |= set(edge)
        best = next((place for place in edge if place in columns), best)
    return best


def _columns_of(asset: str, known: Known) -> list[Column]:
    """Every column of a table, for a check of its rows as a whole."""
    return [place for place in known.origins if place[0] == asset]


def _alert(cause: Column, group: Sequence[Failing], known: Known, frozen: Mapping[Column, Sequence[str]]) -> Alert:
    asset, column = cause
    worst = Severity.ERROR if any(f.severity == Severity.ERROR for f in group) else Severity.WARN
    batches = sorted({(f.stream, f.number) for f in group if f.number})
    checks = sorted({f"{f.asset}: {f.check}" for f in group})
    below = sorted({f.asset for f in group} - {asset})
    waiting = sorted({model for f in group for model in frozen.get((f.asset, f.column), ())})
    labels = {
        "alertname": CHECK_FAILING,
        "asset": asset,
        "cause": str(column),
        "severity": worst.value,
        "owner": known.owners.get(asset, ""),
        "pipeline": known.pipelines.get(asset, ""),
    }
    named = ", ".join(f"{stream}/{number}" for stream, number in batches[:MOST_NAMED])
    annotations = {
        "summary": f"{asset}, {column}: {group[0].detail}",
        "checks": "; ".join(checks[:MOST_NAMED]),
        "batches": named + (f" and {len(batches) - MOST_NAMED} more" if len(batches) > MOST_NAMED else ""),
        "also failing below": ", ".join(below),
        "frozen": ", ".join(waiting),
        "sev": severity_of(_impact(group, worst)),
        "runbook": DOCS,
    }
    return Alert(
        labels={name: value for name, value in labels.items() if value},
        annotations={name: value for name, value in annotations.items() if value},
        starts_at=min(f.since for f in group),
    )


def _impact(group: Sequence[Failing], worst: Severity) -> Impact:
    """What failing checks do to readers: an error holds rows back, a warning touches nobody."""
    return Impact(
        readers=Readers.LACKING if worst is Severity.ERROR else Readers.UNTOUCHED,
        freshness=Freshness.BROKEN if any(f.check == FRESHNESS for f in group) else Freshness.KEPT,
    )
