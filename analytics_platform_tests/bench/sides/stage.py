"""What every side has in common: it gets ready, waits for its turn, works, and says what that took."""

import cProfile
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AVRO_SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "bids" / "value" / "1.avsc"
SAYS = "bench: "  # in front of what is meant for the runner: a JVM writes to the same output
PREFIX_BYTES = 5  # in front of each value: the schema's id, as Confluent's clients write it


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a side is asked to do: read `events` records of a topic; `folder` is empty and its own.

    `authority` is a file with what to trust where the broker speaks TLS, `profile` one to write a profile into; each is
    empty where there is none.
    """

    bootstrap: str
    authority: str
    topic: str
    encoding: str
    events: int
    folder: Path
    dsn: str
    profile: str = ""

    @property
    def kafka_python(self) -> dict[str, str]:
        """What a client of kafka-python is told besides the address."""
        return {"security_protocol": "SSL", "ssl_cafile": self.authority} if self.authority else {}

    @property
    def librdkafka(self) -> dict[str, str]:
        """What a client of librdkafka, hence confluent-kafka, is told besides the address."""
        return {"security.protocol": "SSL", "ssl.ca.location": self.authority} if self.authority else {}


def task() -> Task:
    """The task as the runner wrote it, in JSON, into the first argument."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    given["folder"] = Path(given["folder"])
    return Task(**given)


def cpu_of_self() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def perform(given: Task, work: Callable[[], int], cpu_seconds: Callable[[], float] = cpu_of_self) -> None:
    """Do the work when the runner says so, and tell it how many events that were, in which wall and CPU seconds."""
    _say("ready")
    sys.stdin.readline()
    wall, cpu = time.perf_counter(), cpu_seconds()
    events = _profiled(work, given.profile) if given.profile else work()
    done = {"events": events, "wall": time.perf_counter() - wall, "cpu": cpu_seconds() - cpu}
    _say(json.dumps(done))
    sys.stdin.readline()  # the runner looks at this process once more


def _profiled(work: Callable[[], int], file: str) -> int:
    """Do it while every function of this thread is timed by the CPU that it takes."""
    profile = cProfile.Profile(time.thread_time)
    try:
        return profile.runcall(work)
    finally:
        profile.dump_stats(file)


def _say(line: str) -> None:
    sys.stdout.write(f"{SAYS}{line}\n")
    sys.stdout.flush()
