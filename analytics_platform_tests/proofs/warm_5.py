"""The Runs page and the asset pages answer in time with 50,000 runs in Postgres."""

import json
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from analytics_platform_tests.proofs import webserver
from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.lone_events import LoneEvents
from analytics_platform_tests.proofs.long_history import copy_run
from analytics_platform_tests.proofs.report import ROOT, Report
from analytics_platform_tests.proofs.warm_4 import wait

RUNS = 50_000
MOST_SECONDS = 2.0
ASKED = 5  # times, of which the slowest counts
RUNS_PAGE = """query {pipelineRunsOrError(limit: 26) {... on Runs {results {runId status pipelineName startTime endTime
  tags {key value} assetSelection {path} hasReExecutePermission}}}
  queued: runsOrError(filter: {statuses: [QUEUED]}) {... on Runs {count}}
  running: runsOrError(filter: {statuses: [STARTED]}) {... on Runs {count}}}"""
TAGGED = """query {runsOrError(filter: {tags: [{key: "platform/lease", value: "auction_house"}]}, limit: 26)
  {... on Runs {results {runId status}}}}"""
ASSET = """query {assetOrError(assetKey: {path: ["bids", "silver"]}) {... on Asset {
  assetMaterializations(limit: 100) {runId timestamp partition metadataEntries {label}}
  definition {partitionStats {numPartitions numMaterialized} assetChecksOrError {... on AssetChecks {checks {name
    executionForLatestMaterialization {status}}}}}}}}"""
GRAPH = "query {assetNodes {assetKey {path} assetMaterializations(limit: 1) {runId timestamp}}}"
PAGES = {"runs": RUNS_PAGE, "runs by tag": TAGGED, "an asset": ASSET, "all assets": GRAPH}


def prove(report: Report) -> None:
    """One real run, copied 50,000 times into the past with what a purged history keeps of it; then ask."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warm5-")))
        instance = DrivenInstance(clone=ROOT, state_dir=folder, jars=ROOT / ".state" / "jars", base_port=5600)
        report.step("ap up --detach --no-producer, and one lease")
        stack.callback(instance.ap, "down")
        instance.up("--no-producer")
        events = LoneEvents(instance.kafka(), instance.setting("ledger_dsn"), folder / "tables")
        events.send_and_wait()
        events.close()
        run_id = wait(lambda: _succeeded(instance), "a run has succeeded")
        report.figure("before", _ask_all(report, instance.ports()["webserver"]))
        _copy(report, instance, run_id)
        found = _ask_all(report, instance.ports()["webserver"])
        report.figure("slowest_seconds", found)
        for page, seconds in found.items():
            report.claim(f"{page}: under {MOST_SECONDS:.0f} s", seconds < MOST_SECONDS)


def _succeeded(instance: DrivenInstance) -> str | None:
    with instance.dagster() as dagster:
        row = dagster.execute("select run_id from runs where status = 'SUCCESS' order by id limit 1").fetchone()
    return row[0] if row else None


def _copy(report: Report, instance: DrivenInstance, run_id: str) -> None:
    report.step(f"copy it {RUNS:,} times")
    with instance.dagster() as dagster:
        history = copy_run(dagster, run_id, RUNS)
    report.figure("history", asdict(history))
    report.claim(f"there are {RUNS:,} runs", history.runs > RUNS)
    report.claim("with materialisations and checks of each", min(history.events, history.checks) > RUNS)


def _ask_all(report: Report, port: int) -> dict[str, float]:
    """The slowest answer to each page's queries; an answer without data would be quick, and is an error."""
    found = {}
    for page, query in PAGES.items():
        seconds = []
        for _ in range(ASKED):
            began = time.monotonic()
            data = webserver.ask(port, query, {})
            seconds.append(time.monotonic() - began)
            if not _holds_something(data):
                raise LookupError(f"{page}: the webserver answers nothing: {json.dumps(data)[:300]}")
        found[page] = round(max(seconds), 3)
        report.step(f"{page}: {found[page]:.2f} s at most, {median(seconds):.2f} s in the middle")
    return found


def _holds_something(data: Any) -> bool:
    text = json.dumps(data)
    return "runId" in text and "PythonError" not in text
