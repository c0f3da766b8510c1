"""What Dagster code works with: the ledger, Kafka and the tables, opened from settings."""

import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import dagster as dg
import psycopg

from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.records import RecordReader
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.pipeline.parts import Limits, Parts, Tables
from analytics_platform.postgres import connect
from analytics_platform.product import Pipeline
from analytics_platform.quality.files import pipeline_with_contracts
from analytics_platform.registry.store import read_schemas
from analytics_platform.settings import Settings, read_settings


class PlatformResource(dg.ConfigurableResource):
    """The platform's parts. Each call opens its own; settings are read when it is called."""

    @contextmanager
    def ledger(self, application: str) -> Generator[psycopg.Connection]:
        """A connection to the ledger."""
        with connect(read_settings().ledger_dsn, application=application) as connection:
            yield connection

    @contextmanager
    def parts(self, pipeline: Pipeline, application: str) -> Generator[Parts]:
        """Everything a lease on that pipeline touches; closed afterwards."""
        settings = read_settings()
        with self.ledger(application) as ledger, KafkaReader(settings.kafka_bootstrap) as reader:
            yield open_parts(pipeline, settings, ledger, reader)


def open_parts(pipeline: Pipeline, settings: Settings, ledger: psycopg.Connection, reader: RecordReader) -> Parts:
    """The parts of a pipeline over open connections."""
    ensure_pipeline(ledger, pipeline.name)
    pipeline = pipeline_with_contracts(pipeline, settings.schema_dir)
    schemas = {stream.name: read_schemas(settings.schema_dir, stream.name) for stream in pipeline.streams}
    return Parts(
        pipeline=pipeline,
        ledger=ledger,
        reader=reader,
        query=connect_duckdb(),
        schemas=schemas,
        tables=Tables.open(settings.table_dir, pipeline, schemas),
        limits=Limits(
            lease_seconds=settings.lease_seconds,
            quiet_seconds=settings.quiet_seconds,
            cycle_seconds=settings.cycle_seconds,
            retention=timedelta(hours=settings.retention_hours) if settings.retention_hours else None,
        ),
    )


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
                ledger = opened.enter_context(connect(settings.ledger_dsn, application=f"planner {pipeline.name}"))
                reader = opened.enter_context(KafkaReader(settings.kafka_bootstrap))
                self._kept[pipeline.name] = open_parts(pipeline, settings, ledger, reader), opened.pop_all()
        return self._kept[pipeline.name][0]

    def _drop(self, name: str) -> None:
        if name in self._kept:
            self._kept.pop(name)[1].close()
