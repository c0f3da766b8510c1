"""Finds and ends processes of an instance that no supervisor of it started: after kill -9, or run workers."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.local.instance import MARKER, PART
from analytics_platform.local.process import start_time
from analytics_platform.local.waiting import wait_until

SERVERS = ("broker", "postgres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A process that carries the instance's mark."""

    pid: int
    part: str
    started: str | None


def find_leftovers(state_dir: Path) -> list[Leftover]:
    """Every living process whose environment names this instance, ourselves excepted."""
    wanted = f"{MARKER}={state_dir}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # gone meanwhile, or somebody else's
        if wanted in environment and pid != os.getpid() and (started := start_time(pid)) is not None:
            found.append(Leftover(pid=pid, part=_part_in(environment), started=started))
    return sorted(found, key=lambda leftover: leftover.pid)


def end_leftovers(leftovers: Sequence[Leftover], patience_seconds: float) -> None:
    """End them, those that use the servers before the servers; ask first, then kill.

    Each is signalled only while it is the very process that was found.
    """
    for servers in ((), ("broker",), ("postgres",)):
        group = [x for x in leftovers if (x.part in servers if servers else x.part not in SERVERS)]
        _end(group, patience_seconds)


def interrupt_workers(state_dir: Path, patience_seconds: float) -> None:
    """Ask the runs below the code server to end and wait for them: it would wait for them without asking."""
    below = [leftover for leftover in find_leftovers(state_dir) if leftover.part == "code-server" and _is_run(leftover)]
    for leftover in below:
        _signal(leftover.pid, signal.SIGINT)
    wait_until(lambda: not any(map(_lives, below)), patience_seconds)


def _is_run(leftover: Leftover) -> bool:
    """Whether the process was spawned by multiprocessing to execute a run."""
    try:
        return b"spawn_main" in Path(f"/proc/{leftover.pid}/cmdline").read_bytes()
    except OSError:
        return False


def _end(leftovers: Sequence[Leftover], patience_seconds: float) -> None:
    for kill in (False, True):
        living = [leftover for leftover in leftovers if _lives(leftover)]
        for leftover in living:
            # Postgres takes SIGTERM for "wait until every client has left"
            gentle = signal.SIGINT if leftover.part == "postgres" else signal.SIGTERM
            _signal(leftover.pid, signal.SIGKILL if kill else gentle)
        if wait_until(lambda group=living: not any(map(_lives, group)), patience_seconds):
            return


def _lives(leftover: Leftover) -> bool:
    return start_time(leftover.pid) == leftover.started


def _part_in(environment: list[bytes]) -> str:
    prefix = f"{PART}=".encode()
    return next((item.removeprefix(prefix).decode() for item in environment if item.startswith(prefix)), "?")


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
