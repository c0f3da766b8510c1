"""Delta tables on disk: the one way they are read and written. A commit carries the writer's epoch."""

import os
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import Schema

from analytics_platform.errors import DamagedTableError, FencedError, StaleError
from analytics_platform.facts import Failpoint
from analytics_platform.lake.delta_files import Change, bounds_of, data_files
from analytics_platform.lake.delta_log import cut_off
from analytics_platform.lake.evolve import columns_to_add, misfits, require_fit
from analytics_platform.lake.fingerprint import NONE_KNOWN, Hashes, add, fingerprint
from analytics_platform.lake.parquet import Damage, content_of, damaged, read_in_turn, write_rows
from analytics_platform.lake.shapes import DataFile, TableShape, hashed

WRITER = "writer"  # the application whose transaction version is the epoch
CONFIGURATION = {
    "delta.checkpointInterval": "10",  # a commit replays what came since: at 100 it takes three times as long
    "delta.logRetentionDuration": "interval 1 days",
    # Each entry of a removed file that the log keeps makes every commit a little dearer, and nothing here reads them:
    # when a file was removed, its own time of change says (see `_touch`).
    "delta.deletedFileRetentionDuration": "interval 1 minutes",
}
AFTER_COMMIT = PostCommitHookProperties(cleanup_expired_logs=False)  # it lists the log each time: see lake/log.py
Reached = Callable[[Failpoint], None]


