"""Where decoded values are collected until they become Arrow columns. Pure.

A column is filled block by block (`put`), then told which rows failed (`settle`, which may find further ones),
then finished. In an optional column a row that was never put is null.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

from analytics_platform.ingest.avro_lanes import Fault, Integers, Lanes, Mask
from analytics_platform.ingest.records import utf8_or_null

NUMPY_TYPES: Mapping[pa.DataType, DTypeLike] = {
    pa.int32(): np.int32,
    pa.date32(): np.int32,
    pa.float32(): np.float32,
    pa.float64(): np.float64,
    pa.bool_(): np.bool_,
}  # any other number is an int64


class Source:
    """The bytes that all columns of one table are read from."""

    __slots__ = ("bytes", "faults", "offsets")

    def __init__(self, data: pa.Buffer | None, offsets: NDArray[np.int32]) -> None:
        self.bytes = pa.py_buffer(b"") if data is None else data
        self.offsets = offsets
        self.faults = np.zeros(self.rows, dtype=np.uint8)

    @property
    def rows(self) -> int:
        """How many records there are."""
        return self.offsets.size - 1


class Column(Protocol):
    """What every kind of column can do."""

    def settle(self) -> None:
        """Forget what failed rows left behind; note faults that only show in the values as a whole."""

    def finish(self, good: Mask) -> pa.Array:
        """The Arrow column; rows that are not good are null."""
        ...


class Numbers:
    """Numbers, booleans and times."""

    def __init__(self, source: Source, type_: pa.DataType, *, optional: bool) -> None:
        self.type = type_
        self.values = np.zeros(source.rows, dtype=NUMPY_TYPES.get(type_, np.int64))
        self.present = np.zeros(source.rows, dtype=np.bool_) if optional else None

    def put(self, lanes: Lanes, values: NDArray[Any]) -> None:
        """Store one value per lane."""
        with np.errstate(invalid="ignore"):  # any bits may come as a float, those of a signalling NaN too
            self.values[lanes.rows] = values
        if self.present is not None:
            self.present[lanes.rows] = True

    def settle(self) -> None:
        """Nothing to do: any bits are a number."""

    def finish(self, good: Mask) -> pa.Array:
        """The numbers as Arrow."""
        values = _bits(self.values) if self.values.dtype == np.bool_ else pa.py_buffer(self.values)
        return pa.Array.from_buffers(self.type, len(good), [_validity(self.present, good), values])


class Decimals:
    """128-bit decimals, as a high and a low word."""

    def __init__(self, source: Source, type_: pa.DataType, *, optional: bool) -> None:
        self.type = type_
        self.words = np.zeros((source.rows, 2), dtype=np.uint64)
        self.present = np.zeros(source.rows, dtype=np.bool_) if optional else None

    def put(self, lanes: Lanes, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> None:
        """Store one value per lane."""
        self.words[lanes.rows, 0] = low
        self.words[lanes.rows, 1] = high
        if self.present is not None:
            self.present[lanes.rows] = True

    def settle(self) -> None:
        """Nothing to do: ranges are checked when values are read."""

    def finish(self, good: Mask) -> pa.Array:
        """The decimals as Arrow."""
        return pa.Array.from_buffers(
            self.type, len(good), [_validity(self.present, good), pa.py_buffer(self.words.reshape(-1))]
        )


class Spans:
    """Strings and bytes: where they lie in the source, copied by Arrow at the end.

    The offsets of a binary array of twice the length: value, gap, value, gap …; taking every second element
    copies the values at memcpy's speed.
    """

    def __init__(self, source: Source, type_: pa.DataType, *, optional: bool) -> None:
        self.source, self.type = source, type_
        self.offsets = np.repeat(source.offsets, 2)[:-1]
        self.present = np.zeros(source.rows, dtype=np.bool_) if optional else None
        self.copied: pa.Array = pa.nulls(0, type_)

    def put(self, lanes: Lanes, start: Integers, stop: Integers) -> None:
        """Store one span per lane, in positions of the lanes' block."""
        rows = lanes.rows
        if isinstance(rows, slice):
            even, odd = slice(2 * rows.start, 2 * rows.stop, 2), slice(2 * rows.start + 1, 2 * rows.stop, 2)
        else:
            even, odd = 2 * rows, 2 * rows + 1
        self.offsets[even] = start + lanes.base
        self.offsets[odd] = stop + lanes.base
        if self.present is not None:
            self.present[rows] = True

    def settle(self) -> None:
        """Empty the spans of failed rows, and of those that should be UTF-8 and are not."""
        self._empty(np.flatnonzero(self.source.faults))
        self.copied = self._copy()
        if self.type == pa.string():
            texts = utf8_or_null(self.copied)
            if texts.null_count:
                bad = np.flatnonzero(texts.is_null().to_numpy(zero_copy_only=False))
                self.source.faults[bad] = Fault.BAD_UTF_8
                texts = texts.fill_null("")
            self.copied = texts

    def finish(self, good: Mask) -> pa.Array:
        """The values as Arrow."""
        copied = self.copied
        return pa.Array.from_buffers(
            self.type, len(good), [_validity(self.present, good), *copied.buffers()[1:]], offset=copied.offset
        )

    def _empty(self, rows: Integers) -> None:
        self.offsets[2 * rows] = self.offsets[2 * rows + 1] = self.source.offsets[rows]

    def _copy(self) -> pa.BinaryArray:
        count = self.offsets.size - 1
        spans = pa.Array.from_buffers(pa.binary(), count, [None, pa.py_buffer(self.offsets), self.source.bytes])
        return spans.take(_int32(np.arange(0, count, 2, dtype=np.int32)))


