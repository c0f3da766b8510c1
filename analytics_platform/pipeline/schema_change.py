"""What a new version of a stream's schema does to its silver table and to the models that read it."""

from collections.abc import Mapping

import pyarrow as pa
from sqlglot import exp

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import Schema
from analytics_platform.ingest.decode import reader_columns
from analytics_platform.lake.declared import parsed
from analytics_platform.product import Model, Pipeline
from analytics_platform.registry.compatibility import Break, BreakKind, Victim
from analytics_platform.registry.compatibility.effects import lake_breaks, model_breaks


def effects(pipeline: Pipeline, stream: str, before: Schema, after: Schema) -> list[Break]:
    """What breaks in silver and in models if `after` becomes the stream's reader schema instead of `before`."""
    try:
        columns = reader_columns(after)
    except DeclarationError as error:
        return [_no_columns(error)]
    known = reader_columns(before)
    return [*lake_breaks(known, columns), *model_breaks(known, columns, readers(pipeline, stream, known))]


def readers(pipeline: Pipeline, stream: str, columns: pa.Schema) -> Mapping[str, list[str]]:
    """By column of a stream, the models whose SQL names it or whose grains are cut by it; a star names all."""
    found: dict[str, list[str]] = {}
    for model in pipeline.readers(stream):
        named = _named(model, stream)
        for column in columns.names:
            if named is None or column.lower() in named:
                found.setdefault(column, []).append(model.name)
    return found


def _named(model: Model, stream: str) -> set[str] | None:
    """The names of columns, in lower case, that a model says somewhere; None if it says `*`."""
    tree = parsed(model)
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return None
    words = {part.name.lower() for column in tree.find_all(exp.Column) for part in column.parts}
    touched = {model.touches[stream].lower()} if stream in model.touches else set()
    life = model.life
    lived = {life.starts.lower(), life.ends.lower()} if life and life.input == stream else set()
    return words | touched | lived


def _no_columns(error: DeclarationError) -> Break:
    return Break(
        kind=BreakKind.COLUMN,
        path=error.where,
        before="columns of silver",
        after=error.problem,
        hurts=Victim.LAKE,
        remedy=error.remedy,
    )
