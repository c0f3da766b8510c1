"""Silver tables of a size that nobody has the time to land: rows, or only what the log says of their files."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from analytics_platform.lake.delta_files import Change, bounds_of
from analytics_platform.lake.fold import files_to_fold
from analytics_platform.lake.parquet import write_rows
from analytics_platform.lake.shapes import DataFile, TableShape
from analytics_platform.lake.tables import Table
from analytics_platform.local.auction_house.chance import Chance
from analytics_platform.local.auction_house.headers import event_ids

ROWS_PER_FILE = 1_000_000  # what two folds make of 1,024 batches of a second and a thousand rows
BEFORE = 0  # the batch of every row here; numbers in the ledger begin at 1
DAY = datetime(2026, 11, 1, tzinfo=UTC)
TEMPLATE = "_template.parquet"
DAY_MS = int(DAY.timestamp() * 1000)
FIXED = {"batch": BEFORE, "partition": 0, "event_at": DAY, "broker_at": DAY, "schema_id": 1, "late_micros": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """Event ids as UUIDs: those of version 7 follow time, a millisecond each; scattered ones are as of version 4."""

    is_ordered: bool
    seed: int = 1

    def of(self, first: int, count: int) -> pa.Array:
        """The ids of so many events from that number on, ascending."""
        numbers, chance = np.arange(first, first + count), Chance(self.seed)
        scattered = np.sort((chance.bits("scattered", numbers) >> np.uint64(16)).astype(np.int64))
        return event_ids(numbers, DAY_MS + numbers if self.is_ordered else scattered, chance).cast(pa.string())


def rows_of(shape: TableShape, ids: pa.Array) -> pa.Table:
    """Rows with those ids; all else is the same in each."""
    count = len(ids)
    columns = {field.name: pa.nulls(count, field.type) for field in shape.columns}
    columns |= {name: _repeated(value, shape, name, count) for name, value in FIXED.items()}
    columns |= {"event_id": ids, "offset": pa.array(np.arange(count)), "payload_hash": pa.array(np.arange(count))}
    return pa.table(columns, schema=shape.columns)


def _repeated(value: object, shape: TableShape, name: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, shape.columns.field(name).type), count)


def fill(table: Table, rows: int, ids: Ids, epoch: int, copies: int) -> list[str]:
    """Give the table so many rows, sorted by id within each file; returns the ids of `copies` of them or a few more."""
    found = list[str]()
    firsts = range(0, rows, ROWS_PER_FILE)
    for first in firsts:
        part = rows_of(table.shape, ids.of(first, min(ROWS_PER_FILE, rows - first)))
        known = dict.fromkeys(part.column_names, np.zeros(len(part), np.uint64))  # nobody compares their content
        table.replace([], [part], decided_on=table.version, epoch=epoch, known=[known])
        places = np.linspace(0, len(part) - 1, -(-copies // len(firsts))).astype(np.int64)
        found += part["event_id"].take(pa.array(places)).to_pylist()
    return found


def claim(table: Table, files: int, ids: Ids) -> str:
    """Have the log say that the table holds so many files of a million rows; returns an id in the middle one.

    That one is real. The others are names of one more, whose ids come after all, with bounds of their own in the log:
    who looks for an id there opens a file and finds it is not in it.
    """
    middle = files // 2
    rows = rows_of(table.shape, ids.of(middle * ROWS_PER_FILE, ROWS_PER_FILE))
    write_rows(rows, table.root / _name(middle), table.shape)
    other = rows_of(table.shape, ids.of(files * ROWS_PER_FILE, ROWS_PER_FILE))
    write_rows(other, table.root / TEMPLATE, table.shape)
    low, high = bounds_of(rows, table.shape.bounded_by)
    claimed = []
    for number in range(files):
        if number != middle:
            os.link(table.root / TEMPLATE, table.root / _name(number))
        first, last = (ids.of(number * ROWS_PER_FILE + place, 1)[0].as_py() for place in (0, ROWS_PER_FILE - 1))
        own = {"batch": BEFORE + number - files}
        bounds = {"low": {**low, **own, "event_id": first}, "high": {**high, **own, "event_id": last}}
        size = (table.root / _name(number)).stat().st_size
        claimed.append(DataFile(path=_name(number), rows=ROWS_PER_FILE, size=size, **bounds))
    log = DeltaTable(str(table.root))
    log.create_write_transaction(Change(added=claimed).actions(DAY_MS), "append", table.shape.columns)
    table.refresh()
    return rows["event_id"][ROWS_PER_FILE // 2].as_py()


def commit_seconds(table: Table, commits: int, ids: Ids, epoch: int) -> None:
    """Commit so many batches of one row after the claimed ones, and fold small files as a lease does."""
    first = sum(file.rows for file in table.files())
    for number in range(first, first + commits):
        one = rows_of(table.shape, ids.of(number, 1))
        table.replace([], [one], decided_on=table.version, epoch=epoch)
        small = [file for file in table.files() if file.rows < ROWS_PER_FILE]  # the claimed ones count as large
        if files := files_to_fold(small, BEFORE + 1):
            table.fold(files, epoch=epoch)


def _name(number: int) -> str:
    return f"part-{number:016x}-claimed.parquet"
