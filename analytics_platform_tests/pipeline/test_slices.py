"""What a recompute or a lookup reads is bounded by what it touches, and not by how large a table has become."""

from datetime import timedelta

import pyarrow as pa
import pytest

from analytics_platform.facts import Batch, BatchId, Pins
from analytics_platform.lake.grains import grains_touched
from analytics_platform.lake.prune import files_with_any
from analytics_platform.lake.shapes import Layer
from analytics_platform.pipeline.judge import Case, earlier_winners
from analytics_platform.pipeline.slices import slice_of
from analytics_platform_tests.pipeline.house import HOUSE, MINUTE, NOON, kafka_with, opened

ROWS = 20  # of each minute, which is one file
MINUTES = 60


def fill(parts, minutes):
    """Bids minute by minute, as time-ordered ids and batches of a minute each leave them; all in one commit."""
    table = parts.tables.of("bids", Layer.SILVER)
    table.replace([], [minute_of(table, n) for n in range(minutes)], decided_on=table.version, epoch=1)
    auctions = parts.tables.of("auctions", Layer.SILVER)
    auctions.replace([], [opened_in(auctions, n) for n in range(minutes)], decided_on=auctions.version, epoch=1)


def minute_of(table, number):
    rows = [
        {**about(number, row, f"{number:06d}-{row:03d}"), "auction": number, "price": row, "late_micros": 0}
        for row in range(ROWS)
    ]
    return pa.Table.from_pylist(rows, table.shape.columns)


def opened_in(table, number):
    closes = NOON + number * MINUTE + 3 * MINUTE
    row = {**about(number, 0, f"auction-{number:06d}"), "id": number, "kind": 1, "closes": closes, "late_micros": 0}
    return pa.Table.from_pylist([row], table.shape.columns)


def about(number, row, event_id):
    at = NOON + number * MINUTE + timedelta(seconds=row)
    coordinates = {"batch": number + 1, "partition": 0, "offset": number * ROWS + row, "payload_hash": row}
    return {**coordinates, "event_id": event_id, "event_at": at, "at": at, "broker_at": at}


def rows_read(parts, files):
    """How many rows the named files of all tables hold."""
    sizes = {
        str(table.root / file.path): file.rows for table in parts.tables.by_name.values() for file in table.files()
    }
    return sum(sizes[uri] for uri in files)


def grain_rows(parts, name, grain):
    read = slice_of(HOUSE.model(name), {grain}, NOON + timedelta(days=1), parts)
    return rows_read(parts, [uri for files in read.files.values() for uri in files])


def read_at(dsn, folder, minutes, of):
    with opened(dsn, folder, kafka_with()) as parts:
        fill(parts, minutes)
        return of(parts)


@pytest.fixture(params=["a window of event time", "a key with a life"])
def read_one_grain(request):
    """Rows read to recompute one grain in the first hour."""
    number = min(grains_touched(pa.chunked_array([pa.array([NOON + 10 * MINUTE])]), HOUSE.model("hot").grain))
    name, grain = {"a window of event time": ("hot", number), "a key with a life": ("wins", "10")}[request.param]
    return lambda parts: grain_rows(parts, name, grain)


def test_a_grain_of_a_table_ten_times_as_large_reads_as_many_rows(ledger_dsn, tmp_path, read_one_grain):
    small = read_at(ledger_dsn, tmp_path / "small", MINUTES, read_one_grain)
    large = read_at(ledger_dsn, tmp_path / "large", 10 * MINUTES, read_one_grain)
    assert 0 < small == large < 10 * ROWS


def test_a_batch_of_new_ids_is_looked_up_in_as_many_rows(ledger_dsn, tmp_path):
    """Two late copies, and ids that are newer than all there are: only the files of the copies are read."""

    def looked_up(parts):
        table = parts.tables.of("bids", Layer.SILVER)
        ids = pa.array(["000007-001", "000031-002", *(f"999999-{n:03d}" for n in range(50))])
        last = Batch(id=BatchId(stream="bids", number=10_000), hour=NOON, ranges=(), pins=Pins(reader_schema_id=1))
        found = earlier_winners(
            Case(batches=(last,), bronze=table.shape.columns.empty_table(), pins=last.pins), ids, parts
        )
        assert sorted(found["event_id"].to_pylist()) == ["000007-001", "000031-002"]
        return sum(file.rows for file in files_with_any(table.files(), "event_id", ids.to_pylist()))

    small = read_at(ledger_dsn, tmp_path / "small", MINUTES, looked_up)
    large = read_at(ledger_dsn, tmp_path / "large", 10 * MINUTES, looked_up)
    assert small == large == 2 * ROWS
