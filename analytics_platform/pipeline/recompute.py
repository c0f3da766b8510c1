"""Recomputing models: just the dirty grains, from what their inputs hold now, each model replaced in one commit."""

import logging
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection

from analytics_platform.errors import DamagedTableError, DeclarationError, PlatformError
from analytics_platform.facts import Failpoint, ModelReport
from analytics_platform.lake.duckdb import recompute
from analytics_platform.lake.grains import EPOCH, grains_touched, over, values_of, within
from analytics_platform.lake.model import Slice, touched_by
from analytics_platform.lake.rewrite import changed_rows, files_rewritten, parts_of
from analytics_platform.lake.shapes import DataFile
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import alarms, dirty, expired, timers
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.query_pool import QueryPool
from analytics_platform.pipeline.slices import slice_of
from analytics_platform.pipeline.watermarks import Newest, of_model, watermarks_now
from analytics_platform.product import Model, Pipeline, Window

log = logging.getLogger(__name__)
MOST_GRAINS = 50_000  # of one model in one cycle; what is left stays dirty for the next
FEW_GRAINS = 5_000  # of all models of a level: with more, what two of them hold at once is too much memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputed:
    """What became of the models: reports of those that were dirty, the marks worked off, the streams' watermarks.

    `failed` are those that could not be recomputed, `frozen` those that must not be, with the broken columns that they
    read: what these must recompute stays dirty.
    """

    reports: Mapping[str, ModelReport]
    seen_marks: Mapping[str, Mapping[str, int]]
    watermarks: Mapping[str, datetime]
    failed: Mapping[str, PlatformError]
    frozen: Mapping[str, Sequence[tuple[str, str | None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """With what models are recomputed: the time of each, streams whose rows are `gone`, models `asked` for."""

    parts: Parts
    epoch: int
    at: Mapping[str, datetime]
    gone: Mapping[str, datetime]
    asked: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of one model: a report if something was dirty, or why it could not be, itself or what it reads."""

    marks: Mapping[str, int]
    report: ModelReport | None = None
    error: PlatformError | None = None
    is_behind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a model's table has rows of the grains, if it has any: files to be replaced, their rows, those `inside`."""

    files: list[DataFile]
    rows: pa.Table
    inside: Any


def recompute_models(
    parts: Parts,
    epoch: int,
    newest: Newest,
    frozen: Mapping[str, Sequence[tuple[str, str | None]]],
    asked: Collection[str] = (),
    at_once: int = 1,
) -> Recomputed:
    """Let timers fire, and recompute what is dirty, in the order of lineage; one that fails keeps no other waiting.

    `newest` are the highest event times by partition of the streams that this cycle has judged. Models that are `asked`
    for are recomputed wherever one that they read is, be its rows the same as before. Who reads a model that is frozen
    and not what is broken goes on with its last version. `at_once` so many are recomputed side by side.
    """
    watermarks = watermarks_now(parts, newest)
    at = {model.name: of_model(model, parts.pipeline, watermarks) or EPOCH for model in parts.pipeline.models}
    timers.fire(parts.ledger, at)
    gone = expired.gone(parts.ledger, parts.pipeline.stream_names)
    work = Work(parts=parts, epoch=epoch, at=at, gone=gone, asked=asked)
    tried: dict[str, Tried] = {}
    with QueryPool(parts.query, at_once) as pool, _told(tried, parts):
        for level in levels(parts.pipeline):
            _try_level([model for model in level if model.name not in frozen], work, tried, pool)
    in_order = [(name, tried[name]) for name in parts.pipeline.model_names if name in tried]
    return Recomputed(
        reports={name: one.report for name, one in in_order if one.report},
        seen_marks={name: one.marks for name, one in in_order if not one.error},
        watermarks=watermarks,
        failed={name: one.error for name, one in in_order if one.error},
        frozen=frozen,
    )


def levels(pipeline: Pipeline) -> list[list[Model]]:
    """The models in the order of lineage; those of one level read none of each other."""
    depths: dict[str, int] = {}
    for model in pipeline.models:
        depths[model.name] = 1 + max((depths.get(name, 0) for name in model.inputs), default=0)
    return [[m for m in pipeline.models if depths[m.name] == depth] for depth in sorted(set(depths.values()))]


def _try_level(models: Sequence[Model], work: Work, tried: dict[str, Tried], pool: QueryPool) -> None:
    """Recompute what is dirty of models that read none of each other; what became of each is added to `tried`."""
    marks = {model.name: dirty.marks(work.parts.ledger, model.name, MOST_GRAINS) for model in models}

    def attempt(query: DuckDBPyConnection, model: Model) -> None:
        behind = next((tried[name].error for name in model.inputs if name in tried and tried[name].error), None)
        beside = replace(work, parts=replace(work.parts, query=query))
        tried[model.name] = _try(model, marks[model.name], beside, behind)

    pool.each(attempt, models, alone=sum(map(len, marks.values())) > FEW_GRAINS)


def _try(model: Model, marks: Mapping[str, int], work: Work, behind: PlatformError | None) -> Tried:
    """Recompute what is dirty of a model; not while one that it reads is `behind`, or it would have to be again."""
    if marks and behind:
        return Tried(marks=marks, error=behind, is_behind=True)
    try:
        whole = _whole(model, marks, work.gone, work.parts.pipeline)
        return Tried(marks=marks, report=recompute_model(model, whole, work) if whole else None)
    except (DeclarationError, DamagedTableError) as error:
        return Tried(marks=marks, error=error)


@contextmanager
def _told(tried: Mapping[str, Tried], parts: Parts) -> Generator[None]:
    """Tell what became of the models that were tried, also where something else ends the cycle."""
    try:
        yield
    except Exception:
        with suppress(psycopg.Error):  # what ended it is perhaps that the ledger is gone
            _tell(tried, parts)
        raise
    _tell(tried, parts)


def _tell(tried: Mapping[str, Tried], parts: Parts) -> None:
    """Log and alarm which models cannot be recomputed: once in a lease, and not in every cycle."""
    for name, one in tried.items():
        if one.error is None:
            parts.failing.discard(name)
            continue
        if name not in parts.failing and not one.is_behind:
            log.error("model.failing", extra={"model": name, "reason": str(one.error)})
            alarms.raise_model_failing(parts.ledger, name, str(one.error), parts.now())
        parts.failing.add(name)


def _whole(
    model: Model, marks: Mapping[str, int], gone: Mapping[str, datetime], pipeline: Pipeline
) -> Mapping[str, int]:
    """Those of a model's dirty grains of which no row has gone: what is left of a window would make another one.

    Whatever marked them, and however long ago: a model may have failed, or its watermark may have stood still.
    """
    until = max((gone[stream.name] for stream in pipeline.sources(model) if stream.name in gone), default=None)
    if until is None or not isinstance(model.grain, Window):
        return marks
    if all(name in pipeline.model_names and pipeline.model(name).life for name in model.inputs):
        until -= pipeline.largest_window  # rows of a life stay until the windows are over that hold its end
    partial = over(marks.keys(), model.grain, until + model.grain.size - timedelta.resolution)
    return {grain: mark for grain, mark in marks.items() if grain not in partial}


def recompute_model(model: Model, marks: Mapping[str, int], work: Work) -> ModelReport:
    """Replace the marked grains by what their inputs say now; one without rows disappears."""
    parts = work.parts
    table = parts.tables.by_name[model.name]
    grains = values_of(marks, model.grain, table.shape.columns.field(model.grain.column).type)
    place = _place(model, table, grains, parts)
    readers = parts.pipeline.readers(model.name)
    _mark(model, place.rows.filter(place.inside), [reader for reader in readers if reader.name in work.asked], parts)
    read = slice_of(model, marks.keys(), work.at[model.name], parts)
    rows = recompute(parts.query, model, read).cast(table.shape.columns)
    _require_own(rows, model, grains)
    _replace(model, table, rows, place, parts, work.epoch)
    _arm_ends(model, read, parts)
    return ModelReport(model=model.name, grains=len(marks), version=table.version, rows=table.rows())


def _place(model: Model, table: Table, grains: pa.Array, parts: Parts) -> Place:
    files = files_rewritten(table.files(), model.grain.column, grains.to_pylist())
    rows = parts.rows(table, files, table.shape.columns, "a file that holds rows to replace")
    return Place(files=files, rows=rows, inside=within(rows, model.grain.column, grains))


def _replace(model: Model, table: Table, rows: pa.Table, place: Place, parts: Parts, epoch: int) -> None:
    """Put the rows in the place of those that the table has of these grains, after marking who reads what changes."""
    decided_on = table.version
    changed = changed_rows(place.rows.filter(place.inside), rows)
    if not changed.num_rows:
        return
    _mark(model, changed, parts.pipeline.readers(model.name), parts)
    replaced = {file.path for file in place.files}
    kept = [file for file in table.files() if file.path not in replaced]
    merged = pa.concat_tables([place.rows.filter(pc.invert(place.inside)), rows])
    table.replace(place.files, parts_of(merged, model.grain.column, kept), decided_on=decided_on, epoch=epoch)


def _mark(model: Model, rows: pa.Table, readers: Collection[Model], parts: Parts) -> None:
    """Have those readers recompute what these rows of the model belong to."""
    touched = {reader.name: grains_touched(rows[touched_by(reader, model.name)], reader.grain) for reader in readers}
    dirty.mark(parts.ledger, touched, model.name)
    if touched:
        parts.reached(Failpoint.AFTER_DIRTY)


def _arm_ends(model: Model, read: Slice, parts: Parts) -> None:
    """Have each key recomputed when its life is over.

    Armed with every recompute and not with the row: whatever was killed, what is cleared now is armed before.
    """
    if read.lives is None:
        return
    ahead = read.lives.filter(pc.greater(read.lives["ends"], pa.scalar(read.watermark, read.lives["ends"].type)))
    keys = ahead["key"].cast(pa.string()).to_pylist()
    ends = list(zip(keys, ahead["ends"].to_pylist(), strict=True))
    timers.arm(parts.ledger, {model.name: ends}, "end of its life")


def _require_own(rows: pa.Table, model: Model, grains: pa.Array) -> None:
    mask = within(rows, model.grain.column, grains)
    if rows.num_rows and not pc.all(mask).as_py():
        problem = f"its SQL yields rows of other values of {model.grain.column} than those it was asked for"
        raise DeclarationError(f"model {model.name}", problem, "select the grain column as it is, and group by it")
