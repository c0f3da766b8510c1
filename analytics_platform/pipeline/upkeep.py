"""Keeping tables small while a lease holds the lock: folding small files, deleting what nobody reads."""

from collections.abc import Sequence
from datetime import timedelta

import pyarrow as pa

from analytics_platform.lake.fold import (
    FILES_PER_FOLD,
    MOST_WAITING,
    files_of_model_to_fold,
    files_to_fold,
    passes_with_time,
)
from analytics_platform.lake.log import forget_versions
from analytics_platform.lake.shapes import DataFile, Layer
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.protect import expire_sealed
from analytics_platform.pipeline.record import fold_manifests, record_manifests
from analytics_platform.pipeline.retention import expire

CUTS_KEPT = timedelta(minutes=15)  # how far back readers may go; each of its commits makes the next a little dearer
FILES_KEPT_HOURS = 2  # longer than the longest reader: one that has begun may finish
CYCLES_BETWEEN_TRIMS = 64


def after_cycle(number: int, parts: Parts, lease: Lease, *, is_draining: bool = False) -> None:
    """What a lease does for its tables after its cycle of that number; less while it drains a backlog."""
    fold_one(parts, lease, MOST_WAITING if is_draining else FILES_PER_FOLD)
    if number % CYCLES_BETWEEN_TRIMS == 0:
        trim_logs(parts)


def fold_one(parts: Parts, lease: Lease, at_least: int = FILES_PER_FOLD) -> str | None:
    """Fold the files of at most one table, of a stream if it has `at_least` so many of a size; returns its name.

    Readers see it with the next publication.
    """
    for stream in parts.pipeline.streams:
        before = planning.first_unpublished(parts.ledger, stream.name)
        for layer in Layer:
            table = parts.tables.of(stream.name, layer)
            if _fold(table, files_to_fold(table.files(), before, at_least=at_least), lease):
                return table.shape.name
    for model in parts.pipeline.models:
        table, grain = parts.tables.by_name[model.name], model.grain
        if passes_with_time(grain) and _fold(table, files_of_model_to_fold(table.files(), grain.column), lease):
            return model.name
    return fold_manifests(parts, lease)


def _fold(table: Table, files: Sequence[DataFile], lease: Lease) -> bool:
    """Put one file in the place of those; False if there are none."""
    if files:
        table.fold(files, epoch=lease.epoch)
        pa.default_memory_pool().release_unused()  # else what it held comes on top of the next batch
    return bool(files)


def trim_logs(parts: Parts) -> None:
    """Forget the cuts that readers go back to no more, and what only those needed of the tables' logs."""
    publication.forget(parts.ledger, parts.pipeline.name, parts.now() - CUTS_KEPT)
    oldest = publication.oldest_versions(parts.ledger, parts.pipeline.name)
    for name, table in parts.tables.written().items():
        if name in oldest:
            forget_versions(table.root, oldest[name])


def clean(parts: Parts, lease: Lease) -> None:
    """Once an hour: drop what is past its retention, publish the tables as they are now, delete what nobody reads.

    In this order: files of the cut that readers see are never deleted, and those of earlier cuts only when the cut is
    forgotten.
    """
    expire_sealed(parts)
    expire(parts, lease)
    versions = parts.tables.versions()
    cycle = publication.Cycle(manifests=(), versions=versions, seen_marks={}, published_at=parts.now())
    cycle = record_manifests(cycle, lease, parts)
    publication.publish(parts.ledger, lease, cycle)
    trim_logs(parts)
    for name, table in parts.tables.written().items():
        table.vacuum(FILES_KEPT_HOURS, keep_version=cycle.versions[name], epoch=lease.epoch)
