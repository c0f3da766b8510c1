"""Landing: a batch's offsets are read from Kafka once and committed to bronze; later steps read bronze."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.errors import (
    BronzeLostError,
    FencedError,
    OffsetsLostError,
    TopicChangedError,
    UnaccountedError,
)
from analytics_platform.facts import Batch, BatchState, Failpoint, OffsetRange
from analytics_platform.ingest.plan import lost_since_planned, still_there
from analytics_platform.ingest.records import CHUNK_BYTES, DECODED_BYTES, RECORDS_SCHEMA, Gap
from analytics_platform.lake.duckdb import read_files
from analytics_platform.lake.fingerprint import NOTHING, column_hashes, fingerprint
from analytics_platform.lake.prune import files_of_batch
from analytics_platform.lake.shapes import Layer, hashed
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import planning
from analytics_platform.pipeline.parts import Parts
from analytics_platform.pipeline.protect import Protection, protection_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A batch's bronze rows, ordered by partition and offset, and the hash of each row's value.

    `commit` has their content hash as soon as bronze holds them.
    """

    rows: pa.Table
    payloads: np.ndarray
    commit: Future[int]


class BronzeWriter:
    """Makes commits in a thread, one after another, while rows are judged; it is left when all of them are made.

    A commit that was fenced off is raised, whatever else has failed: who loses the lock has mostly lost its connection
    before, and a connection that was cut does not say that somebody else has taken over.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bronze")
        self._commits: list[Future[int]] = []

    def submit(self, commit: Callable[[], int]) -> Future[int]:
        """Have it made after those before it."""
        self._commits.append(self._thread.submit(commit))
        return self._commits[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        for failure in (commit.exception() for commit in self._commits):
            if isinstance(failure, FencedError):
                raise failure


def land(batch: Batch, parts: Parts, epoch: int, writer: BronzeWriter) -> Landed:
    """Read the batch from Kafka and have it committed to bronze, or read it back where that has been done.

    `writer` makes one commit after another; meanwhile the rows can be judged. Write nothing that rests on them before
    they are `settled`.
    """
    bronze = parts.tables.of(batch.id.stream, Layer.BRONZE)
    if batch.state is not BatchState.PLANNED:
        return landed(batch, parts)
    if files_of_batch(bronze.files(), batch.id.number):  # the commit was made, its note was not: Kafka is read once
        return landed(batch, parts)
    chunks = _fetch(batch, parts)
    parts.reached(Failpoint.AFTER_FETCH)
    files = [with_batch(rows, batch.id.number) for rows in _joined(chunks)]
    payloads = [column_hashes(rows["value"]) for rows in files]
    return Landed(
        rows=pa.concat_tables([with_batch(RECORDS_SCHEMA.empty_table(), batch.id.number), *files]),
        payloads=np.concatenate([NOTHING, *payloads]),
        commit=writer.submit(lambda: _commit(bronze, files, payloads, epoch)),
    )


def settled(batch: Batch, landed: Landed, parts: Parts) -> int:
    """The content hash of the batch in bronze, once it is there and the ledger knows."""
    content = landed.commit.result()
    if batch.state is BatchState.PLANNED:
        planning.mark_landed(parts.ledger, batch, landed.rows.num_rows)
    return content


def _commit(bronze: Table, files: list[pa.Table], payloads: list[np.ndarray], epoch: int) -> int:
    known = [{"value": hashes} for hashes in payloads]
    return bronze.replace([], files, decided_on=bronze.version, epoch=epoch, known=known)[1]


def landed(batch: Batch, parts: Parts) -> Landed:
    """The batch as bronze holds it."""
    bronze = parts.tables.of(batch.id.stream, Layer.BRONZE)
    files = files_of_batch(bronze.files(), batch.id.number)
    rows = read_files(parts.query, bronze.uris(files), bronze.shape.columns)
    rows = _ordered(rows.filter(pc.equal(rows["batch"], batch.id.number)))
    if batch.landed_rows not in (None, rows.num_rows):
        raise BronzeLostError(str(batch.id), batch.landed_rows or 0, rows.num_rows)
    payloads = column_hashes(rows["value"])
    there: Future[int] = Future()
    there.set_result(fingerprint(hashed(rows), {"value": payloads}))
    return Landed(rows=rows, payloads=payloads, commit=there)


def with_batch(rows: pa.Table, number: int) -> pa.Table:
    """The rows, each carrying its batch's number as first column."""
    return rows.add_column(0, pa.field("batch", pa.int64(), nullable=False), pa.repeat(number, rows.num_rows))


