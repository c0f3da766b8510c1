"""The published cut, for readers: SQL and notebooks see one consistent set of table versions, never a commit more."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from pyarrow.dataset import dataset

from analytics_platform.errors import DeclarationError, PlatformError
from analytics_platform.lake.delta_log import cut_off
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres.publication import published_versions
from analytics_platform.postgres import connect
from analytics_platform.product import Catalog
from analytics_platform.products import catalog
from analytics_platform.settings import Settings, read_settings

NAMED_FILES = 3
READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}  # SHOW, DESCRIBE, WITH and FROM parse as SELECT


class QueryError(PlatformError):
    """A reader's query cannot be answered."""

    def __init__(self, problem: str, known: list[str]) -> None:
        super().__init__(problem, known)
        self.problem, self.known = problem, known

    def __str__(self) -> str:
        tables = ", ".join(self.known) or "none yet: is `ap up` running?"
        return f"{self.problem}; published tables: {tables}"


def read(name: str, at: datetime | None = None) -> duckdb.DuckDBPyRelation:
    """A published table of the running instance as a DuckDB relation: `.to_arrow_table()`, `.df()`, or query it.

    Args:
        name: a stream (its silver table), `stream/layer`, or a model.
        at: the cut that readers saw then; now if left out. Aware.
    """
    return read_table(read_settings(), catalog(), name, at)


def read_table(settings: Settings, declared: Catalog, name: str, at: datetime | None = None) -> duckdb.DuckDBPyRelation:
    """The same for given settings and declarations."""
    versions = cut(settings, declared, at)
    table = f"{name}/silver" if f"{name}/silver" in versions else name
    if table not in versions:
        raise QueryError(f"no published table is called {name}", sorted(versions))
    connection = connect_duckdb()
    connection.register("rows", _rows(settings, table, versions, is_past=at is not None))
    return connection.table("rows")


def rows_of(settings: Settings, declared: Catalog, name: str) -> Any:
    """The published rows of a stream's silver or a model, as an Arrow dataset or empty table; None before there is one.

    Nothing is read yet.
    """
    versions = cut(settings, declared)
    table = f"{name}/silver" if f"{name}/silver" in versions else name
    return _rows(settings, table, versions, is_past=False) if table in versions else None


def sql(settings: Settings, declared: Catalog, query: str, at: datetime | None = None) -> pa.Table:
    """The answer to a query over the published cut.

    Tables are named `bids` (silver), `bids.bronze`, `bids.exceptions`, and by model. The query can read these and
    nothing else of this machine: Arrow hands DuckDB the rows, and DuckDB may open no file at all, since a path that
    it may read is one that `COPY` may write, even within a WITH.
    """
    versions = cut(settings, declared, at)
    connection = connect_duckdb()
    for table in versions:
        connection.register(table, _rows(settings, table, versions, is_past=at is not None))
        _create_named_views(connection, table)
    connection.execute("set enable_external_access = false; set lock_configuration = true")
    try:
        _require_one_reading_statement(connection, query, sorted(versions))
        answer: pa.Table = connection.sql(query).to_arrow_table()
    except (duckdb.Error, OSError) as error:  # OSError: a file vanished while it was read
        raise QueryError(str(error).strip(), sorted(versions)) from error
    return answer


def cut(settings: Settings, declared: Catalog, at: datetime | None = None) -> Mapping[str, int]:
    """By table, the version that is public; empty before anything was published."""
    if at is not None and at.tzinfo is None:
        raise DeclarationError("at", f"{at} has no time zone", "pass an aware datetime")
    with connect(settings.ledger_dsn, application="reader") as ledger:
        found = [published_versions(ledger, name, at) for name in declared.pipelines]
    return {table: version for versions in found for table, version in versions.items()}


def _require_one_reading_statement(connection: duckdb.DuckDBPyConnection, query: str, known: list[str]) -> None:
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise QueryError(f"one statement is needed, the query has {len(statements)}", known)
    kind = statements[0].type
    if kind is duckdb.StatementType.MULTI:
        raise QueryError("a PIVOT needs its values listed: PIVOT … ON column IN (…)", known)
    if kind not in READING:
        raise QueryError(f"published tables are only read: {kind.name} is refused, ask by SELECT or EXPLAIN", known)


def _create_named_views(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    stream, _, layer = table.partition("/")
    if not layer:
        return  # a model is registered by the name that queries use
    connection.execute(f"create schema if not exists {_quoted(stream)}")
    connection.execute(f"create view {_quoted(stream)}.{_quoted(layer)} as select * from {_quoted(table)}")
    if layer == "silver":
        connection.execute(f"create view main.{_quoted(stream)} as select * from {_quoted(table)}")


def _rows(settings: Settings, table: str, versions: Mapping[str, int], *, is_past: bool) -> Any:
    """The rows of a table at its version, as something that DuckDB registers; nothing is read yet.

    Everything that it is made of is looked at first: a reader sees the whole version, or is told what is missing.
    """
    root, version = settings.table_dir / table, versions[table]
    try:
        delta = DeltaTable(str(root), version=version)
        uris, columns = delta.file_uris(), pa.schema(delta.schema().to_arrow())
    except DeltaError as error:
        raise _not_there(settings, table, versions, "its log cannot be read", is_past=is_past) from error
    if (cut := cut_off(root, version)) is not None:
        raise _not_there(settings, table, versions, f"the commit of version {cut} was cut off", is_past=False)
    if missing := [Path(uri).name for uri in uris if not Path(uri).exists()]:
        named = ", ".join(missing[:NAMED_FILES]) + (" …" if len(missing) > NAMED_FILES else "")
        raise _not_there(settings, table, versions, f"{len(missing)} files are missing: {named}", is_past=is_past)
    return dataset(uris, schema=columns, format="parquet") if uris else columns.empty_table()


def _not_there(
    settings: Settings, table: str, versions: Mapping[str, int], problem: str, *, is_past: bool
) -> QueryError:
    """Of an old cut that is how things go; of the newest one a file has been lost."""
    where = f"{table} at version {versions[table]}: {problem}"
    if not is_past:
        remedy = f"`ap table check {table}` names what is damaged, `ap table repair {table}` mends it"
        return QueryError(f"{where}; {remedy}", sorted(versions))
    rows = f"{settings.retention_hours} h" if settings.retention_hours else "for ever"
    kept = f"rows are kept {rows} by AP_RETENTION_HOURS, replaced files much shorter"
    return QueryError(f"{where}; it is no longer kept ({kept}): ask for a later cut", sorted(versions))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
