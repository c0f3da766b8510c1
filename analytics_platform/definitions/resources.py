"""What Dagster code works with: the ledger, Kafka and the tables, opened from settings."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg
import psycopg
from analytics_platform.registry.store import read_schemas

from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.pipeline.parts import Limits, Parts, Tables
from analytics_platform.postgres import connect
from analytics_platform.product import Pipeline
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


def open_parts(pipeline: Pipeline, settings: Settings, ledger: psycopg.Connection, reader: KafkaReader) -> Parts:
    """The parts of a pipeline over open connections."""
    ensure_pipeline(ledger, pipeline.name)
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
        ),
    )


class KeptParts:
    """Parts that outlive a sensor's tick: connecting each second would cost more than planning does.

    After any error they are dropped, and the next tick connects anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Parts] = {}

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
            ledger = connect(settings.ledger_dsn, application=f"planner {pipeline.name}")
            self._kept[pipeline.name] = open_parts(pipeline, settings, ledger, KafkaReader(settings.kafka_bootstrap))
        return self._kept[pipeline.name]

    def _drop(self, name: str) -> None:
        parts = self._kept.pop(name, None)
        if parts:
            parts.ledger.close()
            parts.reader.close()
