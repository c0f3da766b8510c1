"""Column lineage: which columns of its inputs a model's columns take their values from, read from its SQL. Pure.

Values only: what orders, filters, groups or joins rows decides which values are taken, and is not followed. So the
price of `arg_min({price: price, …}, …)` comes from price alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope

from analytics_platform.lake.declared import parsed
from analytics_platform.lake.model import touched_by
from analytics_platform.product import (
    FromBroker,
    FromCoordinates,
    FromField,
    FromHeader,
    FromKey,
    Model,
    Pipeline,
    Stream,
    Window,
)

Origin = tuple[str, str]  # an input and its column
Path = tuple[str, ...]  # the fields of a struct that lead to the value
# of these only the first part is a value; what follows orders, filters or cuts
FIRST_PART = (
    *(exp.ArgMin, exp.ArgMax, exp.AnyValue, exp.First, exp.Last, exp.Min, exp.Max),
    *(exp.Paren, exp.Window, exp.Filter, exp.Order, exp.Subquery),
)

PARTS_OF_RECORDS = {
    "batch": "offset",
    "partition": "partition",
    "offset": "offset",
    "broker_at": "timestamp",
    "traceparent": "header traceparent",
    "schema_id": "value, or header __value_schema_id",
    "payload_hash": "value",
}


def column_lineage(model: Model, inputs: Mapping[str, Sequence[str]]) -> dict[str, list[Origin]]:
    """By column of the model's result, the columns of its inputs that its values come from; a bare count has none.

    `inputs` are the column names of each input. A window's own column comes from the instants that it is cut by.
    """
    top = build_scope(parsed(model))
    assert top is not None, "a query has a scope"
    found = Lineage(model, inputs)
    return {name: sorted(found.of_output(top, name, ())) for name in found.names(top)}


@dataclass(frozen=True, slots=True)
class Lineage:
    """Finds origins in the scopes of one model's SQL; upper and lower case are the same, as in DuckDB.

    Of values only, or also of what chooses among them: the order of an `arg_min`, a filter of an aggregate.
    """

    model: Model
    inputs: Mapping[str, Sequence[str]]
    of_values_only: bool = True

    def names(self, scope: Scope) -> list[str]:
        """The columns that a query yields, stars written out, as whoever reads it names them."""
        if scope.set_operation_scopes:
            found = self.names(scope.set_operation_scopes[0])
        else:
            found = [name for selected in _selects(scope) for name in self._names_of(scope, selected)]
        return [*scope.outer_columns, *found[len(scope.outer_columns) :]]

    def of_output(self, scope: Scope, name: str, path: Path) -> set[Origin]:
        """Where a column of a query comes from."""
        place = self.names(scope).index(name)
        if scope.set_operation_scopes:
            return _union(self.of_output(s, self.names(s)[place], path) for s in scope.set_operation_scopes)
        items = [(selected, name) for selected in _selects(scope) for name in self._names_of(scope, selected)]
        selected, own_name = items[place]
        if _is_star(selected):
            return self.of_column(scope, (*filter(None, [selected.text("table")]), own_name, *path))
        return self._of_value(scope, selected.unalias(), path)

    def _names_of(self, scope: Scope, selected: exp.Expr) -> list[str]:
        """The names of one item of a SELECT's list."""
        if not _is_star(selected):
            return [selected.alias_or_name]
        star = selected.this if isinstance(selected, exp.Column) else selected
        dropped = {column.name.lower() for column in star.args.get("except_") or ()}
        only = selected.text("table")
        sources = [s for alias, (_, s) in scope.selected_sources.items() if not only or _same(alias, only)]
        names = dict.fromkeys(name for source in sources for name in self._columns(source))
        return [name for name in names if name.lower() not in dropped]

    def _columns(self, source: Scope | exp.Table) -> list[str]:
        if isinstance(source, Scope):
            return self.names(source) if isinstance(source.expression, exp.Query) else []
        added = [self.model.grain.column] if isinstance(self.model.grain, Window) else []
        name = self._input(source)
        return [*self.inputs[name], *added] if name else []

    def _input(self, source: exp.Table) -> str | None:
        return next((name for name in self.inputs if _same(name, source.name)), None)

    def _of_value(self, scope: Scope, value: exp.Expr, path: Path) -> set[Origin]:
        if isinstance(value, exp.Column):
            return self.of_column(scope, (*(part.name for part in value.parts), *path))
        if isinstance(value, exp.Dot):
            return self._of_value(scope, value.this, (value.expression.name, *path))
        if isinstance(value, exp.Query):
            below = [s for s in scope.subquery_scopes if s.expression.unnest() is value.unnest()]
            return _union(self.of_output(s, self.names(s)[0], path) for s in below)
        if isinstance(value, exp.Struct) and path:
            fields = [field for field in value.expressions if _same(field.name, path[0])]
            return _union(self._of_value(scope, field.expression, path[1:]) for field in fields)
        if isinstance(value, FIRST_PART):
            first = value.this
            others = [] if self.of_values_only else [part for part in value.iter_expressions() if part is not first]
            values = self._of_value(scope, first, path) if first else set()
            return values | _union(self._of_value(scope, part, ()) for part in others)
        return _union(self._of_value(scope, part, ()) for part in value.iter_expressions())

    def of_column(self, scope: Scope, parts: Path) -> set[Origin]:
        """Where `table.column.field…` or `column.field…` comes from; USING makes one column of several."""
        for alias, (_, source) in scope.selected_sources.items():
            if len(parts) > 1 and _same(alias, parts[0]):
                return self._of_source(source, parts[1], parts[2:])
        sources = [source for _, source in scope.selected_sources.values()]
        found = _union(self._of_source(source, parts[0], parts[1:]) for source in sources)
        aliased = [s for s in _selects(scope) if isinstance(s, exp.Alias) and _same(s.alias, parts[0])]
        if not found and not any(_same(parts[0], name) for s in sources for name in self._columns(s)) and aliased:
            return self._of_value(scope, aliased[0].this, parts[1:])  # an alias of the same list
        return found

    def _of_source(self, source: Scope | exp.Table, column: str, path: Path) -> set[Origin]:
        names = [name for name in self._columns(source) if _same(name, column)]
        if not names:
            return set()
        if isinstance(source, Scope):
            return self.of_output(source, names[0], path)
        is_window = isinstance(self.model.grain, Window) and _same(column, self.model.grain.column)
        name = self._input(source)
        return {(name, touched_by(self.model, name) if is_window else names[0])} if name else set()


