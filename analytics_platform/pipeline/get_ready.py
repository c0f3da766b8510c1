"""What a lease does while the one before it still works: it reads, so that its first cycle is like any other."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import duckdb
import pyarrow as pa
from deltalake.exceptions import DeltaError

from analytics_platform.errors import PlatformError
from analytics_platform.lake.duckdb import recompute
from analytics_platform.lake.grains import EPOCH, grains_touched
from analytics_platform.lake.lookup import winners
from analytics_platform.lake.model import touched_by
from analytics_platform.lake.shapes import DataFile, Layer
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.slices import slice_of
from analytics_platform.product import Model

log = logging.getLogger(__name__)
IN_THE_WAY = (PlatformError, DeltaError, duckdb.Error, pa.ArrowException, OSError)


def get_ready(parts: Parts) -> None:
    """Catch up with the tables, compute the newest grain of every model, look the newest ids up; forget the results.

    As long as another writer holds the lock: once it is free, data waits. What cannot be read is left to the lease,
    which says so.
    """
    name = parts.pipeline.name
    try:
        for step in _steps(parts):
            if not leases.is_locked(parts.ledger, name):
                return
            step()
        log.info("lease.ready", extra={"pipeline": name})
    except IN_THE_WAY as error:
        log.info("lease.not_ready", extra={"pipeline": name, "reason": type(error).__name__})


def _steps(parts: Parts) -> Iterator[Callable[[], object]]:
    yield lambda: [table.refresh() for table in parts.tables.written().values()]
    for model in parts.pipeline.models:
        yield partial(_compute_newest, model, parts)
    for stream in parts.pipeline.stream_names:
        yield partial(_look_up_newest, stream, parts)


def _compute_newest(model: Model, parts: Parts) -> None:
    name = model.inputs[0]
    table, column = parts.tables.input(name), touched_by(model, name)
    if file := _newest(table.files(), column):
        newest = pa.chunked_array([pa.array([file.high[column]], table.shape.columns.field(column).type)])
        recompute(parts.query, model, slice_of(model, grains_touched(newest, model.grain), EPOCH, parts))


def _look_up_newest(stream: str, parts: Parts) -> None:
    table = parts.tables.of(stream, Layer.SILVER)
    if file := _newest(table.files(), "event_id"):
        winners(table.uris([file]), pa.array([file.high["event_id"]], pa.string()), 0)


def _newest(files: Iterable[DataFile], column: str) -> DataFile | None:
    return max((file for file in files if file.high[column] is not None), key=lambda f: f.high[column], default=None)
