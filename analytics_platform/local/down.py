"""Stops the instance in a state folder, supervised or not."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.errors import LocalError
from analytics_platform.local.instance import load_instance, save_instance, stopped, supervisor_pid
from analytics_platform.local.leftovers import end_leftovers, find_leftovers

STOP_SECONDS = 60.0  # longer than all parts may take one after the other
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """What was stopped."""

    supervisor: int | None
    leftovers: tuple[str, ...]


def stop_instance(state_dir: Path) -> Stopped:
    """Tell the supervisor to stop and wait for it; then end whatever is left. Raises LocalError if it will not."""
    pid = supervisor_pid(state_dir)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while supervisor_pid(state_dir) is not None:
            if time.monotonic() > deadline:
                raise LocalError("down", f"process {pid} did not end in {STOP_SECONDS:.0f} s", f"kill -9 {pid}, again")
            time.sleep(POLL_SECONDS)
    leftovers = find_leftovers(state_dir)
    end_leftovers(leftovers, PATIENCE_SECONDS)
    if leftovers:
        save_instance(state_dir, stopped(load_instance(state_dir)))
    return Stopped(supervisor=pid, leftovers=tuple(sorted({leftover.part for leftover in leftovers})))
