"""What a demo says it did: counted from ledger, published tables and the broker's offsets."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa

from analytics_platform.facts import Manifest, Outcome
from analytics_platform.lake.fingerprint import add, fingerprint
from analytics_platform.ledger.manifest import from_json
from analytics_platform.local.demo_oracle import compare
from analytics_platform.local.progress import Progress
from analytics_platform.postgres import connect
from analytics_platform.product import Catalog
from analytics_platform.published import sql
from analytics_platform.settings import Settings

MANIFESTS = """
select distinct on (stream, number) stream, number, revision, hour, body,
       min(published_at) over (partition by stream, number) as published_at
  from manifest order by stream, number, revision desc"""
LATENCY = """
select quantile_cont(seconds, [0.5, 0.95, 0.99, 1.0])
  from (select epoch(published.at - rows.broker_at) as seconds from rows join published using (stream, batch))"""

Published = list[tuple[Manifest, datetime]]


def figures(settings: Settings, declared: Catalog, truth: Path, last: Progress) -> dict[str, Any]:
    """Everything but the seconds spent; `last` is what broker and Dagster said at the end."""
    with connect(settings.ledger_dsn, application="ap demo") as ledger:
        published = _published(ledger)
    manifests = [manifest for manifest, _ in published]
    models = {name: sql(settings, declared, f'select * from "{name}"') for name in declared.models}
    matches = compare(truth, models)
    return {
        "produced": last.offsets,
        "streams": {name: _stream(name, manifests) for name in declared.streams},
        "models": {name: _model(name, rows, matches[name], manifests) for name, rows in models.items()},
        "reconciled": is_reconciled(manifests, {s.stream: s.offsets for s in last.streams}),
        "checks": _checks(manifests),
        "runs": sum(last.runs.values()),
        "batches": len(manifests),
        "content_hash": content_hash(manifests, models),
        "event_to_gold_seconds": _latency(settings, declared, published),
    }


def is_reconciled(manifests: Sequence[Manifest], offsets: Mapping[str, int]) -> bool:
    """Whether every batch adds up, none is missing, and together they cover every offset of the broker. Pure."""
    for stream, wanted in offsets.items():
        of_stream = [manifest for manifest in manifests if manifest.batch.stream == stream]
        numbers = [manifest.batch.number for manifest in of_stream]
        if numbers != list(range(1, len(numbers) + 1)) or sum(m.offsets for m in of_stream) != wanted:
            return False
    return all(manifest.is_reconciled for manifest in manifests)


def content_hash(manifests: Sequence[Manifest], models: Mapping[str, pa.Table]) -> str:
    """One hash over all tables that does not depend on how the log was cut into batches. Pure."""
    tables: dict[str, list[int]] = {}
    for manifest in manifests:
        for table, value in manifest.hashes.items():
            tables.setdefault(f"{manifest.batch.stream}/{table}", []).append(value)
    sums = {table: add(values) for table, values in tables.items()}
    sums |= {name: fingerprint(rows) for name, rows in models.items()}
    text = "\n".join(f"{table} {value:016x}" for table, value in sorted(sums.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def _published(ledger: psycopg.Connection) -> Published:
    rows = ledger.execute(MANIFESTS).fetchall()
    return [(from_json(*row[:5]), row[5]) for row in rows]


def _stream(name: str, manifests: Sequence[Manifest]) -> dict[str, int]:
    of_stream = [manifest for manifest in manifests if manifest.batch.stream == name]
    outcomes = {str(o): sum(manifest.outcomes.get(o, 0) for manifest in of_stream) for o in Outcome}
    return {
        "rows": sum(manifest.rows for manifest in of_stream),
        **outcomes,
        "offset_gaps": sum(manifest.gaps for manifest in of_stream),
    }


def _model(name: str, rows: pa.Table, matches: bool | None, manifests: Sequence[Manifest]) -> dict[str, Any]:
    too_late = sum(manifest.too_late.get(name, 0) for manifest in manifests)
    return {"rows": rows.num_rows, "matches_oracle": matches, "too_late": too_late}


def _checks(manifests: Sequence[Manifest]) -> dict[str, int]:
    verdicts = [verdict for manifest in manifests for verdict in manifest.verdicts]
    failing = [verdict.severity for verdict in verdicts if not verdict.passed]
    warned = failing.count("warn")
    return {"passed": len(verdicts) - len(failing), "warned": warned, "failed": len(failing) - warned}


def _latency(settings: Settings, declared: Catalog, published: Published) -> dict[str, float]:
    """From the broker's timestamp of each record to the publication of its batch."""
    times = pa.table(
        {
            "stream": [manifest.batch.stream for manifest, _ in published],
            "batch": [manifest.batch.number for manifest, _ in published],
            "at": pa.array([at for _, at in published], pa.timestamp("us", "UTC")),
        }
    )
    union = " union all ".join(
        f"select '{name}' as stream, batch, broker_at from \"{name}\".bronze" for name in sorted(declared.streams)
    )
    with duckdb.connect() as connection:
        connection.register("rows", sql(settings, declared, union))
        connection.register("published", times)
        found = connection.execute(LATENCY).fetchall()
    quantiles = found[0][0] or [0.0] * 4
    return {name: round(value, 3) for name, value in zip(("p50", "p95", "p99", "max"), quantiles, strict=True)}
