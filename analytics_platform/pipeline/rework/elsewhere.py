"""Copies in other batches whose standing changes when a winner moves: found, decided again, made into rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import DamagedTableError
from analytics_platform.facts import Batch, Manifest
from analytics_platform.lake.fingerprint import row_hashes
from analytics_platform.lake.prune import files_with_any
from analytics_platform.lake.select import rows_at, rows_of_ids
from analytics_platform.lake.shapes import COORDINATES, EXCEPTION_COLUMNS, DataFile, Layer
from analytics_platform.lake.tables import Table
from analytics_platform.lake.winners import COPY, LOSING, Moves, moves
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.pipeline.judge import Case, decode_rows
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.rework.scope import Scope, pins_recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What changes in other batches: rows of either table that go and come; and those batches' last manifests."""

    silver_gone: pa.Table
    silver_come: pa.Table
    exceptions_gone: pa.Table
    exceptions_come: pa.Table
    manifests: dict[int, Manifest]


def moved_ids(before: pa.Table, after: pa.Table) -> pa.Array:
    """The ids, ascending, of rows of silver that another copy takes the place of, or none, or that are new."""
    old, new = row_hashes(before.select(COPY)), row_hashes(after.select(COPY))
    gone, come = ~np.isin(old, new), ~np.isin(new, old)
    ids = pa.concat_tables(
        [before.select(["event_id"]).filter(pa.array(gone)), after.select(["event_id"]).filter(pa.array(come))]
    )
    distinct = pc.unique(ids["event_id"].combine_chunks())
    return distinct.take(pc.array_sort_indices(distinct))


def elsewhere(scope: Scope, after: pa.Table, parts: Parts) -> Elsewhere:
    """What follows in other batches from silver holding `after` of the scope's batches."""
    silver, exceptions = (parts.tables.of(scope.stream, layer) for layer in (Layer.SILVER, Layer.EXCEPTIONS))
    columns = after.column_names
    ids = moved_ids(pa.concat_tables([scope.silver.rows.select(columns), scope.lost.select(columns)]), after)
    if not len(ids):
        return nothing_elsewhere(scope.stream, parts)
    here = after.filter(pc.is_in(after["event_id"], value_set=ids))
    moved = moves(here, _published(scope, ids, silver, parts), _lost(scope, ids, exceptions, parts))
    return _as_rows(scope.stream, moved, silver, exceptions, parts)


def nothing_elsewhere(stream: str, parts: Parts) -> Elsewhere:
    """No other batch changes."""
    silver, exceptions = (parts.tables.of(stream, layer).shape.columns for layer in (Layer.SILVER, Layer.EXCEPTIONS))
    return Elsewhere(
        silver_gone=silver.empty_table(),
        silver_come=silver.empty_table(),
        exceptions_gone=exceptions.empty_table(),
        exceptions_come=exceptions.empty_table(),
        manifests={},
    )


def _published(scope: Scope, ids: pa.Array, table: Table, parts: Parts) -> pa.Table:
    files = files_with_any(table.files(), "event_id", ids.to_pylist())
    return _of_ids(scope, ids, table, files, parts)


def _lost(scope: Scope, ids: pa.Array, table: Table, parts: Parts) -> pa.Table:
    """Losers are later than a winner of these batches, be it the one that was or the one that is."""
    files = [file for file in table.files() if file.high["batch"] >= scope.numbers.start]
    rows = _of_ids(scope, ids, table, files, parts)
    return rows.filter(pc.is_in(rows["outcome"], value_set=pa.array([str(outcome) for outcome in LOSING])))


def _of_ids(scope: Scope, ids: pa.Array, table: Table, files: Sequence[DataFile], parts: Parts) -> pa.Table:
    numbers = scope.numbers
    others = [f for f in files if not (numbers.start <= f.low["batch"] and f.high["batch"] < numbers.stop)]
    require_whole(table, others)
    return rows_of_ids(parts.query, table.uris(others), table.shape.columns, ids, numbers)


