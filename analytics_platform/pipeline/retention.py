"""Retention: rows whose time is over go, and what models derived from them goes with them.

Rows of streams go by the hour of their batch, windows by their end, and a key with its life: its row in the model is
computed again once the row that bounds its life is gone, hence disappears. While a life lasts, no row of it goes; nor
until the windows that a model over it has are past their retention, for they would be computed from a part of it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.fold import files_begun
from analytics_platform.lake.grains import grains_touched
from analytics_platform.lake.model import touched_by
from analytics_platform.lake.shapes import DataFile, Layer
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import dirty, planning
from analytics_platform.ledger.postgres.frozen import frozen_now
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline.models import with_inputs
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Key, Life, Model, Pipeline, Stream, Window


def expire(parts: Parts, lease: Lease) -> None:
    """Drop rows that are past their retention; an open batch keeps its rows, whatever its age.

    Nothing goes that a frozen model will read when it thaws.
    """
    kept = _read_by_frozen(parts)
    for stream in parts.pipeline.streams:
        keep_from = parts.keep_from(stream.name)
        if keep_from is None or stream.name in kept:
            continue
        first_kept = _first_kept(stream, parts, keep_from)
        _mark_ended(stream, first_kept, parts)
        for layer in Layer:
            _drop(parts.tables.of(stream.name, layer), "batch", first_kept, parts, lease)
    for model in parts.pipeline.models:
        keep_from = parts.keep_from(model.name)
        if keep_from is not None and isinstance(model.grain, Window) and model.name not in kept:
            _drop(parts.tables.by_name[model.name], model.grain.column, keep_from - model.grain.size, parts, lease)


def _read_by_frozen(parts: Parts) -> set[str]:
    """The models that are frozen, and whatever they are computed from."""
    frozen = [model for model in frozen_now(parts.ledger) if model.model in parts.pipeline.model_names]
    models = with_inputs({each.model for each in frozen}, parts.pipeline)
    return models | {stream.name for name in models for stream in parts.pipeline.sources(parts.pipeline.model(name))}


def _first_kept(stream: Stream, parts: Parts, keep_from: datetime) -> int:
    """The first batch whose rows stay: it is young, open, or holds rows of a life that is not over."""
    old = planning.first_of_hour(parts.ledger, stream.name, keep_from)
    first_kept = min(old, planning.first_unpublished(parts.ledger, stream.name))
    going = _going(parts.tables.of(stream.name, Layer.SILVER), "batch", first_kept)
    alive_from = keep_from - parts.pipeline.largest_window
    needed = [_needed(going, stream, *each, parts, alive_from) for each in _lives(parts.pipeline)] if going else []
    return min([first_kept, *(batch for batch in needed if batch is not None)])


def _needed(
    files: Sequence[DataFile], stream: Stream, model: Model, life: Life, parts: Parts, alive_from: datetime
) -> int | None:
    """The first batch in the files that holds rows of keys whose life ends at `alive_from` or later."""
    table, owner = (parts.tables.of(name, Layer.SILVER) for name in (stream.name, life.input))
    if stream.name == life.input:
        return _least("batch", files, life.ends, alive_from, table, parts)
    if stream.name not in model.inputs:
        return None
    started = _least(life.starts, owner.files(), life.ends, alive_from, owner, parts)
    return None if started is None else _least("batch", files, "event_at", started, table, parts)


def _least(wanted: str, files: Sequence[DataFile], column: str, since: datetime, table: Table, parts: Parts) -> Any:
    """The least value of a column in rows of those files whose `column` is not before; None without such rows."""
    found = []
    columns = pa.schema([table.shape.columns.field(name) for name in (wanted, column)])
    for file in files:
        if file.high[column] is None or file.high[column] < since:
            continue
        if file.low[column] >= since or table.missing([file]):
            found.append(file.low[wanted])
        else:
            rows = read_files(parts.query, table.uris([file]), columns)
            found.append(pc.min(rows.filter(pc.field(column) >= since)[wanted]).as_py())
    return min((value for value in found if value is not None), default=None)


def _lives(pipeline: Pipeline) -> Iterator[tuple[Model, Life]]:
    for model in pipeline.models:
        if isinstance(model.grain, Key) and model.grain.life is not None:
            yield model, model.grain.life


def _mark_ended(stream: Stream, first_kept: int, parts: Parts) -> None:
    """Have the keys computed again whose lives go: before they do, so that a kill forgets none."""
    table = parts.tables.of(stream.name, Layer.SILVER)
    files = _going(table, "batch", first_kept)
    for model, life in _lives(parts.pipeline):
        if files and stream.name == life.input:
            column = touched_by(model, stream.name)
            columns = pa.schema([table.shape.columns.field(name) for name in ("batch", column)])
            rows = read_files(parts.query, table.uris(files), columns).filter(pc.field("batch") < first_kept)
            dirty.mark(parts.ledger, model.name, grains_touched(rows[column], model.grain), "past its retention")


def _drop(table: Table, column: str, keep_from: datetime | int, parts: Parts, lease: Lease) -> None:
    """Take out what is older, in one commit; a file that holds younger rows too is written anew with these."""
    going = _going(table, column, keep_from)
    if going:
        mixed = [file for file in going if file.high[column] >= keep_from]
        young = [_young(file, table, column, keep_from, parts) for file in mixed]
        table.replace(going, young, decided_on=table.version, epoch=lease.epoch)


def _going(table: Table, column: str, keep_from: datetime | int) -> list[DataFile]:
    """The files with rows that are older; what is damaged waits for its repair, for its other rows are wanted."""
    files = files_begun(table.files(), column, keep_from)
    damaged = {file.path for file in table.missing(files)}
    return [file for file in files if file.path not in damaged]


def _young(file: DataFile, table: Table, column: str, keep_from: datetime | int, parts: Parts) -> pa.Table:
    rows = read_files(parts.query, table.uris([file]), table.shape.columns)
    young = rows.filter(pc.field(column) >= pa.scalar(keep_from, rows[column].type))
    return young.sort_by([(name, "ascending") for name in table.shape.sorted_by])
