"""Telling of what lasts: once, while it is so, and that it is over."""

from collections.abc import Mapping
from datetime import datetime

import psycopg

from analytics_platform.alerts.deliver import resolve, standing
from analytics_platform.alerts.notes import KINDS
from analytics_platform.ledger.postgres.alarms import raise_open


def tell_while(ledger: psycopg.Connection, kind: str, found: Mapping[str, Mapping[str, str]], now: datetime) -> None:
    """Tell of each, by its key with what else to know; alerts of that kind about anything else are over."""
    for key, body in found.items():
        raise_open(ledger, kind, key, body, now)
    told = [alert for alert in standing(ledger, now) if alert.labels.get("alertname") == KINDS[kind].name]
    resolve(ledger, [alert for alert in told if alert.labels["subject"] not in found], now)
