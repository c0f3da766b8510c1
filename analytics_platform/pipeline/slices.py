"""Which files of each input a recompute reads: those that can hold rows of its grains, by the bounds files record."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa

from analytics_platform.lake.duckdb import lives_of
from analytics_platform.lake.grains import Span, merged, numbers_or_keys, spans_of
from analytics_platform.lake.model import Slice, is_stream, touched_by
from analytics_platform.lake.prune import files_overlapping, files_with_any
from analytics_platform.lake.shapes import DataFile
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Model, Window

A_MOMENT = timedelta(microseconds=1)


def slice_of(model: Model, grains: Collection[str], watermark: datetime, parts: Parts) -> Slice:
    """What is to be read to recompute those grains."""
    kind = parts.tables.by_name[model.name].shape.columns.field(model.grain.column).type
    values = numbers_or_keys(grains, model.grain, kind)
    read = Slice(grains=values, files={}, columns=parts.tables.input_columns, watermark=watermark)
    if isinstance(model.grain, Window):
        spans = spans_of(grains, model.grain)
        return replace(read, files={name: _overlapping(model, name, spans, parts) for name in model.inputs})
    files = {name: _with_keys(model, name, values, parts) for name in model.inputs}
    if model.grain.life is None:
        return replace(read, files={name: _uris(name, found, parts) for name, found in files.items()})
    owner = model.grain.life.input
    lives = lives_of(
        parts.query, model, model.grain.life, replace(read, files={owner: _uris(owner, files[owner], parts)})
    )
    spans = _spans(lives)
    for name in model.inputs:
        if name != owner and is_stream(read.columns[name]):
            files[name] = files_overlapping(files[name], "event_at", spans)
    return replace(read, files={name: _uris(name, found, parts) for name, found in files.items()}, lives=lives)


def _overlapping(model: Model, name: str, spans: Sequence[Span], parts: Parts) -> list[str]:
    files = parts.tables.input(name).files()
    return _uris(name, files_overlapping(files, touched_by(model, name), spans), parts)


def _with_keys(model: Model, name: str, values: pa.Array, parts: Parts) -> list[DataFile]:
    return files_with_any(parts.tables.input(name).files(), touched_by(model, name), values.to_pylist())


def _uris(name: str, files: Sequence[DataFile], parts: Parts) -> list[str]:
    return parts.tables.input(name).uris(files)


def _spans(lives: pa.Table) -> list[Span]:
    """The time in which rows of any of the keys can happen; both ends of a life belong to it."""
    bounds = zip(lives["starts"].to_pylist(), lives["ends"].to_pylist(), strict=True)
    return merged((start, end + A_MOMENT) for start, end in bounds if start is not None and end is not None)
