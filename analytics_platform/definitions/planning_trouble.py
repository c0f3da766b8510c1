"""Pipelines that cannot be planned: told of once that lasts, and until it is over."""

from contextlib import suppress
from datetime import datetime, timedelta

import psycopg

from analytics_platform.alerts.deliver import resolve, standing
from analytics_platform.alerts.notes import KINDS
from analytics_platform.errors import PlatformError
from analytics_platform.ledger.postgres import alarms
from analytics_platform.postgres import connect
from analytics_platform.settings import LedgerRole, read_settings

PATIENCE = timedelta(minutes=1)  # a broker that restarts is back by then


class PlanningTrouble:
    """Since when each pipeline has not been planned; of this process, a new one looks once at what stands."""

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}
        self._told_at: dict[str, datetime] = {}
        self._sound: set[str] = set()

    def failed(self, pipeline: str, reason: str, now: datetime) -> bool:
        """It could not be planned just now; returns whether that is told of, and was not before.

        Without a ledger nobody can be told, and the heartbeat stops.
        """
        self._sound.discard(pipeline)
        since = self._since.setdefault(pipeline, now)
        if now - max(since, self._told_at.get(pipeline, since)) < PATIENCE:
            return False
        self._told_at[pipeline] = now
        with (
            suppress(PlatformError, psycopg.Error),
            connect(read_settings().ledger_as(LedgerRole.PLANNER), application="planner") as ledger,
        ):
            return alarms.raise_open(ledger, alarms.PLANNING_FAILING, pipeline, {"reason": reason}, now)
        return False

    def planned(self, pipeline: str, ledger: psycopg.Connection, now: datetime) -> None:
        """It could: whatever stands is over."""
        if pipeline in self._sound:
            return
        self._since.pop(pipeline, None)
        about = (KINDS[alarms.PLANNING_FAILING].name, pipeline)
        told = [a for a in standing(ledger, now) if (a.labels.get("alertname"), a.labels.get("subject")) == about]
        resolve(ledger, told, now)
        if now - self._told_at.get(pipeline, now - PATIENCE) >= PATIENCE:  # else a note may still become an alert
            self._sound.add(pipeline)
