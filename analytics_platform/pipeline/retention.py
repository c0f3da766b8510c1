"""Retention: rows whose time is over go, and what models derived from them goes with them.

Rows of streams go by the hour of their batch, windows by their end, and a key with its life: its row in the model is
computed again once the row that bounds its life is gone, hence disappears. While a life lasts, no row of it goes; nor
until the windows that a model over it has are past their retention, for they would be computed from a part of it.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import DamagedTableError
from analytics_platform.lake.fold import files_begun
from analytics_platform.lake.grains import grains_touched
from analytics_platform.lake.model import touched_by
from analytics_platform.lake.shapes import DataFile, Layer
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import dirty, expired, planning
from analytics_platform.ledger.postgres.frozen import frozen_now
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline.models import with_inputs
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Key, Life, Model, Pipeline, Stream, Window

log = logging.getLogger(__name__)
EXPIRING = "a file of rows past their retention"
DROPPED_IN_ORDER = (Layer.SILVER, Layer.EXCEPTIONS, Layer.BRONZE)  # bronze repairs the others: it goes last


def expire(parts: Parts, lease: Lease) -> None:
    """Drop rows that are past their retention, of streams by the hour of their batch.

    Nothing goes that a frozen model will read when it thaws, or that a file needs for its repair: what is told of it
    waits, all else goes.
    """
    now, spans, read_by_frozen = parts.now(), parts.kept_for(), _read_by_frozen(parts)
    for name, kept in spans.items():
        if name in read_by_frozen:
            continue
        try:
            if name in parts.pipeline.stream_names:
                _expire_stream(parts.pipeline.stream(name), now - kept, parts, lease)
            else:
                _expire_windows(parts.pipeline.model(name), now - kept, parts, lease)
        except DamagedTableError as error:
            log.error("retention.waits", extra={"of": name, "reason": str(error)})


def _expire_stream(stream: Stream, keep_from: datetime, parts: Parts, lease: Lease) -> None:
    first_kept = _first_kept(stream, parts, keep_from)
    tables = [parts.tables.of(stream.name, layer) for layer in DROPPED_IN_ORDER]
    if any(files_begun(table.files(), "batch", first_kept) for table in tables):
        expired.record(parts.ledger, stream.name, keep_from)
        _mark_ended(stream, first_kept, parts)
        for table in tables:
            _drop(table, "batch", first_kept, parts, lease)


def _expire_windows(model: Model, keep_from: datetime, parts: Parts, lease: Lease) -> None:
    """Keys of models over windows are computed again from what stays."""
    table = parts.tables.by_name[model.name]
    if not isinstance(model.grain, Window) or table.is_outdated:  # the next lease empties that
        return
    column, end = model.grain.column, keep_from - model.grain.size
    going = files_begun(table.files(), column, end)
    for reader in parts.pipeline.readers(model.name) if going else ():
        if isinstance(reader.grain, Key):
            keys = _values(touched_by(reader, model.name), table, going, column, end, parts)
            dirty.mark(parts.ledger, {reader.name: grains_touched(keys, reader.grain)}, "past its retention")
    _drop(table, column, end, parts, lease)


def _read_by_frozen(parts: Parts) -> set[str]:
    """The models that are frozen, and whatever they are computed from."""
    frozen = [model for model in frozen_now(parts.ledger) if model.model in parts.pipeline.model_names]
    models = with_inputs({each.model for each in frozen}, parts.pipeline)
    return models | {stream.name for name in models for stream in parts.pipeline.sources(parts.pipeline.model(name))}


def _first_kept(stream: Stream, parts: Parts, keep_from: datetime) -> int:
    """The first batch whose rows stay: it is young, not decided about, or holds what is needed.

    Needed are events that happened later than it was read, and the rows of a life that is not over.
    """
    ledger = parts.ledger
    first_kept = min(
        planning.first_of_hour(ledger, stream.name, keep_from),
        planning.first_unpublished(ledger, stream.name),
        *planning.held(ledger, [stream.name]).values(),
    )
    silver = parts.tables.of(stream.name, Layer.SILVER)
    going = files_begun(silver.files(), "batch", first_kept)
    if not going:
        return first_kept
    alive_from = keep_from - parts.pipeline.largest_window
    needed = [_needed(going, stream, *each, parts, alive_from) for each in _lives(parts.pipeline)]
    needed.append(_least("batch", going, "event_at", keep_from, silver, parts))
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
        if file.low[column] >= since:
            found.append(file.low[wanted])
        else:
            rows = parts.rows(table, [file], columns, EXPIRING)
            found.append(pc.min(rows.filter(pc.field(column) >= since)[wanted]).as_py())
    return min((value for value in found if value is not None), default=None)


def _lives(pipeline: Pipeline) -> Iterator[tuple[Model, Life]]:
    for model in pipeline.models:
        if model.life:
            yield model, model.life


def _mark_ended(stream: Stream, first_kept: int, parts: Parts) -> None:
    """Have the keys computed again whose lives go: before they do, so that a kill forgets none."""
    models = [model for model, life in _lives(parts.pipeline) if life.input == stream.name]
    if not models:
        return
    table = parts.tables.of(stream.name, Layer.SILVER)
    going = files_begun(table.files(), "batch", first_kept)
    lost = {file.path for file in table.missing(going)}
    there = [file for file in going if file.path not in lost]
    for model in models:
        keys = [_values(touched_by(model, stream.name), table, there, "batch", first_kept, parts)]
        if lost:  # which keys they hold nobody knows
            own, column = parts.tables.by_name[model.name], model.grain.column
            keys.append(parts.rows(own, own.files(), pa.schema([own.shape.columns.field(column)]))[column])
        for some in keys:
            dirty.mark(parts.ledger, {model.name: grains_touched(some, model.grain)}, "past its retention")


def _drop(table: Table, column: str, keep_from: datetime | int, parts: Parts, lease: Lease) -> None:
    """Take out what is older, in one commit; a file that holds younger rows too is written anew with these.

    Raises DamagedTableError if such a file cannot be read.
    """
    going = files_begun(table.files(), column, keep_from)
    if going:
        mixed = [file for file in going if file.high[column] >= keep_from]
        young = [_young(file, table, column, keep_from, parts) for file in mixed]
        table.replace(going, young, decided_on=table.version, epoch=lease.epoch)


def _young(file: DataFile, table: Table, column: str, keep_from: datetime | int, parts: Parts) -> pa.Table:
    rows = parts.rows(table, [file], table.shape.columns, EXPIRING)
    young = rows.filter(pc.field(column) >= pa.scalar(keep_from, rows[column].type))
    return young.sort_by([(name, "ascending") for name in table.shape.sorted_by])


def _values(
    wanted: str, table: Table, files: Sequence[DataFile], column: str, before: datetime | int, parts: Parts
) -> pa.ChunkedArray:
    """The values of a column in rows of those files whose `column` is before."""
    columns = pa.schema([table.shape.columns.field(name) for name in dict.fromkeys((wanted, column))])
    rows = parts.rows(table, files, columns, EXPIRING)
    return rows.filter(pc.field(column) < pa.scalar(before, rows[column].type))[wanted]
