"""`ap up`: one loop that keeps an instance's parts running until it is told to stop."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics_platform.errors import PlatformError
from analytics_platform.local.blueprint import Blueprint, UpOptions, choose_ports, draw, named_in_environment
from analytics_platform.local.disk import DiskGuard
from analytics_platform.local.first_gold import FirstGold, soonest_model
from analytics_platform.local.instance import (
    Instance,
    PartState,
    load_instance,
    now_text,
    owning,
    save_instance,
    stopped,
)
from analytics_platform.local.leftovers import end_leftovers, find_leftovers
from analytics_platform.local.log import Collector, last_lines
from analytics_platform.local.ports import Reservations
from analytics_platform.local.progress import Observer, Progress
from analytics_platform.local.statusline import rate, status_line
from analytics_platform.local.supervisor import Supervisor
from analytics_platform.products import catalog
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.core_files import forbid_core_files
from analytics_platform.security.parts import PartName
from analytics_platform.settings import read_settings

TICK_SECONDS = 0.1
LOOK_SECONDS, REST_SECONDS = 1.0, 3.0  # while something comes, and while nothing does
DISK_SECONDS = 5.0
LEFTOVER_SECONDS = 5.0
LOCAL_RETENTION_HOURS = 24  # a laptop is no archive; the broker's own retention is the same
PROGRESS_FILE = "progress.json"

Say = Callable[[str, Mapping[str, object]], None]


class AlreadyUpError(PlatformError):
    """Another supervisor runs this very instance."""


@dataclass(slots=True)
class Run:
    """A running instance: its supervisor, its log, and what it last saw of itself."""

    state_dir: Path
    blueprint: Blueprint
    say: Say
    started_at: str = field(default_factory=now_text)
    stopping: threading.Event = field(default_factory=threading.Event)
    last: Progress | None = None
    events_per_second: float = 0.0
    collector: Collector = field(init=False)
    supervisor: Supervisor = field(init=False)
    observer: Observer = field(init=False)
    guard: DiskGuard = field(init=False)
    gold: FirstGold = field(init=False)

    def __post_init__(self) -> None:
        self.collector = Collector(self.state_dir)
        self.supervisor = Supervisor(self.blueprint.members, self.tell)
        self.observer = Observer(
            cluster=cluster_of(self.blueprint.settings, PartName.OPERATOR),
            ledger_dsn=self.blueprint.settings.ledger_dsn,
            dagster_dsn=self.blueprint.dagster_dsn,
            streams=self.blueprint.streams,
        )
        self.guard = DiskGuard(
            state_dir=self.state_dir,
            least_percent=self.blueprint.settings.least_free_percent,
            ledger_dsn=self.blueprint.settings.ledger_dsn,
            tell=self.tell,
        )
        environment = {**os.environ, **self.blueprint.instance.environment}
        self.gold = FirstGold(soonest_model(catalog()), environment, self.state_dir)

    def tell(self, event: str, facts: Mapping[str, object]) -> None:
        """A change: into the log, into the record, and to whoever watches."""
        bad = event in ("part.down", "part.killed", "disk.low")
        entry = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": "WARNING" if bad else "INFO"}
        self.collector.write({**entry, "logger": __name__, "process": "supervisor", "event": event, **facts})
        self.record()
        self.say(event, facts)

    def record(self) -> None:
        """Write down what runs."""
        save_instance(self.state_dir, self._instance)

    @property
    def _instance(self) -> Instance:
        parts = {name: part.record for name, part in self.supervisor.parts.items()}
        return replace(self.blueprint.instance, parts=parts, started_at=self.started_at)

    def loop(self) -> None:
        """Run until told to stop; then stop everything, in reverse order."""
        looked_at = dict.fromkeys((self._look, self._look_at_disk), 0.0)
        try:
            while not self.stopping.wait(TICK_SECONDS):
                self.supervisor.tick()
                for look, every in ((self._look, self._pace), (self._look_at_disk, DISK_SECONDS)):
                    if time.monotonic() - looked_at[look] >= every:
                        look()
                        looked_at[look] = time.monotonic()
        finally:
            self._stop()

    @property
    def _pace(self) -> float:
        """Seconds between two looks: an idle platform idles."""
        seen = self.last
        is_at_rest = seen is not None and not (seen.lag or seen.unreachable or self.events_per_second)
        return REST_SECONDS if is_at_rest else LOOK_SECONDS

    def _look(self) -> None:
        self.collector.collect()
        if not self._is_up("postgres") or not self._is_up("broker"):
            return
        progress = self.observer.look()
        if self.last is not None:
            self.events_per_second = rate(self.last, progress)
        self.last = progress
        seen = {"at": progress.at.isoformat(), "events_per_second": round(self.events_per_second, 1)}
        (self.state_dir / PROGRESS_FILE).write_text(json.dumps(seen))
        line = status_line(progress, self.events_per_second, self._not_up())
        self.say("progress", {"line": line, "progress": progress})
        if progress.fresh_seconds is not None and (row := self.gold.look()):
            self.tell("gold.first", {"row": row})

    def _look_at_disk(self) -> None:
        if self._is_up("postgres"):
            try:
                self.guard.look()
            except PlatformError as error:
                self.tell("disk.unguarded", {"reason": str(error)})

    def _is_up(self, name: str) -> bool:
        part = self.supervisor.parts.get(name)
        return part is None or part.state == PartState.UP  # not ours: somebody else keeps it up

    def _not_up(self) -> dict[str, str]:
        fine = (PartState.UP, PartState.DONE)
        return {name: str(part.state) for name, part in self.supervisor.parts.items() if part.state not in fine}

    def _stop(self) -> None:
        self.tell("instance.stopping", {})
        self.observer.close()
        self.gold.close()
        try:
            self.supervisor.stop()
        finally:
            end_leftovers(find_leftovers(self.state_dir), LEFTOVER_SECONDS)  # run workers outlive their code server
        self.collector.collect()
        save_instance(self.state_dir, stopped(self._instance))
        self.say("instance.stopped", {})


def run_instance(state_dir: Path, options: UpOptions, say: Say) -> None:
    """Run an instance in the foreground until SIGINT or SIGTERM; raises AlreadyUpError."""
    reservations = Reservations()
    with owning(state_dir) as owned:
        if not owned:
            raise AlreadyUpError(f"the instance in {state_dir} is up already; `ap status` shows it")
        _recover(state_dir, say)
        forbid_core_files()
        run = Run(state_dir, _draw(state_dir, options, reservations, say), say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: run.stopping.set())
        try:
            run.tell("instance.starting", {"state_dir": str(state_dir)})
            run.loop()
        finally:
            reservations.release()


def _draw(state_dir: Path, options: UpOptions, reservations: Reservations, say: Say) -> Blueprint:
    """The blueprint of this start: ports as at the last one where they are free, settings read anew."""
    earlier = load_instance(state_dir)
    save_instance(state_dir, replace(earlier, environment={}))  # else what an earlier start was told would stay
    settings, named = read_settings(), named_in_environment()
    if "retention_hours" not in named:
        settings = replace(settings, retention_hours=LOCAL_RETENTION_HOURS)
    kept = {} if options.base_port else earlier.ports
    ports = choose_ports(options.base_port or settings.base_port, kept, reservations)
    return draw(settings, options, ports, lambda line: say("note", {"line": line}), named)


def _recover(state_dir: Path, say: Say) -> None:
    """End what an instance whose supervisor was killed left running; its data is continued."""
    leftovers = find_leftovers(state_dir)
    if leftovers:
        names = sorted({leftover.part for leftover in leftovers})
        say("instance.recovering", {"parts": ", ".join(names), "processes": len(leftovers)})
        end_leftovers(leftovers, LEFTOVER_SECONDS)


def failing_parts(state_dir: Path) -> list[dict[str, Any]]:
    """Parts that keep ending, with why, and the last they said."""
    parts = load_instance(state_dir).parts.items()
    return [
        {"part": name, "restarts": part.restarts, "reason": part.reason, "said": last_lines(state_dir, name, 3)}
        for name, part in parts
        if part.reason
    ]
