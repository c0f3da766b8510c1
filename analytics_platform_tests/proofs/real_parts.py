"""A pipeline's parts over a real broker, a real Postgres and real tables, with what the auction house has produced."""

import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

from analytics_platform.facts import StreamSchemas
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.pipeline.parts import Limits, Parts, Tables
from analytics_platform.postgres import connect, migrate
from analytics_platform.product import Pipeline
from analytics_platform.products import catalog
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.proofs.report import ROOT, Report
from analytics_platform_tests.stock import UNSECURED


@contextmanager
def empty_parts(
    folder: Path, pipeline: Pipeline, schemas: Mapping[str, StreamSchemas], limits: Limits
) -> Generator[tuple[str, Parts]]:
    """Everything started in `folder` and stopped afterwards: the broker's address, no topic on it yet, and parts."""
    with (
        running_kafka(folder / "kafka", ROOT / ".state" / "jars") as kafka,
        running_postgres(folder / "postgres") as postgres,
        fresh_database(postgres) as dsn,
        parts_on(kafka.bootstrap, dsn, folder, pipeline, schemas, limits) as parts,
    ):
        yield kafka.bootstrap, parts


@contextmanager
def parts_on(
    bootstrap: str,
    dsn: str,
    folder: Path,
    pipeline: Pipeline,
    schemas: Mapping[str, StreamSchemas],
    limits: Limits,
) -> Generator[Parts]:
    """Parts over a broker and an empty database that run already; the tables are made in `folder`."""
    with connect(dsn, application="proof") as ledger, KafkaReader(bootstrap) as reader:
        migrate(ledger)
        leases.ensure_pipeline(ledger, pipeline.name)
        yield Parts(
            pipeline=pipeline,
            ledger=ledger,
            reader=reader,
            query=connect_duckdb(),
            schemas=dict(schemas),
            tables=Tables.open(folder / "tables", pipeline, schemas),
            limits=limits,
        )


@contextmanager
def real_parts(
    report: Report,
    folder: Path,
    pipeline: Pipeline,
    schemas: Mapping[str, StreamSchemas],
    house: Sequence[str],
    limits: Limits,
) -> Generator[Parts]:
    """The same with topics that the auction house has filled; `house` are its options."""
    with empty_parts(folder, pipeline, schemas, limits) as (bootstrap, parts):
        report.step(f"the auction house produces: {' '.join(house)}")
        produce(bootstrap, folder, [*house, f"--seed={report.seed}"])
        yield parts


def produce(bootstrap: str, folder: Path, options: Sequence[str]) -> None:
    """Make the declared topics, and have the auction house write into them as fast as it can."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(stream.topic, stream.partitions, 1) for stream in catalog().streams.values()]
    for future in admin.create_topics(topics).values():
        future.result()
    house = [sys.executable, "-m", "analytics_platform.local.auction_house", "--flat-out", *options]
    places = [f"--bootstrap={bootstrap}", f"--truth={folder / 'truth'}"]
    environment = {**os.environ, **UNSECURED}
    subprocess.run([*house, *places], cwd=ROOT, check=True, env=environment, capture_output=True)
