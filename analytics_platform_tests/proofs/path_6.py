"""5,000 batches of a skewed topic over five injected hours, compaction on: the time of a commit does not grow.

A real broker, a real Postgres, real tables; only the clock is injected. Four partitions get records 1000 : 1 : 1 : 1.
Compaction is on twice: the broker's cleaner works on the topic (every key is its own, so that no record is lost to
it), and the tables' small files are folded after every cycle, as a lease does. A commit is a whole cycle: plan, land,
judge, write three tables, recompute two models, publish.

Beside each commit the same is done to a table that never gets old: some commits on one that is made anew every 50
batches. What the machine does besides slows both; the slope is judged on their ratio, and told of both as measured.
"""

import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from analytics_platform.lake.shapes import BRONZE_COLUMNS, bronze
from analytics_platform.lake.tables import Table
from analytics_platform.ledger.postgres import lease as leases
from analytics_platform.ledger.postgres.lease import Lease
from analytics_platform.pipeline import upkeep
from analytics_platform.pipeline.parts import Parts
from analytics_platform_tests.brokers import fresh_database, running_kafka, running_postgres
from analytics_platform_tests.proofs.plant import ROWS, SKEW, START, Plant, cycle, plant_on
from analytics_platform_tests.proofs.report import ROOT, Report

BATCHES, HOURS = 5_000, 5
BLOCK = 50
WARM_UP = 100  # first commits compile, connect and fill caches
MOST_MS_PER_1000 = 1.0


