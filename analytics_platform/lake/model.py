"""A model's table, and the SQL that recomputes just the dirty grains of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.lake.grains import EPOCH, micros
from analytics_platform.lake.shapes import TableShape
from analytics_platform.product import Life, Model, Pipeline, Window

LATENESS = "late_micros"  # the column that every silver table has, and no model


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What a recompute reads.

    `grains` as `numbers_or_keys` gives them; `files` by input, those that can hold their rows; `columns` by input;
    `lives` when the rows of each key can happen (key, starts, ends), None without; `watermark` what `watermark()` says.
    """

    grains: pa.Array
    files: Mapping[str, Sequence[str]]
    columns: Mapping[str, pa.Schema]
    lives: pa.Table | None = None
    watermark: datetime = EPOCH


def shape_of(model: Model, columns: pa.Schema, more_bounds: Sequence[str] = ()) -> TableShape:
    """The model's table."""
    grain = model.grain.column
    bounds = (grain, *(name for name in more_bounds if name != grain))
    return TableShape(name=model.name, columns=columns, bounded_by=bounds, sorted_by=(grain,), is_derived=True)


def touched_by(model: Model, name: str) -> str:
    """The column of an input that says which grains of the model its rows belong to."""
    return model.touches.get(name, "event_at")


def bounds_wanted(pipeline: Pipeline, name: str) -> list[str]:
    """The columns of a stream or model whose bounds its files must record, for models to find their rows by."""
    wanted = [touched_by(model, name) for model in pipeline.readers(name)]
    for life in (model.life for model in pipeline.readers(name)):
        if life is not None and life.input == name:
            wanted += [life.starts, life.ends]
    return sorted(set(wanted))


def is_too_late(rows: pa.Table, model: Model) -> Any:
    """A mask of the rows of a stream that the model leaves out."""
    return pc.fill_null(pc.greater(rows[LATENESS], micros(model.lateness)), False)


def is_stream(columns: pa.Schema) -> bool:
    """Whether these are the columns of a silver table, and not of a model."""
    return LATENESS in columns.names


def recompute_sql(model: Model, read: Slice) -> str:
    """The model's SELECT over its inputs cut down to the dirty grains.

    It expects relations `dirty_grains` with the column `grain`, `<input>__columns` without rows and with every column,
    and where keys have lives, `lives`.
    """
    inputs = ",\n".join(_input(model, name, read) for name in model.inputs)
    return f"with {inputs}\nselect * from (\n{model.sql.strip().rstrip(';')}\n)"


def lives_sql(model: Model, life: Life, read: Slice) -> str:
    """The lives of the dirty keys: key, starts, ends. It expects relations as `recompute_sql` does."""
    key, seen = quoted(touched_by(model, life.input)), _is_seen(model, read.columns[life.input])
    return (
        f"select distinct {key} as key, {quoted(life.starts)} as starts, {quoted(life.ends)} as ends\n"
        f"from {_rows(life.input, read)} where {seen} and {_is_dirty(key)}"
    )


def _rows(name: str, read: Slice) -> str:
    """The rows of the input's files; columns that a file does not have yet are null."""
    none = f"select * from {quoted(name + '__columns')}"
    if not read.files.get(name):
        return f"({none})"
    listed = ", ".join(text(uri) for uri in read.files[name])
    return f"({none} union all by name select * from read_parquet([{listed}], union_by_name = true))"


def _input(model: Model, name: str, read: Slice) -> str:
    columns, rows = read.columns[name], _rows(name, read)
    seen = _is_seen(model, columns)
    column = quoted(touched_by(model, name))
    if isinstance(model.grain, Window):
        return f"{quoted(name)} as ({_windowed(model.grain, column, rows, seen)})"
    life = model.grain.life
    if life is None or name == life.input or not is_stream(columns):
        return f"{quoted(name)} as (select * from {rows} where {seen} and {_is_dirty(column)})"
    return (
        f"{quoted(name)} as (select r.* from {rows} r semi join lives l\n"
        f"  on r.{column} = l.key and r.event_at between l.starts and l.ends where {seen})"
    )


def _windowed(window: Window, column: str, rows: str, seen: str) -> str:
    """Each row once for every dirty window that it belongs to, with the window's start."""
    step, overlap = micros(window.step), window.size // window.step
    number = f"epoch_us({column}) // {step}" if overlap == 1 else f"epoch_us({column}) // {step} - back.steps"
    hops = "" if overlap == 1 else f", range({overlap}) back(steps)"
    return (
        f"select r.*, make_timestamptz(({number}) * {step}) as {quoted(window.column)} from {rows} r{hops}\n"
        f"  where {seen} and {_is_dirty(number)}"
    )


def _is_dirty(value: str) -> str:
    return f"({value}) in (select grain from dirty_grains)"


def _is_seen(model: Model, columns: pa.Schema) -> str:
    """Leaves out the rows that come too late for this model."""
    return f"coalesce({LATENESS}, 0) <= {micros(model.lateness)}" if is_stream(columns) else "true"


def text(value: str) -> str:
    """A SQL text literal."""
    return "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A SQL name."""
    return '"' + name.replace('"', '""') + '"'