class Symbols:
    """Values of an enumeration, by the index in `symbols`."""

    def __init__(self, source: Source, symbols: Sequence[str], *, optional: bool) -> None:
        self.symbols = symbols
        self.indices = Numbers(source, pa.int32(), optional=optional)

    def put(self, lanes: Lanes, indices: Integers) -> None:
        """Store one index per lane."""
        self.indices.put(lanes, indices)

    def settle(self) -> None:
        """Nothing to do: indices are checked when they are read."""

    def finish(self, good: Mask) -> pa.Array:
        """The symbols as text."""
        return pa.array(self.symbols, type=pa.string()).take(self.indices.finish(good))


class Constant:
    """One value for every row: the default of a field that the writer does not have."""

    def __init__(self, value: Any, type_: pa.DataType) -> None:
        self.choices = pa.array([value, None], type=type_)

    def settle(self) -> None:
        """Nothing to do."""

    def finish(self, good: Mask) -> pa.Array:
        """The value, again and again."""
        return self.choices.take(_int32((~good).astype(np.int32)))


class Struct:
    """A record inside a record."""

    def __init__(self, source: Source, columns: Mapping[str, Column], *, optional: bool) -> None:
        self.columns = columns
        self.present = np.zeros(source.rows, dtype=np.bool_) if optional else None

    def put(self, lanes: Lanes) -> None:
        """Note that the lanes have a value; its fields are stored in `columns`."""
        if self.present is not None:
            self.present[lanes.rows] = True

    def settle(self) -> None:
        """Settle every field."""
        for column in self.columns.values():
            column.settle()

    def finish(self, good: Mask) -> pa.Array:
        """The struct as Arrow; where it is null, so are its fields."""
        there = good if self.present is None else good & self.present
        arrays = [column.finish(there) for column in self.columns.values()]
        return pa.StructArray.from_arrays(arrays, names=list(self.columns), mask=_booleans(~there))


def _validity(present: Mask | None, good: Mask) -> pa.Buffer | None:
    valid = good if present is None else good & present
    return None if valid.all() else _bits(valid)


def _bits(values: Mask) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def _booleans(values: Mask) -> pa.BooleanArray:
    return pa.Array.from_buffers(pa.bool_(), values.size, [None, _bits(values)])


def _int32(values: NDArray[np.int32]) -> pa.Int32Array:
    """Without `pa.array`, which imports pandas when it sees an ndarray."""
    return pa.Array.from_buffers(pa.int32(), values.size, [None, pa.py_buffer(values)])
