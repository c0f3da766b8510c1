"""Keeping tables small while a lease holds the lock: folding small files, dropping what is past its retention."""

from datetime import datetime, timedelta

from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.fold import files_expired, files_to_fold
from analytics_platform.lake.shapes import Layer
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline.parts import Parts

VACUUM_KEEPS_HOURS = 2  # longer than the longest reader of a published version


def fold_one(parts: Parts, lease: Lease) -> str | None:
    """Fold the files of at most one table; returns its name. Readers see it with the next publication."""
    for stream in parts.pipeline.streams:
        before = planning.first_unpublished(parts.ledger, stream.name)
        for layer in Layer:
            table = parts.tables.of(stream.name, layer)
            files = files_to_fold(table.files(), before)
            if files:
                rows = read_files(parts.query, table.uris(files), table.shape.columns)
                table.fold(files, rows, epoch=lease.epoch)
                return table.shape.name
    return None


def expire(parts: Parts, lease: Lease, retention: timedelta) -> dict[str, int]:
    """Drop files whose rows are all older than `retention`, then what is left of them on disk; files by table."""
    keep_from = parts.now() - retention
    dropped = {}
    for stream in parts.pipeline.streams:
        first_kept = planning.first_of_hour(parts.ledger, stream.name, keep_from)
        for layer in Layer:
            table = parts.tables.of(stream.name, layer)
            dropped[table.shape.name] = _drop(table, "batch", first_kept, lease)
    for model in parts.pipeline.models:
        table = parts.tables.by_name[model.name]
        dropped[table.shape.name] = _drop(table, model.grain.column, keep_from, lease)
    publication.forget(parts.ledger, parts.pipeline.name, keep_from)
    return dropped


def _drop(table: Table, column: str, keep_from: datetime | int, lease: Lease) -> int:
    expired = files_expired(table.files(), column, keep_from)
    if expired:
        table.drop(expired, epoch=lease.epoch)
    table.vacuum(VACUUM_KEEPS_HOURS)
    return len(expired)
