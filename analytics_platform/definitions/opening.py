"""Opens what a pipeline's run touches, from settings."""

import psycopg

from analytics_platform.ingest.kafka.fetch import KafkaReader, PlainReader
from analytics_platform.ingest.records import RecordReader
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.pipeline.parts import Followed, Limits, Parts, Tables
from analytics_platform.product import Pipeline
from analytics_platform.quality.files import pipeline_with_contracts
from analytics_platform.registry.current import current_schemas
from analytics_platform.registry.privacy_file import pipeline_with_privacy
from analytics_platform.registry.retention_file import pipeline_with_retention
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.core_files import forbid_core_files
from analytics_platform.security.parts import PartName
from analytics_platform.security.privacy.erasures import apply_erasures
from analytics_platform.security.privacy.key_files import KeyFiles
from analytics_platform.settings import Settings


def open_reader(settings: Settings, part: PartName) -> KafkaReader:
    """A part's connection to the broker; in stock mode nothing but kafka-python decodes its records."""
    reader = PlainReader if settings.stock else KafkaReader
    return reader(cluster_of(settings, part))


def open_parts(pipeline: Pipeline, settings: Settings, ledger: psycopg.Connection, reader: RecordReader) -> Parts:
    """The parts of a pipeline over open connections."""
    ensure_pipeline(ledger, pipeline.name)
    pipeline = pipeline_with_contracts(pipeline, settings.schema_dir)
    pipeline = pipeline_with_privacy(pipeline, settings.schema_dir)
    pipeline = pipeline_with_retention(pipeline, settings.schema_dir)
    keys = KeyFiles(settings.key_dir)
    if any(stream.privacy for stream in pipeline.streams):
        forbid_core_files()
        apply_erasures(ledger, keys)
    change, schemas = current_schemas(ledger, pipeline.stream_names, settings.schema_dir)
    parts = Parts(
        pipeline=pipeline,
        ledger=ledger,
        reader=reader,
        query=connect_duckdb(),
        schemas=schemas,
        followed=Followed(change=change),
        tables=Tables.open(settings.table_dir, pipeline, schemas),
        keys=keys,
        limits=Limits(
            lease_seconds=settings.lease_seconds,
            quiet_seconds=settings.quiet_seconds,
            cycle_seconds=settings.cycle_seconds,
            retention=settings.retention,
        ),
    )
    for stream in pipeline.streams:
        parts.horizon(stream)  # refused before anything is dropped
    return parts
