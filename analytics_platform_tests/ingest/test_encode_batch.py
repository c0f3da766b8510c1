"""What the bulk encoder writes is what the stock client reads."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record import MemoryRecords

from analytics_platform.ingest.encode_batch import HEADER_BYTES, ProducerId, RecordColumns, encode_blocks, seal

PRODUCER = ProducerId(id=7, epoch=3)
BYTES = st.one_of(st.none(), st.just(b""), st.binary(max_size=300))
HEADER_NAMES = st.lists(st.text(max_size=8), unique=True, max_size=3)
MILLISECONDS = st.integers(min_value=0, max_value=4_102_444_800_000)


@st.composite
def records(draw: Any) -> list[tuple[Any, ...]]:
    """(timestamp, key, value, headers) of up to 40 records with the same header names."""
    names = draw(HEADER_NAMES)
    row = st.tuples(MILLISECONDS, BYTES, BYTES, st.tuples(*[BYTES for _ in names]))
    rows = draw(st.lists(row, max_size=40))
    return [(at, key, value, list(zip(names, headers, strict=True))) for at, key, value, headers in rows]


def columns_of(rows: list[tuple[Any, ...]]) -> RecordColumns:
    names = [name for name, _ in rows[0][3]] if rows else []
    return RecordColumns(
        timestamps=np.array([row[0] for row in rows], np.int64),
        keys=pa.array([row[1] for row in rows], pa.binary()),
        values=pa.array([row[2] for row in rows], pa.binary()),
        headers={name: pa.array([row[3][i][1] for row in rows], pa.binary()) for i, name in enumerate(names)},
    )


def read_back(batch: bytes) -> list[tuple[Any, ...]]:
    """The rows of one batch, as kafka-python's own reader sees them; its checksum must hold."""
    memory = MemoryRecords(batch)
    found = memory.next_batch()
    assert found is not None and found.validate_crc()
    return [(r.timestamp, r.key, r.value, list(r.headers)) for r in found]


def encoded(rows: list[tuple[Any, ...]], limit_bytes: int = 1_000_000) -> list[bytes]:
    blocks = encode_blocks(columns_of(rows), limit_bytes=limit_bytes)
    return [seal(block, PRODUCER, 0) for block in blocks]


@given(rows=records(), limit_bytes=st.integers(min_value=100, max_value=5_000))
@settings(deadline=timedelta(seconds=5))
def test_what_is_encoded_is_what_the_stock_client_decodes(rows: list[tuple[Any, ...]], limit_bytes: int):
    assert [row for batch in encoded(rows, limit_bytes) for row in read_back(batch)] == rows


@given(rows=records(), limit_bytes=st.integers(min_value=1_000, max_value=5_000))
@settings(deadline=timedelta(seconds=5))
def test_no_batch_of_several_records_is_larger_than_the_limit(rows: list[tuple[Any, ...]], limit_bytes: int):
    for batch in encoded(rows, limit_bytes):
        assert len(batch) <= limit_bytes or len(read_back(batch)) == 1


def test_large_and_small_values_survive_side_by_side():
    rows = [(1, b"k", b"x" * size, [("h", b"y" * size)]) for size in (0, 63, 64, 8_191, 8_192, 600_000, 1_500_000)]
    assert [row for batch in encoded(rows) for row in read_back(batch)] == rows


def test_a_slice_of_a_column_encodes_only_the_slice():
    rows = [(i, str(i).encode(), None if i % 3 else b"v", [("h", b"%d" % i)]) for i in range(30)]
    whole = columns_of(rows)
    part = RecordColumns(
        keys=whole.keys[10:20],
        values=whole.values[10:20],
        timestamps=whole.timestamps[10:20],
        headers={name: column[10:20] for name, column in whole.headers.items()},
    )
    batches = [seal(block, PRODUCER, 0) for block in encode_blocks(part)]
    assert [row for batch in batches for row in read_back(batch)] == rows[10:20]


def test_a_batch_carries_producer_and_sequence_and_the_sequence_wraps():
    block = encode_blocks(columns_of([(5, None, b"v", []), (3, None, b"w", [])]))[0]
    batch = MemoryRecords(seal(block, PRODUCER, 2**31 + 4)).next_batch()
    assert batch is not None
    assert (batch.producer_id, batch.producer_epoch, batch.base_sequence) == (7, 3, 4)
    assert (batch.first_timestamp, batch.max_timestamp, batch.records_count) == (5, 5, 2)


def test_nothing_encodes_to_no_batch():
    assert encode_blocks(columns_of([])) == []
    assert HEADER_BYTES == 61
