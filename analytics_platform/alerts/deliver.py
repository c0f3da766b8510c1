"""Delivering: the outbox is folded into alerts, and each destination is told what it was not told yet.

Folding is one transaction of the ledger. A destination is told before the ledger notes it, so that a kill in between
tells it again, under the same key: at least once, and none is lost.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import psycopg

from analytics_platform.alerts.alert import Alert, Failing, Known, alerts_of
from analytics_platform.alerts.folding import changed_alerts
from analytics_platform.alerts.notes import Note, alert_of
from analytics_platform.errors import UnreachableError
from analytics_platform.ledger.postgres import alert_store, failing
from analytics_platform.ledger.postgres.frozen import frozen_now

log = logging.getLogger(__name__)
MOST_NOTES = 1000
MODEL_FAILING = "ModelFailing"


class Step(StrEnum):
    """The places at which a test may kill a deliverer."""

    FOLDED = "folded"
    SENT = "sent"


class Destination(Protocol):
    """Where alerts go; `repeats`: after which time it wants to hear again of what stands."""

    @property
    def name(self) -> str:
        """What the ledger knows it by."""
        ...

    @property
    def repeats(self) -> timedelta | None:
        """After which time it wants to hear again of what stands; None: only of changes."""
        ...

    def send(self, alerts: Sequence[Alert], now: datetime) -> None:
        """Tell it; UnreachableError unless it has taken all."""

    def beat(self, now: datetime) -> None:
        """Tell it that we live."""


def _nothing(_: Step) -> None:
    """No test is watching."""


def deliver(
    ledger: psycopg.Connection,
    destinations: Iterable[Destination],
    known: Known,
    now: datetime,
    reached: Callable[[Step], None] = _nothing,
) -> list[str]:
    """Fold what is new and tell every destination; returns what went wrong, one line for each that did not answer."""
    fold(ledger, known, now)
    reached(Step.FOLDED)
    problems = []
    for destination in destinations:
        try:
            _tell(ledger, destination, now, reached)
        except UnreachableError as error:
            log.warning("alerts.undelivered", extra={"destination": destination.name, "reason": str(error)})
            problems.append(str(error))
    return problems


def fold(ledger: psycopg.Connection, known: Known, now: datetime) -> list[Alert]:
    """Bring the alerts up to date with what fails, whether the outbox told of it or not; returns what changed.

    What fails is read whole each time, so that a crash leaves nothing unsaid and nothing said for ever.
    """
    with ledger.transaction():
        if not alert_store.try_lock(ledger):
            return []
        notes = [
            Note(id=i, kind=k, key=key, body=b, at=at) for i, k, key, b, at in alert_store.notes(ledger, MOST_NOTES)
        ]
        wanted = alerts_of((Failing(**row) for row in failing.all_failing(ledger)), known, _frozen(ledger))
        wanted |= {alert.key: alert for note in notes if (alert := alert_of(note, known))}
        before = {alert.key: alert for alert in standing(ledger, now)}
        changed = changed_alerts(before, wanted, _over(ledger, before.values()), now)
        alert_store.keep(ledger, [(a.key, a.labels, a.annotations, a.starts_at, a.ends_at) for a in changed])
        alert_store.taken_over(ledger, [note.id for note in notes], now)
    return changed


def _frozen(ledger: psycopg.Connection) -> dict[tuple[str, str | None], list[str]]:
    """By broken column, the models that are frozen for it."""
    found: dict[tuple[str, str | None], list[str]] = {}
    for each in frozen_now(ledger):
        found.setdefault((each.asset, each.column), []).append(each.model)
    return found


def standing(ledger: psycopg.Connection, now: datetime) -> list[Alert]:
    """Every alert that has not ended."""
    return [
        Alert(labels=labels, annotations=annotations, starts_at=starts_at, ends_at=ends_at)
        for _, labels, annotations, starts_at, ends_at in alert_store.standing(ledger, now)
    ]


def resolve(ledger: psycopg.Connection, alerts: Iterable[Alert], now: datetime) -> None:
    """Those are over, whoever found out."""
    rows = [(alert.key, alert.labels, alert.annotations, alert.starts_at, now) for alert in alerts]
    if not rows:
        return
    with ledger.transaction():
        alert_store.keep(ledger, rows)


def _over(ledger: psycopg.Connection, alerts: Iterable[Alert]) -> set[str]:
    """Alerts about models that have nothing left to recompute."""
    failing_models = [alert for alert in alerts if alert.labels.get("alertname") == MODEL_FAILING]
    left = alert_store.dirty_models(ledger) if failing_models else set()
    return {alert.key for alert in failing_models if alert.labels.get("subject") not in left}


def _tell(ledger: psycopg.Connection, destination: Destination, now: datetime, reached: Callable[[Step], None]) -> None:
    before = now - destination.repeats if destination.repeats else None
    found = alert_store.pending(ledger, destination.name, now, before)
    if found:
        alerts = [Alert(labels=la, annotations=an, starts_at=s, ends_at=e) for _, la, an, s, e, _ in found]
        destination.send(alerts, now)
        reached(Step.SENT)
        alert_store.delivered(ledger, destination.name, [(row[0], row[5]) for row in found], now)
        log.info("alerts.delivered", extra={"destination": destination.name, "alerts": len(found)})
    destination.beat(now)
