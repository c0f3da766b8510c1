"""What a landed record looks like, and what every reader of a topic can do. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics_platform.facts import OffsetRange, PartitionOffsets

HEADER = pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())])
RECORDS_SCHEMA = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("broker_at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(HEADER), nullable=False),
    ]
)
CHUNK_BYTES = 64 << 20
DECODED_BYTES = 12 << 20  # at once: from 32 MB on malloc gives every buffer back, and the kernel zeroes it anew
# Producers may write any 64-bit time; the years 1 to 9999 are what every later stage can hold.
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999


class Gap(StrEnum):
    """Why an offset has no record, by what the log itself says: it is counted beside the records, not from them."""

    CONTROL = "control"  # the marker that ends a transaction
    ABORTED = "aborted"  # written by a transaction that was aborted
    MISSING = "missing"  # no longer in the log: compacted away
    UNEXPLAINED = "unexplained"  # read record by record, where all that is seen is that none came


class RecordReader(Protocol):
    """Reads stable offsets and the records in planned ranges; one object per process, closed by `with`."""

    def offsets(self, topics: Iterable[str]) -> dict[str, list[PartitionOffsets]]:
        """What is stable now, by topic, in partition order; cheap enough for every second."""
        ...

    def fetch(
        self,
        topic: str,
        ranges: Sequence[OffsetRange],
        chunk_bytes: int = CHUNK_BYTES,
        gaps: Counter[Gap] | None = None,
    ) -> Iterator[pa.Table]:
        """The records of the ranges, as tables of RECORDS_SCHEMA, each of one partition and in offset order.

        Ends when every range is read to its end; offsets without a record leave gaps, which are added to `gaps`.
        The topic's id is compared before the first and after the last table, so commit nothing before the iterator
        has ended. `chunk_bytes` bounds a table, up to the size of one record batch.

        Raises OffsetsLostError, TopicChangedError, UnreachableError, MalformedBatchError.
        """
        ...

    def wait_for_data(self, positions: Mapping[str, Mapping[int, int]], timeout: float) -> bool:
        """Wait until an offset at or after one of the positions (topic → partition → next offset) is stable.

        Returns False when `timeout` seconds passed without one.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def header_text(records: pa.Table, name: str) -> pa.StringArray:
    """The header's value as text, one per record; null where it is absent, null or not UTF-8.

    The last header of that name wins, as in Kafka's own `lastHeader`.
    """
    headers = records["headers"].combine_chunks()
    flat = headers.flatten()
    named = pc.call_function("equal", [flat.field("key"), pa.scalar(name)])
    hits = np.flatnonzero(named.to_numpy(zero_copy_only=False))
    owners = np.repeat(np.arange(len(headers)), np.diff(headers.offsets.to_numpy()))[hits]
    last = np.append(owners[1:] != owners[:-1], True)[: len(owners)]
    pick = np.full(len(headers), -1, np.int64)
    pick[owners[last]] = hits[last]
    values = flat.field("value").take(int_array(pick, absent=pick < 0))
    return utf8_or_null(values)


def utf8_or_null(values: pa.BinaryArray) -> pa.StringArray:
    """The values as text; null where they are null or not UTF-8."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        broken = _rows_outside_utf8(values)
        kept = np.where(broken, -1, np.arange(len(values)))
        return values.take(int_array(kept, absent=broken)).cast(pa.string())


def int_array(values: np.ndarray, *, absent: np.ndarray | None = None) -> pa.Int64Array:
    """An Arrow array over a NumPy one, null where `absent`; `pa.array` would import pandas (0.3 s or more)."""
    nulls = None if absent is None else pa.py_buffer(np.packbits(~absent, bitorder="little"))
    values = np.ascontiguousarray(values, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(values), [nulls, pa.py_buffer(values)])


def _rows_outside_utf8(values: pa.BinaryArray) -> np.ndarray:
    """Which rows hold a byte that is not UTF-8, found for all of them at once.

    A zero byte after each value keeps a sequence from running into the next one; `surrogateescape` turns each
    wrong byte into one code point of its own, whose place in the text gives its place in the bytes.
    """
    joined = pc.call_function("binary_join_element_wise", [values.fill_null(b""), pa.scalar(b"\0"), pa.scalar(b"")])
    ends = np.frombuffer(joined.buffers()[1], np.int32)[1 : len(joined) + 1]
    text = joined.buffers()[2].to_pybytes()[: ends[-1]].decode("utf-8", "surrogateescape")
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    escaped = (points >= 0xDC80) & (points <= 0xDCFF)
    sizes = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
    sizes[escaped] = 1
    rows = np.searchsorted(ends, (np.cumsum(sizes) - sizes)[escaped], side="right")
    broken = np.zeros(len(values), bool)
    broken[rows] = True
    return broken
