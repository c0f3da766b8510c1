"""Retention: rows whose time is over go by whole files, and what models derived from them goes with them.

Rows of streams go by the hour of their batch, windows by their end, and a key with its life: its row in the model is
computed again once the row that bounds its life is gone, hence disappears. While a life lasts, no row of it goes; nor
until the windows that a model over it has are past their retention, for they would be computed from a part of it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import pyarrow as pa

from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.fold import files_expired
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


def expire(parts: Parts, lease: Lease, keep_from: datetime) -> None:
    """Drop files all of whose rows are older; a batch that is still open keeps its rows, whatever its age.

    Nothing goes that a frozen model will read when it thaws.
    """
    kept = _read_by_frozen(parts)
    for stream in parts.pipeline.streams:
        if stream.name in kept:
            continue
        first_kept = _first_kept(stream, parts, keep_from)
        _mark_ended(stream, _expired(stream, first_kept, parts), parts)
        for layer in Layer:
            _drop(parts.tables.of(stream.name, layer), "batch", first_kept, lease)
    for model in parts.pipeline.models:
        if isinstance(model.grain, Window) and model.name not in kept:
            _drop(parts.tables.by_name[model.name], model.grain.column, keep_from - model.grain.size, lease)


def _read_by_frozen(parts: Parts) -> set[str]:
    """The models that are frozen, and whatever they are computed from."""
    frozen = [model for model in frozen_now(parts.ledger) if model.model in parts.pipeline.model_names]
    models = with_inputs({each.model for each in frozen}, parts.pipeline)
    return models | {stream.name for name in models for stream in parts.pipeline.sources(parts.pipeline.model(name))}


def _first_kept(stream: Stream, parts: Parts, keep_from: datetime) -> int:
    """The first batch whose rows stay: it is young, open, or holds rows of a life that is not over."""
    old = planning.first_of_hour(parts.ledger, stream.name, keep_from)
    first_kept = min(old, planning.first_unpublished(parts.ledger, stream.name))
    expired = _expired(stream, first_kept, parts)
    needed: list[DataFile] = []
    for model, life in _lives(parts.pipeline) if expired else ():
        needed += _needed(expired, stream, model, life, parts, keep_from - parts.pipeline.largest_window)
    return min([first_kept, *(file.low["batch"] for file in needed)])


def _expired(stream: Stream, first_kept: int, parts: Parts) -> list[DataFile]:
    return files_expired(parts.tables.of(stream.name, Layer.SILVER).files(), "batch", first_kept)


def _needed(
    files: Sequence[DataFile], stream: Stream, model: Model, life: Life, parts: Parts, alive_from: datetime
) -> list[DataFile]:
    """The files that may hold rows of keys whose life ends at `alive_from` or later."""
    if stream.name == life.input:
        return [file for file in files if _lasts(file, life, alive_from)]
    if stream.name not in model.inputs:
        return []
    owner = parts.tables.of(life.input, Layer.SILVER)
    started = [f.low[life.starts] for f in owner.files() if _lasts(f, life, alive_from)]
    first = min((start for start in started if start is not None), default=None)
    return [f for f in files if first is not None and f.high["event_at"] is not None and first <= f.high["event_at"]]


def _lasts(file: DataFile, life: Life, alive_from: datetime) -> bool:
    ends = file.high[life.ends]
    return ends is not None and ends >= alive_from


def _lives(pipeline: Pipeline) -> Iterator[tuple[Model, Life]]:
    for model in pipeline.models:
        if isinstance(model.grain, Key) and model.grain.life is not None:
            yield model, model.grain.life


def _mark_ended(stream: Stream, files: Sequence[DataFile], parts: Parts) -> None:
    """Have the keys computed again whose lives are in those files: before they go, so that a kill forgets none."""
    for model, life in _lives(parts.pipeline):
        if files and stream.name == life.input:
            column = touched_by(model, stream.name)
            table = parts.tables.of(stream.name, Layer.SILVER)
            columns = pa.schema([table.shape.columns.field(column)])
            keys = read_files(parts.query, table.uris(files), columns)[column]
            dirty.mark(parts.ledger, model.name, grains_touched(keys, model.grain), "past its retention")


def _drop(table: Table, column: str, keep_from: datetime | int, lease: Lease) -> None:
    expired = files_expired(table.files(), column, keep_from)
    if expired:
        table.drop(expired, epoch=lease.epoch)
