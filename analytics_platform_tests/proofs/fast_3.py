"""Folding, vacuum and three readers beside a live stream: nobody fails, no row is lost, a batch takes no longer.

Ten minutes (PROOF_SECONDS says otherwise; in fewer than five no file gets old enough), in which the platform's clock
runs 40 times as fast, and unread files age as fast: hours end, cuts are forgotten, and files become old enough to be
deleted, again and again. The broker, Postgres, tables and the leases' own upkeep are real. Readers are processes of
their own.
"""

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from deltalake import DeltaTable

from analytics_platform.pipeline import has_unplanned, run_lease
from analytics_platform.pipeline.cycle import CycleReport
from analytics_platform.pipeline.parts import Limits, Parts
from analytics_platform.pipeline.upkeep import FILES_KEPT_HOURS
from analytics_platform.published import read_table
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.proofs.live_readers import CATALOG, READERS, Place, Readings, read_on
from analytics_platform_tests.proofs.plant import START, Plant, plant_on
from analytics_platform_tests.proofs.report import ROOT, Report

SECONDS = float(os.environ.get("PROOF_SECONDS", "600"))
LAPSE = 40
EVERY_SECONDS = 0.2  # between two lots of forty records
KEPT_SECONDS = FILES_KEPT_HOURS * 3600 / LAPSE
HOLD_SECONDS = min(60.0, SECONDS / 4, KEPT_SECONDS / 2)
COUNT = 100  # batches 50 to 149, beside the last hundred; fewer where there are few
GROWTH_AT_MOST = 1.2
SILVER = "readings/silver"


def prove(report: Report) -> None:
    """Run it, count everything afterwards, and see that a vacuum that spares no reader would be noticed."""
    with tempfile.TemporaryDirectory(prefix="fast-3-") as place, _opened(Path(place)) as (plant, parts, dsn):
        tables = Path(place) / "tables"
        ages = Ages(tables)
        report.step(f"{SECONDS:.0f} s of a live stream, readers beside it")
        cycles, readings = _live(
            plant,
            parts,
            ages,
            Place(dsn=dsn, tables=tables, seconds=SECONDS, hold_seconds=HOLD_SECONDS, seed=report.seed),
        )
        _judge_rows(report, plant, parts)
        _judge_upkeep(report, parts, ages, len(cycles))
        _judge_readers(report, readings)
        _judge_growth(report, cycles)
        report.claim("noticed: a vacuum that spares no reader", _notices(plant, parts, dsn, tables))


class Ages:
    """Unread files get old 40 times as fast as they do: one that no version has needed for three minutes is made old.

    Only those that the newest version does not name: a writer marks when it takes a file away, and would be overruled.
    """

    def __init__(self, tables: Path) -> None:
        self._tables = tables
        self.seen: set[Path] = set()

    def go_on(self, stop: threading.Event) -> None:
        """Until told to stop."""
        while not stop.wait(2.0):
            for log in self._tables.rglob("_delta_log"):
                self._age(log.parent)

    def deleted(self) -> int:
        """How many files have been there and are gone."""
        return sum(not path.exists() for path in self.seen)

    def _age(self, root: Path) -> None:
        there = set(root.glob("*.parquet"))
        self.seen |= there
        for path in there - {Path(uri) for uri in DeltaTable(str(root)).file_uris()}:
            try:
                age = time.time() - path.stat().st_mtime
                if KEPT_SECONDS < age < FILES_KEPT_HOURS * 3600:
                    old = time.time() - age * LAPSE
                    os.utime(path, (old, old))
            except FileNotFoundError:  # deleted meanwhile
                continue


def _live(plant: Plant, parts: Parts, ages: Ages, place: Place) -> tuple[list[float], list[Readings]]:
    """Produce, lease after lease, and read; the seconds of each cycle, and what the readers found."""
    stop, cycles = threading.Event(), list[float]()

    def keep(cycle: CycleReport) -> None:
        if cycle.manifests:
            cycles.append(cycle.seconds)

    threads = [threading.Thread(target=_produce, args=(plant, stop)), threading.Thread(target=ages.go_on, args=(stop,))]
    with ProcessPoolExecutor(len(READERS), mp_context=get_context("spawn")) as pool:
        for thread in threads:
            thread.start()
        _until_published(parts)
        reading = [pool.submit(read_on, kind, place) for kind in READERS]
        while not all(reader.done() for reader in reading):
            run_lease(parts, "fast-3", _hour(plant.now), keep)
        stop.set()
        for thread in threads:
            thread.join()
        while has_unplanned(parts):
            run_lease(parts, "fast-3", _hour(plant.now), keep)
        return cycles, [reader.result() for reader in reading]


