"""What a lease does while the one before it still works: it reads, so that its first cycle is like any other."""

import logging

import duckdb
import pyarrow as pa

from analytics_platform.errors import PlatformError
from analytics_platform.lake.duckdb import recompute
from analytics_platform.lake.grains import EPOCH, grains_touched
from analytics_platform.lake.lookup import winners
from analytics_platform.lake.model import touched_by
from analytics_platform.lake.shapes import Layer
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.slices import slice_of
from analytics_platform.product import Model

log = logging.getLogger(__name__)
IN_THE_WAY = (PlatformError, duckdb.Error, pa.ArrowException, OSError)


def get_ready(parts: Parts) -> None:
    """Catch up with the tables, compute the newest grain of every model, look the newest ids up; forget the results.

    What cannot be read is left to the lease, which says so.
    """
    try:
        for table in parts.tables.written().values():
            table.refresh()
        for model in parts.pipeline.models:
            _compute_newest(model, parts)
        for stream in parts.pipeline.stream_names:
            _look_up_newest(stream, parts)
    except IN_THE_WAY as error:
        log.info("lease.not_ready", extra={"pipeline": parts.pipeline.name, "reason": type(error).__name__})


def _compute_newest(model: Model, parts: Parts) -> None:
    name = model.inputs[0]
    table, column = parts.tables.input(name), touched_by(model, name)
    if files := table.files():
        kind = table.shape.columns.field(column).type
        newest = pa.chunked_array([pa.array([files[-1].high[column]], kind)])
        recompute(parts.query, model, slice_of(model, grains_touched(newest, model.grain), EPOCH, parts))


def _look_up_newest(stream: str, parts: Parts) -> None:
    table = parts.tables.of(stream, Layer.SILVER)
    if files := table.files():
        winners(table.uris(files[-1:]), pa.array([files[-1].high["event_id"]], pa.string()), 0)
