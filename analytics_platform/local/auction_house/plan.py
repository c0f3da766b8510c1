"""Which rows are emitted between two places of the sequence, and in which order. Pure."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from analytics_platform.local.auction_house.chance import Chance, Longs
from analytics_platform.local.auction_house.faults import (
    COPIED,
    MAX_DELAY,
    Fault,
    Faults,
    Shares,
    draw_delays,
    draw_faults,
    draw_lateness,
)
from analytics_platform.local.auction_house.timeline import Timeline

EPOCH = 50  # Nexmark's proportions: of 50 events one is a person, three are auctions, 46 are bids
PERSONS_PER_EPOCH, AUCTIONS_PER_EPOCH = 1, 3


class Kind(StrEnum):
    """The three kinds of events, named as their streams."""

    PERSONS = "persons"
    AUCTIONS = "auctions"
    BIDS = "bids"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows to be emitted, in order; an event's number decides everything else about it.

    `faults` is what the truth says of a row: an original that is copied later is none, its copy is the fault.
    """

    numbers: Longs
    times_ms: Longs
    faults: Faults
    order: Longs

    def __len__(self) -> int:
        return len(self.numbers)

    def picked(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> "Rows":
        """Only these rows, or all rows in this order."""
        return Rows(
            numbers=self.numbers[which],
            times_ms=self.times_ms[which],
            faults=self.faults[which],
            order=self.order[which],
        )

    def of_kind(self, kind: Kind) -> "Rows":
        """The rows of one stream."""
        place = self.numbers % EPOCH
        if kind is Kind.PERSONS:
            return self.picked(place < PERSONS_PER_EPOCH)
        is_bid = place >= PERSONS_PER_EPOCH + AUCTIONS_PER_EPOCH
        return self.picked(is_bid if kind is Kind.BIDS else ~is_bid & (place >= PERSONS_PER_EPOCH))


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Places [start, end) of the sequence; `is_last` adds whatever is still due after the end."""

    start: int
    end: int
    is_last: bool = False


def plan_rows(places: Places, timeline: Timeline, shares: Shares, chance: Chance, first_order: int) -> Rows:
    """The rows emitted at these places: events that are due, delayed ones, and copies of earlier ones.

    Looks back over the numbers that may still be due, so that no state is carried from call to call.
    """
    numbers = np.arange(max(timeline.first_number, places.start - MAX_DELAY), places.end, dtype=np.int64)
    faults = draw_faults(numbers, shares, chance)
    delays = draw_delays(numbers, chance)
    copied = np.isin(faults, COPIED)
    rows = np.concatenate([np.arange(len(numbers)), np.flatnonzero(copied)])
    is_copy = np.arange(len(rows)) >= len(numbers)
    delayed = is_copy | (faults == Fault.OUT_OF_ORDER)[rows]
    place = numbers[rows] + np.where(delayed, delays[rows], 0)
    due = np.flatnonzero((place >= places.start) & ((place < places.end) | places.is_last))
    due = due[np.argsort(place[due], kind="stable")]
    told = np.where(copied[rows] & ~is_copy, np.uint8(Fault.NONE), faults[rows])[due]
    times = timeline.times(numbers[rows[due]])
    late = told == Fault.LATE
    times[late] -= draw_lateness(numbers[rows[due]][late], chance)
    return Rows(
        numbers=numbers[rows[due]],
        times_ms=times,
        faults=told.astype(np.uint8),
        order=first_order + np.arange(len(due), dtype=np.int64),
    )
