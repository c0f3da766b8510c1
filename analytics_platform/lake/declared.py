"""What can be said against a model when it is declared, before it has seen a row: columns, types, SQL. Pure."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import pyarrow as pa
from sqlglot import exp, parse
from sqlglot.errors import SqlglotError

from analytics_platform.errors import DeclarationError
from analytics_platform.lake.grains import is_key_type
from analytics_platform.lake.incomplete import COMPLETE
from analytics_platform.lake.model import LATENESS, touched_by
from analytics_platform.lake.shapes import INSTANT
from analytics_platform.product import Model, Window

CLOCKS = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Localtime, exp.Localtimestamp)
CLOCK_NAMES = {"now", "get_current_timestamp", "transaction_timestamp", "clock_timestamp", "current_localtimestamp"}
CHANCES = (exp.Rand, exp.Uuid, exp.TableSample)
CHANCE_NAMES = {"uuidv4", "uuidv7", "setseed", "nextval", "currval", "txid_current"}


def parsed(model: Model) -> exp.Query:
    """The model's SQL as a tree; DeclarationError if it is anything but one query."""
    try:
        statements = [s for s in parse(model.sql, dialect="duckdb") if s is not None]
    except SqlglotError as error:
        raise _wrong(model, f"its SQL cannot be parsed: {str(error).splitlines()[0]}", "mend its .sql file") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise _wrong(model, "its SQL is not one SELECT", "write one SELECT, without a WHERE on the grain")
    return statements[0]


def require_same_answer(model: Model) -> None:
    """Refuse SQL that reads anything but its inputs, or whose answer depends on when and how often it runs."""
    tree = parsed(model)
    for call in tree.find_all(exp.Func, exp.TableSample):
        name = call.name.lower() if isinstance(call, exp.Anonymous) else ""
        if isinstance(call, CLOCKS) or name in CLOCK_NAMES:
            problem = f"its SQL asks a clock ({call.sql('duckdb')}), so that a recompute would give another answer"
            raise _wrong(model, problem, "use watermark(), or the events' own times")
        if isinstance(call, CHANCES) or name in CHANCE_NAMES:
            problem = f"its SQL draws lots ({call.sql('duckdb')}), so that a recompute would give another answer"
            raise _wrong(model, problem, "order or pick by columns")
    found = _relations(tree)
    inputs = {name.lower() for name in model.inputs}
    strangers = sorted(name for name in found if name.lower() not in inputs)
    if strangers:
        problem = f"its SQL reads {', '.join(strangers)}, which is not among its inputs: {', '.join(model.inputs)}"
        raise _wrong(model, problem, "add it to `inputs`, or mend the name")
    if idle := sorted(inputs - {name.lower() for name in found}):
        raise _wrong(model, f"its SQL does not read its input {', '.join(idle)}", "take it out of `inputs`")


def require_columns(model: Model, inputs: Mapping[str, pa.Schema]) -> None:
    """Refuse a grain, touches or a life that name columns which are not there or cannot serve."""
    if isinstance(model.grain, Window):
        for name in model.inputs:
            _require_instant(model, "`touches`", name, touched_by(model, name), inputs)
            if model.grain.column in inputs[name].names:
                problem = f"its grain column {model.grain.column} is a column of {name} already"
                raise _wrong(model, problem, "give the window a name of its own")
        return
    _require_one_key(model, inputs)
    life = model.grain.life
    if life is not None:
        for column in (life.starts, life.ends):
            _require_instant(model, "its `Life`", life.input, column, inputs)


def _require_one_key(model: Model, inputs: Mapping[str, pa.Schema]) -> None:
    columns = {name: touched_by(model, name) for name in model.inputs}
    kinds = {name: _type(model, "`touches`", name, column, inputs) for name, column in columns.items()}
    told = ", ".join(f"{name}.{columns[name]} is {kind}" for name, kind in kinds.items())
    if not all(map(is_key_type, kinds.values())):
        raise _wrong(model, f"a key must be a text or an integer: {told}", "name other columns in `touches`")
    if len({_family(kind) for kind in kinds.values()}) > 1:
        raise _wrong(model, f"its key has no one type: {told}", "let all be integers, or all texts")


def require_result(model: Model, result: pa.Schema, inputs: Mapping[str, pa.Schema]) -> None:
    """Refuse a result without the grain's column, with one of another type, or described by columns it lacks."""
    column, grain = model.grain.column, model.grain
    if column not in result.names:
        problem = f"its SQL does not select the grain column {column}"
        raise _wrong(model, problem, "select it, and group by it")
    kind = result.field(column).type
    if isinstance(grain, Window):
        wanted, fits = "an instant", kind == INSTANT
    else:
        source = inputs[model.inputs[0]].field(touched_by(model, model.inputs[0])).type
        wanted, fits = f"{source} as in its inputs", is_key_type(kind) and _family(kind) == _family(source)
    if not fits:
        problem = f"its grain column {column} is {kind} in the result, and not {wanted}"
        raise _wrong(model, problem, "select the column as it is")
    for ours in {LATENESS, COMPLETE} & set(result.names):
        raise _wrong(model, f"its SQL yields a column named {ours}, which is ours", "give it another name")
    if unknown := sorted(set(model.columns) - set(result.names)):
        problem = f"`columns` describes {', '.join(unknown)}, which its SQL does not yield"
        raise _wrong(model, problem, f"it yields {', '.join(result.names)}")


def _relations(tree: exp.Query) -> set[str]:
    """The tables that are read; a common table expression is none, and a table function counts by its own text."""
    named = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = [t for t in tree.find_all(exp.Table) if not isinstance(t.this, exp.GenerateSeries | exp.Unnest)]
    return {
        t.sql("duckdb", copy=True) if not isinstance(t.this, exp.Identifier) or t.db else t.name for t in tables
    } - named


def _require_instant(model: Model, where: str, name: str, column: str, inputs: Mapping[str, pa.Schema]) -> None:
    if _type(model, where, name, column, inputs) != INSTANT:
        problem = f"{where} takes instants from {name}.{column}, which is {_type_of(inputs[name], column)}"
        raise _wrong(model, problem, "name a column of instants (timestamps in UTC)")


def _type(model: Model, where: str, name: str, column: str, inputs: Mapping[str, pa.Schema]) -> pa.DataType:
    if column not in inputs[name].names:
        problem = f"{where} names {name}.{column}, which does not exist"
        raise _wrong(model, problem, _suggestion(column, inputs[name].names))
    return inputs[name].field(column).type


def _suggestion(column: str, names: Sequence[str]) -> str:
    near = get_close_matches(column, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"{len(names)} columns are there: {', '.join(names)}"


def _type_of(columns: pa.Schema, column: str) -> str:
    return str(columns.field(column).type)


def _family(kind: pa.DataType) -> str:
    return "integer" if pa.types.is_integer(kind) else str(kind)


def _wrong(model: Model, problem: str, remedy: str) -> DeclarationError:
    return DeclarationError(f"model {model.name}", problem, remedy)
