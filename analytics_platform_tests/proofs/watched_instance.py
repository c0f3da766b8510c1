"""What a proof does to an instance through Dagster's GraphQL, and what it measures of its tables with stock readers."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from analytics_platform_tests.proofs.instances import DrivenInstance, pause
from analytics_platform_tests.proofs.live_4 import ask

LAYERS = ("silver", "exceptions")
RUN_DEPENDENT = ("broker_at",)
SELECTOR = {
    "repositoryName": "__repository__",
    "repositoryLocationName": "analytics_platform",
    "sensorName": "planner",
}
SENSOR = "query($s: SensorSelector!) {sensorOrError(sensorSelector: $s) {__typename ... on Sensor {sensorState {id}}}}"
STOP = "mutation($id: String) {stopSensor(id: $id) {__typename}}"
START = "mutation($s: SensorSelector!) {startSensor(sensorSelector: $s) {__typename}}"
LAUNCH = """mutation($params: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
ASSETS = "{assetNodes {assetKey {path} isPartitioned}}"
RUNS = """query($id: String!) {runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
  ... on Runs {results {runId status jobName tags {key value}}}}}"""
EVENTS = """
query($run: ID!, $after: String) {runOrError(runId: $run) {... on Run {
  eventConnection(afterCursor: $after) {cursor hasMore events {
    __typename ... on MessageEvent {message} ... on MaterializationEvent {
      partition assetKey {path} metadataEntries {
        label ... on IntMetadataEntry {intValue} ... on TextMetadataEntry {text}}}}}}}}"""
BATCHES = "select number from batch where stream = %s and hour = any(%s)"
AGES = """
select extract(epoch from m.published_at)::float8, b.number from batch b join manifest m using (stream, number)
 where b.stream = %s and m.revision = 1 and m.published_at between %s and %s"""
FINISHED = ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A native backfill that has ended: its runs' statuses, what their materialisations told, and its time."""

    statuses: tuple[str, ...]
    jobs: tuple[str, ...]
    tags: tuple[Mapping[str, str], ...]
    told: Mapping[tuple[str, str], Mapping[str, Any]]
    said: tuple[str, ...]
    seconds: float


def set_planner(instance: DrivenInstance, *, on: bool) -> None:
    """Turn the planner's sensor on or off, as the UI does."""
    port = instance.ports()["webserver"]
    if on:
        ask(port, START, {"s": SELECTOR})
    else:
        found = ask(port, SENSOR, {"s": SELECTOR})["sensorOrError"]
        ask(port, STOP, {"id": found["sensorState"]["id"]})


def make_hours(instance: DrivenInstance, hours: int, seconds: float) -> list[datetime]:
    """Hours made by leases whose planner's clock is injected; the instance's own planner is off meanwhile."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AP_")}
    named = {"AP_STATE_DIR": str(instance.state_dir), "PYTHONPATH": str(instance.clone), **instance.settings}
    module = "analytics_platform_tests.proofs.injected_hours"
    done = subprocess.run(
        [sys.executable, "-m", module, f"--hours={hours}", f"--seconds={seconds}"],
        cwd=instance.clone,
        env={**environment, **named},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"no hours were made: {done.stderr[-2000:]}")
    return [datetime.fromisoformat(hour) for hour in json.loads(done.stdout.strip().splitlines()[-1])]


def backfill(instance: DrivenInstance, hours: Sequence[datetime], most_seconds: float) -> Backfill:
    """Launch a native backfill of every partitioned asset over those hours, and wait until its runs have ended."""
    port, began = instance.ports()["webserver"], time.monotonic()
    nodes = ask(port, ASSETS, {})["assetNodes"]
    keys = [{"path": node["assetKey"]["path"]} for node in nodes if node["isPartitioned"]]
    partitions = [hour.strftime("%Y-%m-%d-%H:%M") for hour in hours]
    params = {"assetSelection": keys, "partitionNames": partitions, "title": "proof"}
    launched = ask(port, LAUNCH, {"params": params})["launchPartitionBackfill"]
    runs = _await_runs(port, launched["backfillId"], began + most_seconds)
    events = [event for run in runs for event in _events(port, run["runId"])]
    return Backfill(
        statuses=tuple(run["status"] for run in runs),
        jobs=tuple(run["jobName"] for run in runs),
        tags=tuple({tag["key"]: tag["value"] for tag in run["tags"]} for run in runs),
        told={
            ("/".join(event["assetKey"]["path"]), event["partition"]): {
                entry["label"]: entry.get("intValue", entry.get("text")) for entry in event["metadataEntries"]
            }
            for event in events
            if event["__typename"] == "MaterializationEvent"
        },
        said=tuple(event["message"] for event in events if event["__typename"] == "LogMessageEvent"),
        seconds=round(time.monotonic() - began, 1),
    )


def _await_runs(port: int, backfill_id: str, deadline: float) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        runs = ask(port, RUNS, {"id": backfill_id})["runsOrError"]["results"]
        if runs and all(run["status"] in FINISHED for run in runs):
            return runs
        pause(1)
    raise TimeoutError(f"backfill {backfill_id} did not end in time: {runs}")


def _events(port: int, run_id: str) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = ask(port, EVENTS, {"run": run_id, "after": cursor})["runOrError"]["eventConnection"]
        found += page["events"]
        if not page["hasMore"]:
            return found
        cursor = page["cursor"]


def batches_of(instance: DrivenInstance, stream: str, hours: Sequence[datetime]) -> list[int]:
    """The numbers of the stream's batches of those hours."""
    with instance.ledger() as ledger:
        return sorted(row[0] for row in ledger.execute(BATCHES, [stream, list(hours)]).fetchall())


def content(instance: DrivenInstance, streams: Sequence[str], hours: Sequence[datetime]) -> dict[str, tuple[int, str]]:
    """By table, how many rows the hours' batches have in it, and one order-free hash of them."""
    found = {}
    for stream in streams:
        numbers = batches_of(instance, stream, hours)
        for layer in LAYERS:
            query = (
                "select count(*), sum(hash(t))::varchar from (select * exclude ({}) from rows where batch in ({})) t"
            )
            named = query.format(", ".join(RUN_DEPENDENT), ", ".join(map(str, numbers)))
            found[f"{stream}/{layer}"] = read(instance, f"{stream}/{layer}", named)[0]
    return found


def published_bids(instance: DrivenInstance) -> int:
    """Bids that are published, by the ledger's manifests."""
    with instance.ledger() as ledger:
        row = ledger.execute(
            "select coalesce(sum((body -> 'outcomes' ->> 'published')::bigint), 0) from manifest where stream = 'bids'"
        ).fetchone()
    return int(row[0]) if row else 0


def read(instance: DrivenInstance, table: str, query: str) -> list[tuple]:
    """What DuckDB answers; `rows` are those of the table's newest version."""
    files = DeltaTable(str(table_root(instance, table))).file_uris()
    with duckdb.connect() as query_only:
        query_only.execute("set timezone = 'UTC'")
        query_only.execute(f"create view rows as select * from read_parquet({files!r}, union_by_name = true)")
        return query_only.execute(query).fetchall()


def table_root(instance: DrivenInstance, table: str) -> Path:
    """Where a table is."""
    return Path(instance.setting("table_dir")) / table


def freshness_p95(instance: DrivenInstance, stream: str, since: datetime, until: datetime) -> tuple[float, int]:
    """The 95th percentile of the seconds from a row's arrival on the broker until it was published, and the rows."""
    with instance.ledger() as ledger:
        published = ledger.execute(AGES, [stream, since, until]).fetchall()
    if not published:
        return float("nan"), 0
    values = ", ".join(f"({at}, {number})" for at, number in published)
    query = f"""
        select quantile_cont(p.moment - epoch(broker_at), 0.95), count(*)
        from rows join (values {values}) p (moment, batch) using (batch)"""
    p95, rows = read(instance, f"{stream}/bronze", query)[0]
    return round(p95, 2), rows


def await_true(holds: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until it holds; the seconds that took. TimeoutError names what did not come."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}")
        pause(0.5)
    return round(time.monotonic() - began, 1)
