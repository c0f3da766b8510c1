"""How much of everything a bench does. Pure."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """`backlogs` are those over which private memory must not grow; the others are named like the figures."""

    events: int
    repeats: int
    backlogs: tuple[int, int]
    batches: int  # the number of the old batch; the young one is the 100th
    date_rows: int  # in the large date; the small one has a million
    scattered_rows: int  # the same where ids do not follow time: every batch reads all of them, so fewer
    days: int  # of one-second batches in the large table; the small one has one
    commits: int  # that the log of both still has: a lease keeps those of a quarter of an hour

    def about(self, encoding: str, seed: int) -> dict[str, Any]:
        """What a report says of how it was made."""
        return {"encoding": encoding, "seed": seed, **asdict(self)}


FULL = Sizes(
    events=5_000_000,
    repeats=3,
    backlogs=(1_000_000, 10_000_000),
    batches=10_000,
    date_rows=80_000_000,
    scattered_rows=8_000_000,
    days=30,
    commits=900,
)
QUICK = Sizes(
    events=500_000,
    repeats=1,
    backlogs=(200_000, 1_000_000),
    batches=400,
    date_rows=8_000_000,
    scattered_rows=2_000_000,
    days=30,
    commits=60,
)