def _selects(scope: Scope) -> list[exp.Expr]:
    return scope.expression.selects if isinstance(scope.expression, exp.Query) else []


def _is_star(selected: exp.Expr) -> bool:
    return isinstance(selected, exp.Star) or (isinstance(selected, exp.Column) and isinstance(selected.this, exp.Star))


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _union(origins: Iterable[set[Origin]]) -> set[Origin]:
    return set().union(*origins)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A column, or what of a topic it is, and what its values come from."""

    name: str
    sources: tuple["Traced", ...] = ()


def traced(pipeline: Pipeline, columns: Mapping[str, Sequence[str]], table: str, column: str) -> Traced:
    """A column of a stream's silver or of a model, traced to the topics; `columns` are those of every input."""
    if table in pipeline.stream_names:
        stream = pipeline.stream(table)
        topic = Traced(name=f"topic {stream.topic}: {_of_record(stream, column)}")
        return Traced(name=f"{table}.{column}", sources=(topic,))
    origins = column_lineage(pipeline.model(table), columns)[column]
    sources = tuple(traced(pipeline, columns, name, source) for name, source in origins)
    return Traced(name=f"{table}.{column}", sources=sources)


def _of_record(stream: Stream, column: str) -> str:
    """Which part of a record silver's column holds."""
    declared = {"event_id": stream.identity, "event_at": stream.event_time, "late_micros": stream.event_time}
    if column not in declared:
        return PARTS_OF_RECORDS.get(column, f"field {column}")
    match declared[column]:
        case FromField(name):
            return f"field {name}"
        case FromHeader(name):
            return f"header {name}"
        case FromKey():
            return "key"
        case FromCoordinates():
            return "partition and offset"
        case FromBroker():
            return "timestamp"
