"""What a backfill would find: batches in the ledger, files of bronze, offsets on the broker. Changes nothing."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from analytics_platform.cli.pipelines import every_pipeline
from analytics_platform.errors import KafkaError, UnreachableError
from analytics_platform.facts import Batch
from analytics_platform.lake.prune import files_of_batch
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.dry_run import Estimate, estimate, sourced, streams_of
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.ledger.postgres.changes import rows_per_second
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Pipeline


def look_ahead(pipeline: Pipeline, name: str, hours: Sequence[datetime]) -> Estimate:
    """What a backfill of that stream or model over those hours would be."""
    streams = streams_of(pipeline, name)
    with every_pipeline(pipeline.name, "ap backfill") as (parts,):
        batches = planning.batches_of_hours(parts.ledger, streams, hours)
        manifests = publication.manifests_of_hours(parts.ledger, streams, hours)
        in_bronze = {stream: _numbers_in_bronze(parts, stream, batches) for stream in streams}
        is_complete = all(b.landed_rows is None or b.id.number in in_bronze[b.id.stream] for b in batches)
        first_kept = {} if is_complete else _first_kept(parts, streams)
        found = sourced(batches, manifests, in_bronze, first_kept)
        return estimate(pipeline, name, hours, found, rows_per_second(parts.ledger, pipeline.name))


def _numbers_in_bronze(parts: Parts, stream: str, batches: Sequence[Batch]) -> set[int]:
    """The stream's batches all of whose files are there as they were written."""
    table = parts.tables.of(stream, Layer.BRONZE)
    files = table.files()
    missing = {file.path for file in table.missing(files)}
    found = set()
    for batch in batches:
        if batch.id.stream == stream:
            holding = files_of_batch(files, batch.id.number)
            if holding and not any(file.path in missing for file in holding):
                found.add(batch.id.number)
    return found


def _first_kept(parts: Parts, streams: Sequence[str]) -> dict[tuple[UUID, int], int]:
    """By topic id and partition, the first offset that the broker has; what it does not tell is not kept."""
    try:
        found = parts.reader.offsets([parts.pipeline.stream(stream).topic for stream in streams])
    except (KafkaError, UnreachableError):
        return {}
    return {(o.topic_id, o.partition): o.first for offsets in found.values() for o in offsets}
