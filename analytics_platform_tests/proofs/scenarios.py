"""Runs of real workers over one real log, each with a ledger and tables of its own; and what tables hold, in one hash.

What tables hold is read and hashed by stock readers (deltalake, DuckDB), not by the platform.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import psycopg
from deltalake import DeltaTable

from analytics_platform.ledger.postgres.timers import end_stream
from analytics_platform.postgres import connect
from analytics_platform.registry.sync import adopt
from analytics_platform_tests.brokers import Kafka, Postgres, fresh_ledger
from analytics_platform_tests.proofs.report import ROOT
from analytics_platform_tests.stock import UNSECURED

STREAMS = ("auctions", "bids", "persons")
WORK_SECONDS = 600.0  # a worker of a busy machine
RUN_DEPENDENT = {"batch", "broker_at"}  # which batch, and when the broker got it: not content
NO_SETTINGS: Mapping[str, str] = {}
Content = dict[str, tuple[int, str]]
LEFT = """
select (select count(*) from batch where state in ('planned', 'landed', 'judged')) + (select count(*) from dirty)
     + (select count(*) from timer)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZombieOutcome:
    """What a woken worker did; versions by table before and after it was woken."""

    before: dict[str, int]
    after: dict[str, int]
    is_stamped: bool
    causes: str

    def as_json(self) -> dict[str, object]:
        """For the report."""
        return {"versions": self.before, "stamped": self.is_stamped, "causes": self.causes}


@dataclass(slots=True)
class Scenario:
    """One ledger and one folder of tables; workers are processes, of the code in that folder."""

    folder: Path
    kafka: Kafka
    postgres: Postgres
    settings: Mapping[str, str] = field(default_factory=dict)
    code: Path = ROOT
    dsn: str = field(default="", init=False)

    @property
    def tables(self) -> Path:
        """Where the tables are."""
        return self.folder / "tables"

    @contextmanager
    def ledger(self) -> Generator[None]:
        """A ledger of this scenario's own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with fresh_ledger(self.postgres) as self.dsn:
            with connect(self.dsn, application="proof") as ledger:
                # as `ap up` does: a worker's role may not
                adopt(ledger, Path(self.settings.get("AP_SCHEMA_DIR", ROOT / "schemas")))
            yield

    def work(self, *, point: str = "", hit: int = 1, batch_rows: int) -> dict[str, object]:
        """One worker to its end, whatever that is; the last line it wrote. RuntimeError if it died in silence."""
        self._start(point, hit, batch_rows, {}).wait(WORK_SECONDS)
        lines = self._said()
        if not lines:
            raise RuntimeError(f"the worker said nothing: {self._log().read_text()[-2000:]}")
        return lines[-1]

    def kill_when(self, holds: Callable[[], bool], *, batch_rows: int) -> bool:
        """One worker, killed as soon as that holds; whether it lived to see it."""
        worker = self._start("", 1, batch_rows, {})
        while worker.poll() is None and not holds():
            threading.Event().wait(0.01)
        worker.kill()
        return worker.wait(WORK_SECONDS) == -signal.SIGKILL

    def ap(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`ap` on this ledger and these tables, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "analytics_platform.cli", *arguments],
            cwd=self.code,
            env={**_inherited(), **self._environment()},
            capture_output=True,
            text=True,
            timeout=WORK_SECONDS,
            check=False,
        )

    def finish(self, batch_rows: int) -> None:
        """Workers until nothing is left; the streams end, so that every timer is due."""
        self.work(batch_rows=batch_rows)
        with psycopg.connect(self.dsn, autocommit=True) as ledger:
            for stream in STREAMS:
                end_stream(ledger, stream)
        said = self.work(batch_rows=batch_rows)
        with psycopg.connect(self.dsn) as ledger:
            row = ledger.execute(LEFT).fetchone()
        if said.get("ended") is not True or row is None or row[0]:
            raise RuntimeError(f"work is left after the last worker ({row}): {said}")

    def zombie(self, point: str, *, batch_rows: int, takes_over: bool = True) -> ZombieOutcome:
        """A worker stops at the point and loses its connections; a new owner that executes nothing; it is woken."""
        worker = self._start(point, 2, batch_rows, {}, "STOP")
        _await_stopped(worker.pid)
        with psycopg.connect(self.dsn, autocommit=True) as ledger:
            ledger.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and application_name like 'run %'"
            )
        if takes_over:
            self._start("", 1, batch_rows, {"AP_LEASE_SECONDS": "0"}).wait(WORK_SECONDS)
        before, is_stamped = versions(self.tables), self._is_stamped()
        os.kill(worker.pid, signal.SIGCONT)
        worker.wait(WORK_SECONDS)
        said = str(self._said()[-1].get("causes"))
        return ZombieOutcome(before=before, after=versions(self.tables), is_stamped=is_stamped, causes=said)

    def _is_stamped(self) -> bool:
        with psycopg.connect(self.dsn) as ledger:
            row = ledger.execute("select max(epoch) from pipeline").fetchone()
        epochs = {DeltaTable(str(root)).transaction_version("writer") for root in table_roots(self.tables)}
        return row is not None and epochs == {row[0]}

    def _start(
        self, point: str, hit: int, batch_rows: int, settings: Mapping[str, str], stop_by: str = "KILL"
    ) -> subprocess.Popen[bytes]:
        told = {"point": point, "hit": hit, "signal": stop_by, "said": self.folder / "said.jsonl"}
        arguments = [f"--{name}={value}" for name, value in {**told, "batch-rows": batch_rows}.items()]
        with self._log().open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "analytics_platform_tests.proofs.failing_worker", *arguments],
                cwd=self.code,
                env={**_inherited(), **self._environment(), **settings},
                stdout=log,
                stderr=log,
            )

    def _environment(self) -> dict[str, str]:
        return {
            "AP_STATE_DIR": str(self.folder),
            "AP_TABLE_DIR": str(self.tables),
            "AP_LEDGER_DSN": self.dsn,
            "AP_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            **UNSECURED,
            "AP_QUIET_SECONDS": "0.3",
            "AP_CYCLE_SECONDS": "0",
            "AP_LEASE_SECONDS": "540",
            **self.settings,
        }

    def _said(self) -> list[dict[str, object]]:
        place = self.folder / "said.jsonl"
        return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []

    def _log(self) -> Path:
        return self.folder / "workers.log"


def produce(
    bootstrap: str,
    truth: Path,
    *,
    events: int,
    seed: int,
    shares: Mapping[str, float],
    settings: Mapping[str, str] = NO_SETTINGS,
) -> None:
    """The auction house's events onto a broker, all at once; ten of them a second of event time."""
    arguments = [f"--bootstrap={bootstrap}", "--flat-out", f"--events={events}", f"--seed={seed}", f"--truth={truth}"]
    subprocess.run(
        [sys.executable, "-m", "analytics_platform.local.auction_house", *arguments, "--event-rate=10"]
        + [f"--{name}={share}" for name, share in shares.items()],
        cwd=ROOT,
        env={**_inherited(), "AP_STATE_DIR": str(truth.parent), **UNSECURED, **settings},
        check=True,
        capture_output=True,
    )


