"""What a visitor sees: pictures of lineage, an asset, its partitions and checks, and a run, taken by a real browser.

The pictures go to docs/images/, where the README shows them.
"""

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics_platform_tests.proofs.browser import Browser, NotShownError, Picture, browsing, pause
from analytics_platform_tests.proofs.instances import DrivenInstance
from analytics_platform_tests.proofs.report import ROOT, Report

IMAGES = ROOT / "docs" / "images"
SIZE = (1600, 1000)
BASE_PORT = 4400
RUNS, RUNS_SECONDS = 2, 300.0
SHOWN_SECONDS = 90.0  # most of which a run may be starting, while its checks are shown as in progress
LEAST_COLOURS = 200  # a blank page, or one with an error on it, has a few dozen
GROUPS = ("auctions", "bids", "persons", "auction_house")
LAYERS, MODELS = ("bronze", "silver", "exceptions"), ("highest_bid", "channel_revenue")
CHECKS = ("reconciled", "unique_id", "freshness")
ALARMS = ("Failed to load", "Unexpected", "Traceback", "GraphQL error", "Daemon", "not running")
PRESS = "document.querySelectorAll(`[aria-label=${arguments[0]}]`).forEach(icon => icon.closest('button')?.click())"
GRAPH_FITS_OR_ZOOM_OUT = """
const graph = document.querySelector('svg[class*=AssetGraphExplorer]').getBoundingClientRect();
if (graph.top > 100 && graph.bottom < innerHeight) return true;  // below the header
document.querySelector('[aria-label=zoom_out]').closest('button').click();
"""
ALL_LOADED = "return document.fonts.status == 'loaded' && !document.body.innerText.includes('Loading…')"
RUNS_QUERY = "{runsOrError(limit: 50) {... on Runs {results {runId pipelineName status tags {key value}}}}}"
LAUNCH = """mutation($params: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
EVENTS = """query($run: ID!) {runOrError(runId: $run) {... on Run {eventConnection {events {
  __typename ... on MessageEvent {message} ... on MaterializationEvent {partition assetKey {path}}
  ... on AssetCheckEvaluationEvent {evaluation {checkName success partition}}}}}}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A page, the words it must show before it is taken, and what else is to be done to it first."""

    name: str
    path: str
    words: tuple[str, ...]
    prepare: Callable[[Browser], object] = lambda _: None


def prove(report: Report) -> None:
    """Run an instance until leases have ended well, look at it, and materialise an hour by hand."""
    with tempfile.TemporaryDirectory(prefix="live-4-") as folder:
        jars = ROOT / ".state" / "jars"
        instance = DrivenInstance(clone=ROOT, state_dir=Path(folder), jars=jars, base_port=BASE_PORT)
        try:
            report.step("ap up --detach, and a browser")
            with browsing() as browser:
                browser.resize(SIZE)
                instance.up()
                _look(report, browser, instance.ports()["webserver"])
        finally:
            report.step("ap down")
            instance.ap("down")


def _look(report: Report, browser: Browser, port: int) -> None:
    report.step(f"waiting until {RUNS} runs have ended well")
    run = _await_runs(port)
    hour = _tags(run)["dagster/partition"]
    pictures = {shot.name: _take(report, browser, port, shot) for shot in shots(run["runId"], hour)}
    report.figure("pictures", {name: f"{p.width}x{p.height}, {p.colours} colours" for name, p in pictures.items()})
    sizes = {(picture.width, picture.height) for picture in pictures.values()}
    report.claim(f"each picture is {SIZE[0]}x{SIZE[1]}", holds=sizes == {SIZE})
    report.claim("no picture is blank", holds=all(p.colours >= LEAST_COLOURS for p in pictures.values()))
    report.claim("the browser's console holds no error", holds=not browser.complaints())
    _materialise_by_hand(report, port, hour)


def shots(run: str, hour: str) -> list[Shot]:
    """The pictures: of the run given and its hour; another hour may have begun since."""
    month = hour[:8]
    silver = "/assets/bids/silver?view="
    return [
        Shot(
            name="lineage",
            path=lineage_path("bids", "auction_house"),
            words=(*GROUPS, *LAYERS, *MODELS, "3 / 3 Passed", "Observed", "100% filled"),
            prepare=_hide_panels,
        ),
        Shot(name="lineage_all", path=lineage_path(*GROUPS), words=(*GROUPS, *LAYERS, *MODELS), prepare=_fit_graph),
        Shot(
            name="asset",
            path=f"{silver}overview",
            words=("Latest materialization", month, "Row count", "price_is_positive", "What identifies the event"),
        ),
        Shot(
            name="partitions",
            path=f"{silver}partitions&partition={hour}",
            words=(hour, "Materialized (", "Missing (0)", "Failed (0)", "rows published"),
        ),
        Shot(
            name="checks",
            path=f"{silver}checks&checkDetail=reconciled",
            words=(*CHECKS, "Passed", month, "failing batches", "none"),
        ),
        Shot(name="run", path=f"/runs/{run}", words=("Success", "auction_house_lease", "RUN_SUCCESS", hour)),
    ]


def lineage_path(*expanded: str) -> str:
    """The lineage of everything, with those groups opened."""
    return "/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in expanded)


def _take(report: Report, browser: Browser, port: int, shot: Shot) -> Picture:
    report.step(f"docs/images/{shot.name}.png: {shot.path}")
    browser.open(f"http://127.0.0.1:{port}{shot.path}")
    shot.prepare(browser)
    try:
        text = browser.wait_for(*shot.words, seconds=SHOWN_SECONDS)
    except NotShownError as error:
        browser.save_picture(ROOT / "build" / "proofs" / f"live-4-{shot.name}.png")
        report.claim(f"{shot.name} shows {', '.join(shot.words)} ({error})", holds=False)
        text = browser.text()
    else:
        report.claim(f"{shot.name} shows {', '.join(shot.words)}", holds=True)
    report.claim(f"{shot.name} shows no alarm", holds=not any(alarm in text for alarm in ALARMS))
    browser.wait_until(ALL_LOADED)
    browser.settle()
    return browser.save_picture(IMAGES / f"{shot.name}.png")


def _hide_panels(browser: Browser) -> None:
    """Give the graph the whole width; the page must be opened with it, for it chooses its scale only then."""
    browser.wait_for("highest_bid", seconds=SHOWN_SECONDS)
    browser.run(PRESS, "panel_show_right")
    browser.run("location.reload()")  # the navigation stays hidden, the list beside the graph does not
    browser.wait_for("highest_bid", seconds=SHOWN_SECONDS)
    browser.run(PRESS, "panel_show_right")


def _fit_graph(browser: Browser) -> None:
    """Zoom out, step by step, until all of the graph can be seen."""
    _hide_panels(browser)
    browser.wait_until(GRAPH_FITS_OR_ZOOM_OUT)


def _materialise_by_hand(report: Report, port: int, hour: str) -> None:
    """What an on-call person does in the UI: Materialize, one hour of two assets; the same request, sent by us."""
    report.step("materialising one hour of bids/silver and highest_bid by hand")
    keys = [{"path": ["bids", "silver"]}, {"path": ["highest_bid"]}]
    params = {"assetSelection": keys, "partitionNames": [hour]}
    backfill = ask(port, LAUNCH, {"params": params})["launchPartitionBackfill"]["backfillId"]
    run = _await_run_of(port, backfill)
    events = ask(port, EVENTS, {"run": run["runId"]})["runOrError"]["eventConnection"]["events"]
    made = {
        ("/".join(e["assetKey"]["path"]), e["partition"]) for e in events if e["__typename"] == "MaterializationEvent"
    }
    checks = {
        e["evaluation"]["checkName"]: (e["evaluation"]["success"], e["evaluation"]["partition"])
        for e in events
        if e["__typename"] == "AssetCheckEvaluationEvent"
    }
    said = [e["message"] for e in events if e["__typename"] == "LogMessageEvent"]
    report.figure("a run by hand says", said[:1])
    report.claim("Materialize by hand ends in success", holds=run["status"] == "SUCCESS")
    report.claim(
        "it reports what was selected, and no more", holds=made == {("bids/silver", hour), ("highest_bid", hour)}
    )
    report.claim("it reports the checks of that hour", holds=checks == dict.fromkeys(CHECKS, (True, hour)))
    report.claim(
        "its tags say what it does, and why it is there",
        holds="backfill" in _tags(run).get("platform/what", "") and bool(_tags(run).get("platform/why")),
    )


def _tags(run: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["tags"]}


def _await_runs(port: int) -> dict[str, Any]:
    """The newest of the runs that have ended well, once there are enough of them."""
    deadline, runs = time.monotonic() + RUNS_SECONDS, []
    while time.monotonic() < deadline:
        runs = _runs(port)
        done = [run for run in runs if run["status"] == "SUCCESS"]
        if len(done) >= RUNS:
            return done[0]
        pause(1)
    raise NotShownError(f"fewer than {RUNS} runs ended well within {RUNS_SECONDS:.0f} s: {runs}")


def _await_run_of(port: int, backfill: str) -> Mapping[str, Any]:
    """The run of that backfill, once it has ended."""
    deadline = time.monotonic() + RUNS_SECONDS
    while time.monotonic() < deadline:
        for run in _runs(port):
            is_its = {"key": "dagster/backfill", "value": backfill} in run["tags"]
            if is_its and run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                return run
        pause(1)
    raise NotShownError(f"no run of backfill {backfill} ended within {RUNS_SECONDS:.0f} s")


def _runs(port: int) -> list[dict[str, Any]]:
    return ask(port, RUNS_QUERY, {})["runsOrError"]["results"]


def ask(port: int, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the webserver's GraphQL answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        body = json.dumps({"query": query, "variables": variables})
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())["data"]
    finally:
        connection.close()
