"""The published cut, for readers: SQL and notebooks see one consistent set of table versions, never a commit more.

Whoever reads as a person sees what their roles allow: what is hidden from them is not in what DuckDB gets.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from psycopg import IsolationLevel

from analytics_platform.clear import in_the_clear
from analytics_platform.errors import DeclarationError, PlatformError
from analytics_platform.governance.reading import AS_THEY_CAME, View
from analytics_platform.lake.dataset import dataset_of
from analytics_platform.lake.delta_log import cut_off
from analytics_platform.lake.duckdb import connect as connect_duckdb
from analytics_platform.lake.incomplete import Lacking, of_all
from analytics_platform.lake.model import quoted
from analytics_platform.lake.shown import Shown, query_of
from analytics_platform.ledger.postgres.incomplete import lacking
from analytics_platform.ledger.postgres.publication import published_versions
from analytics_platform.postgres import connect
from analytics_platform.product import Catalog
from analytics_platform.products import catalog
from analytics_platform.reader import Reader, reader_here
from analytics_platform.rights import OF_A_PART, Rights
from analytics_platform.security.privacy.erasures import erased_people
from analytics_platform.settings import LedgerRole, Settings, read_settings

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """What is public at one instant: by table its version, and by model the grains that lack rows of held batches.

    `erased` is who is by now, of whatever instant the rest is; nobody for a part of the platform, which sees all.
    """

    versions: Mapping[str, int]
    lacking: Lacking
    erased: frozenset[str]


def read(name: str, at: datetime | None = None, *, purpose: str = "") -> duckdb.DuckDBPyRelation:
    """A published table of the running instance as a DuckDB relation: `.to_arrow_table()`, `.df()`, or query it.

    A model has the column `complete` besides its own: false where a grain lacks rows of a batch that is held. What was
    encrypted for somebody who is erased is NULL, and `_erased` is true.

    Args:
        name: a stream (its silver table), `stream/layer`, or a model.
        at: the cut that readers saw then; now if left out. Aware.
        purpose: what for, to have what is encrypted in the clear: it takes a role, and is a fact. All is read at once.
    """
    settings = read_settings()
    reader = reader_here(settings, "analytics_platform.read")
    relation = read_table(settings, catalog(), name, at, reader)
    if not purpose:
        return relation
    return duckdb.from_arrow(in_the_clear(relation.to_arrow_table(), catalog(), reader, purpose))


def read_table(
    settings: Settings, declared: Catalog, name: str, at: datetime | None = None, reader: Reader | None = None
) -> duckdb.DuckDBPyRelation:
    """The same for given settings and declarations, as that reader sees it; a part of the platform sees all."""
    public = _cut(settings, declared, at, reader)
    table = f"{name}/silver" if f"{name}/silver" in public.versions else name
    if table not in public.versions:
        raise QueryError(f"no published table is called {name}", sorted(public.versions))
    stored = _stored_tables(settings, public.versions if reader else {table: public.versions[table]}, at)
    rights = _rights(reader, declared, stored)
    view = rights.view(table, stored[table].columns.names)
    if view is None:
        assert reader is not None, "nothing is hidden from a part"
        raise reader.refused(table)
    if reader and view.is_sensitive:
        reader.note([table])
    shown = _shown(table, stored[table].columns, declared, public, view, rights)
    connection = connect_duckdb()
    return connection.sql(query_of(connection, shown, stored[table].rows(view.hidden)))


def rows_of(settings: Settings, declared: Catalog, name: str) -> Any:
    """The published rows of a stream's silver or a model, as an Arrow dataset or empty table; None before there is one.

    Nothing is read yet.
    """
    return rows_together(settings, declared, [name]).get(name)


def rows_together(settings: Settings, declared: Catalog, names: Iterable[str]) -> dict[str, Any]:
    """The same for several by name, all of one cut; what is not published is left out."""
    versions = cut(settings, declared)
    tables = {name: f"{name}/silver" if f"{name}/silver" in versions else name for name in names}
    stored = _stored_tables(settings, {table: versions[table] for table in tables.values() if table in versions})
    return {name: stored[table].rows() for name, table in tables.items() if table in stored}


def sql(
    settings: Settings, declared: Catalog, query: str, at: datetime | None = None, reader: Reader | None = None
) -> pa.Table:
    """The answer to a query over the published cut, as that reader sees it; a part of the platform sees all.

    Tables are named `bids` (silver), `bids.bronze`, `bids.exceptions`, and by model. The query can read these and
    nothing else of this machine: Arrow hands DuckDB the rows, and DuckDB may open no file at all, since a path that
    it may read is one that `COPY` may write, even within a WITH. Of what a reader may not see nothing is there to be
    asked for, whatever the query says; what not everybody may see is there if the query names it, and that is kept.
    """
    public = _cut(settings, declared, at, reader)
    connection, stored = connect_duckdb(), _stored_tables(settings, public.versions, at)
    rights = _rights(reader, declared, stored)
    views = {table: rights.view(table, stored[table].columns.names) for table in stored}
    shown = {table: view for table, view in views.items() if view and _is_there(view, stored[table], query, reader)}
    for table, view in shown.items():
        told = _shown(table, stored[table].columns, declared, public, view, rights)
        _create_views(connection, table, query_of(connection, told, stored[table].rows(view.hidden)))
    if reader:
        reader.note([table for table, view in shown.items() if view.is_sensitive])
    try:
        return _answer(connection, query, sorted(shown))
    except QueryError as error:
        kept_back = [table for table, view in views.items() if view is None and _names(query, table)]
        if reader and kept_back and isinstance(error.__cause__, duckdb.CatalogException | duckdb.BinderException):
            raise reader.refused(kept_back[0]) from None
        raise


def _answer(connection: duckdb.DuckDBPyConnection, query: str, known: list[str]) -> pa.Table:
    connection.execute("set enable_external_access = false; set lock_configuration = true")
    try:
        _require_one_reading_statement(connection, query, known)
        return connection.sql(query).to_arrow_table()
    except (duckdb.Error, OSError) as error:  # OSError: a file vanished while it was read
        raise QueryError(str(error).strip(), known) from error


def cut(settings: Settings, declared: Catalog, at: datetime | None = None) -> Mapping[str, int]:
    """By table, the version that is public; empty before anything was published."""
    return _cut(settings, declared, at).versions


def _cut(settings: Settings, declared: Catalog, at: datetime | None, reader: Reader | None = None) -> _Cut:
    if at is not None and at.tzinfo is None:
        raise DeclarationError("at", f"{at} has no time zone", "pass an aware datetime")
    with connect(settings.ledger_as(LedgerRole.READER), application="reader") as ledger:
        ledger.isolation_level = IsolationLevel.REPEATABLE_READ  # versions and what they lack, as of one instant
        with ledger.transaction():
            found = [published_versions(ledger, name, at) for name in declared.pipelines]
            held = lacking(ledger, sorted(declared.streams), at)
            erased = frozenset(erased_people(ledger)) if reader else frozenset()
    versions = {table: version for of_pipeline in found for table, version in of_pipeline.items()}
    return _Cut(versions=versions, lacking=of_all(held.values()), erased=erased)


def _rights(reader: Reader | None, declared: Catalog, stored: Mapping[str, "_Stored"]) -> Rights:
    if reader is None:
        return OF_A_PART
    columns = {table.removesuffix("/silver"): found.columns.names for table, found in stored.items()}
    return reader.rights(declared, columns)


def _is_there(view: View, stored: "_Stored", query: str, reader: Reader | None) -> bool:
    """What is told or kept when it is read is there for queries that name it."""
    is_for_all = stored.trouble is None and (reader is None or not view.is_sensitive)
    return is_for_all or _names(query, stored.table)


def _names(query: str, table: str) -> bool:
    """Whether the query may mean the table: its name is somewhere in it, though it be in a string or a comment."""
    name, _, layer = table.removesuffix("/silver").partition("/")
    if layer:
        return name.lower() in query.lower() and layer in query.lower()
    other_layer = rf'"?\s*\.\s*"?({"|".join(AS_THEY_CAME)})'
    return re.search(rf"{re.escape(name)}(?!{other_layer})", query, re.IGNORECASE) is not None


def _require_one_reading_statement(connection: duckdb.DuckDBPyConnection, query: str, known: list[str]) -> None:
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise QueryError(f"one statement is needed, the query has {len(statements)}", known)
    kind = statements[0].type
    if kind is duckdb.StatementType.MULTI:
        raise QueryError("a PIVOT needs its values listed: PIVOT … ON column IN (…)", known)
    if kind not in READING:
        raise QueryError(f"published tables are only read: {kind.name} is refused, ask by SELECT or EXPLAIN", known)


def _shown(table: str, columns: pa.Schema, declared: Catalog, public: _Cut, view: View, rights: Rights) -> Shown:
    return Shown(
        table=table,
        columns=columns,
        model=declared.models.get(table),
        hidden=view.hidden,
        personal=rights.personal(table),
        erased=public.erased,
        lacking=public.lacking,
    )


def _create_views(connection: duckdb.DuckDBPyConnection, table: str, query: str) -> None:
    stream, _, layer = table.partition("/")
    names = [quoted(stream)]  # a model
    if layer:
        connection.execute(f"create schema if not exists {quoted(stream)}")
        names = [f"{quoted(stream)}.{quoted(layer)}", *(names if layer == "silver" else ())]
    for name in names:
        connection.execute(f"create view {name} as {query}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A table at its version; nothing of its rows is read yet. `trouble` is why they cannot be, if they cannot."""

    table: str
    root: str
    files: pa.Table
    columns: pa.Schema
    trouble: QueryError | None

    def rows(self, hidden: Collection[str] = ()) -> Any:
        """The rows without the hidden columns, as something that DuckDB registers. Raises what is wrong with them."""
        if self.trouble:
            raise self.trouble
        columns = pa.schema([each for each in self.columns if each.name not in hidden])
        return dataset_of(self.root, self.files, columns) if self.files.num_rows else columns.empty_table()


