"""Recomputing models: just the dirty grains, from what silver holds now, replaced in one commit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from analytics_platform.facts import ModelReport
from analytics_platform.lake import model as grains
from analytics_platform.lake.duckdb import read_files, recompute
from analytics_platform.lake.fingerprint import fingerprint
from analytics_platform.lake.prune import files_overlapping, files_with_any
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import dirty
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputed:
    """What became of the models: reports of those that were dirty, the marks seen, the streams' watermarks."""

    reports: Mapping[str, ModelReport]
    seen_marks: Mapping[str, Mapping[str, int]]
    watermarks: Mapping[str, datetime]


def mark_touched(stream: str, rows: pa.Table, cause: str, parts: Parts) -> None:
    """Have every model recompute what these silver rows of a stream belong to, be they added or removed."""
    for model in parts.pipeline.models:
        if stream in model.inputs:
            touched = grains.grains_touched(rows["event_at"], model.grain)
            dirty.mark(parts.ledger, model.name, [str(grain) for grain in touched], cause)


def count_too_late(stream: str, rows: pa.Table, parts: Parts) -> dict[str, int]:
    """By model that reads the stream, how many of these silver rows it leaves out."""
    return {}


def recompute_models(parts: Parts, epoch: int, newest: Mapping[str, Mapping[int, datetime]]) -> Recomputed:
    """Recompute what is dirty, in the order of lineage.

    `newest` are the highest event times by partition of the streams that this cycle has judged.
    """
    seen = {model.name: dirty.marks(parts.ledger, model.name) for model in parts.pipeline.models}
    reports = {
        model.name: recompute_model(model, {int(g): m for g, m in seen[model.name].items()}, parts, epoch)
        for model in parts.pipeline.models
        if seen[model.name]
    }
    return Recomputed(reports=reports, seen_marks=seen, watermarks={})


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
