"""A manifest as the JSON that the ledger stores, and back. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from analytics_platform.facts import BatchId, Manifest, Outcome, Verdict


def to_json(manifest: Manifest) -> dict[str, Any]:
    """Everything but what the ledger's columns hold (stream, number, revision, hour)."""
    return {
        "epoch": manifest.epoch,
        "offsets": manifest.offsets,
        "rows": manifest.rows,
        "gaps": manifest.gaps,
        "outcomes": {str(outcome): count for outcome, count in manifest.outcomes.items()},
        "hashes": {table: f"{value:016x}" for table, value in manifest.hashes.items()},
        "versions": dict(manifest.versions),
        "verdicts": [asdict(verdict) for verdict in manifest.verdicts],
        "newest_event_at": {str(p): at.isoformat() for p, at in manifest.newest_event_at.items()},
        "reader_schema_id": manifest.reader_schema_id,
        "metrics": dict(manifest.metrics),
        "libraries": dict(manifest.libraries),
    }


def from_json(stream: str, number: int, revision: int, hour: datetime, body: Mapping[str, Any]) -> Manifest:
    """The manifest that `to_json` wrote."""
    return Manifest(
        batch=BatchId(stream=stream, number=number),
        hour=hour,
        revision=revision,
        epoch=body["epoch"],
        offsets=body["offsets"],
        rows=body["rows"],
        gaps=body["gaps"],
        outcomes={Outcome(outcome): count for outcome, count in body["outcomes"].items()},
        hashes={table: int(value, 16) for table, value in body["hashes"].items()},
        versions=body["versions"],
        verdicts=tuple(Verdict(**verdict) for verdict in body["verdicts"]),
        newest_event_at={int(p): datetime.fromisoformat(at) for p, at in body["newest_event_at"].items()},
        reader_schema_id=body["reader_schema_id"],
        metrics=body["metrics"],
        libraries=body["libraries"],
    )
