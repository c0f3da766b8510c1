"""Reading many Avro bodies side by side: one lane per record, one numpy step for all lanes. Pure.

Positions only ever move forward, and bytes past the end of the block read as some other byte instead of
failing. So a lane that runs over its end stays over it, and one comparison after the last field finds it; what
such a lane read meanwhile is thrown away with it.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

HIGH_BITS = np.uint64(0x8080808080808080)  # set in a byte of a varint: another byte follows
LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
FOLDS = (  # 7 bits of a byte → 14 of two → 28 of four → 56 of eight
    (np.uint64(0x007F007F007F007F), np.uint64(0x7F007F007F007F00), np.uint64(1)),
    (np.uint64(0x00003FFF00003FFF), np.uint64(0x3FFF00003FFF0000), np.uint64(2)),
    (np.uint64(0x000000000FFFFFFF), np.uint64(0x0FFFFFFF00000000), np.uint64(4)),
)
ONE = np.uint64(1)
LAST_SHIFT = np.uint64(63)
ZIGZAG = np.array([(n >> 1) ^ -(n & 1) for n in range(128)], dtype=np.int64)
PADDING = 16  # bytes after a block: a word, and the word after it

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]


class Fault(IntEnum):
    """Why a body cannot be read."""

    NONE = 0
    TRUNCATED = 1
    TRAILING_BYTES = 2
    VARINT_TOO_LONG = 3
    BAD_UNION_BRANCH = 4
    BAD_UTF_8 = 5
    BAD_ENUM = 6
    BAD_BOOLEAN = 7
    NEGATIVE_LENGTH = 8
    OUT_OF_RANGE = 9

    @property
    def text(self) -> str | None:
        """The reason in words; None for no fault."""
        return FAULT_TEXTS[self]


FAULT_TEXTS: tuple[str | None, ...] = (
    None,
    "truncated",
    "trailing bytes",
    "varint too long",
    "bad union branch",
    "bad utf-8",
    "bad enum",
    "bad boolean",
    "negative length",
    "out of range",
)


class Lanes:
    """Where each record stands in the bytes of its block; `rows` are their numbers in the whole table."""

    __slots__ = ("base", "bytes", "end", "faults", "pos", "rows", "words")

    def __init__(
        self, scratch: Words, base: int, pos: Integers, end: Integers, rows: slice | Integers, faults: NDArray[np.uint8]
    ) -> None:
        self.words, self.bytes = scratch, scratch.view(np.uint8)
        self.base = base  # of the scratch's first byte, in the bytes of the whole table
        self.pos, self.end, self.rows, self.faults = pos, end, rows, faults

    def narrowed(self, chosen: Integers) -> "Lanes":
        """Only the chosen lanes; write `pos` back when they are done."""
        rows = self.row_numbers(chosen)
        return Lanes(self.words, self.base, self.pos[chosen], self.end[chosen], rows, self.faults)

    def row_numbers(self, chosen: Integers) -> Integers:
        """The numbers of the chosen lanes in the whole table."""
        return chosen + self.rows.start if isinstance(self.rows, slice) else self.rows[chosen]

    def fail(self, where: Mask, fault: Fault) -> None:
        """Record a fault where no earlier one is known; past the end, anything found is a truncation."""
        chosen = np.flatnonzero(where)
        rows = self.row_numbers(chosen)
        found = np.where(self.pos[chosen] > self.end[chosen], Fault.TRUNCATED, fault)
        self.faults[rows] = np.where(self.faults[rows] == Fault.NONE, found, self.faults[rows])

    def finish(self) -> None:
        """Every body must end where its last field ends."""
        if not np.array_equal(self.pos, self.end):
            self.fail(self.pos > self.end, Fault.TRUNCATED)
            self.fail(self.pos < self.end, Fault.TRAILING_BYTES)

    def read_byte(self) -> NDArray[np.uint8]:
        """One byte of each lane."""
        found = self.bytes.take(self.pos, mode="clip")
        self.pos += 1
        return found

    def read_word(self, size: int) -> Words:
        """Eight little-endian bytes of each lane, of which `size` are used up."""
        word = self._word()
        self.pos += size
        return word

    def read_long(self) -> Integers:
        """A zig-zag varint of each lane."""
        first = self.bytes.take(self.pos, mode="clip")
        if first.max(initial=0) < 0x80:
            self.pos += 1
            return ZIGZAG.take(first)
        raw = self._read_varint()
        return (raw >> ONE).view(np.int64) ^ -(raw & ONE).view(np.int64)

    def read_span(self) -> tuple[Integers, Integers]:
        """A length and as many bytes: where they start and stop; the bytes themselves are not touched."""
        return self.read_fixed(self._read_length())

    def read_fixed(self, length: Integers | int) -> tuple[Integers, Integers]:
        """So many bytes: where they start and stop."""
        start = self.pos
        self.pos = start + length
        return start, self.pos.copy()  # later reads move `pos` in place

    def _read_length(self) -> Integers:
        length = self.read_long()
        left = self.end - self.pos
        if ((length < 0) | (length > left)).any():
            self.fail(length < 0, Fault.NEGATIVE_LENGTH)
            self.fail(length > left, Fault.TRUNCATED)
            length[(length < 0) | (length > left)] = 0  # a lie must not move the lane out of reach
        return length

    def _word(self) -> Words:
        """Eight bytes at any position, from the two aligned words that hold them."""
        index = self.pos >> 3
        shift = ((self.pos & 7) << 3).view(np.uint64)
        low = self.words.take(index, mode="clip") >> shift
        index += 1
        return low | ((self.words.take(index, mode="clip") << ONE) << (LAST_SHIFT - shift))

    def _read_varint(self) -> Words:
        word = self._word()
        stops = ~word & HIGH_BITS
        kept = stops ^ (stops - ONE)  # every bit up to the first stop; all of them if there is none
        value = word & kept & LOW_BITS
        for low, high, shift in FOLDS:
            value = (value & low) | ((value & high) >> shift)
        size = np.bitwise_count(kept) >> 3
        if stops.all():
            self.pos += size
        else:
            self._read_long_tail(value, size, np.flatnonzero(stops == 0))
        return value

    def _read_long_tail(self, value: Words, size: NDArray[np.uint8], chosen: Integers) -> None:
        """The ninth and tenth byte of the lanes that have them."""
        ninth = self.bytes.take(self.pos[chosen] + 8, mode="clip").astype(np.uint64)
        tenth = self.bytes.take(self.pos[chosen] + 9, mode="clip").astype(np.uint64)
        has_tenth = ninth >= 0x80
        value[chosen] |= (ninth & np.uint64(0x7F)) << np.uint64(56)
        value[chosen] |= np.where(has_tenth, tenth & ONE, np.uint64(0)) << LAST_SHIFT
        size[chosen] = np.where(has_tenth, 10, 9)
        self.pos += size
        too_long = np.zeros(value.size, dtype=np.bool_)
        too_long[chosen] = has_tenth & (tenth > ONE)  # a tenth byte has room for one bit
        self.fail(too_long, Fault.VARINT_TOO_LONG)
