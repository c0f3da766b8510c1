"""What a chunk of rework looks at: its batches, what the tables hold of them, and files that are damaged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import BronzeChangedError, DamagedTableError
from analytics_platform.facts import OPEN_STATES, Batch, Manifest, Pins
from analytics_platform.lake.fingerprint import row_hashes
from analytics_platform.lake.prune import files_of_batch, files_with_any
from analytics_platform.lake.select import rows_between, sums_by_batch
from analytics_platform.lake.shapes import DataFile, Layer, hashed
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import planning, publication
from analytics_platform.ledger.rework import TODAYS_VERSIONS, Chunk, Ruling, ruling_of, standing_ruling
from analytics_platform.pipeline.judge import Case, decode_rows
from analytics_platform.pipeline.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a table holds of a range of batches; files that are damaged are not read."""

    rows: pa.Table
    broken: tuple[DataFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The batches that a chunk judges: its own, and all that a damaged file may have held rows of.

    `lost` are the rows that silver may have held in damaged files, by what bronze holds of their batches: rows that
    were never published, too, but all that were.
    """

    chunk: Chunk
    batches: tuple[Batch, ...]
    manifests: Mapping[int, Manifest]
    silver: Held
    exceptions: Held
    lost: pa.Table

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.chunk.batches[0].id.stream

    @property
    def numbers(self) -> range:
        """From the first batch to the last; those in between that are not among the batches have no rows yet."""
        return range(self.batches[0].id.number, self.batches[-1].id.number + 1)


def scope_of(chunk: Chunk, parts: Parts) -> Scope:
    """Read what is there, and widen the chunk until no damaged file reaches beyond it.

    Files that are missing are mended together, wherever they are: to judge the batches of one takes the others.
    """
    tables = [parts.tables.of(chunk.batches[0].id.stream, layer) for layer in (Layer.SILVER, Layer.EXCEPTIONS)]
    missing = [file for table in tables for file in table.missing(table.files())]
    batches, manifests = _widened(chunk.batches, chunk.manifests, missing, parts)
    while True:
        first, last = batches[0].id.number, batches[-1].id.number
        silver, exceptions = (held_between(table, first, last, parts) for table in tables)
        scope = Scope(
            chunk=chunk,
            batches=batches,
            manifests=manifests,
            silver=silver,
            exceptions=exceptions,
            lost=silver.rows.slice(0, 0),
        )
        batches, manifests = _widened(batches, manifests, (*silver.broken, *exceptions.broken), parts)
        if len(batches) == len(scope.batches):
            return replace(scope, lost=_lost(scope, parts)) if silver.broken else scope


def _widened(
    batches: tuple[Batch, ...], manifests: Mapping[int, Manifest], broken: Sequence[DataFile], parts: Parts
) -> tuple[tuple[Batch, ...], Mapping[int, Manifest]]:
    """The batches, and all others from the first to the last that one of the files may have held rows of."""
    if not broken:
        return batches, manifests
    stream, first, last = batches[0].id.stream, batches[0].id.number, batches[-1].id.number
    numbers = range(
        min([first, *(f.low["batch"] for f in broken)]), max([last, *(f.high["batch"] for f in broken)]) + 1
    )
    found = [b for b in planning.batches_numbered(parts.ledger, stream, numbers) if b.state not in OPEN_STATES]
    return tuple(found), publication.manifests_of(parts.ledger, stream, numbers)


def _lost(scope: Scope, parts: Parts) -> pa.Table:
    """Every row of bronze, of batches in damaged files of silver, that can be decoded with what they were judged by."""
    columns = parts.tables.of(scope.stream, Layer.SILVER).shape.columns
    bronze, found = bronze_of(scope, parts), [columns.empty_table()]
    for batch in scope.batches:
        if not files_of_batch(scope.silver.broken, batch.id.number):
            continue
        pins = pins_recorded(scope.manifests[batch.id.number])
        case = Case(batches=(batch,), bronze=_slice(bronze, (batch,)), pins=pins)
        rows = decode_rows(case.bronze, case, parts)
        rows = rows.append_column("late_micros", pa.nulls(rows.num_rows, pa.int64()))
        found.append(rows.filter(pc.is_null(rows["reason"])).select(columns.names).cast(columns))
    return pa.concat_tables(found)


def held_between(table: Table, first: int, last: int, parts: Parts) -> Held:
    """The rows of batches `first` to `last`, from the files that can be read."""
    files = files_with_any(table.files(), "batch", range(first, last + 1))
    broken = {file.path: file for file in table.missing(files)}
    try:
        return _read(table, files, broken, (first, last), parts)
    except duckdb.Error:  # as long as they should be, and no Parquet: reading each tells which
        broken |= {damage.file.path: damage.file for damage in table.damaged(files, deep=True)}
        return _read(table, files, broken, (first, last), parts)


def cases_of(scope: Scope, bronze: pa.Table, parts: Parts) -> list[Case]:
    """The batches in passes of equal hour, topic and pins, each with its rows of bronze."""
    return [
        Case(batches=batches, bronze=_slice(bronze, batches), pins=pins, rulings=_rulings(scope, batches))
        for pins, batches in _alike(scope, parts)
    ]


def bronze_of(scope: Scope, parts: Parts) -> pa.Table:
    """What was landed, unchanged: else DamagedTableError, or BronzeChangedError if some batch has other rows."""
    table = parts.tables.of(scope.stream, Layer.BRONZE)
    held = held_between(table, scope.numbers.start, scope.numbers.stop - 1, parts)
    if held.broken:
        spans = ", ".join(f"batches {f.low['batch']} to {f.high['batch']}" for f in held.broken)
        raise DamagedTableError(table.shape.name, f"a file that holds rows of {spans} is damaged")
    found = sums_by_batch(row_hashes(hashed(held.rows)), held.rows["batch"])
    for batch in scope.batches:
        landed = scope.manifests[batch.id.number].hashes[Layer.BRONZE]
        if found.get(batch.id.number, 0) != landed:
            raise BronzeChangedError(str(batch.id), landed, found.get(batch.id.number, 0))
    return held.rows


def _read(table: Table, files: Sequence[DataFile], broken: Mapping[str, DataFile], bounds: tuple, parts: Parts) -> Held:
    uris = table.uris([file for file in files if file.path not in broken])
    return Held(rows=rows_between(parts.query, uris, table.shape.columns, *bounds), broken=tuple(broken.values()))


def _alike(scope: Scope, parts: Parts) -> Iterator[tuple[Pins, tuple[Batch, ...]]]:
    """Batches that follow one another and are judged by the same, with the pins to judge them by."""
    own = {batch.id.number for batch in scope.chunk.batches}
    uses_todays = scope.chunk.order.kind in TODAYS_VERSIONS
    today = parts.pins(parts.pipeline.stream(scope.stream)) if uses_todays else None

    def pins_of(batch: Batch) -> Pins:
        number = batch.id.number
        return today if today and number in own else pins_recorded(scope.manifests[number])

    def key(batch: Batch) -> tuple:
        pins = pins_of(batch)
        return batch.hour, str(scope.manifests[batch.id.number].topic_id), pins.reader_schema_id, pins.contract_digest

    for _, alike in groupby(scope.batches, key):
        batches = tuple(alike)
        yield pins_of(batches[0]), batches


def pins_recorded(manifest: Manifest) -> Pins:
    """What the batch was judged by last."""
    return Pins(reader_schema_id=manifest.reader_schema_id, contract_digest=manifest.contract_digest)


def _rulings(scope: Scope, batches: Sequence[Batch]) -> dict[int, Ruling]:
    own = {batch.id.number for batch in scope.chunk.batches}
    found = {}
    for number in (batch.id.number for batch in batches):
        manifest = scope.manifests[number]
        ruling = ruling_of(scope.chunk.order, manifest) if number in own else standing_ruling(manifest)
        if ruling:
            found[number] = ruling
    return found


def _slice(bronze: pa.Table, batches: Sequence[Batch]) -> pa.Table:
    """Their rows of a table that is ordered by batch."""
    bounds = [batches[0].id.number, batches[-1].id.number + 1]
    first, end = bronze["batch"].to_numpy().searchsorted(bounds)
    return bronze.slice(int(first), int(end - first)).combine_chunks()
