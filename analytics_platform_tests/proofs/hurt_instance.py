"""A running instance whose daemon and broker are killed at random moments while a bounded producer goes on."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from analytics_platform.ledger.postgres.timers import end_stream
from analytics_platform_tests.proofs.instances import DrivenInstance, kill, pause
from analytics_platform_tests.proofs.reconciliation import broker_spans
from analytics_platform_tests.proofs.report import ROOT, Report
from analytics_platform_tests.proofs.scenarios import LEFT, STREAMS, Content, table_content

EVENTS = 200_000
RATE = 700
VICTIMS = ("daemon", "broker")
BACK_SECONDS, DRAIN_SECONDS = 120.0, 600.0
FRONTIER = "select partition, next_offset from frontier where stream = %s"


class HurtInstance:
    """One instance, its producer, and what was killed in it."""

    def __init__(self, folder: Path, report: Report, *, seed: int, shares: Mapping[str, float]) -> None:
        self.folder, self.report = folder, report
        self.arguments = [f"--events={EVENTS}", f"--seed={seed}", *(f"--{n}={share}" for n, share in shares.items())]
        self.kills: Counter[str] = Counter()
        self.idle_kills: list[int] = []
        self.instance = DrivenInstance(
            clone=ROOT,
            state_dir=folder / "state",
            jars=ROOT / ".state" / "jars",
            base_port=5300,
            settings={"AP_RETENTION_HOURS": "0"},
        )
        self.producer: subprocess.Popen[bytes] | None = None

    @property
    def tables(self) -> Path:
        """Where the tables are."""
        return self.folder / "state" / "tables"

    def clean_content(self) -> Content:
        """What a demo over the same events leaves."""
        self.report.step(f"a clean run over the same {EVENTS} events: ap demo")
        clean = self.folder / "clean"
        clean.mkdir(parents=True)
        subprocess.run(
            [sys.executable, "-m", "analytics_platform.cli", "demo", *self.arguments, "--keep", "--json"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(clean)},
            check=True,
            capture_output=True,
        )
        (demo,) = clean.glob("ap-demo-*")
        return table_content(demo / "tables")

    @contextmanager
    def running(self) -> Generator[None]:
        """From up to down; the producer ends with it."""
        try:
            self.report.step("ap up --no-producer")
            self.instance.up("--no-producer")
            yield
        finally:
            if self.producer is not None and self.producer.poll() is None:
                self.producer.kill()
            self.instance.ap("down")
            left = self.instance.processes()
            self.report.claim(f"no process is left {left or ''}".rstrip(), not left)

    def start_producing(self) -> None:
        """The bounded producer, at a rate."""
        self.report.step(f"produces {EVENTS} events, {RATE} a second")
        arguments = [*self.arguments, f"--truth={self.folder / 'truth'}", f"--rate={RATE}"]
        with (self.folder / "producer.log").open("wb") as log:
            self.producer = subprocess.Popen(
                [sys.executable, "-m", "analytics_platform.local.auction_house", *arguments],
                cwd=ROOT,
                env={**os.environ, "AP_STATE_DIR": str(self.folder / "state")},
                stdout=log,
                stderr=log,
            )

    def kill_at_a_random_moment(self, number: int, chance: random.Random) -> None:
        """Wait a random while, kill one of the two, wait until it is started again."""
        wait, victim = chance.uniform(0.2, 6.0), VICTIMS[number % 2] if number <= 10 else chance.choice(VICTIMS)
        pause(wait)
        if self.producer is not None and self.producer.poll() is not None and self._is_drained():
            self.idle_kills.append(number)
        pid = self.instance.pids()[victim]
        self.report.step(f"kill {number}: -9 {victim}, after {wait:.2f} s")
        kill(pid)
        self.kills[victim] += 1
        _await(lambda: self._is_back(victim, pid), BACK_SECONDS, f"{victim} to come back")

    def drain(self) -> None:
        """Until every record is published, every timer has fired and nothing is dirty."""
        assert self.producer is not None
        code = self.producer.wait(DRAIN_SECONDS)
        self.report.claim(f"the producer ended in order ({code})", code == 0)
        _await(self._is_drained, DRAIN_SECONDS, "the frontier to reach the broker's end")
        with self.instance.ledger() as ledger:
            for stream in STREAMS:
                end_stream(ledger, stream)
        _await(self._nothing_left, DRAIN_SECONDS, "batches, grains and timers to be worked off")

    def _is_back(self, victim: str, before: int) -> bool:
        try:
            part = self.instance.record()["parts"][victim]
        except (json.JSONDecodeError, KeyError, OSError):
            return False
        return part["state"] == "up" and part["pid"] != before

    def _is_drained(self) -> bool:
        bootstrap = self.instance.kafka()
        with self.instance.ledger() as ledger:
            for stream in STREAMS:
                ends = {p: end for p, (_, end) in broker_spans(bootstrap, stream).items() if end}
                if dict(ledger.execute(FRONTIER, [stream]).fetchall()) != ends:
                    return False
        return True

    def _nothing_left(self) -> bool:
        with self.instance.ledger() as ledger:
            row = ledger.execute(LEFT).fetchone()
        return row is not None and row[0] == 0


def _await(done: Callable[[], bool], seconds: float, what: str) -> None:
    for _ in range(int(seconds * 4)):
        if done():
            return
        pause(0.25)
    raise TimeoutError(f"waited {seconds:.0f} s for {what}")
