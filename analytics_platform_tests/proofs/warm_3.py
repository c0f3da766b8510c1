"""What orchestration costs: three steady streams with 20 checks each for ten minutes, and a platform that idles."""

import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from analytics_platform_tests.proofs.instances import DrivenInstance, pause
from analytics_platform_tests.proofs.report import ROOT, Report

RATE = 300
SECONDS, MEASURED_SECONDS, SETTLED_SECONDS = 600, 120, 60
IDLE_MINUTES = 10  # contracts of tables are verified once in it: a run that starts cold
CHECKS = 20
MOST_SHARE, MOST_BYTES_A_DAY, MOST_IDLE = 0.10, 1e9, 0.05
STREAMS = ("auctions", "bids", "persons")
SUPERVISOR = "ap up"
TICKS = os.sysconf("SC_CLK_TCK")
CHECKED = """select count(distinct check_name) from asset_check_executions
 where asset_key like '["' || %s || '"%%' and execution_status = 'SUCCEEDED'"""
WRITTEN = """select count(*), coalesce(sum(pg_column_size(e.*)), 0) from event_logs e
 where timestamp >= now() at time zone 'utc' - make_interval(secs => %s)"""


def prove(report: Report) -> None:
    """The auction house, whose streams have more than 20 checks each; then the same without events."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warm3-")))
        instance = DrivenInstance(clone=ROOT, state_dir=place / "state", jars=ROOT / ".state" / "jars", base_port=5800)
        report.step(f"ap up --detach --rate {RATE}")
        stack.callback(instance.ap, "down")
        instance.up("--rate", str(RATE))
        pause(SETTLED_SECONDS)
        _steady(report, instance)
        report.step("down, and up again without events")
        instance.ap("down")
        instance.up("--no-producer")
        pause(SETTLED_SECONDS)
        _idle(report, instance)


def _steady(report: Report, instance: DrivenInstance) -> None:
    report.step(f"{SECONDS} s; over the last two minutes of them: ap status --orchestration")
    pause(SECONDS - MEASURED_SECONDS)
    before = _cpu(instance)
    said = json.loads(instance.ap("status", "--orchestration", f"--seconds={MEASURED_SECONDS}", "--json").stdout)
    ours = {part: used - before.get(part, 0.0) for part, used in _cpu(instance).items()}
    with instance.dagster() as dagster:
        checks = {s: dagster.execute(CHECKED, [s]).fetchone() for s in STREAMS}
        rows, size = dagster.execute(WRITTEN, [SECONDS]).fetchone() or (0, 0)
    report.figure("checks", {stream: row and row[0] for stream, row in checks.items()})
    report.figure("said", {name: said[name] for name in ("share", "cpu", "transactions", "leases", "worker_cpu")})
    report.figure("private_megabytes", said["private_megabytes"])
    per_row = said["bytes_on_disk_per_row"]
    a_day = rows * per_row * 86_400 / SECONDS
    arithmetic = f"{rows} rows in {SECONDS} s × {per_row:.0f} bytes on disk × {86_400 // SECONDS}"
    arithmetic += f" = {a_day / 1e6:.0f} MB a day"
    report.figure("event_log", {"arithmetic": arithmetic, "raw bytes of these rows": int(size)})
    total, seen = sum(said["cpu"].values()), sum(used for part, used in ours.items() if part != SUPERVISOR)
    report.figure("cpu_seconds", {"said": round(total, 1), "seen by us": round(seen, 1)})
    report.claim("each stream has at least 20 checks", all(row and row[0] >= CHECKS for row in checks.values()))
    report.claim("the CPU that it says is what the kernel counts", abs(total - seen) < 0.1 * seen)
    report.claim(f"orchestration ≤ {MOST_SHARE:.0%} of the CPU", said["share"] <= MOST_SHARE)
    report.claim(f"≤ {MOST_BYTES_A_DAY / 1e9:.0f} GB of event log a day", a_day <= MOST_BYTES_A_DAY)


def _idle(report: Report, instance: DrivenInstance) -> None:
    report.step(f"idle for {IDLE_MINUTES} minutes")
    began, seen = time.monotonic(), [_cpu(instance)]
    for _ in range(IDLE_MINUTES):
        pause(60)
        seen.append(_cpu(instance))
    spent = time.monotonic() - began
    used = {part: (now - seen[0].get(part, 0.0)) / spent for part, now in seen[-1].items()}
    report.figure("idle_share_of_a_core", {part: round(share, 4) for part, share in sorted(used.items())})
    minutes = [round((_without_broker(late) - _without_broker(early)) / 60, 4) for early, late in pairwise(seen)]
    report.figure("idle_share_by_minute", minutes)
    share = _without_broker(used)
    report.claim(f"idle, without the broker: {share:.1%} ≤ {MOST_IDLE:.0%} of a core", share <= MOST_IDLE)


def _without_broker(used: Mapping[str, float]) -> float:
    return sum(of_part for part, of_part in used.items() if part != "broker")


def _cpu(instance: DrivenInstance) -> dict[str, float]:
    """CPU seconds by part, with the children that each has waited for; of the supervisor without."""
    found: dict[str, float] = {}
    parts = {**instance.processes(), instance.record()["supervisor"]: SUPERVISOR}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # backends of Postgres write their titles over the mark: they are known by their parent
        part = parts.get(int(entry.name)) or ("postgres" if parts.get(int(fields[1])) == "postgres" else None)
        if part:
            own = fields[11:13] if part == SUPERVISOR else fields[11:15]
            found[part] = found.get(part, 0.0) + sum(map(int, own)) / TICKS
    return found
