"""Runs one side in a process of its own, and measures it from outside."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from analytics_platform_tests.bench.ground import Backlog, Ground
from analytics_platform_tests.bench.schedule import Side
from analytics_platform_tests.bench.sides.stage import SAYS, Task

SAMPLE_SECONDS = 0.05


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


def run_side(side: Side, backlog: Backlog, ground: Ground, profile: Path | None = None) -> Run:
    """Run it once, on new tables and a new ledger; RuntimeError if it fails, or reads less than all.

    With `profile`, under Python's profiler, which writes that file; what is measured is then worth little.
    """
    with tempfile.TemporaryDirectory(prefix=f"bench-{side.name}-") as folder:
        given = Task(
            bootstrap=ground.encrypted if side.is_tls else ground.plain,
            authority=str(ground.authority) if side.is_tls else "",
            topic=backlog.topic,
            encoding=ground.encoding,
            events=int(backlog.events * side.share),
            folder=Path(folder),
            dsn=ground.new_dsn(),
            profile=str(profile or ""),
        )
        module = f"analytics_platform_tests.bench.sides.{side.program}"
        argv = [sys.executable, "-m", module, json.dumps(asdict(given), default=str)]
        environment = {**os.environ, **ground.environment}
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                return _measured(side.name, given.events, process, ground)
            finally:
                process.kill()


def _measured(side: str, events: int, process: subprocess.Popen[str], ground: Ground) -> Run:
    _expect(process)
    served = cpu_of_tree(ground.servant)
    with _Watch(process.pid) as watch:
        done = json.loads(_tell(process))
    served = cpu_of_tree(ground.servant) - served
    used = cpu_of_tree(psutil.Process(process.pid))
    _tell(process)
    if process.wait(60) or done["events"] != events:
        raise RuntimeError(f"{side} read {done['events']} of {events} and ended with {process.returncode}")
    return Run(
        side=side,
        events=done["events"],
        wall=done["wall"],
        cpu=done["cpu"] + served,
        served_cpu=served,
        process_cpu=used,
        memory_mib=watch.most / 2**20,
    )


def _expect(process: subprocess.Popen[str]) -> str:
    """What it says next to us; nothing once it has ended well."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(SAYS):
            return line.removeprefix(SAYS)
    if process.wait(60):
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    return ""


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
