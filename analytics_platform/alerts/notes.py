"""Alerts about rows of the outbox that are no checks: runs, models, offsets, transactions, sensors. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from analytics_platform.alerts.alert import DOCS, Alert, Known
from analytics_platform.product import Severity
from analytics_platform.product.severity import Freshness, Impact, Readers, severity_of

TOLD_FOR = timedelta(days=1)  # what happened once and does not end by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A row of the outbox."""

    id: int
    kind: str
    key: str
    body: Mapping[str, Any]
    at: datetime


UNTOUCHED, ROWS_LOST = Impact(), Impact(readers=Readers.WRONG)
ROWS_LACK, LATE = Impact(readers=Readers.LACKING), Impact(freshness=Freshness.BROKEN)
NOTHING_NEW = Impact(readers=Readers.LACKING, freshness=Freshness.BROKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How a kind of note is told; one that `lasts` stands until something says that it is over."""

    name: str
    severity: Severity
    lasts: bool
    says: str
    impact: Impact = UNTOUCHED


KINDS = {
    "run failing": _Kind(
        name="RunsFailing", severity=Severity.ERROR, lasts=True, says="its runs keep failing", impact=NOTHING_NEW
    ),
    "run failed": _Kind(name="RunFailed", severity=Severity.ERROR, lasts=False, says="a run failed", impact=ROWS_LACK),
    "model failing": _Kind(
        name="ModelFailing", severity=Severity.ERROR, lasts=True, says="cannot be recomputed", impact=ROWS_LACK
    ),
    "sensor failing": _Kind(
        name="SensorFailing", severity=Severity.ERROR, lasts=True, says="its ticks fail", impact=LATE
    ),
    "daemon stuck": _Kind(
        name="DaemonStuck", severity=Severity.ERROR, lasts=True, says="gives no sign of life", impact=NOTHING_NEW
    ),
    "planning failing": _Kind(
        name="PlanningFailing", severity=Severity.ERROR, lasts=True, says="cannot be planned", impact=NOTHING_NEW
    ),
    "freshness missed": _Kind(
        name="FreshnessMissed",
        severity=Severity.WARN,
        lasts=True,
        says="waits for longer than was promised",
        impact=LATE,
    ),
    "rows taken back": _Kind(
        name="RowsTakenBack", severity=Severity.WARN, lasts=False, says="what you read was taken back", impact=ROWS_LACK
    ),
    "batch retracted": _Kind(
        name="BatchRetracted",
        severity=Severity.WARN,
        lasts=False,
        says="rows that readers had were taken back",
        impact=ROWS_LACK,
    ),
    "offsets lost": _Kind(
        name="OffsetsLost", severity=Severity.ERROR, lasts=False, says="offsets are lost", impact=ROWS_LOST
    ),
    "log shortened": _Kind(
        name="LogShortened", severity=Severity.ERROR, lasts=False, says="its log was cut", impact=ROWS_LOST
    ),
    "transaction hanging": _Kind(
        name="TransactionHanging", severity=Severity.WARN, lasts=False, says="stands still", impact=LATE
    ),
    "schema proposed": _Kind(
        name="SchemaProposed", severity=Severity.WARN, lasts=False, says="what you read is about to change"
    ),
    "version deprecated": _Kind(
        name="VersionDeprecated", severity=Severity.WARN, lasts=False, says="should be left by its sunset"
    ),
    "reader unregistered": _Kind(
        name="ReaderUnregistered", severity=Severity.WARN, lasts=True, says="a consumer group that nobody registered"
    ),
    "version overdue": _Kind(
        name="VersionOverdue", severity=Severity.WARN, lasts=True, says="is written in, and its sunset is over"
    ),
    "approval waits": _Kind(
        name="ApprovalWaits", severity=Severity.WARN, lasts=False, says="has waited for its votes for too long"
    ),
    "policy review due": _Kind(
        name="PolicyReviewDue", severity=Severity.WARN, lasts=False, says="should have been looked at again by then"
    ),
    "adopted unapproved": _Kind(
        name="AdoptedUnapproved", severity=Severity.ERROR, lasts=False, says="came by git without its votes"
    ),
    "glass broken": _Kind(
        name="GlassBroken", severity=Severity.ERROR, lasts=False, says="may be published without its votes"
    ),
}
OF_CHECKS = ("verdict", "settled")  # these only say that what fails has changed


def alert_of(note: Note, known: Known) -> Alert | None:
    """The alert that a note asks for; None for notes about checks, which say nothing by themselves."""
    if note.kind in OF_CHECKS:
        return None
    kind = KINDS.get(note.kind, _Kind(name="Note", severity=Severity.WARN, lasts=False, says=note.kind))
    labels = labels_of(note.kind, note.key, known)
    if "owner" in note.body:  # whom the note is for, where that is not who owns what it is about
        labels["owner"] = str(note.body["owner"])
    details = {name: str(value) for name, value in note.body.items()}
    return Alert(
        labels=labels,
        annotations={
            "summary": f"{note.key}: {kind.says}",
            "sev": severity_of(kind.impact),
            "runbook": DOCS,
            **details,
        },
        starts_at=note.at,
        ends_at=None if kind.lasts else note.at + TOLD_FOR,
    )


def labels_of(kind: str, key: str, known: Known) -> dict[str, str]:
    """What identifies the alert about that kind of note and key."""
    told = KINDS.get(kind)
    stream = key.partition("/")[0]  # of a batch: bids/7
    subject = next((name for name in (key, f"{key}/silver", f"{stream}/silver") if name in known.owners), key)
    labels = {
        "alertname": told.name if told else "Note",
        "subject": key,
        "severity": (told.severity if told else Severity.WARN).value,
        "owner": known.owners.get(subject, ""),
        "pipeline": known.pipelines.get(subject, ""),
    }
    return {name: value for name, value in labels.items() if value}