def _stored_tables(settings: Settings, versions: Mapping[str, int], at: datetime | None = None) -> dict[str, _Stored]:
    return {table: _stored(settings, table, versions, is_past=at is not None) for table in versions}


def _stored(settings: Settings, table: str, versions: Mapping[str, int], *, is_past: bool) -> _Stored:
    """A table at its version; what it is made of is looked at first, and what is missing is named.

    Raises QueryError where its log cannot be read: its columns are unknown then, and what its models may show.
    """
    root, version = settings.table_dir / table, versions[table]
    try:
        delta = DeltaTable(str(root), version=version)
        files, columns = pa.table(delta.get_add_actions(flatten=True)), pa.schema(delta.schema().to_arrow())
    except DeltaError as error:
        raise _not_there(settings, table, versions, "its log cannot be read", is_past=is_past) from error
    if (cut := cut_off(root, version)) is not None:
        raise _not_there(settings, table, versions, f"the commit of version {cut} was cut off", is_past=False)
    there = {entry.name for entry in os.scandir(root)}  # a month's files: by Path it takes ten times as long
    trouble = None
    if missing := [path for path in files["path"].to_pylist() if path not in there]:
        named = ", ".join(missing[:NAMED_FILES]) + (" …" if len(missing) > NAMED_FILES else "")
        trouble = _not_there(settings, table, versions, f"{len(missing)} files are missing: {named}", is_past=is_past)
    return _Stored(table=table, root=str(root), files=files, columns=columns, trouble=trouble)


def _not_there(
    settings: Settings, table: str, versions: Mapping[str, int], problem: str, *, is_past: bool
) -> QueryError:
    """Of an old cut that is how things go; of the newest one a file has been lost."""
    where = f"{table} at version {versions[table]}: {problem}"
    if not is_past:
        remedy = f"`ap table check {table}` names what is damaged, `ap table repair {table}` mends it"
        return QueryError(f"{where}; {remedy}", sorted(versions))
    rows = f"{settings.retention_hours} h" if settings.retention_hours else "for ever"
    kept = (
        f"rows are kept {rows} by AP_RETENTION_HOURS, shorter where retention.yaml says so, replaced files much shorter"
    )
    return QueryError(f"{where}; it is no longer kept ({kept}): ask for a later cut", sorted(versions))
