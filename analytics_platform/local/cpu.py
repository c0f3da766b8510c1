"""CPU that an instance's Python processes have used."""

import os
import resource
from pathlib import Path

from analytics_platform.local.leftovers import find_leftovers

SERVERS = ("broker", "postgres")
TICKS = os.sysconf("SC_CLK_TCK")


def python_cpu_seconds(state_dir: Path) -> float:
    """Of this process, its children that have ended, and the living ones with the children they have waited for.

    Broker and Postgres are left out, as long as they live.
    """
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    living = [leftover.pid for leftover in find_leftovers(state_dir) if leftover.part not in SERVERS]
    return sum(usage.ru_utime + usage.ru_stime for usage in own) + sum(map(_cpu_seconds, living))


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has ended meanwhile; who waited for it has its time
    return sum(int(value) for value in fields[11:15]) / TICKS
