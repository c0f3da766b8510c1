"""An instance as a proof drives it: by the `ap` of some clone, its record on disk, and the marks its processes carry.

Nothing of `analytics_platform` is imported: what is proved must show from outside.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from analytics_platform_tests.stock import shown, stock

MARKER, PART = "AP_INSTANCE", "AP_PART"
COMMAND_SECONDS = 240.0  # more than the three minutes that `ap up` itself waits for health
HOLDERS = """
select substring(a.application_name from 'run (.*)'), l.granted from pg_locks l join pg_stat_activity a using (pid)
 where l.locktype = 'advisory' and a.application_name like 'run %' order by l.granted desc"""
RUN_PIDS = "select event from event_logs where run_id = %s and dagster_event_type is not null and event like %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrivenInstance:
    """The instance in `state_dir`, run by the code in `clone`; `settings` are AP_* variables besides."""

    clone: Path
    state_dir: Path
    jars: Path
    base_port: int
    settings: Mapping[str, str] = field(default_factory=dict)

    def ap(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run that clone's `ap`; its output is in the result, whatever its exit code."""
        # a proof hands its environment down as it is; the settings named here are those of this instance alone
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AP_")}
        named = {"AP_STATE_DIR": str(self.state_dir), "AP_JAR_DIR": str(self.jars), "PYTHONPATH": str(self.clone)}
        return subprocess.run(
            [sys.executable, "-m", "analytics_platform.cli", *arguments],
            cwd=self.clone,
            env={**inherited, **named, **self.settings},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def told(self, *arguments: str) -> Any:
        """What `ap … --json` says. Raises AssertionError unless it succeeded."""
        done = self.ap(*arguments, "--json")
        if done.returncode:
            raise AssertionError(f"ap {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout)

    def up(self, *arguments: str) -> str:
        """`ap up --detach`; what it said. Raises RuntimeError unless it succeeded."""
        done = self.ap("up", "--detach", "--base-port", str(self.base_port), *arguments)
        if done.returncode:
            raise RuntimeError(f"ap up ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def record(self) -> dict[str, Any]:
        """What the instance has written down of itself."""
        return json.loads((self.state_dir / "instance.json").read_text())

    def pids(self) -> dict[str, int]:
        """The supervisor and every running part, by name."""
        record = self.record()
        parts = {name: part["pid"] for name, part in record["parts"].items() if part["state"] in ("starting", "up")}
        return {"ap up": record["supervisor"], **parts}

    def setting(self, name: str) -> str:
        """A setting that the instance was started with."""
        return self.record()["environment"][f"AP_{name.upper()}"]

    def kafka(self, name: str = "broker") -> dict[str, str]:
        """How a stock client connects to its broker, showing that certificate; the broker's own may do anything."""
        bootstrap = self.setting("kafka_bootstrap")
        certificates = self.state_dir / "certificates"
        return shown(bootstrap, certificates, name) if self.is_secured else stock(bootstrap)

    @property
    def is_secured(self) -> bool:
        """Whether its broker asks everybody who they are."""
        return self.setting("kafka_protocol") != "PLAINTEXT"

    def ledger(self) -> psycopg.Connection:
        """A connection of our own to the ledger."""
        return psycopg.connect(self.setting("ledger_dsn"), autocommit=True, connect_timeout=3)

    def dagster(self) -> psycopg.Connection:
        """A connection of our own to Dagster's database."""
        return psycopg.connect(self.dagster_dsn(), autocommit=True, connect_timeout=3)

    def dagster_dsn(self) -> str:
        """Of Dagster's database, as libpq takes it."""
        return self.setting("dagster_postgres_url").replace("postgresql+psycopg2", "postgresql", 1)

    def processes(self) -> dict[int, str]:
        """Every living process with this instance's mark, and its part."""
        mark, found = f"{MARKER}={self.state_dir}", {}
        for entry in Path("/proc").glob("[0-9]*"):
            environment = _environment(entry)
            if mark in environment and _lives(entry):
                part = next((item for item in environment if item.startswith(f"{PART}=")), f"{PART}=?")
                found[int(entry.name)] = part.removeprefix(f"{PART}=")
        return found

    def worker(self) -> tuple[str, int]:
        """The run that holds the lease, and its process. Raises LookupError while there is none, or its successor."""
        with self.ledger() as ledger, self.dagster() as dagster:
            holders = ledger.execute(HOLDERS).fetchall()
            if [is_granted for _, is_granted in holders] != [True]:
                raise LookupError(f"not one run that is at work alone: {holders}")
            holder = holders[0]
            events = dagster.execute(RUN_PIDS, [holder[0], '%"pid": %']).fetchall()
        named = {int(pid) for event in events for pid in re.findall(r'"pid": (\d+)', event[0])}
        living = sorted(named & self.processes().keys())
        if not living:
            raise LookupError(f"run {holder[0]} has no process")
        return holder[0], living[-1]

    def registry_url(self) -> str:
        """The registry's address, with its owner's token as stock clients take it."""
        return f"http://owner:{self.token()}@127.0.0.1:{self.ports()['service']}"

    def token(self) -> str:
        """Its owner's."""
        return (self.state_dir / "admin-token").read_text().strip()

    def ports(self) -> Mapping[str, int]:
        """Where it listens."""
        return self.record()["ports"]


def kill(pid: int) -> None:
    """kill -9, and wait until the kernel has done it."""
    os.kill(pid, signal.SIGKILL)
    while _lives(Path(f"/proc/{pid}")):
        pause(0.01)


def pause(seconds: float) -> None:
    """Wait between two looks."""
    threading.Event().wait(seconds)


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def folder_of(pid: int) -> Path:
    """The process's working directory: the clone whose code a part of an instance runs."""
    return Path(f"/proc/{pid}/cwd").readlink()


def _environment(entry: Path) -> list[str]:
    try:
        return (entry / "environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []  # gone meanwhile, or somebody else's


def _lives(entry: Path) -> bool:
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
