"""How much one client may ask of the service, and for how long: as figures and pure decisions. Pure.

Figures are for one process and one client, by its address. Reads come from memory (make proof P=schemas-5 asks 2,000 a
second of it); a change holds the registry for everybody, and takes Postgres and git with it.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from enum import StrEnum


class Cost(StrEnum):
    """What an endpoint costs."""

    MEMORY = "memory"
    WORK = "work"  # verdicts, evidence, metrics
    CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many requests a second in the long run, how many at once, and how long one may take."""

    a_second: float
    at_once: int
    seconds: float


LIMITS = {
    Cost.MEMORY: Limit(a_second=5_000, at_once=10_000, seconds=5),
    Cost.WORK: Limit(a_second=50, at_once=200, seconds=30),
    Cost.CHANGE: Limit(a_second=20, at_once=200, seconds=60),
}
MOST_CLIENTS = 10_000  # remembered at once; whoever was not heard of for the longest time is forgotten first


@dataclass(slots=True, kw_only=True)
class Bucket:
    """What a client has left of one limit, and when that was so."""

    left: float
    at: float


@dataclass(slots=True)
class Buckets:
    """The buckets of all clients; `now` is any clock that never goes back, in seconds."""

    kept: MutableMapping[tuple[str, Cost], Bucket] = field(default_factory=dict)

    def wait(self, client: str, cost: Cost, now: float) -> float:
        """Take one request out of a client's bucket: 0 if it may go on, else the seconds after which it may."""
        limit = LIMITS[cost]
        before = self.kept.pop((client, cost), None) or Bucket(left=limit.at_once, at=now)
        left = min(limit.at_once, before.left + (now - before.at) * limit.a_second)
        self.kept[(client, cost)] = Bucket(left=max(0.0, left - 1) if left >= 1 else left, at=now)
        if len(self.kept) > MOST_CLIENTS:
            del self.kept[next(iter(self.kept))]
        return 0.0 if left >= 1 else (1 - left) / limit.a_second
