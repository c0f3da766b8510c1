"""Which events are due: at once for a flat-out run, by the wall clock otherwise. Pure."""

from dataclasses import dataclass

from analytics_platform.local.auction_house.plan import Places

FLAT_OUT_EVENTS = 50_000  # a chunk: large enough for NumPy, small enough for the caches
MOST_BEHIND_SECONDS = 2.0  # who is further behind than this goes on from now instead of catching up


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`rate` events per second of the wall clock since `since`, when event `first` was due; None is no limit."""

    rate: float | None
    first: int
    since: float
    events: int | None = None

    def due(self, start: int, now: float) -> Places | None:
        """The next places to emit, from `start` on; None if nothing is due yet."""
        end = start + FLAT_OUT_EVENTS
        if self.rate is not None:
            end = min(end, self.first + int((now - self.since) * self.rate))
        if self.events is not None:
            end = min(end, self.events)
        if end <= start:
            return None
        return Places(start=start, end=end, is_last=end == self.events)

    def is_behind(self, start: int, now: float) -> bool:
        """Whether event `start` was due so long ago that it is better to go on from now."""
        return self.rate is not None and now - self.since - (start - self.first) / self.rate > MOST_BEHIND_SECONDS

    def resumed(self, start: int, now: float) -> "Pace":
        """The same pace, with event `start` due now."""
        return Pace(rate=self.rate, first=start, since=now, events=self.events)
