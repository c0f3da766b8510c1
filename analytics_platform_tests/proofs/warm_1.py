"""A lone event until its row is read in gold, warm and stock in one run, alternating.

Two instances with all defaults on, on one machine; one has `AP_STOCK=true` besides. Each event comes when the lease of
the one before is over, so that it needs a run of its own.
"""

import json
import random
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from analytics_platform_tests.proofs.instances import DrivenInstance, pause
from analytics_platform_tests.proofs.lone_events import Arrival, LoneEvents, quantile
from analytics_platform_tests.proofs.report import ROOT, Report

EVENTS = 300  # the least of which a 99th percentile is named
STOCK_EVERY = 10
WARM_UP = 3
QUIET = (2.8, 3.6)  # seconds from one row to the next event: a lease ends after 2 s of silence, and tells Dagster of it
MOST_P50, MOST_P99 = 1.0, 2.0
STAGES = """
select dagster_event_type, min(extract(epoch from timestamp)), max(event) from event_logs
 where run_id = %s and dagster_event_type is not null group by 1"""
RUN_OF = (
    "select run_id, extract(epoch from create_timestamp) from runs where create_timestamp >= %s order by id limit 1"
)
PLANNED = "select extract(epoch from min(planned_at)) from batch where planned_at >= %s"
PUBLISHED = "select extract(epoch from min(published_at)) from manifest where published_at >= %s"  # kept for good


def prove(report: Report) -> None:
    """Both instances up; events to one, and now and then to the other."""
    rng = random.Random(report.seed)
    with ExitStack() as stack:
        warm, stock = (_instance(stack, report, name) for name in ("warm", "stock"))
        arrivals = _measure(report, rng, stack, warm, stock)
        _judge(report, arrivals)
        _timeline(report, warm, arrivals["warm"])
        _every_event_had_a_run(report, warm, arrivals["warm"])


def _instance(stack: ExitStack, report: Report, name: str) -> DrivenInstance:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"warm1-{name}-"))
    settings = {"AP_STOCK": "true"} if name == "stock" else {}
    port = 5400 if name == "stock" else 5300
    instance = DrivenInstance(
        clone=ROOT, state_dir=Path(folder), jars=ROOT / ".state" / "jars", base_port=port, settings=settings
    )
    report.step(f"ap up --detach --no-producer, {name}")
    stack.callback(instance.ap, "down")
    instance.up("--no-producer")
    return instance


def _events(stack: ExitStack, instance: DrivenInstance) -> LoneEvents:
    events = LoneEvents(instance.kafka(), instance.setting("ledger_dsn"), Path(instance.setting("table_dir")))
    stack.callback(events.close)
    return events


def _measure(
    report: Report, rng: random.Random, stack: ExitStack, warm: DrivenInstance, stock: DrivenInstance
) -> dict[str, list[Arrival]]:
    sources = {"warm": _events(stack, warm), "stock": _events(stack, stock)}
    for name, source in sources.items():
        report.step(f"{WARM_UP} events to warm up, {name}")
        for _ in range(WARM_UP):
            source.send_and_wait()
            pause(rng.uniform(*QUIET))
    report.step(f"{EVENTS} events, one at a time; every {STOCK_EVERY}th is followed by one on the stock instance")
    arrivals: dict[str, list[Arrival]] = {"warm": [], "stock": []}
    for number in range(1, EVENTS + 1):
        arrivals["warm"].append(sources["warm"].send_and_wait())
        if number % STOCK_EVERY == 0:
            arrivals["stock"].append(sources["stock"].send_and_wait())
            report.step(
                f"{number}: warm {arrivals['warm'][-1].seconds:.2f} s, stock {arrivals['stock'][-1].seconds:.2f} s"
            )
        pause(rng.uniform(*QUIET))
    return arrivals


def _judge(report: Report, arrivals: Mapping[str, list[Arrival]]) -> None:
    for name, found in arrivals.items():
        seconds = [arrival.seconds for arrival in found]
        figures = {f"p{share}": round(quantile(seconds, share / 100), 3) for share in (50, 90, 99)}
        report.figure(f"{name}_seconds", {"events": len(seconds), **figures, "max": round(max(seconds), 3)})
    warm, stock = ([arrival.seconds for arrival in arrivals[name]] for name in ("warm", "stock"))
    report.claim(f"{EVENTS} events were measured", len(warm) >= EVENTS)
    report.claim(f"p50 ≤ {MOST_P50} s", quantile(warm, 0.5) <= MOST_P50)
    report.claim(f"p99 ≤ {MOST_P99} s", quantile(warm, 0.99) <= MOST_P99)
    report.claim(
        "the stock launcher takes at least three times as long", quantile(stock, 0.5) > 3 * quantile(warm, 0.5)
    )


def _timeline(report: Report, warm: DrivenInstance, arrivals: list[Arrival]) -> None:
    """Where the time of the median event went, stage by stage."""
    median = sorted(arrivals, key=lambda arrival: arrival.seconds)[len(arrivals) // 2]
    report.figure("timeline_of_the_median", {"gold": round(median.seconds, 3), **_stages(warm, median)})


def _stages(warm: DrivenInstance, event: Arrival) -> dict[str, float]:
    began = event.produced_at
    with warm.ledger() as ledger, warm.dagster() as dagster:
        planned, published = (ledger.execute(query, [began]).fetchone() for query in (PLANNED, PUBLISHED))
        run = dagster.execute(RUN_OF, [began.replace(tzinfo=None)]).fetchone()
        rows = dagster.execute(STAGES, [run[0]]).fetchall() if run else []
    found: dict[str, Any] = {kind: at for kind, at, _ in rows}
    at: dict[str, Any] = {
        "planned": planned and planned[0],
        "run recorded": run and run[1],
        "run handed over": found.get("PIPELINE_STARTING"),
        "worker began": found.get("PIPELINE_START"),
        "step began": found.get("STEP_START"),
        "published": published and published[0],
    }
    return {name: round(float(seconds) - began.timestamp(), 3) for name, seconds in at.items() if seconds}


def _every_event_had_a_run(report: Report, warm: DrivenInstance, arrivals: list[Arrival]) -> None:
    """A figure that came from leases which were open anyway would be no lone event's."""
    first: datetime = arrivals[0].produced_at
    with warm.dagster() as dagster:
        row = dagster.execute(
            "select count(*) from runs where create_timestamp >= %s", [first.replace(tzinfo=None)]
        ).fetchone()
        cold = dagster.execute(
            "select count(*) from event_logs where event like '%%Warm worker not available%%'"
        ).fetchone()
    runs, started_cold = row[0] if row else 0, cold[0] if cold else 0
    report.figure("runs", {"runs": runs, "events": len(arrivals), "started cold": started_cold})
    report.claim("at least nine of ten events needed a run of their own", runs >= 0.9 * len(arrivals))
    report.claim("no run was started cold", started_cold == 0)
    report.figure("settings", json.loads(warm.ap("config", "show", "--json").stdout))