def _as_rows(stream: str, moved: Moves, silver: Table, exceptions: Table, parts: Parts) -> Elsewhere:
    touched = pa.concat_tables([table.select(COORDINATES) for table in (moved.promoted, moved.demoted, moved.renamed)])
    numbers = sorted(touched["batch"].unique().to_pylist())
    manifests = publication.manifests_of(parts.ledger, stream, numbers)
    batches = planning.batches_numbered(parts.ledger, stream, numbers)
    demoted = _with_bytes(moved.demoted, _bronze(stream, moved.demoted, parts))
    columns = exceptions.shape.columns.names
    return Elsewhere(
        silver_gone=moved.demoted,
        silver_come=_decoded(moved.promoted, batches, manifests, silver, parts),
        exceptions_gone=pa.concat_tables([moved.promoted, moved.renamed_from]),
        exceptions_come=pa.concat_tables([demoted, moved.renamed.select(columns).cast(EXCEPTION_COLUMNS)]),
        manifests=manifests,
    )


def _bronze(stream: str, places: pa.Table, parts: Parts) -> pa.Table:
    """The records of those rows, ordered by coordinates."""
    table = parts.tables.of(stream, Layer.BRONZE)
    files = files_with_any(table.files(), "batch", sorted(places["batch"].unique().to_pylist()))
    require_whole(table, files)
    rows = rows_at(parts.query, table.uris(files), table.shape.columns, places)
    if rows.num_rows != places.num_rows:
        raise DamagedTableError(table.shape.name, f"{places.num_rows - rows.num_rows} rows to be moved are not in it")
    return rows


def _with_bytes(demoted: pa.Table, bronze: pa.Table) -> pa.Table:
    """Rows of silver as exceptions hold them: with key and value as they were read."""
    rows = _ordered(demoted)
    for name in ("key", "value"):
        rows = rows.append_column(name, bronze[name])
    return rows.select(EXCEPTION_COLUMNS.names).cast(EXCEPTION_COLUMNS)


def _read_by(manifest: Manifest) -> tuple:
    return manifest.topic_id, manifest.reader_schema_id


def _decoded(
    promoted: pa.Table, batches: Sequence[Batch], manifests: dict[int, Manifest], silver: Table, parts: Parts
) -> pa.Table:
    """Rows of exceptions as silver holds them: decoded with what their batch was judged by."""
    columns = silver.shape.columns
    found = [columns.empty_table()]
    rows = _ordered(promoted)
    bronze = _bronze(batches[0].id.stream, promoted, parts) if promoted.num_rows else promoted
    for _, alike in groupby(batches, lambda batch: _read_by(manifests[batch.id.number])):
        own = tuple(alike)
        pins = pins_recorded(manifests[own[0].id.number])
        numbers = pa.array([batch.id.number for batch in own], pa.int64())
        mine = pc.is_in(rows["batch"], value_set=numbers)
        if not pc.any(mine).as_py():
            continue
        records = bronze.filter(mine).combine_chunks()
        decoded = decode_rows(records, Case(batches=own, bronze=records, pins=pins), parts)
        decoded = decoded.append_column("late_micros", rows["late_micros"].filter(mine))
        found.append(decoded.select(columns.names).cast(columns))
    return pa.concat_tables(found)


def require_whole(table: Table, files: Sequence[DataFile]) -> None:
    """Raise DamagedTableError if one of the files, of other batches than those judged now, is not there."""
    if damaged := table.missing(files):
        spans = ", ".join(f"{f.low['batch']} to {f.high['batch']}" for f in damaged)
        raise DamagedTableError(table.shape.name, f"files of batches {spans} are gone: `ap batch rerun` these first")


def _ordered(rows: pa.Table) -> pa.Table:
    return rows.sort_by([(name, "ascending") for name in COORDINATES])
