"""Recomputing models: just the dirty grains, from what their inputs hold now, each model replaced in one commit."""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import DamagedTableError, DeclarationError, PlatformError
from analytics_platform.facts import Failpoint, ModelReport
from analytics_platform.lake.duckdb import recompute
from analytics_platform.lake.grains import EPOCH, grains_touched, next_gathering, over, values_of, within
from analytics_platform.lake.model import Slice, is_too_late, touched_by
from analytics_platform.lake.rewrite import changed_rows, files_rewritten, parts_of
from analytics_platform.lake.shapes import DataFile
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import alarms, dirty, expired, timers
from analytics_platform.ledger.rework import TODAYS_VERSIONS, Order
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.slices import slice_of
from analytics_platform.pipeline.watermarks import Newest, of_model, recorded_watermarks, watermarks_now
from analytics_platform.product import Model, Pipeline, Window

log = logging.getLogger(__name__)
MOST_GRAINS = 50_000  # of one model in one cycle; what is left stays dirty for the next


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
class Place:
    """Where a model's table has rows of the grains, if it has any: files to be replaced, their rows, those `inside`."""

    files: list[DataFile]
    rows: pa.Table
    inside: Any


def with_inputs(models: Collection[str], pipeline: Pipeline) -> set[str]:
    """The models and every model that they are computed from."""
    found = set(models)
    for model in reversed(pipeline.models):
        if model.name in found:
            found |= set(model.inputs) & set(pipeline.model_names)
    return found


def models_asked(orders: Iterable[Order], pipeline: Pipeline) -> set[str]:
    """The models that orders want up to date whether their inputs change or not, with those that they read."""
    found: set[str] = set()
    for order in orders:
        if order.assets:
            found |= with_inputs(set(order.assets) & set(pipeline.model_names), pipeline)
        elif order.kind in TODAYS_VERSIONS:
            found |= set(pipeline.model_names)
    return found


def mark_touched(stream: str, rows: pa.Table, cause: str, parts: Parts, *, only: Collection[str] | None = None) -> None:
    """Have every model (or `only` some) recompute what these silver rows of a stream belong to, added or removed.

    Windows that are over are gathered for a while, so that the next late rows, or the next chunk of an order, do not
    have them recomputed again.
    """
    watermarks = recorded_watermarks(parts)
    now: dict[str, set[str]] = {}
    later: dict[str, list[tuple[str, datetime]]] = {}
    for model in parts.pipeline.readers(stream):
        if only is not None and model.name not in only:
            continue
        seen = rows[touched_by(model, stream)].filter(pc.invert(is_too_late(rows, model)))
        grains = grains_touched(seen, model.grain)
        at = of_model(model, parts.pipeline, watermarks)
        gathered = set() if at is None else _gathered(model, grains, at)
        now[model.name] = grains - gathered
        if at is not None and gathered:
            due = next_gathering(at, model.late_every)
            later[model.name] = [(grain, due) for grain in gathered]
    dirty.mark(parts.ledger, now, cause)
    timers.arm(parts.ledger, later, cause)


def end_gathering(parts: Parts) -> bool:
    """Have what was gathered recomputed now; whether there was anything."""
    watermarks = recorded_watermarks(parts)
    models = [model for model in parts.pipeline.models if isinstance(model.grain, Window)]
    at = {model: of_model(model, parts.pipeline, watermarks) for model in models}
    ends = {m.name: next_gathering(come, m.late_every) for m, come in at.items() if come is not None}
    return timers.fire(parts.ledger, ends) > 0


def count_too_late(stream: str, rows: pa.Table, parts: Parts) -> dict[str, int]:
    """By model that reads the stream, how many of these silver rows it leaves out; zeros are not named."""
    counts = {m.name: pc.sum(is_too_late(rows, m)).as_py() or 0 for m in parts.pipeline.readers(stream)}
    return {name: count for name, count in counts.items() if count}


def is_due(parts: Parts) -> bool:
    """Whether a cycle without any batch has something to do: a grain is dirty, or time has reached a timer.

    Models that failed in this lease are tried with the next batches, or by the next lease.
    """
    names = [name for name in parts.pipeline.model_names if name not in parts.failing]
    if dirty.is_any(parts.ledger, names):
        return True
    first = timers.first_due(parts.ledger, names)
    watermarks = watermarks_now(parts, {}) if first else {}
    at = {name: of_model(parts.pipeline.model(name), parts.pipeline, watermarks) for name in first}
    return any(found is not None and first[name] <= found for name, found in at.items())


