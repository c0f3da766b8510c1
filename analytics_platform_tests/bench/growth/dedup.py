"""`dedup_growth`: a cycle of a thousand rows, ten of them copies, into a date of 80 million rows and into one million.

Twice: with ids that follow time, as those of UUID version 7 do, and into fewer rows whose ids are scattered over all
files.
"""

import random
from collections.abc import Callable
from pathlib import Path

from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline.parts import Parts
from analytics_platform_tests.bench.figures import Growth
from analytics_platform_tests.bench.growth.silver import Ids, fill
from analytics_platform_tests.bench.growth.stages import Stopwatch, Timed
from analytics_platform_tests.proofs.plant import Plant, cycle, plant_on

SMALL_ROWS = 1_000_000
ROWS, COPIES, TURNS = 1_000, 10, 30


def dedup_growth(
    bootstrap: str, new_dsn: Callable[[], str], folder: Path, rows: int, ids: Ids, say: Callable[[str], object]
) -> Growth:
    """Commit in turn to a pipeline whose silver has so many rows and to one with a million."""
    kind = "ordered" if ids.is_ordered else "scattered"
    with (
        plant_on(bootstrap, new_dsn(), folder / "large", f"large-{kind}", models=()) as (large_plant, large),
        plant_on(bootstrap, new_dsn(), folder / "small", f"small-{kind}", models=()) as (small_plant, small),
        leases.taken(large.ledger, large.pipeline.name, "bench", large_plant.now) as large_lease,
        leases.taken(small.ledger, small.pipeline.name, "bench", small_plant.now) as small_lease,
    ):
        dates = {
            "old": Date(large_plant, large, large_lease, rows, ids),
            "young": Date(small_plant, small, small_lease, SMALL_ROWS, ids),
        }
        say(f"silver of {rows:,} rows, {kind} ids")
        with Stopwatch() as watch:
            for turn in range(TURNS):
                for name in sorted(dates, reverse=turn % 2 == 0):
                    dates[name].batch(watch.on(name))
        for date in dates.values():
            date.require_found()
    name = "dedup_growth" if ids.is_ordered else "dedup_growth_random_ids"
    return watch.growth(name, f"a cycle of {ROWS:,} rows into {SMALL_ROWS:,} rows, and into {rows:,}; {kind} ids")


class Date:
    """A pipeline whose silver holds that many rows of a day; each batch brings new ids and a few that are there."""

    def __init__(self, plant: Plant, parts: Parts, lease: Lease, rows: int, ids: Ids) -> None:
        self._plant, self._parts, self._lease, self._ids = plant, parts, lease, ids
        self._next = rows
        self._there = fill(parts.tables.of("readings", Layer.SILVER), rows, ids, lease.epoch, TURNS * COPIES)
        random.Random(rows).shuffle(self._there)

    def batch(self, timed: Timed) -> None:
        """One more; its rows are on the broker when the clock starts."""
        fresh = self._ids.of(self._next, ROWS - COPIES).to_pylist()
        self._next += len(fresh)
        for key in (*fresh, *(self._there.pop() for _ in range(COPIES))):
            self._plant.send(0, key)
        self._plant.producer.flush(30)
        timed(lambda: cycle(self._lease, self._parts))

    def require_found(self) -> None:
        """RuntimeError unless every copy was found, and nothing else was taken for one."""
        found = self._parts.tables.of("readings", Layer.EXCEPTIONS).rows()
        if found != TURNS * COPIES:
            raise RuntimeError(f"{found} copies found of {TURNS * COPIES}")
