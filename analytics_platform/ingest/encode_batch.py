"""Columns of records to Kafka record batches (magic 2), in bulk. Pure.

Format: https://kafka.apache.org/documentation/#recordbatch. No compression: lz4 takes 1.3 ms of CPU per MB here and
more at the reader than it saves on a network of one machine.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from crc32c import crc32c
from numpy.typing import NDArray

HEADER = struct.Struct(">qiibIhiqqqhii")
HEADER_BYTES = HEADER.size  # 61
AFTER_LENGTH = 12  # what the length field does not count: the base offset and itself
CHECKED_FROM = 21  # the checksum covers everything after itself
MAGIC = 2
SEQUENCES = 1 << 31  # sequence numbers are a positive int32 and wrap
PREFIX_BYTES = 27  # at most: length, attributes, timestamp delta, offset delta, key length
BATCH_BYTES = 1_000_000  # below the 1,048,588 that a broker takes by default (max.message.bytes)

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordColumns:
    """Records of one partition, in order: binary columns that may hold nulls, timestamps in ms since 1970.

    Every record has all the headers, in the order of the mapping; a null there is a header without a value.
    """

    keys: pa.BinaryArray
    values: pa.BinaryArray
    timestamps: Longs
    headers: Mapping[str, pa.BinaryArray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBlock:
    """Encoded records that make one batch, still without producer and sequence."""

    body: memoryview
    records: int
    first_timestamp: int
    max_timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerId:
    """The id and epoch that a broker gave to an idempotent producer; -1 is none."""

    id: int = -1
    epoch: int = -1


def encode_blocks(columns: RecordColumns, *, limit_bytes: int = BATCH_BYTES) -> list[RecordBlock]:
    """Encode records and cut them into blocks whose batches stay within the limit.

    A record that alone is larger gets a block of its own: the broker has the last word on it.
    """
    if not len(columns.timestamps):
        return []
    pieces, sizes = _pieces(columns)
    starts = _cut(sizes + PREFIX_BYTES, limit_bytes - HEADER_BYTES)
    counts = np.diff(np.append(starts, len(sizes)))
    deltas = columns.timestamps - np.repeat(columns.timestamps[starts], counts)
    numbers = np.arange(len(sizes)) - np.repeat(starts, counts)
    head = [np.zeros(len(sizes), np.int64), deltas, numbers, _lengths(columns.keys)]
    sizes += sum(_varint_widths(column) for column in head)
    records = pc.binary_join_element_wise(varints([sizes, *head]), *pieces, _scalar(b""))
    offsets = np.frombuffer(records.buffers()[1], np.int32, len(records) + 1)
    body = memoryview(records.buffers()[2])
    return [
        RecordBlock(
            body=body[offsets[start] : offsets[start + count]],
            records=count,
            first_timestamp=int(columns.timestamps[start]),
            max_timestamp=int(columns.timestamps[start : start + count].max()),
        )
        for start, count in zip(starts.tolist(), counts.tolist(), strict=True)
    ]


def seal(block: RecordBlock, producer: ProducerId, sequence: int) -> bytes:
    """The whole batch, ready to be sent: header, producer, first sequence (-1: none) and checksum.

    A batch that is sent again must be these very bytes: that is how the broker knows it.
    """
    checked = struct.pack(
        ">hiqqqhii",
        0,
        block.records - 1,
        block.first_timestamp,
        block.max_timestamp,
        producer.id,
        producer.epoch,
        sequence % SEQUENCES if sequence >= 0 else sequence,
        block.records,
    )
    checksum = crc32c(block.body, crc32c(checked))
    length = HEADER_BYTES - AFTER_LENGTH + len(block.body)
    return b"".join([struct.pack(">qiibI", 0, length, -1, MAGIC, checksum), checked, block.body])


def _pieces(columns: RecordColumns) -> tuple[list[pa.Array | pa.Scalar], Longs]:
    """What follows a record's key length, piece by piece, and how many bytes that is per record."""
    pieces = [_filled(columns.keys), *_sized(columns.values), _scalar(_varint(len(columns.headers)))]
    for name, column in columns.headers.items():
        pieces += [_scalar(_varint(len(name.encode())) + name.encode()), *_sized(column)]
    sizes = np.zeros(len(columns.timestamps), np.int64)
    for piece in pieces:
        sizes += len(piece.as_py()) if isinstance(piece, pa.Scalar) else _lengths(piece)
    return pieces, sizes


def _sized(column: pa.BinaryArray) -> Iterator[pa.Array | pa.Scalar]:
    """The varint of each length (null: -1), then the bytes; one length for all is one scalar."""
    lengths = _lengths(column)
    first = int(lengths[0])
    yield _scalar(_varint(first)) if (lengths == first).all() else varints([lengths])
    yield _filled(column)


def _filled(column: pa.BinaryArray) -> pa.BinaryArray:
    return column.fill_null(b"") if column.null_count else column


def _lengths(column: pa.BinaryArray) -> Longs:
    """Bytes per value; -1 for null."""
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
    lengths = np.diff(offsets).astype(np.int64)
    if column.null_count:
        lengths[column.is_null().to_numpy(zero_copy_only=False)] = -1
    return lengths


def _cut(sizes: Longs, limit: int) -> NDArray[np.intp]:
    """The first record of each block; every block holds at least one and at most `limit` bytes."""
    ends = np.cumsum(sizes)
    starts, start = [], 0
    while start < len(sizes):
        starts.append(start)
        done = int(ends[start - 1]) if start else 0
        start = max(start + 1, int(np.searchsorted(ends, done + limit, side="right")))
    return np.array(starts, np.intp)


def _zigzag(values: Longs) -> NDArray[np.uint64]:
    return ((values << 1) ^ (values >> 63)).view(np.uint64)


def _varint_widths(values: Longs) -> Longs:
    """How many bytes each value takes as a zigzag varint."""
    zigzag = _zigzag(values)
    widths = np.ones(len(zigzag), np.int64)
    rest = int(zigzag.max()) >> 7
    shift = 7
    while rest:
        widths += zigzag >> np.uint64(shift) != 0
        rest >>= 7
        shift += 7
    return widths


def varints(columns: Sequence[Longs]) -> pa.BinaryArray:
    """Zigzag varints of several columns, one after the other in each row."""
    if not len(columns[0]):
        return pa.array([], pa.binary())
    pieces, masks = [], []
    for column in columns:
        zigzag, widths = _zigzag(column), _varint_widths(column)
        for place in range(int(widths.max())):
            more = (widths > place + 1).astype(np.uint8) << 7
            pieces.append((zigzag >> np.uint64(7 * place)).astype(np.uint8) & 127 | more)
            masks.append(widths > place)
    rows, mask = np.stack(pieces, axis=1), np.stack(masks, axis=1)
    return binary_array(rows[mask], mask.sum(axis=1))


def binary_array(data: NDArray[np.uint8], lengths: Longs) -> pa.BinaryArray:
    """An Arrow column over bytes that lie one value after the other; nothing is copied."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(pa.binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _varint(value: int) -> bytes:
    return varints([np.array([value], np.int64)])[0].as_py()


def _scalar(value: bytes) -> pa.Scalar:
    return pa.scalar(value, pa.binary())
