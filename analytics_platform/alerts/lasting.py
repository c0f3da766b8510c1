"""Telling of what lasts: once, while it is so, and that it is over."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import psycopg

from analytics_platform.alerts.alert import Alert
from analytics_platform.alerts.deliver import resolve, standing
from analytics_platform.alerts.notes import KINDS
from analytics_platform.ledger.postgres.alarms import raise_open

Found = Mapping[str, Mapping[str, str]]  # by what it is about, what else to know


def tell_while(ledger: psycopg.Connection, kind: str, found: Found, now: datetime) -> None:
    """Tell of each; alerts of that kind about anything else are over."""
    raise_each(ledger, {kind: found}, now)
    resolve(ledger, over(standing(ledger, now), {kind: found}), now)


def raise_each(ledger: psycopg.Connection, by_kind: Mapping[str, Found], now: datetime) -> None:
    """Note each that is not told of already."""
    for kind, found in by_kind.items():
        for key, body in found.items():
            raise_open(ledger, kind, key, body, now)


def over(alerts: Iterable[Alert], there: Mapping[str, Collection[str]]) -> list[Alert]:
    """The alerts of one of these kinds that are about nothing which is still there."""
    subjects = {KINDS[kind].name: keys for kind, keys in there.items()}
    return [
        alert
        for alert in alerts
        if (name := alert.labels.get("alertname", "")) in subjects and alert.labels["subject"] not in subjects[name]
    ]
