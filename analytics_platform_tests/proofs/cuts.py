"""One log cut into batches in many ways; each cut is worked off by the pipeline's code on a ledger of its own."""

import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from analytics_platform.facts import OffsetRange, PartitionOffsets
from analytics_platform.ingest.kafka.fetch import KafkaReader
from analytics_platform.ingest.plan import plan_batch
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres import dirty, planning, timers
from analytics_platform.ledger.postgres.lease import ensure_pipeline
from analytics_platform.pipeline import run_lease
from analytics_platform.pipeline.parts import Limits, Parts, Tables
from analytics_platform.postgres import connect, migrate
from analytics_platform.product import Pipeline
from analytics_platform.products import catalog
from analytics_platform.registry.folder import read_schemas
from analytics_platform_tests.proofs.report import ROOT

PORTION = 50  # batches of a stream that are recorded at a time
Offsets = Mapping[str, Sequence[PartitionOffsets]]
Cut = Mapping[str, Sequence[tuple[OffsetRange, ...]]]


def offsets_of(bootstrap: str) -> dict[str, list[PartitionOffsets]]:
    """By stream, what is on its topic."""
    streams = catalog().streams
    with KafkaReader(bootstrap) as reader:
        found = reader.offsets([stream.topic for stream in streams.values()])
    return {name: found[stream.topic] for name, stream in streams.items()}


def even_cut(offsets: Offsets, rows: int) -> Cut:
    """Batches of so many rows, shared among partitions as the planner does it."""
    return {stream: _evenly(found, rows) for stream, found in offsets.items()}


def random_cut(offsets: Offsets, chance: random.Random) -> Cut:
    """Batches of any size, partitions at any pace; many a batch has nothing of some partition."""
    return {stream: _randomly(found, chance) for stream, found in offsets.items()}


def _evenly(offsets: Sequence[PartitionOffsets], rows: int) -> list[tuple[OffsetRange, ...]]:
    frontier: dict[int, int] = {}
    batches = []
    while ranges := plan_batch(frontier, offsets, rows=rows):
        batches.append(ranges)
        frontier |= {r.partition: r.end for r in ranges}
    return batches


def _randomly(offsets: Sequence[PartitionOffsets], chance: random.Random) -> list[tuple[OffsetRange, ...]]:
    at = {p.partition: p.first for p in offsets}
    left = sum(p.stable_end - p.first for p in offsets)
    batches = []
    while any(at[p.partition] < p.stable_end for p in offsets):
        ends = {}
        for p in offsets:
            most = chance.choice([0, 1, left // 16, left // 4])
            ends[p.partition] = min(p.stable_end, at[p.partition] + chance.randint(0, most))
        ranges = tuple(
            OffsetRange(topic_id=p.topic_id, partition=p.partition, start=at[p.partition], end=ends[p.partition])
            for p in offsets
            if ends[p.partition] > at[p.partition]
        )
        if ranges:
            batches.append(ranges)
            at |= ends
    return batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What became of a cut: how many batches and cycles, whether anything is left to do."""

    batches: int
    cycles: int
    is_left: bool


def work_off(cut: Cut, folder: Path, bootstrap: str, dsn: str) -> Worked:
    """Record the cut's batches, work them off, end the streams, and work off what waited for that."""
    pipeline = catalog().pipelines["auction_house"]
    with _opened(pipeline, folder, bootstrap, dsn) as parts:
        cycles = 0
        planning.hold_ingestion(parts.ledger, "the cut is ours")
        for portion in range(-(-max(map(len, cut.values())) // PORTION)):
            for stream, batches in cut.items():
                _record(stream, batches[portion * PORTION : (portion + 1) * PORTION], parts)
            cycles += _lease(parts, f"portion {portion}")
        for stream in pipeline.stream_names:
            timers.end_stream(parts.ledger, stream)
        cycles += _lease(parts, "last")
        models = pipeline.model_names
        is_left = dirty.is_any(parts.ledger, models) or bool(timers.first_due(parts.ledger, models))
        is_left = is_left or bool(planning.open_batches(parts.ledger, pipeline.stream_names))
    return Worked(batches=sum(map(len, cut.values())), cycles=cycles, is_left=is_left)


def _record(stream: str, batches: Sequence[tuple[OffsetRange, ...]], parts: Parts) -> None:
    pins = parts.pins(parts.pipeline.stream(stream))
    for ranges in batches:
        if planning.record(parts.ledger, parts.pipeline.name, stream, ranges, pins, parts.now()) is None:
            raise RuntimeError(f"somebody else plans {stream}")


@contextmanager
def _opened(pipeline: Pipeline, folder: Path, bootstrap: str, dsn: str) -> Generator[Parts]:
    schemas = {name: read_schemas(ROOT / "schemas", name) for name in pipeline.stream_names}
    with connect(dsn, application="proof") as ledger, KafkaReader(bootstrap) as reader:
        migrate(ledger)
        ensure_pipeline(ledger, pipeline.name)
        yield Parts(
            pipeline=pipeline,
            ledger=ledger,
            reader=reader,
            query=connect_duckdb(),
            schemas=schemas,
            tables=Tables.open(folder, pipeline, schemas),
            limits=Limits(lease_seconds=3600, quiet_seconds=0, cycle_seconds=0),
        )


def _lease(parts: Parts, run_id: str) -> int:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return run_lease(parts, run_id, hour).cycles
