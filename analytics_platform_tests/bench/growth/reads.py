"""`read_growth`: one event by its id, in the published cut of a month of one-second batches and of a day of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from analytics_platform.catalog import catalog_of
from analytics_platform.lake.shapes import Layer
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres import publication
from analytics_platform.pipeline.parts import Parts
from analytics_platform.product import Catalog
from analytics_platform.published import read_table
from analytics_platform.settings import Settings, read_settings
from analytics_platform_tests.bench.figures import Growth
from analytics_platform_tests.bench.growth.silver import Ids, claim, commit_seconds
from analytics_platform_tests.bench.growth.stages import Stopwatch
from analytics_platform_tests.proofs.plant import READINGS, plant_on

FILES_A_DAY = 84  # 86,400 batches of a thousand rows, folded twice
QUERIES = 30


def read_growth(bootstrap: str, new_dsn: Callable[[], str], folder: Path, days: int, commits: int) -> Growth:
    """Ask in turn for one event of a table of so many days and of a table of one, after so many commits to each."""
    with Stopwatch() as watch:
        sides = {
            "old": _published(bootstrap, new_dsn(), folder / "month", days, commits),
            "young": _published(bootstrap, new_dsn(), folder / "day", 1, commits),
        }
        for turn in range(QUERIES):
            for name in sorted(sides, reverse=turn % 2 == 0):
                watch.on(name)(sides[name].ask)
        watch.profile(sides["young"].ask, sides["old"].ask)
    return watch.growth("read_growth", f"one event by its id, in a day and in {days} days of one-second batches")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who asks a published table for one event."""

    settings: Settings
    catalog: Catalog
    event_id: str

    def ask(self) -> None:
        """Connect, find out what is published, and read it; RuntimeError unless there is one such row."""
        rows = read_table(self.settings, self.catalog, READINGS.name).filter(f"event_id = '{self.event_id}'")
        found = rows.to_arrow_table().num_rows
        if found != 1:
            raise RuntimeError(f"{found} rows with the id {self.event_id}")


def _published(bootstrap: str, dsn: str, folder: Path, days: int, commits: int) -> Reader:
    ids = Ids(is_ordered=True)
    with plant_on(bootstrap, dsn, folder, folder.name, models=()) as (plant, parts):
        table = parts.tables.of(READINGS.name, Layer.SILVER)
        event_id = claim(table, days * FILES_A_DAY, ids)
        with leases.taken(parts.ledger, parts.pipeline.name, "bench", plant.now) as lease:
            commit_seconds(table, commits, ids, lease.epoch)
            publication.publish(parts.ledger, lease, _cut(parts))
    settings = replace(read_settings({"AP_STATE_DIR": str(folder)}), ledger_dsn=dsn, table_dir=folder / "tables")
    return Reader(settings=settings, catalog=catalog_of([READINGS]), event_id=event_id)


def _cut(parts: Parts) -> publication.Cycle:
    return publication.Cycle(manifests=(), versions=parts.tables.versions(), seen_marks={}, published_at=parts.now())
