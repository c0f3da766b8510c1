"""Runs slices in processes of their own, and sees what none can say of itself: that it crashed, hangs or swells."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from analytics_platform.local.process import end_processes_in
from analytics_platform_tests.fuzz.child import PLACE, Slice, as_argument

CHILD = "analytics_platform_tests.fuzz.child"
LOOK_SECONDS = 0.05
CALL_CPU_SECONDS = 10.0  # of one call; a call that waits for what never comes uses none, and is seen by the clock
CALL_SECONDS = 300.0  # a machine that is busy with other things is no fault of ours
MOST_BYTES = 1_500 << 20  # of a process: what a batch may inflate to, as bytes and as columns
PLENTY = 10  # faults of a slice: then it is clear enough
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An input that did what no input may do; made again by seed, target and call."""

    target: str
    call: int
    problem: str


@dataclass(slots=True)
class Outcome:
    """What came of slices."""

    inputs: int = 0
    came: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    peak_bytes: int = 0
    slowest_cpu_seconds: float = 0.0

    def add(self, other: "Outcome") -> None:
        """Take in what came of another slice."""
        self.inputs, self.came = self.inputs + other.inputs, self.came + other.came
        self.faults += other.faults
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)
        self.slowest_cpu_seconds = max(self.slowest_cpu_seconds, other.slowest_cpu_seconds)


def run_all(slices: Iterable[Slice], processes: int | None = None) -> Iterator[tuple[Slice, Outcome]]:
    """Every slice, as many at once as there are cores; in their order."""
    given = list(slices)
    with ThreadPoolExecutor(processes or os.cpu_count()) as pool:
        yield from zip(given, pool.map(run, given), strict=True)


def run(given: Slice) -> Outcome:
    """One slice; after a call that ended its process, the rest in another one."""
    found = Outcome()
    while given.first < given.end:
        died_at, part = _process(given)
        found.add(part)
        if died_at is None or len(found.faults) >= PLENTY:
            break
        given = replace(given, first=died_at + 1)
    return found


def _process(given: Slice) -> tuple[int | None, Outcome]:
    """What a process made of a slice, and the call at which it died, if it did."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        place, output = Path(folder) / "place", Path(folder) / "output"
        place.write_bytes(PLACE.pack(-1))
        argv = [sys.executable, "-m", CHILD, as_argument(replace(given, place=str(place)))]
        with output.open("wb") as said, (Path(folder) / "errors").open("wb") as errors:
            child = subprocess.Popen(argv, stdout=said, stderr=errors, env={**os.environ, "TMPDIR": folder})
            look = _Look(child.pid, place)
            while (problem := look.problem()) is None and child.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(LOOK_SECONDS)
            child.kill()
            child.wait()
        for data in Path(folder).rglob("PG_VERSION"):  # a killed child's database outlives it
            if data.parent.name == "data":
                end_processes_in(data.parent, executable="postgres", gentle=signal.SIGINT)
        found = _read(given, output.read_text())
        found.peak_bytes, found.slowest_cpu_seconds = look.peak_bytes, look.slowest
        if problem is None and child.returncode == 0:
            return None, found
        call = max(PLACE.unpack(place.read_bytes())[0], given.first)
        told = (Path(folder) / "errors").read_text(errors="replace").strip()[-600:]
        died = problem or f"the process ended with {child.returncode}: {told}"
        found.faults.append(Fault(target=given.target, call=call, problem=died))
        return call, found


def _read(given: Slice, output: str) -> Outcome:
    found = Outcome()
    for line in output.splitlines():
        said = json.loads(line)
        if "error" in said:
            found.faults.append(Fault(target=given.target, call=said["call"], problem=said["error"]))
        else:
            found.inputs, found.came = said["inputs"], Counter(said["came"])
    return found


@dataclass(slots=True)
class _Look:
    """A process from outside: how long it has been at one call, and how large it has become."""

    pid: int
    place: Path
    call: int = -1
    since: float = field(default_factory=time.monotonic)
    cpu_before: float = 0.0
    slowest: float = 0.0
    peak_bytes: int = 0

    def problem(self) -> str | None:
        """What is wrong with it now."""
        status = _status(self.pid)
        if not status:
            return None
        self.peak_bytes = max(self.peak_bytes, 1024 * int(status.get("VmHWM", "0 kB").split()[0]))
        if self.peak_bytes > MOST_BYTES:
            return f"took {self.peak_bytes >> 20} MB of memory"
        call, cpu = PLACE.unpack(self.place.read_bytes())[0], _cpu_seconds(self.pid)
        if call != self.call:
            self.call, self.since, self.cpu_before = call, time.monotonic(), cpu
        at_it = cpu - self.cpu_before
        self.slowest = max(self.slowest, at_it if call >= 0 else 0.0)
        if call >= 0 and (at_it > CALL_CPU_SECONDS or time.monotonic() - self.since > CALL_SECONDS):
            return f"hangs: {at_it:.0f} s of CPU, {time.monotonic() - self.since:.0f} s by the clock"
        return None


def _status(pid: int) -> Mapping[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS
