"""Whether the SQL in a contract can be planned over the columns that its table has. Pure, in an in-memory DuckDB."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa

from analytics_platform.quality.batch import READ
from analytics_platform.quality.contract import read_contract
from analytics_platform.yaml_text import Fault

AS_QUERY = {
    "expression": "select {} from {}",
    "filter": "select 1 from {1} where {0}",
    "query": "{}",
}


def sql_faults(
    text: str, where: str, columns: pa.Schema, references: Mapping[str, pa.Schema] = MappingProxyType({})
) -> list[Fault]:
    """One fault for each expression, filter or query that DuckDB cannot plan over a table of those columns.

    `references` are the columns of the tables that its checks compare with.
    """
    contract = read_contract(text, where)
    table = contract.dataset.rpartition("/")[2]
    found = []
    with duckdb.connect(config={"enable_external_access": "false", "threads": 1}) as connection:
        connection.register(table, columns.empty_table())
        connection.register(f"{table}{READ}", columns.append(pa.field("reason", pa.string())).empty_table())
        for name, of_reference in references.items():
            connection.register(name, of_reference.empty_table())
        for kind, sql in _pieces(contract.document):
            if problem := _problem(connection, AS_QUERY[kind].format(sql, table)):
                remedy = f"columns are those of {table} and, of a batch, {table}{READ}"
                found.append(Fault(line=_line(text, sql), problem=f"its {kind} cannot run: {problem}", remedy=remedy))
    return found


def _pieces(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    checks = [*(document.get("checks") or [])]
    for column in document.get("columns") or []:
        checks += column.get("checks") or []
    for check in checks:
        for body in check.values():
            yield from ((kind, sql) for kind, sql in (body or {}).items() if kind in AS_QUERY)


def _problem(connection: duckdb.DuckDBPyConnection, query: str) -> str | None:
    try:
        connection.execute(f"explain {query}")
    except duckdb.Error as error:
        return str(error).strip().splitlines()[0]
    return None


def _line(text: str, sql: str) -> int:
    """Where the first line of that SQL stands; YAML may have folded the others."""
    first = sql.strip().splitlines()[0].strip()
    return next((number for number, line in enumerate(text.splitlines(), 1) if first in line), 1)