def recompute_models(
    parts: Parts,
    epoch: int,
    newest: Newest,
    frozen: Mapping[str, Sequence[tuple[str, str | None]]],
    asked: Collection[str] = (),
) -> Recomputed:
    """Let timers fire, and recompute what is dirty, in the order of lineage; one that fails keeps no other waiting.

    `newest` are the highest event times by partition of the streams that this cycle has judged. Models that are `asked`
    for are recomputed wherever one that they read is, be its rows the same as before. Who reads a model that is frozen
    and not what is broken goes on with its last version.
    """
    watermarks = watermarks_now(parts, newest)
    gone = expired.gone(parts.ledger, parts.pipeline.stream_names)
    reports, seen, failed = {}, {}, {}
    for model, at, marks in _to_recompute(parts, watermarks, frozen):
        behind = [name for name in model.inputs if name in failed]
        if marks and behind:  # computed from old rows, it would have to be again
            failed[model.name] = failed[behind[0]]
            parts.failing.add(model.name)
            continue
        try:
            if whole := _whole(model, marks, gone, parts.pipeline):
                reports[model.name] = recompute_model(model, whole, at, parts, epoch, asked)
        except (DeclarationError, DamagedTableError) as error:
            failed[model.name] = error
            _tell(model, error, parts)
        else:
            seen[model.name] = marks
            parts.failing.discard(model.name)
    return Recomputed(reports=reports, seen_marks=seen, watermarks=watermarks, failed=failed, frozen=frozen)


def _to_recompute(
    parts: Parts, watermarks: Mapping[str, datetime], frozen: Collection[str]
) -> Iterator[tuple[Model, datetime, dict[str, int]]]:
    """Each model with its time and what is dirty of it, once timers have fired; a frozen one's marks are kept."""
    at = {model.name: of_model(model, parts.pipeline, watermarks) or EPOCH for model in parts.pipeline.models}
    timers.fire(parts.ledger, at)
    for model in parts.pipeline.models:
        if model.name not in frozen:
            yield model, at[model.name], dirty.marks(parts.ledger, model.name, MOST_GRAINS)


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


def recompute_model(
    model: Model, marks: Mapping[str, int], at: datetime, parts: Parts, epoch: int, asked: Collection[str]
) -> ModelReport:
    """Replace the marked grains by what their inputs say when time has come to `at`; one without rows disappears."""
    table = parts.tables.by_name[model.name]
    grains = values_of(marks, model.grain, table.shape.columns.field(model.grain.column).type)
    place = _place(model, table, grains, parts)
    readers = parts.pipeline.readers(model.name)
    _mark(model, place.rows.filter(place.inside), [reader for reader in readers if reader.name in asked], parts)
    read = slice_of(model, marks.keys(), at, parts)
    rows = recompute(parts.query, model, read).cast(table.shape.columns)
    _require_own(rows, model, grains)
    _replace(model, table, rows, place, parts, epoch)
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


def _tell(model: Model, error: PlatformError, parts: Parts) -> None:
    """Log and alarm that a model cannot be recomputed: once in a lease, and not in every one."""
    if model.name in parts.failing:
        return
    parts.failing.add(model.name)
    log.error("model.failing", extra={"model": model.name, "reason": str(error)})
    alarms.raise_model_failing(parts.ledger, model.name, str(error), parts.now())


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


def _gathered(model: Model, grains: set[str], at: datetime) -> set[str]:
    """The grains that can wait for more late rows: windows that are over, while time goes on."""
    if not isinstance(model.grain, Window) or at >= timers.END_OF_STREAM:
        return set()
    return over(grains, model.grain, at)


def _require_own(rows: pa.Table, model: Model, grains: pa.Array) -> None:
    mask = within(rows, model.grain.column, grains)
    if rows.num_rows and not pc.all(mask).as_py():
        problem = f"its SQL yields rows of other values of {model.grain.column} than those it was asked for"
        raise DeclarationError(f"model {model.name}", problem, "select the grain column as it is, and group by it")
