"""What every side has in common: it gets ready, waits for its turn, works, and says what that took."""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AVRO_SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "bids" / "value" / "1.avsc"
PREFIX_BYTES = 5  # in front of each value: the schema's id, as Confluent's clients write it


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a side is asked to do: read `events` records of a topic; `folder` is empty and its own."""

    bootstrap: str
    topic: str
    encoding: str
    events: int
    folder: Path
    dsn: str
    kafka: dict[str, str]


def task() -> Task:
    """The task as the runner wrote it, in JSON, into the first argument."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    given["folder"] = Path(given["folder"])
    return Task(**given)


def perform(work: Callable[[], int]) -> None:
    """Do the work when the runner says so, and tell it how many events that were, in which wall and CPU seconds."""
    _say("ready")
    sys.stdin.readline()
    wall, cpu = time.perf_counter(), _cpu_seconds()
    events = work()
    done = {"events": events, "wall": time.perf_counter() - wall, "cpu": _cpu_seconds() - cpu}
    _say(json.dumps(done))
    sys.stdin.readline()  # the runner looks at this process once more


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
