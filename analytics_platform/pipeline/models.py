"""Recomputing models: just the dirty grains, from what silver holds now, replaced in one commit."""

from collections.abc import Mapping

from analytics_platform.facts import ModelReport
from analytics_platform.lake import model as grains
from analytics_platform.lake.duckdb import read_files, recompute
from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.lake.prune import files_overlapping, files_with_any
from analytics_platform.lake.shapes import Layer
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Model


def recompute_model(model: Model, marks: Mapping[int, int], parts: Parts, epoch: int) -> ModelReport:
    """Replace the marked grains by what their inputs say now; a grain without rows disappears."""
    table = parts.tables.by_name[model.name]
    decided_on = table.version
    rows = recompute(parts.query, model, _input_files(model, marks, parts), sorted(marks), parts.tables.silver_columns)
    rows = rows.cast(table.shape.columns)
    starts = grains.starts_of(marks, model.grain)
    column = model.grain.column
    touched = files_with_any(table.files(), column, starts)
    before = read_files(parts.query, table.uris(touched), table.shape.columns)
    if fingerprint(grains.inside(before, column, starts)) != fingerprint(rows):
        kept = grains.outside(before, column, starts)
        merged = grains.by_bucket(grains.concatenated(kept, rows), model.grain)
        table.replace(touched, merged, decided_on=decided_on, epoch=epoch)
    return ModelReport(model=model.name, grains=len(marks), version=table.version, rows=table.rows())


def _input_files(model: Model, marks: Mapping[int, int], parts: Parts) -> dict[str, list[str]]:
    spans = grains.spans_of(marks, model.grain)
    found = {}
    for name in model.inputs:
        table = parts.tables.of(name, Layer.SILVER)
        found[name] = table.uris(files_overlapping(table.files(), "event_at", spans))
    return found
