"""Which grains of models lack the rows of a batch that is held, and how readers are told. Pure."""

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.grains import grains_touched, values_of
from analytics_platform.lake.model import is_too_late, quoted, touched_by
from analytics_platform.product import Grain, Model, Pipeline

COMPLETE = "complete"  # the column that readers see beside those of every model
MOST_GRAINS = 2_000  # of one model that a manifest names
Lacking = Mapping[str, frozenset[str] | None]  # by model; None: any of its grains may
Columns = Mapping[str, pa.Schema]  # of streams and models, by name


def lacking(stream: str, rows: pa.Table, pipeline: Pipeline, columns: Columns) -> Lacking:
    """By model, the grains that would hear of these rows of the stream, were they published.

    Of a model over models they are known where it is told by the grain of the model that it reads. Else nobody can say
    which of its grains a row belongs to that does not exist yet, and it may be any; so it may where there are too many.
    """
    found: dict[str, frozenset[str] | None] = {}
    if not rows.num_rows:
        return found
    for model in pipeline.models:
        parts = [_through(model, pipeline.model(name), found[name], columns) for name in model.inputs if name in found]
        if stream in model.inputs:
            seen = rows.filter(pc.invert(is_too_late(rows, model)))
            parts.append(frozenset(grains_touched(seen[touched_by(model, stream)], model.grain)))
        grains = _together(parts)
        if grains is None or grains:
            found[model.name] = grains
    return found


def of_all(held: Iterable[Lacking]) -> Lacking:
    """By model, the grains that lack rows of any of several batches."""
    batches = list(held)
    names = dict.fromkeys(name for batch in batches for name in batch)
    return {name: _together([batch[name] for batch in batches if name in batch], most=None) for name in names}


def complete_sql(grain: Grain, grains: frozenset[str] | None, relation: str) -> str:
    """Whether a row of a model is complete, in SQL; `relation` has in `grain` the values of those that are not."""
    if grains is None:
        return "false"
    column = quoted(grain.column)
    return f"coalesce({column} not in (select grain from {quoted(relation)}), true)" if grains else "true"


def values_lacking(grain: Grain, grains: frozenset[str], columns: pa.Schema) -> pa.Table:
    """That relation, for a model with these columns."""
    return pa.table({"grain": values_of(grains, grain, columns.field(grain.column).type)})


def _through(model: Model, read: Model, grains: frozenset[str] | None, columns: Columns) -> frozenset[str] | None:
    """The grains of a model that follow from those of a model that it reads."""
    column = touched_by(model, read.name)
    if grains is None or column != read.grain.column:
        return None
    values = values_of(grains, read.grain, columns[read.name].field(column).type)
    return frozenset(grains_touched(pa.chunked_array([values]), model.grain))


def _together(parts: Iterable[frozenset[str] | None], most: int | None = MOST_GRAINS) -> frozenset[str] | None:
    found: frozenset[str] = frozenset()
    for part in parts:
        if part is None:
            return None
        found |= part
    return None if most is not None and len(found) > most else found
