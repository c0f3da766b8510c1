"""When to fork a child, to retire one, to refuse a run. Pure: values in, values out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

PAUSE_SECONDS = 1.0  # after a run was handed over: forking and connecting would take the core that it needs
LONGEST_IDLE_SECONDS = 300.0  # connections grow old: a broker closes them after ten minutes
RETRY_SECONDS = 5.0  # after a child that died before it got a run: there may be a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Nursery:
    """The children: one that waits for a run, if there is one, and those that have one, by process."""

    most: int
    idle: int | None = None
    idle_since: float = 0.0
    fork_at: float = 0.0
    running: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        """Whether one run more would be too many."""
        return len(self.running) >= self.most


def is_fork_due(nursery: Nursery, now: float) -> bool:
    """Whether to fork the next child in advance."""
    return nursery.idle is None and not nursery.is_full and now >= nursery.fork_at


def is_stale(nursery: Nursery, now: float) -> bool:
    """Whether the child that waits has waited for too long."""
    return nursery.idle is not None and now - nursery.idle_since > LONGEST_IDLE_SECONDS


def with_idle(nursery: Nursery, pid: int, now: float) -> Nursery:
    """A child was forked and waits."""
    return replace(nursery, idle=pid, idle_since=now)


def without_idle(nursery: Nursery, now: float) -> Nursery:
    """The child that waited was told to go; the next one may come at once."""
    return replace(nursery, idle=None, fork_at=now)


def handed_over(nursery: Nursery, run_id: str, now: float) -> Nursery:
    """The child that waited has got a run. Raises ValueError when none waits."""
    if nursery.idle is None:
        raise ValueError("no child waits")
    running = {**nursery.running, nursery.idle: run_id}
    return replace(nursery, idle=None, running=running, fork_at=now + PAUSE_SECONDS)


def ended(nursery: Nursery, pid: int, now: float) -> tuple[Nursery, str | None]:
    """A child has exited; the run that it had, if any."""
    if pid == nursery.idle:
        return replace(nursery, idle=None, fork_at=now + RETRY_SECONDS), None
    running = {other: run_id for other, run_id in nursery.running.items() if other != pid}
    return replace(nursery, running=running), nursery.running.get(pid)
