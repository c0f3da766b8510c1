"""The faults that are planted: at most one per event, decided by its number. Pure."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from analytics_platform.local.auction_house.chance import Chance, Longs

Faults = NDArray[np.uint8]
MAX_DELAY = 2_000  # how many events later a copy or a delayed event is emitted, at most
MIN_LATE_MS, MAX_LATE_MS = 2 * 60_000, 50 * 60_000  # minutes, and less than an hour


class Fault(IntEnum):
    """What is wrong with an event, or with the copy of it that follows."""

    NONE = 0
    LATE = 1  # its event time lies minutes before it is emitted
    OUT_OF_ORDER = 2  # emitted after events that happened later
    DUPLICATE = 3  # an exact copy follows
    CONFLICT = 4  # a copy with the same id and another payload follows
    TRUNCATED = 5
    TRAILING_GARBAGE = 6
    UNKNOWN_SCHEMA_ID = 7
    BAD_MAGIC_BYTE = 8
    RULE = 9  # well-formed, and breaks a row rule


MALFORMED = tuple(fault for fault in Fault if fault >= Fault.TRUNCATED)
COPIED = (Fault.DUPLICATE, Fault.CONFLICT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Which share of the events gets which fault; together at most 1."""

    late: float = 0.0
    out_of_order: float = 0.0
    duplicates: float = 0.0
    conflicts: float = 0.0
    malformed: float = 0.0

    @property
    def total(self) -> float:
        """The share of events with any fault."""
        return self.late + self.out_of_order + self.duplicates + self.conflicts + self.malformed


def label(fault: Fault, *, is_json: bool) -> str:
    """What the truth calls the fault."""
    if fault not in MALFORMED:
        return fault.name.lower()
    if fault is Fault.TRUNCATED and is_json:
        return "malformed:broken_json"
    return f"malformed:{fault.name.lower()}"


def draw_faults(numbers: Longs, shares: Shares, chance: Chance) -> Faults:
    """The fault of each event."""
    edges = np.cumsum([shares.late, shares.out_of_order, shares.duplicates, shares.conflicts, shares.malformed])
    order = np.array([Fault.LATE, Fault.OUT_OF_ORDER, *COPIED, Fault.TRUNCATED, Fault.NONE], np.uint8)
    faults = order[np.searchsorted(edges, chance.share("fault", numbers), side="right")]
    malformed = faults == Fault.TRUNCATED
    faults[malformed] += chance.below("malformed", numbers[malformed], len(MALFORMED)).astype(np.uint8)
    return faults


def draw_delays(numbers: Longs, chance: Chance) -> Longs:
    """By how many places a copy or an out-of-order event comes later: 1 to MAX_DELAY."""
    return 1 + chance.below("delay", numbers, MAX_DELAY)


def draw_lateness(numbers: Longs, chance: Chance) -> Longs:
    """By how many milliseconds a late event's time lies back."""
    return MIN_LATE_MS + chance.below("lateness", numbers, MAX_LATE_MS - MIN_LATE_MS)
