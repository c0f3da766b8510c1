"""What orchestration costs: CPU by part, transactions of Postgres, rows and bytes of Dagster's event log; measured."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from analytics_platform.local.leftovers import find_leftovers
from analytics_platform.local.log import log_dir
from analytics_platform.local.waiting import pause

TICKS = os.sysconf("SC_CLK_TCK")
HOUR = timedelta(hours=1)
DAGSTER = ("daemon", "code-server", "webserver", "warm")
BACKEND = re.compile(rb"^postgres: \w+ (\w+) ")
PRIVATE = re.compile(r"^Private_\w+:\s+(\d+) kB", re.MULTILINE)
LEASE_CPU = "lease.cpu"  # what a worker logs when it is done
LEASES = "select count(*) from runs r join run_tags t on t.run_id = r.run_id and t.key = 'platform/lease'"
DATABASES = "select datname, xact_commit + xact_rollback, active_time from pg_stat_database where datname is not null"
EVENTS = "select count(*), coalesce(sum(octet_length(event)), 0) from event_logs where timestamp > %s"
SIZES = "select count(*), pg_total_relation_size('event_logs') from event_logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Running totals at one moment: CPU seconds by part, with Postgres by database; by database transactions, and for
    how many milliseconds statements were executed.
    """

    at: datetime
    cpu: Mapping[str, float]
    transactions: Mapping[str, int]
    active: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orchestration:
    """What was measured over `seconds`; of the event log and the leases, over the hour before."""

    seconds: float
    cpu: Mapping[str, float]
    transactions: Mapping[str, int]
    leases: int
    event_rows: int
    event_bytes: int
    bytes_on_disk_per_row: float
    worker_cpu: tuple[float, float] = (0.0, 0.0)  # of the hour's leases: in the pipeline's own work, and in all
    private_megabytes: Mapping[str, float] = field(default_factory=dict)
    dagsters_share_of_postgres: float = 1.0  # of the time in which statements were executed

    @property
    def bytes_a_day(self) -> float:
        """Of the event log on disk, if every hour were like the last."""
        return 24 * self.event_rows * self.bytes_on_disk_per_row

    @property
    def share(self) -> float:
        """Of the CPU, what orchestration used: Dagster's processes without the pipeline's work, and its database."""
        total = sum(self.cpu.values())
        own, whole = self.worker_cpu
        work = self.cpu.get("warm", 0.0) * (own / whole if whole else 0.0)
        dagster = sum(self.cpu.get(part, 0.0) for part in (*DAGSTER, "postgres dagster")) - work
        dagster += self.cpu.get("postgres", 0.0) * self.dagsters_share_of_postgres
        return dagster / total if total else 0.0


def measure(state_dir: Path, ledger_dsn: str, dagster_dsn: str, seconds: float) -> Orchestration:
    """Look twice, that many seconds apart."""
    with (
        psycopg.connect(ledger_dsn, autocommit=True, connect_timeout=3) as ledger,
        psycopg.connect(dagster_dsn, autocommit=True, connect_timeout=3) as dagster,
    ):
        before = sample(state_dir, ledger)
        pause(seconds)
        after = sample(state_dir, ledger)
        since = after.at - HOUR
        rows, size = _pair(dagster, EVENTS, [since.replace(tzinfo=None)])
        all_rows, on_disk = _pair(dagster, SIZES, [])
        leases = _pair(dagster, f"{LEASES} where r.create_timestamp > %s", [since.replace(tzinfo=None)])[0]
    return Orchestration(
        seconds=(after.at - before.at).total_seconds(),
        cpu=grown(before.cpu, after.cpu),
        transactions={name: after.transactions[name] - before.transactions.get(name, 0) for name in after.transactions},
        leases=leases,
        event_rows=rows,
        event_bytes=size,
        bytes_on_disk_per_row=on_disk / all_rows if all_rows else 0.0,
        dagsters_share_of_postgres=_share_of("dagster", grown(before.active, after.active)),
        worker_cpu=worker_cpu(log_dir(state_dir) / "worker.log", since),
        private_megabytes=private_megabytes(state_dir),
    )


def sample(state_dir: Path, connection: psycopg.Connection) -> Sample:
    """The totals now; of processes that have ended, whoever waited for them has the time: of backends, "postgres"."""
    cpu: dict[str, float] = {}
    for leftover in find_leftovers(state_dir):
        cpu[leftover.part] = cpu.get(leftover.part, 0.0) + cpu_seconds(leftover.pid)
        if leftover.part == "postgres":
            for backend in _children(leftover.pid):  # they write their titles over the mark
                part = _database_of(backend)
                cpu[part] = cpu.get(part, 0.0) + cpu_seconds(backend)
    rows = connection.execute(DATABASES.encode()).fetchall()
    transactions, active = {name: count for name, count, _ in rows}, {name: spent for name, _, spent in rows}
    return Sample(at=datetime.now(UTC), cpu=cpu, transactions=transactions, active=active)


def grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """By part, what was used in between; a part that ended meanwhile has used nothing."""
    return {part: max(0.0, used - before.get(part, 0.0)) for part, used in sorted(after.items())}


def cpu_seconds(pid: int) -> float:
    """Of the process and of its children that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(value) for value in fields[11:15]) / TICKS


def private_megabytes(state_dir: Path) -> dict[str, float]:
    """By part, memory that is nobody else's: what a forked worker shares with its parent is counted with neither."""
    found: dict[str, float] = {}
    for leftover in find_leftovers(state_dir):
        try:
            text = Path(f"/proc/{leftover.pid}/smaps_rollup").read_text()
        except OSError:
            continue
        kilobytes = sum(map(int, PRIVATE.findall(text)))
        found[leftover.part] = round(found.get(leftover.part, 0.0) + kilobytes / 1024, 1)
    return found


def worker_cpu(log: Path, since: datetime) -> tuple[float, float]:
    """CPU seconds of the leases that ended since then: in the pipeline's work, and in the whole process."""
    pairs = [(entry["work"], entry["whole"]) for entry in _entries(log) if _at(entry) > since]
    return sum(work for work, _ in pairs), sum(process for _, process in pairs)


def _entries(log: Path) -> Iterator[dict[str, float]]:
    if not log.exists():
        return
    with log.open() as lines:
        for line in lines:
            if f'"{LEASE_CPU}"' in line:
                yield json.loads(line)


def _at(entry: Mapping[str, object]) -> datetime:
    return datetime.fromisoformat(str(entry["time"]))


def _share_of(name: str, active: Mapping[str, float]) -> float:
    """Of the time that databases were active, one's; all of it where nothing is known."""
    total = sum(active.values())
    return active.get(name, 0.0) / total if total else 1.0


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _database_of(pid: int) -> str:
    """A backend's database stands in its title."""
    try:
        found = BACKEND.match(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        found = None
    return f"postgres {found[1].decode()}" if found else "postgres"


def _pair(connection: psycopg.Connection, query: str, parameters: list[object]) -> tuple[int, int]:
    row = connection.execute(query.encode(), parameters).fetchone() or (0,)
    return int(row[0]), int(row[-1])
