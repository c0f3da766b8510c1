"""The purge: what runs said of their steps goes, what assets and checks were stays."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest
from dagster._core.test_utils import instance_for_test

from analytics_platform.definitions.maintenance import purge_events

SILVER = dg.AssetKey(["orders", "silver"])
STORAGE = "postgresql+psycopg2"


@dg.asset(key=SILVER, check_specs=[dg.AssetCheckSpec("reconciled", asset=SILVER)])
def silver(context: dg.AssetExecutionContext):
    """An asset with a check."""
    context.log.info("said in passing")
    yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="reconciled")])


@pytest.fixture
def instance(ledger_dsn):
    url = ledger_dsn.replace("postgresql://", f"{STORAGE}://", 1)
    with instance_for_test(overrides={"storage": {"postgres": {"postgres_url": url}}}) as found:
        yield found


def kinds(connection):
    return {row[0] for row in connection.execute("select distinct dagster_event_type from event_logs")}


def test_what_ended_runs_said_of_their_steps_goes_and_what_assets_were_stays(instance, ledger_dsn):
    done = dg.materialize([silver], instance=instance)
    unfinished = instance.create_run_for_job(dg.Definitions([silver]).resolve_implicit_global_asset_job_def())
    instance.report_engine_event("not yet over", unfinished)
    with psycopg.connect(ledger_dsn, autocommit=True) as connection:
        assert {"STEP_START", "ENGINE_EVENT", None} <= kinds(connection)
        assert purge_events(connection, datetime.now(UTC) - timedelta(days=1)) == 0
        assert purge_events(connection, datetime.now(UTC) + timedelta(days=1)) > 10
        left = connection.execute("select dagster_event_type from event_logs where run_id = %s", [done.run_id])
        assert {row[0] for row in left} == {
            "ASSET_MATERIALIZATION",
            "ASSET_CHECK_EVALUATION",
            "PIPELINE_START",
            "PIPELINE_SUCCESS",
        }
    (materialised,) = instance.fetch_materializations(SILVER, limit=10).records
    assert materialised.run_id == done.run_id
    key = dg.AssetCheckKey(SILVER, "reconciled")
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    assert [check.status.value for check in history if check.run_id == done.run_id] == ["SUCCEEDED"]
    messages = [
        entry.dagster_event.message or "" for entry in instance.all_logs(unfinished.run_id) if entry.dagster_event
    ]
    assert any("not yet over" in message for message in messages)
