"""Stops the instance in a state folder, supervised or not."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.errors import LocalError
from analytics_platform.local.instance import load_instance, save_instance, stopped, supervisor_pid
from analytics_platform.local.leftovers import end_leftovers, find_leftovers
from analytics_platform.local.waiting import wait_until

STOP_SECONDS = 60.0  # longer than all parts may take one after the other
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
        if not wait_until(lambda: supervisor_pid(state_dir) is None, STOP_SECONDS):
            raise LocalError("down", f"process {pid} did not end in {STOP_SECONDS:.0f} s", f"kill -9 {pid}, again")
    leftovers = find_leftovers(state_dir)
    end_leftovers(leftovers, PATIENCE_SECONDS)
    if leftovers:
        save_instance(state_dir, stopped(load_instance(state_dir)))
    return Stopped(supervisor=pid, leftovers=tuple(sorted({leftover.part for leftover in leftovers})))
