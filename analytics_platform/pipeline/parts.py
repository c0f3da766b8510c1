"""What a lease works with: the connections, tables and schemas of one pipeline, passed in from outside."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import duckdb
import psycopg
import pyarrow as pa

from analytics_platform.errors import DamagedTableError, SettingError
from analytics_platform.facts import Failpoint, Pins, StreamSchemas
from analytics_platform.ingest.decode import reader_columns
from analytics_platform.ingest.records import RecordReader
from analytics_platform.lake import shapes
from analytics_platform.lake.duckdb import connect, model_columns
from analytics_platform.lake.model import bounds_wanted, shape_of
from analytics_platform.lake.parquet import read_in_turn
from analytics_platform.lake.shapes import DataFile, Layer, TableShape
from analytics_platform.lake.tables import Table
from analytics_platform.ledger import contract
from analytics_platform.ledger.postgres import contracts
from analytics_platform.product import Pipeline, Stream
from analytics_platform.product.retention import kept_for
from analytics_platform.security.privacy.keys import KeyProvider

ONE_HOUR = timedelta(hours=1)  # rows expire by whole hours


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _nothing(_: Failpoint) -> None:
    """No test is watching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a lease and its pauses last, and how long tables keep rows at most (None: for ever)."""

    lease_seconds: float = 60
    quiet_seconds: float = 2
    cycle_seconds: float = 1
    retention: timedelta | None = None


@dataclass(slots=True)
class Followed:
    """How far the registry was followed: its change number, and whether models' tables may be outdated since.

    `redriven` is the change up to which rows in unknown schemas were looked for.
    """

    change: int = 0
    is_new: bool = False
    redriven: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a lease touches. `schemas` and the shapes of `tables` follow the registry (`follow.py`)."""

    pipeline: Pipeline
    ledger: psycopg.Connection
    reader: RecordReader
    query: duckdb.DuckDBPyConnection
    schemas: dict[str, StreamSchemas]
    tables: "Tables"
    keys: KeyProvider | None = None  # of personal data; whose streams have none need none
    followed: Followed = field(default_factory=Followed)
    limits: Limits = field(default_factory=Limits)
    now: Callable[[], datetime] = _utc_now
    reached: Callable[[Failpoint], None] = _nothing
    pause: Callable[[float], object] = field(default_factory=lambda: threading.Event().wait)
    failing: set[str] = field(default_factory=set)  # models that the running lease could not recompute

    def pins(self, stream: Stream) -> Pins:
        """What the stream is judged with today; the ledger has the contract from then on."""
        digest = contract.digest(stream)
        contracts.keep(self.ledger, stream.name, digest, contract.to_json(stream))
        return Pins(reader_schema_id=self.schemas[stream.name].reader.id, contract_digest=digest)

    def rows(self, table: Table, files: Sequence[DataFile], columns: pa.Schema, what: str = "a file") -> pa.Table:
        """Every row of those files of a table, in those columns. Raises DamagedTableError, which says what they are."""
        try:
            return read_in_turn(table.uris(files), columns)
        except (OSError, pa.ArrowException):
            raise DamagedTableError(table.shape.name, f"{what} cannot be read") from None

    def kept_for(self) -> dict[str, timedelta]:
        """By stream and model how long its rows are kept; those that are kept for ever are not in it."""
        return kept_for(self.pipeline, self.limits.retention)

    def horizon(self, stream: Stream) -> timedelta:
        """How late a row may be: as declared, but never so late that the rest of its window may be gone already.

        Raises SettingError when retention leaves no room for the largest window.
        """
        kept = self.kept_for().get(stream.name)
        if kept is None:
            return stream.late_within
        largest = self.pipeline.largest_window
        room = kept - largest - ONE_HOUR
        if room <= timedelta(0):
            name = "retention_hours" if kept == self.limits.retention else "retention.yaml"
            problem = f"{stream.name} is kept for {kept}, which is too short for windows of {largest}"
            remedy = "keep it, and what models join with it, at least two hours longer, or for ever"
            raise SettingError(name, problem, remedy)
        return min(stream.late_within, room)


@dataclass(frozen=True, slots=True)
class Tables:
    """The pipeline's open tables by name, the columns that models read, and the manifests of all batches."""

    by_name: Mapping[str, Table]
    input_columns: dict[str, pa.Schema]
    manifests: Table

    @classmethod
    def open(
        cls,
        folder: Path,
        pipeline: Pipeline,
        schemas: Mapping[str, StreamSchemas],
        reached: Callable[[Failpoint], None] = _nothing,
    ) -> Self:
        """Open every table of the pipeline, creating what is missing."""
        all_shapes = pipeline_shapes(pipeline, schemas)
        tables = {name: Table.open(folder, shape, reached) for name, shape in all_shapes.items()}
        manifests = Table.open(folder, shapes.manifests(pipeline.name), reached)
        return cls(tables, {read_as(name): shape.columns for name, shape in all_shapes.items()}, manifests)

    def input(self, name: str) -> Table:
        """The table that models read under that name: a stream's silver, or a model's."""
        return self.by_name.get(name) or self.of(name, Layer.SILVER)

    def of(self, stream: str, layer: Layer) -> Table:
        """A stream's table."""
        return self.by_name[f"{stream}/{layer}"]

    def reshape(self, wanted: Mapping[str, TableShape]) -> list[str]:
        """Give the tables these shapes, all or none; returns the names of those that change.

        Writes nothing: the next commit adds what a table lacks. Raises DeclarationError where a table cannot follow.
        """
        changed = {name: shape for name, shape in wanted.items() if shape != self.by_name[name].shape}
        for name, shape in changed.items():
            self.by_name[name].require(shape)
        for name, shape in changed.items():
            self.by_name[name].shape = shape
            self.input_columns[read_as(name)] = shape.columns
        return list(changed)

    def written(self) -> dict[str, Table]:
        """By name, all that a writer commits to: the tables, and the manifests of their batches."""
        return {**self.by_name, self.manifests.shape.name: self.manifests}

    def versions(self) -> dict[str, int]:
        """By table, the version last seen."""
        return {name: table.version for name, table in self.written().items()}


def pipeline_shapes(pipeline: Pipeline, schemas: Mapping[str, StreamSchemas]) -> dict[str, TableShape]:
    """By name, every table of the pipeline."""
    found: list[TableShape] = []
    for stream in pipeline.streams:
        silver = shapes.silver(stream.name, reader_columns(schemas[stream.name].reader))
        bounds = dict.fromkeys((*silver.bounded_by, *bounds_wanted(pipeline, stream.name)))
        found += [shapes.bronze(stream.name), replace(silver, bounded_by=tuple(bounds)), shapes.exceptions(stream.name)]
    columns = {read_as(shape.name): shape.columns for shape in found}
    connection = connect(threads=1)
    for model in pipeline.models:
        columns[model.name] = model_columns(connection, model, columns)
        found.append(shape_of(model, columns[model.name], bounds_wanted(pipeline, model.name)))
    return {shape.name: shape for shape in found}


def read_as(table: str) -> str:
    """The name under which models read that table: a stream's for silver."""
    return table.removesuffix(f"/{Layer.SILVER}")
