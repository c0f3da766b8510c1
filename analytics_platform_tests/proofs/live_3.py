"""kill -9 each process in turn: healthy each time within a minute, and in the end no event lost or doubled.

It runs what is committed, in two clones: an instance in the first is hurt, one in the second must not notice.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from analytics_platform_tests.proofs.health import NotHealthyError, await_healthy
from analytics_platform_tests.proofs.instances import DrivenInstance, folder_of, kill, listens, pause
from analytics_platform_tests.proofs.oracle import Expected, expect
from analytics_platform_tests.proofs.reconciliation import (
    StreamFound,
    broker_spans,
    model_differences,
    read_rows,
    stream_differences,
)
from analytics_platform_tests.proofs.report import FOLDER, ROOT, Report

MOST_SECONDS = 60.0
START_SECONDS = 180.0
DRAIN_SECONDS = 120.0
RATE = "500"
PARTS = ("broker", "postgres", "producer", "code-server", "daemon", "webserver")
WHILE_STARTING = "code-server as it starts a run"
VICTIMS = (*PARTS, "run worker", WHILE_STARTING, "ap up")
MODELS = {
    "highest_bid": ("minute", "price", "auction", "bidder", "channel", "bid_at", "event_id"),
    "channel_revenue": ("minute", "channel", "bids", "revenue"),
}
GAPS = "select coalesce(sum((body ->> 'gaps')::bigint), 0) from manifest where stream = %s and revision = 1"
FRONTIER = "select partition, next_offset from frontier where stream = %s"
STARTING = "select count(*) from runs where status = 'STARTING'"
OPEN = "select count(*) from batch where state in ('planned', 'landed', 'judged')"
VERSIONS = "select versions from publication order by number desc limit 1"
LONGEST_PAUSE = """
select max(pause) from (select published_at - lag(published_at) over (order by number) as pause from publication) p"""


def prove(report: Report) -> None:
    """Start two instances, kill what the first consists of, and count."""
    with tempfile.TemporaryDirectory(prefix="live-3-") as folder:
        first, second = _instances(Path(folder))
        try:
            _start(report, first, second)
            for victim in VICTIMS:
                _kill_and_wait(report, first, second, victim)
            _beside(report, second)
            for name, instance in (("first", first), ("second", second)):
                _reconcile(report, name, instance)
        finally:
            _stop(report, first, second)


def _instances(folder: Path) -> tuple[DrivenInstance, DrivenInstance]:
    found = []
    for name in ("first", "second"):
        clone = folder / name
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        compiled = [sys.executable, "-m", "compileall", "-q", str(clone / "analytics_platform")]
        subprocess.run(compiled, check=True)  # as `make install` leaves it
        jars = ROOT / ".state" / "jars"  # fetched once for all
        found.append(DrivenInstance(clone=clone, state_dir=clone / ".state", jars=jars, base_port=4700))
    return found[0], found[1]


def _start(report: Report, first: DrivenInstance, second: DrivenInstance) -> None:
    for name, instance in (("first", first), ("second", second)):
        report.step(f"starts the {name}, in a clone of its own, with {RATE} events a second and faults among them")
        began = datetime.now(UTC)
        instance.up("--rate", RATE)
        recovery = await_healthy(instance, began, START_SECONDS)
        report.figure(f"{name}: seconds until healthy", recovery.seconds)
    report.figure("ports", {"first": first.ports(), "second": second.ports()})
    report.claim("the two share no port", not set(first.ports().values()) & set(second.ports().values()))
    for name, instance in (("first", first), ("second", second)):
        folders = {folder_of(pid) for part, pid in instance.pids().items() if part not in ("postgres", "broker")}
        report.claim(f"{name}: runs the code of its own clone", folders == {instance.clone})


def _kill_and_wait(report: Report, first: DrivenInstance, second: DrivenInstance, victim: str) -> None:
    pid = _pid_of(first, victim)
    report.step(f"kill -9 {victim} (process {pid})")
    report.figure(f"{victim}: load of the machine", round(os.getloadavg()[0], 1))
    since = datetime.now(UTC)
    kill(pid)
    if victim == "ap up":
        said = first.up("--rate", RATE)
        report.claim("the next `ap up` says what it found", "of an earlier `ap up` that was killed" in said)
    try:
        recovery = await_healthy(first, since, START_SECONDS, gone=pid)
        report.figure(f"{victim}: seconds until healthy", recovery.seconds)
        report.figure(f"{victim}: waited last for", recovery.waited_for)
        report.claim(f"healthy within a minute after kill -9 {victim}", recovery.seconds <= MOST_SECONDS)
        beside = await_healthy(second, since, START_SECONDS)
        report.claim("meanwhile the second instance works on", beside.seconds <= recovery.seconds + MOST_SECONDS)
    except NotHealthyError as error:
        report.claim(f"both instances are healthy after kill -9 {victim} ({error})", holds=False)


def _pid_of(instance: DrivenInstance, victim: str) -> int:
    """The process to kill; waits for the moment that is meant."""
    if victim == "run worker":
        _await(lambda: bool(_lone_worker(instance)), "a run that holds the lease, without its successor")
        return _lone_worker(instance)
    if victim == WHILE_STARTING:
        _await(lambda: _is_a_run_starting(instance), "a run that starts")
        return instance.pids()["code-server"]
    return instance.pids()[victim]


def _lone_worker(instance: DrivenInstance) -> int:
    try:
        return instance.worker()[1]
    except LookupError:
        return 0


def _is_a_run_starting(instance: DrivenInstance) -> bool:
    with instance.dagster() as dagster:
        row = dagster.execute(STARTING).fetchone()
    return bool(row and row[0])


def _beside(report: Report, second: DrivenInstance) -> None:
    restarts = {name: part["restarts"] for name, part in second.record()["parts"].items() if part["restarts"]}
    report.claim(f"no part of the second instance was started again {restarts or ''}".rstrip(), not restarts)
    with second.ledger() as ledger:
        row = ledger.execute(LONGEST_PAUSE).fetchone()
    pause: timedelta = row[0] if row else timedelta.max
    report.figure("second: longest seconds between two publications", round(pause.total_seconds(), 1))
    report.claim("the second instance never paused for a minute", pause < timedelta(seconds=MOST_SECONDS))


def _reconcile(report: Report, name: str, instance: DrivenInstance) -> None:
    report.step(f"{name}: starts again without its producer, and waits for the broker's end offsets")
    instance.ap("down")
    instance.up("--no-producer")
    waited = _await(lambda: not _unfinished(instance), "the frontier to reach the broker's end")
    report.figure(f"{name}: seconds until all is published", round(waited, 1))
    truth = instance.state_dir / "truth"
    report.claim(f"{name}: the producer left no truth unsettled", not [*truth.glob("*.pending")])
    expected = expect(truth)
    found = {stream: _found(instance, stream) for stream in expected}
    for stream, rows in found.items():
        counts = {"bronze": rows.bronze.num_rows, "silver": rows.silver.num_rows, "gaps": rows.gaps}
        counts |= {"truth": expected[stream].rows, "exceptions": rows.exceptions.num_rows}
        report.figure(f"{name}: {stream} rows", counts)
        problems = stream_differences(rows, expected[stream])
        report.claim(f"{name}: {stream} is what truth and broker say {'; '.join(problems)}".rstrip(), not problems)
    tables = {model: _table(instance, model, columns) for model, columns in MODELS.items()}
    problems = model_differences(expected["bids"], tables)
    report.figure(f"{name}: model rows", {model: table.num_rows for model, table in tables.items()})
    report.claim(f"{name}: the models equal the oracle {'; '.join(problems)}".rstrip(), not problems)
    _plant(report, name, found["bids"], expected["bids"], tables)


def _plant(report: Report, name: str, bids: StreamFound, expected: Expected, tables: dict[str, pa.Table]) -> None:
    """The comparison itself is tried: on copies of what was found, with one row lost or doubled."""
    planted = {
        "a lost bronze row": replace(bids, bronze=_without_first(bids.bronze)),
        "a doubled bronze row": replace(bids, bronze=_with_first_twice(bids.bronze)),
        "a lost silver row": replace(bids, silver=_without_first(bids.silver)),
        "a doubled silver row": replace(bids, silver=_with_first_twice(bids.silver)),
        "a lost exception": replace(bids, exceptions=_without_first(bids.exceptions)),
    }
    missed = [fault for fault, rows in planted.items() if not stream_differences(rows, expected)]
    for model, table in tables.items():
        if not model_differences(expected, {**tables, model: _without_first(table)}):
            missed.append(f"a lost row of {model}")
    report.claim(f"{name}: each planted loss and double is noticed {missed or ''}".rstrip(), not missed)


def _without_first(table: pa.Table) -> pa.Table:
    return table.slice(1)


def _with_first_twice(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(0, 1)])


def _unfinished(instance: DrivenInstance) -> str:
    with instance.ledger() as ledger:
        for stream in ("auctions", "bids", "persons"):
            ends = {p: end for p, (_, end) in broker_spans(instance.kafka(), stream).items()}
            if dict(ledger.execute(FRONTIER, [stream]).fetchall()) != {p: end for p, end in ends.items() if end}:
                return f"{stream} has offsets that are not planned"
        row = ledger.execute(OPEN).fetchone()
    return "batches are open" if row and row[0] else ""


def _found(instance: DrivenInstance, stream: str) -> StreamFound:
    with instance.ledger() as ledger:
        row = ledger.execute(GAPS, [stream]).fetchone()
    return StreamFound(
        stream=stream,
        spans=broker_spans(instance.kafka(), stream),
        gaps=int(row[0]) if row else 0,
        bronze=_table(instance, f"{stream}/bronze", ("partition", "offset")),
        silver=_table(instance, f"{stream}/silver", ("partition", "offset", "event_id")),
        exceptions=_table(instance, f"{stream}/exceptions", ("partition", "offset", "outcome")),
    )


def _table(instance: DrivenInstance, name: str, columns: tuple[str, ...]) -> pa.Table:
    """The table at the version that is public."""
    with instance.ledger() as ledger:
        row = ledger.execute(VERSIONS).fetchone()
    return read_rows(Path(instance.setting("table_dir")) / name, columns, row[0][name] if row else None)


def _stop(report: Report, *instances: DrivenInstance) -> None:
    for name, instance in zip(("first", "second"), instances, strict=True):
        if not (instance.state_dir / "instance.json").exists():
            continue
        if report.failed or sys.exc_info()[0]:
            shutil.copytree(instance.state_dir / "logs", FOLDER / report.name / name, dirs_exist_ok=True)
        ports = instance.ports()
        began = time.monotonic()
        instance.ap("down")
        report.figure(f"{name}: seconds to stop", round(time.monotonic() - began, 1))
        report.claim(f"{name}: no process is left {instance.processes() or ''}".rstrip(), not instance.processes())
        busy = {part: port for part, port in ports.items() if listens(port)}
        report.claim(f"{name}: its ports are free {busy or ''}".rstrip(), not busy)


def _await(done: Callable[[], bool], what: str) -> float:
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > DRAIN_SECONDS:
            raise TimeoutError(f"waited {DRAIN_SECONDS:.0f} s for {what}")
        pause(0.5)
    return time.monotonic() - began