def table_roots(folder: Path) -> list[Path]:
    """Every table of content; the manifests say how it came about, which differs from run to run."""
    roots = sorted(log.parent for log in folder.rglob("_delta_log"))
    return [root for root in roots if root.name != "manifests"]


def versions(folder: Path) -> dict[str, int]:
    """By table, its newest version."""
    return {str(root.relative_to(folder)): DeltaTable(str(root)).version() for root in table_roots(folder)}


def table_content(folder: Path) -> Content:
    """By table, its number of rows and the sum of their hashes: equal whatever their order and files."""
    return {str(root.relative_to(folder)): _content(root) for root in table_roots(folder)}


def _content(root: Path) -> tuple[int, str]:
    uris = DeltaTable(str(root)).file_uris()
    if not uris:
        return 0, "0"
    with duckdb.connect() as connection:
        rows = connection.sql("select * from read_parquet($uris, union_by_name = true)", params={"uris": uris})
        columns = ", ".join(f'"{name}"' for name in sorted(rows.columns) if name not in RUN_DEPENDENT)
        found = connection.sql(f"select count(*), sum(hash({columns})::hugeint) from rows").fetchall()
    return int(found[0][0]), str(found[0][1] or 0)


def _inherited() -> dict[str, str]:
    dropped = ("AP_", "DAGSTER_HOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _await_stopped(pid: int) -> None:
    for _ in range(int(WORK_SECONDS * 20)):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
            return
        threading.Event().wait(0.05)
    raise TimeoutError(f"worker {pid} did not stop")
