"""Metrics as text, for Prometheus: its own format and OpenMetrics. Labels are bounded, by what is declared. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from analytics_platform.facts import Outcome

TEXT = "text/plain; version=0.0.4; charset=utf-8"
MISSING, SCHEMA, LATE_ROWS = "missing.", "schema.", "late_rows"  # as manifests name them
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOfStream:
    """What an hour of a stream came to so far. Times in seconds; `at` is when its newest batch was published.

    `measures` are sums over its batches: `missing.<column>` values, `schema.<id>` rows, `late_rows`; `late_seconds` is
    how far its latest row was behind.
    """

    stream: str
    batches: int
    offsets: int
    gaps: int
    rows: int
    outcomes: Mapping[Outcome, int]
    too_late: int
    verdicts: int
    failed: int
    age_seconds: float
    timeliness_seconds: float | None
    at: datetime
    measures: Mapping[str, float] = field(default_factory=dict)
    late_seconds: float | None = None


Value = Callable[[HourOfStream], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric: a gauge with a value for each set of labels."""

    name: str
    help: str
    samples: Sequence[tuple[Mapping[str, str], float]] = field(default_factory=tuple)


def families(
    hours: Iterable[HourOfStream],
    failing: Mapping[tuple[str, str], int],
    alerts: Mapping[str, int],
    accuracies: Mapping[tuple[str, str, str], float],
    now: datetime,
) -> list[Family]:
    """Every metric.

    Args:
        hours: the newest hour of each stream.
        failing: by asset and severity, how many checks fail now.
        alerts: by severity, how many alerts stand.
        accuracies: by product, check and reference, the share that agrees.
        now: when this is told.
    """
    found = list(hours)
    return [
        *_volumes(found),
        *_dimensions(found, now),
        Family(name="ap_missing_ratio", help="Missing values of a published column.", samples=_missing(found)),
        Family(name="ap_schema_ratio", help="Rows written in a schema, by its id.", samples=_schemas(found)),
        Family(name="ap_accuracy_ratio", help="What agrees with a contract's reference.", samples=_shares(accuracies)),
        *_troubles(failing, alerts),
    ]


def _shares(accuracies: Mapping[tuple[str, str, str], float]) -> list[tuple[Mapping[str, str], float]]:
    return [({"product": p, "check": c, "reference": r}, share) for (p, c, r), share in sorted(accuracies.items())]


def _troubles(failing: Mapping[tuple[str, str], int], alerts: Mapping[str, int]) -> list[Family]:
    """What is wrong now."""
    return [
        Family(
            name="ap_checks_failing",
            help="Checks that fail now and that nobody has settled.",
            samples=[({"asset": a, "severity": s}, float(n)) for (a, s), n in sorted(failing.items())],
        ),
        Family(
            name="ap_alerts_standing",
            help="Alerts that stand.",
            samples=[({"severity": s}, float(n)) for s, n in sorted(alerts.items())],
        ),
    ]


def _volumes(hours: Sequence[HourOfStream]) -> list[Family]:
    """How much there was of each stream."""
    outcomes = [({"stream": h.stream, "outcome": str(o)}, float(h.outcomes.get(o, 0))) for h in hours for o in Outcome]
    gauges: Sequence[tuple[str, str, Value]] = (
        ("ap_hour_batches", "Batches of the hour so far.", lambda h: float(h.batches)),
        ("ap_hour_offsets", "Offsets of the hour so far: rows and gaps.", lambda h: float(h.offsets)),
        ("ap_hour_offset_gaps", "Offsets of the hour without a row.", lambda h: float(h.gaps)),
        ("ap_hour_rows_too_late", "Rows that silver has and some model leaves out.", lambda h: float(h.too_late)),
        ("ap_hour_rows_late", "Published rows behind their partition's newest event.", _late_rows),
    )
    rows = Family(name="ap_hour_rows", help="Rows of the hour so far, by what became of them.", samples=outcomes)
    return [rows, *(_gauge(hours, *gauge) for gauge in gauges)]


def _dimensions(hours: Sequence[HourOfStream], now: datetime) -> list[Family]:
    """How good each stream was: shares and seconds."""
    gauges: Sequence[tuple[str, str, Value]] = (
        ("ap_completeness_ratio", "Rows that are published or copies of published ones.", _completeness),
        ("ap_validity_ratio", "Rows that can be read and keep their rules.", _validity),
        ("ap_uniqueness_ratio", "Rows that are no copies.", _uniqueness),
        ("ap_check_error_ratio", "Verdicts of the hour that failed.", lambda h: _share(h.failed, h.verdicts)),
        ("ap_freshness_seconds", "From the broker to readers, mean of the hour's batches.", lambda h: h.age_seconds),
        ("ap_timeliness_seconds", "From newest event to readers, last batch.", lambda h: h.timeliness_seconds),
        ("ap_lateness_seconds", "How far the hour's latest published row was behind.", lambda h: h.late_seconds),
        ("ap_silence_seconds", "Since the newest batch was published.", lambda h: (now - h.at).total_seconds()),
    )
    return [_gauge(hours, *gauge) for gauge in gauges]


def _gauge(hours: Sequence[HourOfStream], name: str, text: str, value: Value) -> Family:
    samples = [({"stream": hour.stream}, v) for hour in hours if (v := value(hour)) is not None]
    return Family(name=name, help=text, samples=samples)


def render(found: Iterable[Family], *, is_openmetrics: bool) -> str:
    """The exposition; families without a sample are left out."""
    lines = []
    for family in found:
        if family.samples:
            lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} gauge"]
            lines += [f"{family.name}{_labels(labels)} {value!r}" for labels, value in family.samples]
    if is_openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n" if lines else ""


def _completeness(hour: HourOfStream) -> float | None:
    kept = hour.outcomes.get(Outcome.PUBLISHED, 0) + hour.outcomes.get(Outcome.DUPLICATE, 0)
    return _share(kept, hour.rows)


def _validity(hour: HourOfStream) -> float | None:
    return _share(hour.rows - hour.outcomes.get(Outcome.QUARANTINED, 0), hour.rows)


def _uniqueness(hour: HourOfStream) -> float | None:
    copies = hour.outcomes.get(Outcome.DUPLICATE, 0) + hour.outcomes.get(Outcome.CONFLICT, 0)
    return _share(hour.rows - copies, hour.rows)


def _late_rows(hour: HourOfStream) -> float:
    return hour.measures.get(LATE_ROWS, 0.0)


def _missing(hours: Iterable[HourOfStream]) -> list[tuple[Mapping[str, str], float]]:
    """Of the columns in which a value was missing."""
    return [
        ({"stream": h.stream, "column": name.removeprefix(MISSING)}, value / h.outcomes[Outcome.PUBLISHED])
        for h in hours
        for name, value in sorted(h.measures.items())
        if name.startswith(MISSING) and h.outcomes.get(Outcome.PUBLISHED)
    ]


def _schemas(hours: Iterable[HourOfStream]) -> list[tuple[Mapping[str, str], float]]:
    """Of the schemas that the hour's rows were written in; ids that are not published share one name."""
    return [
        ({"stream": h.stream, "schema": name.removeprefix(SCHEMA)}, value / h.rows)
        for h in hours
        for name, value in sorted(h.measures.items())
        if name.startswith(SCHEMA) and h.rows
    ]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
