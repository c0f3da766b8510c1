"""What happens when the disk runs full: the producer stops, then ingestion holds; both go on by themselves."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import psycopg

from analytics_platform.ledger.postgres.planning import hold_ingestion, release_ingestion
from analytics_platform.postgres import connect

REASON = "disk-low"  # the alarm's name in status, log and ledger
RELIEF_PERCENT = 1.0  # so much more must be free again before anything goes on: no flapping at the edge


class Hold(IntEnum):
    """How much is held, each including the one before."""

    NOTHING = 0
    PRODUCER = 1
    INGESTION = 2


def next_hold(now: Hold, free_percent: float, least_percent: float) -> Hold:
    """One step per look: down to ingestion while space is short, up to nothing once there is room. Pure."""
    if free_percent < least_percent:
        return Hold(min(now + 1, Hold.INGESTION))
    if free_percent >= least_percent + RELIEF_PERCENT:
        return Hold.NOTHING
    return now


def free_percent(folder: Path) -> float:
    """The share of the folder's file system that is free."""
    usage = shutil.disk_usage(folder)
    return 100 * usage.free / usage.total


def hold_file(state_dir: Path) -> Path:
    """While this file exists, the producer is silent."""
    return state_dir / "producer.hold"


@dataclass(slots=True)
class DiskGuard:
    """Looks at the disk now and then, and holds what would fill it."""

    state_dir: Path
    least_percent: float
    ledger_dsn: str
    tell: Callable[[str, Mapping[str, object]], None]
    measure: Callable[[Path], float] = free_percent
    hold: Hold = Hold.NOTHING

    def look(self) -> None:
        """Measure and act; raises UnreachableError when the ledger does not answer, and tries again next time."""
        free = self.measure(self.state_dir)
        wanted = next_hold(self.hold, free, self.least_percent)
        self._apply(wanted)
        if wanted != self.hold:
            level = {"free_percent": round(free, 1), "least_percent": self.least_percent}
            self.tell("disk.low" if wanted else "disk.recovered", {**level, "held": wanted.name.lower()})
        self.hold = wanted

    def _apply(self, wanted: Hold) -> None:
        if wanted == Hold.NOTHING:
            hold_file(self.state_dir).unlink(missing_ok=True)
        else:
            hold_file(self.state_dir).touch()
        if wanted != self.hold and Hold.INGESTION in (wanted, self.hold):
            with connect(self.ledger_dsn, application="ap up") as connection:
                _set_hold(connection, wanted == Hold.INGESTION)


def clear_hold(state_dir: Path, connection: psycopg.Connection) -> None:
    """Forget what an earlier instance held: a new one looks for itself."""
    hold_file(state_dir).unlink(missing_ok=True)
    release_ingestion(connection, REASON)


def _set_hold(connection: psycopg.Connection, is_held: bool) -> None:
    if is_held:
        hold_ingestion(connection, REASON)
    else:
        release_ingestion(connection, REASON)
