"""Dagster's own storage in Postgres, on connections that are kept: stock connects anew for each statement.

Named in dagster.yaml, so that every process of Dagster imports it: it must stay light.
"""

import os
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Self

import dagster as dg
from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresScheduleStorage
from dagster_postgres.utils import create_pg_engine
from sqlalchemy import Connection

from analytics_platform.keepalives import KEEPALIVES

KEPT = 4  # connections that a process keeps: as many as sensors are evaluated at once (dagster.yaml)
OVERFLOW = 28  # and opens beyond, closed when they are given back: no thread of Dagster's is to wait for another's
RECYCLE_SECONDS = 600  # a connection lives no longer: a changed password holds by then


class KeepingPostgresStorage(DagsterPostgresStorage):
    """DagsterPostgresStorage on the connections of its process, however many instances the process makes.

    A code server makes an instance for each tick of each sensor; each of stock's looks three times for its tables.
    """

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        database = _database(postgres_url, os.getpid())
        super().__init__(postgres_url, should_autocreate_tables="schema" not in database.seen, inst_data=inst_data)
        database.seen.add("schema")
        self._schedule_storage = _ScheduleStorage(postgres_url, database.seen)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = database.engine

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """The one argument."""
        return {"postgres_url": dg.StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig) -> Self:
        """As Dagster makes it from dagster.yaml."""
        return cls(config_value["postgres_url"], inst_data)


class _ScheduleStorage(PostgresScheduleStorage):
    """Remembers what it saw: stock asks by reflection, several times a second, whether its tables are of today."""

    def __init__(self, postgres_url: str, seen: set[str]) -> None:
        super().__init__(postgres_url, should_autocreate_tables=False)
        self._seen = seen

    def has_instigators_table(self) -> bool:
        return self._once("instigators", super().has_instigators_table)

    def _has_instigators_table(self, conn: Connection) -> bool:
        return self._once("instigators", partial(super()._has_instigators_table, conn))

    def has_built_index(self, migration_name: str) -> bool:
        return self._once(migration_name, partial(super().has_built_index, migration_name))

    def _once(self, name: str, look: Callable[[], bool]) -> bool:
        if name not in self._seen and look():
            self._seen.add(name)
        return name in self._seen


class _Database:
    """What one process shares: connections, and what was seen to exist, which no upgrade of Dagster takes away."""

    def __init__(self, postgres_url: str) -> None:
        self.seen: set[str] = set()
        self.engine = create_pg_engine(
            postgres_url,
            isolation_level="AUTOCOMMIT",  # as Dagster's own
            pool_size=KEPT,
            max_overflow=OVERFLOW,
            pool_recycle=RECYCLE_SECONDS,
            pool_pre_ping=True,  # else the first statement after a restart of Postgres would fail
            connect_args=KEEPALIVES,
        )


@cache
def _database(postgres_url: str, _pid: int) -> _Database:
    """One a process: a connection is not for two sides of a fork."""
    return _Database(postgres_url)
