"""Troubles that last while Dagster or the ledger says so."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import psycopg
from dagster import DagsterInstance

from analytics_platform.ledger.postgres import planning
from analytics_platform.product import Stream

SILENT_AFTER = timedelta(minutes=5)  # a daemon tells that it lives every 30 s, between two of its ticks


def stuck_daemons(instance: DagsterInstance, now: datetime) -> dict[str, datetime]:
    """By kind, when each daemon that is silent last gave a sign of life."""
    beats = {kind: beat.timestamp for kind, beat in instance.get_daemon_heartbeats().items()}
    wanted = [kind for kind in instance.get_required_daemon_types() if kind in beats]
    at = {kind: datetime.fromtimestamp(beats[kind], UTC) for kind in wanted}
    return {kind: seen for kind, seen in at.items() if now - seen > SILENT_AFTER}


def overdue_streams(ledger: psycopg.Connection, streams: Iterable[Stream], now: datetime) -> dict[str, datetime]:
    """By stream, since when a planned batch has waited for longer than the stream promises its rows to take."""
    promised = {stream.name: stream.freshness for stream in streams}
    waiting = planning.open_since(ledger, list(promised))
    return {name: since for name, since in waiting.items() if now - since > promised[name]}
