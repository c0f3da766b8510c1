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
    impact: Impact


ERROR, WARN = Severity.ERROR, Severity.WARN


def _lasts(name: str, severity: Severity, says: str, impact: Impact = UNTOUCHED) -> _Kind:
    return _Kind(name=name, severity=severity, lasts=True, says=says, impact=impact)


def _once(name: str, severity: Severity, says: str, impact: Impact = UNTOUCHED) -> _Kind:
    return _Kind(name=name, severity=severity, lasts=False, says=says, impact=impact)


KINDS = {
    "run failing": _lasts("RunsFailing", ERROR, "its runs keep failing", NOTHING_NEW),
    "run failed": _once("RunFailed", ERROR, "a run failed", ROWS_LACK),
    "model failing": _lasts("ModelFailing", ERROR, "cannot be recomputed", ROWS_LACK),
    "sensor failing": _lasts("SensorFailing", ERROR, "its ticks fail", LATE),
    "daemon stuck": _lasts("DaemonStuck", ERROR, "gives no sign of life", NOTHING_NEW),
    "planning failing": _lasts("PlanningFailing", ERROR, "cannot be planned", NOTHING_NEW),
    "freshness missed": _lasts("FreshnessMissed", WARN, "waits for longer than was promised", LATE),
    "rows taken back": _once("RowsTakenBack", WARN, "what you read was taken back", ROWS_LACK),
    "batch retracted": _once("BatchRetracted", WARN, "rows that readers had were taken back", ROWS_LACK),
    "offsets lost": _once("OffsetsLost", ERROR, "offsets are lost", ROWS_LOST),
    "log shortened": _once("LogShortened", ERROR, "its log was cut", ROWS_LOST),
    "transaction hanging": _once("TransactionHanging", WARN, "stands still", LATE),
    "schema proposed": _once("SchemaProposed", WARN, "what you read is about to change"),
    "version deprecated": _once("VersionDeprecated", WARN, "should be left by its sunset"),
    "reader unregistered": _lasts("ReaderUnregistered", WARN, "a consumer group that nobody registered"),
    "certificate ending": _lasts("CertificateEnding", ERROR, "is over soon, and nobody connects with it then"),
    "version overdue": _lasts("VersionOverdue", WARN, "is written in, and its sunset is over"),
    "approval waits": _once("ApprovalWaits", WARN, "has waited for its votes for too long"),
    "policy review due": _once("PolicyReviewDue", WARN, "should have been looked at again by then"),
    "adopted unapproved": _once("AdoptedUnapproved", ERROR, "came by git without its votes"),
    "glass broken": _once("GlassBroken", ERROR, "may be published without its votes"),
}
OF_CHECKS = ("verdict", "settled")  # these only say that what fails has changed


def alert_of(note: Note, known: Known) -> Alert | None:
    """The alert that a note asks for; None for notes about checks, which say nothing by themselves."""
    if note.kind in OF_CHECKS:
        return None
    kind = KINDS.get(note.kind, _once("Note", WARN, note.kind))
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