def _fetch(batch: Batch, parts: Parts) -> list[pa.Table]:
    """The batch's records in chunks; raises UnaccountedError unless the log itself says that the rest holds none.

    From here on the ledger knows how many rows were landed, and bronze is held to that: so a manifest's gaps are
    those that the log counted, and never rows that were lost on the way.
    """
    topic = parts.pipeline.stream(batch.id.stream).topic
    protected = protection_of(batch, parts)
    lost: tuple[OffsetRange, ...] = ()
    try:
        chunks, gaps = _read(parts, topic, batch.ranges, protected)
    except (OffsetsLostError, TopicChangedError):
        lost = lost_since_planned(batch.ranges, parts.reader.offsets([topic])[topic])
        if not lost:
            raise
        planning.record_lost(parts.ledger, batch.id.stream, lost, parts.now())
        chunks, gaps = _read(parts, topic, still_there(batch.ranges, lost), protected)
    rows, without = sum(chunk.num_rows for chunk in chunks), gaps.total() + sum(r.offsets for r in lost)
    if rows + without != batch.offsets:
        raise UnaccountedError(str(batch.id), batch.offsets, rows, without)
    return chunks


def _read(
    parts: Parts, topic: str, ranges: Sequence[OffsetRange], protected: Protection | None
) -> tuple[list[pa.Table], Counter[Gap]]:
    gaps: Counter[Gap] = Counter()
    chunks = parts.reader.fetch(topic, ranges, DECODED_BYTES, gaps) if ranges else ()
    return list(chunks if protected is None else map(protected, chunks)), gaps


def _joined(chunks: list[pa.Table]) -> Iterator[pa.Table]:
    """The chunks by partition and offset, as tables of up to CHUNK_BYTES; takes them out of the list as it goes."""
    chunks.sort(key=_first_row, reverse=True)
    group: list[pa.Table] = []
    size = 0
    while chunks:
        chunk = chunks.pop()
        if group and size + chunk.nbytes > CHUNK_BYTES:
            yield pa.concat_tables(group).combine_chunks()
            group, size = [], 0
        group.append(chunk)
        size += chunk.nbytes
    if group:
        yield pa.concat_tables(group).combine_chunks()


def _first_row(rows: pa.Table) -> tuple[int, int]:
    return rows["partition"][0].as_py(), rows["offset"][0].as_py()


def _ordered(rows: pa.Table) -> pa.Table:
    """The rows by partition and offset; whole runs are moved, for more than 2 GiB of values cannot be taken."""
    if not _is_ordered(rows):
        partitions, offsets = _coordinates(rows)
        cuts = np.flatnonzero((partitions[1:] != partitions[:-1]) | (offsets[1:] < offsets[:-1])) + 1
        runs = [rows.slice(at, end - at) for at, end in zip([0, *cuts], [*cuts, rows.num_rows], strict=True)]
        rows = pa.concat_tables(sorted(runs, key=_first_row))
    if not _is_ordered(rows):  # runs that lie in one another: no writer of ours leaves them
        partitions, offsets = _coordinates(rows)
        rows = rows.take(pa.array(np.lexsort((offsets, partitions))))
    return rows.combine_chunks()


def _is_ordered(rows: pa.Table) -> bool:
    partitions, offsets = _coordinates(rows)
    steps = np.diff(partitions)
    return not np.any((steps < 0) | ((steps == 0) & (np.diff(offsets) < 0)))


def _coordinates(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(rows["partition"]), np.asarray(rows["offset"])
