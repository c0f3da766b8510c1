"""Keeps the parts of an instance running: starts what it can at once, restarts what ends, stops in reverse."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace

from analytics_platform.errors import PlatformError
from analytics_platform.local.instance import PartRecord, PartState
from analytics_platform.local.process import Part, launch, stop

SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0  # a killed part must be healthy again within a minute, whatever it did before
STEADY_SECONDS = 30.0  # up for so long, a part has earned the shortest pause again
START_SECONDS = 60.0  # a part that has not answered by then is killed and started again
STOP_SECONDS = 12.0  # then SIGKILL; Dagster's daemon first waits for the planner's tick


def nothing() -> None:
    """The preparation of a part that needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A part and its place: it starts when all of `after` are up; `prepare` runs just before.

    `finish` runs once it answers, before others count on it. A task ends by itself; others may need that it has ended
    well. It is left out where `is_done` says so.
    """

    part: Part
    after: tuple[str, ...] = ()
    is_task: bool = False
    is_done: Callable[[], bool] = lambda: False
    prepare: Callable[[], None] = nothing
    finish: Callable[[], None] = nothing
    before_stop: Callable[[], None] = nothing
    address: str = ""


@dataclass(slots=True)
class Supervised:
    """A member and how it is doing."""

    member: Member
    state: PartState = PartState.WAITING
    process: subprocess.Popen[bytes] | None = None
    since: float = 0.0
    pause: float = SHORTEST_PAUSE_SECONDS
    restarts: int = 0
    reason: str = ""

    @property
    def name(self) -> str:
        """The part's name."""
        return self.member.part.name

    @property
    def record(self) -> PartRecord:
        """What the instance's record says of it."""
        pid = self.process.pid if self.process else None
        return PartRecord(
            state=self.state, pid=pid, address=self.member.address, restarts=self.restarts, reason=self.reason
        )


Listener = Callable[[str, Mapping[str, object]], None]


@dataclass(slots=True)
class Supervisor:
    """The members in order of dependence; `tell` hears every change as an event with its facts."""

    members: Sequence[Member]
    tell: Listener
    clock: Callable[[], float] = time.monotonic
    parts: dict[str, Supervised] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parts = {member.part.name: Supervised(member) for member in self.members}

    @property
    def is_healthy(self) -> bool:
        """Whether every part answers and every task has ended well."""
        return all(part.state in (PartState.UP, PartState.DONE) for part in self.parts.values())

    def tick(self) -> None:
        """Look at each part once and do what is due; never waits."""
        for part in self.parts.values():
            match part.state:
                case PartState.WAITING:
                    self._start_when_due(part)
                case PartState.DOWN if self.clock() - part.since >= part.pause:
                    self._start_when_due(part)
                case PartState.STARTING:
                    self._look_at_start(part)
                case PartState.UP:
                    self._look_at_running(part)

    def stop(self) -> None:
        """Stop all, those first that depend on others."""
        for group in reversed(stages(self.members)):
            with ThreadPoolExecutor() as pool:
                ending = {pool.submit(_stop, self.parts[name]): self.parts[name] for name in group}
                for ended in as_completed(ending):  # told here, one by one: two threads cannot write one record
                    ended.result()
                    self._enter(ending[ended], PartState.STOPPED)

    def _start_when_due(self, part: Supervised) -> None:
        if any(self.parts[name].state not in (PartState.UP, PartState.DONE) for name in part.member.after):
            return
        try:
            part.member.prepare()
            if part.member.is_task and part.member.is_done():
                self._enter(part, PartState.DONE)
                return
            part.process = launch(part.member.part)
        except PlatformError as error:
            self._fail(part, str(error))
            return
        self._enter(part, PartState.STARTING)

    def _look_at_start(self, part: Supervised) -> None:
        code = part.process.poll() if part.process else 1
        if part.member.is_task and code is None:
            return  # it takes as long as it takes
        if part.member.is_task and code == 0:
            self._enter(part, PartState.DONE)
        elif code is not None:
            self._fail(part, f"ended with {code} while starting")
        elif part.member.part.ready():
            self._finish(part)
        elif self.clock() - part.since > START_SECONDS:
            self._kill(part)
            self._fail(part, f"did not answer in {START_SECONDS:.0f} s")

    def _finish(self, part: Supervised) -> None:
        try:
            part.member.finish()
        except PlatformError as error:
            self._kill(part)
            self._fail(part, str(error))
            return
        self._enter(part, PartState.UP)

    def _kill(self, part: Supervised) -> None:
        if part.process is not None:
            stop(part.process, replace(part.member.part, stop_signal=signal.SIGKILL), STOP_SECONDS)

    def _look_at_running(self, part: Supervised) -> None:
        code = part.process.poll() if part.process else 1
        if code is None:
            return
        if self.clock() - part.since > STEADY_SECONDS:
            part.pause = SHORTEST_PAUSE_SECONDS
        self._fail(part, f"ended with {code}")

    def _fail(self, part: Supervised, reason: str) -> None:
        part.restarts, part.reason = part.restarts + 1, reason
        self._enter(part, PartState.DOWN, reason=reason, again_in_seconds=part.pause)
        part.pause = min(part.pause * 2, LONGEST_PAUSE_SECONDS)

    def _enter(self, part: Supervised, state: PartState, **facts: object) -> None:
        part.state, part.since = state, self.clock()
        if state in (PartState.UP, PartState.DONE):
            part.reason = ""
        pid = part.process.pid if part.process else None
        self.tell(f"part.{state}", {"part": part.name, "pid": pid, "address": part.member.address, **facts})


def _stop(part: Supervised) -> None:
    if part.process is not None:
        part.member.before_stop()
        stop(part.process, part.member.part, STOP_SECONDS)


def stages(members: Sequence[Member]) -> list[list[str]]:
    """Names in groups: each needs only groups before its own. Pure."""
    depth: dict[str, int] = {}
    for member in members:
        depth[member.part.name] = 1 + max((depth[name] for name in member.after), default=-1)
    return [[name for name, at in depth.items() if at == level] for level in sorted(set(depth.values()))]
