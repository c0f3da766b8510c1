"""A table as one reader has it: NULL in what is hidden or erased; a model's rows say whether they are complete."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from analytics_platform.lake.erased import erased_sql, may_be_encrypted, shown_sql
from analytics_platform.lake.incomplete import COMPLETE, Lacking, complete_sql, values_lacking
from analytics_platform.lake.model import quoted
from analytics_platform.product import Model

WHO = "people/erased"  # no table is called that


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A table of the cut, and what of it a reader is to see.

    `hidden` columns have no values; those of `personal` ones may be ciphertexts. `erased` are all people of whom
    nothing that was encrypted is shown any more; `lacking` are the grains of models that are not complete.
    """

    table: str
    columns: pa.Schema
    model: Model | None
    hidden: Collection[str]
    personal: Collection[str]
    erased: Collection[str]
    lacking: Lacking


def query_of(connection: duckdb.DuckDBPyConnection, shown: Shown, rows: Any) -> str:
    """The query of what is to be seen; `rows` are the table's without its hidden columns, and are registered."""
    name = shown.table if shown.model is None else f"{shown.table}/stored"
    connection.register(name, rows)
    columns = [*_columns(connection, shown), *_complete(connection, shown)]
    return f"select {', '.join(columns)} from {quoted(name)}"


def _columns(connection: duckdb.DuckDBPyConnection, shown: Shown) -> list[str]:
    """All columns in their order, each of its type: a hidden one has no values, and none that could be asked for."""
    encrypted = may_be_encrypted(shown.columns, shown.personal)
    if not shown.hidden and not encrypted:
        return ["*"]
    if encrypted:
        connection.register(WHO, pa.table({"id": pa.array(sorted(shown.erased), pa.string())}))
    seen = sorted(encrypted - set(shown.hidden))
    types = _types(connection, shown.columns)
    found = [_column(name, types[name], shown.hidden, seen) for name in shown.columns.names]
    return [*found, erased_sql(seen, WHO)] if encrypted else found


def _types(connection: duckdb.DuckDBPyConnection, columns: pa.Schema) -> dict[str, Any]:
    empty = connection.from_arrow(columns.empty_table())
    return dict(zip(empty.columns, empty.types, strict=True))


def _column(name: str, kind: object, hidden: Collection[str], encrypted: Collection[str]) -> str:
    if name in hidden:
        return f"null::{kind} as {quoted(name)}"
    return shown_sql(name, WHO) if name in encrypted else quoted(name)


def _complete(connection: duckdb.DuckDBPyConnection, shown: Shown) -> list[str]:
    """Whether a model's row lacks nothing; NULL for who may not see its grain."""
    if shown.model is None:
        return []
    if shown.model.grain.column in shown.hidden:
        return [f"null::boolean as {COMPLETE}"]
    grains, incomplete = shown.lacking.get(shown.table, frozenset()), f"{shown.table}/incomplete"
    if grains:
        connection.register(incomplete, values_lacking(shown.model.grain, grains, shown.columns))
    return [f"{complete_sql(shown.model.grain, grains, incomplete)} as {COMPLETE}"]