@dataclass(slots=True)
class Times:
    """Milliseconds by batch; `young` are those of commits on a table that never gets old."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    upkeep: list[float] = field(default_factory=list)
    young_wall: list[float] = field(default_factory=list)
    young_cpu: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Young:
    """A table that is made anew again and again, and what a few commits on it take."""

    folder: Path
    table: Table | None = None
    commits: int = 0

    def commit(self, times: Times) -> None:
        """Replace the rows of a batch four times, as a cycle writes its tables."""
        if self.table is None or self.commits % (4 * BLOCK) == 0:
            self.table = Table.open(self.folder, replace(bronze("young"), name=f"young-{self.commits}"))
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(4):
            self.commits += 1
            self.table.replace(self.table.files(), [_rows(self.commits)], decided_on=self.table.version, epoch=1)
        times.young_wall.append((time.perf_counter() - wall) * 1000)
        times.young_cpu.append((time.process_time() - cpu) * 1000)


def _rows(number: int) -> pa.Table:
    offsets = range(number * ROWS, (number + 1) * ROWS)
    rows = [{"batch": number, "partition": 0, "offset": o, "broker_at": START, "value": b"v" * 60} for o in offsets]
    return pa.Table.from_pylist(rows, BRONZE_COLUMNS)


def prove(report: Report) -> None:
    """Run the batches, fit a line through the times, and see that a cost that grows would be noticed."""
    with tempfile.TemporaryDirectory(prefix="path-6-") as place, _opened(Path(place)) as (plant, parts):
        times = _run(report, plant, parts, Young(Path(place) / "young"))
        rows = parts.tables.by_name["readings/silver"].rows()
        files = {name: len(table.files()) for name, table in parts.tables.by_name.items()}
    report.figure("records by partition", plant.by_partition)
    report.figure("files at the end", files)
    report.claim(f"{BATCHES} batches were published", len(times.wall) == BATCHES)
    report.claim("every record is in silver", rows == plant.sent)
    report.claim("the skew is 1000 : 1", plant.by_partition[0] // plant.by_partition[1] == SKEW)
    report.claim("small files were folded", max(files.values()) < BATCHES // 10)
    _judge(report, times)


def _run(report: Report, plant: Plant, parts: Parts, young: Young) -> Times:
    times, step = Times(), timedelta(hours=HOURS) / BATCHES
    with leases.taken(parts.ledger, parts.pipeline.name, "proof", START) as lease:
        for number in range(BATCHES):
            plant.now = START + number * step
            plant.produce()
            _commit(lease, parts, times)
            young.commit(times)
            if (number + 1) % 500 == 0:
                last = sorted(times.wall[-500:])
                report.step(f"{number + 1} batches, hour {plant.now:%H:%M}: median {last[250]:.1f} ms a commit")
    return times


def _commit(lease: Lease, parts: Parts, times: Times) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    cycle(lease, parts)
    times.wall.append((time.perf_counter() - wall) * 1000)
    times.cpu.append((time.process_time() - cpu) * 1000)
    wall = time.perf_counter()
    upkeep.after_cycle(len(times.wall), parts, lease)
    if leases.claim_upkeep(parts.ledger, lease, parts.now()):
        upkeep.clean(parts, lease)
    times.upkeep.append((time.perf_counter() - wall) * 1000)


def _judge(report: Report, times: Times) -> None:
    for name, taken, young in (("wall", times.wall, times.young_wall), ("cpu", times.cpu, times.young_cpu)):
        report.figure(
            f"{name} ms a commit, p50 p95 p99", np.quantile(taken[WARM_UP:], [0.5, 0.95, 0.99]).round(1).tolist()
        )
        report.figure(f"{name} slope as measured", _rounded(slope_per_1000(taken[WARM_UP:])))
        report.figure(f"{name} slope on the young table", _rounded(slope_per_1000(young[WARM_UP:])))
        slope, margin = slope_per_1000(_evened(taken, young)[WARM_UP:])
        report.figure(f"{name} slope, ms per 1,000 batches, and half its 95% interval", _rounded((slope, margin)))
        report.claim(
            f"{name}: the 95% interval of the slope is below {MOST_MS_PER_1000} ms per 1,000 batches",
            slope + margin < MOST_MS_PER_1000,
        )
    report.figure("upkeep ms, mean and most", _rounded((float(np.mean(times.upkeep)), max(times.upkeep))))
    report.figure("load of the machine", round(os.getloadavg()[0], 1))
    growing = [ms + 1.5 * number / 1000 for number, ms in enumerate(times.wall)]
    slope, margin = slope_per_1000(_evened(growing, times.young_wall)[WARM_UP:])
    report.claim("noticed: the same times with 1.5 ms more per 1,000 batches", slope + margin > MOST_MS_PER_1000)


def _evened(taken: list[float], young: list[float]) -> list[float]:
    """The times as they would be on an even machine: by blocks, what the young table took is divided out."""
    usual, even = float(np.median(young)), []
    for at in range(0, len(taken), BLOCK):
        pace = float(np.mean(young[at : at + BLOCK])) / usual
        even.extend(ms / pace for ms in taken[at : at + BLOCK])
    return even


def _rounded(values: tuple[float, float]) -> list[float]:
    return [round(value, 3) for value in values]


def slope_per_1000(milliseconds: list[float]) -> tuple[float, float]:
    """The least-squares slope per 1,000 batches and half its 95% interval, its error by blocks of 50 batches.

    Neighbouring times are alike (a busy moment slows several), hence blocks: means of independent stretches.
    """
    blocks = np.array(milliseconds[: len(milliseconds) // BLOCK * BLOCK]).reshape(-1, BLOCK).mean(axis=1)
    x = np.arange(len(blocks)) * BLOCK / 1000
    slope, offset = np.polyfit(x, blocks, 1)
    residuals = blocks - slope * x - offset
    error = np.sqrt(residuals @ residuals / (len(blocks) - 2) / ((x - x.mean()) @ (x - x.mean())))
    return float(slope), float(1.984 * error)  # Student's t for 98 degrees of freedom


@contextmanager
def _opened(folder: Path) -> Generator[tuple[Plant, Parts]]:
    with (
        running_kafka(folder / "kafka", ROOT / ".state" / "jars") as kafka,
        running_postgres(folder / "postgres") as postgres,
        fresh_database(postgres) as dsn,
        plant_on(kafka.bootstrap, dsn, folder) as opened,
    ):
        yield opened
