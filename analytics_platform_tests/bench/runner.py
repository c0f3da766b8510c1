"""Runs one side in a process of its own, and measures it from outside."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from analytics_platform_tests.bench.sides.stage import Task

SAMPLE_SECONDS = 0.05
RUN_SECONDS = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of a side took.

    `cpu` is that of the work and of what serves it (the ledger); `process_cpu` that of the whole process, with its
    start. `memory_mib` is the most private memory that it held.
    """

    side: str
    events: int
    wall: float
    cpu: float
    served_cpu: float
    process_cpu: float
    memory_mib: float

    @property
    def cpu_per_million(self) -> float:
        """CPU seconds for each million events."""
        return self.cpu / self.events * 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where sides run: what they read, who serves them, and what their processes find besides."""

    bootstrap: str
    topic: str
    encoding: str
    events: int
    new_dsn: Callable[[], str]
    servant: psutil.Process
    environment: Mapping[str, str] = field(default_factory=dict)
    kafka: Mapping[str, str] = field(default_factory=dict)


def run_side(side: str, ground: Ground) -> Run:
    """Run it once, on new tables and a new ledger; RuntimeError if it fails, or reads less than all."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{side}-") as folder:
        given = Task(
            bootstrap=ground.bootstrap,
            topic=ground.topic,
            encoding=ground.encoding,
            events=ground.events,
            folder=Path(folder),
            dsn=ground.new_dsn(),
            kafka=dict(ground.kafka),
        )
        argv = [
            sys.executable,
            "-m",
            f"analytics_platform_tests.bench.sides.{side}",
            json.dumps(asdict(given), default=str),
        ]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **ground.environment}
        ) as process:
            try:
                return _measured(side, process, ground)
            finally:
                process.kill()


def _measured(side: str, process: subprocess.Popen[str], ground: Ground) -> Run:
    _expect(process)
    served = cpu_of_tree(ground.servant)
    with _Watch(process.pid) as watch:
        done = json.loads(_tell(process))
    served = cpu_of_tree(ground.servant) - served
    used = psutil.Process(process.pid).cpu_times()
    _tell(process)
    if process.wait(60) or done["events"] != ground.events:
        raise RuntimeError(f"{side} read {done['events']} of {ground.events} and ended with {process.returncode}")
    return Run(
        side=side,
        events=done["events"],
        wall=done["wall"],
        cpu=done["cpu"] + served,
        served_cpu=served,
        process_cpu=used.user + used.system,
        memory_mib=watch.most / 2**20,
    )


def _expect(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line and process.wait(60):
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    return line


def _tell(process: subprocess.Popen[str]) -> str:
    """Let it go on; what it says next."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return _expect(process)


def cpu_of_tree(process: psutil.Process) -> float:
    """CPU seconds of a process and its children, those that have ended too."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


class _Watch:
    """Looks again and again how much private memory a process holds."""

    def __init__(self, pid: int) -> None:
        self.most = 0
        self._status = Path(f"/proc/{pid}/status")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            fields = dict(line.split(":", 1) for line in self._status.read_text().splitlines() if ":" in line)
            self.most = max(self.most, int(fields.get("RssAnon", "0 kB").split()[0]) << 10)
            if self._done.wait(SAMPLE_SECONDS):
                return
