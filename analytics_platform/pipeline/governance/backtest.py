"""A proposal tried on what a topic really holds: bronze, decoded and judged with it and without. Writes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import StreamSchemas
from analytics_platform.ingest.decode import decode
from analytics_platform.lake import shapes
from analytics_platform.lake.duckdb import connect, failed_rules, read_files
from analytics_platform.lake.shapes import DataFile
from analytics_platform.lake.tables import Table
from analytics_platform.product import Stream

CHUNK_ROWS = 400_000  # of bronze at a time: a few hundred megabytes at most
FIRST_NAMED = 5
FAILURES = pa.schema([("partition", pa.int32()), ("offset", pa.int64()), ("reason", pa.string())])
ANY_TOPIC = UUID(int=0)  # only identities by coordinates have it in them, and ids are not compared here


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Failure:
    """A row that the proposal breaks, by where it is on the topic."""

    partition: int
    offset: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """How many rows were tried, how many of them are good today, and how many of those the proposal breaks."""

    events: int
    kept: int
    good: int
    broken: int
    reasons: tuple[tuple[str, int], ...]
    first: tuple[Failure, ...]

    def document(self, topic: str) -> dict[str, Any]:
        """As it is written into the proposal."""
        return {
            "events": self.events,
            "kept": self.kept,
            "good today": self.good,
            "broken": self.broken,
            "reasons": dict(self.reasons),
            "first": [f"{topic}-{f.partition}@{f.offset}: {f.reason}" for f in self.first],
        }


def backtest(tables: Path, stream: Stream, now: StreamSchemas, proposed: StreamSchemas, most: int) -> Backtest | None:
    """Try the proposal on the newest `most` rows of bronze, by whole files; None if there is no bronze."""
    shape = shapes.bronze(stream.name)
    if not (tables / shape.name).exists():
        return None
    table = Table.open(tables, shape)
    chosen, query = list(_newest(table.files(), most)), connect()
    trial = _Trial(query=query, stream=stream)
    tried = [
        _tried(read_files(query, table.uris(some), shape.columns), trial, now, proposed) for some in _chunks(chosen)
    ]
    return _together(tried, kept=table.rows())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """Whose rows are tried, and where their rules run."""

    query: duckdb.DuckDBPyConnection
    stream: Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """What came of some rows."""

    events: int
    good: int
    broken: pa.Table  # of FAILURES


def _newest(files: Sequence[DataFile], most: int) -> Iterator[DataFile]:
    rows = 0
    for file in sorted(files, key=lambda file: file.high["batch"], reverse=True):
        if rows >= most:
            return
        rows += file.rows
        yield file


def _chunks(files: Iterable[DataFile]) -> Iterator[list[DataFile]]:
    chunk: list[DataFile] = []
    for file in files:
        if chunk and sum(each.rows for each in chunk) + file.rows > CHUNK_ROWS:
            yield chunk
            chunk = []
        chunk.append(file)
    if chunk:
        yield chunk


def _tried(rows: pa.Table, trial: _Trial, now: StreamSchemas, proposed: StreamSchemas) -> _Tried:
    before, after = _reasons(rows, trial, now), _reasons(rows, trial, proposed)
    good = before.is_null()
    fails = pc.and_(good, after.is_valid())
    table = pa.table({"partition": rows["partition"], "offset": rows["offset"], "reason": after})
    broken = table.filter(fails).cast(FAILURES)
    return _Tried(events=rows.num_rows, good=int(pc.sum(good).as_py() or 0), broken=broken)


def _reasons(rows: pa.Table, trial: _Trial, schemas: StreamSchemas) -> pa.ChunkedArray:
    """What is wrong with each row, by decoding and by the stream's row rules; null for a good one."""
    records = rows.drop_columns(["batch"])
    try:
        return _judged(records, trial, schemas)
    except DeclarationError:
        return _by_writer(records, trial, schemas)


def _by_writer(records: pa.Table, trial: _Trial, schemas: StreamSchemas) -> pa.ChunkedArray:
    """The same where some writer's schema cannot be read with the reader's at all: all of its rows fail."""
    told = decode(records, trial.stream, replace(schemas, reader=_widest(schemas)), ANY_TOPIC)["schema_id"]
    ids = told.combine_chunks().fill_null(0).to_numpy()
    reasons = np.full(len(ids), None, dtype=object)
    for id_ in np.unique(ids).tolist():
        places = np.flatnonzero(ids == id_)
        try:
            found = _judged(records.take(places), trial, schemas).to_pylist()
        except DeclarationError as error:
            found = [f"unreadable: {error.problem}"] * len(places)
        reasons[places] = found
    return pa.chunked_array([pa.array(reasons.tolist(), pa.string())])


def _widest(schemas: StreamSchemas) -> Any:
    """A reader that all known writers fit: the newest that is no proposal."""
    known = [schema for schema in schemas.writers.values() if schema.id != schemas.reader.id]
    return max(known, key=lambda schema: schema.version)


def _judged(records: pa.Table, trial: _Trial, schemas: StreamSchemas) -> pa.ChunkedArray:
    """Raises DeclarationError where some writer cannot be read, or a rule cannot run on the reader's columns."""
    return failed_rules(trial.query, decode(records, trial.stream, schemas, ANY_TOPIC), trial.stream)


def _together(tried: Sequence[_Tried], *, kept: int) -> Backtest:
    broken = pa.concat_tables([FAILURES.empty_table(), *(each.broken for each in tried)])
    counts = broken.group_by("reason").aggregate([([], "count_all")]).sort_by([("count_all", "descending")])
    first = broken.sort_by([("partition", "ascending"), ("offset", "ascending")]).slice(0, FIRST_NAMED)
    return Backtest(
        events=sum(each.events for each in tried),
        kept=kept,
        good=sum(each.good for each in tried),
        broken=broken.num_rows,
        reasons=tuple((row["reason"], row["count_all"]) for row in counts.slice(0, FIRST_NAMED).to_pylist()),
        first=tuple(Failure(**row) for row in first.to_pylist()),
    )
