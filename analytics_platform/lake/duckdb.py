"""Queries over table files, in DuckDB: recomputed grains, row rules, whole files."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from analytics_platform.errors import DamagedTableError, DeclarationError
from analytics_platform.lake.declared import require_columns, require_result, require_same_answer
from analytics_platform.lake.grains import numbers_or_keys
from analytics_platform.lake.model import Slice, is_stream, lives_sql, recompute_sql, text, touched_by
from analytics_platform.lake.shapes import INSTANT, Layer
from analytics_platform.product import Life, Model, Stream

# footers are read once: a lease reads the same recent files in every cycle, each model for itself
SETTINGS = "set timezone = 'UTC'; set enable_progress_bar = false; set parquet_metadata_cache = true"


def connect(threads: int = 2) -> duckdb.DuckDBPyConnection:
    """An in-memory database that reads instants as UTC and writes nothing anywhere."""
    connection = duckdb.connect(config={"threads": threads})
    connection.execute(SETTINGS)
    return connection


def beside(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Another connection to the same database, for another thread; what is registered with the first it has not."""
    another = connection.cursor()
    another.execute(SETTINGS)  # it does not take them from the first
    return another


def failed_rules(connection: duckdb.DuckDBPyConnection, rows: pa.Table, stream: Stream) -> pa.ChunkedArray:
    """Per row its decoding problem, else the first row rule it breaks, else null; in the order of the rows."""
    if not stream.rules:
        return rows["reason"]
    cases = " ".join(f"when try({rule.holds}) is not true then {text('rule ' + rule.name)}" for rule in stream.rules)
    query = f"select case when reason is not null then reason {cases} end as reason, row_number from numbered"
    numbered = rows.append_column("row_number", pa.array(range(rows.num_rows), pa.int64()))
    try:
        connection.register("numbered", numbered)
        judged = _rows(connection, f"select reason from ({query}) order by row_number")
    except duckdb.Error as error:
        _require_undisturbed(error)
        remedy = "mend the expression in its `rules`"
        raise DeclarationError(f"stream {stream.name}", f"a row rule cannot run: {_kind(error)}", remedy) from None
    finally:
        connection.unregister("numbered")
    return judged["reason"].cast(pa.string())


def recompute(connection: duckdb.DuckDBPyConnection, model: Model, read: Slice) -> pa.Table:
    """The model's rows of just those grains.

    Raises DeclarationError where its SQL cannot run, DamagedTableError where a file of an input cannot be read.
    """
    at = read.watermark.isoformat()
    connection.execute(f"create or replace temp macro watermark() as timestamptz '{at}'")
    if read.lives is not None:
        connection.register("lives", read.lives)
    try:
        rows = _of_grains(connection, model, read, recompute_sql(model, read))
    finally:
        connection.unregister("lives")
    return rows


def model_columns(connection: duckdb.DuckDBPyConnection, model: Model, inputs: Mapping[str, pa.Schema]) -> pa.Schema:
    """The columns that the model's SQL yields, found by running it over no rows; DeclarationError if it cannot work."""
    require_columns(model, inputs)
    require_same_answer(model)
    kind = inputs[model.inputs[0]].field(touched_by(model, model.inputs[0])).type
    read = Slice(grains=numbers_or_keys([], model.grain, kind), files={}, columns=inputs, lives=_no_lives(model, kind))
    schema = recompute(connection, model, read).schema
    require_result(model, schema, inputs)
    return schema


def lives_of(connection: duckdb.DuckDBPyConnection, model: Model, life: Life, read: Slice) -> pa.Table:
    """When the rows of each of those keys can happen: key, starts, ends."""
    return _of_grains(connection, model, read, lives_sql(model, life, read))


def read_files(connection: duckdb.DuckDBPyConnection, uris: Sequence[str], columns: pa.Schema) -> pa.Table:
    """Every row of those files, in those columns; columns that a file does not have yet are null."""
    if not uris:
        return columns.empty_table()
    found = _rows(connection, "select * from read_parquet($uris, union_by_name = true)", {"uris": list(uris)})
    for name in set(columns.names) - set(found.column_names):  # younger than every one of these files
        found = found.append_column(name, pa.nulls(found.num_rows, columns.field(name).type))
    return found.select(columns.names).cast(columns)


def _no_lives(model: Model, key: pa.DataType) -> pa.Table | None:
    if model.life:
        return pa.schema([("key", key), ("starts", INSTANT), ("ends", INSTANT)]).empty_table()
    return None


def _of_grains(connection: duckdb.DuckDBPyConnection, model: Model, read: Slice, query: str) -> pa.Table:
    try:
        connection.register("dirty_grains", pa.table({"grain": read.grains}))
        for name in model.inputs:
            connection.register(f"{name}__columns", read.columns[name].empty_table())
        return _rows(connection, query)
    except duckdb.Error as error:
        _require_undisturbed(error)
        _require_whole(read, error)
        problem = f"its SQL cannot run: {_kind(error)}"
        raise DeclarationError(f"model {model.name}", problem, "mend its .sql file") from None
    finally:
        connection.unregister("dirty_grains")


def _require_undisturbed(error: duckdb.Error) -> None:
    """Raise RuntimeError if a signal came while DuckDB read what we gave it: no fault of the query, which it names."""
    if isinstance(error, duckdb.InvalidInputException) and "object registered as" in str(error):
        raise RuntimeError("query interrupted") from None


def _require_whole(read: Slice, error: duckdb.Error) -> None:
    """Raise DamagedTableError if the error speaks of a file of an input: it is gone, or no Parquet."""
    for name, files in read.files.items():
        if any(file in str(error) for file in files):
            table = f"{name}/{Layer.SILVER}" if is_stream(read.columns[name]) else name
            raise DamagedTableError(table, "a file that holds rows to recompute cannot be read") from None


def _kind(error: duckdb.Error) -> str:
    """What went wrong; in full only where the text speaks of the SQL, for other texts quote values of rows."""
    speaks_of_sql = isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException)
    return str(error) if speaks_of_sql else type(error).__name__


def _rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
    # not execute(): its Arrow result is copied once more, and loses ORDER BY where insertion order is not preserved
    rows: pa.Table = connection.sql(query, params=parameters or None).to_arrow_table()
    return rows
