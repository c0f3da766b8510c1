"""Recording: each cycle writes its manifests into a table beside the others, so that the ledger can be rebuilt."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics_platform.errors import LedgerLostError
from analytics_platform.facts import Manifest
from analytics_platform.lake.fold import files_to_fold
from analytics_platform.lake.shapes import DataFile
from analytics_platform.ledger.manifest import to_json
from analytics_platform.ledger.postgres import publication, rebuild, timers
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.ledger.postgres.publication import Cycle
from analytics_platform.ledger.rework import state_of
from analytics_platform.pipeline.parts import Parts


def record_manifests(cycle: Cycle, lease: Lease, parts: Parts) -> Cycle:
    """Commit what the cycle is about to publish to the pipeline's manifests; the cycle then publishes that too.

    What an earlier writer recorded and never published goes in the same commit: its cycle is repeated.
    """
    table = parts.tables.manifests
    published = rebuild.last_published(parts.ledger, parts.pipeline.name)
    unpublished = [file for file in table.files() if published is None or file.low["published_at"] > published]
    rows = pa.Table.from_pylist(_rows(cycle, lease, parts), table.shape.columns)
    version, _ = table.replace(unpublished, [rows], decided_on=table.version, epoch=lease.epoch)
    return replace(cycle, versions={**cycle.versions, table.shape.name: version})


def require_known(parts: Parts) -> None:
    """Raise LedgerLostError if the ledger does not know the batch that was recorded last: it is not the one we left."""
    table = parts.tables.manifests
    for file in sorted(table.files(), key=lambda file: file.high["published_at"], reverse=True):
        rows = pq.read_table(table.root / file.path, columns=["stream", "batch", "planned_at", "published_at"])
        known = rows.filter(pc.is_valid(rows["stream"])).sort_by([("published_at", "descending")])
        for newest in known.slice(0, 1).to_pylist():
            if not rebuild.is_known(parts.ledger, newest["stream"], newest["batch"], newest["planned_at"]):
                raise LedgerLostError(parts.pipeline.name, f"{newest['stream']}/{newest['batch']}")
            return


def fold_manifests(parts: Parts, lease: Lease) -> str | None:
    """Fold the manifests' small files; returns the table's name if there was something to fold."""
    table, published = parts.tables.manifests, rebuild.last_published(parts.ledger, parts.pipeline.name)
    files = files_to_fold(table.files(), published, "published_at") if published else []
    if not files:
        return None
    table.fold(files, epoch=lease.epoch)
    return table.shape.name


def record_again(file: DataFile, lease: Lease, parts: Parts) -> None:
    """Write what a damaged file of the manifests table held, from the ledger, which has all of it but the cuts."""
    table = parts.tables.manifests
    first, last = file.low["published_at"], file.high["published_at"]
    found = rebuild.published_between(parts.ledger, parts.pipeline.stream_names, first, last)
    versions = publication.published_versions(parts.ledger, parts.pipeline.name)
    rows: list[dict[str, Any]] = []
    for at, manifests in found.items():
        cycle = Cycle(manifests=manifests, versions=versions, seen_marks={}, published_at=at)
        rows += _rows(cycle, lease, parts)
    again = pa.Table.from_pylist(rows, table.shape.columns)
    table.replace([file], [again], decided_on=table.version, epoch=lease.epoch)


def _rows(cycle: Cycle, lease: Lease, parts: Parts) -> list[dict[str, Any]]:
    shared = {
        "published_at": cycle.published_at,
        "epoch": lease.epoch,
        "run_id": lease.run_id,
        "versions": json.dumps(dict(cycle.versions)),
        "watermarks": json.dumps({stream: at.isoformat() for stream, at in _watermarks(cycle, parts).items()}),
    }
    planned = rebuild.planned(parts.ledger, cycle.manifests)
    batches = [{**_row(manifest, planned[str(manifest.batch)]), **shared} for manifest in cycle.manifests]
    return batches or [shared]


def _watermarks(cycle: Cycle, parts: Parts) -> dict[str, datetime]:
    """How far each stream's time will have come once the cycle is published."""
    recorded = timers.watermarks(parts.ledger, parts.pipeline.stream_names)
    return {**recorded, **{stream: max(at, recorded.get(stream, at)) for stream, at in cycle.watermarks.items()}}


def _row(manifest: Manifest, planned: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stream": manifest.batch.stream,
        "batch": manifest.batch.number,
        "revision": manifest.revision,
        "state": str(state_of(manifest)),
        "hour": manifest.hour,
        "body": json.dumps(to_json(manifest)),
        **planned,
    }
