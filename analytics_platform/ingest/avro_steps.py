"""The steps that read an Avro body field after field, for all lanes at once. Pure.

A step is made once per pair of schemas; `column` makes the place for its values, once per table, and `read` moves
the lanes on. A field that the reader does not want is read without a column.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analytics_platform.ingest.avro_columns import Column, Constant, Decimals, Numbers, Source, Spans, Struct, Symbols
from analytics_platform.ingest.avro_lanes import Fault, Lanes


class Step(Protocol):
    """Reads one type."""

    def column(self, source: Source, *, optional: bool) -> Column:
        """A place for the values."""
        ...

    def read(self, lanes: Lanes, column: Any) -> None:
        """Read one value per lane; `column` is what `column` made, or None to skip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """An int or long in [low, high], times `factor`: milliseconds become microseconds."""

    type: pa.DataType
    low: int
    high: int
    factor: int = 1

    def column(self, source: Source, *, optional: bool) -> Numbers:
        """A place for the values."""
        return Numbers(source, self.type, optional=optional)

    def read(self, lanes: Lanes, column: Numbers | None) -> None:
        """A varint."""
        values = lanes.read_long()
        if values.size and (values.min() < self.low or values.max() > self.high):
            outside = (values < self.low) | (values > self.high)
            lanes.fail(outside, Fault.OUT_OF_RANGE)
            values[outside] = 0
        if column is not None:
            column.put(lanes, values if self.factor == 1 else values * self.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floating:
    """A float or double of `size` bytes."""

    type: pa.DataType
    size: int

    def column(self, source: Source, *, optional: bool) -> Numbers:
        """A place for the values."""
        return Numbers(source, self.type, optional=optional)

    def read(self, lanes: Lanes, column: Numbers | None) -> None:
        """Little-endian IEEE 754."""
        word = lanes.read_word(self.size)
        if column is not None:
            bits = word.view(np.float64) if self.size == 8 else word.astype(np.uint32).view(np.float32)
            column.put(lanes, bits)


@dataclass(frozen=True, slots=True)
class Boolean:
    """One byte, 0 or 1."""

    def column(self, source: Source, *, optional: bool) -> Numbers:
        """A place for the values."""
        return Numbers(source, pa.bool_(), optional=optional)

    def read(self, lanes: Lanes, column: Numbers | None) -> None:
        """A byte."""
        found = lanes.read_byte()
        if (found > 1).any():
            lanes.fail(found > 1, Fault.BAD_BOOLEAN)
        if column is not None:
            column.put(lanes, found != 0)


@dataclass(frozen=True, slots=True)
class Nothing:
    """Null: no bytes at all. Only ever skipped."""

    def column(self, source: Source, *, optional: bool) -> Column:
        """Never asked for: no table has a column of nothing."""
        return Constant(None, pa.null())

    def read(self, lanes: Lanes, column: None) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A string or bytes, or a fixed of `size` bytes."""

    type: pa.DataType
    size: int | None = None

    def column(self, source: Source, *, optional: bool) -> Spans:
        """A place for the values."""
        return Spans(source, self.type, optional=optional)

    def read(self, lanes: Lanes, column: Spans | None) -> None:
        """A length, unless it is known, and as many bytes."""
        start, stop = lanes.read_span() if self.size is None else lanes.read_fixed(self.size)
        if column is not None:
            column.put(lanes, start, stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An enumeration; `known` gives the reader's index of each of the writer's symbols, -1 for none."""

    symbols: tuple[str, ...]
    known: tuple[int, ...]

    def column(self, source: Source, *, optional: bool) -> Symbols:
        """A place for the values."""
        return Symbols(source, self.symbols, optional=optional)

    def read(self, lanes: Lanes, column: Symbols | None) -> None:
        """An index."""
        written = lanes.read_long()
        bad = (written < 0) | (written >= len(self.known))
        written[bad] = len(self.known)
        indices = np.array([*self.known, -1], dtype=np.int64).take(written)
        if column is None:
            lanes.fail(bad, Fault.BAD_ENUM)
        else:
            lanes.fail(indices < 0, Fault.BAD_ENUM)
            column.put(lanes, indices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optional:
    """A union of null and one other type; `may_be_null` is false when the reader insists on a value."""

    value: Step
    value_branch: int
    may_be_null: bool = True

    def column(self, source: Source, *, optional: bool) -> Column:
        """A place for the values, or nulls."""
        return self.value.column(source, optional=True)

    def read(self, lanes: Lanes, column: Any) -> None:
        """A branch, then perhaps a value."""
        branch = lanes.read_long()
        present = branch == self.value_branch
        if present.all():
            return self.value.read(lanes, column)
        allowed = 1 - self.value_branch if self.may_be_null or column is None else self.value_branch
        bad = ~present & (branch != allowed)
        if bad.any():
            lanes.fail(bad, Fault.BAD_UNION_BRANCH)
        chosen = np.flatnonzero(present)
        if chosen.size:
            narrowed = lanes.narrowed(chosen)
            self.value.read(narrowed, column)
            lanes.pos[chosen] = narrowed.pos
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """A record: the writer's fields in order, and the reader's columns in theirs.

    Each of `steps` comes with the name of the reader's field that takes it, or None. `defaults` are the
    reader's fields that the writer does not have.
    """

    steps: tuple[tuple[str | None, Step], ...]
    order: tuple[str, ...]
    defaults: Mapping[str, tuple[Any, pa.DataType]]

    def columns(self, source: Source) -> dict[str, Column]:
        """A place for each of the reader's fields, in the reader's order."""
        made: dict[str, Column] = {name: Constant(*default) for name, default in self.defaults.items()}
        made |= {name: step.column(source, optional=False) for name, step in self.steps if name is not None}
        return {name: made[name] for name in self.order}

    def column(self, source: Source, *, optional: bool) -> Struct:
        """A place for the whole record."""
        return Struct(source, self.columns(source), optional=optional)

    def read(self, lanes: Lanes, column: Struct | None) -> None:
        """Every field of the writer."""
        self.read_fields(lanes, {} if column is None else column.columns)
        if column is not None:
            column.put(lanes)

    def read_fields(self, lanes: Lanes, columns: Mapping[str, Column]) -> None:
        """Every field of the writer, into the columns that there are."""
        for name, step in self.steps:
            step.read(lanes, None if name is None else columns.get(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A decimal: a big-endian two's complement number, at most 16 bytes long."""

    type: pa.Decimal128Type
    size: int | None

    def column(self, source: Source, *, optional: bool) -> Decimals:
        """A place for the values."""
        return Decimals(source, self.type, optional=optional)

    def read(self, lanes: Lanes, column: Decimals | None) -> None:
        """A length, unless it is known, and as many bytes."""
        start, stop = lanes.read_span() if self.size is None else lanes.read_fixed(self.size)
        if column is None:
            return
        high, low = _two_words(lanes.bytes, start, stop)
        lanes.fail((stop - start > 16) | _too_large(high, low, 10**self.type.precision), Fault.OUT_OF_RANGE)
        column.put(lanes, high, low)


def _two_words(data: NDArray[np.uint8], start: NDArray[np.int64], stop: NDArray[np.int64]) -> list[NDArray[np.uint64]]:
    """The high and the low word of big-endian numbers, with the sign extended."""
    negative = (data.take(start, mode="clip") >= 0x80) & (stop > start)
    words = [np.zeros(start.size, dtype=np.uint64) for _ in range(2)]
    for place in range(16):
        at = stop - 1 - place
        byte = np.where(at >= start, data.take(at, mode="clip"), np.where(negative, 0xFF, 0)).astype(np.uint64)
        words[1 - place // 8] |= byte << np.uint64(8 * (place % 8))
    return words


def _too_large(high: NDArray[np.uint64], low: NDArray[np.uint64], bound: int) -> NDArray[np.bool_]:
    """Whether the magnitude of a two's complement number reaches the bound."""
    negative = high >> np.uint64(63) != 0
    size_low = np.where(negative, ~low + np.uint64(1), low)
    size_high = np.where(negative, ~high + (low == 0).astype(np.uint64), high)
    bound_high, bound_low = np.uint64(bound >> 64), np.uint64(bound & (2**64 - 1))
    return (size_high > bound_high) | ((size_high == bound_high) & (size_low >= bound_low))
