"""The published cut, for readers: SQL and notebooks see one consistent set of table versions, never a commit more."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from analytics_platform.errors import DeclarationError, PlatformError
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.ledger.postgres.publication import published_versions
from analytics_platform.postgres import connect
from analytics_platform.product import Catalog
from analytics_platform.products import catalog
from analytics_platform.settings import Settings, read_settings


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
    _create_view(connection, "rows", settings.table_dir / table, versions[table])
    return connection.table("rows")


def sql(settings: Settings, declared: Catalog, query: str, at: datetime | None = None) -> pa.Table:
    """The answer to a query over the published cut.

    Tables are named `bids` (silver), `bids.bronze`, `bids.exceptions`, and by model. The query can read these and
    nothing else of this machine.
    """
    versions = cut(settings, declared, at)
    connection = connect_duckdb()
    for table, version in versions.items():
        _create_named_views(connection, table, settings.table_dir / table, version)
    folder = str(settings.table_dir.resolve()).replace("'", "''")
    connection.execute(f"set allowed_directories = ['{folder}']")
    connection.execute("set enable_external_access = false; set lock_configuration = true")
    try:
        answer: pa.Table = connection.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise QueryError(str(error).strip(), sorted(versions)) from error
    return answer


def cut(settings: Settings, declared: Catalog, at: datetime | None = None) -> Mapping[str, int]:
    """By table, the version that is public; empty before anything was published."""
    if at is not None and at.tzinfo is None:
        raise DeclarationError("at", f"{at} has no time zone", "pass an aware datetime")
    with connect(settings.ledger_dsn, application="reader") as ledger:
        found = [published_versions(ledger, name, at) for name in declared.pipelines]
    return {table: version for versions in found for table, version in versions.items()}


def _create_named_views(connection: duckdb.DuckDBPyConnection, table: str, path: Path, version: int) -> None:
    stream, _, layer = table.partition("/")
    if not layer:
        _create_view(connection, _quoted(table), path, version)
        return
    connection.execute(f"create schema if not exists {_quoted(stream)}")
    _create_view(connection, f"{_quoted(stream)}.{_quoted(layer)}", path, version)
    if layer == "silver":
        _create_view(connection, f"main.{_quoted(stream)}", path, version)


def _create_view(connection: duckdb.DuckDBPyConnection, name: str, path: Path, version: int) -> None:
    delta = DeltaTable(str(path), version=version)
    uris = delta.file_uris()
    if uris:
        listed = ", ".join("'" + uri.replace("'", "''") + "'" for uri in uris)
        connection.execute(f"create view {name} as select * from read_parquet([{listed}], union_by_name = true)")
        return
    columns = pa.schema(delta.schema().to_arrow())
    connection.register("no_rows", columns.empty_table())
    connection.execute(f"create table {name} as select * from no_rows")
    connection.unregister("no_rows")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
