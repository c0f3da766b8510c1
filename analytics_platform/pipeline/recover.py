"""Rebuilding the ledger of a pipeline from its tables, after Postgres was lost."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics_platform.errors import LedgerError
from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import expired, rebuild
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.recover_models import mark_everything, rows_to_read

ROWS_AT_ONCE = 5_000
Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecorded:
    """Rows of a batch that was landed and never recorded, by partition their first offset: they are read anew."""

    stream: str
    batch: int
    rows: int
    first: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the tables of a pipeline say about its lost ledger.

    `batches` is the last recorded number by stream; `ahead` the tables that hold commits from after the last recorded
    cycle; `epoch` is higher than any that committed; `cut` what that cycle published.
    """

    pipeline: str
    batches: Mapping[str, int]
    manifests: int
    epoch: int
    recorded_at: datetime
    versions: Mapping[str, int]
    watermarks: Mapping[str, str]
    ahead: Mapping[str, int]
    unrecorded: tuple[Unrecorded, ...]
    rows_for_models: int


def survey(parts: Parts) -> Survey:
    """What there is to rebuild from; changes nothing. LedgerError if the ledger is not empty or nothing is recorded."""
    name = parts.pipeline.name
    if facts := rebuild.count_facts(parts.ledger, name, parts.pipeline.stream_names):
        raise LedgerError(
            f"pipeline {name}: this ledger has {facts} manifests and cuts of it; only an empty one is rebuilt"
        )
    for table in parts.tables.written().values():
        table.refresh()
    newest, batches, manifests = _recorded(parts)
    versions = json.loads(newest["versions"])
    tables = parts.tables.by_name
    return Survey(
        pipeline=name,
        batches=batches,
        manifests=manifests,
        epoch=1 + max([newest["epoch"], *(table.epoch() for table in parts.tables.written().values())]),
        recorded_at=newest["published_at"],
        versions=versions,
        watermarks=json.loads(newest["watermarks"]),
        ahead={n: t.version - versions.get(n, 0) for n, t in tables.items() if t.version > versions.get(n, 0)},
        unrecorded=tuple(found for stream, last in batches.items() for found in _unrecorded(stream, last, parts)),
        rows_for_models=sum(rows_to_read(model, parts) for model in parts.pipeline.models),
    )


def lost_for_good(found: Survey, parts: Parts) -> list[str]:
    """What was landed and never recorded, and Kafka no longer has: a sentence each."""
    topics = {u.stream: parts.pipeline.stream(u.stream).topic for u in found.unrecorded}
    offsets = parts.reader.offsets(list(topics.values())) if topics else {}
    kept = {stream: {o.partition: o.first for o in offsets[topic]} for stream, topic in topics.items()}
    return [
        f"batch {u.stream}/{u.batch}: {topics[u.stream]}-{partition} from offset {first} on, Kafka has it from "
        f"{kept[u.stream].get(partition, 'nowhere')} on"
        for u in found.unrecorded
        for partition, first in u.first.items()
        if partition not in kept[u.stream] or kept[u.stream][partition] > first
    ]


def rebuild_ledger(found: Survey, parts: Parts, tell: Tell = lambda _: None) -> None:
    """Put the ledger back as it was at the last recorded cycle, and the tables with it.

    May be killed and repeated: the ledger's facts come last, in one transaction. The next lease recomputes the models
    and reads from Kafka what comes after that cycle.
    """
    leases.ensure_pipeline(parts.ledger, found.pipeline)
    hour = parts.now().replace(minute=0, second=0, microsecond=0)
    with leases.taken(parts.ledger, found.pipeline, "ledger rebuild", hour):
        _restore_tables(found, parts, tell)
        kept_for = parts.kept_for()
        for stream in kept_for.keys() & set(parts.pipeline.stream_names):
            expired.record(parts.ledger, stream, parts.now() - kept_for[stream])  # at most that much had gone
        for model in parts.pipeline.models:
            read = mark_everything(model, "the ledger was rebuilt", parts)
            tell(f"model {model.name}: every grain is to be recomputed ({read:,} rows read)")
        _restore_facts(found, parts, tell)


def _restore_tables(found: Survey, parts: Parts, tell: Tell) -> None:
    for name, ahead in found.ahead.items():
        table = parts.tables.by_name[name]
        table.restore(found.versions.get(name, 0), epoch=found.epoch)
        tell(f"table {name}: {ahead} commits after the last recorded cycle are undone")


def _restore_facts(found: Survey, parts: Parts, tell: Tell) -> None:
    streams = parts.pipeline.stream_names
    done = 0
    with parts.ledger.transaction():
        rebuild.forget_plans(parts.ledger, found.pipeline, streams)
        for rows in _manifest_rows(parts):
            rebuild.put_batches(parts.ledger, [row for row in rows if row["stream"] in streams])
            done += len(rows)
            tell(f"ledger: {done:,} of {found.manifests:,} records")
        cut = {
            "epoch": found.epoch,
            "published_at": found.recorded_at,
            "versions": parts.tables.versions(),
            "watermarks": found.watermarks,
        }
        rebuild.put_pipeline(parts.ledger, found.pipeline, streams, cut)
        rebuild.put_failing(parts.ledger, streams)


def _recorded(parts: Parts) -> tuple[Mapping[str, Any], dict[str, int], int]:
    """The newest row of all, by stream the last batch, and how many rows there are."""
    newest: Mapping[str, Any] | None = None
    batches = dict.fromkeys(parts.pipeline.stream_names, 0)
    count = 0
    for rows in _manifest_rows(parts):
        count += len(rows)
        newest = max([*rows, *([newest] if newest else [])], key=_age)
        for row in rows:
            if row["stream"] in batches:
                batches[row["stream"]] = max(batches[row["stream"]], row["batch"])
    if newest is None:
        where = parts.tables.manifests.root
        raise LedgerError(
            f"pipeline {parts.pipeline.name}: no manifest is recorded in {where}: nothing to rebuild from"
        )
    return newest, batches, count


def _age(row: Mapping[str, Any]) -> tuple[int, datetime]:
    return row["epoch"], row["published_at"]


def _manifest_rows(parts: Parts) -> Iterator[list[dict[str, Any]]]:
    """The rows of the manifests table, oldest first, some thousand at a time."""
    table = parts.tables.manifests
    rows: list[dict[str, Any]] = []
    for file in sorted(table.files(), key=lambda file: file.low["published_at"]):
        for read in pq.ParquetFile(table.root / file.path).iter_batches(ROWS_AT_ONCE):
            rows += read.to_pylist()
            if len(rows) >= ROWS_AT_ONCE:
                yield rows
                rows = []
    if rows:
        yield rows


def _unrecorded(stream: str, last: int, parts: Parts) -> list[Unrecorded]:
    """The batches that bronze has after the last recorded one, each in the order of their numbers."""
    bronze = parts.tables.of(stream, Layer.BRONZE)
    files = [file for file in bronze.files() if file.high["batch"] > last]
    rows = read_files(parts.query, bronze.uris(files), bronze.shape.columns)
    rows = rows.filter(pc.greater(rows["batch"], last))
    grouped = rows.group_by(["batch", "partition"]).aggregate([("offset", "min"), ("offset", "count")]).to_pylist()
    return [
        Unrecorded(
            stream=stream,
            batch=number,
            rows=sum(group["offset_count"] for group in grouped if group["batch"] == number),
            first={group["partition"]: group["offset_min"] for group in grouped if group["batch"] == number},
        )
        for number in sorted({group["batch"] for group in grouped})
    ]
