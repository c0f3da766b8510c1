"""What Dagster code works with: the ledger, Kafka and the tables, opened from settings."""

import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import dagster as dg
import psycopg

from analytics_platform.definitions.opening import open_parts, open_reader
from analytics_platform.definitions.ready import READY
from analytics_platform.ledger.postgres.lease import hear_of_ends
from analytics_platform.pipeline.follow import follow_schemas
from analytics_platform.pipeline.parts import Parts
from analytics_platform.postgres import connect
from analytics_platform.product import Pipeline
from analytics_platform.security.parts import PartName
from analytics_platform.settings import LedgerRole, Settings, read_settings


class PlatformResource(dg.ConfigurableResource):
    """The platform's parts. Each call opens its own; settings are read when it is called."""

    @contextmanager
    def ledger(self, application: str) -> Generator[psycopg.Connection]:
        """A run's connection to the ledger."""
        with connect(read_settings().ledger_as(LedgerRole.WORKER), application=application) as connection:
            yield connection

    @contextmanager
    def parts(self, pipeline: Pipeline, application: str) -> Generator[Parts]:
        """Everything a lease on that pipeline touches; closed afterwards."""
        if (parts := READY.take(pipeline.name, application)) is not None:
            follow_schemas(parts)  # it may have waited since before a version was published
            yield parts  # the process ends with its run, and its connections with it
            return
        settings = read_settings()
        with self.ledger(application) as ledger, open_reader(settings, PartName.WORKER) as reader:
            yield open_parts(pipeline, settings, ledger, reader)


class KeptParts:
    """Parts that outlive a sensor's tick: connecting each second would cost more than planning does.

    After any error they are dropped, and the next tick connects anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Parts, ExitStack]] = {}

    @contextmanager
    def of(self, pipeline: Pipeline) -> Generator[Parts]:
        """The pipeline's parts; one tick at a time."""
        with self._lock:
            try:
                yield self._open(pipeline)
            except BaseException:
                self._drop(pipeline.name)
                raise

    def _open(self, pipeline: Pipeline) -> Parts:
        if pipeline.name not in self._kept:
            settings = read_settings()
            with ExitStack() as opened:
                dsn = settings.ledger_as(LedgerRole.PLANNER)
                ledger = opened.enter_context(connect(dsn, application=f"planner {pipeline.name}"))
                hear_of_ends(ledger)
                reader = opened.enter_context(open_reader(settings, PartName.PLANNER))
                self._kept[pipeline.name] = open_parts(pipeline, settings, ledger, reader), opened.pop_all()
        return self._kept[pipeline.name][0]

    def _drop(self, name: str) -> None:
        if name in self._kept:
            self._kept.pop(name)[1].close()


class KeptLedger:
    """A connection to the ledger that outlives a sensor's tick; after any error the next tick connects anew."""

    def __init__(self, role: LedgerRole, application: str) -> None:
        self._role, self._application = role, application
        self._lock = threading.Lock()
        self._kept: psycopg.Connection | None = None

    @contextmanager
    def of(self, settings: Settings) -> Generator[psycopg.Connection]:
        """The connection; one tick at a time. Raises what `connect` raises."""
        with self._lock:
            if self._kept and not _answers(self._kept):
                self._drop()
            self._kept = self._kept or connect(settings.ledger_as(self._role), application=self._application)
            try:
                yield self._kept
            except BaseException:
                self._drop()
                raise

    def _drop(self) -> None:
        if self._kept:
            self._kept.close()
        self._kept = None


def _answers(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True
