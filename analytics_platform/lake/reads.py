"""What a model reads of its inputs, in any clause of its SQL; and which models a broken column reaches. Pure.

Lineage follows values. Here it counts as well what chooses, joins, groups and orders rows: a model that only filters by
a column is as wrong as one that sums it when the column is broken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope, walk_in_scope

from analytics_platform.lake.declared import parsed
from analytics_platform.lake.lineage import Lineage, Origin
from analytics_platform.lake.model import touched_by
from analytics_platform.product import Model, Pipeline

Columns = tuple[tuple[str, tuple[str, ...]], ...]  # of each input
Broken = tuple[str, str | None]  # a table and its column; None: its rows as a whole
VALUES = ("expressions", "with_", "with")  # what a query yields, and queries that count where they are read


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """Columns of inputs that decide which rows a model has, and by column of its result those that its values take."""

    rows: frozenset[Origin]
    columns: Mapping[str, frozenset[Origin]]


def reads_of(model: Model, inputs: Mapping[str, Sequence[str]]) -> Reads:
    """What a model reads; `inputs` are the column names of each input."""
    return _reads(model, tuple((name, tuple(columns)) for name, columns in sorted(inputs.items())))


def reached(
    pipeline: Pipeline, columns: Mapping[str, Sequence[str]], broken: Sequence[Broken]
) -> dict[str, list[Broken]]:
    """By model that reads one of the broken columns, itself or through other models, which of them.

    `columns` are those of every stream and model. A model that a broken column reaches in what decides its rows is
    broken in all of its columns, else in those whose values it goes into.
    """
    causes: dict[Broken, list[Broken]] = {place: [place] for place in broken}
    found: dict[str, list[Broken]] = {}
    for model in pipeline.models:
        reads = reads_of(model, {name: columns[name] for name in model.inputs})
        everything = frozenset().union(*reads.columns.values())
        whole = [cause for name in model.inputs for cause in causes.get((name, None), [])]
        whole += [cause for origin in sorted(reads.rows) for cause in causes.get(origin, [])]
        for column in columns[model.name]:  # one that its SQL does not name takes what any of them takes
            origins = sorted(reads.columns.get(column, everything))
            if taken := [*whole, *(cause for origin in origins for cause in causes.get(origin, []))]:
                causes[model.name, column] = taken
                found.setdefault(model.name, []).extend(taken)
        if whole:
            causes[model.name, None] = whole
    return {name: list(dict.fromkeys(places)) for name, places in found.items()}


@lru_cache(maxsize=256)
def _reads(model: Model, inputs: Columns) -> Reads:
    top = build_scope(parsed(model))
    assert top is not None, "a query has a scope"
    found = Lineage(model, dict(inputs), of_values_only=False)
    columns = {name: frozenset(found.of_output(top, name, ())) for name in found.names(top)}
    rows = {(name, touched_by(model, name)) for name in model.inputs}
    if life := model.life:
        rows |= {(life.input, life.starts), (life.input, life.ends)}
    for scope in top.traverse():
        for node in _deciding(scope):
            rows |= _origins(found, scope, tuple(part.name for part in node.parts))
        if scope.set_operation_scopes and scope.expression.args.get("distinct"):  # equal rows become one
            rows |= {origin for name in found.names(scope) for origin in found.of_output(scope, name, ())}
    return Reads(rows=frozenset(rows), columns=columns)


def _deciding(scope: Scope) -> Iterator[exp.Column]:
    """The columns that decide which rows one query yields: those of joins, filters, groups and orders.

    Of what is grouped by, or compared with by whoever asks in a subquery, these are columns of its list as well.
    """
    query = scope.expression
    for name, clauses in query.args.items():
        for clause in clauses if isinstance(clauses, list) else [clauses]:
            if name not in VALUES or scope.is_subquery or _is_grouped_by(query, clause):
                yield from _columns_of(clause)
            if isinstance(clause, exp.Join):
                yield from (exp.column(column.name) for column in clause.args.get("using") or [])


def _is_grouped_by(query: exp.Expr, item: object) -> bool:
    """Whether an item of a query's list makes the groups or the distinct rows that it yields."""
    if query.args.get("distinct"):
        return True
    return bool(query.args.get("group")) and isinstance(item, exp.Expr) and item.find(exp.AggFunc) is None


def _columns_of(clause: object) -> Iterator[exp.Column]:
    if isinstance(clause, exp.Expr):
        yield from (node for node in walk_in_scope(clause) if isinstance(node, exp.Column))


def _origins(found: Lineage, scope: Scope | None, parts: tuple[str, ...]) -> set[Origin]:
    """Where a column comes from that a query names: of its own sources, else of those of the query around it."""
    while scope is not None:
        if origins := found.of_column(scope, parts):
            return origins
        scope = scope.parent
    return set()
