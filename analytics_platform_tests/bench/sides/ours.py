"""Ours: a lease's own code over the stream of bids and its two models; no Dagster, which costs once a minute."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.pipeline.parts import Limits, Parts, Tables
from analytics_platform.postgres import connect, migrate
from analytics_platform_tests.bench.declared import pipeline_of, schemas_of
from analytics_platform_tests.bench.sides.stage import Task


@contextmanager
def opened(given: Task) -> Generator[Parts]:
    """The parts of the pipeline over new tables and a new ledger."""
    pipeline, schemas = pipeline_of(given.topic), schemas_of(given.encoding)
    with (
        connect(given.dsn, application="bench") as ledger,
        KafkaReader(given.bootstrap, configuration=given.kafka_python) as reader,
    ):
        migrate(ledger)
        leases.ensure_pipeline(ledger, pipeline.name)
        reader.offsets([given.topic])  # connects
        yield Parts(
            pipeline=pipeline,
            ledger=ledger,
            reader=reader,
            query=connect_duckdb(),
            schemas=schemas,
            tables=Tables.open(given.folder / "tables", pipeline, schemas),
            limits=Limits(lease_seconds=3600, quiet_seconds=0, cycle_seconds=0),  # no pause after the last batch
        )


def last_hour() -> datetime:
    """The hour that a lease is asked for: one that is over, or the lease would end with it and leave the rest."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
