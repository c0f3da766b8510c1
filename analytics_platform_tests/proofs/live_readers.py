"""Readers of a published cut that go on while it changes: each in a process of its own, until its time is up.

Each of them knows something that holds of every cut, and tells of each time that it did not, or could not be read.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from analytics_platform.catalog import catalog_of
from analytics_platform.errors import PlatformError
from analytics_platform.lake.shapes import Layer
from analytics_platform.published import read_table, sql
from analytics_platform.settings import Settings, read_settings
from analytics_platform_tests.proofs.instances import pause
from analytics_platform_tests.proofs.plant import HIGHEST, MEANS, READINGS

PAUSE_SECONDS = 0.5
SETTLED = 200  # an id so far below the newest one has been published, whatever its partition
LAYERS = [f"select count(*) from {READINGS.name}.{layer}" for layer in Layer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a reader reads, and for how long; `hold_seconds` is how long the slow one keeps a cut open."""

    dsn: str
    tables: Path
    seconds: float
    hold_seconds: float
    seed: int

    @property
    def settings(self) -> Settings:
        """The instance, as readers know it."""
        return replace(read_settings({"AP_STATE_DIR": str(self.tables)}), ledger_dsn=self.dsn, table_dir=self.tables)


@dataclass(slots=True)
class Readings:
    """How often a reader has read, and what went wrong."""

    kind: str
    count: int = 0
    failures: list[str] = field(default_factory=list)


CATALOG = catalog_of([READINGS, MEANS, HIGHEST])


def read_on(kind: str, place: Place) -> Readings:
    """Read in that way until the time is up."""
    once, found = READERS[kind], Readings(kind)
    until, chance = time.monotonic() + place.seconds, random.Random(place.seed)
    while time.monotonic() < until:
        try:
            problem = once(place, chance)
        except (PlatformError, OSError, duckdb.Error) as error:
            problem = f"{type(error).__name__}: {error}"
        found.count += 1
        if problem:
            found.failures.append(problem)
        pause(PAUSE_SECONDS)
    return found


def _one_event(place: Place, chance: random.Random) -> str | None:
    """Any event that has been published is there, once."""
    newest = sql(place.settings, CATALOG, f"select max(event_id) as id from {READINGS.name}")["id"][0].as_py()
    if newest is None or int(newest) < SETTLED:
        return None
    wanted = f"{chance.randrange(int(newest) - SETTLED + 1):08d}"
    found = read_table(place.settings, CATALOG, READINGS.name).filter(f"event_id = '{wanted}'").to_arrow_table()
    return None if found.num_rows == 1 else f"{found.num_rows} rows with the id {wanted}"


def _one_cut(place: Place, _: random.Random) -> str | None:
    """Bronze is silver and exceptions, in every cut."""
    query = "select " + ", ".join(f"({count}) as {layer}" for count, layer in zip(LAYERS, Layer, strict=True))
    (counted,) = sql(place.settings, CATALOG, query).to_pylist()
    whole = counted[Layer.BRONZE] == counted[Layer.SILVER] + counted[Layer.EXCEPTIONS]
    return None if whole else f"a cut of {counted}"


def _slowly(place: Place, _: random.Random) -> str | None:
    """A cut that was opened can be read a long while later, and is what it was."""
    rows = read_table(place.settings, CATALOG, READINGS.name)
    asked = "count(*), sum(value), max(event_id)"
    before = rows.aggregate(asked).fetchall()
    pause(place.hold_seconds)
    after = rows.aggregate(asked).fetchall()
    return None if before == after else f"{before} became {after}"


READERS: dict[str, Callable[[Place, random.Random], str | None]] = {
    "one event": _one_event,
    "one cut": _one_cut,
    "slow": _slowly,
}
