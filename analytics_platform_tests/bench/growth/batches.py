"""`batch_growth`: a whole cycle of the 10,000th batch beside the 100th, with closed hours folded.

Two plants on the same broker and Postgres: one has its batches behind it, the other begins; then they take turns.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline import upkeep
from analytics_platform.pipeline.parts import Parts
from analytics_platform_tests.bench.figures import Growth
from analytics_platform_tests.bench.growth.stages import Stopwatch, Timed
from analytics_platform_tests.proofs.plant import Plant, cycle, plant_on

YOUNG, TURNS = 100, 100  # batches 50 to 149 stand for the 100th
STEP = timedelta(seconds=3.6)  # ten hours in 10,000 batches
TOLD_EVERY = 1_000


def batch_growth(
    bootstrap: str, new_dsn: Callable[[], str], folder: Path, batches: int, say: Callable[[str], object]
) -> Growth:
    """Age a pipeline by that many batches, then commit in turn to it and to a young one."""
    with (
        plant_on(bootstrap, new_dsn(), folder / "old", "old", models=()) as (old_plant, old),
        plant_on(bootstrap, new_dsn(), folder / "young", "young", models=()) as (young_plant, young),
        leases.taken(old.ledger, old.pipeline.name, "bench", old_plant.now) as old_lease,
        leases.taken(young.ledger, young.pipeline.name, "bench", young_plant.now) as young_lease,
    ):
        sides = {"old": Aging(old_plant, old, old_lease), "young": Aging(young_plant, young, young_lease)}
        sides["old"].age(batches - TURNS // 2, say)
        sides["young"].age(YOUNG - TURNS // 2, lambda _: None)
        with Stopwatch() as watch:
            for turn in range(TURNS):
                for name in sorted(sides, reverse=turn % 2 == 0):
                    sides[name].batch(watch.on(name))
        rows = {
            name: (side.parts.tables.by_name["readings/silver"].rows(), side.plant.sent) for name, side in sides.items()
        }
        if any(there != sent for there, sent in rows.values()):
            raise RuntimeError(f"silver holds other rows than were sent: {rows}")
    return watch.growth("batch_growth", f"a cycle of batch {YOUNG}, and of batch {batches:,}: 40 rows, no models")


class Aging:
    """A pipeline and how many batches it has behind it; small files are folded, and the hourly upkeep done."""

    def __init__(self, plant: Plant, parts: Parts, lease: Lease) -> None:
        self.plant, self.parts = plant, parts
        self._lease, self._done = lease, 0

    def age(self, batches: int, say: Callable[[str], object]) -> None:
        """Work off that many batches."""
        while self._done < batches:
            self.batch(_untimed)
            if self._done % TOLD_EVERY == 0:
                say(f"{self._done:,} batches")

    def batch(self, timed: Timed) -> None:
        """One more; `timed` is given the cycle, and calls it. Upkeep is done as in a lease, after it."""
        self.plant.now += STEP
        self.plant.produce()
        timed(lambda: cycle(self._lease, self.parts))
        self._done += 1
        upkeep.after_cycle(self._done, self.parts, self._lease)
        if leases.claim_upkeep(self.parts.ledger, self._lease, self.parts.now()):
            upkeep.clean(self.parts, self._lease)


def _untimed(one: Callable[[], object]) -> object:
    return one()
