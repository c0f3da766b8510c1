"""When events happen: event time as a function of the event number. Pure."""

from dataclasses import dataclass

import numpy as np

from analytics_platform.local.auction_house.chance import Longs


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Stretches of evenly spaced events; a producer that fell behind the wall clock starts a new one.

    `first_numbers[i]` happened at `starts_ms[i]`; numbers from there on follow at `per_second`.
    """

    first_numbers: tuple[int, ...]
    starts_ms: tuple[int, ...]
    per_second: float

    @property
    def first_number(self) -> int:
        """The first event of this run; earlier ones belong to another process and are not copied any more."""
        return self.first_numbers[0]

    def times(self, numbers: Longs) -> Longs:
        """Milliseconds since 1970 of each event."""
        first, starts = np.array(self.first_numbers, np.int64), np.array(self.starts_ms, np.int64)
        stretch = np.searchsorted(first, numbers, side="right") - 1
        since = ((numbers - first[stretch]) * 1000.0 / self.per_second).astype(np.int64)
        return starts[stretch] + since

    def number_at(self, now_ms: int) -> int:
        """The first event that has not happened before `now_ms`."""
        return self.first_numbers[-1] + int((now_ms - self.starts_ms[-1]) * self.per_second / 1000)

    def resumed(self, number: int, now_ms: int) -> "Timeline":
        """The same timeline, on which `number` and those after it happen from `now_ms` on."""
        return Timeline(
            first_numbers=(*self.first_numbers, number),
            starts_ms=(*self.starts_ms, now_ms),
            per_second=self.per_second,
        )


def starting(number: int, at_ms: int, per_second: float) -> Timeline:
    """A timeline of one stretch."""
    return Timeline(first_numbers=(number,), starts_ms=(at_ms,), per_second=per_second)
