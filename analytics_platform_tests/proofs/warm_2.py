"""A thousand events a second for five minutes: how long until an event's row is read in gold.

The auction house keeps three streams busy; probes in between, each through a channel of its own, are read back by a
stock reader.
"""

import json
import random
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from analytics_platform_tests.proofs.instances import DrivenInstance, pause
from analytics_platform_tests.proofs.lone_events import Arrival, LoneEvents, added_partition, quantile
from analytics_platform_tests.proofs.report import ROOT, Report

RATE = 1_000
SECONDS = 300.0
SETTLED_SECONDS = 30.0  # the first leases read what gathered while the instance started
LEAST_PROBES = 300
APART = (0.5, 1.0)  # seconds between probes, whether the one before has arrived or not
MOST_P50, MOST_P99 = 0.7, 1.5
BATCH_OF = "select number, planned_at from batch where stream = 'bids' and planned_at >= %s order by number limit 1"
READ = "select coalesce(sum((body ->> 'rows')::bigint), 0) from manifest where published_at between %s and %s"


def prove(report: Report) -> None:
    """Load, probes, and where the time went."""
    rng = random.Random(report.seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warm2-")))
        instance = DrivenInstance(clone=ROOT, state_dir=folder, jars=ROOT / ".state" / "jars", base_port=5700)
        report.step(f"ap up --detach --rate {RATE}")
        stack.callback(instance.ap, "down")
        instance.up("--rate", str(RATE))
        pause(SETTLED_SECONDS)
        broker, ledger = instance.kafka(), instance.setting("ledger_dsn")
        events = LoneEvents(broker, ledger, folder / "tables", added_partition(broker))
        stack.callback(events.close)
        report.step(f"probes for {SECONDS:.0f} s")
        arrivals: list[Arrival] = []
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            events.send()
            until_next = time.monotonic() + rng.uniform(*APART)
            arrivals += events.wait(until_next - time.monotonic())
            pause(max(0.0, until_next - time.monotonic()))
        arrivals += events.wait()
        _judge(report, instance, arrivals)
        cycles = _cycles(folder / "logs" / "worker.log")
        report.figure("cycle_seconds", _stages(cycles, arrivals))
        report.figure("timeline_of_the_median", _timeline(instance, cycles, arrivals))


def _judge(report: Report, instance: DrivenInstance, arrivals: list[Arrival]) -> None:
    seconds = [arrival.seconds for arrival in arrivals]
    span = arrivals[-1].produced_at - arrivals[0].produced_at
    with instance.ledger() as ledger:
        row = ledger.execute(READ, [arrivals[0].produced_at, arrivals[-1].produced_at]).fetchone()
    rate = float(row[0] if row else 0) / span.total_seconds()
    figures = {f"p{share}": round(quantile(seconds, share / 100), 3) for share in (10, 50, 90, 99)}
    report.figure("seconds", {"probes": len(seconds), **figures, "max": round(max(seconds), 3)})
    report.figure("events_per_second", round(rate))
    report.claim(f"{RATE} events a second were published", rate > 0.95 * RATE)
    report.claim(f"at least {LEAST_PROBES} probes", len(seconds) >= LEAST_PROBES)
    report.claim(f"p50 ≤ {MOST_P50} s", quantile(seconds, 0.5) <= MOST_P50)
    report.claim(f"p99 ≤ {MOST_P99} s", quantile(seconds, 0.99) <= MOST_P99)


def _cycles(log: Path) -> list[dict[str, Any]]:
    """What the workers logged of their cycles."""
    return [json.loads(line) for line in log.read_text().splitlines() if '"cycle.published"' in line]


def _stages(cycles: list[dict[str, Any]], arrivals: list[Arrival]) -> dict[str, Any]:
    """Of the cycles meanwhile, by stage the median, and how far apart they were."""
    first = arrivals[0].produced_at.isoformat()
    entries = [entry for entry in cycles if entry["time"] >= first]
    stages = {name: statistics.median(e["seconds"][name] for e in entries) for name in entries[-1]["seconds"]}
    whole = [sum(entry["seconds"].values()) for entry in entries]
    slowest = {"p50": round(quantile(whole, 0.5), 3), "p99": round(quantile(whole, 0.99), 3)}
    span = (arrivals[-1].produced_at - arrivals[0].produced_at).total_seconds()
    return {"cycles": len(entries), "apart": round(span / len(entries), 3), "a cycle": slowest, **stages}


def _timeline(instance: DrivenInstance, cycles: list[dict[str, Any]], arrivals: list[Arrival]) -> dict[str, Any]:
    """Where the time of the median event went: seconds since it was produced, and those of its cycle by stage."""
    median = sorted(arrivals, key=lambda arrival: arrival.seconds)[len(arrivals) // 2]
    with instance.ledger() as ledger:
        row = ledger.execute(BATCH_OF, [median.produced_at]).fetchone()
    number, planned_at = row if row else (None, median.produced_at)
    stages = next((entry["seconds"] for entry in cycles if f"bids/{number}" in entry["batches"]), {})
    planned = (planned_at - median.produced_at).total_seconds()
    return {"planned": round(planned, 3), "its cycle": stages, "readable": round(median.seconds, 3)}
