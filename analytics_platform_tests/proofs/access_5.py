"""Every run's tags and every fact name who asked for it; a run or fact without a name turns this red."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

import psycopg

from analytics_platform_tests.proofs.cloned_instance import cloned_instance
from analytics_platform_tests.proofs.instances import DrivenInstance, pause
from analytics_platform_tests.proofs.names import ASKED, nameless
from analytics_platform_tests.proofs.report import Report
from analytics_platform_tests.proofs.watched_instance import await_true, published_bids

BASE_PORT = 5400
RATE = "200"
WAIT_SECONDS = 300.0
HEADER = "X-Forwarded-Email"
BACKFILL = """mutation($params: LaunchBackfillParams!) {launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
LAUNCH = """mutation($params: ExecutionParams!) {launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
PLANTED_RUN = """
    insert into runs (run_id, status, run_body, create_timestamp, update_timestamp, snapshot_id)
    select 'planted', status, run_body, create_timestamp, update_timestamp, snapshot_id from runs limit 1"""
PLANTED_FACT = """
    insert into governance_fact (subject, version, step, digest, who, at)
    values ('planted', 1, 'proposed', 'x', ' ', now())"""
PLANTED_ORDER = """
    insert into rework (id, pipeline, kind, requested_by, reason, assets, requested_at)
    values ('planted', 'auction_house', 'rerun', '', 'x', '{}', now())"""
PLANTED_TABLE = """
    create table planted (x int); create trigger planted_is_a_fact before update on planted
    for each row execute function refuse_change()"""


def prove(report: Report) -> None:
    """A fresh clone, its UI behind a header, and people who ask for things in every way that there is."""
    with cloned_instance(report, BASE_PORT) as instance:
        report.step(f"ap up, {RATE} events a second, the UI told to believe {HEADER}")
        behind = DrivenInstance(
            clone=instance.clone,
            state_dir=instance.state_dir,
            jars=instance.jars,
            base_port=BASE_PORT,
            settings={"AP_UI_USER_HEADER": HEADER},
        )
        behind.up("--rate", RATE)
        await_true(lambda: published_bids(instance) > 0, WAIT_SECONDS, "the first bids")
        _ask(report, instance)
        _claim(report, instance)


def _ask(report: Report, instance: DrivenInstance) -> None:
    report.step("at the UI: a backfill by ana, a decision by ben with a forged tag, a run by nobody who signed in")
    port, hour = instance.ports()["webserver"], _hour(instance)
    keys = [{"path": ["bids", "silver"]}]
    backfill = _graphql(
        port, BACKFILL, {"params": {"assetSelection": keys, "partitionNames": [hour]}}, "ana@example.com"
    )
    report.claim("ana's backfill is taken", holds="backfillId" in backfill["launchPartitionBackfill"])
    forged = [{"key": ASKED, "value": "the planner, honestly"}]
    for user in ("ben@example.com", None):
        found = _graphql(port, LAUNCH, {"params": _maintenance(forged)}, user)
        report.claim(f"a run by {user} is taken", holds=found["launchRun"]["__typename"] == "LaunchRunSuccess")
    report.step(
        "at ap: by the owner, by people with tokens, by one whose role is not enough, with a token that is none"
    )
    token = json.loads(instance.ap("token", "issue", "cem", "--role", "engineer", "--json").stdout)["token"]
    cem = DrivenInstance(
        clone=instance.clone,
        state_dir=instance.state_dir,
        jars=instance.jars,
        base_port=BASE_PORT,
        settings={"AP_TOKEN": token},
    )
    until = ("--reason", "a proof", "--until", "10s")
    report.claim("the owner pauses a stream", holds=instance.ap("stream", "pause", "persons", *until).returncode == 0)
    done = cem.ap("backfill", "bids", "--from", hour[:10] + "T" + hour[11:13] + ":00", "--to", _next(hour), "--no-wait")
    report.claim(f"cem orders a backfill {done.stderr[-200:]}", holds=done.returncode == 0)
    refused = cem.ap("batch", "discard", "bids/1", "--reason", "because", "--no-wait")
    report.claim("cem decides about no batch", holds=refused.returncode == 1 and "cem" in refused.stderr)
    report.claim("cem reads no raw record", holds=cem.ap("sql", "from bids.bronze limit 1").returncode == 1)
    report.claim("a stranger deletes nothing", holds=_delete(instance, None) == http.HTTPStatus.UNAUTHORIZED)
    report.claim("cem deletes nothing", holds=_delete(instance, token) == http.HTTPStatus.FORBIDDEN)
    report.claim("a token is revoked", holds=instance.ap("token", "revoke", token.split("_")[1]).returncode == 0)
    report.claim("and is none any more", holds=cem.ap("stream", "resume", "persons").returncode == 1)


def _claim(report: Report, instance: DrivenInstance) -> None:
    report.step("until the runs that were asked for are there")
    wanted = {"ana@example.com", "ben@example.com", "nobody known", "planner"}
    try:
        await_true(lambda: wanted <= _askers(instance).keys(), WAIT_SECONDS, f"runs by {', '.join(sorted(wanted))}")
        pause(5)
    finally:
        askers = _askers(instance)
        report.figure("runs by who asked for them", askers)
    report.claim("no forged name is believed", holds="the planner, honestly" not in askers)
    with instance.ledger() as ledger, instance.dagster() as dagster:
        facts = ledger.execute(
            "select who, known_by, action, problem <> '' from access_fact order by number"
        ).fetchall()
        report.figure(
            "facts of access", [f"{who} ({known}): {what}{' REFUSED' * no}" for who, known, what, no in facts]
        )
        orders = {by for (by,) in ledger.execute("select requested_by from rework").fetchall()}
        report.figure("orders by", sorted(orders))
        report.claim("ana's and cem's orders name them", holds={"ana", "cem"} <= {by.split("@")[0] for by in orders})
        refusals = [what for who, _, what, no in facts if no]
        report.claim("all five refusals are facts", holds=len(refusals) == 5)
        found = nameless(ledger, dagster)
        report.claim(f"nothing is without a name {found[:5] or ''}", holds=not found)
        _planted(report, ledger, dagster)


def _planted(report: Report, ledger: psycopg.Connection, dagster: psycopg.Connection) -> None:
    report.step("planted: a run, a fact and an order without a name, a table of facts that nobody thought of")
    for connection, statement, expected in (
        (dagster, PLANTED_RUN, "run planted"),
        (ledger, PLANTED_FACT, "governance_fact"),
        (ledger, PLANTED_ORDER, "rework"),
        (ledger, PLANTED_TABLE, "table planted"),
    ):
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
            found = nameless(ledger, dagster)
            report.claim(f"{expected} is found", holds=any(line.startswith(expected) for line in found))


def _askers(instance: DrivenInstance) -> dict[str, int]:
    with instance.dagster() as dagster:
        return dict(
            dagster.execute("select value, count(*) from run_tags where key = %s group by 1", [ASKED]).fetchall()
        )


def _hour(instance: DrivenInstance) -> str:
    """The partition that the planner's newest run is of."""
    with instance.dagster() as dagster:
        row = dagster.execute(
            "select value from run_tags where key = 'dagster/partition' order by id desc limit 1"
        ).fetchone()
    assert row is not None, "bids were published, so there was a run"
    return row[0]


def _next(hour: str) -> str:
    """The end of that hour, as `ap` takes it; 24:00 is the next day's first."""
    return f"{hour[:10]}T{hour[11:13]}:59"


def _maintenance(tags: list[dict[str, str]]) -> dict[str, Any]:
    selector = {
        "repositoryLocationName": "analytics_platform",
        "repositoryName": "__repository__",
        "pipelineName": "maintenance",
    }
    return {"selector": selector, "mode": "default", "runConfigData": "{}", "executionMetadata": {"tags": tags}}


def _graphql(port: int, query: str, variables: Mapping[str, Any], user: str | None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": "application/json", **({HEADER: user} if user else {})}
        connection.request("POST", "/graphql", json.dumps({"query": query, "variables": variables}), headers)
        return json.loads(connection.getresponse().read())["data"]
    finally:
        connection.close()


def _delete(instance: DrivenInstance, token: str | None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", instance.ports()["service"], timeout=30)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("DELETE", "/subjects/bids-value/versions/1", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()
