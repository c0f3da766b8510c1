"""Batch checks: what a whole batch must satisfy before any of it is published. Pure, in an in-memory DuckDB."""

from collections.abc import Sequence
from functools import lru_cache

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from analytics_platform.errors import DeclarationError
from analytics_platform.facts import CheckResult
from analytics_platform.product import BatchCheck, Stream

MISDECLARED = (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException)


def run_checks(
    connection: duckdb.DuckDBPyConnection, rows: pa.Table, stream: Stream
) -> dict[int, tuple[CheckResult, ...]]:
    """By batch, what each of the stream's checks says of its rows; a batch without rows has nothing to fail.

    `rows` are decoded, with `batch` and `reason`. A check that is null, or cannot be computed, has failed.
    """
    if not stream.checks or not rows.num_rows:
        return {}
    connection.register("judged", rows)
    try:
        by_check = [(check, _run(connection, check, stream)) for check in stream.checks]
    finally:
        connection.unregister("judged")
    numbers = rows["batch"].unique().to_pylist()
    return {number: tuple(_result(check, found.get(number)) for check, found in by_check) for number in numbers}


def _result(check: BatchCheck, found: tuple[bool, dict[str, float]] | None) -> CheckResult:
    passed, values = found or (False, {})
    return CheckResult(name=check.name, passed=passed, severity=check.severity, detail=check.description, values=values)


def _run(
    connection: duckdb.DuckDBPyConnection, check: BatchCheck, stream: Stream
) -> dict[int, tuple[bool, dict[str, float]]]:
    figures = figures_of(check.holds)
    try:
        return _ask(connection, check, figures)
    except MISDECLARED:
        pass  # perhaps only a figure is no number; without them it is the check's own fault
    except duckdb.Error:  # over these rows: its text would quote their values
        return {}
    try:
        return _ask(connection, check, ())
    except duckdb.Error as error:
        problem = f"check {check.name} cannot run: {error if isinstance(error, MISDECLARED) else type(error).__name__}"
        raise DeclarationError(f"stream {stream.name}", problem, "mend the expression in its `checks`") from None


def _ask(
    connection: duckdb.DuckDBPyConnection, check: BatchCheck, figures: Sequence[str]
) -> dict[int, tuple[bool, dict[str, float]]]:
    shown = "".join(f", try_cast({sql} as double)" for sql in figures)
    query = f"select batch, coalesce(({check.holds})::boolean, false), count(*){shown} from judged group by batch"
    names = ("rows", *figures)
    return {
        number: (passed, {name: float(value) for name, value in zip(names, values, strict=True) if value is not None})
        for number, passed, *values in connection.execute(query).fetchall()
    }


@lru_cache(maxsize=256)
def figures_of(holds: str) -> tuple[str, ...]:
    """The outermost aggregates of an expression, as SQL: the figures that it weighs; none of one not understood."""
    try:
        tree = sqlglot.parse_one(holds, dialect="duckdb")
    except ParseError:
        return ()
    found = [node for node in tree.find_all(exp.AggFunc) if not node.find_ancestor(exp.AggFunc)]
    filtered = [node.parent if isinstance(node.parent, exp.Filter) else node for node in found]
    return tuple(dict.fromkeys(node.sql(dialect="duckdb", normalize_functions="lower") for node in filtered))