class Table:
    """One Delta table, opened by one writer. `Table.open` creates it where it is missing.

    A writer refreshes when it takes over; from then on it sees its own commits, and a commit of anybody else
    makes its next one fail.
    """

    def __init__(self, root: Path, shape: TableShape, delta: DeltaTable, reached: Reached) -> None:
        self.shape, self._delta, self._reached = shape, delta, reached
        self.root = root
        # by version, for reading either takes time that grows with the table
        self._files: tuple[int, list[DataFile]] = (-1, [])
        self._epoch: tuple[int, int] = (-1, 0)

    @classmethod
    def open(cls, tables: Path, shape: TableShape, reached: Reached = lambda _: None) -> "Table":
        """The table of that shape under the folder `tables`.

        Columns that it lacks are added by the first commit, hence by who holds the lease: opening writes nothing.
        Raises DeclarationError if a column changed or vanished, unless the table is derived (see `is_outdated`), and
        DamagedTableError if its log cannot be read.
        """
        root = tables / shape.name
        try:
            delta = DeltaTable(str(root))
        except TableNotFoundError:
            root.mkdir(parents=True, exist_ok=True)
            delta = DeltaTable.create(str(root), shape.columns, mode="ignore", configuration=CONFIGURATION)
        except DeltaError as error:
            raise DamagedTableError(shape.name, _first_line(error)) from error
        if (cut := cut_off(root, delta.version())) is not None:
            raise DamagedTableError(shape.name, f"the commit of version {cut} was cut off")
        table = cls(root, shape, delta, reached)
        table.require(shape)
        return table

    def require(self, shape: TableShape) -> None:
        """Raise DeclarationError unless the table can take that shape; a derived one can take any."""
        if not shape.is_derived:
            require_fit(shape.name, self._delta.schema(), Schema.from_arrow(shape.columns))

    def columns_after(self) -> list[str]:
        """The columns it has once the next commit has added those that its shape wants."""
        there = [field.name for field in self._delta.schema().fields]
        return there + [name for name in self.shape.columns.names if name not in there]

    @property
    def version(self) -> int:
        """The version this handle last saw."""
        return self._delta.version()

    def refresh(self) -> int:
        """Catch up with the table's log; returns the version now seen."""
        self._delta.update_incremental()
        return self._delta.version()

    def epoch(self) -> int:
        """The highest epoch that has committed here; 0 for none."""
        if self._epoch[0] != self.version:
            self._epoch = (self.version, self._delta.transaction_version(WRITER) or 0)
        return self._epoch[1]

    def files(self) -> list[DataFile]:
        """The files of the version last seen."""
        if self._files[0] != self.version:
            self._files = (self.version, data_files(self._delta, self.shape.bounded_by))
        return self._files[1]

    def rows(self) -> int:
        """How many rows the version last seen holds."""
        return sum(file.rows for file in self.files())

    def uris(self, files: Sequence[DataFile]) -> list[str]:
        """Where those files are."""
        return [str(self.root / file.path) for file in files]

    def missing(self, files: Sequence[DataFile]) -> list[DataFile]:
        """Those of the files that are not there as they were written: gone, or of another size."""
        return [damage.file for damage in self.damaged(files)]

    def damaged(self, files: Sequence[DataFile], *, deep: bool = False) -> list[Damage]:
        """What is wrong with those files; deep reads them, and compares their rows with what their names say."""
        return damaged(self.root, files, deep=deep)

    @property
    def is_outdated(self) -> bool:
        """Whether a derived table was computed with other columns than those declared now: `renew` it."""
        there, wanted = self._delta.schema(), Schema.from_arrow(self.shape.columns)
        return self.shape.is_derived and bool(misfits(there, wanted) or columns_to_add(there, wanted))

    def renew(self, epoch: int) -> int:
        """Empty a derived table and give it the columns declared now, in one commit. Returns the version.

        Have all of it recomputed first (mark every grain), for a kill right after this leaves it empty.
        """
        self._commit(Change(removed=self.files(), is_renewal=True), decided_on=self.version, epoch=epoch)
        return self.version

    def restore(self, version: int, *, epoch: int) -> int:
        """Make the table hold again what it held at that version, in one commit; returns the version now.

        Whether its files are still there does not matter: what is missing then is missing again. Raises
        DamagedTableError if the log does not know that version any more.
        """
        if version == self.version:
            return version
        try:
            then = DeltaTable(str(self.root), version=version)
            if self.shape.is_derived and then.schema() != self._delta.schema():
                # it was renewed since: its columns go back, too
                self._delta.restore(version, commit_properties=_properties(epoch))
                return self.refresh()
        except DeltaError as error:
            problem = f"version {version} cannot be restored: {_first_line(error)}"
            raise DamagedTableError(self.shape.name, problem) from error
        wanted = {f.path: f for f in data_files(then, self.shape.bounded_by)}
        there = {f.path: f for f in self.files()}
        gone = [there[path] for path in there.keys() - wanted]
        back = [wanted[path] for path in wanted.keys() - there]
        self._commit(Change(removed=gone, added=back), decided_on=self.version, epoch=epoch)
        return self.version

    def stamp(self, epoch: int) -> None:
        """Commit nothing but the epoch, so that a writer of an older one can commit no more."""
        self.refresh()
        if self.epoch() < epoch:
            self._commit(Change(), decided_on=self.version, epoch=epoch)

    def replace(
        self,
        removed: Collection[DataFile],
        parts: Sequence[pa.Table],
        *,
        decided_on: int,
        epoch: int,
        known: Sequence[Hashes] = (),
    ) -> tuple[int, int]:
        """Remove files and add each part as a file, in one commit; returns the version and the parts' fingerprint.

        The same content again is no commit, unless a file to remove is missing on disk. `known` may give each part's
        hashes of some columns. Raises FencedError if a newer writer has committed here, StaleError if anything has
        been committed since `decided_on`.
        """
        hashes = known or [NONE_KNOWN] * len(parts)
        contents = [
            (part, fingerprint(hashed(part), found)) for part, found in zip(parts, hashes, strict=True) if part.num_rows
        ]
        content = add(fingerprint for _, fingerprint in contents)
        paths = sorted(file.path for file in removed)
        is_same = sorted(map(content_of, paths)) == sorted(f"{content:016x}" for _, content in contents)
        if is_same and not self.missing(list(removed)):
            self._require(decided_on, epoch)
            return self.version, content
        written = [self._write(part, part_content) for part, part_content in contents]
        self._reached(Failpoint.AFTER_PARQUET)
        self._commit(Change(removed=removed, added=written), decided_on=decided_on, epoch=epoch)
        self._reached(Failpoint.AFTER_COMMIT)
        return self.version, content

    def fold(self, files: Sequence[DataFile], *, epoch: int) -> int:
        """Put one file with their rows in the place of several; changes no content. Returns the version.

        In memory the rows are there once where the files, one after the other, are in order already, else twice.
        """
        rows = read_in_turn(self.uris(files), self.shape.columns)
        order = pc.sort_indices(rows, [(name, "ascending") for name in self.shape.sorted_by])
        if not _is_ascending(order):
            rows = rows.take(order)
        folded = self._write(rows, fingerprint(hashed(rows)))
        self._commit(Change(removed=files, added=[folded], is_new=False), decided_on=self.version, epoch=epoch)
        return self.version

    def drop(self, files: Sequence[DataFile], *, epoch: int) -> int:
        """Remove whole files. Returns the version."""
        self._commit(Change(removed=files), decided_on=self.version, epoch=epoch)
        return self.version

    def orphans(self, older_than_hours: int) -> list[str]:
        """Files that were never committed, or whose removal nobody remembers; not the ones being written now."""
        tracked, everything = (
            set(self._delta.vacuum(older_than_hours, enforce_retention_duration=False, full=full))
            for full in (False, True)
        )
        return sorted(everything - tracked)

    def unread(self, keep_hours: int, *, keep_version: int) -> list[str]:
        """What `vacuum` would delete; deletes nothing."""
        return self._delta.vacuum(keep_hours, enforce_retention_duration=False, full=True, keep_versions=[keep_version])

    def vacuum(self, keep_hours: int, *, keep_version: int, epoch: int) -> int:
        """Delete files that neither `keep_version` nor a version of the last `keep_hours` needs; returns how many.

        Files that were never committed go when they are that old: to a writer that was left behind the newest files
        look like those. Raises FencedError.
        """
        self._require(self.refresh(), epoch)
        gone = self._delta.vacuum(
            retention_hours=keep_hours,
            dry_run=False,
            enforce_retention_duration=False,
            keep_versions=[keep_version],
            full=True,  # files that a killed writer never committed, too
        )
        self.refresh()  # a vacuum is a commit of its own
        return len(gone)

    def _write(self, rows: pa.Table, content: int) -> DataFile:
        name = f"part-{content:016x}-{uuid.uuid4().hex}.parquet"
        path = self.root / name
        write_rows(rows, path, self.shape)
        low, high = bounds_of(rows, self.shape.bounded_by)
        return DataFile(path=name, rows=rows.num_rows, size=path.stat().st_size, low=low, high=high)

    def _commit(self, change: Change, *, decided_on: int, epoch: int) -> None:
        """Commit on top of the version last seen: Delta refuses it if anybody else has committed since."""
        self._require(decided_on, epoch)
        properties, mode = _properties(epoch), "overwrite" if change.is_renewal else "append"
        try:
            if not change.is_renewal:
                self._widen(properties)
            before, files = self.version, self.files()
            self._touch(change.removed)
            self._delta.create_write_transaction(
                [] if change.is_renewal else change.actions(_now_ms()),
                mode,
                self.shape.columns,
                commit_properties=properties,
                post_commithook_properties=AFTER_COMMIT,
            )
        except CommitFailedError as error:
            found = self.refresh()
            self._require(decided_on, epoch)
            raise StaleError(self.shape.name, decided_on, found) from error
        if self.refresh() == before + 1:  # by nobody but us: what it changed is known
            self._files, self._epoch = (self.version, change.applied_to(files)), (self.version, epoch)

    def _touch(self, files: Collection[DataFile]) -> None:
        """Have them look as old as their removal is, for vacuum: the log soon forgets that they were there."""
        for file in files:
            with suppress(FileNotFoundError):
                os.utime(self.root / file.path)

    def _widen(self, properties: CommitProperties) -> None:
        """Add the columns that the shape has and the table lacks, by a commit of its own; once in a column's life."""
        added = columns_to_add(self._delta.schema(), Schema.from_arrow(self.shape.columns))
        if added and not self.is_outdated:
            self._delta.alter.add_columns(added, commit_properties=properties)

    def _require(self, decided_on: int, epoch: int) -> None:
        if self.epoch() > epoch:
            raise FencedError(f"table {self.shape.name}", epoch, self.epoch())
        if self.version != decided_on:
            raise StaleError(self.shape.name, decided_on, self.version)


def _properties(epoch: int) -> CommitProperties:
    """A commit that carries the writer's epoch, and is not tried again on top of somebody else's."""
    return CommitProperties(app_transactions=[Transaction(WRITER, epoch)], max_commit_retries=0)


def _is_ascending(order: pa.UInt64Array) -> bool:
    """Whether rows in that order are in the order in which they are."""
    places = order.to_numpy()
    return bool(np.all(places[1:] > places[:-1]))


def _first_line(error: DeltaError) -> str:
    """What went wrong, without the stack that the library puts into its messages."""
    return str(error).strip().splitlines()[0]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
