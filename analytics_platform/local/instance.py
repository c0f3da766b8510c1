"""The instance in one state folder: what it was started with, what runs, and who may run it."""

import fcntl
import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from analytics_platform.local.waiting import pause
from analytics_platform.security.private_file import write_private
from analytics_platform.settings import instance_file

FIRST_START = "first-start"
MARKER = "AP_INSTANCE"  # in the environment of every process of an instance: its state folder
RETRY_SECONDS = 0.05
PART = "AP_PART"  # beside it: which part the process is


class PartState(StrEnum):
    """Where a part is."""

    WAITING = "waiting"  # for the parts it needs
    STARTING = "starting"
    UP = "up"
    DONE = "done"  # a task that has ended well
    DOWN = "down"  # ended; starts again after a pause
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord:
    """A part as the supervisor last saw it; `reason` is why it went down, until it is up again."""

    state: PartState = PartState.WAITING
    pid: int | None = None
    address: str = ""
    restarts: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What `instance.json` holds; `environment` is what settings are read from while it runs."""

    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    supervisor: int | None = None
    started_at: str = ""
    parts: Mapping[str, PartRecord] = field(default_factory=dict)


def load_instance(state_dir: Path) -> Instance:
    """The recorded instance; an empty one when none was ever started here or its record is unreadable."""
    try:
        raw = json.loads(instance_file(state_dir).read_text())
    except (OSError, ValueError):
        return Instance()
    return _instance_of(raw) if isinstance(raw, dict) else Instance()


def save_instance(state_dir: Path, instance: Instance) -> None:
    """Replace the record in one step, so that no reader ever sees half of it; only its owner sees any."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(instance_file(state_dir), json.dumps(asdict(instance), indent=1).encode())


def stopped(instance: Instance) -> Instance:
    """The same instance once nothing of it runs: its ports and environment are kept for the next start."""
    parts = {name: replace(part, state=PartState.STOPPED, pid=None) for name, part in instance.parts.items()}
    return replace(instance, supervisor=None, parts=parts)


@contextmanager
def owning(state_dir: Path) -> Generator[bool]:
    """Whether this process is now the one supervisor of the folder; the kernel ends the claim with the process."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state_dir / "supervisor.lock").open("a+") as file:
        owned = _try_lock(file, attempts=5)
        if owned:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield owned


def supervisor_pid(state_dir: Path) -> int | None:
    """The process that supervises this folder now, if any does."""
    path = state_dir / "supervisor.lock"
    if not path.exists():
        return None
    with path.open("a+") as file:
        if _try_lock(file):
            return None
        file.seek(0)
        text = file.read().strip()
    return int(text) if text.isdigit() else None


def first_hour(state_dir: Path) -> datetime:
    """The hour of the instance's first start, which no batch of it can precede; the first call writes it down."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state_dir / FIRST_START
    if not path.exists():
        path.write_text(datetime.now(UTC).replace(minute=0, second=0, microsecond=0).isoformat())
    return datetime.fromisoformat(path.read_text())


def now_text() -> str:
    """Now, as it is written into records."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _try_lock(file: IO[str], attempts: int = 1) -> bool:
    """Take the lock if nobody has it; more than one attempt, since looking whether it is held takes it too."""
    for attempt in range(attempts):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if attempt + 1 < attempts:
                pause(RETRY_SECONDS)
    return False


def _instance_of(raw: Mapping[str, Any]) -> Instance:
    parts = {
        name: PartRecord(
            state=PartState(part["state"]),
            pid=part["pid"],
            address=part["address"],
            restarts=part["restarts"],
            reason=part.get("reason", ""),
        )
        for name, part in raw.get("parts", {}).items()
    }
    return Instance(
        environment=raw.get("environment", {}),
        ports=raw.get("ports", {}),
        supervisor=raw.get("supervisor"),
        started_at=raw.get("started_at", ""),
        parts=parts,
    )
