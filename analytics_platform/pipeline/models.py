"""Which grains of models are dirty: those that rows belong to, those that orders ask for, those whose time has come."""

from collections.abc import Collection, Iterable
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.grains import grains_touched, next_gathering, over
from analytics_platform.lake.model import is_too_late, touched_by
from analytics_platform.ledger.postgres import dirty, timers
from analytics_platform.ledger.rework import TODAYS_VERSIONS, Order
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.watermarks import of_model, recorded_watermarks, watermarks_now
from analytics_platform.product import Model, Pipeline, Window


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


def _gathered(model: Model, grains: set[str], at: datetime) -> set[str]:
    """The grains that can wait for more late rows: windows that are over, while time goes on."""
    if not isinstance(model.grain, Window) or at >= timers.END_OF_STREAM:
        return set()
    return over(grains, model.grain, at)