def _until_published(parts: Parts) -> None:
    """Readers begin when there is something to read."""
    brief = replace(parts, limits=replace(parts.limits, lease_seconds=2 * LAPSE))
    while not brief.tables.by_name[SILVER].rows():
        run_lease(brief, "fast-3", _hour(brief.now()))


def _produce(plant: Plant, stop: threading.Event) -> None:
    began = time.monotonic()
    while not stop.wait(EVERY_SECONDS):
        plant.now = START + timedelta(seconds=(time.monotonic() - began) * LAPSE)
        plant.produce()


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _judge_rows(report: Report, plant: Plant, parts: Parts) -> None:
    table = parts.tables.by_name[SILVER]
    uris = table.uris(table.files())
    asked = "select count(*), count(distinct event_id) from read_parquet($uris)"
    rows, distinct = parts.query.sql(asked, params={"uris": uris}).fetchall()[0]
    report.figure("records sent", plant.sent)
    report.claim("every record is in silver, once", rows == distinct == plant.sent)


def _judge_upkeep(report: Report, parts: Parts, ages: Ages, cycles: int) -> None:
    files = {name: len(table.files()) for name, table in parts.tables.by_name.items()}
    report.figure("batches", cycles)
    report.figure("files at the end", files)
    report.figure("files deleted", ages.deleted())
    report.claim("small files were folded", max(files.values()) < max(100, cycles // 10))
    report.claim("files that nobody needed any more were deleted", ages.deleted() > 0)


def _judge_readers(report: Report, readings: list[Readings]) -> None:
    report.figure("reads", {found.kind: found.count for found in readings})
    failures = {found.kind: found.failures[:3] for found in readings if found.failures}
    report.claim(f"no reader failed {failures or ''}", not failures)
    report.claim("each of them read at least twice", min(found.count for found in readings) >= 2)


def _judge_growth(report: Report, cycles: list[float]) -> None:
    count = min(COUNT, len(cycles) // 3)
    early, late = cycles[count // 2 : count // 2 + count], cycles[-count:]
    young, old = (statistics.median(part) * 1000 for part in (early, late))
    report.figure("ms a cycle, early and late medians", [round(young, 1), round(old, 1)])
    report.figure("load of the machine", round(os.getloadavg()[0], 1))
    report.claim(f"a late batch takes at most {GROWTH_AT_MOST} times an early one", old <= young * GROWTH_AT_MOST)


def _notices(plant: Plant, parts: Parts, dsn: str, tables: Path) -> bool:
    """Whether a reader of an older cut fails once a vacuum has spared only the newest version."""
    place = Place(dsn=dsn, tables=tables, seconds=0, hold_seconds=0, seed=0)
    rows = read_table(place.settings, CATALOG, "readings")
    table = parts.tables.by_name[SILVER]
    table.refresh()
    epoch = table.epoch()
    table.fold(table.files(), epoch=epoch)
    table.vacuum(0, keep_version=table.version, epoch=epoch)
    try:
        rows.aggregate("sum(value)").fetchall()
    except Exception as error:  # whatever DuckDB makes of a file that is gone
        return "No such file" in str(error) or "IO Error" in str(error)
    return False


@contextmanager
def _opened(folder: Path) -> Generator[tuple[Plant, Parts, str]]:
    limits = Limits(lease_seconds=3600, quiet_seconds=2, cycle_seconds=0.1)
    with (
        running_kafka(folder / "kafka", ROOT / ".state" / "jars") as kafka,
        running_postgres(folder / "postgres") as postgres,
        fresh_database(postgres) as dsn,
        plant_on(kafka.bootstrap, dsn, folder) as (plant, parts),
    ):
        yield plant, replace(parts, limits=limits), dsn
