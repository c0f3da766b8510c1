"""Whole numbers and instants out of JSON text, for many values at once, eight bytes at a step. Pure.

A value that is not written in the plain way is marked and left to whoever reads JSON one by one; none is misread.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Words = NDArray[np.uint64]
Marks = NDArray[np.bool_]

WORD = 8
MOST_DIGITS = 18  # more need not fit into 64 bits
MARGIN = 64  # zeros around a text: a word may be read from a little before or behind it
ZEROS = np.uint64(0x3030303030303030)
HIGH_BITS = np.uint64(0x8080808080808080)
BEYOND_NINE = np.uint64(0x7676767676767676)
PAIRS = np.uint64(0x000000FF000000FF)
HUNDREDS, TENTHS = np.uint64(0x000F424000000064), np.uint64(0x0000271000000001)
# the last 0 to 8 bytes of a word
ENDINGS = np.array([((1 << 64) - 1) >> shift << shift if shift < 64 else 0 for shift in range(64, -8, -8)], np.uint64)
DATE, TIME, SECOND = (np.frombuffer(text, "<u8")[0] for text in (b"0000-00-", b"00T00:00", b":00\0\0\0\0\0"))
DATE_MARKS, TIME_MARKS = np.uint64(0xFF0000FF00000000), np.uint64(0x0000FF0000FF0000)
SECOND_BYTES, SECOND_MARK = np.uint64(0xFFFFFF), np.uint64(0xFF)
MINUS, DOT, ZULU, ZERO = (np.uint8(ord(sign)) for sign in "-.Z0")
WHOLE_SECONDS = 19  # characters of 2026-01-01T00:00:00
MICROS = 1_000_000


@dataclass(frozen=True)
class Text:
    """Bytes with zeros around them; places count from the first byte that is not one of those."""

    padded: NDArray[np.uint8]

    @cached_property
    def _words(self) -> Words:
        count = len(self.padded) - WORD + 1
        return np.ndarray(shape=(count,), dtype="<u8", buffer=self.padded.data, strides=(1,))

    @property
    def bytes(self) -> NDArray[np.uint8]:
        """Without the zeros."""
        return self.padded[MARGIN : len(self.padded) - MARGIN]

    def words_at(self, places: Longs) -> Words:
        """The eight bytes from each place on, the first of them lowest; places far outside give zeros."""
        return self._words[np.clip(places + MARGIN, 0, len(self._words) - 1)]

    def bytes_at(self, places: Longs) -> NDArray[np.uint8]:
        """The byte at each place."""
        return self.padded[np.clip(places + MARGIN, 0, len(self.padded) - 1)]


def whole_numbers(text: Text, starts: Longs, ends: Longs) -> tuple[Longs, Marks]:
    """The numbers in those slices, and which are plain: at most 18 digits, no leading zero, a minus or nothing."""
    is_negative = text.bytes_at(starts) == MINUS
    first = starts + is_negative
    count = ends - first
    values, is_plain = digits(text, ends, count)
    leads = text.bytes_at(first) == ZERO
    is_plain &= ~leads | ((count == 1) & ~is_negative)
    return np.where(is_negative, -values, values), is_plain


def digits(text: Text, ends: Longs, count: Longs) -> tuple[Longs, Marks]:
    """The numbers that the `count` digits before each end spell, and whether they are 1 to 18 digits."""
    is_plain = (count >= 1) & (count <= MOST_DIGITS)
    longest = int(count.max(initial=0, where=is_plain))
    total = np.zeros(len(ends), np.int64)
    for place, step in enumerate(range(0, longest, WORD)):
        mask = ENDINGS[np.clip(count - step, 0, WORD)]
        word = ((text.words_at(ends - step - WORD) & mask) | (ZEROS & ~mask)) ^ ZEROS
        is_plain &= _are_digits(word)
        total += _eight_digits(word).astype(np.int64) * 10 ** (WORD * place)
    return total, is_plain


def instants(text: Text, starts: Longs, ends: Longs) -> tuple[Longs, Marks]:
    """Microseconds since 1970 of `2026-01-01T00:00:00.123456Z`, with 0 to 6 digits of a second; and which are that."""
    date, time = text.words_at(starts) ^ DATE, text.words_at(starts + WORD) ^ TIME
    second = (text.words_at(starts + 2 * WORD) & SECOND_BYTES) ^ SECOND
    is_plain = _are_digits(date) & _are_digits(time) & _are_digits(second)
    is_plain &= ((date & DATE_MARKS) | (time & TIME_MARKS) | (second & SECOND_MARK)) == 0
    year = _digit(date, 0) * 1000 + _digit(date, 1) * 100 + _digit(date, 2) * 10 + _digit(date, 3)
    month, day = _digit(date, 5) * 10 + _digit(date, 6), _digit(time, 0) * 10 + _digit(time, 1)
    hour, minute = _digit(time, 3) * 10 + _digit(time, 4), _digit(time, 6) * 10 + _digit(time, 7)
    seconds = _digit(second, 1) * 10 + _digit(second, 2)
    is_plain &= (
        (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (hour <= 23) & (minute <= 59) & (seconds <= 59)
    )
    is_plain &= day <= _days_in(year, month)
    fraction, is_whole = _fractions(text, starts + WHOLE_SECONDS, ends - 1)
    of_day = (hour * 60 + minute) * 60 + seconds
    micros = (_days_since_1970(year, month, day) * 86_400 + of_day) * MICROS + fraction
    return micros, is_plain & is_whole & (text.bytes_at(ends - 1) == ZULU)


def _fractions(text: Text, dots: Longs, ends: Longs) -> tuple[Longs, Marks]:
    """Microseconds from `.123`, which may be missing."""
    count = ends - dots - 1
    is_absent = count == -1
    if is_absent.all():
        return np.zeros(len(dots), np.int64), is_absent
    value, is_plain = digits(text, ends, count)
    is_plain &= (count <= 6) & (text.bytes_at(dots) == DOT)
    value *= 10 ** (6 - np.clip(count, 0, 6))
    return np.where(is_absent, 0, value), is_absent | is_plain


def _are_digits(word: Words) -> Marks:
    """Whether every byte, from which a zero's code was taken, is at most nine."""
    return (((word + BEYOND_NINE) | word) & HIGH_BITS) == 0


def _eight_digits(word: Words) -> Words:
    """The number that eight bytes of 0 to 9 spell, the first byte lowest (after Lemire, 2018)."""
    pairs = word * np.uint64(10) + (word >> np.uint64(8))
    return ((pairs & PAIRS) * HUNDREDS + ((pairs >> np.uint64(16)) & PAIRS) * TENTHS) >> np.uint64(32)


def _digit(word: Words, place: int) -> Longs:
    return ((word >> np.uint64(8 * place)) & np.uint64(0xFF)).astype(np.int64)


def _days_in(year: Longs, month: Longs) -> Longs:
    lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return lengths[np.clip(month, 0, 12)] + (is_leap & (month == 2))


def _days_since_1970(year: Longs, month: Longs, day: Longs) -> Longs:
    """In the proleptic Gregorian calendar (after Hinnant: chrono-Compatible Low-Level Date Algorithms)."""
    year = year - (month <= 2)
    era, of_era = year // 400, year % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
