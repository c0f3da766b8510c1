"""A manifest as the JSON that the ledger stores, and back. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from analytics_platform.facts import BatchId, Manifest, Outcome, Verdict
from analytics_platform.product import OnFailure

FIELDS = tuple(field.name for field in fields(Verdict))


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
        "verdicts": [_verdict(verdict) for verdict in manifest.verdicts],
        "newest_event_at": {str(p): at.isoformat() for p, at in manifest.newest_event_at.items()},
        "reader_schema_id": manifest.reader_schema_id,
        "metrics": dict(manifest.metrics),
        "libraries": dict(manifest.libraries),
        "contract_digest": manifest.contract_digest,
        "topic_id": str(manifest.topic_id) if manifest.topic_id else None,
        "too_late": dict(manifest.too_late),
        "incomplete": {model: grains and list(grains) for model, grains in manifest.incomplete.items()},
        "cause": manifest.cause,
        "resolution": manifest.resolution,
    }


def from_json(stream: str, number: int, revision: int, hour: datetime, body: Mapping[str, Any]) -> Manifest:
    """The manifest that `to_json` wrote, now or before it wrote as much."""
    topic_id = body.get("topic_id")
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
        contract_digest=body.get("contract_digest", ""),
        topic_id=UUID(topic_id) if topic_id else None,
        too_late=body.get("too_late", {}),
        incomplete={model: grains and tuple(grains) for model, grains in body.get("incomplete", {}).items()},
        cause=body.get("cause", "live"),
        resolution=body.get("resolution"),
    )


def _verdict(verdict: Verdict) -> dict[str, Any]:
    """What nearly every check does when it fails is left out: there are many of them."""
    found = {name: getattr(verdict, name) for name in FIELDS}  # asdict copies values to any depth: ten times as dear
    if verdict.on_failure == OnFailure.HOLD_BATCH:
        del found["on_failure"]
    return {**found, "values": dict(verdict.values)}
