"""`ap demo`: the machinery of `ap up`, bounded, in a folder of its own that is thrown away."""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from analytics_platform.errors import LocalError
from analytics_platform.ledger.postgres import dirty, timers
from analytics_platform.local.blueprint import AUCTION_HOUSE, Blueprint, UpOptions, choose_ports, draw, our_process
from analytics_platform.local.cpu import python_cpu_seconds
from analytics_platform.local.demo_figures import figures
from analytics_platform.local.instance import PartState, owning, save_instance
from analytics_platform.local.leftovers import end_leftovers, find_leftovers
from analytics_platform.local.log import Collector, last_lines
from analytics_platform.local.ports import Reservations
from analytics_platform.local.progress import Observer, Progress
from analytics_platform.local.supervisor import Member, Supervisor
from analytics_platform.local.waiting import pause
from analytics_platform.postgres import connect
from analytics_platform.products import catalog
from analytics_platform.security.cluster import cluster_of
from analytics_platform.security.parts import PartName
from analytics_platform.settings import Settings, read_settings

TICK_SECONDS = 0.05
LOOK_SECONDS = 0.5
STALL_SECONDS = 180.0  # without any progress, something is broken
PATIENCE_SECONDS = 5.0
PRODUCER = "producer"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How many events, and which share of them is planted with a fault."""

    events: int = 200_000
    seed: int = 1
    late: float = 0.0
    out_of_order: float = 0.0
    duplicates: float = 0.0
    conflicts: float = 0.0
    malformed: float = 0.0
    keep: bool = False

    @property
    def producer_arguments(self) -> list[str]:
        """The same, as the auction house takes it."""
        shares = {
            "--late": self.late,
            "--out-of-order": self.out_of_order,
            "--duplicates": self.duplicates,
            "--conflicts": self.conflicts,
            "--malformed": self.malformed,
        }
        told = [f"{option}={share}" for option, share in shares.items()]
        return ["--flat-out", f"--events={self.events}", f"--seed={self.seed}", *told]


@dataclass(slots=True)
class Demo:
    """One demo while it runs."""

    settings: Settings
    blueprint: Blueprint
    say: Callable[[str], None]
    began: float
    supervisor: Supervisor = field(init=False)
    looked_at: float = 0.0
    moved_at: float = field(default_factory=time.monotonic)
    last: Progress | None = None
    has_ended: bool = False  # the end of every stream is recorded

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.blueprint.members, self._heard)

    def run(self) -> Progress:
        """Until everything produced is published and no timer is left; LocalError when nothing moves any more."""
        collector = Collector(self.settings.state_dir)
        observer = Observer(
            cluster=cluster_of(self.blueprint.settings, PartName.OPERATOR),
            ledger_dsn=self.blueprint.settings.ledger_dsn,
            dagster_dsn=self.blueprint.dagster_dsn,
            streams=self.blueprint.streams,
        )
        with observer:
            while True:
                self.supervisor.tick()
                self._require_progress()
                if self.supervisor.is_healthy or self._is_up("daemon"):
                    progress = self._look(observer, collector)
                    if progress is not None and self._is_done(progress):
                        return progress
                pause(TICK_SECONDS)

    def _look(self, observer: Observer, collector: Collector) -> Progress | None:
        if time.monotonic() - self.looked_at < LOOK_SECONDS:
            return None
        self.looked_at = time.monotonic()
        collector.collect()
        progress = observer.look()
        if self.last is None or (progress.offsets, progress.lag) != (self.last.offsets, self.last.lag):
            self.moved_at = time.monotonic()
            done = progress.offsets - progress.lag
            self.say(f"{time.monotonic() - self.began:6.1f} s  {progress.offsets:,} produced, {done:,} published")
        self.last = progress
        return progress

    def _is_done(self, progress: Progress) -> bool:
        if self.supervisor.parts[PRODUCER].state != PartState.DONE or progress.unreachable or progress.lag:
            return False
        streams, models = sorted(catalog().streams), sorted(catalog().models)
        with connect(self.blueprint.settings.ledger_dsn, application="ap demo") as ledger:
            if not self.has_ended:
                for stream in streams:
                    timers.end_stream(ledger, stream)
                self.has_ended = True
            return not dirty.is_any(ledger, models) and not timers.first_due(ledger, models)

    def _require_progress(self) -> None:
        producer = self.supervisor.parts[PRODUCER]
        if producer.restarts:
            said = " ".join(last_lines(self.settings.state_dir, PRODUCER, 3))
            raise LocalError("demo", f"the producer failed: {said}", f"see {self.settings.state_dir}/logs")
        if time.monotonic() - self.moved_at > STALL_SECONDS:
            raise LocalError("demo", f"nothing moved for {STALL_SECONDS:.0f} s", "again with --keep, then `ap logs`")

    def _heard(self, event: str, facts: Any) -> None:
        self.moved_at = time.monotonic()
        if event in ("part.up", "part.down"):
            self.say(f"{time.monotonic() - self.began:6.1f} s  {facts['part']}: {facts.get('reason', 'up')}")

    def _is_up(self, name: str) -> bool:
        return self.supervisor.parts[name].state == PartState.UP


def run_demo(options: DemoOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """Produce, publish, compare; returns the figures. The folder is deleted unless kept."""
    if find_spec(AUCTION_HOUSE) is None:
        raise LocalError("demo", "this project has no auction house", "`ap up`, and produce events of your own")
    began = time.monotonic()
    ours = read_settings()
    folder = Path(tempfile.mkdtemp(prefix="ap-demo-"))
    settings = replace(ours, state_dir=folder, table_dir=folder / "tables", key_dir=folder / "keys", retention_hours=0)
    reservations = Reservations()
    try:
        with owning(folder):
            ports = choose_ports(settings.base_port, {}, reservations)
            return _run(settings, options, ports, say, began)
    finally:
        end_leftovers(find_leftovers(folder), PATIENCE_SECONDS)
        reservations.release()
        if options.keep:
            say(f"kept {folder}: AP_STATE_DIR={folder} ap up --no-producer shows it")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _run(
    settings: Settings, options: DemoOptions, ports: dict[str, int], say: Callable[[str], None], began: float
) -> dict[str, Any]:
    nothing_optional = UpOptions(with_producer=False, with_webserver=False, with_service=False)
    blueprint = draw(settings, nothing_optional, ports, say, named=frozenset())
    save_instance(settings.state_dir, blueprint.instance)
    members = [*blueprint.members, _producer(blueprint, options)]
    demo = Demo(settings, replace(blueprint, members=members), say, began)
    try:
        last = demo.run()
        wall, cpu = time.monotonic() - began, python_cpu_seconds(settings.state_dir)
        found = figures(blueprint.settings, catalog(), settings.state_dir / "truth", last)
        produced = json.loads(_summary(settings).read_text())
        seconds = {"wall_seconds": round(wall, 1), "cpu_seconds": round(cpu, 1)}
        return {**found, **seconds, "producer_cpu_seconds": produced["cpu_seconds"]}
    finally:
        demo.supervisor.stop()


def _summary(settings: Settings) -> Path:
    return settings.state_dir / "produced.json"


def _producer(blueprint: Blueprint, options: DemoOptions) -> Member:
    truth = blueprint.settings.state_dir / "truth"
    places = [f"--truth={truth}", f"--summary={_summary(blueprint.settings)}"]
    arguments = [*options.producer_arguments, *places]
    argv: Sequence[str] = (sys.executable, "-m", AUCTION_HOUSE, *arguments)
    part = our_process(blueprint.settings, blueprint.instance.ports, PRODUCER, argv)
    return Member(part=part, after=("daemon",), is_task=True)
